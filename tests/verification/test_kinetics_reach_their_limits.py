"""Butler–Volmer's law between its limits, on a polycrystal: linear, Tafel, ideal and blocking electrodes."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from conduction_cases import electrode_currents, solved

from gbflux.conduction import ButlerVolmer, Electrode, Resistance, bottom_electrode, top_electrode
from gbflux.conduction.materials import conductivities
from gbflux.measure.hot_spots import mean_density
from gbflux.measure.planes import electrode_plane
from gbflux.mesh import build_mesh, recipe
from meshes_by_hand import area_m2
from small_cases import FLAT, case

RT_OVER_F = 8.31446261815324 * 298.15 / 96485.33212331001


@functools.cache
def polycrystal():
    found = case(FLAT)
    mesh = build_mesh(recipe(found)).mesh
    return mesh, conductivities(mesh, found)


def law(i0: float, anodic: float = 0.5, cathodic: float = 0.5) -> ButlerVolmer:
    return ButlerVolmer(i0, anodic, cathodic, 298.15)


def between(law: object, bottom: float, top: float) -> tuple[Electrode, Electrode]:
    """Two electrodes of one law at these potentials."""
    return bottom_electrode(bottom, law), top_electrode(top, law)


def hottest(mesh, solution) -> float:
    """Largest current density normal to the top electrode over its mean."""
    facets, nodes = electrode_plane(mesh, solution.fields, "top")
    return nodes.density.max() / mean_density(facets, nodes)


@pytest.mark.parametrize("coefficients", [(0.5, 0.5), (0.3, 0.9)])
def test_small_voltages_see_a_resistance(coefficients: tuple[float, float]) -> None:
    """R_ct = RT/((α_a + α_c) F i₀). What is left of the law is of relative order Fη/RT, or of its square."""
    mesh, sigma = polycrystal()
    resistance = RT_OVER_F / (sum(coefficients) * 10.0)
    differences = []
    for voltage in (1e-4, 1e-5):
        kinetic = solved(mesh, sigma, *between(law(10.0, *coefficients), 0.0, voltage))
        linear = solved(mesh, sigma, *between(Resistance(resistance), 0.0, voltage))
        differences.append(np.abs(kinetic.fields.j - linear.fields.j).max() / np.abs(linear.fields.j).max())
    order = 2 if coefficients == (0.5, 0.5) else 1
    assert differences[0] <= (1e-4 / RT_OVER_F) ** order
    assert differences[1] <= max(2e-9, 1.5 * differences[0] / 10**order)


@pytest.mark.parametrize(("anodic", "cathodic"), [(0.5, 0.5), (0.3, 0.7)])
def test_large_overpotentials_follow_tafel(anodic: float, cathodic: float) -> None:
    """Ten times the current takes RT/F ln 10 (1/α_a + 1/α_c) more, the cell's share taken off."""
    mesh, sigma = polycrystal()
    ends = (bottom_electrode(0.0, law(1e-6, anodic, cathodic)), law(1e-6, anodic, cathodic))
    voltages = [
        solved(mesh, sigma, ends[0], top_electrode(None, ends[1], current_density=j)).potentials[1]
        for j in (0.1, 1.0)
    ]
    linear = solved(mesh, sigma, bottom_electrode(0.0), top_electrode(None, current_density=0.9)).potentials[
        1
    ]
    expected = RT_OVER_F * np.log(10.0) * (1 / anodic + 1 / cathodic)
    # kinetics this slow make the current uniform at the electrodes, and the cell resist a little more
    assert voltages[1] - voltages[0] == pytest.approx(expected, abs=1.2 * linear)
    assert voltages[1] - voltages[0] > expected + linear


def test_fast_kinetics_are_an_ideal_electrode() -> None:
    """The difference falls as 1/i₀, to the solver's tolerance."""
    mesh, sigma = polycrystal()
    ideal = electrode_currents(mesh, solved(mesh, sigma))[1]
    differences = []
    for i0 in (1e7, 1e8, 1e13):
        found = solved(mesh, sigma, *between(law(i0), 0.0, 0.1))
        differences.append(1.0 - electrode_currents(mesh, found)[1] / ideal)
    assert 1e-7 < differences[0] < 1e-3
    assert differences[0] / differences[1] == pytest.approx(10.0, rel=0.1)
    assert abs(differences[2]) < 1e-8


def test_slow_kinetics_make_the_current_uniform() -> None:
    """Blocking electrodes: |J| as the area, and the current that both laws take at half the voltage."""
    mesh, sigma = polycrystal()
    found = solved(mesh, sigma, *between(law(1e-5), 0.0, 0.1))
    exact = 2e-5 * np.sinh(0.05 / (2 * RT_OVER_F))
    assert electrode_currents(mesh, found)[1] / area_m2(mesh) == pytest.approx(exact, rel=1e-5)
    through = np.array([-found.fields.j[:, -1].min(), -found.fields.j[:, -1].max()])
    assert through[0] / exact > 1.05  # inside the cell the current still meanders
    z = mesh.points[:, -1]
    for side, sign in ((0, -1.0), (1, 1.0)):
        drop = sign * (found.potentials[side] - found.fields.phi[z == mesh.z_electrodes[side]])
        assert 2e-5 * np.sinh(drop / (2 * RT_OVER_F)) == pytest.approx(exact, rel=1e-4)


def test_hot_spots_fade_as_kinetics_slow_down() -> None:
    mesh, sigma = polycrystal()
    ratios = []
    for i0 in (1e9, 1e4, 1e3, 1e2, 1.0):
        found = solved(mesh, sigma, *between(law(i0), 0.0, 0.1))
        ratios.append(hottest(mesh, found))
    assert all(slower < faster for faster, slower in itertools.pairwise(ratios))
    assert ratios[0] > 1.5
    assert ratios[-1] < 1.05
