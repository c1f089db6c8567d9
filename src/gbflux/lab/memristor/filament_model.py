"""A compact model of one lithium filament under an electrode: it grows, bridges, and dissolves.

State: the charge q plated as filament, in units of the charge q_b that just bridges the electrolyte, u =
q/q_b. Electrolyte and filament conduct side by side behind a series resistance; the instrument limits the
current.

- Ionic, high resistance: conductance G of the electrolyte under the electrode.
- Ohmic, low resistance: once u > 1 a filament of conductance u/R_b; R_b belongs to the thinnest bridge.
- Growth, negative voltage U across the electrolyte: q_b du/dt = G [s(|U| − U_n) − s(−U_n)], s(x) = w ln(1 +
  e^(x/w)). The nucleation voltage U_n falls from its full value without filament to zero with a bridge:
  growth runs away.
- Dissolution, positive voltage: q_b du/dt = −G_s U with 1/G_s = 1/G + 1/(G_m √u), while there is filament.
  G_m is the spreading conductance 4σr of the thinnest filament's mouth; a thicker one has a wider mouth.

Asymmetric, since only negative voltages plate lithium at the electrode. Why a large electrode fails to reset:
all of it feeds the growth, but only the mouth of the filament strips it, the rest of the current takes
lithium elsewhere under the electrode. The bridge ends as a wire of a few ohms; the instrument's limit then
holds the voltage across it to millivolts, which strip next to nothing. And without filament the resistance
1/G is low from the start. That on/off and its stability fall with the size of the electrode is what the c-AFM
study of LLZO memristors saw (Adv. Energy Mater. 2021); the equations are ours, and hold to an order of
magnitude.

Integration in time, for many sets of parameters at once: charges range from 1e-3 to 1e6 of a bridge, so the
integrator sees x = asinh(u/trace). Runge-Kutta of order 5 with an estimate of order 4 (J. R. Dormand, P. J.
Prince, J. Comput. Appl. Math. 6, 19 (1980), doi:10.1016/0771-050X(80)90013-3); each set of parameters has
steps of its own, which end on every sample: no pulse is stepped over. The result is smooth in the parameters
to the tolerance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError, SolverError

Array = NDArray[np.float64]
_SIGMA_LITHIUM = 1.1e7  # S/m, electronic
_CHARGE_PER_VOLUME = 7.42e9  # C/m³ of lithium (0.534 g/cm³)
SOFTNESS_V = 5e-3  # w
_BRIDGE_WIDTH = 0.01  # of u, over which the bridge closes: a jump would have no derivative
PARAMETERS = (
    "ionic_conductance",
    "mouth_conductance",
    "bridge_charge",
    "bridge_resistance",
    "series_resistance",
    "nucleation_bias",
)

_TOLERANCE = 1e-6  # of x, a step
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


@dataclass(frozen=True)
class FilamentModel:
    """Parameters of the model.

    Raises
    ------
    InputError
        If one is not positive.
    """

    ionic_conductance: float  # G (S)
    mouth_conductance: float  # G_m (S)
    bridge_charge: float  # q_b (C)
    bridge_resistance: float  # R_b of the thinnest bridge (Ω)
    series_resistance: float = 100.0  # of contacts and leads (Ω)
    nucleation_bias: float = 0.2  # U_n, its size (V)
    compliance: float = 1e-3  # largest current of the instrument (A)

    def __post_init__(self) -> None:
        for name in (*PARAMETERS, "compliance"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InputError(
                    f"filament model: {name} must be > 0; got {value:g}. Give a positive number."
                )


@dataclass(frozen=True)
class FilamentTrace:
    """Course of the model under a voltage."""

    # time, bias, current, charge: (n,): s, V, A, and u
    time: Array
    bias: Array
    current: Array
    charge: Array


def model_of_electrode(
    area: float,
    thickness: float = 3e-4,
    sigma: float = 5e-2,
    filament_radius: float = 5e-9,
    nucleation_bias: float = 0.2,
    series_resistance: float = 100.0,
    compliance: float = 1e-3,
) -> FilamentModel:
    """The model of an electrode on a slab of electrolyte.

    Parameters
    ----------
    area : float
        Of the electrode, taken as a disc (m²).
    thickness, sigma : float, optional
        Of the electrolyte (m, S/m).
    filament_radius : float, optional
        Of the thinnest bridge (m).
    nucleation_bias, series_resistance, compliance : float, optional
        V, Ω, A.

    Returns
    -------
    FilamentModel
        G = 4σa + σπa²/L: Maxwell's spreading for small discs, a slab for large ones.

    Examples
    --------
    >>> tip, pad = model_of_electrode(3e-17), model_of_electrode(2.5e-7)
    >>> f"{tip.ionic_conductance:.1e} {pad.ionic_conductance:.1e}"
    '6.2e-10 9.8e-05'
    """
    given = {"area": area, "thickness": thickness, "sigma": sigma, "filament radius": filament_radius}
    for name, value in given.items():
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"filament model: {name} must be > 0; got {value:g}. Give a positive number.")
    section = math.pi * filament_radius**2
    conductance = 4 * sigma * math.sqrt(area / math.pi) + sigma * area / thickness
    return FilamentModel(
        conductance,
        4 * sigma * filament_radius,
        section * thickness * _CHARGE_PER_VOLUME,
        thickness / (_SIGMA_LITHIUM * section),
        series_resistance,
        nucleation_bias,
        compliance,
    )


def triangle(low: float, high: float, rate: float, cycles: int = 1, points: int = 100) -> tuple[Array, Array]:
    """Time (s) and bias (V) of sweeps 0 → low → 0 → high → 0.

    Parameters
    ----------
    low, high : float
        Negative and positive limit (V).
    rate : float
        V/s.
    cycles, points : int, optional
        Number of cycles, and of points a branch.
    """
    if not (low < 0 < high and rate > 0):
        raise InputError(
            f"sweep: must have low < 0 < high and a rate > 0; got {low:g}, {high:g} V, {rate:g} V/s."
        )
    down, up = np.linspace(0, low, points), np.linspace(0, high, points)
    one = np.concatenate([down[:-1], down[:0:-1], up[:-1], up[:0:-1]])
    bias = np.append(np.tile(one, cycles), 0.0)
    return np.concatenate([[0.0], np.cumsum(np.abs(np.diff(bias)))]) / rate, bias


@dataclass(frozen=True)
class Laws:
    """The equations of the model for many sets of parameters at once."""

    parameters: Array  # (6, m): in the order of `PARAMETERS`
    compliance: float  # A

    def conductance(self, charge: Array) -> Array:
        """Conductance of electrolyte and filament side by side (S), for charges u of shape (..., m)."""
        ionic, _, _, bridge = self.parameters[:4]
        bridged = 0.5 + 0.5 * np.tanh((charge - 1) / (2 * _BRIDGE_WIDTH))
        found: Array = ionic + bridged * charge / bridge
        return found

    def current(self, bias: Array, charge: Array) -> Array:
        """Current (A) under a bias (V); both broadcast to (..., m)."""
        return self._limited(bias, self.conductance(charge))

    def charging(self, bias: Array, charge: Array) -> Array:
        """du/dt (1/s) under a bias (V), both (m,)."""
        ionic, mouth, bridge_charge, _, _, nucleation = self.parameters
        conductance = self.conductance(charge)
        across = self._limited(bias, conductance) / conductance
        threshold = nucleation * (1 - np.minimum(charge, 1.0)) ** 2
        driving = _soft(-across - threshold) - _soft(-threshold)
        opening = mouth * np.sqrt(charge)
        stripping = opening / (ionic + opening) * across
        found: Array = ionic / bridge_charge * np.where(across < 0, driving, -stripping)
        return found

    def _limited(self, bias: Array, conductance: Array) -> Array:
        """Current (A) through the series resistance, as far as the instrument lets it."""
        current = bias * conductance / (1 + self.parameters[4] * conductance)
        found: Array = np.minimum(np.maximum(current, -self.compliance), self.compliance)
        return found


def laws_of(model: FilamentModel) -> Laws:
    """The equations of one model, m = 1."""
    return Laws(np.array([[getattr(model, name)] for name in PARAMETERS]), model.compliance)


def _soft(x: Array) -> Array:
    """w ln(1 + e^(x/w)) (V)."""
    return SOFTNESS_V * np.logaddexp(0.0, x / SOFTNESS_V)


@dataclass(frozen=True)
class Crossing:
    """A change of state to be timed: where the conductance passes a level."""

    level: float  # S
    rising: bool  # upwards under negative voltage, else downwards under positive


def simulate(model: FilamentModel, time: Array, bias: Array, start: float = 0.0) -> FilamentTrace:
    """Current under a voltage given in time.

    Parameters
    ----------
    model : FilamentModel
    time, bias : (n,) arrays
        Increasing (s); linear in between (V).
    start : float, optional
        u at the beginning; above 1 there is a bridge.

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
    found: Array = _TRACE * np.sinh(np.minimum(np.maximum(x, 0.0), 60.0))
    return found


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
        found: Array = self.laws.charging(bias, charge) / np.sqrt(charge * charge + _TRACE**2)
        return found

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
        error = np.abs(h * (_DIFFERENCE @ stages)) / _TOLERANCE
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
            first = (1 + 2 * s) * x0 * (1 - s) ** 2 + s * d0 * (1 - s) ** 2
            x = first + s**2 * x1 * (3 - 2 * s) + s**2 * d1 * (s - 1)
            g = np.log(one.conductance(_charge(np.asarray(x, dtype=float)))) - np.log(level)
            k = int(np.argmax(np.sign(g[1:]) != np.sign(g[0])))
            low, high, g0, g1 = s[k], s[k + 1], g[k], g[k + 1]
            s = np.linspace(low, high, 65)
        return float(low + (high - low) * np.clip(g0 / (g0 - g1) if g0 != g1 else 0.5, 0.0, 1.0))
