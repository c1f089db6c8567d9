"""Many cycles, many devices: distribution of the biases, endurance, dependence on the electrode's area.

Biases are fitted by a Weibull distribution with those that reached the limit censored. SciPy fits censored
samples from 1.11 on, without the intervals of shape and scale; Debian 12 has 1.10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.memristor.switching import MemristorResult
from gbflux.lab.stats.uncertainty import NORMAL_95, Interval, wilson_interval

DEFAULT_LOSS = 10.0
_FIRST = 10
_SMOOTH = 5
_FEWEST_FOR_TREND = 8

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Endurance:
    """Endurance of the on/off ratio."""

    first: float  # ratio of the first cycle that has one
    initial: float  # median ratio of the first ten cycles
    final: float  # median ratio of the last ten
    drift: Interval | None  # change of log10(ratio) a cycle (Theil-Sen); None with fewer than 8 cycles
    drift_probability: float | None  # chance of so much order without drift (Kendall)
    loss: float  # asked for: ratio to lose (10: until a tenth is left)
    # first cycle with a median of five below initial/loss; None if that was not reached: then more than
    # `cycles`
    cycles_to_loss: int | None
    cycles: int
    resets: int  # resets tried
    failures: int  # resets that failed
    failure_share: Interval  # failures/resets with its interval (Wilson); NaN without a reset


@dataclass(frozen=True)
class AreaTrend:
    """Dependence of the on/off ratio on the area of the electrode."""

    # areas, ratios, failure_shares: (n,): of each device, by rising area (m², 1, 1)
    areas: Array
    ratios: Array
    failure_shares: Array
    slope: Interval | None  # log10(ratio) a decade of area; None with fewer than three areas


def endurance(result: MemristorResult, loss: float = DEFAULT_LOSS) -> Endurance:
    """Endurance of one device.

    Parameters
    ----------
    result : MemristorResult
    loss : float, optional
        Factor by which the ratio has to fall, > 1.

    Raises
    ------
    InputError
        If the loss is not > 1, or no cycle has a ratio.
    """
    if not (loss > 1 and math.isfinite(loss)):
        raise InputError(f"loss: must be > 1; got {loss:g}. Give a factor such as 10.")
    with_ratio = [cycle for cycle in result.cycles if cycle.on_off is not None and cycle.on_off > 0]
    if not with_ratio:
        raise InputError(
            f"{result.source}: at least one cycle must have two resistances at the read bias of "
            f"{result.read_bias:g} V; none has. Choose another read bias."
        )
    ratios = np.array([cycle.on_off for cycle in with_ratio])
    numbers = np.array([cycle.number for cycle in with_ratio], dtype=float)
    drift, probability = _drift(numbers, np.log10(ratios))
    initial = float(np.median(ratios[:_FIRST]))
    tried = [cycle.reset_failed for cycle in result.cycles if cycle.reset_failed is not None]
    return Endurance(
        float(ratios[0]),
        initial,
        float(np.median(ratios[-_FIRST:])),
        drift,
        probability,
        loss,
        _first_loss(numbers, ratios, initial / loss),
        len(result.cycles),
        len(tried),
        sum(tried),
        wilson_interval(sum(tried), len(tried)),
    )


def area_trend(results: list[MemristorResult], loss: float = DEFAULT_LOSS) -> AreaTrend | None:
    """On/off ratio against area, over devices whose area is known.

    Returns
    -------
    AreaTrend or None
        None with fewer than two areas.
    """
    from scipy.stats import t

    known = sorted((r for r in results if r.area is not None), key=lambda result: result.area or 0.0)
    areas = np.array([result.area for result in known], dtype=float)
    if len(np.unique(areas)) < 2:
        return None
    lasting = [endurance(result, loss) for result in known]
    ratios = np.array(
        [
            np.median([c.on_off for c in result.cycles if c.on_off is not None and c.on_off > 0])
            for result in known
        ]
    )
    shares = np.array([one.failure_share.value for one in lasting])
    slope = None
    if len(np.unique(areas)) >= 3:
        x, y = np.log10(areas), np.log10(ratios)
        x = x - x.mean()
        value = float(x @ y / (x @ x))
        rest = y - y.mean() - value * x
        error = math.sqrt(float(rest @ rest) / (len(x) - 2) / float(x @ x))
        reach = float(t.ppf(0.975, len(x) - 2)) * error
        slope = Interval(value, value - reach, value + reach)
    return AreaTrend(areas, ratios, shares, slope)


def _drift(numbers: Array, logarithms: Array) -> tuple[Interval | None, float | None]:
    """Slope by Theil and Sen with its interval, and Kendall's chance."""
    from scipy.stats import kendalltau, theilslopes

    if len(numbers) < _FEWEST_FOR_TREND:
        return None, None
    if len(numbers) > 2000:  # pairs grow with the square
        keep = np.linspace(0, len(numbers) - 1, 2000).astype(int)
        numbers, logarithms = numbers[keep], logarithms[keep]
    slope, _, low, high = theilslopes(logarithms, numbers, 0.95)
    probability = float(kendalltau(numbers, logarithms).pvalue)
    return Interval(float(slope), float(low), float(high)), probability if math.isfinite(probability) else 1.0


def _first_loss(numbers: Array, ratios: Array, limit: float) -> int | None:
    """First cycle from which the median of five lies below a limit."""
    width = min(_SMOOTH, len(ratios))
    medians = np.median(np.lib.stride_tricks.sliding_window_view(ratios, width), axis=1)
    below = np.flatnonzero(medians < limit)
    return int(numbers[below[0] + width // 2]) if len(below) else None


@dataclass(frozen=True)
class Weibull:
    """A Weibull distribution F(v) = 1 − exp(−(v/scale)^shape) fitted to sizes of bias."""

    # shape, scale: 1 and V
    shape: Interval
    scale: Interval
    values: Array  # (n,): sizes of bias that were observed, sorted (V)
    # (n,): their probabilities for a plot: median ranks (i − 0.3)/(n + 0.4), adjusted for what was censored
    # (Johnson)
    ranks: Array
    censored: int  # cycles that reached the limit without an event


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
    shapes, scales = (
        Interval(value, value * math.exp(-NORMAL_95 * error), value * math.exp(NORMAL_95 * error))
        for value, error in zip((shape, scale * unit), spread, strict=True)
    )
    return Weibull(shapes, scales, observed, _ranks(observed, limits), len(limits))


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
