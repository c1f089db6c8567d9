"""Cuts towards lines: the same geometry, conforming, thin across, long along, and whole again when closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import Delaunay

from gbflux.mesh import CellKind, Mesh, SizeField, build_mesh, recipe
from gbflux.mesh.mesh import ConformingMesh
from gbflux.mesh.refine import AT_ENDS, closed, next_sizes
from gbflux.mesh.simplices import signed_volumes, smallest_heights
from gbflux.mesh.singularities import cut_towards
from gbflux.mesh.worker import make_mesh
from gbflux.units import CUT_RATIO
from small_cases import LAYERS, case

SMALL = {
    "geometry.size_um": [10, 10, 10],
    "grains.mean_size_um": 5,
    "mesh.size_um": 2.0,
    "mesh.electrode_size_um": 2.0,
    "mesh.reproducible": True,
}


def random_mesh(seed: int) -> ConformingMesh:
    """Tetrahedra between random points, each a region with its first face as a facet."""
    points = np.random.default_rng(seed).random((60, 3))
    cells = Delaunay(points).simplices.astype(np.int64)
    turned = signed_volumes(points, cells) < 0
    cells[turned, :2] = cells[turned, 1::-1]
    number = np.arange(len(cells))
    regions = np.stack([number, number], axis=1)
    return ConformingMesh(points, cells, number, cells[:, :3].copy(), regions, np.zeros((len(cells), 3)))


def faces(cells: np.ndarray) -> np.ndarray:
    return np.sort(np.vstack([np.delete(cells, k, axis=1) for k in range(4)]), axis=1)


def area_vectors(points: np.ndarray, facets: np.ndarray) -> np.ndarray:
    return np.cross(points[facets[:, 1]] - points[facets[:, 0]], points[facets[:, 2]] - points[facets[:, 0]])


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("end_um", [0.05, 0.02, 0.002])
def test_parts_fill_their_cells_and_share_whole_faces(share: float, end_um: float) -> None:
    mesh = random_mesh(1)
    cut, node = cut_towards(mesh, np.random.default_rng(2).random(60) < share, end_um)
    volume = signed_volumes(cut.points, cut.cells)
    assert len(cut.cells) > len(mesh.cells)
    assert volume.min() > 0
    whole = signed_volumes(mesh.points, mesh.cells)
    assert np.bincount(cut.region, volume) == pytest.approx(whole, rel=1e-12)
    different, count = np.unique(faces(cut.cells), axis=0, return_counts=True)
    assert count.max() == 2
    hull, outer = Delaunay(mesh.points).convex_hull, different[count == 1]
    corners = mesh.points[hull]
    area = np.linalg.norm(area_vectors(mesh.points, hull), axis=1).sum()
    assert np.linalg.norm(area_vectors(cut.points, outer), axis=1).sum() == pytest.approx(area, rel=1e-12)
    assert len(corners) <= len(outer)
    assert len(node) == len(cut.points)


def test_facets_keep_their_plane_and_side() -> None:
    mesh = random_mesh(3)
    cut, _ = cut_towards(mesh, np.random.default_rng(4).random(60) < 0.4, 0.01)
    parts, whole = area_vectors(cut.points, cut.facets), area_vectors(mesh.points, mesh.facets)
    of = cut.facet_regions[:, 0]
    added = np.stack([np.bincount(of, axis) for axis in parts.T], axis=1)
    assert added == pytest.approx(whole, abs=1e-14)
    assert (np.einsum("ij,ij->i", parts, whole[of]) > 0).all()
    known = {tuple(face) for face in faces(cut.cells)}
    assert all(tuple(facet) in known for facet in np.sort(cut.facets, axis=1))


def test_cuts_lead_to_the_length_asked_for() -> None:
    mesh = random_mesh(5)
    on_line = np.zeros(60, dtype=bool)
    on_line[7] = True
    around = np.setdiff1d(mesh.cells[(mesh.cells == 7).any(axis=1)], [7])
    length = np.linalg.norm(mesh.points[around] - mesh.points[7], axis=1)
    flattest = smallest_heights(mesh.points, mesh.cells[(mesh.cells == 7).any(axis=1)]).min()
    reach = min(length.mean(), 2 * length.min(), 4 * flattest)
    for shells in (1, 3):
        end_um = length.mean() * CUT_RATIO**shells
        cut, node = cut_towards(mesh, on_line, end_um)
        assert (node[60:] == -1 - 7).all()
        away = np.linalg.norm(cut.points[60:] - mesh.points[7], axis=1).reshape(shells, -1)
        ratio = min((end_um / reach) ** (1 / shells), 0.75)
        assert away.mean(axis=1) == pytest.approx(
            length.mean() * ratio ** np.arange(1, shells + 1), rel=1e-12
        )
    assert cut_towards(mesh, on_line, 10.0)[0] is mesh
    assert cut_towards(mesh, on_line, 0.0)[0] is mesh


def test_in_2d_triangles_and_their_edges_are_cut_towards_points() -> None:
    points = np.random.default_rng(8).random((40, 2))
    cells = Delaunay(points).simplices.astype(np.int64)
    turned = signed_volumes(points, cells) < 0
    cells[turned, :2] = cells[turned, 1::-1]
    number = np.arange(len(cells))
    mesh = ConformingMesh(
        points,
        cells,
        number,
        cells[:, :2].copy(),
        np.stack([number, number], axis=1),
        np.zeros((len(cells), 2)),
    )
    on_point = np.random.default_rng(9).random(40) < 0.3
    cut, node = cut_towards(mesh, on_point, 0.01)
    volume = signed_volumes(cut.points, cut.cells)
    assert volume.min() > 0
    assert np.bincount(cut.region, volume) == pytest.approx(signed_volumes(points, cells), rel=1e-12)
    sides = np.sort(np.vstack([np.delete(cut.cells, k, axis=1) for k in range(3)]), axis=1)
    different, count = np.unique(sides, axis=0, return_counts=True)
    assert count.max() == 2
    assert (count == 1).sum() >= len(Delaunay(points).convex_hull)
    # parts of a facet are sides of cells, and lead from its start to its end
    span, of = cut.points[cut.facets[:, 1]] - cut.points[cut.facets[:, 0]], cut.facet_regions[:, 0]
    whole = points[mesh.facets[:, 1]] - points[mesh.facets[:, 0]]
    assert np.stack([np.bincount(of, axis) for axis in span.T], axis=1) == pytest.approx(whole, abs=1e-14)
    assert (np.einsum("ij,ij->i", span, whole[of]) > 0).all()
    known = {tuple(side) for side in different}
    assert all(tuple(facet) in known for facet in np.sort(cut.facets, axis=1))
    assert len(node) == len(cut.points)


def made(field: SizeField | None = None) -> Mesh:
    return build_mesh(recipe(case(SMALL, LAYERS), field)).mesh


@pytest.fixture(scope="module")
def pair() -> tuple[Mesh, Mesh]:
    """Two meshes of the same sizes, the second cut."""
    sizes = closed(made())
    return made(sizes), made(replace(sizes, end_um=0.05))


def test_a_cut_mesh_has_the_same_grains_and_is_long_along_the_lines(pair: tuple) -> None:
    whole, cut = pair
    assert len(cut.cells) > 1.2 * len(whole.cells)
    assert cut.boundary_area == pytest.approx(whole.boundary_area, rel=1e-9)
    assert cut.quality.volume_error < 1e-12
    assert cut.quality.min_aspect < 0.3 * whole.quality.min_aspect


def test_a_cut_mesh_closes_to_the_one_it_was(pair: tuple) -> None:
    whole, cut = (closed(mesh) for mesh in pair)
    assert {tuple(row) for row in np.sort(cut.cells, axis=1)} == {
        tuple(row) for row in np.sort(whole.cells, axis=1)
    }
    assert cut.points == pytest.approx(whole.points, abs=0.02)
    assert cut.size_um == pytest.approx(whole.size_um, rel=0.02)


def test_cuts_are_asked_for_where_ends_contribute_too_much(pair: tuple) -> None:
    whole, cut = pair
    on_plane = np.isin(whole.points[:, -1], whole.z_electrolyte)
    gb = np.zeros(len(whole.points), dtype=bool)
    gb[whole.cells[whole.kind == CellKind.GB]] = True
    ends = (on_plane & gb)[whole.cells].any(axis=1)
    gap = np.where(ends, 1.0 / ends.sum(), 1e-9)
    fields = [next_sizes(whole, gap, goal, 1e9, None, 2).field for goal in (1.1 / AT_ENDS, 0.5 / AT_ENDS)]
    assert fields[0].end_um == 0.0
    assert 0.0 < fields[1].end_um < fields[1].size_um.min()
    again = next_sizes(cut, np.full(len(cut.cells), 1e-9), 1.0, 1e9, replace(closed(cut), end_um=0.05), 2)
    assert again.field.end_um == 0.05


@pytest.mark.parametrize("changes", [{}, LAYERS, {"geometry.size_um": [40, 40]}])
def test_every_mesh_is_cut_towards_the_ends_of_boundaries(changes: dict) -> None:
    """The cells that touch them are as short across them as the case asks for, a median."""
    one = case(SMALL, changes, {"mesh.electrode_size_um": 1.0, "mesh.boundary_end_um": 0.05})
    mesh = build_mesh(recipe(one)).mesh
    assert mesh.end_um == 0.05
    ends = np.unique(mesh.cells[mesh.kind == CellKind.GB])
    ends = ends[np.isin(mesh.points[ends, -1], mesh.z_electrolyte) & (mesh.node[ends] >= 0)]
    touching = np.isin(mesh.cells, ends) & (mesh.kind == CellKind.GRAIN)[:, None]
    new = mesh.node[mesh.cells] < 0
    cell, at = np.nonzero(touching & new.any(axis=1, keepdims=True))
    other = np.argmax(new[cell], axis=1)
    length = np.linalg.norm(mesh.points[mesh.cells[cell, at]] - mesh.points[mesh.cells[cell, other]], axis=1)
    assert np.median(length) == pytest.approx(0.05, rel=0.4)
    assert build_mesh(recipe(case(SMALL, changes, {"mesh.boundary_end_um": 0}))).mesh.end_um == 0.0


def test_cuts_that_layers_do_not_fit_into_are_less_deep(caplog: pytest.LogCaptureFixture) -> None:
    """Cut to 2 δ, contacts would lose a part of their volume."""
    one = recipe(case(SMALL, LAYERS, {"grain_boundary.thickness_nm": 20}))
    deep = replace(one, size=replace(one.size, end_um=0.04))
    mesh, _ = make_mesh(deep)
    assert mesh.end_um in (0.2, 0.0)
    assert "Cells at ends of boundaries are cut to" in caplog.text
    assert mesh.quality.layer_volume_error <= 5e-3
