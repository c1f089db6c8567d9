"""Statistics over realizations: mean, spread, an interval for the mean, and how many more it takes."""

from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST = 3  # realizations for an interval
RESAMPLES = 2000
SEED = 1
WANTED = 0.05  # half-width of the interval over the mean
_NORMAL_975 = 1.959963984540054  # quantile of the normal distribution


@dataclass(frozen=True)
class Spread:
    """One metric over realizations; None where there are too few.

    Attributes
    ----------
    n : int
        Realizations that have the metric.
    mean, std : float or None
        Mean, and standard deviation with n − 1.
    ci95_low, ci95_high : float or None
        95 % interval of the mean by bootstrap (BCa), from three realizations on.
    p10, p90 : float or None
        Percentiles of the realizations, linear between them.
    realizations_for_5_percent : int or None
        Realizations after which the interval of the mean would be ± 5 % wide: (1.96 s/(0.05 |mean|))².
    """

    n: int
    mean: float | None = None
    std: float | None = None
    ci95_low: float | None = None
    ci95_high: float | None = None
    p10: float | None = None
    p90: float | None = None
    realizations_for_5_percent: int | None = None


def spread(values: ArrayLike) -> Spread:
    """Statistics of one metric.

    Parameters
    ----------
    values : (n,) array-like
        One number a realization.

    Returns
    -------
    Spread

    Examples
    --------
    >>> found = spread([9.0, 10.0, 11.0])
    >>> found.mean, found.std, found.realizations_for_5_percent
    (10.0, 1.0, 16)
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n == 0:
        return Spread(0)
    mean = float(x.mean())
    p10, p90 = (float(p) for p in np.percentile(x, (10, 90)))
    if n < 2:
        return Spread(n, mean, p10=p10, p90=p90)
    std = float(x.std(ddof=1))
    if n < FEWEST:
        return Spread(n, mean, std, p10=p10, p90=p90)
    low, high = interval(x)
    return Spread(n, mean, std, low, high, p10, p90, needed(mean, std))


def interval(x: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean by bootstrap (BCa; Efron 1987), the same at every call.

    Parameters
    ----------
    x : (n,) float array
        At least three numbers.

    Returns
    -------
    float, float
        Both the mean itself where all numbers are equal to rounding.
    """
    from scipy.stats import bootstrap

    mean = float(x.mean())
    if np.ptp(x) <= 1e-13 * abs(mean):
        return mean, mean
    seeded = "rng" if "rng" in inspect.signature(bootstrap).parameters else "random_state"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a degenerate distribution is answered below
        found = bootstrap(
            (x,), np.mean, n_resamples=RESAMPLES, method="BCa", **{seeded: np.random.default_rng(SEED)}
        ).confidence_interval
    if math.isfinite(found.low) and math.isfinite(found.high):
        return float(found.low), float(found.high)
    rng = np.random.default_rng(SEED)
    means = rng.choice(x, (RESAMPLES, len(x))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def needed(mean: float, std: float) -> int | None:
    """Realizations for an interval of ± 5 % of the mean; None for a mean of 0.

    >>> needed(10.0, 0.0), needed(0.0, 1.0)
    (1, None)
    """
    if mean == 0:
        return None
    return max(1, math.ceil((_NORMAL_975 * std / (WANTED * abs(mean))) ** 2))
