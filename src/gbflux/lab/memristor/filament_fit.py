"""The filament model of `filament_model` fitted to a measured cycle, as given in time or as one of a file.

Least squares of arsinh(I/c), c = noise/relative noise, whose scatter is the same for small and large
currents, and of the moments of set and reset.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError, SolverError
from gbflux.lab.iv.analyse import find_compliance
from gbflux.lab.iv.sweeps import curves_of
from gbflux.lab.memristor.filament_model import PARAMETERS, FilamentModel, FilamentTrace, simulate
from gbflux.lab.memristor.filament_search import (
    Iterate,
    MeasuredCycle,
    Target,
    descend,
    evaluate,
    measured_cycle,
    starts,
)
from gbflux.lab.memristor.switching import area_in, curve_pairs
from gbflux.lab.readers.tables import Table

Array = NDArray[np.float64]
_UNDETERMINED = 0.2  # relative standard error from which there is no interval
_TIED = 1.5  # times the error with the undetermined ones known
_FEWEST_CONDUCTING = 8  # samples from which the relative noise is estimated
_LATEST = 2.0  # standard deviations of a moment between two samples, which are 1.73 from the middle
_WIDE = 0.01  # of a logarithm, for derivatives at the end
_WEAK = 7.0  # standard deviation of a logarithm that is known beforehand: three decades
_CANDIDATES, _BATCHES = 8, 3  # starts followed at once, and how often others are tried, twice at least
_AS_GOOD = 9.0  # difference in χ² between fits between which the cycle does not decide
_APART = 3.0  # standard errors
_LINEAR = ("series_resistance", "mouth_conductance")
_SERIES, _MOUTH = (PARAMETERS.index(name) for name in _LINEAR)
_PAUSE = 10.0  # samples: longer near 0 V is none
_NEAR_ZERO = 0.05  # of the largest bias
_NEVER = 10.0  # times the largest current: a limit that was not reached


@dataclass(frozen=True)
class FittedParameter:
    """One parameter."""

    value: float  # SI
    error: float | None  # standard error
    # low, high: 95 % interval
    low: float | None
    high: float | None
    reason: str | None  # why there is no error and no interval; the value is then one of many that fit


@dataclass(frozen=True)
class FilamentFit:
    """The model fitted to a measured cycle."""

    model: FilamentModel
    parameters: dict[str, FittedParameter]  # `FittedParameter` by name
    trace: FilamentTrace  # of the model
    measured: Array  # (n,): current it was fitted to (A)
    # root mean square of log10(measured/model) of the currents that count and stand out of the noise
    rms_decades: float
    relative_noise: float  # scatter of large currents about the model as a share of them
    # of neighbouring residuals: beyond `correlation_limit` the model does not describe the cycle
    correlation: float
    correlation_limit: float  # what chance exceeds once in a thousand
    reason: str | None  # why the model does not describe the cycle; then no parameter has an interval
    # where the time of the samples comes from; between them the voltage is taken for a straight line
    drive: str = "time as given"


def fit_cycle(
    time: Array, bias: Array, current: Array, compliance: float = 1e-3, noise: float | None = None
) -> FilamentFit:
    """Fit the model to one cycle that begins without a filament.

    Least squares of arsinh(I/c), c = noise/relative noise, whose scatter is the same for small and large
    currents, and of the moments of set and reset (`measured_cycle`). Logarithms of the parameters
    are sought from many starts. Intervals are of the linearised model: normal scatter of the currents, equal
    chance of the moments between two samples; the series resistance and the resistance of the mouth on a
    linear scale, the others on one of logarithms.

    Parameters
    ----------
    time, bias, current : (n,) arrays
        s, V, A; negative voltages set.
    compliance : float, optional
        Limit of the instrument (A).
    noise : float, optional
        Standard deviation of a current of nothing (A); from the samples before the set if left out.

    Raises
    ------
    InputError
        If the cycle does not set, or a number is missing.
    SolverError
        If the model cannot be integrated near any start.
    """
    cycle = measured_cycle(time, bias, current, compliance, noise)
    first = starts(cycle)
    fits: list[FilamentFit] = []
    for batch in range(_BATCHES):
        found = _search(cycle, first[batch * _CANDIDATES : (batch + 1) * _CANDIDATES])
        fits += [] if found is None else [found]
        if len(fits) > 1 and min(fits, key=_rank).reason is None:
            break
    if not fits:
        raise SolverError("filament fit: the model could not be integrated near any start.")
    best = min(fits, key=_rank)
    most = best.relative_noise * math.sqrt(1 + _AS_GOOD / int(cycle.kept.sum()))
    others = [fit for fit in fits if fit is not best and fit.reason is None and fit.relative_noise <= most]
    return replace(best, parameters={name: _agreed(name, best, others) for name in best.parameters})


def _agreed(name: str, best: FilamentFit, others: list[FilamentFit]) -> FittedParameter:
    """A parameter without its interval where a fit from other starts, as good, has it elsewhere."""
    known = best.parameters[name]
    for fit in others if known.reason is None else ():
        other = fit.parameters[name]
        if other.reason is not None or abs(other.value - known.value) > _APART * (known.error or 0.0):
            why = f"others describe the cycle as well, with {other.value:.2g} in place of {known.value:.2g}"
            return FittedParameter(known.value, None, None, None, why)
    return known


def _rank(fit: FilamentFit) -> tuple[bool, float]:
    """Fits that describe the cycle come first, then those that lie nearer."""
    return fit.reason is not None, fit.relative_noise


def _search(cycle: MeasuredCycle, points: Array) -> FilamentFit | None:
    """Best fit from a few starts (k, 6); None where the model cannot be integrated."""
    relative = 0.1
    for keep, sweeps in ((len(points), 12), (2, 20), (1, 40)):
        target = Target(cycle, relative)
        found = [one for one in descend(target, points[:keep], sweeps) if math.isfinite(one.cost)]
        if not found:
            return None
        found.sort(key=lambda one: one.cost)
        points = np.array([one.point for one in found])
        relative = _relative_noise(target, found[0])
    return _outcome(Target(cycle, relative), points[0])


def _relative_noise(target: Target, place: Iterate) -> float:
    """Scatter of large currents about the model, as a share of them."""
    cycle = target.cycle
    rows = place.residual[: int(cycle.kept.sum())] * target.relative_noise
    large = np.abs(cycle.current[cycle.kept]) > 10 * cycle.noise / target.relative_noise
    large &= np.abs(cycle.current[cycle.kept]) < 0.98 * cycle.compliance
    if np.count_nonzero(large) < _FEWEST_CONDUCTING:
        return target.relative_noise
    freedom = max(np.count_nonzero(large) - len(PARAMETERS), 1)
    return float(np.clip(np.sqrt(rows[large] @ rows[large] / freedom), 1e-4, 1.0))


def _outcome(target: Target, point: Array) -> FilamentFit:
    """The model, its trace, and how well each parameter is known."""
    cycle = target.cycle
    model = FilamentModel(
        **dict(zip(PARAMETERS, np.exp(point).tolist(), strict=True)), compliance=cycle.compliance
    )
    trace = simulate(model, cycle.time, cycle.bias)
    place = evaluate(target, point[None])[0]
    # wide central differences: the integrator's tolerance must not pass for knowledge of flat directions
    beside = target.residuals(np.hstack([point[:, None] + sign * _WIDE * np.eye(6) for sign in (1, -1)]))
    if np.isfinite(beside).all():
        place.jacobian = (beside[:, :6] - beside[:, 6:]) / (2 * _WIDE)
    rows = place.residual[: int(cycle.kept.sum())]
    seen = cycle.kept & (np.minimum(np.abs(cycle.current), np.abs(trace.current)) > 5 * cycle.noise)
    misfit = np.log10(np.abs(cycle.current[seen]) / np.abs(trace.current[seen]))
    rms = float(np.sqrt(np.mean(misfit**2))) if seen.any() else math.inf
    correlation = float(rows[1:] @ rows[:-1] / (rows @ rows))
    limit = 3.29 / math.sqrt(len(rows))
    late = float(np.abs(place.residual[len(rows) :]).max())
    reason = None
    if correlation > limit:
        reason = (
            f"neighbouring residuals agree (correlation {correlation:.2f}, chance makes {limit:.2f}): "
            "the model does not describe the cycle"
        )
    elif late > _LATEST:
        reason = (
            f"its set or reset falls {late / 12**0.5:.2g} samples beside the middle of the measured step: "
            "the model does not describe the cycle"
        )
    largest = np.full(len(PARAMETERS), _WEAK)
    # a resistance too small to matter must not pass for known: up to ten times what would matter
    largest[_SERIES] = max(_WEAK, 10 * cycle.lowest_resistance / model.series_resistance)
    largest[_MOUTH] = max(_WEAK, 10 * model.mouth_conductance / model.ionic_conductance)
    parameters = _known(place, len(rows), largest, reason)
    return FilamentFit(
        model, parameters, trace, cycle.current, rms, target.relative_noise, correlation, limit, reason
    )


def _known(place: Iterate, currents: int, largest: Array, reason: str | None) -> dict[str, FittedParameter]:
    """Errors and intervals of all parameters, or why there are none.

    What is known beforehand is weak (`largest`, relative standard deviations): it keeps a direction the cycle
    says nothing of from passing for known. Far along such a direction the model is not linear, but for those
    on a linear scale: a parameter whose error depends on it has no interval either.
    """
    values = np.exp(place.point)
    errors, reaches = _errors(place, currents, largest)
    vague = errors > _UNDETERMINED
    far = vague & ~np.isin(PARAMETERS, _LINEAR)
    alone, _ = _errors(place, currents, np.where(far, 1e-6, largest))
    tied = ~vague & (errors > _TIED * alone)
    tied[PARAMETERS.index("ionic_conductance")] = False  # read before the set, whatever came after
    names = ", ".join(name.replace("_", " ") for name, one in zip(PARAMETERS, far, strict=True) if one)
    known = {}
    for k, name in enumerate(PARAMETERS):
        why = reason
        if why is None and vague[k]:
            why = f"the cycle does not determine it: relative standard error {min(errors[k], 99.0):.2g}"
        if why is None and tied[k]:
            why = f"the cycle ties it to what it does not determine: {names}"
        value, reach = float(values[k]), reaches[k]
        if why is not None:
            known[name] = FittedParameter(value, None, None, None, why)
            continue
        if name == "series_resistance":
            ends = value * (1 - reach), value * (1 + reach)
        elif name == "mouth_conductance":
            ends = value / (1 + reach), value / (1 - reach)
        else:
            ends = value * math.exp(-reach), value * math.exp(reach)
        known[name] = FittedParameter(value, float(errors[k]) * value, *ends, None)
    return known


def _errors(place: Iterate, currents: int, largest: Array) -> tuple[Array, list[float]]:
    """Relative standard errors and half the widths of the intervals, of all parameters."""
    from scipy.stats import t

    jacobian, rows = place.jacobian, place.residual[:currents]
    freedom = max(currents - len(largest), 1)
    scatter = math.sqrt(rows @ rows / freedom) * float(t.ppf(0.975, freedom)) / 1.96
    inverse = np.linalg.inv(jacobian.T @ jacobian + np.diag(largest**-2.0))
    response = inverse @ jacobian.T
    normal = np.hypot(
        scatter * np.linalg.norm(response[:, :currents], axis=1), np.linalg.norm(inverse / largest, axis=1)
    )
    even = np.sqrt(3.0) * np.abs(response[:, currents:])
    errors = np.sqrt(normal**2 + np.sum(even**2, axis=1) / 3)
    return errors, [_reach(float(one), sizes) for one, sizes in zip(normal, even, strict=True)]


def _reach(normal: float, even: Array) -> float:
    """Half the width of the 95 % interval of a normal error and even ones, up to ±even, together."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    normal = max(normal, 1e-9)
    shares = (np.arange(40) + 0.5) / 20 - 1
    shifts = np.zeros(1)
    for size in even:
        shifts = (shifts[:, None] + size * shares).ravel()
    top = 5 * normal + float(np.sum(even))
    return float(brentq(lambda q: np.mean(norm.cdf((q - shifts) / normal)) - 0.975, 0.0, top))


def fit_cycle_of(
    table: Table,
    number: int,
    rate: float | None = None,
    set_polarity: int = -1,
    area: float | None = None,
    compliance: float | None = None,
) -> FilamentFit:
    """Fit the filament model to one cycle of a file.

    Parameters
    ----------
    table : Table
        As from `read_table`.
    number : int
        Of the cycle, from 1.
    rate : float, optional
        Of the sweep (V/s), the same throughout and without holds; the times of the samples, from a column of
        the file, if left out.
    set_polarity : int, optional
        −1 or 1; a cycle that sets under positive voltage is fitted with both signs reversed.
    area : float, optional
        Of the electrode, for current densities (m²).
    compliance : float, optional
        Limit of the instrument (A); a plateau of the cycle if left out.

    Raises
    ------
    InputError
        If there is no such cycle, it does not set, or its time is not known.
    """
    area = area_in(table) if area is None else area
    table = table if area is None else table.of_area(area)
    pairs, _ = curve_pairs(curves_of(table)[0], set_polarity)
    if not 1 <= number <= len(pairs):
        raise InputError(
            f"{table.source}: the cycle to fit must be 1 to {len(pairs)}; got {number}. Choose one of them."
        )
    curves = [curve for curve in pairs[number - 1] if curve is not None]
    bias = np.concatenate([curve.voltage for curve in curves]) * -float(set_polarity)
    current = -set_polarity * np.concatenate([curve.current for curve in curves])
    if rate is None:
        time, drive = _measured_time(table, np.concatenate([curve.rows for curve in curves]), bias)
        known = np.isfinite(time)
        drive += f", {np.count_nonzero(~known)} samples without left out" if not known.all() else ""
    else:
        if not (rate > 0 and math.isfinite(rate)):
            raise InputError(f"{table.source}: the sweep rate must be > 0; got {rate:g} V/s.")
        time, drive = np.append(0.0, np.cumsum(np.abs(np.diff(bias)))) / rate, f"{rate:g} V/s throughout"
        known = np.append(True, np.diff(bias) != 0)  # how long a hold takes, the rate does not say
    time, bias, current = time[known], bias[known], current[known]
    if compliance is None:
        found, _ = find_compliance(bias, current)
        compliance = found.current if found is not None else _NEVER * float(np.abs(current).max())
    try:
        return replace(fit_cycle(time, bias, current, compliance), drive=drive)
    except InputError as error:
        raise InputError(f"{table.source}, cycle {number}: {error}") from None


def _measured_time(table: Table, rows: NDArray[np.int_], bias: Array) -> tuple[Array, str]:
    """Time of each sample of a cycle from its first (s), NaN where missing, and where it comes from.

    Near 0 V nothing grows and nothing dissolves: a pause there, or a clock that begins anew, counts as one
    sample. A line drawn through a pause would be a voltage.

    Raises
    ------
    InputError
        If there is no column of it, or it does not increase.
    """
    columns = table.all("time")
    if not columns:
        raise InputError(
            f"{table.source}: the time of the samples must be known for a fit; there is no column of it. "
            "Give --rate-V-per-s."
        )
    name = f"'{columns[0].as_written or columns[0].name}'"
    time = columns[0].values[rows].copy()
    known = np.flatnonzero(np.isfinite(time))
    steps, size = np.diff(time[known]), np.abs(bias[known])
    near_zero = np.minimum(size[1:], size[:-1]) <= _NEAR_ZERO * np.abs(bias).max()
    still = np.flatnonzero((steps == 0) | ((steps < 0) & ~near_zero))
    if len(still) or not (steps > 0).any():
        row = rows[known[still[0] + 1]] + 1 if len(still) else rows[0] + 1
        raise InputError(
            f"{table.source}: {name} must increase within a cycle; it does not in row {row} of the numbers. "
            "Give --rate-V-per-s."
        )
    one = float(np.median(steps[steps > 0]))
    pauses = near_zero & ((steps < 0) | (steps > _PAUSE * one))
    time[known] = np.append(0.0, np.cumsum(np.where(pauses, one, steps)))
    return time, f"time from {name}" + (", without the pause at 0 V" if pauses.any() else "")
