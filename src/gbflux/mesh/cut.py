"""A layered mesh with its homogenizing layers cut off at a mesh plane, as if meshed that thin."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MeshError
from gbflux.mesh.mesh import ELECTROLYTE, Mesh, is_kind
from gbflux.mesh.simplices import Floats, Mask
from gbflux.units import SIDES

_NEAR = 1e-9  # of the mesh's extent: what lies on a plane


@dataclass(frozen=True)
class Cut:
    """Part of a mesh that is left between two electrode planes.

    Attributes
    ----------
    mesh : Mesh
        The part itself; a side cut off at the electrolyte has no slab. `quality` is of the whole mesh.
    cells : (m,) int64 array or slice
        Its cells in the whole mesh, ascending; a slice where they are the first ones, see `NestedMesh`.
    points : (n,) int64 array or slice
        Its points in the whole mesh, likewise.
    covered : pair of (n_whole,) bool arrays or None
        For the bottom and the top, the points of the whole mesh on the electrode plane or beyond it; None
        where nothing is cut off.
    """

    mesh: Mesh
    cells: NDArray[np.int64] | slice
    points: NDArray[np.int64] | slice
    covered: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]


@dataclass(frozen=True)
class NestedMesh:
    """A mesh with the outermost cells and points last, to be cut at its planes.

    When both layers are cut at planes of the same number, counted from the electrolyte, the part left has
    the first cells and points: it takes no search and no copies.

    Attributes
    ----------
    mesh : Mesh
    hl_planes_um : pair of tuples of float
        Distances of the mesh planes in the bottom and the top layer from the electrolyte (µm), ascending.
    point_counts, cell_counts : (k,) int arrays or None
        Points and cells up to each plane; None where cells lie across planes.
    """

    mesh: Mesh
    hl_planes_um: tuple[tuple[float, ...], tuple[float, ...]]
    point_counts: NDArray[np.int64] | None
    cell_counts: NDArray[np.int64] | None

    def cut(self, hl_um: tuple[float, float]) -> Cut:
        """Cut the homogenizing layers to a smaller thickness; parameters and errors as for `cut_slabs`."""
        numbers = {
            planes.index(um) if um in planes else None
            for um, planes in zip(hl_um, self.hl_planes_um, strict=True)
            if planes
        }
        number = numbers.pop() if len(numbers) == 1 else None
        if self.cell_counts is None or self.point_counts is None or number is None:
            return cut_slabs(self.mesh, hl_um)
        cells, points = slice(int(self.cell_counts[number])), slice(int(self.point_counts[number]))
        return _part(self.mesh, hl_um, _depths(self.mesh, hl_um), cells, points)


def nested(mesh: Mesh, hl_planes_um: tuple[tuple[float, ...], tuple[float, ...]]) -> NestedMesh:
    """Sort the cells and points of a mesh from the electrolyte outwards.

    Parameters
    ----------
    mesh : Mesh
    hl_planes_um : pair of tuples of float
        Distances of the mesh planes in the bottom and the top layer from the electrolyte (µm), ascending.
    """
    z, near = mesh.points[:, -1], _tolerance(mesh)
    depths = (mesh.z_electrolyte[0] - z, z - mesh.z_electrolyte[1])
    level = np.zeros(len(z), dtype=np.int8 if max(map(len, hl_planes_um)) < 127 else np.int32)
    between = np.ones(len(z), dtype=bool)
    for depth, planes in zip(depths, hl_planes_um, strict=True):
        # planes that a point lies beyond: none in the electrolyte
        heights = np.array((0.0, *planes))
        beyond = np.searchsorted(heights + near, depth)
        level = level + beyond.astype(level.dtype)
        between = between & (np.abs(depth - heights[np.minimum(beyond, len(planes))]) > near)
    corners = [level.take(corner) for corner in mesh.cells.T]
    of_cells = np.maximum.reduce(corners)
    # corners of a cell that lie below its outer plane are on its inner one
    below = [
        (one < of_cells) & between.take(corner) for one, corner in zip(corners, mesh.cells.T, strict=True)
    ]
    across = np.logical_or.reduce(below) | (of_cells > np.minimum.reduce(corners) + 1)
    across = across | ((of_cells > 0) & is_kind(mesh.kind, ELECTROLYTE))
    points, cells = (np.argsort(x, kind="stable") for x in (level, of_cells))
    number = np.empty(len(points), dtype=mesh.cells.dtype)
    number[points] = np.arange(len(points), dtype=number.dtype)
    sorted_mesh = replace(
        mesh,
        points=mesh.points.take(points, axis=0),
        cells=number.take(mesh.cells.take(cells, axis=0)),
        kind=mesh.kind[cells],
        region=mesh.region[cells],
        boundary=mesh.boundary[cells],
        node=None if mesh.node is None else mesh.node[points],
    )
    if across.any():
        return NestedMesh(sorted_mesh, hl_planes_um, None, None)
    counts = (np.cumsum(np.bincount(x))[1:] for x in (level, of_cells))
    return NestedMesh(sorted_mesh, hl_planes_um, *counts)


def cut_slabs(mesh: Mesh, hl_um: tuple[float, float]) -> Cut:
    """Cut the homogenizing layers of a mesh to a smaller thickness.

    Parameters
    ----------
    mesh : Mesh
        With a mesh plane at each thickness.
    hl_um : (float, float)
        Thickness of the bottom and the top layer (µm), at most that of the mesh; 0.0 takes the layer off, its
        contact with the electrolyte too.

    Returns
    -------
    Cut

    Raises
    ------
    MeshError
        If there is no mesh plane at a thickness.
    """
    depths, near = _depths(mesh, hl_um), _tolerance(mesh)
    beyond = [depth > near for depth in depths if depth is not None]
    outside = np.logical_or.reduce([np.zeros(len(mesh.points), dtype=bool), *beyond])
    inside = np.logical_and.reduce([~outside, *(depth < -near for depth in depths if depth is not None)])
    kept = ~_cells_outside(mesh, hl_um, outside, inside)
    if 0.0 in hl_um:  # points of the contact, which goes with its layer, may lie on the plane
        used = np.zeros(len(mesh.points), dtype=bool)
        used[mesh.cells[kept]] = True
    else:
        used = ~outside
    return _part(mesh, hl_um, depths, _leading_slice(kept), _leading_slice(used))


def _leading_slice(mask: NDArray[np.bool_]) -> NDArray[np.int64] | slice:
    """Index of the entries a mask chooses: a slice where they are the first ones."""
    count = np.count_nonzero(mask)
    return slice(count) if mask[:count].all() else np.flatnonzero(mask)


def _electrodes(mesh: Mesh, hl_um: tuple[float, float]) -> tuple[float, float]:
    """Planes of the electrodes on layers of some thickness (µm)."""
    return mesh.z_electrolyte[0] - hl_um[0], mesh.z_electrolyte[1] + hl_um[1]


def _tolerance(mesh: Mesh) -> float:
    """Distance from a plane within which points count as lying on it (µm)."""
    return _NEAR * float(np.ptp(mesh.points[:, -1]))


def _depths(mesh: Mesh, hl_um: tuple[float, float]) -> tuple[Floats | None, Floats | None]:
    """Distance of each point beyond the plane of either electrode (µm); None where nothing is cut off."""
    z, (bottom, top) = mesh.points[:, -1], _electrodes(mesh, hl_um)
    return (
        None if bottom == mesh.z_electrodes[0] else bottom - z,
        None if top == mesh.z_electrodes[1] else z - top,
    )


def _cells_outside(mesh: Mesh, hl_um: tuple[float, float], outside: Mask, inside: Mask) -> Mask:
    """Cells with points outside the electrodes; no cell may have others strictly inside."""
    place = outside.astype(np.uint8)
    place[inside] = 2
    of_cells = np.bitwise_or.reduce([place.take(corner) for corner in mesh.cells.T])
    if np.any(of_cells == 3):
        bottom, top = _electrodes(mesh, hl_um)
        raise MeshError(
            "mesh: the homogenizing layers must have mesh planes at z = "
            f"{bottom:g} and {top:g} µm; got cells across. Mesh this thickness by itself."
        )
    found: Mask = of_cells == 1
    return found


def _part(
    mesh: Mesh,
    hl_um: tuple[float, float],
    depths: tuple[Floats | None, Floats | None],
    kept: NDArray[np.int64] | slice,
    used: NDArray[np.int64] | slice,
) -> Cut:
    """The kept cells as a mesh of their own, points on the new electrodes exactly there."""
    electrodes, near = _electrodes(mesh, hl_um), _tolerance(mesh)
    below, above = (None if depth is None else depth >= -near for depth in depths)
    slabs = tuple(side for side, um in zip(SIDES, hl_um, strict=True) if side in mesh.slabs and um > 0)
    points, cells, region = mesh.points[used].copy(), mesh.cells[kept], mesh.region[kept]
    if not isinstance(used, slice):
        number = np.zeros(len(mesh.points), dtype=np.int32)
        number[used] = np.arange(len(used), dtype=np.int32)
        cells = number[cells]
    for nodes, z in zip((below, above), electrodes, strict=True):
        if nodes is not None:
            points[nodes[used], -1] = z
    for old, side in enumerate(mesh.slabs):  # without the bottom slab the top one is the first
        if side in slabs and slabs.index(side) != old:
            region = region.copy()
            region[region == mesh.n_grains + old] = mesh.n_grains + slabs.index(side)
    part = replace(
        mesh,
        points=points,
        cells=cells,
        kind=mesh.kind[kept],
        region=region,
        boundary=mesh.boundary[kept],
        node=None if mesh.node is None else mesh.node[used],
        slabs=slabs,
        z_electrodes=electrodes,
        hash=hashlib.sha256(f"{mesh.hash} {electrodes}".encode()).hexdigest(),
    )
    return Cut(part, kept, used, (below, above))
