"""The search of a fit of the filament model: residuals of a measured cycle, where to start, descent.

The starts are a coarse grid of growth and series resistance. For each of these the moment of the set and the
current after it give nucleation bias and thinnest bridge; the way back gives the mouth. From there damped
least squares (Levenberg-Marquardt) follow many starts at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.memristor.filament_model import SOFTNESS_V, Laws, integrate
from gbflux.lab.memristor.measured_cycle import MeasuredCycle

Array = NDArray[np.float64]
_STEP = 1e-3  # of a logarithm, for derivatives
_LARGEST_MOVE = 1.5  # of a logarithm in a step

_GROWTH = np.geomspace(0.1, 1e6, 15)  # bridges that the ionic current plates until 0 V
_SERIES = (0.01, 0.3, 0.8)  # of the smallest resistance measured
_MOUTH = np.geomspace(3e-3, 1e3, 12)  # of the ionic conductance
_ROUNDS = 7
_FURTHEST = 3.0  # residual that counts as out of reach


@dataclass(frozen=True)
class Target:
    """Residuals that a fit makes small.

    Parameters
    ----------
    cycle : MeasuredCycle
    relative_noise : float
    """

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
class Place:
    """State of a search: point (6,), residuals, derivatives (rows, 6), cost."""

    point: Array
    residual: Array
    jacobian: Array
    cost: float
    damping: float = 1e-2
    done: bool = False


def descend(target: Target, points: Array, sweeps: int) -> list[Place]:
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


def evaluate(target: Target, points: Array) -> list[Place]:
    """Residuals and derivatives at points (k, 6)."""
    count = points.shape[1]
    columns = np.repeat(points, count + 1, axis=0).reshape(len(points), count + 1, count)
    columns[:, 1:] += _STEP * np.eye(count)
    residuals = target.residuals(columns.reshape(-1, count).T).T.reshape(len(points), count + 1, -1)
    places = []
    for point, rows in zip(points, residuals, strict=True):
        jacobian = ((rows[1:] - rows[0]) / _STEP).T
        finite = np.isfinite(rows).all()
        places.append(Place(point, rows[0], jacobian, float(rows[0] @ rows[0]) if finite else math.inf))
    return places


def _move(place: Place) -> Array:
    """Damped Gauss-Newton step, no component beyond `_LARGEST_MOVE`."""
    normal = place.jacobian.T @ place.jacobian
    damped = normal + place.damping * np.diag(np.diag(normal) + 1e-6 * np.trace(normal) + 1e-12)
    move = -np.linalg.solve(damped, place.jacobian.T @ place.residual)
    return move * min(1.0, _LARGEST_MOVE / max(float(np.abs(move).max()), 1e-300))


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
