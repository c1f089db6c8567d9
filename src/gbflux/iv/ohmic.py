"""The straight part of a branch: resistance, intercept, and whether it is straight at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import fdtrc

from gbflux.iv.noise import median

Array = NDArray[np.float64]
FEWEST_POINTS = 6
_SIGNIFICANT = 5.0
_COLLAPSED = 0.5
_CUT = 4.0
_PASSES = 3
_SMALLEST = 6
_GROUPS = 4
_DOUBT = 1e-3
_LEAST_R_SQUARED = 0.99


@dataclass(frozen=True)
class OhmicFit:
    """I = V/R + I₀ by least squares, each point weighted by its noise: a floor and a share of the current.

    Attributes
    ----------
    resistance, resistance_error : float
        Ω.
    intercept, intercept_error : float
        I₀ (A).
    r_squared : float
    points : int
    interval : (float, float)
        Smallest and largest voltage used, by size (V).
    runs_p : float
        Wald–Wolfowitz test of the residuals' signs: small where they are not random.
    curvature_p : float
        Of a quadratic term: small where the line is bent.
    ohmic : bool
        R² above 0.99 and no test below 0.001.
    """

    resistance: float
    resistance_error: float
    intercept: float
    intercept_error: float
    r_squared: float
    points: int
    interval: tuple[float, float]
    runs_p: float
    curvature_p: float
    ohmic: bool


def fit_ohmic(voltage: Array, current: Array, floor: float) -> OhmicFit | None:
    """Straight line through a branch that comes back, from its largest voltage to where it stops conducting.

    Parameters
    ----------
    voltage, current : (n,) arrays
        In the order of the measurement, without points at the current limit (V, A).
    floor : float
        Noise of the current (A).

    Returns
    -------
    OhmicFit or None
        None if the branch does not conduct above its noise.

    Examples
    --------
    >>> v = np.linspace(-0.1, 0, 50)
    >>> fit = fit_ohmic(v, v / 116 + 1e-6 * np.random.default_rng(1).normal(size=50), 1e-11)
    >>> round(fit.resistance), fit.ohmic
    (116, True)
    """
    kept = _conducting(voltage, current, floor)
    v, i = voltage[kept], current[kept]
    if len(v) < FEWEST_POINTS or np.ptp(v) == 0:
        return None
    weights = _weights(v, i, floor)
    for _ in range(_PASSES):
        slope, intercept, *_ = _line(v, i, weights)
        rest = weights * (i - intercept - slope * v)
        scale = 1.4826 * median(np.abs(rest))
        inside = np.abs(rest) <= max(_CUT * scale, 1e-12 * np.abs(weights * i).max())
        if inside.all():
            break
        v, i, weights = v[inside], i[inside], weights[inside]
        if len(v) < FEWEST_POINTS or np.ptp(v) == 0:
            return None
    return _fit(v, i, weights)


def _weights(v: Array, i: Array, floor: float) -> Array:
    """One over the noise of each point, scaled to a mean of one.

    Noise² is floor² + (share · I)², found from the distance of each point from the line between its
    neighbours, in four groups by size. The floor is at least the one given and the scatter of the six
    smallest currents: the range for large currents has a larger one, and a single point at 0 V must not fix
    the intercept.
    """
    conductance = median(i[v != 0] / v[v != 0])
    size = np.abs(conductance * v)
    span = v[2:] - v[:-2]
    part = np.where(span != 0, (v[1:-1] - v[:-2]) / np.where(span != 0, span, 1.0), 0.5)
    apart = np.abs(i[1:-1] - (1 - part) * i[:-2] - part * i[2:]) / np.sqrt(1 + part**2 + (1 - part) ** 2)
    order = np.argsort(size[1:-1], kind="stable")
    groups = order[: len(order) // _GROUPS * _GROUPS].reshape(_GROUPS, -1)
    scatter, middle = 1.4826 * median(apart[groups]), median(size[1:-1][groups])
    smallest = apart[order[:_SMALLEST]]
    least = max(floor, float(np.sqrt(np.mean(smallest**2))), 1e-12 * size.max())
    scale = 1 / np.maximum(scatter, least) ** 2
    design = np.stack([np.full(len(scale), scatter.max() ** 2 + least**2), middle**2], axis=1)
    (constant, share), _ = nnls(design * scale[:, None], scatter**2 * scale)
    noise = np.sqrt(np.maximum(constant * design[0, 0], least**2) + share * size**2)
    return noise.mean() / noise


def _conducting(v: Array, i: Array, floor: float) -> NDArray[np.bool_]:
    """Points from the first to where the conductance has fallen to half for three points in a row."""
    kept = np.zeros(len(v), dtype=bool)
    usable = np.flatnonzero(np.abs(v) > 0.5 * np.abs(v).max(initial=0.0))
    if len(v) < FEWEST_POINTS or not len(usable):
        return kept
    head = usable[: max(3, len(usable) // 2)]
    conductance = median(i[head] / v[head])
    expected = conductance * v
    if conductance <= 0 or np.abs(expected[head]).max() < 2 * _SIGNIFICANT * floor:
        return kept
    low = (i * np.sign(v) < _COLLAPSED * np.abs(expected)) & (np.abs(expected) > _SIGNIFICANT * floor)
    gone = np.flatnonzero(low[2:] & low[1:-1] & low[:-2]) if len(low) > 2 else np.array([], dtype=int)
    kept[: gone[0] if len(gone) else len(v)] = True
    return kept & ~low


def _fit(v: Array, i: Array, weights: Array) -> OhmicFit | None:
    """Weighted least squares with tests."""
    slope, intercept, slope_error, intercept_error = _line(v, i, weights)
    if not slope > _SIGNIFICANT * slope_error:
        return None
    rest = i - intercept - slope * v
    total = float(np.sum((i - i.mean()) ** 2))
    r_squared = 1 - float(np.sum(rest**2)) / total
    runs, bend = runs_test(rest[np.argsort(v, kind="stable")]), _curvature(v, i, rest, weights)
    size, sign = np.sort(np.abs(v)), np.sign(v.sum())
    return OhmicFit(
        resistance=1 / slope,
        resistance_error=slope_error / slope**2,
        intercept=intercept,
        intercept_error=intercept_error,
        r_squared=r_squared,
        points=len(v),
        interval=(float(sign * size[0]) + 0.0, float(sign * size[-1])),
        runs_p=runs,
        curvature_p=bend,
        ohmic=r_squared > _LEAST_R_SQUARED and min(runs, bend) > _DOUBT,
    )


def _line(v: Array, i: Array, weights: Array) -> tuple[float, float, float, float]:
    """Slope, intercept and their errors: the larger of the usual ones and HC3.

    HC3 (J. G. MacKinnon, H. White, J. Econometrics 29, 305 (1985), doi:10.1016/0304-4076(85)90158-7) stands
    wrong weights, but says nothing of a point that alone fixes the intercept; the usual errors do.
    """
    square = weights**2
    total, mean = square.sum(), (square * v).sum() / square.sum()
    about = v - mean
    spread = (square * about**2).sum()
    slope = (square * about * i).sum() / spread
    height = (square * i).sum() / total
    rest = weights * (i - height - slope * about)
    leverage = square * (1 / total + about**2 / spread)
    # what a residual adds to slope and intercept, and the variances of both
    steps = np.stack([weights * about / spread, weights * (1 / total - mean * about / spread)])
    robust = ((steps * rest / np.maximum(1 - leverage, 1e-3)) ** 2).sum(axis=1)
    ordinary = (steps**2).sum(axis=1) * (rest**2).sum() / (len(v) - 2)
    errors = np.sqrt(np.maximum(robust, ordinary))
    return float(slope), float(height - slope * mean), float(errors[0]), float(errors[1])


def runs_test(rest: Array) -> float:
    """Two-sided p of the Wald–Wolfowitz runs test on the signs of residuals, normal approximation.

    >>> round(runs_test(np.array([1.0, -1, 1, 1, -1, -1, 1, -1, 1, -1])), 2)
    0.18
    >>> runs_test(np.concatenate([np.ones(20), -np.ones(20)])) < 1e-6
    True
    """
    above = rest > 0
    a, b = int(above.sum()), int((~above).sum())
    if a < 2 or b < 2:
        return 1.0
    runs = 1 + int(np.count_nonzero(np.diff(above)))
    mean = 1 + 2 * a * b / (a + b)
    variance = (mean - 1) * (mean - 2) / (a + b - 1)
    return math.erfc(abs(runs - mean) / math.sqrt(2 * variance))


def _curvature(v: Array, i: Array, rest: Array, weights: Array) -> float:
    """p of the F test for a quadratic term."""
    n = len(v)
    scaled = v / np.abs(v).max()
    basis, _ = np.linalg.qr(weights[:, None] * scaled[:, None] ** np.arange(3))
    target = weights * i
    better = target - basis @ (basis.T @ target)
    left, right = float(np.sum((weights * rest) ** 2)), float(np.sum(better**2))
    size = float(target @ target)
    if right <= 1e-28 * size:  # exact to rounding
        return 1.0 if left <= 1e-24 * size else 0.0
    return float(fdtrc(1, n - 3, max(0.0, left - right) / (right / (n - 3))))
