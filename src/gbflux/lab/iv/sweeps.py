"""Curves in a table: columns of voltage and current, cut where a sweep ends and the next begins.

A `Curve` is what happens to one polarity between two passages through zero: the branch that goes out from
zero, and the one that comes back if there is one. Voltages keep their sign; the order is that of the
measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.readers.tables import Column, Table
from gbflux.lab.stats.lines import median

Array = NDArray[np.float64]
_REVERSAL_SHARE = 0.02  # of the range: smaller reversals are noise of a measured voltage
_CLOCK_ANEW = 0.1  # share of rows before the one above them in time, up to which a clock begins anew
_BY_ROUNDING = 0.25  # share of equal currents at held voltages more than at others
_UNSORTED_SHARE = 0.3  # turning points per row, above which voltages are in no order
_MEASURED = ("meas", "smu", "read", "sense", "ewe")
_STRONG, _FEWEST_STRONG, _MOSTLY = 0.2, 8, 0.95  # share of the largest current, points, share of points
FEWEST_POINTS = 5


@dataclass(frozen=True)
class Curve:
    """One polarity of one sweep."""

    # voltage, current: (n,): V and A, out and then back
    voltage: Array
    current: Array
    turn: int  # number of points of the outgoing branch
    polarity: int  # −1 or 1
    number: int  # counted from 1 in the file
    rows: NDArray[np.int_]  # (n,): of the table, from 0

    @property
    def limit(self) -> float:
        """Largest voltage reached, with its sign (V)."""
        return float(self.voltage[np.argmax(np.abs(self.voltage))])

    @property
    def step(self) -> float:
        """Median step (V), positive; 0 for a single voltage."""
        steps = np.abs(np.diff(self.voltage))
        return median(steps[steps > 0]) if (steps > 0).any() else 0.0


def curves_of(table: Table, polarity: int | None = None) -> tuple[tuple[Curve, ...], tuple[str, ...]]:
    """Curves of a file, in its order.

    Parameters
    ----------
    table : Table
    polarity : int, optional
        −1 or 1 for the curves of that sign alone.

    Returns
    -------
    curves : tuple of Curve
    notes : tuple of str

    Raises
    ------
    InputError
        If there are no voltages and currents, or none of that polarity.
    """
    curves: list[Curve] = []
    notes: list[str] = []
    for voltage, current in _iv_pairs(table, notes):
        rows, pieces = _pieces(table, voltage.values, current.values, notes)
        v, i = voltage.values[rows], current.values[rows]
        if _runs_against(v, i):
            i = -i
            notes.append(
                f"'{current.as_written or current.name}' runs against the voltage: its sign is reversed"
            )
        for first, last in pieces:
            for out, turn, back, sign in _polarities(v[first:last], table.source):
                part = slice(first + out, first + back)
                curves.append(Curve(v[part], i[part], turn - out, sign, len(curves) + 1, rows[part]))
    if not curves:
        raise InputError(
            f"{table.source}: must hold a sweep of at least {FEWEST_POINTS} voltages of one sign; found none."
        )
    chosen = tuple(curve for curve in curves if polarity in (None, curve.polarity))
    if not chosen:
        other = "negative" if polarity == 1 else "positive"
        raise InputError(
            f"{table.source}: must hold a sweep of polarity {'positive' if polarity == 1 else 'negative'}; "
            f"all {len(curves)} found are {other}. Ask for the other polarity."
        )
    return chosen, tuple(dict.fromkeys(notes))


def _iv_pairs(table: Table, notes: list[str]) -> list[tuple[Column, Column]]:
    """Pairs of a voltage and a current column; what was assumed is added to the notes.

    Raises
    ------
    InputError
        If the header leaves open which they are.
    """
    voltages, currents = table.all("voltage"), table.all("current")
    if voltages and currents:
        if len(voltages) == len(currents):
            return list(zip(voltages, currents, strict=True))
        if len(currents) > 1 and len(voltages) == 1:
            return [(voltages[0], current) for current in currents]
        measured = [c for c in voltages if any(word in c.name.lower() for word in _MEASURED)] or list(
            voltages
        )
        notes.append(f"voltage from '{measured[0].as_written}', of {len(voltages)} columns of voltage")
        return [(measured[0], currents[0])]
    if voltages and table.all("current_density"):
        raise InputError(
            f"{table.source}: '{table.first('current_density').as_written}' is a current density; "
            "the area of the electrode must be given with it (--area-cm2 or --area-um2)."
        )
    if not any(column.as_written for column in table.columns) and len(table.columns) in (2, 3):
        first, second = table.columns[:2]
        notes.append("no header: column 1 taken as voltage in V, column 2 as current in A")
        return [(first, second)]
    missing = "voltage" if not voltages else "current"
    raise InputError(
        f"{table.source}: must have columns of voltage and current; found no {missing} among {table.names}. "
        "Name them in the header, such as 'V (V)' and 'I (A)'."
    )


def _pieces(
    table: Table, v: Array, i: Array, notes: list[str]
) -> tuple[NDArray[np.int_], list[tuple[int, int]]]:
    """Rows with both numbers, and the ranges between interruptions and turns of the sweep number."""
    kept = np.flatnonzero(np.isfinite(v) & np.isfinite(i))
    if len(kept) < len(v):
        notes.append(f"{len(v) - len(kept)} rows without voltage or current left out")
    cuts = {int(np.searchsorted(kept, row)) for row in table.breaks}
    for column in table.all("sweep")[:1]:
        cuts |= set((np.flatnonzero(np.diff(column.values[kept])) + 1).tolist())
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(kept)), len(kept)]
    for column in table.all("time")[:1]:
        t = column.values[kept]
        back = np.mean(np.diff(t) < 0) if len(t) > 1 else 0.0
        if len(edges) == 2 and np.isfinite(t).all() and back > _CLOCK_ANEW:
            notes.append("rows were not in the order of time: sorted")
            kept = kept[np.argsort(t, kind="stable")]
    new = ~_repeated(v[kept], i[kept])
    new[[edge for edge in edges[:-1] if edge < len(kept)]] = True
    if not new.all():
        notes.append(
            f"{np.count_nonzero(~new)} rows that repeat voltage and current of the one before left out"
        )
        number = np.append(0, np.cumsum(new))
        kept, edges = kept[new], number[edges].tolist()
    return kept, list(pairwise(edges))


def _repeated(v: Array, i: Array) -> NDArray[np.bool_]:
    """Rows written twice, which would pass for two measurements: noise for a surge, a line for a bent one.

    Equal currents at a held voltage may be rounding: then those at different voltages are as often equal.
    Those at the current limit do not count.
    """
    held, equal = v[1:] == v[:-1], i[1:] == i[:-1]
    free = np.abs(i[1:]) < 0.98 * np.abs(i).max(initial=0.0)
    same, other = equal[held & free], equal[~held & free]
    if not len(same) or same.mean() < _BY_ROUNDING + (other.mean() if len(other) else 0.0):
        return np.zeros(len(v), dtype=bool)
    return np.append(False, held & equal)


def _runs_against(v: Array, i: Array) -> bool:
    """Test for an inverting amplifier: currents well above those near 0 V oppose the voltage."""
    size = np.abs(i)
    strong = (size > _STRONG * size.max(initial=0.0)) & (v != 0)
    if np.count_nonzero(strong) < _FEWEST_STRONG:
        return False
    near_zero = np.argsort(np.abs(v), kind="stable")[:_FEWEST_STRONG]
    offset = float(np.median(size[near_zero])) > 0.5 * float(np.median(size[strong]))
    return not offset and float(np.mean(i[strong] * v[strong] < 0)) > _MOSTLY


def _polarities(v: Array, source: str) -> list[tuple[int, int, int, int]]:
    """(begin, turn, end, sign) of each stretch of one sign that goes out and comes back."""
    if len(v) < FEWEST_POINTS or np.ptp(v) == 0:
        return []
    turns = _turning_points(v)
    if len(turns) > max(6, _UNSORTED_SHARE * len(v)):
        raise InputError(
            f"{source}: voltages must be in the order of a sweep; got {len(turns)} turns in {len(v)} rows. "
            "Sort the rows as they were measured, or give a column of time."
        )
    found: list[tuple[int, int, int, int]] = []
    for begin, end in zip([0, *turns], [*turns, len(v)], strict=True):
        for first, last, sign in _signs(v, begin, end):
            outward = abs(v[last - 1]) >= abs(v[first])
            if not outward and found and found[-1][1:] == (first, first, sign):
                found[-1] = (found[-1][0], first, last, sign)
            elif outward:
                found.append((first, last, last, sign))
            else:
                found.append((first, first, last, sign))
    return [stretch for stretch in found if stretch[2] - stretch[0] >= FEWEST_POINTS]


def _signs(v: Array, begin: int, end: int) -> list[tuple[int, int, int]]:
    """A monotonic stretch cut where it passes through zero; zeros go to what follows, the last do not."""
    part = np.sign(v[begin:end])
    if not part.any():
        return []
    number = np.arange(len(part))
    following = np.minimum.accumulate(np.where(part != 0, number, len(part))[::-1])[::-1]
    part = part[np.minimum(following, number[part != 0][-1])]
    cuts = [0, *(np.flatnonzero(np.diff(part)) + 1), len(part)]
    return [(begin + int(a), begin + int(b), int(part[a])) for a, b in pairwise(cuts)]


def _turning_points(v: Array) -> list[int]:
    """Rows at which a new branch begins: the first after each extreme of the sweep.

    An extreme counts if the voltage then goes back by more than 2 % of its range and 1.5 median steps.

    Parameters
    ----------
    v : (n,) array
        V, in the order of the measurement.

    Returns
    -------
    list of int

    Examples
    --------
    >>> _turning_points(np.array([0.0, -1, -2, -3, -2, -1, 0, 1, 2, 1, 0]))
    [4, 9]
    """
    steps = np.diff(v)
    moving = np.flatnonzero(steps)
    if len(moving) < 2:
        return []
    least = max(_REVERSAL_SHARE * float(np.ptp(v)), 1.5 * median(np.abs(steps[moving])))
    least = min(least, 0.5 * float(np.ptp(v)))
    signs = np.sign(steps[moving])
    bends = [0, *moving[1:][np.diff(signs) != 0].tolist(), len(v) - 1]
    heights = v[bends].tolist()
    turns, low, high, direction = [], 0, 0, 0
    for k, height in enumerate(heights):
        low = k if height < heights[low] else low
        high = k if height > heights[high] else high
        if direction >= 0 and heights[high] - height > least:
            turns += [bends[high] + 1] if direction > 0 else []
            direction, low = -1, k
        elif direction <= 0 and height - heights[low] > least:
            turns += [bends[low] + 1] if direction < 0 else []
            direction, high = 1, k
    return _ends_of_holds(v, turns)


def _ends_of_holds(v: Array, turns: list[int]) -> list[int]:
    """Turns moved to the end of a hold at the extreme."""
    moved = []
    for turn in turns:
        while turn < len(v) and v[turn] == v[turn - 1]:
            turn += 1
        moved.append(turn)
    return [turn for turn in moved if turn < len(v)]
