"""Numbers of the I–V curves of one file: triggering bias, current limit, resistance on the way back.

At the current limit of the instrument the voltage in the file is not the sample's, so these points are left
out of the line I = V/R + I₀.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.contact import filament
from gbflux.lab.iv.sweeps import Curve, curves_of
from gbflux.lab.iv.trigger import FROM_START, NO_BRANCH, TRIGGERED, Trigger, find_triggers
from gbflux.lab.readers.tables import Table
from gbflux.lab.stats.lines import (
    Bools,
    blocks,
    curvature,
    filled,
    first,
    largest,
    lines,
    median,
    medians,
    noise_weights,
    packed,
    quantisation,
    runs_test,
)
from gbflux.lab.stats.uncertainty import Measured

Array = NDArray[np.float64]
_SAME_RESISTANCE = 0.10  # relative difference
_LARGE_OFFSET = 100.0  # standard deviations of the noise
_CONDUCTING = (TRIGGERED, FROM_START, NO_BRANCH)
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
#: Conductivity of the filament by default (S/m).
SIGMA = filament.LITHIUM_CONDUCTIVITY_S_PER_M


@dataclass(frozen=True)
class CurveResult:
    """Numbers of one curve."""

    curve: Curve
    trigger: Trigger
    compliance: Compliance | None  # the current limit that was reached
    ohmic: OhmicFit | None  # of the branch that comes back; None without one that conducts
    # diameter, diameter_error: of the filament, from resistance, length and conductivity, and the errors of
    # all three (m)
    diameter: float | None
    diameter_error: float | None
    flags: tuple[str, ...]  # what a reader must know before using the numbers

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON, in SI with the unit in the key."""
        trigger, noise = self.trigger, self.trigger.noise
        low, high = trigger.interval or (None, None)
        return {
            "curve": self.curve.number,
            "polarity": "negative" if self.curve.polarity < 0 else "positive",
            "points": len(self.curve.voltage),
            "limit_V": trigger.limit,
            "step_V": self.curve.step,
            "outcome": trigger.outcome,
            "triggering_bias_V": trigger.bias,
            "triggering_bias_low_V": low,
            "triggering_bias_high_V": high,
            "noise_A": noise.sigma if noise else None,
            "offset_A": noise.offset if noise else None,
            "leakage_S": noise.leakage if noise else None,
            "compliance_A": self.compliance.current if self.compliance else None,
            "ohmic": asdict(self.ohmic) if self.ohmic else None,
            "filament_diameter_m": self.diameter,
            "filament_diameter_error_m": self.diameter_error,
            "flags": list(self.flags),
        }


@dataclass(frozen=True)
class IVResult:
    """Numbers of one file."""

    source: str
    notes: tuple[str, ...]  # what was taken for what
    curves: tuple[CurveResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return {
            "source": self.source,
            "notes": list(self.notes),
            "curves": [c.as_dict() for c in self.curves],
        }


def analyse_iv(
    table: Table,
    *,
    polarity: int | None = None,
    compliance: float | None = None,
    thickness: float | Measured | None = None,
    sigma: float | Measured = SIGMA,
    area: float | None = None,
    seed: int = 0,
) -> IVResult:
    """Triggering bias, compliance, back-scan resistance and filament diameter of every curve of a file.

    Parameters
    ----------
    table : Table
        From `gbflux.lab.readers.tables.read_table`.
    polarity : int, optional
        −1 or 1 for the curves of that sign alone.
    compliance : float, optional
        Current limit of the instrument (A); found from the plateau if left out.
    thickness : float or Measured, optional
        Length of the filament: thickness of the electrolyte (m). Without it no diameter.
    sigma : float or Measured, optional
        Conductivity of the filament (S/m).
    area : float, optional
        Of the electrode (m²); needed where the file has current densities.
    seed : int, optional
        Of the bootstrap.

    Raises
    ------
    InputError
        If the file holds no curve of that polarity, or a number is not positive.
    """
    length = Measured(thickness) if isinstance(thickness, int | float) else thickness
    sigma = sigma if isinstance(sigma, Measured) else Measured(sigma)
    given = {"compliance": compliance, "thickness": length.value if length else None, "sigma": sigma.value}
    for name, value in given.items():
        if value is not None and not (value > 0 and np.isfinite(value)):
            raise InputError(f"iv: {name} must be > 0; got {value:g}. Give a positive number.")
    table = table if area is None else table.of_area(area)
    curves, notes = curves_of(table, polarity)
    rng = np.random.default_rng(seed)
    triggers = find_triggers(curves, rng)
    limits = [_limit(curve, trigger, compliance) for curve, trigger in zip(curves, triggers, strict=True)]
    fits = _back_fits(curves, triggers, [at_limit for _, at_limit in limits])
    results = tuple(
        _result(*numbers, length, sigma) for numbers in zip(curves, triggers, limits, fits, strict=True)
    )
    return IVResult(table.source, (*table.notes, *notes), results)


def _limit(
    curve: Curve, trigger: Trigger, given: float | None
) -> tuple[Compliance | None, NDArray[np.bool_]]:
    """Current limit, and the points at it; without a filament only a given one counts."""
    found, at_limit = find_compliance(curve.voltage, curve.current, given)
    if found is not None and not found.given and trigger.outcome not in _CONDUCTING:
        return None, np.zeros(len(at_limit), dtype=bool)
    return found, at_limit


def _result(
    curve: Curve,
    trigger: Trigger,
    limit: tuple[Compliance | None, NDArray[np.bool_]],
    fit: OhmicFit | None,
    length: Measured | None,
    sigma: Measured,
) -> CurveResult:
    """Numbers of one curve, with the filament's diameter."""
    diameter = error = None
    if fit is not None and length is not None:
        diameter = filament.diameter(fit.resistance, length.value, sigma.value)
        relative = [fit.resistance_error / fit.resistance]
        relative += [part.error / part.value for part in (length, sigma)]
        error = diameter / 2 * math.hypot(*relative)  # d ~ √(L/(σR))
    flags = _flags(curve, trigger, *limit, fit)
    return CurveResult(curve, trigger, limit[0], fit, diameter, error, flags)


def _back_fits(
    curves: tuple[Curve, ...], triggers: tuple[Trigger, ...], at_limits: list[NDArray[np.bool_]]
) -> list[OhmicFit | None]:
    """Fits of the branches that come back, without the current limit; none where nothing conducts."""
    rows, branches, floors = [], [], []
    for row, (curve, trigger, limited) in enumerate(zip(curves, triggers, at_limits, strict=True)):
        if trigger.outcome not in _CONDUCTING:
            continue
        begin = curve.turn
        if limited[begin:].any():  # nothing before the limit is left for good
            begin += int(np.flatnonzero(limited[begin:])[-1]) + 1
        rows.append(row)
        branches.append((curve.voltage[begin:], curve.current[begin:]))
        floors.append(trigger.noise.sigma if trigger.noise else quantisation(curve.current))
    fits: list[OhmicFit | None] = [None] * len(curves)
    for row, fit in zip(rows, fit_branches(branches, floors), strict=True):
        fits[row] = fit
    return fits


def _flags(
    curve: Curve,
    trigger: Trigger,
    compliance: Compliance | None,
    at_limit: NDArray[np.bool_],
    fit: OhmicFit | None,
) -> tuple[str, ...]:
    """Doubts about the numbers of a curve, in words."""
    flags = []
    if trigger.index is not None and trigger.index >= curve.turn:
        flags.append("triggered after the turning point: the bias is the limit of the sweep")
    if fit is not None and not fit.ohmic:
        flags.append(
            f"the back scan is not ohmic: R² {fit.r_squared:.4f}, runs p {fit.runs_p:.1g}, "
            f"curvature p {fit.curvature_p:.1g}"
        )
    if fit is not None and compliance is not None:
        flags += _limit_flags(curve, trigger, compliance, fit)
    noise = trigger.noise
    if noise is not None and abs(noise.offset) > _LARGE_OFFSET * noise.sigma:
        flags.append(f"current at 0 V is {noise.offset:.3g} A, far above the noise: check the offset")
    back = at_limit[curve.turn :]
    if fit is None and len(back) and back.mean() > 0.5:
        flags.append("the back scan stays at the current limit: no resistance can be read from it")
    return tuple(flags)


def _limit_flags(curve: Curve, trigger: Trigger, compliance: Compliance, fit: OhmicFit) -> list[str]:
    """Doubts about a resistance that is no more than a voltage of the sweep over the current limit."""
    voltages = {"triggering bias": trigger.bias, "limit of the sweep": curve.limit}
    flags = []
    for name, voltage in voltages.items():
        ratio = abs(voltage) / compliance.current if voltage else 0.0
        if ratio and abs(fit.resistance / ratio - 1) <= _SAME_RESISTANCE:
            flags.append(
                f"resistance {fit.resistance:.4g} Ω equals {name} / compliance = {ratio:.4g} Ω within "
                f"{_SAME_RESISTANCE:.0%}: the instrument may have set it; repeat with another limit"
            )
    return flags


@dataclass(frozen=True)
class Compliance:
    """A current limit that was reached."""

    current: float  # its size (A), positive
    points: int  # points on the plateau
    given: bool  # the user named it


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
    """I = V/R + I₀ by least squares, each point weighted by its noise: a floor and a share of the current."""

    # resistance, resistance_error: Ω
    resistance: float
    resistance_error: float
    # intercept, intercept_error: I₀ (A)
    intercept: float
    intercept_error: float
    r_squared: float
    points: int
    interval: tuple[float, float]  # smallest and largest voltage used, by size (V)
    runs_p: float  # Wald–Wolfowitz test of the residuals' signs: small where they are not random
    curvature_p: float  # of a quadratic term: small where the line is bent
    ohmic: bool  # R² above 0.99 and no test below 0.001


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
    found: NDArray[np.bool_] = (kept.sum(axis=1) >= _FEWEST_POINTS) & span
    return found


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
    found: NDArray[np.bool_] = inside & conducts & ~low & (np.arange(v.shape[1]) < gone[:, None])
    return found


def _results(rows: NDArray[np.int_], v: Array, i: Array, weights: Array) -> Iterator[tuple[int, OhmicFit]]:
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
