"""A measured cycle for a fit of the filament model: its set, its reset, and the samples that count.

A set or reset falls between two samples. The misfit of the currents jumps as the model's change passes a
sample; the moment of the change does not. So the samples on either side are left out, and the moment stands
for them: anywhere between the two, with equal chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.memristor.filament_model import Crossing

_SMALLEST_JUMP = 3.0  # ratio of conductances
_NEAR_ZERO = 0.02  # of the largest bias: conductances are noise there
_LASTING = 3  # samples a state lasts
_FEWEST = 24

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """A set or reset between two samples.

    Parameters
    ----------
    crossing : Crossing
        Conductance half-way on a scale of logarithms.
    before, after : float
        Times of the samples (s).
    came : bool
        False for a reset that did not: then the last sample and one later.
    """

    crossing: Crossing
    before: float
    after: float
    came: bool = True

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
    """A cycle that sets under negative voltage, ready for a fit.

    Parameters
    ----------
    time, bias, current : (n,) arrays
        s, V, A.
    noise : float
        Standard deviation of a current of nothing (A).
    compliance : float
        A.
    events : tuple of Event
        The set, and the reset.
    kept : (n,) array of bool
        Samples that count: not those beside an event, none without bias.
    """

    time: Array
    bias: Array
    current: Array
    noise: float
    compliance: float
    events: tuple[Event, ...]
    kept: NDArray[np.bool_]

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

    Returns
    -------
    MeasuredCycle

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
