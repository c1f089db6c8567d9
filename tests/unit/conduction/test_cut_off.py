"""Solving on a mesh whose slabs are cut off gives what the mesh that is left gives by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import (
    ButlerVolmer,
    ConductionSolver,
    Resistance,
    Solution,
    SolverSettings,
    bottom_electrode,
    top_electrode,
)
from gbflux.conduction.materials import conductivities
from gbflux.mesh import build_mesh, recipe
from gbflux.mesh.cut import NestedMesh, nested
from small_cases import LAYERS, TINY, case

PLANES = (2.0, 5.0)
CASES = {"2D": case(TINY, LAYERS), "3D": case(LAYERS, {"mesh.size_um": 4, "mesh.electrode_size_um": 4})}
LAW = ButlerVolmer(10.0, 0.3, 0.7, 298.15)
IDEAL, RESISTIVE, SLOW = (
    bottom_electrode(0.0),
    bottom_electrode(0.0, Resistance(5e-4)),
    bottom_electrode(0.0, replace(LAW, asr=1e-4)),
)
PAIRS = {
    "resistive": (RESISTIVE, top_electrode(0.1, Resistance(2e-4))),
    "one ideal": (RESISTIVE, top_electrode(0.1)),
    "kinetics": (SLOW, top_electrode(0.1, LAW)),
    "current, one ideal": (IDEAL, top_electrode(None, LAW, current_density=10.0)),
    "current, resistive": (IDEAL, top_electrode(None, Resistance(5e-4), current_density=10.0)),
}


def layered(dimension: str) -> NestedMesh:
    """A polycrystal between slabs of 5 µm with a plane at 2 µm."""
    return nested(build_mesh(recipe(CASES[dimension], hl_planes_um=(PLANES, PLANES))).mesh, (PLANES, PLANES))


def both_ways(
    nest: NestedMesh, chosen: str, hl_um: tuple[float, float], *rest: object
) -> tuple[Solution, Solution]:
    """On the whole mesh, after a thicker slab, and on what is left of it."""
    cut = nest.cut(hl_um)
    sigma = conductivities(cut.mesh, CASES[chosen])
    with ConductionSolver(MPI.COMM_SELF, nest.mesh, many=True) as shared:
        shared.solve(conductivities(nest.mesh, CASES[chosen]), *rest)
        ours = shared.solve(sigma, *rest, cut)
    with ConductionSolver(MPI.COMM_SELF, cut.mesh) as alone:
        return ours, alone.solve(sigma, *rest)


@pytest.mark.parametrize("hl_um", [(2.0, 2.0), (0.0, 5.0), (2.0, 0.0)])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("dimension", "order"), [("2D", 1), ("2D", 2), ("3D", 1)])
def test_fields(dimension: str, order: int, pair: str, hl_um: tuple[float, float]) -> None:
    ours, theirs = both_ways(
        layered(dimension), dimension, hl_um, PAIRS[pair], SolverSettings(order=order, rtol=1e-11)
    )
    size = np.ptp(theirs.fields.phi)
    assert ours.fields.phi == pytest.approx(theirs.fields.phi, abs=1e-8 * size)
    assert ours.potentials == pytest.approx(theirs.potentials, abs=1e-8 * size)
    for name in ("j", "residual", "residual_electrolyte"):
        value, expected = getattr(ours.fields, name), getattr(theirs.fields, name)
        assert value == pytest.approx(expected, abs=1e-7 * np.abs(expected).max()), name
    assert ours.grain_imbalance <= 1e-9


@pytest.mark.parametrize("pair", ["resistive", "one ideal"])
@pytest.mark.parametrize(("dimension", "order"), [("2D", 1), ("2D", 2), ("3D", 1)])
def test_brackets(dimension: str, order: int, pair: str) -> None:
    """Their ends, and where the gap between them is."""
    settings = SolverSettings(order=order, bracket=True)
    found = both_ways(layered(dimension), dimension, (2.0, 0.0), PAIRS[pair], settings)
    ours, theirs = (solution.bracket for solution in found)
    width = theirs.upper - theirs.lower
    assert ours.upper == pytest.approx(theirs.upper, rel=1e-9)
    assert ours.lower == pytest.approx(theirs.lower, abs=1e-3 * width)
    assert ours.gap == pytest.approx(theirs.gap, abs=1e-2 * theirs.gap.max())
    assert ours.gap.sum() == pytest.approx(width, rel=1e-2)


@pytest.mark.parametrize("pair", ["ideal", "one ideal"])
@pytest.mark.parametrize(("dimension", "order"), [("2D", 1), ("2D", 2), ("3D", 1)])
def test_local_currents(dimension: str, order: int, pair: str) -> None:
    """Cells beyond an electrode, on which the weight falls to nothing, do not count."""
    nest, electrodes = layered(dimension), {**PAIRS, "ideal": (IDEAL, top_electrode(0.1))}[pair]
    cut = nest.cut((2.0, 0.0))
    sigma, settings = (
        conductivities(cut.mesh, CASES[dimension]),
        SolverSettings(order=order, bracket=True, certify=True),
    )
    points = cut.mesh.points
    cone = np.maximum(0.0, 1.0 - np.linalg.norm(points[:, :-1] - 8.0, axis=1) / 6.0)
    weights = [
        (side, np.where(points[:, -1] == z, cone, 0.0))
        for side, z in zip(("bottom", "top"), cut.mesh.z_electrodes, strict=True)
    ]
    with ConductionSolver(MPI.COMM_SELF, nest.mesh, many=True) as shared:
        shared.solve(conductivities(nest.mesh, CASES[dimension]), electrodes, settings)
        shared.solve(sigma, electrodes, settings, cut)
        ours = shared.certify(weights)
    with ConductionSolver(MPI.COMM_SELF, cut.mesh) as alone:
        alone.solve(sigma, electrodes, settings)
        theirs = alone.certify(weights)
        assert alone.certify(weights) == [None, None]  # what they take is freed
    for one, other in zip(ours, theirs, strict=True):
        half = (other.upper - other.lower) / 2
        assert one.value == pytest.approx(other.value, rel=1e-6)
        assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper), abs=2e-2 * half)
        assert one.gap == pytest.approx(other.gap, abs=5e-2 * other.gap.max())
