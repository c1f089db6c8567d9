"""Quantiles of values that each carry a weight (here: |J| of a cell, and its area in a plane)."""

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
