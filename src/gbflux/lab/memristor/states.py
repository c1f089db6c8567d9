"""The states of a memristor: resistances near the read bias, and where a curve passes between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from gbflux.lab.iv.sweeps import Curve
from gbflux.lab.stats.noise import quantisation

#: Ratio of resistances from which a state has changed.
SWITCHED = 3.0
_WINDOW = (0.4, 1.3)  # of the read bias
_FALSE_CURRENT = 1e-5  # chance of taking noise for a current
_FEWEST_NEAR = 3  # points near the read bias
_ENOUGH_FOR_MEDIAN = 12
_MAD_EFFICIENCY = 0.37  # of the median absolute deviation against the standard deviation
_LASTING = 3  # points

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Resistance:
    """A resistance at the read bias.

    Parameters
    ----------
    value : float
        Ω; the lower bound where `bound`.
    error : float
        Standard error (Ω), widened where few points say how large the noise is: 1.96 errors are the 95 % of
        Student's t. 0 for a bound.
    bound : bool
        The current does not stand out of the noise: the resistance is at least `value` (95 %).
    """

    value: float
    error: float
    bound: bool


def before_jump(voltage: Array, current: Array, read: float) -> int:
    """Points of an outgoing branch up to a set near the read bias; all of them without one."""
    size = np.abs(voltage)
    near = np.flatnonzero((size >= _WINDOW[0] * read) & (size <= _WINDOW[1] * read))
    conductance = current[near] / voltage[near]
    for k in range(_FEWEST_NEAR, len(near)):
        if conductance[k:].min() > SWITCHED * np.abs(conductance[:k]).max():
            return int(near[k])
    return len(voltage)


def read_resistance(voltage: Array, current: Array, read: float) -> Resistance | None:
    """Resistance from the points of a branch near the read bias.

    Parameters
    ----------
    voltage, current : (n,) arrays
        One branch (V, A).
    read : float
        Size of the read bias (V).

    Returns
    -------
    Resistance or None
        None with fewer than three points near the read bias.

    Examples
    --------
    >>> v = np.linspace(0, -1, 101)
    >>> round(read_resistance(v, v / 500, 0.1).value, 6)
    500.0
    """
    size = np.abs(voltage)
    near = (size >= _WINDOW[0] * read) & (size <= _WINDOW[1] * read)
    count = int(np.count_nonzero(near))
    if count < _FEWEST_NEAR:
        return None
    v, i = voltage[near], current[near]
    conductance = float(np.median(i / v))
    rest = i - conductance * v
    scatter, freedom = float(np.sqrt(rest @ rest / (count - 1))), count - 1.0
    if count >= _ENOUGH_FOR_MEDIAN:  # then spikes need not count
        scatter, freedom = 1.4826 * float(np.median(np.abs(rest))), _MAD_EFFICIENCY * count
    if len(np.unique(i)) < 0.7 * count:  # rounding shows
        scatter = max(scatter, quantisation(i) / 12**0.5)
    scatter = max(scatter, 1e-9 * float(np.abs(i).max()))
    error = 1.25 * scatter / float(np.sqrt(v @ v))
    if conductance <= error * _beyond(_FALSE_CURRENT, count - 1):
        most = max(conductance, 0.0) + error * _beyond(0.05, count - 1)
        return Resistance(1 / most if most > 0 else math.inf, 0.0, True)
    widened = error * _beyond(0.025, freedom) / 1.96
    return Resistance(1 / conductance, widened / conductance**2, False)


def _beyond(chance: float, freedom: float) -> float:
    """What Student's t exceeds with a chance; `scipy.stats` takes thirty times as long."""
    return -float(stdtrit(freedom, chance))


def crossing(curve: Curve, high: Resistance, low: Resistance, rising: bool) -> float | None:
    """First bias at which the conductance has passed the geometric mean of two states for good."""
    with np.errstate(divide="ignore", invalid="ignore"):
        conductance = curve.current / curve.voltage
    # an instrument's limit holds the conductance below that of the low resistance
    largest = float(np.nanmax(conductance[np.isfinite(conductance)], initial=0.0))
    top = min(1 / low.value, largest) if rising else 1 / low.value
    middle = math.sqrt(top / high.value) if top > 0 else 0.0
    beyond = conductance > middle if rising else conductance < middle
    beyond &= np.isfinite(conductance)
    for k in np.flatnonzero(beyond):
        following = beyond[k : k + _LASTING]
        if following.all() and len(following) == min(_LASTING, len(beyond) - k):
            if rising and abs(curve.voltage[k]) < 0.02 * abs(curve.limit):
                continue  # near 0 V noise over a small voltage is a large conductance
            return float(curve.voltage[k])
    return None
