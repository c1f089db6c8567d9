"""gmsh's meshes of tessellations: cells fill their grains, faces are shared, sizes are those asked for."""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.grains import Arrangement, tessellate
from gbflux.grains.tessellation import volumes_and_centroids
from gbflux.mesh.gmsh_model import Simplices, _oriented, mesh_conforming
from gbflux.mesh.mesh import ConformingMesh
from gbflux.mesh.recipe import MeshSize
from gbflux.mesh.simplices import signed_volumes
from gbflux.mesh.slabs import add_slab

ARRANGEMENTS = {
    "2D voronoi": Arrangement((30.0, 20.0), 10.0, boundary="cut"),
    "2D brick": Arrangement((30.0, 20.0), 10.0, kind="brick"),
    "3D voronoi": Arrangement((12.0, 10.0, 10.0), 6.0, boundary="cut"),
    "3D columnar": Arrangement((12.0, 10.0, 10.0), 6.0, kind="columnar"),
}


@pytest.fixture(scope="module", params=ARRANGEMENTS)
def pair(request: pytest.FixtureRequest):
    """A tessellation with a slab of 3 µm on top, in two layers, and its mesh."""
    grains = add_slab(tessellate(ARRANGEMENTS[request.param]), (1.0, 3.0), upper=True)
    height = float(grains.size_um[-1])
    return grains, mesh_conforming(grains, MeshSize(2.0, 1.0), (0.0, height))


def test_cells_fill_every_grain(pair) -> None:
    grains, mesh = pair
    volume = signed_volumes(mesh.points, mesh.cells)
    assert (volume > 0).all()
    expected, _ = volumes_and_centroids(grains)
    assert np.bincount(mesh.region, volume) == pytest.approx(expected, rel=1e-9)


def test_facets_are_faces_of_both_regions_and_face_the_second(pair) -> None:
    _, mesh = pair
    faces = {}
    for k in range(mesh.cells.shape[1]):
        for nodes, region in zip(
            np.sort(np.delete(mesh.cells, k, axis=1), axis=1).tolist(), mesh.region, strict=True
        ):
            faces.setdefault(tuple(nodes), []).append(int(region))
    between = {nodes: sorted(pair) for nodes, pair in faces.items() if len(set(pair)) == 2}
    found = dict(
        zip(
            map(tuple, np.sort(mesh.facets, axis=1).tolist()),
            np.sort(mesh.facet_regions, axis=1).tolist(),
            strict=True,
        )
    )
    assert found == between
    assert len(found) == len(mesh.facets)
    assert np.linalg.norm(mesh.facet_normal, axis=1) == pytest.approx(1.0)
    centre = np.array(
        [mesh.points[mesh.cells[mesh.region == r]].mean(axis=(0, 1)) for r in range(mesh.region.max() + 1)]
    )
    middle = mesh.points[mesh.facets].mean(axis=1)
    # cells are convex: their centres lie on their own side of each face
    for side, sign in ((0, -1), (1, 1)):
        depth = np.einsum("ij,ij->i", centre[mesh.facet_regions[:, side]] - middle, mesh.facet_normal)
        assert (sign * depth > 0).all()


def test_cells_are_finer_where_grains_end(pair) -> None:
    grains, mesh = pair
    longest = np.linalg.norm(mesh.points[mesh.facets][:, 0] - mesh.points[mesh.facets][:, 1], axis=1)
    height = mesh.points[mesh.facets].mean(axis=1)[:, -1]
    at_end = np.abs(height - grains.size_um[-1]) < 1e-6
    assert np.median(longest[at_end]) == pytest.approx(1.0, rel=0.3)
    assert np.median(longest) > np.median(longest[at_end]) * 0.99


def test_twin_nodes_are_merged_and_unused_ones_dropped() -> None:
    """Two triangles of a square, the second on a copy of a shared node, and a node that nobody uses."""
    grains = tessellate(Arrangement((2.0, 1.0), 1.0, kind="brick"))
    points = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [2, 0], [2, 1], [9, 9], [1, 1]], dtype=float)
    cells = np.array([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 7]])
    facet = np.flatnonzero((grains.face_cells >= 0).all(axis=1))
    volumes = Simplices(points, cells, np.array([0, 0, 1, 1]))
    mesh = _oriented(grains, volumes, np.array([[1, 2]]), facet)
    assert isinstance(mesh, ConformingMesh)
    assert len(mesh.points) == 6
    assert np.unique(mesh.cells).tolist() == list(range(6))
    assert set(mesh.cells[0]) & set(mesh.cells[3]) == set(mesh.facets[0])
    assert signed_volumes(mesh.points, mesh.cells) == pytest.approx(0.5)
