"""Flat layers in series: I = ΔV·A / (Σ t/σ + ASR of the electrodes), with potential and j to match."""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import electrode_currents, sigma_by_kind, solved

from gbflux.conduction import Resistance, bottom_electrode, top_electrode
from meshes_by_hand import BARE_STACK, FULL_STACK, area_m2, resistance, stack

EXACT = 1.0e-10
RESISTANCES = [(0.0, 0.0), (2.0e-3, 0.0), (0.0, 5.0e-4), (2.0e-4, 1.0e-3), (0.1, 0.1), (10.0, 3.0)]


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("layers", [BARE_STACK, FULL_STACK], ids=["bare", "hl"])
@pytest.mark.parametrize("asr", RESISTANCES, ids=str)
def test_current(dimension: int, layers: tuple, asr: tuple[float, float]) -> None:
    mesh = stack(layers, dimension)
    sigma = sigma_by_kind(mesh)
    solution = solved(
        mesh,
        sigma,
        bottom_electrode(3.0, Resistance(asr[0])),
        top_electrode(3.1, Resistance(asr[1])),
        rtol=1e-12,
    )
    total = resistance(mesh, sigma) + sum(asr)
    exact = 0.1 * area_m2(mesh) / total
    entering_bottom, entering_top = electrode_currents(mesh, solution)
    assert entering_top == pytest.approx(exact, rel=EXACT)
    assert entering_bottom == pytest.approx(-exact, rel=EXACT)
    # j = −σ∇φ points down from the higher potential, the same in every cell
    expected = np.zeros((len(mesh.cells), dimension))
    expected[:, -1] = -0.1 / total
    assert np.abs(solution.fields.j - expected).max() <= 1e-8 * 0.1 / total
    # the metal's potential less the drop over its charge transfer
    ends = [solution.fields.phi[mesh.points[:, -1] == z] for z in mesh.z_electrodes]
    assert ends[0] == pytest.approx(3.0 + 0.1 / total * asr[0], abs=1e-11)
    assert ends[1] == pytest.approx(3.1 - 0.1 / total * asr[1], abs=1e-11)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("asr", [(0.0, 0.0), (2.0e-4, 1.0e-3)], ids=str)
@pytest.mark.parametrize("dimension", [2, 3])
def test_order_two_has_the_same_field(dimension: int, asr: tuple[float, float], order: int) -> None:
    mesh = stack(FULL_STACK, dimension, across=2)
    sigma = sigma_by_kind(mesh)
    solution = solved(
        mesh,
        sigma,
        bottom_electrode(0.1, Resistance(asr[0])),
        top_electrode(0.0, Resistance(asr[1])),
        rtol=1e-12,
        order=order,
    )
    exact = 0.1 * area_m2(mesh) / (resistance(mesh, sigma) + sum(asr))
    assert electrode_currents(mesh, solution) == pytest.approx((exact, -exact), rel=EXACT)


@pytest.mark.parametrize("preconditioner", ["gamg", "lu"])
def test_other_preconditioners_agree(preconditioner: str) -> None:
    mesh = stack(FULL_STACK)
    sigma = sigma_by_kind(mesh)
    solution = solved(mesh, sigma, rtol=1e-12, preconditioner=preconditioner)
    exact = 0.1 * area_m2(mesh) / resistance(mesh, sigma)
    assert electrode_currents(mesh, solution) == pytest.approx((-exact, exact), rel=EXACT)


def test_electrolyte_reactions_lie_on_its_planes() -> None:
    mesh = stack(FULL_STACK)
    solution = solved(mesh, sigma_by_kind(mesh), rtol=1e-12)
    z, current = mesh.points[:, -1], electrode_currents(mesh, solution)[1]
    entering = solution.fields.residual_electrolyte
    bottom, top = (z == plane for plane in mesh.z_electrolyte)
    assert entering[top].sum() == pytest.approx(current, rel=1e-9)
    assert entering[bottom].sum() == pytest.approx(-current, rel=1e-9)
    assert np.abs(entering[~(bottom | top)]).max() <= 1e-9 * current


def test_without_slabs_both_residuals_are_one() -> None:
    mesh = stack(BARE_STACK, 2)
    fields = solved(mesh, sigma_by_kind(mesh)).fields
    assert np.array_equal(fields.residual, fields.residual_electrolyte)
