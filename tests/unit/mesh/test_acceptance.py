"""No invalid mesh passes: faces that do not match, inverted cells, vanished or thinned layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conforming_by_hand import bricks, grid

from gbflux.errors import MeshError
from gbflux.mesh import CellKind, Mesh, MeshQuality
from gbflux.mesh.layers import accept, expected_layer_volume, insert_layers
from gbflux.mesh.opening import KEPT_SHARE, find_junctions
from gbflux.mesh.simplices import is_conforming, longest_edges, signed_volumes
from small_cases import volumes_um

GOOD = MeshQuality(100.0, 0.0, 1e-6, 1e-15, 1e-9, 0.3)


def plane_bits(mesh: Mesh) -> np.ndarray:
    """One bit for each outer plane."""
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    bits = np.zeros(len(mesh.points), dtype=np.uint8)
    for axis in range(mesh.dimension):
        bits |= (mesh.points[:, axis] == low[axis]).astype(np.uint8) << (2 * axis)
        bits |= (mesh.points[:, axis] == high[axis]).astype(np.uint8) << (2 * axis + 1)
    return bits


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def mesh(request: pytest.FixtureRequest) -> Mesh:
    """Four or eight grains with one slab."""
    return bricks(request.param, [1, 1, 1], 0.01, slabs={"top": 1.0})


def test_a_good_mesh_conforms_also_by_counting_faces(mesh: Mesh) -> None:
    bits = plane_bits(mesh)
    assert is_conforming(mesh.cells, bits)
    assert unmatched_faces(mesh.cells, bits) == 0


def unmatched_faces(cells: np.ndarray, bits: np.ndarray) -> int:
    """Faces of one cell that lie on no outer plane, or of more than two cells: the rule without hashes."""
    faces = np.concatenate([np.delete(cells, k, axis=1) for k in range(cells.shape[1])])
    unique, number = np.unique(np.sort(faces, axis=1), axis=0, return_counts=True)
    outer = np.bitwise_and.reduce(bits[unique], axis=1) != 0
    return int(((number == 1) & ~outer).sum() + (number > 2).sum() + ((number == 2) & outer).sum())


def test_a_crack_is_found(mesh: Mesh) -> None:
    """One grain loses its hold on a point that it shared with a layer."""
    layer = np.flatnonzero(mesh.kind == CellKind.GB)
    grain = np.flatnonzero(mesh.kind == CellKind.GRAIN)
    bits = plane_bits(mesh)
    shared = np.intersect1d(mesh.cells[layer], mesh.cells[grain])
    point = shared[bits[shared] == 0][0]
    cells = mesh.cells.copy()
    cells[grain] = np.where(cells[grain] == point, len(mesh.points), cells[grain])
    assert not is_conforming(cells, np.append(bits, np.uint8(0)))
    assert unmatched_faces(cells, np.append(bits, np.uint8(0))) > 0


@pytest.mark.parametrize("kind", list(CellKind))
def test_lost_cells_are_found(mesh: Mesh, kind: CellKind) -> None:
    """All cells of a kind, and a single one."""
    bits = plane_bits(mesh)
    mine = np.flatnonzero(mesh.kind == kind)
    assert not is_conforming(np.delete(mesh.cells, mine, axis=0), bits)
    assert not is_conforming(np.delete(mesh.cells, mine[:1], axis=0), bits)


def test_any_one_node_exchanged_is_found(mesh: Mesh) -> None:
    bits, random = plane_bits(mesh), np.random.default_rng(1)
    for _ in range(100):
        cells = mesh.cells.copy()
        row, column = random.integers(len(cells)), random.integers(cells.shape[1])
        cells[row, column] = random.choice(np.setdiff1d(np.arange(len(mesh.points)), cells[row]))
        assert not is_conforming(cells, bits)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_volume_um3": 0.0}, "every cell volume must be > 0"),
        ({"min_volume_um3": -1e-12}, "every cell volume must be > 0"),
        ({"min_volume_um3": float("nan")}, "every cell volume must be > 0"),
        ({"volume_error": 2e-10}, "cells must fill the box"),
        ({"layer_volume_error": 6e-3}, "layers must have their volume"),
        ({"gb_area_limited_fraction": 6e-3}, "area may be limited; got 0.006"),
    ],
)
def test_the_rule_that_failed_is_named(change: dict, words: str) -> None:
    with pytest.raises(MeshError, match=words) as refused:
        accept(replace(GOOD, **change), True)
    assert refused.value.exit_code == 2


def test_faces_that_do_not_match_are_refused() -> None:
    with pytest.raises(MeshError, match="share whole faces"):
        accept(GOOD, False)
    accept(GOOD, True)


@pytest.mark.parametrize("dimension", [2, 3])
def test_expected_volume_of_brick_layers(dimension: int) -> None:
    """δ·area − δ² for each unit of an edge where four bricks meet; edges at a slab do not count."""
    planes = [np.arange(5.0)] * dimension
    mesh = grid(planes, lambda x: (x[:, 0] > 2).astype(int) + 2 * (x[:, 1] > 2))
    length = 4.0 if dimension == 3 else 1.0
    area = 2 * 4.0 * length
    found = expected_layer_volume(mesh, find_junctions(mesh), area, 4, 0.1)
    assert found == pytest.approx(0.1 * area - 0.01 * length, rel=1e-12)
    # the same faces, two of the regions being slabs: no junction of grains alone
    assert expected_layer_volume(mesh, find_junctions(mesh), area, 2, 0.1) == pytest.approx(0.1 * area)


@pytest.mark.parametrize("dimension", [2, 3])
def test_angles_around_every_junction_add_up(dimension: int) -> None:
    planes = [np.arange(5.0)] * dimension
    mesh = grid(planes, lambda x: (x[:, 0] > 2) + 2 * (x[:, 1] > 2) * (x[:, 0] > 2) + 5 * (x[:, -1] < 1))
    found = find_junctions(mesh)
    assert found
    for group in found:
        assert group.angle.sum(axis=1) == pytest.approx(2 * np.pi)
        assert (group.ring[:, 0] == group.ring.min(axis=1)).all()
        assert all(len(set(ring)) == len(ring) for ring in group.ring.tolist())


def test_copies_that_would_crush_a_cell_are_held_back() -> None:
    """A layer as thick as the cells beside it: grain cells keep a set share of their volume, and the mesh is
    refused for what had to be limited."""
    planes = [[0.0, 1.96, 2.0, 4.0], [0.0, 1.0, 2.0]]
    mesh = grid(planes, lambda x: (x[:, 0] > 2).astype(int))
    size = np.array([4.0, 2.0])
    arguments = {"n_grains": 2, "slabs": {}, "size_um": size}
    with pytest.raises(MeshError, match=r"layers must have their volume|may be limited"):
        insert_layers(mesh, **arguments, delta_um=0.1)
    thin = insert_layers(mesh, **arguments, delta_um=0.05)  # 0.025 of 0.04 gone: kept 0.375 > 0.3
    assert thin.quality.gb_area_limited_fraction == 0.0
    assert KEPT_SHARE == 0.3
    assert (volumes_um(thin) > 0).all()


def test_volumes_and_edges_of_simplices() -> None:
    points = np.random.default_rng(2).random((50, 3))
    cells = np.random.default_rng(3).permuted(np.tile(np.arange(50), (200, 1)), axis=1)[:, :4]
    corners = points[cells]
    expected = np.linalg.det(corners[:, 1:] - corners[:, :1]) / 6
    assert signed_volumes(points, cells) == pytest.approx(expected, abs=1e-14)
    spans = np.linalg.norm(corners[:, :, None] - corners[:, None, :], axis=3)
    assert longest_edges(points, cells) == pytest.approx(spans.max(axis=(1, 2)), rel=1e-14)
    assert signed_volumes(
        np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]), np.array([[0, 1, 2], [0, 2, 1]])
    ).tolist() == [3, -3]
