"""The conforming mesh of a tessellation, by gmsh's built-in kernel: the only file that talks to gmsh.

One point per vertex, one line per edge, one plane surface per face, one volume per cell, in micrometres. The built-in kernel is used because
it takes the topology as given; a solid-modelling kernel would search for it with an absolute tolerance.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MeshError, MissingLibrary
from gbflux.grains.tessellation import Tessellation, face_simplices, volumes_and_centroids
from gbflux.mesh.simplices import signed_volumes

_HXT, _DELAUNAY = 10, 1


@dataclass(frozen=True)
class MeshSize:
    """How fine the mesh is.

    Attributes
    ----------
    size_um : float
        Edge length away from the planes where grains end (µm).
    end_size_um : float
        Edge length at those planes (µm).
    reproducible : bool
        Serial Delaunay in place of parallel HXT: the same mesh every time, at about four times the cost.
    """

    size_um: float
    end_size_um: float
    reproducible: bool = False


@dataclass(frozen=True)
class ConformingMesh:
    """Simplices of all cells, and the faces between two cells.

    Attributes
    ----------
    points : (n, d) float array
        Nodes (µm).
    cells : (m, d + 1) int array
        Simplices, positively oriented.
    region : (m,) int array
        Cell of the tessellation that each simplex lies in.
    facets : (k, d) int array
        Simplices of the faces between two cells, oriented so that their normal points from the first to the second.
    facet_regions : (k, 2) int array
        The two cells on either side of each.
    facet_normal : (k, d) float array
        Unit normal, from the first to the second.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int64]
    region: NDArray[np.int64]
    facets: NDArray[np.int64]
    facet_regions: NDArray[np.int64]
    facet_normal: NDArray[np.float64]


def load_gmsh():
    """The gmsh module.

    Raises
    ------
    MissingLibrary
        If gmsh cannot be imported.
    """
    try:
        import gmsh
    except (ImportError, OSError) as error:
        raise MissingLibrary(
            f"mesh: gmsh must be importable; got {error}. Run `make setup`, or install python3-gmsh or the gmsh wheel."
        ) from error
    return gmsh


def gmsh_version() -> str:
    """Version of gmsh."""
    return load_gmsh().__version__


def mesh_conforming(
    tessellation: Tessellation, size: MeshSize, end_planes: tuple[float, ...]
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

    Raises
    ------
    MeshError
        If gmsh fails.
    """
    gmsh = load_gmsh()
    gmsh.initialize(
        interruptible=False
    ) if "interruptible" in gmsh.initialize.__code__.co_varnames else gmsh.initialize()
    try:
        _set_options(gmsh, size)
        _draw(gmsh, tessellation)
        _grade(gmsh, tessellation, size, end_planes)
        gmsh.model.mesh.generate(tessellation.dimension)
        return _extract(gmsh, tessellation)
    except Exception as error:
        if isinstance(error, MeshError):
            raise
        raise MeshError(
            f"mesh: gmsh {gmsh.__version__} must mesh every grain; got '{error}'. Try another grains.seed or a smaller mesh.size_um."
        ) from error
    finally:
        gmsh.finalize()


def _set_options(gmsh, size: MeshSize) -> None:
    """Algorithm, threads, and size from the field alone. Optimize = 1 is what keeps slivers out."""
    threads = 1 if size.reproducible else len(os.sched_getaffinity(0))
    options = {
        "General.Verbosity": 1,
        "General.NumThreads": threads,
        "Mesh.MeshSizeMin": min(size.size_um, size.end_size_um),
        "Mesh.MeshSizeMax": max(size.size_um, size.end_size_um),
        "Mesh.MeshSizeFromPoints": 0,
        "Mesh.MeshSizeExtendFromBoundary": 0,
        "Mesh.Algorithm3D": _DELAUNAY if size.reproducible else _HXT,
        "Mesh.Optimize": 1,
    }
    for name, value in options.items():
        gmsh.option.setNumber(name, value)


def _draw(gmsh, t: Tessellation) -> None:
    """Points, lines, surfaces and volumes; every tag is the number in the tessellation plus one."""
    geo, d = gmsh.model.geo, t.dimension
    for k, vertex in enumerate(t.vertices):
        geo.addPoint(*vertex, *([0.0] if d == 2 else []), 0, k + 1)
    lines: dict[tuple[int, int], int] = {}
    of_cell: list[list[int]] = [[] for _ in range(t.n_cells)]
    for f, cells in enumerate(t.face_cells):
        loop = (t.face(f) + 1).tolist()
        if d == 2:
            geo.addLine(*loop, f + 1)
        else:
            geo.addCurveLoop(
                [_line(geo, lines, a, b) for a, b in zip(loop, loop[1:] + loop[:1], strict=True)], f + 1
            )
            geo.addPlaneSurface([f + 1], f + 1)
        for cell in cells:
            if cell >= 0:
                of_cell[cell].append(f + 1)
    for cell, faces in enumerate(of_cell):
        if d == 2:
            geo.addCurveLoop(_signed_loop(t, faces), cell + 1)
            geo.addPlaneSurface([cell + 1], cell + 1)
        else:
            geo.addSurfaceLoop(faces, cell + 1)
            geo.addVolume([cell + 1], cell + 1)
    geo.synchronize()


def _line(geo, lines: dict[tuple[int, int], int], a: int, b: int) -> int:
    """Tag of the line from a to b, negative if it was drawn the other way round."""
    key = (min(a, b), max(a, b))
    if key not in lines:
        lines[key] = geo.addLine(*key, len(lines) + 1)
    return lines[key] if a < b else -lines[key]


def _signed_loop(t: Tessellation, lines: list[int]) -> list[int]:
    """Lines of a 2D cell in order, negative where run backwards."""
    ends = {line: t.face(line - 1).tolist() for line in lines}
    at: dict[int, list[int]] = {}
    for line, (a, b) in ends.items():
        at.setdefault(a, []).append(line)
        at.setdefault(b, []).append(line)
    line, here, loop = lines[0], ends[lines[0]][1], [lines[0]]
    while len(loop) < len(lines):
        line = next(other for other in at[here] if other != line)
        forward = ends[line][0] == here
        loop.append(line if forward else -line)
        here = ends[line][1] if forward else ends[line][0]
    return loop


def _grade(gmsh, t: Tessellation, size: MeshSize, end_planes: tuple[float, ...]) -> None:
    """Background size field: fine in a sheet on each end plane, growing to the full size over a few cells."""
    fine, coarse = size.end_size_um, size.size_um
    if fine == coarse:
        return
    field = gmsh.model.mesh.field
    low, high = t.vertices.min(axis=0) - coarse, t.vertices.max(axis=0) + coarse
    axes = "XYZ"[: t.dimension]
    sheets = []
    for plane in end_planes:
        sheet = field.add("Box")
        low[-1], high[-1] = plane - fine, plane + fine
        numbers = {
            "VIn": fine,
            "VOut": coarse,
            "Thickness": 3 * abs(coarse - fine),
            "ZMin": -1.0,
            "ZMax": 1.0,
        }
        numbers |= {f"{axis}Min": low[k] for k, axis in enumerate(axes)}
        numbers |= {f"{axis}Max": high[k] for k, axis in enumerate(axes)}
        for name, value in numbers.items():
            field.setNumber(sheet, name, value)
        sheets.append(sheet)
    both = field.add("Min" if fine < coarse else "Max")
    field.setNumbers(both, "FieldsList", sheets)
    field.setAsBackgroundMesh(both)


def _extract(gmsh, t: Tessellation) -> ConformingMesh:
    """Arrays from gmsh's mesh, nodes renumbered from zero."""
    d = t.dimension
    tags, xyz, _ = gmsh.model.mesh.getNodes()
    points = xyz.reshape(-1, 3)[:, :d]
    number = np.zeros(int(tags.max()) + 1, dtype=np.int64)
    number[tags.astype(np.int64)] = np.arange(len(tags))
    cells, region = _simplices(gmsh, d, range(t.n_cells), number)
    inner = np.flatnonzero(np.all(t.face_cells >= 0, axis=1))
    facets, face = _simplices(gmsh, d - 1, inner, number)
    if len(np.unique(region)) < t.n_cells:
        missing = np.setdiff1d(np.arange(t.n_cells), region)
        raise MeshError(
            f"mesh: gmsh must mesh every grain; got no cells in grain {missing[0]} ({len(missing)} in all). "
            "Try another grains.seed or a smaller mesh.size_um."
        )
    same = _coincident(points)
    cells, facets = same[cells], same[facets]
    used = np.zeros(len(points), dtype=bool)
    used[cells] = True
    compact = np.cumsum(used) - 1
    points, cells, facets = points[used], compact[cells], compact[facets]
    flipped = signed_volumes(points, cells) < 0
    cells[flipped, :2] = cells[flipped, 1::-1]
    regions = t.face_cells[face]
    normal = _face_normals(t)[face]
    backward = np.einsum("ij,ij->i", normal, _turns(points[facets])) < 0
    facets[backward, :2] = facets[backward, 1::-1]
    return ConformingMesh(points, cells, region, facets, regions, normal)


def _coincident(points: NDArray) -> NDArray[np.int64]:
    """For each node the first one at the very same place: HXT now and then meshes around two copies of a node."""
    key = points @ np.array([1.0, np.e, np.pi])[: points.shape[1]]
    order = np.argsort(key, kind="stable")
    twins = np.flatnonzero(np.diff(key[order]) == 0)
    same = np.arange(len(points))
    for first, second in zip(order[twins], order[twins + 1], strict=True):
        if np.array_equal(points[first], points[second]):
            same[second] = same[first]
    return same


def _simplices(gmsh, dimension: int, entities, number: NDArray) -> tuple[NDArray, NDArray]:
    """Node numbers of all simplices of the given entities, and the entity of each."""
    blocks, owner = [np.zeros((0, dimension + 1), dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for entity in entities:
        _, _, nodes = gmsh.model.mesh.getElements(dimension, int(entity) + 1)
        if nodes:
            block = number[np.asarray(nodes[0], dtype=np.int64)].reshape(-1, dimension + 1)
            blocks.append(block)
            owner.append(np.full(len(block), entity, dtype=np.int64))
    return np.vstack(blocks), np.concatenate(owner)


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
    """Normals of segments (2D: to the right of the direction) or triangles (right-hand rule), not of unit length."""
    span = corners[:, 1] - corners[:, 0]
    if corners.shape[2] == 2:
        return np.stack([span[:, 1], -span[:, 0]], axis=1)
    return np.cross(span, corners[:, 2] - corners[:, 0])
