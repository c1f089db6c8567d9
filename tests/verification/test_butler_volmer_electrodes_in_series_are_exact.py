"""A stack of flat layers between electrodes with kinetics: the current is the root of one scalar equation.

The equation is written down here on its own, with exponentials, and solved by SciPy: of the overpotential of
the top electrode follows the current, of that what the layers and the bottom electrode take.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from conduction_cases import electrode_currents, sigma_by_kind, solved
from scipy.optimize import brentq

from gbflux.conduction import ButlerVolmer, Electrode, Resistance, bottom_electrode, top_electrode
from meshes_by_hand import FULL_STACK, area_m2, resistance, stack

EXACT = 1.0e-9
BOTTOM = ButlerVolmer(10.0, 0.3, 0.7, 298.15)
TOP = ButlerVolmer(200.0, 0.5, 0.5, 298.15)
RT_OVER_F = 8.31446261815324 * 298.15 / 96485.33212331001


def butler_volmer(law: ButlerVolmer, eta: float) -> float:
    """Current density into the cell (A/m²)."""
    x = eta / RT_OVER_F
    return law.exchange_current_density * (math.exp(law.anodic * x) - math.exp(-law.cathodic * x))


def exact_current(voltage: float, cell: float, bottom: Electrode, top: Electrode) -> float:
    """Current density from top to bottom (A/m²), films and an ideal contact of the bottom included."""

    def excess(eta: float) -> float:
        """Voltage too much, from the overpotential of the top electrode."""
        j = butler_volmer(top.law, eta)
        drops = eta + j * (top.law.asr + cell + bottom.law.asr)
        if not bottom.law.linear:
            below = brentq(lambda e: butler_volmer(bottom.law, e) + j, -5, 5, xtol=1e-16, rtol=1e-15)
            drops -= below
        return drops - voltage

    return butler_volmer(top.law, brentq(excess, -0.6, 0.6, xtol=1e-17, rtol=1e-15))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("voltage", [1e-3, 0.1, -0.1, 10.0])
def test_current(dimension: int, order: int, voltage: float) -> None:
    mesh = stack(FULL_STACK, dimension)
    sigma = sigma_by_kind(mesh)
    bottom, top = bottom_electrode(-0.02, BOTTOM), top_electrode(voltage - 0.02, replace(TOP, asr=1e-3))
    solution = solved(mesh, sigma, bottom, top, order=order)
    exact = exact_current(voltage, resistance(mesh, sigma), bottom, top)
    entering = np.array(electrode_currents(mesh, solution)) / area_m2(mesh)
    assert entering == pytest.approx([-exact, exact], rel=EXACT)
    assert solution.fields.j[:, -1] == pytest.approx(-exact, rel=1e-7)
    assert solution.potentials == pytest.approx((-0.02, voltage - 0.02), abs=1e-15)
    assert 2 <= solution.newton_iterations <= 6


@pytest.mark.parametrize("asr", [0.0, 2e-3])
def test_one_electrode_with_kinetics_and_one_without(asr: float) -> None:
    mesh = stack(FULL_STACK)
    sigma = sigma_by_kind(mesh)
    bottom, top = bottom_electrode(0.0, Resistance(asr)), top_electrode(0.1, TOP)
    solution = solved(mesh, sigma, bottom, top)
    exact = exact_current(0.1, resistance(mesh, sigma), bottom, top)
    entering = np.array(electrode_currents(mesh, solution)) / area_m2(mesh)
    assert entering == pytest.approx([-exact, exact], rel=EXACT)
    upside_down = solved(mesh, sigma, bottom_electrode(0.1, TOP), top_electrode(0.0, Resistance(asr)))
    entering = np.array(electrode_currents(mesh, upside_down)) / area_m2(mesh)
    assert entering == pytest.approx([exact, -exact], rel=EXACT)


@pytest.mark.parametrize("voltage", [0.05, -0.05])
def test_potential_beside_the_electrodes(voltage: float) -> None:
    """φ jumps by the overpotential: V − φ = η(j), at both ends."""
    mesh = stack(FULL_STACK, 2)
    sigma = sigma_by_kind(mesh)
    solution = solved(mesh, sigma, bottom_electrode(0.0, BOTTOM), top_electrode(voltage, TOP))
    z, phi = mesh.points[:, -1], solution.fields.phi
    j = electrode_currents(mesh, solution)[1] / area_m2(mesh)
    for plane, metal, law, into in zip(
        mesh.z_electrodes, (0.0, voltage), (BOTTOM, TOP), (-j, j), strict=True
    ):
        eta = metal - phi[z == plane]
        assert [butler_volmer(law, e) for e in eta] == pytest.approx([into] * len(eta), rel=1e-8)
