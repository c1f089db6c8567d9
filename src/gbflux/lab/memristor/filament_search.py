"""The search of a fit of the filament model: the measured cycle, residuals, where to start, descent.

A set or reset falls between two samples. The misfit of the currents jumps as the model's change passes a
sample; the moment of the change does not. So the samples on either side are left out, and the moment stands
for them: anywhere between the two, with equal chance.

The starts are a coarse grid of growth and series resistance. For each of these the moment of the set and the
current after it give nucleation bias and thinnest bridge; the way back gives the mouth. From there damped
least squares (Levenberg-Marquardt) follow many starts at once: one integration serves all of them, where
`scipy.optimize.least_squares` would need one for each start and parameter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.memristor.filament_model import SOFTNESS_V, Crossing, Laws, integrate

Array = NDArray[np.float64]
_STEP = 1e-3  # of a logarithm, for derivatives
_LARGEST_MOVE = 1.5  # of a logarithm in a step

_GROWTH = np.geomspace(0.1, 1e6, 15)  # bridges that the ionic current plates until 0 V
_SERIES = (0.01, 0.3, 0.8)  # of the smallest resistance measured
_MOUTH = np.geomspace(3e-3, 1e3, 12)  # of the ionic conductance
_ROUNDS = 7
_FURTHEST = 3.0  # residual that counts as out of reach
_SMALLEST_JUMP = 3.0  # ratio of conductances
_NEAR_ZERO = 0.02  # of the largest bias: conductances are noise there
_LASTING = 3  # samples a state lasts
_FEWEST = 24


@dataclass(frozen=True)
class Target:
    """Residuals that a fit makes small."""

    cycle: MeasuredCycle
    relative_noise: float

    def residuals(self, points: Array) -> Array:
        """Residuals (rows, m) of logarithms of parameters (6, m): currents, moments; NaN without a run."""
        cycle = self.cycle
        laws = Laws(np.exp(points), cycle.compliance)
        crossings = tuple(event.crossing for event in cycle.events)
        charge, times = integrate(laws, cycle.time, cycle.bias, crossings)
        modelled = laws.current(cycle.bias[cycle.kept, None], charge[cycle.kept])
        scale = cycle.noise / self.relative_noise
        measured = np.arcsinh(cycle.current[cycle.kept] / scale)
        apart = (measured[:, None] - np.arcsinh(modelled / scale)) / self.relative_noise
        rows = [np.where(cycle.unlike(times)[cycle.kept], 0.0, apart)]
        for event, moments in zip(cycle.events, times, strict=True):
            rows.append(event.mismatch(moments, cycle.time[-1])[None])
        return np.concatenate(rows)


@dataclass
class Iterate:
    """State of a search: point (6,), residuals, derivatives (rows, 6), cost."""

    point: Array
    residual: Array
    jacobian: Array
    cost: float
    damping: float = 1e-2
    done: bool = False


def descend(target: Target, points: Array, sweeps: int) -> list[Iterate]:
    """Levenberg and Marquardt's method from several points at once, integrated together.

    Parameters
    ----------
    target : Target
    points : (k, 6) array
    sweeps : int
        Most steps.
    """
    low, high = points - 12, points + 12
    places = evaluate(target, points)
    for _ in range(sweeps):
        active = [k for k, place in enumerate(places) if not place.done and math.isfinite(place.cost)]
        if not active:
            break
        moves = np.array([_move(places[k]) for k in active])
        trial = np.clip(np.array([places[k].point for k in active]) + moves, low[active], high[active])
        for k, new in zip(active, evaluate(target, trial), strict=True):
            old = places[k]
            if new.cost < old.cost:
                new.damping = max(old.damping / 5, 1e-8)
                new.done = old.cost - new.cost < 1e-3 * max(1.0, 1e-2 * new.cost) and old.damping < 1
                places[k] = new
            else:
                old.damping *= 6
                old.done = old.damping > 1e8
    return places


def evaluate(target: Target, points: Array) -> list[Iterate]:
    """Residuals and derivatives at points (k, 6)."""
    count = points.shape[1]
    columns = np.repeat(points, count + 1, axis=0).reshape(len(points), count + 1, count)
    columns[:, 1:] += _STEP * np.eye(count)
    residuals = target.residuals(columns.reshape(-1, count).T).T.reshape(len(points), count + 1, -1)
    places = []
    for point, rows in zip(points, residuals, strict=True):
        jacobian = ((rows[1:] - rows[0]) / _STEP).T
        finite = np.isfinite(rows).all()
        places.append(Iterate(point, rows[0], jacobian, float(rows[0] @ rows[0]) if finite else math.inf))
    return places


def _move(place: Iterate) -> Array:
    """Damped Gauss-Newton step, no component beyond `_LARGEST_MOVE`."""
    normal = place.jacobian.T @ place.jacobian
    damped = normal + place.damping * np.diag(np.diag(normal) + 1e-6 * np.trace(normal) + 1e-12)
    move = -np.linalg.solve(damped, place.jacobian.T @ place.residual)
    return move * min(1.0, _LARGEST_MOVE / max(float(np.abs(move).max()), 1e-300))


def starts(cycle: MeasuredCycle) -> Array:
    """Logarithms of parameters, the likeliest first.

    Returns
    -------
    (k, 6) array
        In the order of `gbflux.lab.memristor.filament_model.PARAMETERS`.
    """
    turn = int(np.flatnonzero(cycle.bias < 0)[-1]) + 1  # samples of the set
    points = _grid(cycle, turn)
    charge = _fit_set(cycle, points, turn)
    misfit = _misfit(cycle, points, charge, slice(0, turn))
    if turn < len(cycle.time):
        count = points.shape[1]
        points = np.repeat(points, len(_MOUTH), axis=1)
        points[1] = points[0] * np.tile(_MOUTH, count)
        back = slice(turn - 1, len(cycle.time))
        laws = Laws(points, cycle.compliance)
        last = np.repeat(charge[-1], len(_MOUTH))
        after, _ = integrate(laws, cycle.time[back], cycle.bias[back], start=last)
        misfit = np.repeat(misfit, len(_MOUTH)) + _misfit(cycle, points, after, back)
        best = misfit.reshape(count, -1).argmin(axis=1) + len(_MOUTH) * np.arange(count)
        points, misfit = points[:, best], misfit[best]
    found: Array = np.log(points[:, np.argsort(misfit)].T)
    return found


def _grid(cycle: MeasuredCycle, turn: int) -> Array:
    """Parameters (6, m) for each growth and series resistance."""
    event, ionic, lowest = cycle.events[0], cycle.ionic_conductance, cycle.lowest_resistance
    size = np.abs(cycle.bias[1:turn])
    driven = float(size @ (np.diff(cycle.time[:turn]) * (cycle.time[1:turn] > event.before)))
    growth, series = (a.ravel() for a in np.meshgrid(_GROWTH, np.array(_SERIES) * lowest, indexing="ij"))
    points = np.empty((6, len(growth)))
    points[0], points[1], points[2] = ionic, ionic, ionic * driven / growth
    points[3], points[4] = lowest * np.maximum(growth, 1.0), series
    points[5] = abs(float(np.interp(event.middle, cycle.time, cycle.bias)))
    return points


def _fit_set(cycle: MeasuredCycle, points: Array, turn: int) -> Array:
    """Charges (turn, m) of the set; changes nucleation bias and thinnest bridge of the points in place."""
    event = cycle.events[0]
    seen = cycle.conducting()[:turn]
    if not seen.any():  # limited throughout: at least as conducting as the limit shows
        seen = cycle.kept[:turn] & (cycle.time[:turn] >= event.after)
    read = int(np.argmax(np.where(seen, np.abs(cycle.current[:turn]), -1.0)))
    wanted = max(abs(float(cycle.current[read] / cycle.bias[read])), cycle.ionic_conductance)
    low, high = np.full(points.shape[1], 2 * SOFTNESS_V), points[5] + 4 * SOFTNESS_V
    for _ in range(_ROUNDS):
        points[5] = (low + high) / 2
        laws = Laws(points, cycle.compliance)
        charge, times = integrate(laws, cycle.time[:turn], cycle.bias[:turn], (event.crossing,))
        early = times[0] < event.middle
        low, high = np.where(early, points[5], low), np.where(early, high, points[5])
        found = 1 / (points[4] + 1 / laws.conductance(charge[read]))
        points[3] *= np.where(np.isinf(times[0]), 1.0, np.clip(found / wanted, 1e-3, 1e3))
    return charge


def _misfit(cycle: MeasuredCycle, points: Array, charge: Array, part: slice) -> Array:
    """Sum of squares of log-like residuals of each set, large ones cut off; infinite without a run."""
    kept, scale = cycle.kept[part], 5 * cycle.noise
    modelled = Laws(points, cycle.compliance).current(cycle.bias[part][kept, None], charge[kept])
    rest = np.abs(np.arcsinh(modelled / scale) - np.arcsinh(cycle.current[part][kept] / scale)[:, None])
    total = np.sum(np.minimum(rest, _FURTHEST) ** 2, axis=0)
    return np.where(np.isfinite(charge).all(axis=0), total, np.inf)


@dataclass(frozen=True)
class Event:
    """A set or reset between two samples."""

    crossing: Crossing  # conductance half-way on a scale of logarithms
    # before, after: times of the samples (s)
    before: float
    after: float
    came: bool = True  # False for a reset that did not: then the last sample and one later

    @property
    def middle(self) -> float:
        """Half-way (s)."""
        return (self.before + self.after) / 2

    @property
    def deviation(self) -> float:
        """Standard deviation of a moment anywhere between (s)."""
        return (self.after - self.before) / 12**0.5

    def mismatch(self, moments: Array, end: float) -> Array:
        """Distance of a model's moments (s) in standard deviations; no event counts as one at the end (s)."""
        if not self.came:
            return np.minimum(moments - self.before, 0.0) / self.deviation
        return (np.minimum(moments, end) - self.middle) / self.deviation


@dataclass(frozen=True)
class MeasuredCycle:
    """A cycle that sets under negative voltage, ready for a fit."""

    # time, bias, current: (n,): s, V, A
    time: Array
    bias: Array
    current: Array
    noise: float  # standard deviation of a current of nothing (A)
    compliance: float  # A
    events: tuple[Event, ...]  # the set, and the reset
    kept: NDArray[np.bool_]  # (n,): samples that count: not those beside an event, none without bias

    @property
    def ionic_conductance(self) -> float:
        """Median conductance before the set (S), at least what noise lets one see."""
        quiet = self.kept & (self.time <= self.events[0].before) & (np.abs(self.bias) > 0)
        seen = np.median(self.current[quiet] / self.bias[quiet]) if quiet.any() else 0.0
        return float(max(seen, self.noise / np.abs(self.bias).max() / 10))

    @property
    def lowest_resistance(self) -> float:
        """Smallest of the bridged cycle (Ω)."""
        seen = self.kept & (self.time >= self.events[0].after) & (np.abs(self.current) > 5 * self.noise)
        if not seen.any():
            return 0.1 / self.ionic_conductance
        return float(np.abs(self.bias[seen] / self.current[seen]).min())

    def unlike(self, moments: Array) -> NDArray[np.bool_]:
        """Samples (n, m) between each event and that of a model (k, m): their states differ."""
        differ = np.zeros((len(self.time), moments.shape[1]), dtype=bool)
        for event, moment in zip(self.events, moments, strict=True):
            low = np.minimum(event.after, moment)
            high = np.maximum(event.before, moment)
            differ |= (self.time[:, None] > low) & (self.time[:, None] < high)
        return differ

    def conducting(self) -> NDArray[np.bool_]:
        """Samples between set and reset whose current is neither limited nor noise."""
        until = self.events[1].before if len(self.events) > 1 else self.time[-1]
        size = np.abs(self.current)
        return (
            self.kept
            & (self.time >= self.events[0].after)
            & (self.time <= until)
            & (size < 0.98 * self.compliance)
            & (size > 5 * self.noise)
        )


def measured_cycle(
    time: Array, bias: Array, current: Array, compliance: float, noise: float | None = None
) -> MeasuredCycle:
    """Find set and reset in a cycle.

    Parameters
    ----------
    time, bias, current : (n,) arrays
        Increasing (s), V, A.
    compliance : float
        Limit of the instrument (A).
    noise : float, optional
        Standard deviation of a current of nothing (A); from the samples before the set if left out.

    Raises
    ------
    InputError
        If there are too few samples, a number is missing, or the cycle does not set.
    """
    arrays = [np.asarray(a, dtype=float) for a in (time, bias, current)]
    time, bias, current = arrays
    if len({a.shape for a in arrays}) != 1 or time.ndim != 1 or len(time) < _FEWEST:
        raise InputError(
            f"filament fit: time, bias and current must be equally long, {_FEWEST} samples at least; "
            f"got {', '.join(str(a.size) for a in arrays)}."
        )
    if not all(np.isfinite(a).all() for a in arrays) or not np.all(np.diff(time) > 0):
        raise InputError("filament fit: every sample must be a number and time must increase.")
    if not (compliance > 0 and np.isfinite(compliance)):
        raise InputError(f"filament fit: compliance must be > 0; got {compliance:g} A.")
    rough = _jump(bias, current, 0.0, rising=True)
    if rough is None:
        raise InputError(
            "filament fit: the cycle must set: under negative bias its conductance must rise at least "
            f"{_SMALLEST_JUMP:g}-fold between two samples; it does not. Choose another cycle."
        )
    if noise is None:
        noise = _noise(bias[:rough], current[:rough])
    if not noise > 0:
        raise InputError(f"filament fit: noise must be > 0; got {noise:g} A.")
    return _with_events(time, bias, current, noise, compliance)


def _with_events(time: Array, bias: Array, current: Array, noise: float, compliance: float) -> MeasuredCycle:
    """The cycle with its set and its reset; raise if there is no set."""
    events, kept = [], bias != 0
    begin = 0
    for rising in (True, False):
        found = _jump(bias[begin:], current[begin:], noise, rising)
        if found is None:
            break
        after = begin + found
        size = np.maximum(np.abs(current), noise)[[after - 1, after]] / np.abs(bias[[after - 1, after]])
        crossing = Crossing(float(np.sqrt(size[0] * size[1])), rising)
        events.append(Event(crossing, float(time[after - 1]), float(time[after])))
        kept[[after - 1, after]] = False
        begin = after
    if not events:
        raise InputError(
            f"filament fit: the set must stand out of the noise of {noise:.2g} A; it does not. "
            "Choose another cycle."
        )
    cycle = MeasuredCycle(time, bias, current, noise, compliance, tuple(events), kept)
    last = np.flatnonzero(cycle.conducting() & (bias > 0))[-_LASTING:]
    if len(events) > 1 or not len(last):
        return cycle
    still = float(np.median(current[last] / bias[last]))
    if still < _SMALLEST_JUMP * cycle.ionic_conductance:
        return cycle
    crossing = Crossing(math.sqrt(still * cycle.ionic_conductance), rising=False)
    none = Event(crossing, float(time[-1]), float(2 * time[-1] - time[-2]), came=False)
    return replace(cycle, events=(*events, none))


def _jump(bias: Array, current: Array, noise: float, rising: bool) -> int | None:
    """First sample after the largest lasting change of the conductance; None if that is too small."""
    sign = -1.0 if rising else 1.0
    usable = np.flatnonzero(sign * bias > _NEAR_ZERO * np.abs(bias).max())
    if len(usable) < 4:
        return None
    smallest = np.maximum(np.abs(current[usable]), max(3 * noise, 1e-30))
    logarithm = np.log(smallest / np.abs(bias[usable]))
    up = logarithm if rising else -logarithm
    best, place = np.log(_SMALLEST_JUMP), None
    for k in range(1, len(usable)):
        if usable[k] != usable[k - 1] + 1:
            continue
        change = up[k : k + _LASTING].min() - up[max(k - _LASTING, 0) : k].max()
        if change > best:
            best, place = change, int(usable[k])
    return place


def _noise(bias: Array, current: Array) -> float:
    """Robust scatter about a line through the origin (A); not below the smallest step of the numbers."""
    if len(bias) < 4:
        return float(np.abs(current).max(initial=0.0)) or 1e-12
    slope = np.median(current[bias != 0] / bias[bias != 0])
    scatter = 1.4826 * float(np.median(np.abs(current - slope * bias)))
    steps = np.diff(np.unique(current))
    rounding = float(steps.min()) / 12**0.5 if len(steps) else 0.0
    return max(scatter, rounding) or 1e-12
