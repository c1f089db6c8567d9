"""Refining for hot spots ends where the measures are as close to those of a much finer mesh as was asked for.

2D, bare ideal electrodes, Bi = 1. The reference has cells of 0.2 µm that shrink to 10 nm at the ends of
boundaries, and comes from no indicator.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI
from scipy.spatial import cKDTree

from gbflux.measure import Measurement
from gbflux.mesh import CellKind, build_mesh, recipe
from gbflux.mesh.refine import closed
from gbflux.simulation.progress import Progress
from gbflux.simulation.run import Outcome, run_case, solve_once
from gbflux.simulation.shared_mesh import SharedMesh
from gbflux.simulation.targets import MEASURES, WINDOWS
from small_cases import FLAT, NO_FIGURES, case

CASE = {**FLAT, **NO_FIGURES, "mesh.size_um": 2.0, "mesh.electrode_size_um": 2.0}
ASKED = 0.05


@pytest.fixture(scope="module")
def truth() -> Measurement:
    one = case(CASE, {"mesh.size_um": 1.0, "mesh.electrode_size_um": 1.0})
    mesh = build_mesh(recipe(one)).mesh
    layers = np.unique(mesh.cells[mesh.kind == CellKind.GB])
    ends = layers[np.isin(mesh.points[layers, -1], mesh.z_electrolyte)]
    now = closed(mesh)
    away = cKDTree(now.points[np.unique(mesh.node[ends])]).query(now.points)[0]
    field = replace(now, size_um=np.minimum(0.2, 0.01 + 0.2 * away))
    return solve_once(one, SharedMesh(MPI.COMM_SELF), Progress(), field).snapshot.measurement


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run_case(case(CASE, {"accuracy": {"hot_spots": ASKED}}), comm=MPI.COMM_SELF)


def errors(found: Measurement, truth: Measurement) -> dict[str, float]:
    """Relative errors of what counts; null measures are left out."""
    rows = {}
    for side, spots in found.hot_spots.items():
        exact = truth.hot_spots[side]
        pairs = {name: (getattr(spots, name), getattr(exact, name)) for name in MEASURES}
        windows = spots.window_max_over_mean, exact.window_max_over_mean
        pairs |= {size: (windows[0][size], windows[1][size]) for size in WINDOWS}
        rows |= {f"{side} {name}": abs(a / b - 1) for name, (a, b) in pairs.items() if None not in (a, b)}
    return rows


def test_the_target_is_reached_and_the_error_is_below_it(outcome: Outcome, truth: Measurement) -> None:
    facts = outcome.result.errors["accuracy"]["hot_spots"]
    assert facts["reached"]
    assert facts["error"] <= ASKED
    found = errors(outcome.snapshot.measurement, truth)
    assert len(found) == 2 * (len(MEASURES) + len(WINDOWS))
    assert max(found.values()) <= ASKED
