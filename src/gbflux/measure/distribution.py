"""The distribution over area of a field that is linear on each facet of a plane, without sampling.

On a triangle a linear function takes values above t on a share of the area that is quadratic in t on either
side of its middle corner's value (a < b < c those of the corners),

    (c − t)²/((c − a)(c − b))  for b ≤ t ≤ c,      1 − (t − a)²/((c − a)(b − a))  for a ≤ t ≤ b,

on a segment linear in t. So `share_above` is exact, and so are quantiles, which are found from it by
bisection. Mean and mean square of a linear function on a simplex with d corners are Σ v_i/d and
(Σ v_i² + (Σ v_i)²)/(d (d + 1)).

All functions take `corners`, (k, d) values at the corners of k facets (d = 3 triangles, d = 2 segments), and
`area`, (k,) their areas (any unit), not all zero.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEVELS = 50
_BISECTIONS = 8  # each by `_LEVELS` levels at once: to round-off
_PARTS, _MOST_CUTS = 100_000, 1000  # of all facets together, and of an edge
_PAIRS_AT_ONCE = 2_000_000


def mean(corners: Array, area: Array) -> float:
    """Area mean.

    Examples
    --------
    >>> mean(np.array([[0.0, 1.0]]), np.ones(1))
    0.5
    """
    return float(np.average(corners.mean(axis=1), weights=area))


def root_mean_square(corners: Array, area: Array) -> float:
    """Root of the area mean of the square.

    Examples
    --------
    >>> round(root_mean_square(np.array([[0.0, 1.0]]), np.ones(1)) ** 2, 12)
    0.333333333333
    """
    d = corners.shape[1]
    square = (np.square(corners).sum(axis=1) + np.square(corners.sum(axis=1))) / (d * (d + 1))
    return float(np.sqrt(np.average(square, weights=area)))


def share_above(corners: Array, area: Array, levels: Iterable[float]) -> Array:
    """Shares of the area where the field exceeds each of some levels.

    Parameters
    ----------
    corners, area : arrays
        See the head of this module.
    levels : (n,) sequence of float
        In any order.

    Returns
    -------
    (n,) array
        Between 0 and 1.

    Examples
    --------
    >>> share_above(np.array([[0.0, 0.0, 1.0]]), np.ones(1), [0.5, 1.0, -1.0]).tolist()
    [0.25, 0.0, 1.0]
    """
    levels = np.asarray(levels, dtype=np.float64)
    order = np.argsort(levels, kind="stable")
    found = np.empty(len(levels))
    found[order] = _above(np.sort(corners, axis=1), area, levels[order])
    return found


def _above(corners: Array, area: Array, levels: Array) -> Array:
    """`share_above` of corners sorted in each facet and of sorted levels."""
    first = np.searchsorted(levels, corners[:, 0], "left")  # levels before it lie below the whole facet
    last = np.searchsorted(levels, corners[:, -1], "left")  # levels from it on lie above it or touch its top
    whole = np.bincount(first, area, len(levels) + 1)[::-1].cumsum()[::-1][1:]
    count = last - first
    block = max(1, int(_PAIRS_AT_ONCE / max(1, int(count.max(initial=0)))))
    crossed = np.flatnonzero(count)
    for start in range(0, len(crossed), block):
        facet = crossed[start : start + block]
        pairs = np.repeat(facet, count[facet])
        level = first[pairs] + _counted(count[facet])
        whole += np.bincount(level, area[pairs] * _share(corners[pairs], levels[level]), len(levels))
    found: Array = np.clip(whole / area.sum(), 0.0, 1.0)
    return found


def _counted(counts: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """0, 1, … up to each count, one after the other.

    >>> _counted(np.array([2, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    found: NDArray[np.intp] = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return found


def _share(corners: Array, level: Array) -> Array:
    """Share of each facet above its level, which lies between its smallest and its largest corner."""
    low, high = corners[:, 0], corners[:, -1]
    if corners.shape[1] == 2:
        return (high - level) / (high - low)
    middle = corners[:, 1]
    upper = level >= middle
    near = np.where(upper, high - level, level - low)
    # a side of no length is never divided by: `level` lies strictly below `high`, and at `low` `near` is 0
    side = np.where(upper, high - middle, middle - low)
    part = near / (high - low) * (near / np.where(side > 0, side, 1.0))
    return np.where(upper, part, 1.0 - part)


def quantiles(corners: Array, area: Array, shares: Sequence[float]) -> Array:
    """Values that the field does not exceed on given shares of the area.

    Parameters
    ----------
    corners, area : arrays
        See the head of this module.
    shares : sequence of float
        Between 0 and 1.

    Returns
    -------
    (len(shares),) array

    Examples
    --------
    >>> quantiles(np.array([[0.0, 2.0]]), np.ones(1), [0.75]).round(9).tolist()
    [1.5]
    """
    ordered = np.sort(corners, axis=1)
    return np.array([_quantile(ordered, area, 1.0 - share) for share in shares])


def _quantile(corners: Array, area: Array, above: float) -> float:
    """The smallest level with no more than a share of the area above it, corners sorted in each facet."""
    wanted = above * (1 + 1e-12) * float(area.sum())
    low, high = float(corners[:, 0].min()), float(corners[:, -1].max())
    beyond = 0.0  # area of the facets that lie above the bracket as a whole
    for _ in range(_BISECTIONS):
        levels = np.linspace(low, high, _LEVELS)
        inside = float(area.sum())
        exceeded = beyond + (_above(corners, area, levels) * inside if inside else 0.0 * levels)
        place = int(np.argmax(exceeded <= wanted)) if exceeded[-1] <= wanted else _LEVELS - 1
        low, high = float(levels[max(place - 1, 0)]), float(levels[place])
        if not low < high:
            break
        beyond += float(area[corners[:, 0] >= high].sum())
        crossed = (corners[:, 0] < high) & (corners[:, -1] > low)
        corners, area = corners[crossed], area[crossed]
    return high


def gini(corners: Array, area: Array) -> float:
    """Gini coefficient over area: 0 for a uniform field, 1 − 1/k where one of k equal facets has it all.

    One less twice the area under the Lorenz curve. Each facet stands for equal parts with their means, the
    more of them the fewer facets there are: the one measure here that is not exact. It is low by about the
    Gini coefficient within such a part, times the share of area that part has.

    Examples
    --------
    >>> round(gini(np.array([[0.0, 1.0]]), np.ones(1)), 4)
    0.3333
    """
    d = corners.shape[1]
    parts = equal_parts(d, int(np.clip((_PARTS / max(len(corners), 1)) ** (1 / (d - 1)), 2, _MOST_CUTS)))
    values = (corners @ parts.T).ravel()
    order = np.argsort(values, kind="stable")
    weight = np.repeat(area / len(parts), len(parts))[order]
    lorenz = np.cumsum(weight * values[order])
    twice = np.sum(weight * (2.0 * lorenz - weight * values[order]))
    return float(max(0.0, 1.0 - twice / (lorenz[-1] * weight.sum())))


@functools.lru_cache(maxsize=64)
def equal_parts(d: int, cuts: int) -> Array:
    """Barycentric coordinates of the middles of the equal parts of a facet with its edges cut.

    Parameters
    ----------
    d : int
        Corners of the facet, 2 or 3.
    cuts : int
        Pieces of each edge.

    Returns
    -------
    (cuts^(d − 1), d) array

    Examples
    --------
    >>> equal_parts(2, 2).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    steps = np.arange(cuts)
    if d == 2:
        x = (steps + 0.5) / cuts
        return np.stack([1 - x, x], axis=1)
    i, j = np.meshgrid(steps, steps, indexing="ij")
    upright, turned = i + j < cuts, i + j < cuts - 1
    x = np.concatenate([i[upright] + 1 / 3, i[turned] + 2 / 3]) / cuts
    y = np.concatenate([j[upright] + 1 / 3, j[turned] + 2 / 3]) / cuts
    return np.stack([1 - x - y, x, y], axis=1)


def weighted_quantiles(values: Array, weights: Array, shares: Sequence[float]) -> Array:
    """Smallest values v such that at least the given shares of the weight lie at or below v.

    Parameters
    ----------
    values, weights : (k,) arrays
        Weights ≥ 0, not all zero.
    shares : sequence of float
        Between 0 and 1.

    Returns
    -------
    (len(shares),) array

    Examples
    --------
    >>> weighted_quantiles(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), [0.5, 0.75, 0.76]).tolist()
    [2.0, 2.0, 3.0]
    """
    whole = float(np.sum(weights))
    wanted = np.asarray(shares) * whole * (1 - 1e-12)  # a share met to rounding is met
    tail = _tail(values, weights, float(wanted.min()))
    order = tail[np.argsort(values[tail], kind="stable")]
    below = whole - float(np.sum(weights[tail])) + np.cumsum(weights[order])
    found: Array = values[order][np.minimum(np.searchsorted(below, wanted), len(order) - 1)]
    return found


def _tail(values: Array, weights: Array, wanted: float) -> NDArray[np.intp]:
    """The largest values, as few as are sure to hold that below which the wanted weight lies."""
    for rest in (len(values) // 20, len(values) // 4):
        if rest:
            tail = np.argpartition(values, -rest)[-rest:]
            if float(np.sum(weights)) - float(np.sum(weights[tail])) < wanted * (1 - 1e-9):
                return tail
    return np.arange(len(values))
