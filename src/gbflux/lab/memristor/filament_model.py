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
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError

SIGMA_LITHIUM = 1.1e7  # S/m, electronic
CHARGE_PER_VOLUME = 7.42e9  # C/m³ of lithium (0.534 g/cm³)
SOFTNESS_V = 5e-3  # w
_BRIDGE_WIDTH = 0.01
PARAMETERS = (
    "ionic_conductance",
    "mouth_conductance",
    "bridge_charge",
    "bridge_resistance",
    "series_resistance",
    "nucleation_bias",
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FilamentModel:
    """Parameters of the model.

    Parameters
    ----------
    ionic_conductance : float
        G (S).
    mouth_conductance : float
        G_m (S).
    bridge_charge : float
        q_b (C).
    bridge_resistance : float
        R_b of the thinnest bridge (Ω).
    series_resistance : float
        Of contacts and leads (Ω).
    nucleation_bias : float
        U_n, its size (V).
    compliance : float
        Largest current of the instrument (A).

    Raises
    ------
    InputError
        If one is not positive.
    """

    ionic_conductance: float
    mouth_conductance: float
    bridge_charge: float
    bridge_resistance: float
    series_resistance: float = 100.0
    nucleation_bias: float = 0.2
    compliance: float = 1e-3

    def __post_init__(self) -> None:
        for name in (*PARAMETERS, "compliance"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InputError(
                    f"filament model: {name} must be > 0; got {value:g}. Give a positive number."
                )


@dataclass(frozen=True)
class FilamentTrace:
    """What the model does under a voltage.

    Parameters
    ----------
    time, bias, current, charge : (n,) arrays
        s, V, A, and u.
    """

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
        section * thickness * CHARGE_PER_VOLUME,
        thickness / (SIGMA_LITHIUM * section),
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
    """The equations of the model for many sets of parameters at once.

    Parameters
    ----------
    parameters : (6, m) array
        In the order of `PARAMETERS`.
    compliance : float
        A.
    """

    parameters: Array
    compliance: float

    def conductance(self, charge: Array) -> Array:
        """Of electrolyte and filament side by side (S), for charges u of shape (..., m)."""
        ionic, _, _, bridge = self.parameters[:4]
        bridged = 0.5 + 0.5 * np.tanh((charge - 1) / (2 * _BRIDGE_WIDTH))
        return ionic + bridged * charge / bridge

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
        return ionic / bridge_charge * np.where(across < 0, driving, -stripping)

    def _limited(self, bias: Array, conductance: Array) -> Array:
        """Current (A) through the series resistance, as far as the instrument lets it."""
        current = bias * conductance / (1 + self.parameters[4] * conductance)
        return np.minimum(np.maximum(current, -self.compliance), self.compliance)


def laws_of(model: FilamentModel) -> Laws:
    """The equations of one model, m = 1."""
    return Laws(np.array([[getattr(model, name)] for name in PARAMETERS]), model.compliance)


def _soft(x: Array) -> Array:
    """w ln(1 + e^(x/w)) (V)."""
    return SOFTNESS_V * np.logaddexp(0.0, x / SOFTNESS_V)
