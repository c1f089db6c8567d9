"""Statistics of values that each carry a weight (here: |J| of a facet and its area)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def quantiles(values: Array, weights: Array, shares: Sequence[float]) -> Array:
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
    >>> quantiles(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), [0.5, 0.75, 0.76]).tolist()
    [2.0, 2.0, 3.0]
    """
    whole = float(np.sum(weights))
    wanted = np.asarray(shares) * whole * (1 - 1e-12)  # a share met to rounding is met
    tail = _tail(values, weights, float(wanted.min()))
    order = tail[np.argsort(values[tail], kind="stable")]
    below = whole - float(np.sum(weights[tail])) + np.cumsum(weights[order])
    return values[order][np.minimum(np.searchsorted(below, wanted), len(order) - 1)]


def _tail(values: Array, weights: Array, wanted: float) -> NDArray[np.intp]:
    """The largest values, as few as are sure to hold that below which the wanted weight lies."""
    for rest in (len(values) // 20, len(values) // 4):
        if rest:
            tail = np.argpartition(values, -rest)[-rest:]
            if float(np.sum(weights)) - float(np.sum(weights[tail])) < wanted * (1 - 1e-9):
                return tail
    return np.arange(len(values))


def gini(values: Array, weights: Array) -> float:
    """Gini coefficient: 0 where all values are equal, 1 − 1/k where one of k equal weights has it all.

    One less twice the area under the Lorenz curve, which is straight between the sorted values.

    Parameters
    ----------
    values, weights : (k,) arrays
        Both ≥ 0, neither all zero.

    Returns
    -------
    float

    Examples
    --------
    >>> gini(np.array([0.0, 0.0, 0.0, 5.0]), np.ones(4))
    0.75
    """
    order = np.argsort(values, kind="stable")
    w = weights[order]
    lorenz = np.cumsum(w * values[order])
    lorenz /= lorenz[-1]
    below = np.concatenate([[0.0], lorenz[:-1]])
    return float(max(0.0, 1.0 - np.sum(w * (lorenz + below)) / np.sum(w)))


def root_mean_square(values: Array, weights: Array) -> float:
    """Square root of the weighted mean of the squares.

    Parameters
    ----------
    values, weights : (k,) arrays

    Returns
    -------
    float
    """
    return float(np.sqrt(np.average(np.square(values), weights=weights)))


def share_above(values: Array, weights: Array, limit: float) -> float:
    """Share of the weight whose value exceeds the limit.

    Parameters
    ----------
    values, weights : (k,) arrays
    limit : float

    Returns
    -------
    float
        Between 0 and 1.
    """
    return float(np.sum(weights[values > limit]) / np.sum(weights))


def complementary_distribution(values: Array, weights: Array) -> tuple[Array, Array]:
    """Sorted values, and the share of the weight at or above each of them.

    Parameters
    ----------
    values, weights : (k,) arrays

    Returns
    -------
    values : (k,) array
        Ascending.
    share : (k,) array
        Falls from 1 to the share of the largest value.
    """
    order = np.argsort(values, kind="stable")
    above = np.cumsum(weights[order][::-1])[::-1]
    return values[order], above / above[0]
