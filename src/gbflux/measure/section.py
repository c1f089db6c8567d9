"""Plane sections through a mesh: the part of an axis-aligned plane within each cell.

A point on the plane counts as lying on its upper side. The sections of all cells therefore tile the plane
without gap or overlap wherever it lies, also through mesh points and along facets: it is cut just below the
plane. Only at the lower end of the cells, where nothing lies below, such points count as lower ones.

The area of the cut z = const through a simplex needs no cutting: it is the simplex's volume times the
B-spline whose knots are the z of its corners, of degree dimension − 1 and integral one: H. B. Curry, I. J.
Schoenberg, J. Analyse Math. 17 (1966) 71, doi:10.1007/BF02788653. The recursion is that of M. G. Cox and C.
de Boor, a sum of positive terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.mesh import Mesh

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

_BLOCK = 1 << 18  # cells looked at together, few enough for the processor's cache
_TINY = 1e-300


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
    owner: NDArray[np.integer[Any]]
    area: NDArray[np.float64]


def slice_plane(
    mesh: Mesh,
    axis: int,
    position: float,
    cell_mask: NDArray[np.bool_] | NDArray[np.integer[Any]] | None = None,
    upper: bool | None = None,
) -> Section:
    """Cut cells with the plane where the coordinate `axis` equals `position`.

    Parameters
    ----------
    axis : int
        0 … dimension − 1.
    position : float
        Coordinate of the plane (µm).
    cell_mask : (m,) bool array or (k,) int array, optional
        Cells to cut, all by default.
    upper : bool, optional
        Cut the cells just above the plane where it runs along facets, rather than those just below. By
        default only at the lower end of the cells.

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


def _selected(cell_mask: NDArray[Any] | None) -> NDArray[np.intp] | None:
    """Cell numbers from a mask or numbers; None for all."""
    if cell_mask is None:
        return None
    cell_mask = np.asarray(cell_mask)
    return np.flatnonzero(cell_mask) if cell_mask.dtype == bool else cell_mask


def _any_below(height: NDArray[Any], all_cells: NDArray[Any], cells: NDArray[Any] | None) -> bool:
    """Test whether any of the cells reaches below the plane."""
    if cells is None:
        return bool(height.min() < 0)
    return any(
        (height[all_cells[cells[start : start + _BLOCK]]] < 0).any() for start in range(0, len(cells), _BLOCK)
    )


def _cut_cells(
    low: NDArray[np.bool_], all_cells: NDArray[Any], cells: NDArray[Any] | None
) -> NDArray[np.intp]:
    """Cells with corners on both sides."""
    n = len(all_cells) if cells is None else len(cells)
    found = [np.empty(0, dtype=np.intp)]
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        count = low[all_cells[block if cells is None else cells[block]]].sum(axis=1)
        cut = np.flatnonzero((count > 0) & (count < all_cells.shape[1]))
        found.append(cut + start if cells is None else cells[block][cut])
    return np.concatenate(found)


def _cut_triangles(points: Floats, height: Floats, low: Bools, corners: Ints) -> tuple[Floats, Ints]:
    """Segments across triangles: the two edges at the corner that is alone on its side."""
    below = low[corners]
    single = below == (below.sum(axis=1) == 1)[:, None]
    alone, others = _sorted_corners(corners, single, 1)
    ends = np.stack([_crossing(points, height, alone[:, 0], others[:, k]) for k in range(2)], axis=1)
    return ends, np.arange(len(corners))


def _cut_tetrahedra(points: Floats, height: Floats, low: Bools, corners: Ints) -> tuple[Floats, Ints]:
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


def _sorted_corners(corners: Ints, chosen: Bools, n_chosen: int) -> tuple[Ints, Ints]:
    """Chosen corners and the rest, as two arrays."""
    return corners[chosen].reshape(-1, n_chosen), corners[~chosen].reshape(-1, corners.shape[1] - n_chosen)


def _crossing(points: Floats, height: Floats, a: Ints, b: Ints) -> Floats:
    """Points where edges a–b meet the plane, the same to the last bit for all cells that share an edge."""
    a, b = np.minimum(a, b), np.maximum(a, b)
    t = height[a] / (height[a] - height[b])
    crossing: Floats = points[a] + t[:, None] * (points[b] - points[a])
    return crossing


def cut_areas(
    volume: NDArray[np.float64], heights: NDArray[np.float64], position: float, upper: bool
) -> NDArray[np.float64]:
    """Areas that simplices have on a plane, those that do not reach it 0.

    Parameters
    ----------
    volume : (k,) array
        Volumes (µm³; in 2D areas, µm²).
    heights : (dimension + 1, k) array
        Coordinates of the corners normal to the plane, ascending in each column (µm).
    position : float
        The plane (µm).
    upper : bool
        Where the plane runs along a facet, count the cell just above it, rather than the one just below.

    Returns
    -------
    (k,) array
        µm²; in 2D lengths, µm.

    Examples
    --------
    Half-way up a tetrahedron with three corners at z = 0, and on that face:

    >>> heights = np.array([[0.0], [0.0], [0.0], [1.0]])
    >>> cut_areas(np.array([1 / 6]), heights, 0.5, False).tolist()
    [0.125]
    >>> cut_areas(np.array([1 / 6]), heights, 0.0, True).tolist()
    [0.5]
    """
    low = heights <= position if upper else heights < position
    above, last = position - heights, len(heights) - 1
    spline = [(low[i] != low[i + 1]) * _inverse(heights[i + 1] - heights[i]) for i in range(last)]
    for degree in range(1, last):
        spline = [
            (degree + 1)
            / degree
            * _inverse(heights[i + degree + 1] - heights[i])
            * (above[i] * spline[i] - above[i + degree + 1] * spline[i + 1])
            for i in range(last - degree)
        ]
    area: NDArray[np.float64] = volume * spline[0]
    return area


def _inverse(length: NDArray[np.float64]) -> NDArray[np.float64]:
    """1/length, and something finite where knots fall together: it is multiplied by splines that are zero."""
    return 1.0 / np.maximum(length, _TINY)


def flat_areas(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas of triangles in a plane, or lengths of segments on a line, from (k, d, d − 1) corners."""
    if points.shape[1] == 2:
        return np.abs(points[:, 1, 0] - points[:, 0, 0])
    a, b = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    area: NDArray[np.float64] = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    return area
