"""The conforming mesh of a tessellation: simplices that share nodes on the common faces of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MeshError
from gbflux.grains.tessellation import Tessellation, face_simplices, volumes_and_centroids
from gbflux.mesh.drawing import MeshSize, cores, draw, grade, load_gmsh, repeat_planes, set_options
from gbflux.mesh.simplices import signed_volumes
from gbflux.mesh.volumes import FEWEST_CELLS, Volumes, mesh_volumes, simplices, surface

_TETRAHEDRA_PER_CUBE = 5.0  # of the mesh size: about what gmsh makes
_MOST_PROCESSES = 16
_PARENT = 1.03  # a fork first copies the memory it touches and in the end writes what it made


@dataclass(frozen=True)
class ConformingMesh:
    """Simplices of all cells, and the faces between two cells.

    Attributes
    ----------
    points : (n, d) float array
        Nodes (µm).
    cells : (m, d + 1) int32 array
        Simplices, positively oriented.
    region : (m,) int array
        Cell of the tessellation that each simplex lies in.
    facets : (k, d) int array
        Simplices of the faces between two cells, oriented so that their normal points from the first to the
        second.
    facet_regions : (k, 2) int array
        The two cells on either side of each.
    facet_normal : (k, d) float array
        Unit normal, from the first to the second.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int32]
    region: NDArray[np.integer]
    facets: NDArray[np.int64]
    facet_regions: NDArray[np.int64]
    facet_normal: NDArray[np.float64]


def mesh_conforming(
    tessellation: Tessellation,
    size: MeshSize,
    end_planes: tuple[float, ...],
    layers: Sequence[range] = (),
) -> ConformingMesh:
    """Mesh the cells of a tessellation so that neighbours share nodes on their common faces.

    Parameters
    ----------
    tessellation : Tessellation
        Grains and slabs.
    size : MeshSize
        Edge lengths.
    end_planes : tuple of float
        z of the planes where grains end (µm), meshed at ``size.end_size_um``.
    layers : sequence of range
        Cells that are the layers of each slab, from the grains outwards. In 3D the planes between them are
        meshed alike where they are to have cells of the same size.

    Raises
    ------
    MeshError
        If gmsh fails.
    """
    gmsh = load_gmsh()
    gmsh.initialize()
    try:
        volumes, facets, face = _meshed(gmsh, tessellation, size, end_planes, layers)
    except MeshError:
        raise
    except Exception as error:
        raise MeshError(
            f"mesh: gmsh {gmsh.__version__} must mesh every grain; got '{error}'. "
            "Try another grains.seed or a smaller mesh.size_um."
        ) from error
    finally:
        gmsh.finalize()
    return _oriented(tessellation, volumes, facets, face)


def _meshed(
    gmsh,
    tessellation: Tessellation,
    size: MeshSize,
    end_planes: tuple[float, ...],
    layers: Sequence[range],
) -> tuple[Volumes, NDArray[np.int32], NDArray[np.int32]]:
    """Cells as gmsh makes them, then the simplices of the inner faces, and the face of each."""
    set_options(gmsh, size)
    draw(gmsh, tessellation)
    grade(gmsh, tessellation, size, end_planes, layers)
    if tessellation.dimension == 3 and size.field is None:
        repeat_planes(gmsh, tessellation, size, end_planes, layers)
    gmsh.model.mesh.generate(2)
    facets, face = simplices(gmsh, tessellation.dimension - 1, _inner_faces(tessellation))
    if tessellation.dimension == 2:
        return surface(gmsh, range(tessellation.n_cells)), facets, face
    return mesh_volumes(gmsh, _shares(tessellation, size)), facets, face


def merged(mesh: ConformingMesh, n_grains: int, layers: tuple[int, ...]) -> ConformingMesh:
    """The mesh with the layers of each slab made one region, the faces between them dropped.

    Parameters
    ----------
    mesh : ConformingMesh
        Regions `n_grains` and up are layers, those of a slab one after the other.
    n_grains : int
        Number of grains.
    layers : tuple of int
        Layers of each slab.
    """
    slab = np.repeat(n_grains + np.arange(len(layers)), layers)
    region = np.concatenate([np.arange(n_grains), slab])
    sides = region[mesh.facet_regions]
    between = sides[:, 0] != sides[:, 1]
    return ConformingMesh(
        mesh.points,
        mesh.cells,
        region[mesh.region],
        mesh.facets[between],
        sides[between],
        mesh.facet_normal[between],
    )


def _inner_faces(t: Tessellation) -> NDArray[np.int64]:
    """Faces between two cells."""
    return np.flatnonzero(np.all(t.face_cells >= 0, axis=1))


def _shares(t: Tessellation, size: MeshSize) -> list[NDArray[np.int64]]:
    """Cells of the tessellation for each process, of about equal work; one share where one will do."""
    if size.field is None:
        expected = _TETRAHEDRA_PER_CUBE * volumes_and_centroids(t)[0] / size.size_um**3
    else:
        expected = np.bincount(size.field.region, size.field.expected_cells(), t.n_cells)
    processes = min(cores(), _MOST_PROCESSES, t.n_cells, int(expected.sum() / FEWEST_CELLS) + 1)
    if size.reproducible or processes == 1:
        return [np.arange(t.n_cells)]
    middle = np.cumsum(expected) - expected / 2
    capacity = np.ones(processes)
    capacity[0] = _PARENT
    share = np.searchsorted(np.cumsum(capacity)[:-1] / capacity.sum(), middle / expected.sum())
    parts = (np.flatnonzero(share == k) for k in range(processes))
    return [part for part in parts if len(part)]


def _oriented(t: Tessellation, volumes: Volumes, facets: NDArray, face: NDArray) -> ConformingMesh:
    """The mesh with twin nodes merged, unused ones dropped, cells positive, facets along their normals."""
    count = np.bincount(volumes.region, minlength=t.n_cells)
    if not count.all():
        missing = np.flatnonzero(count == 0)
        raise MeshError(
            f"mesh: gmsh must mesh every grain; got no cells in grain {missing[0]} ({len(missing)} in all). "
            "Try another grains.seed or a smaller mesh.size_um."
        )
    points = volumes.points[:, : t.dimension]
    with ThreadPoolExecutor() as pool:
        volume = pool.submit(signed_volumes, points, volumes.cells)
        same = _coincident(points)
        met, used = np.zeros(len(points), dtype=bool), np.zeros(len(points), dtype=bool)
        met[volumes.cells] = True
        used[same[met]] = True
        number = (np.cumsum(used) - 1)[same]
        points, cells, facets = points[used], number.astype(np.int32)[volumes.cells], number[facets]
        normal = _face_normals(t)[face]
    flipped = volume.result() < 0
    cells[flipped, :2] = cells[flipped, 1::-1]
    backward = np.einsum("ij,ij->i", normal, _turns(points[facets])) < 0
    facets[backward, :2] = facets[backward, 1::-1]
    return ConformingMesh(points, cells, volumes.region, facets, t.face_cells[face], normal)


def _coincident(points: NDArray) -> NDArray[np.int64]:
    """For each node the first one at the same place: HXT now and then meshes around two copies of a node."""
    key = points @ np.array([1.0, np.e, np.pi])[: points.shape[1]]
    order = np.argsort(key, kind="stable")
    twins = np.flatnonzero(np.diff(key[order]) == 0)
    same = np.arange(len(points))
    for first, second in zip(order[twins], order[twins + 1], strict=True):
        if np.array_equal(points[first], points[second]):
            same[second] = same[first]
    return same


def _face_normals(t: Tessellation) -> NDArray:
    """Unit normal of each face of the tessellation, from its first cell to its second."""
    simplices, owner = face_simplices(t)
    turns = _turns(t.vertices[simplices])
    normal = np.stack(
        [np.bincount(owner, turns[:, k], len(t.face_cells)) for k in range(t.dimension)], axis=1
    )
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    middle = np.stack(
        [np.bincount(owner, t.vertices[simplices[:, 0], k]) for k in range(t.dimension)], axis=1
    )
    middle /= np.bincount(owner)[:, None]
    first = t.face_cells.max(axis=1)  # the other may be an outer side
    outward = np.einsum("ij,ij->i", normal, middle - volumes_and_centroids(t)[1][first]) > 0
    ahead = outward == (first == t.face_cells[:, 0])
    return np.where(ahead[:, None], normal, -normal)


def _turns(corners: NDArray) -> NDArray:
    """Normals, of any length: of segments (2D: to the right), or of triangles (right-hand rule)."""
    span = corners[:, 1] - corners[:, 0]
    if corners.shape[2] == 2:
        return np.stack([span[:, 1], -span[:, 0]], axis=1)
    return np.cross(span, corners[:, 2] - corners[:, 0])
