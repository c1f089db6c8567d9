"""One cycle of a file, ready for a fit of the filament model: samples in time, set by negative voltage."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.iv.compliance import find_compliance
from gbflux.iv.filament_fit import FilamentFit, fit_cycle
from gbflux.iv.memristor import area_in, curve_pairs
from gbflux.iv.sweeps import curves_of
from gbflux.iv.tables import Table

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
        Of the sweep (V/s); from a column of time if left out.
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
    rate = sweep_rate(table) if rate is None else rate
    if not (rate > 0 and math.isfinite(rate)):
        raise InputError(f"{table.source}: the sweep rate must be > 0; got {rate:g} V/s.")
    curves = [curve for curve in pairs[number - 1] if curve is not None]
    bias = -set_polarity * np.concatenate([curve.voltage for curve in curves])
    current = -set_polarity * np.concatenate([curve.current for curve in curves])
    moved = np.append(True, np.diff(bias) != 0)  # a hold takes no time that the rate tells
    bias, current = bias[moved], current[moved]
    time = np.append(0.0, np.cumsum(np.abs(np.diff(bias)))) / rate
    if compliance is None:
        found, _ = find_compliance(bias, current)
        compliance = found.current if found is not None else _NEVER * float(np.abs(current).max())
    try:
        return fit_cycle(time, bias, current, compliance)
    except InputError as error:
        raise InputError(f"{table.source}, cycle {number}: {error}") from None


def sweep_rate(table: Table) -> float:
    """Median rate of the voltage (V/s), from a column of time.

    Raises
    ------
    InputError
        If there is none that tells.
    """
    times, voltages = table.all("time"), table.all("voltage")
    if times and voltages:
        seconds, volts = np.diff(times[0].values), np.abs(np.diff(voltages[0].values))
        told = (seconds > 0) & (volts > 0)
        if told.any():
            return float(np.median(volts[told] / seconds[told]))
    raise InputError(
        f"{table.source}: the sweep rate must be known for a fit; no column of time tells it. "
        "Give --rate-V-per-s."
    )
