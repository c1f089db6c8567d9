"""Weibull distributions of the biases at which something happened, censored ones among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.stats.uncertainty import NORMAL_95, Interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Weibull:
    """A Weibull distribution F(v) = 1 − exp(−(v/scale)^shape) fitted to sizes of bias.

    Parameters
    ----------
    shape, scale : Interval
        1 and V.
    values : (n,) array
        Sizes of bias that were observed, sorted (V).
    ranks : (n,) array
        Their probabilities for a plot: median ranks (i − 0.3)/(n + 0.4), adjusted for what was censored
        (Johnson).
    censored : int
        Cycles that reached the limit without an event.
    """

    shape: Interval
    scale: Interval
    values: Array
    ranks: Array
    censored: int


def weibull(values: Array, limits: Array | None = None) -> Weibull | None:
    """Fit a Weibull distribution by maximum likelihood, censored values among them.

    Parameters
    ----------
    values : (n,) array
        Sizes of bias at which something happened, > 0 (V).
    limits : (m,) array, optional
        Sizes up to which nothing happened (V).

    Returns
    -------
    Weibull or None
        None with fewer than three different values. Intervals from the curvature of the likelihood, on a
        scale of logarithms.
    """
    observed = np.sort(np.asarray(values, dtype=float))
    limits = np.asarray([] if limits is None else limits, dtype=float)
    if len(np.unique(observed)) < 3 or observed[0] <= 0:
        return None
    unit = float(np.exp(np.mean(np.log(observed))))
    x, every = observed / unit, np.concatenate([observed, limits]) / unit
    shape = _shape(x, every)
    if shape is None:
        return None
    scale = float(np.mean(every**shape) * len(every) / len(x)) ** (1 / shape)
    spread = _errors(x, every, shape, scale)
    intervals = [
        Interval(value, value * math.exp(-NORMAL_95 * error), value * math.exp(NORMAL_95 * error))
        for value, error in zip((shape, scale * unit), spread, strict=True)
    ]
    return Weibull(*intervals, observed, _ranks(observed, limits), len(limits))


def _shape(x: Array, every: Array) -> float | None:
    """Root of the likelihood's derivative in the shape (x of geometric mean near 1)."""
    from scipy.optimize import brentq

    logarithms = np.log(every)
    mean_log = float(np.mean(np.log(x)))
    top = float(logarithms.max())

    def slope(shape: float) -> float:
        powers = np.exp(shape * (logarithms - top))
        return float(powers @ logarithms / powers.sum()) - 1 / shape - mean_log

    low, high = 1e-3, 1e5
    if slope(low) * slope(high) > 0:
        return None
    return float(brentq(slope, low, high, xtol=1e-10, rtol=1e-10))


def _errors(x: Array, every: Array, shape: float, scale: float) -> tuple[float, float]:
    """Standard errors of ln(shape) and ln(scale) from the observed information."""
    u = shape * np.log(every / scale)
    power = np.exp(u)
    # log likelihood: Σ_observed (ln shape + u − ln x) − Σ_all e^u, with ∂u/∂ln shape = u, ∂u/∂ln scale =
    # −shape
    observed = shape * np.log(x / scale)
    a = float(np.sum(power * (u + u**2)) - observed.sum())
    b = float(shape**2 * power.sum())
    c = float(-shape * np.sum(power * (1 + u)) + shape * len(x))
    inverse = np.linalg.pinv(np.array([[a, c], [c, b]]))
    return math.sqrt(max(inverse[0, 0], 0.0)), math.sqrt(max(inverse[1, 1], 0.0))


def _ranks(observed: Array, limits: Array) -> Array:
    """Median ranks of the observed values; censored ones raise the steps after them (Johnson's method)."""
    total = len(observed) + len(limits)
    order, ranks = 0.0, []
    for k, value in enumerate(observed):
        # those that lie at or beyond this value: observed ones from k on, and limits not yet passed
        left = len(observed) - k + int(np.count_nonzero(limits >= value))
        order += (total + 1 - order) / (1 + left)
        ranks.append((order - 0.3) / (total + 0.4))
    return np.array(ranks)
