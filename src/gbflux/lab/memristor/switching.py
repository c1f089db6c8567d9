"""Memristor cycles: set and reset bias, resistances at a read bias, failures to reset.

A cycle is a curve of the set polarity and, if one follows, a curve of the other. Resistances come from a
straight line through the origin and the points near the read bias. A current that noise could make gives a
lower bound.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.iv.sweeps import Curve, curves_of
from gbflux.lab.memristor.states import SWITCHED, Resistance, before_jump, crossing, read_resistance
from gbflux.lab.readers.tables import Table

_READ_SHARE = 0.4  # of the median set bias

_AREA = re.compile(
    r"\barea\b[^:=\d]*[:=]?\s*(\d[\d.]*(?:[eE][-+]?\d+)?)\s*([uµμncm]?m)(?:2|²|\^2)", re.IGNORECASE
)
_AREA_UNITS = {"m": 1.0, "cm": 1e-4, "mm": 1e-6, "um": 1e-12, "µm": 1e-12, "μm": 1e-12, "nm": 1e-18}

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cycle:
    """One cycle.

    Parameters
    ----------
    number : int
        From 1.
    set_bias, reset_bias : float or None
        First bias beyond the change (V); None if there was none.
    set_limit, reset_limit : float or None
        Largest bias tried (V); None without such a curve.
    step : float
        Between two biases (V): the change lies in the last step.
    hrs, lrs : Resistance or None
        Before and after the set; None if the read bias was not measured.
    on_off : float or None
        hrs/lrs; a lower bound where `hrs.bound`. Without a set, the ratio of the two branches.
    hrs_after : Resistance or None
        After the reset curve.
    reset_failed : bool or None
        The low resistance outlasted the reset curve; None if there was nothing to reset, or no such curve.
    """

    number: int
    set_bias: float | None
    set_limit: float
    reset_bias: float | None
    reset_limit: float | None
    step: float
    hrs: Resistance | None
    lrs: Resistance | None
    on_off: float | None
    hrs_after: Resistance | None
    reset_failed: bool | None


@dataclass(frozen=True)
class MemristorResult:
    """All cycles of one device.

    Parameters
    ----------
    source : str
    cycles : tuple of Cycle
    read_bias : float
        With the sign of the set (V).
    set_polarity : int
        −1 or 1.
    area : float or None
        Of the electrode (m²).
    notes : tuple of str
    """

    source: str
    cycles: tuple[Cycle, ...]
    read_bias: float
    set_polarity: int
    area: float | None
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

    Returns
    -------
    MemristorResult

    Raises
    ------
    InputError
        If there is no curve of the set polarity, or an option cannot be.
    """
    if set_polarity not in (-1, 1):
        raise InputError(f"set polarity: must be -1 or 1; got {set_polarity}.")
    area = area_in(table) if area is None else area
    table = table if area is None else table.of_area(area)
    curves, notes = curves_of(table)
    pairs, dropped = curve_pairs(curves, set_polarity)
    if not pairs:
        raise InputError(
            f"{table.source}: must hold a sweep of {'negative' if set_polarity < 0 else 'positive'} bias, "
            "which sets; "
            "it has none. Give the other polarity."
        )
    said = [*table.notes, *notes, *([f"{dropped} curves before the first set; left out"] if dropped else [])]
    read = _read_bias(pairs, read_bias)
    cycles = tuple(_cycle(number, first, second, read) for number, (first, second) in enumerate(pairs, 1))
    if all(cycle.lrs is None and cycle.hrs is None for cycle in cycles):
        limits = ", ".join(f"{cycle.set_limit:g}" for cycle in cycles[:3])
        raise InputError(
            f"{table.source}: the read bias of {read:g} V must lie within the sweeps, with three of "
            f"their points near it; they reach {limits} V. Choose another read bias."
        )
    ratios = [cycle.on_off for cycle in cycles if cycle.on_off is not None]
    if ratios and np.median(ratios) < 1 / SWITCHED:
        said.append(
            f"the resistance rises with {'negative' if set_polarity < 0 else 'positive'} bias, which should "
            "set: the other polarity may set"
        )
    return MemristorResult(table.source, cycles, set_polarity * read, set_polarity, area, tuple(said))


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
    quiet = before_jump(first.voltage[: first.turn], first.current[: first.turn], read)
    before = read_resistance(first.voltage[:quiet], first.current[:quiet], read)
    after = read_resistance(first.voltage[first.turn :], first.current[first.turn :], read)
    if after is None and second is not None:  # a set curve without a way back
        after = read_resistance(second.voltage[: second.turn], second.current[: second.turn], read)
    was_set = (
        before is not None and after is not None and not after.bound and before.value > SWITCHED * after.value
    )
    set_bias = crossing(first, before, after, rising=True) if was_set else None
    ratio = before.value / after.value if before and after and not after.bound else None
    low = after if after is not None and not after.bound else None
    reset_bias, hrs_after, failed = _reset(second, low, read) if second is not None else (None, None, None)
    limit = None if second is None else second.limit
    return Cycle(
        number, set_bias, first.limit, reset_bias, limit, first.step, before, after, ratio, hrs_after, failed
    )


def _reset(
    curve: Curve, low: Resistance | None, read: float
) -> tuple[float | None, Resistance | None, bool | None]:
    """Bias of the reset, resistance after it, and whether it failed."""
    start = read_resistance(curve.voltage[: curve.turn], curve.current[: curve.turn], read)
    end = read_resistance(curve.voltage[curve.turn :], curve.current[curve.turn :], read)
    if end is None or low is None or start is None or start.bound:
        return None, end, None
    conducting = start.value < SWITCHED * low.value
    if not conducting:
        return None, end, None
    if end.value <= SWITCHED * start.value:
        return None, end, True
    return crossing(curve, end, start, rising=False), end, False
