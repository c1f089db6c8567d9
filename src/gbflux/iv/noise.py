"""The current of a sample that does not conduct yet: offset, leakage and noise, robust against spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_PASSES = 4
_CUT = 3.5
_FEW = 2.0  # the median of n distances is too small by about 2/n


@dataclass(frozen=True)
class NoiseFloor:
    """A straight line and the scatter about it.

    Attributes
    ----------
    offset : float
        Current at 0 V (A).
    leakage : float
        Slope (A/V).
    sigma : float
        Robust standard deviation about the line, at least that of rounding (A).
    points : int
        Number of points it comes from.
    middle, spread : float
        Mean and sum of squares about it of the voltages used (V, V²): for the uncertainty far from them.
    """

    offset: float
    leakage: float
    sigma: float
    points: int
    middle: float
    spread: float

    def line(self, voltage: Array) -> Array:
        """Expected current (A)."""
        return self.offset + self.leakage * voltage

    def scatter(self, voltage: Array) -> Array:
        """Standard deviation of a new point about the line, its own uncertainty included (A)."""
        lever = (voltage - self.middle) ** 2 / self.spread if self.spread > 0 else 0.0
        return self.sigma * np.sqrt(1 + 1 / self.points + lever)


def noise_floor(voltage: Array, current: Array) -> NoiseFloor:
    """Offset, leakage and noise of points that lie on a straight line but for spikes.

    A line through all points, then again without those beyond 3.5 robust standard deviations. The scatter is
    1.4826 times the median distance from the line, and not below that of the smallest step between different
    values, q/√12.

    Parameters
    ----------
    voltage, current : (n,) arrays
        V and A; n ≥ 3.

    Returns
    -------
    NoiseFloor

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> v = np.linspace(0, 1, 200)
    >>> i = 2e-12 + 5e-12 * v + 1e-11 * rng.normal(size=200)
    >>> i[50] = 1e-6
    >>> f"{noise_floor(v, i).sigma:.1e}"
    '8.8e-12'
    """
    centre = median(current)
    apart = np.abs(current - centre)
    scale = _MAD_TO_SIGMA * median(apart)
    kept = apart <= max(10 * scale, 1e-300)
    for _ in range(_PASSES):
        line = _line(voltage[kept], current[kept])
        rest = current - line.offset - line.slope * voltage
        scale = _MAD_TO_SIGMA * median(np.abs(rest - median(rest)))
        again = np.abs(rest) <= _CUT * scale
        if np.count_nonzero(again) < 3 or (again == kept).all():
            break
        kept = again
    count = np.count_nonzero(kept)
    quantum = quantisation(current[kept])
    scale *= 1 + _FEW / count
    sigma = max(scale, quantum / 12**0.5, float(np.max(np.abs(current[kept]), initial=0.0)) * 1e-9, 1e-30)
    line = _line(voltage[kept], current[kept])
    return NoiseFloor(line.offset, line.slope, sigma, count, line.middle, line.spread)


class _Line(NamedTuple):
    """Least squares: offset (A), slope (A/V), mean and sum of squares of the voltages (V, V²)."""

    offset: float
    slope: float
    middle: float
    spread: float


def _line(voltage: Array, current: Array) -> _Line:
    """A straight line; level with five points or fewer."""
    count = len(voltage)
    middle, mean = float(voltage.sum()) / count, float(current.sum()) / count
    about = voltage - middle
    spread = float(about @ about)
    slope = float(about @ (current - mean)) / spread if spread > 0 and count > 5 else 0.0
    return _Line(mean - slope * middle, slope, middle, spread)


def median(values: Array) -> Array | float:
    """Median along the last axis of numbers without NaN; `numpy.median` takes ten times as long for few.

    NaN without numbers.

    >>> median(np.array([3.0, 1.0, 2.0])), median(np.array([[4.0, 1.0], [2.0, 8.0]])).tolist()
    (2.0, [2.5, 5.0])
    """
    count = values.shape[-1]
    middle = count // 2
    if not count:
        return np.nan
    parts = np.partition(values, middle, axis=-1)
    upper = parts[..., middle]
    found = upper if count % 2 else 0.5 * (parts[..., :middle].max(axis=-1) + upper)
    return float(found) if values.ndim == 1 else found


def quantisation(current: Array) -> float:
    """Smallest difference between different values (A); 0 if all are equal.

    Differences below a millionth of the range are rounding of the file.

    >>> quantisation(np.array([0.0, 2e-12, 6e-12, 2e-12]))
    2e-12
    """
    steps = np.diff(np.unique(current))
    steps = steps[steps > 1e-6 * steps.sum()]
    return float(steps.min()) if len(steps) else 0.0
