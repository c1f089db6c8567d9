"""Many arrays of unequal lengths at once: the rows of a matrix, filled up with zeros at their ends.

A file of ten thousand sweeps is analysed in as many calls of numpy as one of a single sweep. `kept` says
which elements of a matrix are numbers of the row; a reduction takes those alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int_]
_ELEMENTS = 1 << 16  # of a matrix, for the processor's cache
_LONGEST = 1.25  # times the shortest row of a matrix
_FEW_PLACES = 8  # up to which a partition is faster than a sort


def blocks(lengths: Sequence[int]) -> Iterator[Ints]:
    """Numbers of arrays of alike length that make one matrix.

    >>> [block.tolist() for block in blocks([50, 3, 48, 2])]
    [[3], [1], [2, 0]]
    """
    sizes = np.asarray(lengths)
    order = np.argsort(sizes, kind="stable")
    begin = 0
    for k in range(1, len(order) + 1):
        size = sizes[order[k]] if k < len(order) else np.inf
        if size > _LONGEST * sizes[order[begin]] or (k + 1 - begin) * size > _ELEMENTS:
            yield order[begin:k]
            begin = k


def filled(parts: Sequence[Array]) -> tuple[Array, Ints]:
    """A matrix of the parts, and their lengths.

    >>> filled([np.array([1.0, 2.0]), np.array([3.0])])[0].tolist()
    [[1.0, 2.0], [3.0, 0.0]]
    """
    lengths = np.array([len(part) for part in parts])
    out = np.zeros((len(parts), int(lengths.max(initial=0))), dtype=parts[0].dtype)
    out[np.arange(out.shape[1]) < lengths[:, None]] = np.concatenate(parts)
    return out, lengths


def packed(kept: Bools, *matrices: Array) -> tuple[Bools, list[Array]]:
    """Kept elements of each row, moved to its beginning.

    >>> packed(np.array([[False, True]]), np.array([[1.0, 2.0]]))[1][0].tolist()
    [[2.0]]
    """
    counts = kept.sum(axis=1)
    inside = np.arange(int(counts.max(initial=0))) < counts[:, None]
    out = []
    for matrix in matrices:
        new = np.zeros(inside.shape, dtype=matrix.dtype)
        new[inside] = matrix[kept]
        out.append(new)
    return inside, out


def medians(values: Array, kept: Bools) -> Array:
    """Median of each row; NaN for one without numbers.

    >>> medians(np.array([[3.0, 1.0, 2.0], [4.0, 1.0, 9.0]]), np.array([[True] * 3, [True, True, False]]))
    array([2. , 2.5])
    """
    counts = kept.sum(axis=1)
    upper = counts // 2
    lower = np.maximum(upper - (counts % 2 == 0), 0)
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    places = np.unique(np.concatenate([lower, np.minimum(upper, values.shape[1] - 1)]))
    parts = np.where(kept, values, np.inf)
    if len(places) <= _FEW_PLACES:
        parts.partition(places, axis=1)
    else:
        parts.sort(axis=1)
    every = np.arange(len(parts))
    high = parts[every, np.minimum(upper, values.shape[1] - 1)]
    found = 0.5 * (parts[every, lower] + high)
    return np.where(counts > 0, np.where(counts % 2, high, found), np.nan)


def sums(values: Array, kept: Bools) -> Array:
    """Sum of each row, as a column (m, 1)."""
    return np.where(kept, values, 0.0).sum(axis=1, keepdims=True)


def largest(values: Array, kept: Bools, least: float = 0.0) -> Array:
    """Largest number of each row, as a column (m, 1), and not below `least`."""
    return np.where(kept, values, least).max(axis=1, keepdims=True, initial=least)


def first(found: Bools, otherwise: Ints) -> Ints:
    """Place of the first True of each row, another number for one without.

    >>> first(np.array([[False, True, True], [False, False, False]]), np.array([3, 3])).tolist()
    [1, 3]
    """
    if not found.shape[1]:
        return otherwise
    return np.where(found.any(axis=1), found.argmax(axis=1), otherwise)
