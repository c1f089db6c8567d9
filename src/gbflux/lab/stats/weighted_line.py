"""Weighted straight lines through the rows of a matrix, and tests of their residuals.

A weight of zero leaves a point out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, fdtrc

from gbflux.lab.stats.ragged import Bools, Ints, largest, medians

Array = NDArray[np.float64]
_SMALLEST = 6  # currents that give the least floor
_GROUPS = 4  # of points by size


@dataclass(frozen=True)
class Lines:
    """Lines of m rows; columns (m, 1) but for the residuals.

    Attributes
    ----------
    slope, intercept, slope_error, intercept_error : (m, 1) arrays
    rest : (m, n) array
        Residuals, not weighted.
    points : (m, 1) array of int
    """

    slope: Array
    intercept: Array
    slope_error: Array
    intercept_error: Array
    rest: Array
    points: Ints


def lines(v: Array, i: Array, weights: Array) -> Lines:
    """Lines i = intercept + slope v; the errors are the larger of the usual ones and HC3.

    HC3 (J. G. MacKinnon, H. White, J. Econometrics 29, 305 (1985), doi:10.1016/0304-4076(85)90158-7) stands
    wrong weights, but says nothing of a point that alone fixes the intercept; the usual errors do.

    Parameters
    ----------
    v, i, weights : (m, n) arrays
        Three points of different v at least in each row.
    """
    square = weights**2
    total = _sum(square)
    mean = _sum(square * v) / total
    about = v - mean
    spread = _sum(square * about**2)
    slope = _sum(square * about * i) / spread
    height = _sum(square * i) / total
    rest = i - height - slope * about
    far = weights * rest
    leverage = square * (1 / total + about**2 / spread)
    share = 1 / np.maximum(1 - leverage, 1e-3)
    points = (weights > 0).sum(axis=1, keepdims=True)
    usual = _sum(far**2) / (points - 2)
    errors = []
    for step in (weights * about / spread, weights * (1 / total - mean * about / spread)):
        # what a residual adds to slope and intercept, and the variances of both
        robust, ordinary = _sum((step * far * share) ** 2), _sum(step**2) * usual
        errors.append(np.sqrt(np.maximum(robust, ordinary)))
    return Lines(slope, height - slope * mean, *errors, rest, points)


def noise_weights(v: Array, i: Array, inside: Bools, floor: Array) -> Array:
    """One over the noise of each point, scaled to a mean of one; 0 outside.

    Noise² is floor² + (share · I)², found from the distance of each point from the line between its
    neighbours, in four groups by size. The floor is at least the one given and the scatter of the six
    smallest currents: the range for large currents has a larger one, and a single point at 0 V must not fix
    the intercept.

    Parameters
    ----------
    v, i : (m, n) arrays
        V, A; six points at least in each row.
    inside : (m, n) array of bool
        The beginning of each row.
    floor : (m, 1) array
        A.
    """
    nonzero = inside & (v != 0)
    conductance = medians(np.divide(i, v, out=np.zeros_like(v), where=nonzero), nonzero)[:, None]
    size = np.where(inside, np.abs(conductance * v), 0.0)
    between = inside[:, 2:]
    apart = np.where(between, _beside(v, i), np.inf)
    order = np.argsort(np.where(between, size[:, 1:-1], np.inf), axis=1, kind="stable")
    apart = np.take_along_axis(apart, order, axis=1)
    middle = np.take_along_axis(size[:, 1:-1], order, axis=1)
    number = between.sum(axis=1, keepdims=True)
    smallest = np.arange(apart.shape[1]) < np.minimum(_SMALLEST, number)
    rms = np.sqrt(_sum(np.where(smallest, apart, 0.0) ** 2) / smallest.sum(axis=1, keepdims=True))
    least = np.maximum(np.maximum(floor, rms), 1e-12 * largest(size, inside))
    scatter, typical = (_group_medians(a, number[:, 0] // _GROUPS) for a in (apart, middle))
    scatter = 1.4826 * scatter
    scale = np.maximum(scatter, least) ** -2.0
    constant = scatter.max(axis=1, keepdims=True) ** 2 + least**2
    floor_part, share = _two_positive(constant * scale, typical**2 * scale, scatter**2 * scale)
    noise = np.sqrt(np.maximum(floor_part * constant, least**2) + share * size**2)
    mean = _sum(np.where(inside, noise, 0.0)) / inside.sum(axis=1, keepdims=True)
    return np.where(inside, mean / noise, 0.0)


def _beside(v: Array, i: Array) -> Array:
    """Distance of each inner point from the line between its neighbours, in units of its noise."""
    span = v[:, 2:] - v[:, :-2]
    part = np.full(span.shape, 0.5)
    np.divide(v[:, 1:-1] - v[:, :-2], span, out=part, where=span != 0)
    apart = np.abs(i[:, 1:-1] - (1 - part) * i[:, :-2] - part * i[:, 2:])
    return apart / np.sqrt(1 + part**2 + (1 - part) ** 2)


def _group_medians(ordered: Array, length: Ints) -> Array:
    """Medians (m, groups) of groups of so many neighbours in each row."""
    place = np.arange(int(length.max()))
    kept = place < length[:, None]
    found = []
    for group in range(_GROUPS):
        at = np.where(kept, group * length[:, None] + place, 0)
        found.append(medians(np.take_along_axis(ordered, at, axis=1), kept))
    return np.stack(found, axis=1)


def _two_positive(a: Array, b: Array, y: Array) -> tuple[Array, Array]:
    """Least squares y = x₀a + x₁b of each row with x ≥ 0; columns (m, 1)."""
    aa, bb, ab, ay, by = _sum(a * a), _sum(b * b), _sum(a * b), _sum(a * y), _sum(b * y)
    room = aa * bb - ab**2
    regular = room > 1e-12 * aa * bb
    room = np.where(regular, room, 1.0)
    x, z = (bb * ay - ab * by) / room, (aa * by - ab * ay) / room
    free = regular & (x >= 0) & (z >= 0)
    alone, other = np.maximum(ay, 0) / aa, np.maximum(by, 0) / np.where(bb > 0, bb, 1.0)
    first = alone * np.maximum(ay, 0) >= other * np.maximum(by, 0)
    return np.where(free, x, np.where(first, alone, 0.0)), np.where(free, z, np.where(first, 0.0, other))


def runs_test(rest: Array, points: Ints) -> Array:
    """Two-sided p of the Wald–Wolfowitz runs test on the signs of residuals, normal approximation.

    Parameters
    ----------
    rest : (m, n) array
        In order.
    points : (m,) array of int
        Of each row, from its beginning.

    >>> rest = np.array([1.0, -1, 1, 1, -1, -1, 1, -1, 1, -1])
    >>> runs_test(rest[None], np.array([10])).round(2)
    array([0.18])
    >>> runs_test(np.repeat([[1.0, -1.0]], 20, axis=1), np.array([40])) < 1e-6
    array([ True])
    """
    inside = np.arange(rest.shape[1]) < points[:, None]
    above = (rest > 0) & inside
    a = above.sum(axis=1)
    b = points - a
    runs = 1 + ((above[:, 1:] != above[:, :-1]) & inside[:, 1:]).sum(axis=1)
    both = (a >= 2) & (b >= 2)
    mean = 1 + 2 * a * b / (a + b)
    variance = np.where(both, (mean - 1) * (mean - 2) / (a + b - 1), 1.0)
    return np.where(both, erfc(np.abs(runs - mean) / np.sqrt(2 * variance)), 1.0)


def curvature(v: Array, i: Array, weights: Array, line: Lines) -> Array:
    """p of the F test for a quadratic term, of each row."""
    kept = weights > 0
    scaled = v / largest(np.abs(v), kept)
    basis, _ = np.linalg.qr(weights[:, :, None] * scaled[:, :, None] ** np.arange(3))
    target = weights * i
    better = target - (basis @ (np.swapaxes(basis, 1, 2) @ target[:, :, None]))[:, :, 0]
    left, right = _sum((weights * line.rest) ** 2)[:, 0], _sum(better**2)[:, 0]
    size = _sum(target**2)[:, 0]
    exact = right <= 1e-28 * size  # to rounding
    freedom = line.points[:, 0] - 3
    ratio = np.maximum(0.0, left - right) / (np.where(exact, 1.0, right) / freedom)
    return np.where(exact, left <= 1e-24 * size, fdtrc(1, freedom, ratio))


def _sum(values: Array) -> Array:
    """Sum of each row, as a column (m, 1)."""
    return values.sum(axis=1, keepdims=True)
