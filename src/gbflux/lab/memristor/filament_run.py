"""The filament model under a voltage: integration in time, for many sets of parameters at once.

Charges range from 1e-3 to 1e6 of a bridge: the integrator sees x = asinh(u/trace). Runge-Kutta of order 5
with an estimate of order 4 (J. R. Dormand, P. J. Prince, J. Comput. Appl. Math. 6, 19 (1980)); each set of
parameters has steps of its own, which end on every sample: no pulse is stepped over. The result is smooth in
the parameters to the tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError, SolverError
from gbflux.lab.memristor.filament_model import FilamentModel, FilamentTrace, Laws, laws_of

TOLERANCE = 1e-6  # of x, a step
_TRACE = 1e-3  # filament below which dissolution ceases
_MOST_STEPS_A_SAMPLE = 40
_MOST_STEPS = 2000
# Dormand and Prince's table: nodes, stages, and fifth order less fourth
_NODES = np.array([0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1])
_STAGES = (
    np.array([1 / 5]),
    np.array([3 / 40, 9 / 40]),
    np.array([44 / 45, -56 / 15, 32 / 9]),
    np.array([19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729]),
    np.array([9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656]),
    np.array([35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84]),
)
_DIFFERENCE = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Crossing:
    """A change of state to be timed: where the conductance passes a level.

    Parameters
    ----------
    level : float
        S.
    rising : bool
        Upwards under negative voltage, else downwards under positive.
    """

    level: float
    rising: bool


def simulate(model: FilamentModel, time: Array, bias: Array, start: float = 0.0) -> FilamentTrace:
    """Current under a voltage given in time.

    Parameters
    ----------
    model : FilamentModel
    time, bias : (n,) arrays
        Increasing (s); linear in between (V).
    start : float, optional
        u at the beginning; above 1 there is a bridge.

    Returns
    -------
    FilamentTrace

    Raises
    ------
    InputError
        If time does not increase.
    SolverError
        If the integration stops short.
    """
    time, bias = np.asarray(time, dtype=float), np.asarray(bias, dtype=float)
    if len(time) < 2 or len(time) != len(bias) or not np.all(np.diff(time) > 0) or not start >= 0:
        raise InputError("filament model: time must increase and be as long as bias; the start must be ≥ 0.")
    laws = laws_of(model)
    charge, _ = integrate(laws, time, bias, start=start)
    if not np.isfinite(charge).all():
        raise SolverError(
            f"filament model: the integration stopped at {np.isfinite(charge).sum()} of {len(time)} samples. "
            "Give parameters of the size that model_of_electrode has."
        )
    return FilamentTrace(time, bias, laws.current(bias[:, None], charge)[:, 0], charge[:, 0])


def integrate(
    laws: Laws, time: Array, bias: Array, crossings: tuple[Crossing, ...] = (), start: Array | float = 0.0
) -> tuple[Array, Array]:
    """Charges and times of crossings for m sets of parameters.

    Parameters
    ----------
    laws : Laws
    time, bias : (n,) arrays
        s, V.
    crossings : tuple of Crossing, optional
    start : float or (m,) array, optional
        u at the beginning.

    Returns
    -------
    charge : (n, m) array
        u; NaN from where the steps became too many.
    times : (k, m) array
        First of each crossing, each sought after the one before it (s); infinite without.
    """
    return _Run(laws, time, bias, crossings, start).run()


def _charge(x: Array) -> Array:
    """u of the integrator's x; none below zero, none beyond what can be."""
    return _TRACE * np.sinh(np.minimum(np.maximum(x, 0.0), 60.0))


class _Run:
    """State of an integration: time, x and step of each set of parameters."""

    def __init__(
        self, laws: Laws, time: Array, bias: Array, crossings: tuple[Crossing, ...], start: Array | float
    ) -> None:
        count = laws.parameters.shape[1]
        self.laws, self.time, self.bias, self.crossings = laws, time, bias, crossings
        self.slope = np.append(np.diff(bias) / np.diff(time), 0.0)
        self.sample = np.zeros(count, dtype=int)  # the interval each set is in
        self.t = np.full(count, time[0])
        self.x = np.arcsinh(np.full(count, start) / _TRACE)
        self.step = np.full(count, float(np.diff(time).min()))
        self.charge = np.full((len(time), count), np.nan)
        self.charge[0] = start
        self.times = np.full((len(crossings), count), np.inf)

    def run(self) -> tuple[Array, Array]:
        """Charges and times, see `integrate`."""
        last = len(self.time) - 1
        rate = self._rate(self.t, self.x)
        for _ in range(_MOST_STEPS + _MOST_STEPS_A_SAMPLE * last):
            if np.all(self.sample == last):
                break
            rate = self._advance(rate, last)
        return self.charge, self.times

    def _rate(self, t: Array, x: Array) -> Array:
        """dx/dt of every set (1/s)."""
        bias = self.bias[self.sample] + self.slope[self.sample] * (t - self.time[self.sample])
        charge = _charge(x)
        return self.laws.charging(bias, charge) / np.sqrt(charge * charge + _TRACE**2)

    def _advance(self, rate: Array, last: int) -> Array:
        """One step of every set; those that end are kept, the others become smaller."""
        left = self.time[np.minimum(self.sample + 1, last)] - self.t
        lands = self.step >= left * (1 - 1e-9)
        h = np.where(lands, left, self.step)
        stages = np.empty((7, len(h)))
        stages[0] = rate
        for k, weights in enumerate(_STAGES, 1):
            x = self.x + h * (weights @ stages[:k])
            stages[k] = self._rate(self.t + _NODES[k] * h, x)
        error = np.abs(h * (_DIFFERENCE @ stages)) / TOLERANCE
        accepted = error <= 1
        x = np.where(accepted, np.maximum(x, 0.0), self.x)
        if self.crossings:
            self._note_crossings(x, h, stages, accepted)
        self.t = np.where(accepted, self.t + h, self.t)
        self.x = x
        arrived = accepted & lands & (self.sample < last)
        self.t[arrived] = self.time[self.sample[arrived] + 1]
        self.sample[arrived] += 1
        self.charge[self.sample[arrived], np.flatnonzero(arrived)] = _charge(x[arrived])
        grown = np.minimum(np.maximum(0.9 * np.maximum(error, 1e-10) ** -0.2, 0.2), 5.0)
        # a step cut short to land on a sample says little of the one after it
        self.step = np.where(accepted, np.maximum(h * grown, np.where(lands, self.step, 0.0)), h * grown)
        return np.where(accepted, stages[6], rate)

    def _note_crossings(self, x: Array, h: Array, stages: Array, accepted: Array) -> None:
        """Keep the times of crossings within a step from `self.x` to `x`."""
        before = self.laws.conductance(_charge(self.x))
        after = self.laws.conductance(_charge(x))
        bias = self.bias[self.sample] + self.slope[self.sample] * (self.t + h / 2 - self.time[self.sample])
        earlier = np.full(len(h), -np.inf)
        for k, crossing in enumerate(self.crossings):
            level = crossing.level
            if crossing.rising:
                passed = (before < level) & (after >= level) & (bias < 0)
            else:
                passed = (before >= level) & (after < level) & (bias > 0)
            new = passed & accepted & np.isinf(self.times[k]) & (earlier < self.t + h)
            for m in np.flatnonzero(new):
                self.times[k, m] = self.t[m] + h[m] * self._share(
                    m, level, self.x[m], x[m], h[m] * stages[0, m], h[m] * stages[6, m]
                )
            earlier = self.times[k]

    def _share(self, m: int, level: float, x0: float, x1: float, d0: float, d1: float) -> float:
        """Share of a step after which the conductance of set m passes a level, by Hermite's cubic."""
        one = Laws(self.laws.parameters[:, [m]], self.laws.compliance)
        s = np.linspace(0.0, 1.0, 65)
        for _ in range(2):
            x = (
                x0 * (1 + 2 * s) * (1 - s) ** 2
                + d0 * s * (1 - s) ** 2
                + x1 * s**2 * (3 - 2 * s)
                + d1 * s**2 * (s - 1)
            )
            g = np.log(one.conductance(_charge(x))) - np.log(level)
            k = int(np.argmax(np.sign(g[1:]) != np.sign(g[0])))
            low, high, g0, g1 = s[k], s[k + 1], g[k], g[k + 1]
            s = np.linspace(low, high, 65)
        return float(low + (high - low) * np.clip(g0 / (g0 - g1) if g0 != g1 else 0.5, 0.0, 1.0))
