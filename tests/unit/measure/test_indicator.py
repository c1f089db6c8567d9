"""Where a mesh lacks resolution: nothing in uniform fields, singular ends first, and kinks of j_h."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gbflux.measure.estimated_errors import facet_defects, indicator, lost_energy, planes
from small_cases import FLAT, LAYERS, TINY, solved

NOTHING = {"grain_boundary.conductivity_S_per_cm": 5.0e-4}


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_uniform_current_needs_no_finer_mesh(dimension: int) -> None:
    shot = solved(TINY if dimension == 2 else {}, NOTHING, {"output": {"figures": False}}).snapshot
    assert np.abs(indicator(shot.mesh, shot.fields)).max() < 1e-8


@pytest.mark.parametrize("overrides", [FLAT, {**FLAT, **LAYERS}])
def test_most_of_it_lies_near_the_planes(overrides: dict) -> None:
    shot = solved(overrides, {"mesh.boundary_end_um": 0}).snapshot  # cells not small there already
    mesh = shot.mesh
    found = indicator(mesh, shot.fields)
    assert found.min() >= 0
    z = mesh.points[mesh.cells, -1].mean(axis=1)
    ends = np.concatenate([mesh.z_electrodes, mesh.z_electrolyte])
    near = np.abs(z[:, None] - ends).min(axis=1) < 2.0
    assert found[near].sum() / near.sum() > 3 * found[~near].sum() / (~near).sum()


def test_facets_of_a_linear_current_density_lack_nothing() -> None:
    shot = solved(TINY).snapshot
    facets, nodes = planes(shot.mesh, shot.fields)[0]
    linear = replace(nodes, current=nodes.area * (1.0 + 0.1 * nodes.lateral[:, 0]))
    assert np.abs(facet_defects(facets, linear)).max() < 1e-12


def test_a_parabola_is_missed_by_what_interpolation_misses() -> None:
    """Interpolating x² on facets of length h misses h²/6 in the mean of each, away from the sides."""
    shot = solved(TINY).snapshot
    facets, nodes = planes(shot.mesh, shot.fields)[0]
    x = nodes.lateral[:, 0]
    curved = replace(nodes, current=nodes.area * (1.0 + 0.01 * x**2))
    mean = curved.current.sum() / curved.area.sum()
    share = facet_defects(facets, curved) * facets.area.sum() / facets.area
    h = np.abs(facets.points[:, 1, 0] - facets.points[:, 0, 0])
    inner = np.flatnonzero(~facets.is_layer & (h > 1.2))
    assert np.median(share[inner] * mean / (0.01 * h[inner] ** 2 / 6)) == pytest.approx(1.0, rel=0.35)


def test_energy_that_is_lost_falls_with_the_mesh() -> None:
    lost = []
    for h in (2.0, 1.0):
        shot = solved(TINY, {"mesh.size_um": h, "mesh.electrode_size_um": h}).snapshot
        lost.append(lost_energy(shot.mesh, shot.fields).sum())
    assert lost[1] < 0.75 * lost[0]
