"""Memristor cycles: set and reset bias, resistances at a read bias, failures to reset.

A cycle is a curve of the set polarity and, if one follows, a curve of the other. Resistances come from a
straight line through the origin and the points near the read bias. A current that noise could make gives a
lower bound. A state has changed where the resistance has, by a factor of three for good.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from gbflux.errors import InputError
from gbflux.lab.iv.sweeps import Curve, curves_of
from gbflux.lab.readers.tables import Table
from gbflux.lab.stats.lines import quantisation

Array = NDArray[np.float64]
_READ_SHARE = 0.4  # of the median set bias

_AREA = re.compile(
    r"\barea\b[^:=\d]*[:=]?\s*(\d[\d.]*(?:[eE][-+]?\d+)?)\s*([uµμncm]?m)(?:2|²|\^2)", re.IGNORECASE
)
_AREA_UNITS = {"m": 1.0, "cm": 1e-4, "mm": 1e-6, "um": 1e-12, "µm": 1e-12, "μm": 1e-12, "nm": 1e-18}

#: Ratio of resistances from which a state has changed.
_SWITCHED = 3.0
_WINDOW = (0.4, 1.3)  # of the read bias
_FALSE_CURRENT = 1e-5  # chance of taking noise for a current
_FEWEST_NEAR = 3  # points near the read bias
_ENOUGH_FOR_MEDIAN = 12
_MAD_EFFICIENCY = 0.37  # of the median absolute deviation against the standard deviation
_LASTING = 3  # points


@dataclass(frozen=True)
class Cycle:
    """One cycle."""

    number: int  # from 1
    # set_bias, reset_bias: first bias beyond the change (V); None if there was none
    set_bias: float | None
    # set_limit, reset_limit: largest bias tried (V); None without such a curve
    set_limit: float
    reset_bias: float | None
    reset_limit: float | None
    step: float  # between two biases (V): the change lies in the last step
    # hrs, lrs: before and after the set; None if the read bias was not measured
    hrs: Resistance | None
    lrs: Resistance | None
    # hrs/lrs; a lower bound where `hrs.bound`. Without a set, the ratio of the two branches.
    on_off: float | None
    hrs_after: Resistance | None  # after the reset curve
    # the low resistance outlasted the reset curve; None if there was nothing to reset, or no such curve
    reset_failed: bool | None


@dataclass(frozen=True)
class MemristorResult:
    """Cycles of one device."""

    source: str
    cycles: tuple[Cycle, ...]
    read_bias: float  # with the sign of the set (V)
    set_polarity: int  # −1 or 1
    area: float | None  # of the electrode (m²)
    notes: tuple[str, ...]


def analyse_memristor(
    table: Table, read_bias: float | None = None, set_polarity: int = -1, area: float | None = None
) -> MemristorResult:
    """Measure every cycle of a file.

    Parameters
    ----------
    table : Table
        As from `read_table`.
    read_bias : float, optional
        Bias at which resistances are read (V, its sign does not matter); 0.4 times the median set bias if
        left out.
    set_polarity : int, optional
        −1 or 1: the sign of the bias that sets.
    area : float, optional
        Of the electrode (m²), for current densities too; as a comment of the file says (``area: 30 um2``) if
        left out.

    Raises
    ------
    InputError
        If there is no curve of the set polarity, or an option cannot be.
    """
    if set_polarity not in (-1, 1):
        raise InputError(f"set polarity: must be -1 or 1; got {set_polarity}.")
    area = area_in(table) if area is None else area
    table = table if area is None else table.of_area(area)
    curves, found = curves_of(table)
    pairs, dropped = curve_pairs(curves, set_polarity)
    if not pairs:
        raise InputError(
            f"{table.source}: must hold a sweep of {'negative' if set_polarity < 0 else 'positive'} bias, "
            "which sets; it has none. Give the other polarity."
        )
    notes = [*table.notes, *found, *([f"{dropped} curves before the first set; left out"] if dropped else [])]
    read = _read_bias(pairs, read_bias)
    cycles = tuple(_cycle(number, first, second, read) for number, (first, second) in enumerate(pairs, 1))
    if all(cycle.lrs is None and cycle.hrs is None for cycle in cycles):
        limits = ", ".join(f"{cycle.set_limit:g}" for cycle in cycles[:3])
        raise InputError(
            f"{table.source}: the read bias of {read:g} V must lie within the sweeps, with three of "
            f"their points near it; they reach {limits} V. Choose another read bias."
        )
    ratios = [cycle.on_off for cycle in cycles if cycle.on_off is not None]
    if ratios and np.median(ratios) < 1 / _SWITCHED:
        notes.append(
            f"the resistance rises with {'negative' if set_polarity < 0 else 'positive'} bias, which should "
            "set: the other polarity may set"
        )
    return MemristorResult(table.source, cycles, set_polarity * read, set_polarity, area, tuple(notes))


def area_in(table: Table) -> float | None:
    """Area that a comment of the file states (m²); None without one."""
    for comment in table.comments:
        if found := _AREA.search(comment):
            area = float(found[1]) * _AREA_UNITS[found[2].lower()]
            return area if area > 0 and math.isfinite(area) else None
    return None


def curve_pairs(curves: tuple[Curve, ...], set_polarity: int) -> tuple[list[tuple[Curve, Curve | None]], int]:
    """Set curves, each with the reset curve that follows; and the number of curves before the first set."""
    pairs: list[tuple[Curve, Curve | None]] = []
    dropped = 0
    for curve in curves:
        if curve.polarity == set_polarity:
            pairs.append((curve, None))
        elif pairs and pairs[-1][1] is None:
            pairs[-1] = pairs[-1][0], curve
        elif not pairs:
            dropped += 1
    return pairs, dropped


def _read_bias(pairs: list[tuple[Curve, Curve | None]], given: float | None) -> float:
    """Size of the read bias (V)."""
    if given is not None:
        if not (math.isfinite(given) and given != 0):
            raise InputError(f"read bias: must be a number other than 0; got {given:g} V.")
        return abs(given)
    limits = np.array([abs(first.limit) for first, _ in pairs])
    jumps = np.array([_rough_set(first) for first, _ in pairs])
    # at least three points have to lie near the read bias
    least = 4 * max(curve.step for pair in pairs for curve in pair if curve is not None)
    return float(min(max(_READ_SHARE * min(np.median(jumps), np.median(limits)), least), np.median(limits)))


def _rough_set(curve: Curve) -> float:
    """Size of the bias from which on three currents exceed a fifth of the largest; the limit without such."""
    size, bias = np.abs(curve.current[: curve.turn]), np.abs(curve.voltage[: curve.turn])
    above = size > 0.2 * float(np.abs(curve.current).max())
    lasting = above[:-2] & above[1:-1] & above[2:] & (bias[:-2] > 0.02 * abs(curve.limit))
    places = np.flatnonzero(lasting)
    return float(bias[places[0]]) if len(places) else abs(curve.limit)


def _cycle(number: int, first: Curve, second: Curve | None, read: float) -> Cycle:
    """Measure one cycle."""
    quiet = _before_jump(first.voltage[: first.turn], first.current[: first.turn], read)
    before = _read_resistance(first.voltage[:quiet], first.current[:quiet], read)
    after = _read_resistance(first.voltage[first.turn :], first.current[first.turn :], read)
    if after is None and second is not None:  # a set curve without a way back
        after = _read_resistance(second.voltage[: second.turn], second.current[: second.turn], read)
    low = after if after is not None and not after.bound else None
    set_bias = ratio = None
    if before is not None and low is not None:
        ratio = before.value / low.value
        set_bias = _crossing(first, before, low, rising=True) if ratio > _SWITCHED else None
    reset_bias, hrs_after, failed = _reset(second, low, read) if second is not None else (None, None, None)
    limit = None if second is None else second.limit
    return Cycle(
        number, set_bias, first.limit, reset_bias, limit, first.step, before, after, ratio, hrs_after, failed
    )


def _reset(
    curve: Curve, low: Resistance | None, read: float
) -> tuple[float | None, Resistance | None, bool | None]:
    """Bias of the reset, resistance after it, and whether it failed."""
    start = _read_resistance(curve.voltage[: curve.turn], curve.current[: curve.turn], read)
    end = _read_resistance(curve.voltage[curve.turn :], curve.current[curve.turn :], read)
    if end is None or low is None or start is None or start.bound:
        return None, end, None
    conducting = start.value < _SWITCHED * low.value
    if not conducting:
        return None, end, None
    if end.value <= _SWITCHED * start.value:
        return None, end, True
    return _crossing(curve, end, start, rising=False), end, False


@dataclass(frozen=True)
class Resistance:
    """A resistance at the read bias."""

    value: float  # Ω; the lower bound where `bound`
    # standard error (Ω), widened where few points say how large the noise is: 1.96 errors are the 95 % of
    # student's t. 0 for a bound.
    error: float
    bound: bool  # the current does not stand out of the noise: the resistance is at least `value` (95 %)


def _before_jump(voltage: Array, current: Array, read: float) -> int:
    """Points of an outgoing branch up to a set near the read bias; all of them without one."""
    size = np.abs(voltage)
    near = np.flatnonzero((size >= _WINDOW[0] * read) & (size <= _WINDOW[1] * read))
    conductance = current[near] / voltage[near]
    for k in range(_FEWEST_NEAR, len(near)):
        if conductance[k:].min() > _SWITCHED * np.abs(conductance[:k]).max():
            return int(near[k])
    return len(voltage)


def _read_resistance(voltage: Array, current: Array, read: float) -> Resistance | None:
    """Resistance from the points of a branch near the read bias.

    Parameters
    ----------
    voltage, current : (n,) arrays
        One branch (V, A).
    read : float
        Size of the read bias (V).

    Returns
    -------
    Resistance or None
        None with fewer than three points near the read bias.

    Examples
    --------
    >>> v = np.linspace(0, -1, 101)
    >>> round(_read_resistance(v, v / 500, 0.1).value, 6)
    500.0
    """
    size = np.abs(voltage)
    near = (size >= _WINDOW[0] * read) & (size <= _WINDOW[1] * read)
    count = int(np.count_nonzero(near))
    if count < _FEWEST_NEAR:
        return None
    v, i = voltage[near], current[near]
    conductance = float(np.median(i / v))
    rest = i - conductance * v
    scatter, freedom = float(np.sqrt(rest @ rest / (count - 1))), count - 1.0
    if count >= _ENOUGH_FOR_MEDIAN:  # then spikes need not count
        scatter, freedom = 1.4826 * float(np.median(np.abs(rest))), _MAD_EFFICIENCY * count
    if len(np.unique(i)) < 0.7 * count:  # rounding shows
        scatter = max(scatter, quantisation(i) / 12**0.5)
    scatter = max(scatter, 1e-9 * float(np.abs(i).max()))
    error = 1.25 * scatter / float(np.sqrt(v @ v))
    if conductance <= error * _beyond(_FALSE_CURRENT, count - 1):
        most = max(conductance, 0.0) + error * _beyond(0.05, count - 1)
        return Resistance(1 / most if most > 0 else math.inf, 0.0, True)
    widened = error * _beyond(0.025, freedom) / 1.96
    return Resistance(1 / conductance, widened / conductance**2, False)


def _beyond(chance: float, freedom: float) -> float:
    """Upper quantile of Student's t; `scipy.stats` takes thirty times as long."""
    return -float(stdtrit(freedom, chance))


def _crossing(curve: Curve, high: Resistance, low: Resistance, rising: bool) -> float | None:
    """First bias at which the conductance has passed the geometric mean of two states for good."""
    with np.errstate(divide="ignore", invalid="ignore"):
        conductance = curve.current / curve.voltage
    # an instrument's limit holds the conductance below that of the low resistance
    largest = float(np.nanmax(conductance[np.isfinite(conductance)], initial=0.0))
    top = min(1 / low.value, largest) if rising else 1 / low.value
    middle = math.sqrt(top / high.value) if top > 0 else 0.0
    beyond = conductance > middle if rising else conductance < middle
    beyond &= np.isfinite(conductance)
    for k in np.flatnonzero(beyond):
        following = beyond[k : k + _LASTING]
        if following.all() and len(following) == min(_LASTING, len(beyond) - k):
            if rising and abs(curve.voltage[k]) < 0.02 * abs(curve.limit):
                continue  # near 0 V noise over a small voltage is a large conductance
            return float(curve.voltage[k])
    return None
