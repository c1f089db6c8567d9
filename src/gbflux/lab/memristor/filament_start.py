"""Where a fit of the filament model starts: a coarse grid, led to what a cycle plainly shows.

Nucleation bias and thinnest bridge follow from the moment of the set and the current after it, for each
growth and series resistance of the grid; then the mouth from the way back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.memristor.filament_events import MeasuredCycle
from gbflux.lab.memristor.filament_model import SOFTNESS_V, Laws, integrate

_GROWTH = np.geomspace(0.1, 1e6, 15)  # bridges that the ionic current plates until 0 V
_SERIES = (0.01, 0.3, 0.8)  # of the smallest resistance measured
_MOUTH = np.geomspace(3e-3, 1e3, 12)  # of the ionic conductance
_ROUNDS = 7
_FURTHEST = 3.0  # residual that counts as out of reach

Array = NDArray[np.float64]


def starts(cycle: MeasuredCycle) -> Array:
    """Logarithms of parameters, the likeliest first.

    Parameters
    ----------
    cycle : MeasuredCycle

    Returns
    -------
    (k, 6) array
        In the order of `gbflux.lab.memristor.filament_model.PARAMETERS`.
    """
    turn = int(np.flatnonzero(cycle.bias < 0)[-1]) + 1  # samples of the set
    points = _grid(cycle, turn)
    charge = _led(cycle, points, turn)
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
    return np.log(points[:, np.argsort(misfit)].T)


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


def _led(cycle: MeasuredCycle, points: Array, turn: int) -> Array:
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
