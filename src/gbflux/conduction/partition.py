"""Recursive coordinate bisection: parts of equal size, cut across the longest side each time.

M. J. Berger, S. H. Bokhari, IEEE Trans. Comput. C-36 (1987) 570-580, doi:10.1109/TC.1987.1676942. A graph
partitioner would cut a little less surface and cost as much as the rest of the distribution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SAMPLE = 4096  # cells from which the longest side is found


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
    """Split the cells `members`, ascending, into `parts` parts."""
    if parts == 1:
        return [members]
    sample = cells[members[:: -(-len(members) // _SAMPLE)]]
    longest = max(axes, key=lambda axis: np.ptp(_sums(axis, sample)))
    lower_parts = parts // 2
    count = len(members) * lower_parts // parts
    whole = len(members) == len(cells)
    order = np.argpartition(_sums(longest, cells if whole else cells[members]), count)
    lower = np.zeros(len(members), dtype=bool)
    lower[order[:count]] = True
    return [
        *_split(axes, cells, members[lower], lower_parts),
        *_split(axes, cells, members[~lower], parts - lower_parts),
    ]


def _sums(axis: NDArray[np.float32], cells: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the sum of the corners' coordinates of each cell: its centre but for a factor."""
    total = axis[cells[:, 0]]
    for corner in cells.T[1:]:
        total += axis[corner]
    return total


def facets_within(
    cells: NDArray[np.int32], shared: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Find the facets all of whose points are shared with other parts: those that can be another's too.

    Parameters
    ----------
    cells : (m, dimension + 1) int32 array
        The simplices of a part.
    shared : (n,) bool array
        Whether each point belongs to cells of several parts.

    Returns
    -------
    facets : (k, dimension) int32 array
        Their points, ascending.
    rows : (k,) int32 array
        The cell of each.
    """
    near = np.flatnonzero(np.count_nonzero(shared[cells], axis=1) >= cells.shape[1] - 1)
    facets, rows = [], []
    for corner in range(cells.shape[1]):
        opposite = np.delete(cells[near], corner, axis=1)
        kept = shared[opposite].all(axis=1)
        facets.append(np.sort(opposite[kept], axis=1))
        rows.append(near[kept].astype(np.int32))
    return np.concatenate(facets), np.concatenate(rows)


def beside(facets: Sequence[NDArray[np.int32]], part: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Find which facets of a part are another part's too.

    Parameters
    ----------
    facets : sequence of (k_i, dimension) int32 arrays
        The facets of each part, their points ascending; those inside a part may be there twice.
    part : int
        The part asked about.

    Returns
    -------
    places : (j,) int array
        Rows of ``facets[part]``.
    others : (j,) int32 array
        The part that has the same facet.

    Examples
    --------
    >>> places, others = beside([np.array([[0, 1], [1, 2], [1, 2]]), np.array([[0, 1]])], 0)
    >>> places.tolist(), others.tolist()
    ([0], [1])
    """
    owner = np.repeat(np.arange(len(facets), dtype=np.int32), [len(own) for own in facets])
    every = np.concatenate(facets)
    order = np.lexsort(every.T)
    one, other = order[:-1], order[1:]
    both = (every[one] == every[other]).all(axis=1) & (owner[one] != owner[other])
    one, other = one[both], other[both]
    here, there = np.concatenate([one, other]), np.concatenate([other, one])
    mine = owner[here] == part
    return here[mine] - sum(len(own) for own in facets[:part]), owner[there[mine]]
