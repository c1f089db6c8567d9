"""The branch that comes back: the current limit of the instrument, and the resistance of the straight part.

At the limit the voltage in the file is not the sample's, so these points are left out of the line
I = V/R + I₀.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.stats.noise import median
from gbflux.lab.stats.ragged import Bools, blocks, filled, first, largest, medians, packed
from gbflux.lab.stats.weighted_line import curvature, lines, noise_weights, runs_test

Array = NDArray[np.float64]
_BAND = 0.01  # of the largest current: half the width of a plateau
_GIVEN_BAND = 0.02  # below a limit that is given
_LEAST_SPAN = 0.05  # of the voltage, over a plateau
_FEWEST_AT_LIMIT = 4
_FEWEST_POINTS = 6  # of a line
_SIGNIFICANT = 5.0  # standard errors of a slope, noise of a current
_COLLAPSED = 0.5  # share of the conductance below which the filament is gone
_CUT = 4.0  # robust standard deviations beyond which a point is left out
_PASSES = 3
_DOUBT = 1e-3  # p of a test below which the line is not straight
_LEAST_R_SQUARED = 0.99


@dataclass(frozen=True)
class Compliance:
    """A current limit that was reached.

    Attributes
    ----------
    current : float
        Its size (A), positive.
    points : int
        Points on the plateau.
    given : bool
        The user named it.
    """

    current: float
    points: int
    given: bool


def find_compliance(
    voltage: Array, current: Array, limit: float | None = None
) -> tuple[Compliance | None, NDArray[np.bool_]]:
    """The limit, and which points are at it.

    A plateau is at least four points within 1 % of the largest current (spikes left out) over voltages that
    differ by more than 5 %: on an ohmic line they would differ by 2 %.

    Parameters
    ----------
    voltage, current : (n,) arrays
        V and A.
    limit : float, optional
        Size of the limit, if known (A).

    Returns
    -------
    compliance : Compliance or None
    at_limit : (n,) bool array
    """
    size = np.abs(current)
    if limit is not None:
        at_limit = size >= (1 - _GIVEN_BAND) * limit
        found = Compliance(float(limit), int(at_limit.sum()), True) if at_limit.any() else None
        return found, at_limit
    none = np.zeros(len(size), dtype=bool)
    if len(size) <= _FEWEST_AT_LIMIT:
        return None, none
    top = float(np.partition(size, -_FEWEST_AT_LIMIT)[-_FEWEST_AT_LIMIT])  # spikes come in fewer points
    level = median(size[size >= (1 - _BAND) * top])
    at_limit = np.abs(size - level) <= _BAND * level
    reached = np.abs(voltage[at_limit])
    if level <= 0 or at_limit.sum() < _FEWEST_AT_LIMIT or np.ptp(reached) <= _LEAST_SPAN * reached.max():
        return None, none
    return Compliance(level, int(at_limit.sum()), False), size >= (1 - _BAND) * level


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
    return fit_branches([(voltage, current)], [floor])[0]


def fit_branches(
    branches: Sequence[tuple[Array, Array]], floors: Sequence[float]
) -> tuple[OhmicFit | None, ...]:
    """`fit_ohmic` of many branches (V, A) with their noise (A)."""
    found: list[OhmicFit | None] = [None] * len(branches)
    long = [k for k, (v, _) in enumerate(branches) if len(v) >= _FEWEST_POINTS]
    for block in blocks([len(branches[k][0]) for k in long]):
        chosen = [long[n] for n in block]
        v, lengths = filled([branches[k][0] for k in chosen])
        i, _ = filled([branches[k][1] for k in chosen])
        floor = np.array([[floors[k]] for k in chosen])
        inside = np.arange(v.shape[1]) < lengths[:, None]
        for row, fit in _fits(v, i, inside, floor):
            found[chosen[row]] = fit
    return tuple(found)


def _fits(v: Array, i: Array, inside: Bools, floor: Array) -> Iterator[tuple[int, OhmicFit]]:
    """Rows that have a fit, and the fits."""
    inside, (v, i) = packed(_conducting(v, i, inside, floor), v, i)
    rows = np.flatnonzero(_enough(v, inside))
    if not len(rows):
        return
    v, i, inside, floor = v[rows], i[rows], inside[rows], floor[rows]
    weights = noise_weights(v, i, inside, floor)
    left = np.arange(len(rows))
    for _ in range(_PASSES):
        w = weights[left]
        line = lines(v[left], i[left], w)
        rest = np.abs(w * line.rest)
        scale = 1.4826 * medians(rest, w > 0)[:, None]
        out = rest > np.maximum(_CUT * scale, 1e-12 * largest(np.abs(w * i[left]), w > 0))
        left, out = left[out.any(axis=1)], out[out.any(axis=1)]
        weights[left] = np.where(out, 0.0, weights[left])
        left = left[_enough(v[left], weights[left] > 0)]
        if not len(left):
            break
    good = np.flatnonzero(_enough(v, weights > 0))
    if len(good):
        yield from _results(rows[good], v[good], i[good], weights[good])


def _enough(v: Array, kept: Bools) -> Bools:
    """Test for rows with points enough and more than one voltage."""
    if not v.shape[1]:
        return np.full(len(v), False)
    span = np.where(kept, v, -np.inf).max(axis=1) > np.where(kept, v, np.inf).min(axis=1)
    return (kept.sum(axis=1) >= _FEWEST_POINTS) & span


def _conducting(v: Array, i: Array, inside: Bools, floor: Array) -> Bools:
    """Points from the first to where the conductance has fallen to half for three points in a row."""
    size = np.abs(v)
    usable = inside & (size > 0.5 * largest(size, inside))
    half = np.maximum(3, usable.sum(axis=1, keepdims=True) // 2)
    head = usable & (np.cumsum(usable, axis=1) <= half)
    conductance = medians(np.divide(i, v, out=np.zeros_like(v), where=head), head)[:, None]
    expected = np.abs(conductance * v)
    conducts = (conductance > 0) & (largest(expected, head) >= 2 * _SIGNIFICANT * floor)
    low = inside & (i * np.sign(v) < _COLLAPSED * expected) & (expected > _SIGNIFICANT * floor)
    gone = first(low[:, 2:] & low[:, 1:-1] & low[:, :-2], inside.sum(axis=1))
    return inside & conducts & ~low & (np.arange(v.shape[1]) < gone[:, None])


def _results(rows: NDArray, v: Array, i: Array, weights: Array) -> Iterator[tuple[int, OhmicFit]]:
    """Weighted least squares with tests, of the rows whose slope is significant."""
    kept, line = weights > 0, lines(v, i, weights)
    about = np.where(kept, i - np.where(kept, i, 0.0).sum(axis=1, keepdims=True) / line.points, 0.0)
    left = np.where(kept, line.rest, 0.0)
    r_squared = 1 - (left**2).sum(axis=1) / (about**2).sum(axis=1)
    order = np.argsort(np.where(kept, v, np.inf), axis=1, kind="stable")
    runs = runs_test(np.take_along_axis(left, order, axis=1), line.points[:, 0])
    bend = curvature(v, i, weights, line)
    size, sign = np.where(kept, np.abs(v), np.nan), np.sign(np.where(kept, v, 0.0).sum(axis=1))
    smallest, most = sign * np.nanmin(size, axis=1) + 0.0, sign * np.nanmax(size, axis=1)
    slope, error = line.slope[:, 0], line.slope_error[:, 0]
    for k in np.flatnonzero(slope > _SIGNIFICANT * error).tolist():
        straight = r_squared[k] > _LEAST_R_SQUARED and min(runs[k], bend[k]) > _DOUBT
        yield (
            int(rows[k]),
            OhmicFit(
                resistance=float(1 / slope[k]),
                resistance_error=float(error[k] / slope[k] ** 2),
                intercept=line.intercept[k, 0].item(),
                intercept_error=line.intercept_error[k, 0].item(),
                r_squared=float(r_squared[k]),
                points=int(line.points[k, 0]),
                interval=(float(smallest[k]), float(most[k])),
                runs_p=float(runs[k]),
                curvature_p=float(bend[k]),
                ohmic=bool(straight),
            ),
        )
