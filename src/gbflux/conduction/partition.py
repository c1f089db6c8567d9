"""Recursive coordinate bisection: parts of equal size, cut across the longest side each time.

M. J. Berger, S. H. Bokhari, IEEE Trans. Comput. C-36 (1987) 570-580, doi:10.1109/TC.1987.1676942. A graph
partitioner would cut a little less surface and cost as much as the rest of the distribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_SAMPLE = 4096  # cells that tell which side is the longest


def bisect(points: NDArray[np.floating], cells: NDArray[np.int32], parts: int) -> list[NDArray[np.int32]]:
    """Split cells into parts of equal size that are compact in space.

    Parameters
    ----------
    points : (n, dimension) float array
        Points, in any unit.
    cells : (m, corners) int32 array
        Corners of the cells.
    parts : int
        Number of parts, at least 1 and at most m.

    Returns
    -------
    list of (m_k,) int32 arrays
        The cells of each part, ascending; no part is empty.

    Examples
    --------
    >>> line = np.array([[0.0], [2.0], [4.0], [6.0], [8.0]])
    >>> segments = np.array([[2, 3], [0, 1], [3, 4], [1, 2]], dtype=np.int32)
    >>> [part.tolist() for part in bisect(line, segments, 2)]
    [[1, 3], [0, 2]]
    """
    axes = [np.ascontiguousarray(axis, dtype=np.float32) for axis in points.T]  # enough to cut by
    return _split(axes, cells, np.arange(len(cells), dtype=np.int32), parts)


def _split(
    axes: list[NDArray[np.float32]], cells: NDArray[np.int32], members: NDArray[np.int32], parts: int
) -> list[NDArray[np.int32]]:
    """Split the cells `members` into `parts` parts."""
    if parts == 1:
        return [np.sort(members)]
    sample = cells[members[:: -(-len(members) // _SAMPLE)]]
    longest = max(axes, key=lambda axis: np.ptp(_sums(axis, sample)))
    lower_parts = parts // 2
    count = len(members) * lower_parts // parts
    whole = len(members) == len(cells)
    order = np.argpartition(_sums(longest, cells if whole else cells[members]), count)
    lower, upper = members[order[:count]], members[order[count:]]
    return _split(axes, cells, lower, lower_parts) + _split(axes, cells, upper, parts - lower_parts)


def _sums(axis: NDArray[np.float32], cells: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the sum of the corners' coordinates of each cell: its centre but for a factor."""
    total = axis[cells[:, 0]]
    for corner in cells.T[1:]:
        total += axis[corner]
    return total


def facet_neighbours(
    cells: NDArray[np.int32], parts: Sequence[NDArray[np.int32]], point_count: int
) -> list[NDArray[np.int32]]:
    """Find where the cells of one part share a facet with those of another.

    Parameters
    ----------
    cells : (m, dimension + 1) int32 array
        Simplices.
    parts : sequence of (m_k,) int32 arrays
        The cells of each part.
    point_count : int
        Number of points the cells refer to.

    Returns
    -------
    list of (k, 2) int32 arrays
        For each part, ascending and without repeats: row of a cell within the part, and the other part.

    Examples
    --------
    >>> squares = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4]], dtype=np.int32)
    >>> [pairs.tolist() for pairs in facet_neighbours(squares, [np.array([0, 1]), np.array([2])], 5)]
    [[[1, 1]], [[0, 0]]]
    """
    touching = np.zeros(point_count, dtype=np.int32)
    for part in parts:
        seen = np.zeros(point_count, dtype=bool)
        seen[cells[part]] = True
        touching += seen
    shared = touching > 1
    facets, rows, owners = (
        np.concatenate(x) for x in zip(*_shared_facets(cells, parts, shared), strict=True)
    )
    order = np.lexsort(facets.T)
    facets, rows, owners = facets[order], rows[order], owners[order]
    first = np.flatnonzero((facets[1:] == facets[:-1]).all(axis=1) & (owners[1:] != owners[:-1]))
    here, there = np.concatenate([first, first + 1]), np.concatenate([first + 1, first])
    pairs = np.column_stack([rows[here], owners[there]])
    return [np.unique(pairs[owners[here] == part], axis=0).reshape(-1, 2) for part in range(len(parts))]


def _shared_facets(
    cells: NDArray[np.int32], parts: Sequence[NDArray[np.int32]], shared: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]]:
    """Yield facets of shared points: their points, sorted, the row of the cell in its part, the part."""
    for number, part in enumerate(parts):
        members = cells[part]
        rows = np.flatnonzero(np.count_nonzero(shared[members], axis=1) >= members.shape[1] - 1)
        members = members[rows]
        for corner in range(members.shape[1]):
            facets = np.delete(members, corner, axis=1)
            kept = shared[facets].all(axis=1)
            owner = np.full(np.count_nonzero(kept), number, dtype=np.int32)
            yield np.sort(facets[kept], axis=1), rows[kept].astype(np.int32), owner
