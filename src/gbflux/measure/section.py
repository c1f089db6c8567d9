"""Plane sections through a mesh: the part of an axis-aligned plane within each cell.

A point on the plane counts as lying on its upper side. The sections of all cells therefore tile the plane
without gap or overlap wherever it lies, also through mesh points and along facets: it is cut just below the
plane. Only at the lower end of the cells, where nothing lies below, such points count as lower ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.measure.area import flat_areas
from gbflux.mesh import Mesh

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Section:
    """Triangles (in 2D segments) in which a plane cuts cells.

    Attributes
    ----------
    axis : int
        Axis normal to the plane.
    position : float
        Coordinate of the plane on that axis (µm).
    points : (k, dimension, dimension − 1) float64 array
        Corners in the plane (µm); the remaining axes in their order.
    owner : (k,) int array
        Cell each piece belongs to; a tetrahedron cut in a quadrilateral leaves two.
    area : (k,) float64 array
        Area of each piece (µm²; in 2D length, µm).
    """

    axis: int
    position: float
    points: NDArray[np.float64]
    owner: NDArray[np.integer]
    area: NDArray[np.float64]


def slice_plane(
    mesh: Mesh,
    axis: int,
    position: float,
    cell_mask: NDArray[np.bool_] | NDArray[np.integer] | None = None,
    upper: bool | None = None,
) -> Section:
    """Cut cells with the plane where the coordinate `axis` equals `position`.

    Parameters
    ----------
    mesh : Mesh
    axis : int
        0 … dimension − 1.
    position : float
        Coordinate of the plane (µm).
    cell_mask : (m,) bool array or (k,) int array, optional
        Cells to cut, all by default.
    upper : bool, optional
        Cut the cells just above the plane where it runs along facets, rather than those just below. By
        default only at the lower end of the cells.

    Returns
    -------
    Section

    Raises
    ------
    InputError
        If the mesh has no such axis.
    """
    if axis not in range(mesh.dimension):
        raise InputError(
            f"section: axis must be 0 … {mesh.dimension - 1}; got {axis}. Give an axis of the mesh."
        )
    height = mesh.points[:, axis] - position
    cells = _selected(cell_mask)
    if upper is None:
        upper = not _any_below(height, mesh.cells, cells)
    low = height <= 0 if upper else height < 0
    cut = _cut_cells(low, mesh.cells, cells)
    pieces, owner = (_cut_triangles if mesh.dimension == 2 else _cut_tetrahedra)(
        mesh.points, height, low, mesh.cells[cut]
    )
    points = np.delete(pieces, axis, axis=2)
    area = flat_areas(points)
    kept = area > 0
    return Section(axis, float(position), points[kept], cut[owner[kept]], area[kept])


def _selected(cell_mask: NDArray | None) -> NDArray[np.intp] | None:
    """Cell numbers from a mask or numbers; None for all."""
    if cell_mask is None:
        return None
    cell_mask = np.asarray(cell_mask)
    return np.flatnonzero(cell_mask) if cell_mask.dtype == bool else cell_mask


def _any_below(height: NDArray, all_cells: NDArray, cells: NDArray | None) -> bool:
    """Test whether any of the cells reaches below the plane."""
    if cells is None:
        return bool(height.min() < 0)
    return any(
        (height[all_cells[cells[start : start + _BLOCK]]] < 0).any() for start in range(0, len(cells), _BLOCK)
    )


def _cut_cells(low: NDArray[np.bool_], all_cells: NDArray, cells: NDArray | None) -> NDArray[np.intp]:
    """Cells with corners on both sides."""
    n = len(all_cells) if cells is None else len(cells)
    found = [np.empty(0, dtype=np.intp)]
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        count = low[all_cells[block if cells is None else cells[block]]].sum(axis=1)
        cut = np.flatnonzero((count > 0) & (count < all_cells.shape[1]))
        found.append(cut + start if cells is None else cells[block][cut])
    return np.concatenate(found)


def _cut_triangles(points, height, low, corners):
    """Segments across triangles: the two edges at the corner that is alone on its side."""
    below = low[corners]
    single = below == (below.sum(axis=1) == 1)[:, None]
    alone, others = _sorted_corners(corners, single, 1)
    ends = np.stack([_crossing(points, height, alone[:, 0], others[:, k]) for k in range(2)], axis=1)
    return ends, np.arange(len(corners))


def _cut_tetrahedra(points, height, low, corners):
    """Triangles across tetrahedra; a quadrilateral (two corners on each side) becomes two."""
    below = low[corners]
    count = below.sum(axis=1)
    three, two = np.flatnonzero(count != 2), np.flatnonzero(count == 2)
    alone, others = _sorted_corners(corners[three], below[three] == (count[three] == 1)[:, None], 1)
    caps = np.stack([_crossing(points, height, alone[:, 0], others[:, k]) for k in range(3)], axis=1)
    a, b = _sorted_corners(corners[two], below[two], 2)
    around = ((0, 0), (0, 1), (1, 1), (1, 0))
    quads = np.stack([_crossing(points, height, a[:, i], b[:, k]) for i, k in around], axis=1)
    return np.concatenate([caps, quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), np.concatenate([three, two, two])


def _sorted_corners(corners, chosen, n_chosen):
    """Chosen corners and the rest, as two arrays."""
    return corners[chosen].reshape(-1, n_chosen), corners[~chosen].reshape(-1, corners.shape[1] - n_chosen)


def _crossing(points, height, a, b):
    """Points where edges a–b meet the plane, the same to the last bit for all cells that share an edge."""
    a, b = np.minimum(a, b), np.maximum(a, b)
    t = height[a] / (height[a] - height[b])
    return points[a] + t[:, None] * (points[b] - points[a])
