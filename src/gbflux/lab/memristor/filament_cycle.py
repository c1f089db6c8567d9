"""One cycle of a file, ready for a fit of the filament model: samples in time, set by negative voltage."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.iv.ohmic import find_compliance
from gbflux.lab.iv.sweeps import curves_of
from gbflux.lab.memristor.filament_fit import FilamentFit, fit_cycle
from gbflux.lab.memristor.switching import area_in, curve_pairs
from gbflux.lab.readers.tables import Table

_PAUSE = 10.0  # samples: longer near 0 V is none
_NEAR_ZERO = 0.05  # of the largest bias
_NEVER = 10.0  # times the largest current: a limit that was not reached

Array = NDArray[np.float64]


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

    Returns
    -------
    FilamentFit

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
    bias = -set_polarity * np.concatenate([curve.voltage for curve in curves])
    current = -set_polarity * np.concatenate([curve.current for curve in curves])
    if rate is None:
        time, drive = _measured_time(table, np.concatenate([curve.rows for curve in curves]), bias)
        told = np.isfinite(time)
        drive += f", {np.count_nonzero(~told)} samples without left out" if not told.all() else ""
    else:
        if not (rate > 0 and math.isfinite(rate)):
            raise InputError(f"{table.source}: the sweep rate must be > 0; got {rate:g} V/s.")
        time, drive = np.append(0.0, np.cumsum(np.abs(np.diff(bias)))) / rate, f"{rate:g} V/s throughout"
        told = np.append(True, np.diff(bias) != 0)  # a hold takes no time that the rate tells
    time, bias, current = time[told], bias[told], current[told]
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
        If no column tells it, or it does not increase.
    """
    columns = table.all("time")
    if not columns:
        raise InputError(
            f"{table.source}: the time of the samples must be known for a fit; there is no column of it. "
            "Give --rate-V-per-s."
        )
    name = f"'{columns[0].as_written or columns[0].name}'"
    time = columns[0].values[rows].copy()
    told = np.flatnonzero(np.isfinite(time))
    steps, size = np.diff(time[told]), np.abs(bias[told])
    near_zero = np.minimum(size[1:], size[:-1]) <= _NEAR_ZERO * np.abs(bias).max()
    still = np.flatnonzero((steps == 0) | ((steps < 0) & ~near_zero))
    if len(still) or not (steps > 0).any():
        row = rows[told[still[0] + 1]] + 1 if len(still) else rows[0] + 1
        raise InputError(
            f"{table.source}: {name} must increase within a cycle; it does not in row {row} of the numbers. "
            "Give --rate-V-per-s."
        )
    one = float(np.median(steps[steps > 0]))
    pauses = near_zero & ((steps < 0) | (steps > _PAUSE * one))
    time[told] = np.append(0.0, np.cumsum(np.where(pauses, one, steps)))
    return time, f"time from {name}" + (", without the pause at 0 V" if pauses.any() else "")
