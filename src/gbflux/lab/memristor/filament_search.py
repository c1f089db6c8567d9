"""Least squares of the filament model: residuals of a measured cycle and descent from many starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.memristor.filament_events import MeasuredCycle
from gbflux.lab.memristor.filament_model import Laws, integrate

_STEP = 1e-3  # of a logarithm, for derivatives
_LARGEST_MOVE = 1.5

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """What a fit makes small.

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
    """Where a search is: point (6,), residuals, derivatives (rows, 6), cost."""

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
