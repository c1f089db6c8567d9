"""The current of a sample that does not conduct yet: offset, leakage and noise, robust against spikes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.stats.ragged import Bools, largest, medians, sums

Array = NDArray[np.float64]
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_PASSES = 4
_CUT = 3.5  # robust standard deviations beyond which a point is a spike
_FEW = 2.0  # the median of n distances is too small by about 2/n


@dataclass(frozen=True)
class NoiseFloor:
    """A straight line and the scatter about it; of many curves, columns (m, 1).

    Attributes
    ----------
    offset : float or (m, 1) array
        Current at 0 V (A).
    leakage : float or (m, 1) array
        Slope (A/V).
    sigma : float or (m, 1) array
        Robust standard deviation about the line, at least that of rounding (A).
    points : int or (m, 1) array
        Number of points it comes from.
    middle, spread : float or (m, 1) array
        Mean and sum of squares about it of the voltages used (V, V²): for the uncertainty far from them.
    """

    offset: float | Array
    leakage: float | Array
    sigma: float | Array
    points: int | NDArray[np.int_]
    middle: float | Array
    spread: float | Array

    def line(self, voltage: Array) -> Array:
        """Expected current (A)."""
        return self.offset + self.leakage * voltage

    def scatter(self, voltage: Array) -> Array:
        """Standard deviation of a new point about the line, its own uncertainty included (A)."""
        spread = np.where(self.spread > 0, self.spread, np.inf)
        return self.sigma * np.sqrt(1 + 1 / self.points + (voltage - self.middle) ** 2 / spread)

    def rows(self, chosen: NDArray) -> NoiseFloor:
        """Floors of some of the curves."""
        return NoiseFloor(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def put(self, chosen: NDArray, others: NoiseFloor) -> None:
        """Replace the floors of some of the curves."""
        for field in fields(self):
            getattr(self, field.name)[chosen] = getattr(others, field.name)

    def one(self, row: int) -> NoiseFloor:
        """Floor of one curve, as plain numbers."""
        return NoiseFloor(*(getattr(self, field.name)[row, 0].item() for field in fields(self)))


def noise_floors(voltage: Array, current: Array, inside: Bools) -> NoiseFloor:
    """Offset, leakage and noise of points that lie on a straight line but for spikes, of many curves.

    A line through all points, then again without those beyond 3.5 robust standard deviations. The scatter is
    1.4826 times the median distance from the line, and not below that of the smallest step between different
    values, q/√12.

    Parameters
    ----------
    voltage, current : (m, n) arrays
        V and A; one curve a row.
    inside : (m, n) array of bool
        The points that count, 3 at least in each row.

    Returns
    -------
    NoiseFloor

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> v = np.linspace(0, 1, 200)
    >>> i = 2e-12 + 5e-12 * v + 1e-11 * rng.normal(size=200)
    >>> i[50] = 1e-6
    >>> f"{noise_floors(v[None], i[None], np.full((1, 200), True)).sigma.item():.1e}"
    '8.8e-12'
    """
    apart = np.abs(current - medians(current, inside)[:, None])
    scale = _MAD_TO_SIGMA * medians(apart, inside)[:, None]
    kept = inside & (apart <= np.maximum(10 * scale, 1e-300))
    left = np.arange(len(current))  # rows whose points still change
    for _ in range(_PASSES):
        v, i, here = (
            (voltage, current, inside)
            if len(left) == len(kept)
            else (voltage[left], current[left], inside[left])
        )
        line = _lines(v, i, kept[left])
        rest = i - line.offset - line.slope * v
        scale[left] = _MAD_TO_SIGMA * medians(np.abs(rest - medians(rest, here)[:, None]), here)[:, None]
        again = here & (np.abs(rest) <= _CUT * scale[left])
        changed = (again.sum(axis=1) >= 3) & (again != kept[left]).any(axis=1)
        left = left[changed]
        if not len(left):
            break
        kept[left] = again[changed]
    count = kept.sum(axis=1, keepdims=True)
    least = np.maximum(_quanta(current, kept) / 12**0.5, largest(np.abs(current), kept) * 1e-9)
    sigma = np.maximum(scale * (1 + _FEW / count), np.maximum(least, 1e-30))
    line = _lines(voltage, current, kept)
    return NoiseFloor(line.offset, line.slope, sigma, count, line.middle, line.spread)


class _Lines(NamedTuple):
    """Least squares: offset (A), slope (A/V), mean and sum of squares of the voltages (V, V²); columns."""

    offset: Array
    slope: Array
    middle: Array
    spread: Array


def _lines(voltage: Array, current: Array, kept: Bools) -> _Lines:
    """Straight lines; level with five points or fewer."""
    count = kept.sum(axis=1, keepdims=True)
    middle, mean = sums(voltage, kept) / count, sums(current, kept) / count
    about = np.where(kept, voltage - middle, 0.0)
    spread = (about * about).sum(axis=1, keepdims=True)
    product = (about * (current - mean)).sum(axis=1, keepdims=True)
    sloping = (spread > 0) & (count > 5)
    slope = np.where(sloping, product / np.where(sloping, spread, 1.0), 0.0)
    return _Lines(mean - slope * middle, slope, middle, spread)


def _quanta(current: Array, kept: Bools) -> Array:
    """`quantisation` of each row, as a column (A)."""
    top = np.where(kept, current, -np.inf).max(axis=1, keepdims=True)
    ordered = np.sort(np.where(kept, current, top), axis=1)
    steps = np.diff(ordered, axis=1)
    real = steps > 1e-6 * (ordered[:, -1:] - ordered[:, :1])
    found = np.where(real, steps, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    return np.where(np.isfinite(found), found, 0.0)


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
