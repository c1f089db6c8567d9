"""Longest-edge bisection: conforming, nested, positive; junctions in 2D resolved, the geometry unchanged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gbflux.mesh import CellKind, build_mesh, recipe
from gbflux.mesh.refine import SMALLEST, closed, graded
from gbflux.mesh.simplices import signed_volumes
from gbflux.mesh.singularities import FINEST, bisected, is_junction, resolve_junctions
from small_cases import FLAT, LAYERS, case

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
TWO = np.array([[0, 1, 2], [0, 2, 3]])


def inner_edges_are_shared(cells: np.ndarray, outer: int) -> bool:
    edges = np.sort(np.vstack([cells[:, [0, 1]], cells[:, [1, 2]], cells[:, [2, 0]]]), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    return count.max() == 2 and int((count == 1).sum()) == outer


def test_the_neighbour_is_bisected_too() -> None:
    ends, cells, parent = bisected(SQUARE, TWO, np.array([True, False]))
    assert ends.tolist() == [[0, 2]]
    assert sorted(parent) == [0, 0, 1, 1]
    points = np.vstack([SQUARE, SQUARE[ends].mean(axis=1)])
    assert signed_volumes(points, cells) == pytest.approx(0.25)
    assert inner_edges_are_shared(cells, 4)


def test_nothing_marked_is_nothing_done() -> None:
    ends, cells, parent = bisected(SQUARE, TWO, np.zeros(2, dtype=bool))
    assert len(ends) == 0
    assert sorted(map(sorted, cells.tolist())) == sorted(map(sorted, TWO.tolist()))
    assert sorted(parent) == [0, 1]


@pytest.mark.parametrize("seed", range(4))
def test_random_bisections_stay_conforming(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, cells = SQUARE * [1.0, 0.3], TWO
    origin = np.arange(2)
    for _ in range(8):
        ends, cells, parent = bisected(points, cells, rng.random(len(cells)) < 0.3)
        points, origin = np.vstack([points, points[ends].mean(axis=1)]), origin[parent]
        volume = signed_volumes(points, cells)
        assert volume.min() > 0
        assert np.bincount(origin, volume) == pytest.approx([0.15, 0.15])
        on_rim = (points[:, 0] % 1 == 0) | np.isin(points[:, 1], (0.0, 0.3))
        assert inner_edges_are_shared(cells, int(on_rim.sum()))
    assert len(cells) > 20


@pytest.mark.parametrize("layers", [{}, LAYERS])
def test_junctions_are_resolved_and_everything_else_stays(layers: dict) -> None:
    chosen = case(FLAT, layers)
    coarse = build_mesh(recipe(chosen)).mesh
    now = closed(coarse)
    size = now.size_um.copy()
    size[coarse.node[coarse.cells[is_junction(coarse)]]] = SMALLEST * coarse.layer_thickness_um
    field = graded(replace(now, size_um=size), 0.5)
    before = build_mesh(recipe(chosen, field)).mesh
    after = resolve_junctions(before)
    assert after.hash != before.hash
    made = build_mesh(recipe(chosen, replace(field, junctions_resolved=True))).mesh
    assert len(made.cells) == pytest.approx(len(after.cells), rel=0.05)
    assert len(made.cells) > 1.2 * len(before.cells)

    def by_kind(mesh) -> np.ndarray:
        return np.bincount(mesh.kind, signed_volumes(mesh.points, mesh.cells), len(CellKind))

    assert by_kind(after) == pytest.approx(by_kind(before), rel=1e-9)
    assert signed_volumes(after.points, after.cells).min() > 0
    junction = after.points[after.cells[after.kind == CellKind.GB_JUNCTION]]
    longest = np.linalg.norm(junction - np.roll(junction, 1, axis=1), axis=2).max()
    assert longest <= FINEST * after.layer_thickness_um * (1 + 1e-9)
    for mesh in (before, after):
        refined = closed(mesh)
        volume = signed_volumes(refined.points, refined.cells)
        assert volume.min() > -(mesh.layer_thickness_um**2)  # cells of nanometres may be turned over
        assert np.abs(volume).sum() == pytest.approx(volume.sum(), rel=1e-5)
        assert len(mesh.node) == len(mesh.points)
