"""Tessellations: they fill the box, conform, keep their seeds and have no short edges."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gbflux.grains import Arrangement, edge_lengths, tessellate
from gbflux.grains.regular import bricks
from gbflux.grains.sources import SOURCES
from gbflux.grains.tessellation import clip, edges, face_simplices, volumes_and_centroids
from gbflux.grains.voronoi import lengthen_edges, relax, shortest_edge_um, voronoi_cells

BOXES = [(40.0, 30.0), (30.0, 20.0, 25.0)]
KINDS = ["voronoi", "brick", "columnar"]


def arranged(size, **changes):
    return tessellate(Arrangement(size, 10.0, **changes))


@pytest.mark.parametrize("size", BOXES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("boundary", ["cut", "mirror"])
def test_cells_fill_the_box(size, kind, boundary):
    cells = arranged(size, kind=kind, boundary=boundary)
    volume, centroid = volumes_and_centroids(cells)
    assert volume.sum() == pytest.approx(np.prod(size), rel=1e-13)
    assert (volume > 0).all()
    assert ((centroid > 0) & (centroid < size)).all()


@pytest.mark.parametrize("size", BOXES)
@pytest.mark.parametrize("kind", KINDS)
def test_faces_close_every_cell(size, kind):
    """Divergence theorem: the outward area vectors of a closed cell add up to zero."""
    cells = arranged(size, kind=kind, boundary="cut")
    simplices, owner = face_simplices(cells)
    x = cells.vertices[simplices]
    span = x[:, 1] - x[:, 0]
    area = np.stack([span[:, 1], -span[:, 0]], 1) if len(size) == 2 else np.cross(span, x[:, 2] - x[:, 0]) / 2
    _, centroid = volumes_and_centroids(cells)
    total = np.zeros_like(centroid)
    for side in (0, 1):
        cell = cells.face_cells[owner, side]
        inside = cell >= 0
        outward = np.sign(np.einsum("ij,ij->i", area[inside], x[inside, 0] - centroid[cell[inside]]))
        np.add.at(total, cell[inside], outward[:, None] * area[inside])
    assert np.abs(total).max() < 1e-9


def test_mirror_has_the_count_asked_for():
    assert arranged((40.0, 40.0, 40.0), boundary="mirror").n_cells == 64
    assert arranged((40.0, 30.0), boundary="mirror").n_cells == 12


def test_cut_shows_more_grains_than_mirror_and_small_ones():
    cut, mirror = (arranged((40.0, 40.0, 40.0), boundary=b) for b in ("cut", "mirror"))
    assert cut.n_cells > 1.5 * mirror.n_cells
    assert volumes_and_centroids(cut)[0].min() < 0.1 * volumes_and_centroids(mirror)[0].min()


def test_points_lie_in_the_cell_of_the_nearest_seed():
    rng = np.random.default_rng(5)
    size = np.array([3.0, 2.0, 2.5])
    seeds = rng.random((20, 3)) * size
    volume, _ = volumes_and_centroids(voronoi_cells(seeds, size))
    sample = rng.random((200_000, 3)) * size
    nearest = np.argmin(np.linalg.norm(sample[:, None] - seeds, axis=2), axis=1)
    share = np.bincount(nearest, minlength=20) / len(sample)
    assert np.abs(share - volume / size.prod()).max() < 4 * np.sqrt(0.25 / len(sample))


@pytest.mark.parametrize("size", BOXES)
@pytest.mark.parametrize("relaxation_steps", [0, 3])
@pytest.mark.parametrize("delta_um", [0.001, 0.05])
def test_no_edge_is_shorter_than_the_layer_needs(size, relaxation_steps, delta_um):
    for boundary in ("cut", "mirror"):
        for seed in range(3):
            grains = Arrangement(size, 10.0, "voronoi", boundary, seed, relaxation_steps, delta_um)
            assert edge_lengths(tessellate(grains)).min() >= grains.shortest_edge_um


def test_shortest_edge_depends_on_thickness_and_grain_size_alone():
    assert shortest_edge_um(0.005, 10.0) == pytest.approx(0.2)
    assert shortest_edge_um(0.1, 10.0) == pytest.approx(0.4)
    assert shortest_edge_um(1.0, 10.0) == pytest.approx(0.8)


def test_lengthening_moves_seeds_by_little():
    size = np.array([60.0, 60.0, 60.0])
    seeds = np.random.default_rng(3).random((216, 3)) * size
    moved = lengthen_edges(seeds, size, 0.2).seeds
    assert edge_lengths(voronoi_cells(seeds, size)).min() < 0.2
    assert np.abs(moved - seeds).max() < 2.5  # a quarter of a grain at the very most
    assert np.median(np.abs(moved - seeds).max(axis=1)) < 0.2


def test_same_seed_same_grains():
    one, other, different = (arranged((40.0, 40.0, 40.0), seed=s) for s in (4, 4, 5))
    assert np.array_equal(one.vertices, other.vertices)
    assert one.n_cells != different.n_cells or not np.allclose(one.seeds, different.seeds)


def test_relaxation_evens_out_volumes():
    size = np.array([50.0, 50.0, 50.0])
    seeds = np.random.default_rng(1).random((125, 3)) * size
    spread = [np.std(volumes_and_centroids(voronoi_cells(relax(seeds, size, n), size))[0]) for n in (0, 1, 5)]
    assert spread[0] > spread[1] > spread[2]


def test_bricks_are_cut_through_their_centres():
    whole, cut = (arranged((30.0, 20.0), kind="brick", boundary=b) for b in ("mirror", "cut"))
    assert (whole.n_cells, cut.n_cells) == (6, 12)
    volume, _ = volumes_and_centroids(cut)
    assert sorted(set(np.round(volume, 9))) == [25.0, 50.0, 100.0]


def test_columns_reach_from_electrode_to_electrode():
    columns = arranged((30.0, 30.0, 20.0), kind="columnar", boundary="mirror")
    ends = {-5, -6}
    for cell in range(columns.n_cells):
        sides = columns.face_cells[(columns.face_cells == cell).any(axis=1)]
        assert ends <= set(sides.ravel().tolist())
    flat = arranged((60.0, 20.0), kind="columnar", boundary="mirror")
    assert flat.n_cells == 6


def test_given_seeds_are_used_as_they_are():
    points = np.array([[5.0, 5.0], [15.0, 5.0]])
    grains = tessellate(Arrangement((20.0, 10.0), 10.0, boundary="mirror", relaxation_steps=0, points=points))
    assert np.allclose(grains.seeds, points)
    assert volumes_and_centroids(grains)[0] == pytest.approx([100.0, 100.0])


def test_one_seed_fills_the_box():
    grains = tessellate(Arrangement((10.0, 10.0, 10.0), 10.0, boundary="mirror"))
    assert grains.n_cells == 1
    assert len(edges(grains)) == 12


def test_regular_lattice_of_seeds_gives_cubes():
    axis = np.array([5.0, 15.0, 25.0])
    points = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    grains = tessellate(Arrangement((30.0,) * 3, 10.0, boundary="mirror", relaxation_steps=0, points=points))
    assert volumes_and_centroids(grains)[0] == pytest.approx(np.full(27, 1000.0))


def test_clip_keeps_the_half_asked_for():
    cells = arranged((40.0, 40.0), boundary="mirror")
    for upper, share in ((True, 0.25), (False, 0.75)):
        half = clip(cells, 0, 10.0, upper=upper)
        assert volumes_and_centroids(half)[0].sum() == pytest.approx(share * 1600.0)


def test_a_new_source_is_one_class(monkeypatch):
    class Halves:
        """Two grains, one beside the other."""

        def tessellate(self, asked, size_um):
            return bricks(size_um, [size_um[:1] / 2, size_um[:0]])

    monkeypatch.setitem(SOURCES, "halves", Halves())
    grains = arranged((20.0, 10.0), kind="halves")
    assert volumes_and_centroids(grains)[0] == pytest.approx([100.0, 100.0])


@pytest.mark.parametrize("points", [None, np.array([[5.0, 5.0], [15.0, 5.0]])])
def test_an_arrangement_travels_as_plain_data(points):
    asked = Arrangement((20.0, 10.0), 10.0, points=points)
    again = Arrangement.from_dict(json.loads(json.dumps(asked.as_dict())))
    assert again.source == ("voronoi" if points is None else "seeds")
    assert np.array_equal(tessellate(again).vertices, tessellate(asked).vertices)
