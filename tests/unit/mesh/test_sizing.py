"""Sizes that vary in space: a layered mesh closed again, gradients, and meshes that follow them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gbflux.mesh import CellKind, Mesh, SizeField, build_mesh, recipe
from gbflux.mesh.build import mesh_key
from gbflux.mesh.refine import AT_JUNCTIONS, COARSER, FINER, SMALLEST, closed, graded, next_sizes
from gbflux.mesh.simplices import signed_volumes
from gbflux.mesh.singularities import is_junction
from gbflux.units import CELLS_PER_VOLUME
from small_cases import FLAT, LAYERS, case

SMALL_3D = {
    "geometry.size_um": [10, 10, 10],
    "grains.mean_size_um": 5,
    "mesh.size_um": 1.0,
    "mesh.electrode_size_um": 1.0,
}
CASES = {"2D": (FLAT, LAYERS), "3D": (SMALL_3D, LAYERS)}


def made(dimension: str, field: SizeField | None = None) -> Mesh:
    return build_mesh(recipe(case(*CASES[dimension]), field)).mesh


def edges(field: SizeField) -> np.ndarray:
    corners = field.cells.shape[1]
    return np.vstack([field.cells[:, [i, j]] for i in range(corners) for j in range(i)])


@pytest.mark.parametrize("dimension", ["2D", "3D"])
def test_a_closed_mesh_fills_the_box_with_its_slabs(dimension: str) -> None:
    mesh = made(dimension)
    field = closed(mesh)
    volume = signed_volumes(field.points, field.cells)
    lengths = [*mesh.size_um[:-1], mesh.z_electrodes[1] - mesh.z_electrodes[0]]
    assert volume.min() > 0
    assert volume.sum() == pytest.approx(np.prod(lengths), rel=1e-9)
    assert len(field.points) < len(mesh.points)
    assert set(field.region) == set(range(mesh.n_grains + len(mesh.slabs)))


@pytest.mark.parametrize("dimension", ["2D", "3D"])
def test_a_closed_mesh_has_the_sizes_asked_for(dimension: str) -> None:
    field = closed(made(dimension))
    asked = case(*CASES[dimension]).mesh
    assert np.median(field.size_um) == pytest.approx(asked.size_um, rel=0.35)
    assert field.expected_cells().sum() == pytest.approx(len(field.cells), rel=0.35)


def test_gradients_are_limited_by_lowering_alone() -> None:
    field = closed(made("2D"))
    one = len(field.points) // 2
    size = np.full(len(field.points), 5.0)
    size[one] = 0.01
    found = graded(replace(field, size_um=size), 0.3)
    pairs = edges(found)
    distance = np.linalg.norm(found.points[pairs[:, 0]] - found.points[pairs[:, 1]], axis=1)
    assert (np.abs(np.diff(found.size_um[pairs], axis=1)[:, 0]) <= 0.301 * distance + 0.02).all()
    assert (found.size_um <= size).all()
    assert found.size_um.min() == found.size_um[one] == 0.01
    assert found.size_um.max() == 5.0


@pytest.mark.parametrize("dimension", ["2D", "3D"])
def test_a_mesh_follows_its_sizes(dimension: str) -> None:
    field = closed(made(dimension))
    middle = field.points[:, 0].max() / 2
    fine = graded(replace(field, size_um=np.where(field.points[:, 0] < middle, 0.5, 2.0)), 0.5)
    mesh = made(dimension, fine)
    left = mesh.points[mesh.cells].mean(axis=1)[:, 0] < middle
    assert left.sum() > 3 * (~left).sum()
    again = closed(mesh)
    d = again.points.shape[1]
    volume = signed_volumes(again.points, again.cells)
    size = (CELLS_PER_VOLUME[d] * volume) ** (1 / d)
    x = again.points[again.cells].mean(axis=1)[:, 0]
    assert np.median(size[x < 0.8 * middle]) == pytest.approx(0.5, rel=0.35)
    assert mesh.quality.gb_area_um2 == pytest.approx(made(dimension).quality.gb_area_um2, rel=1e-9)


def test_other_sizes_are_another_mesh_in_the_cache() -> None:
    chosen = case(*CASES["2D"])
    field = closed(made("2D"))
    keys = {mesh_key(recipe(chosen, f)) for f in (None, field, field.scaled(0.9), field.scaled(0.9))}
    assert len(keys) == 3


@pytest.mark.parametrize("dimension", ["2D", "3D"])
def test_next_sizes_are_finer_where_the_gap_is(dimension: str) -> None:
    mesh = made(dimension)
    rng = np.random.default_rng(1)
    left = mesh.points[mesh.cells].mean(axis=1)[:, 0] < mesh.size_um[0] / 2
    gap = np.where(left, 1.0, 1e-4) * rng.uniform(0.5, 1.0, len(mesh.cells))
    found = next_sizes(mesh, gap, 0.25 * gap.sum(), 1e9)
    x, now = found.field.points[:, 0], closed(mesh).size_um
    ratio = found.field.size_um / now
    assert np.median(ratio[x < 0.4 * mesh.size_um[0]]) < 0.75
    assert np.median(ratio[x > 0.8 * mesh.size_um[0]]) > 1.0
    assert ratio.max() <= COARSER * 1.1
    assert ratio.min() >= 1 / FINER / 1.1
    assert found.gap <= 0.27 * gap.sum()


def test_next_sizes_keep_to_the_most_cells_and_the_least_size() -> None:
    mesh = made("2D")
    gap = np.where(is_junction(mesh), 0.0, 1.0)
    few = next_sizes(mesh, gap, 1e-9 * gap.sum(), 1.5 * len(mesh.cells))
    many = next_sizes(mesh, gap, 1e-9 * gap.sum(), 1e9)
    assert few.cells <= 1.5 * len(mesh.cells) < many.cells
    assert few.gap > many.gap
    thick = replace(mesh, layer_thickness_um=0.1)
    least = min(SMALLEST * 0.1, closed(thick).size_um.min())  # what is smaller already stays as it is
    assert next_sizes(thick, gap, 1e-9 * gap.sum(), 1e9).field.size_um.min() == pytest.approx(least, rel=0.1)


@pytest.mark.parametrize("kind", [CellKind.GB_JUNCTION, CellKind.CONTACT])
def test_junctions_are_resolved_when_the_goal_needs_it(kind: CellKind) -> None:
    mesh = made("2D")
    corner = is_junction(mesh) & (mesh.kind == kind)  # of three grains, of two grains and a slab
    assert corner.any()
    gap = np.where(is_junction(mesh), 0.0, 1.0)
    gap[corner] = 0.01 * gap.sum() / corner.sum()
    goals = gap[corner].sum() / AT_JUNCTIONS * np.array([1.1, 0.9])
    fields = [next_sizes(mesh, gap, goal, 1e9).field for goal in goals]
    assert [field.junctions_resolved for field in fields] == [False, True]
    least = 1.1 * SMALLEST * mesh.layer_thickness_um  # sizes are rounded
    assert fields[1].size_um[mesh.node[mesh.cells[corner]]].max() <= least < fields[0].size_um.min()


def test_junctions_wait_where_there_is_no_room_for_them() -> None:
    mesh = made("2D")
    gap = np.where(is_junction(mesh), 1.0, 1e-3)
    goal = 0.5 * gap.sum()
    wide = next_sizes(mesh, gap, goal, 3.0 * len(mesh.cells))
    assert wide.field.junctions_resolved
    assert wide.cells > 2 * len(mesh.cells)
    assert len(made("2D", wide.field).cells) == pytest.approx(wide.cells, rel=0.5)
    narrow = next_sizes(mesh, gap, goal, 3.0 * len(mesh.cells), room=0.5 * wide.cells)
    assert not narrow.field.junctions_resolved
    assert narrow.cells <= 0.5 * wide.cells


def test_cells_around_resolved_junctions_set_no_sizes() -> None:
    """They are smaller than layers are thick, which are put in before: gmsh must not make such cells."""
    mesh = made("2D")
    gap = np.where(is_junction(mesh), 1.0, 1e-3)
    before = next_sizes(mesh, gap, 0.5 * gap.sum(), 1e9).field
    fine = made("2D", before)
    assert closed(fine).size_um.min() < fine.layer_thickness_um
    gap = np.ones(len(fine.cells))
    after = next_sizes(fine, gap, 0.3 * gap.sum(), 1e9, before).field
    assert after.size_um.min() >= min(SMALLEST * fine.layer_thickness_um, before.size_um.min())
    made("2D", after)


@pytest.mark.parametrize("layers", [{}, LAYERS])
@pytest.mark.parametrize(("dimension", "share"), [(2, 0.2), (3, 0.6)])
def test_the_next_mesh_has_the_cells_expected(dimension: int, share: float, layers: dict) -> None:
    """Coarse cells in small grains, layers, and cuts towards lines included."""
    chosen = case({"geometry.size_um": [20] * dimension}, {"mesh.electrode_size_um": 1.5}, layers)
    mesh = build_mesh(recipe(chosen)).mesh
    at_end = np.abs(mesh.points[mesh.cells][:, :, -1] - mesh.z_electrolyte[1]).min(axis=1)
    gap = np.random.default_rng(3).uniform(0.5, 1.0, len(mesh.cells)) / (1.0 + at_end)
    gap[is_junction(mesh) if dimension == 2 else mesh.kind == CellKind.GB_JUNCTION] = 0.0
    found = next_sizes(mesh, gap, share * gap.sum(), 1e9, order=2)
    made = len(build_mesh(recipe(chosen, found.field)).mesh.cells)
    assert made == pytest.approx(found.cells, rel=0.2)  # cuts come in whole numbers
