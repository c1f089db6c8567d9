"""Straight lines through many curves at once, and the noise about them.

A file of ten thousand sweeps is analysed in as many calls of numpy as one of a single sweep: its curves,
arrays of unequal lengths, are the rows of matrices, filled up with zeros at their ends. `kept` says which
elements of a matrix are numbers of the row; a reduction takes those alone.

`noise_floors` finds offset, leakage and noise of a sample that does not conduct yet, robust against spikes;
`lines` draws weighted lines through what conducts, with tests of their residuals (a weight of zero leaves a
point out). SciPy's and NumPy's fits take one curve a call: ten thousand would be ten thousand calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, fdtrc

Array = NDArray[np.float64]
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_PASSES = 4
_CUT = 3.5  # robust standard deviations beyond which a point is a spike
_FEW = 2.0  # the median of n distances is too small by about 2/n
Bools = NDArray[np.bool_]
Ints = NDArray[np.int_]
_SMALLEST = 6  # currents that give the least floor
_GROUPS = 4  # of points by size
_ELEMENTS = 1 << 16  # of a matrix, for the processor's cache
_LONGEST = 1.25  # times the shortest row of a matrix
_FEW_PLACES = 8  # up to which a partition is faster than a sort


def blocks(lengths: Sequence[int]) -> Iterator[Ints]:
    """Numbers of arrays of alike length that make one matrix.

    >>> [block.tolist() for block in blocks([50, 3, 48, 2])]
    [[3], [1], [2, 0]]
    """
    sizes = np.asarray(lengths)
    order = np.argsort(sizes, kind="stable")
    begin = 0
    for k in range(1, len(order) + 1):
        size = sizes[order[k]] if k < len(order) else np.inf
        if size > _LONGEST * sizes[order[begin]] or (k + 1 - begin) * size > _ELEMENTS:
            yield order[begin:k]
            begin = k


def filled(parts: Sequence[Array]) -> tuple[Array, Ints]:
    """A matrix of the parts, and their lengths.

    >>> filled([np.array([1.0, 2.0]), np.array([3.0])])[0].tolist()
    [[1.0, 2.0], [3.0, 0.0]]
    """
    lengths = np.array([len(part) for part in parts])
    out = np.zeros((len(parts), int(lengths.max(initial=0))), dtype=parts[0].dtype)
    out[np.arange(out.shape[1]) < lengths[:, None]] = np.concatenate(parts)
    return out, lengths


def packed(kept: Bools, *matrices: Array) -> tuple[Bools, list[Array]]:
    """Kept elements of each row, moved to its beginning.

    >>> packed(np.array([[False, True]]), np.array([[1.0, 2.0]]))[1][0].tolist()
    [[2.0]]
    """
    counts = kept.sum(axis=1)
    inside = np.arange(int(counts.max(initial=0))) < counts[:, None]
    out = []
    for matrix in matrices:
        new = np.zeros(inside.shape, dtype=matrix.dtype)
        new[inside] = matrix[kept]
        out.append(new)
    return inside, out


def medians(values: Array, kept: Bools) -> Array:
    """Median of each row; NaN for one without numbers.

    >>> medians(np.array([[3.0, 1.0, 2.0], [4.0, 1.0, 9.0]]), np.array([[True] * 3, [True, True, False]]))
    array([2. , 2.5])
    """
    counts = kept.sum(axis=1)
    upper = counts // 2
    lower = np.maximum(upper - (counts % 2 == 0), 0)
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    places = np.unique(np.concatenate([lower, np.minimum(upper, values.shape[1] - 1)]))
    parts = np.where(kept, values, np.inf)
    if len(places) <= _FEW_PLACES:
        parts.partition(places, axis=1)
    else:
        parts.sort(axis=1)
    every = np.arange(len(parts))
    high = parts[every, np.minimum(upper, values.shape[1] - 1)]
    found = 0.5 * (parts[every, lower] + high)
    return np.where(counts > 0, np.where(counts % 2, high, found), np.nan)


def sums(values: Array | Ints) -> Array:
    """Sum of each row, as a column (m, 1)."""
    found: Array = values.sum(axis=1, keepdims=True)
    return found


def largest(values: Array, kept: Bools, least: float = 0.0) -> Array:
    """Largest number of each row, as a column (m, 1), and not below `least`."""
    found: Array = np.where(kept, values, least).max(axis=1, keepdims=True, initial=least)
    return found


def first(found: Bools, otherwise: Ints) -> Ints:
    """Place of the first True of each row, another number for one without.

    >>> first(np.array([[False, True, True], [False, False, False]]), np.array([3, 3])).tolist()
    [1, 3]
    """
    if not found.shape[1]:
        return otherwise
    return np.where(found.any(axis=1), found.argmax(axis=1), otherwise)


def median(values: Array) -> float:
    """Median of numbers (n,) without NaN; NaN of none. `numpy.median` takes ten times as long for few.

    >>> median(np.array([3.0, 1.0, 2.0])), median(np.array([4.0, 1.0, 2.0, 8.0]))
    (2.0, 3.0)
    """
    middle = len(values) // 2
    if not len(values):
        return np.nan
    parts = np.partition(values, middle)
    upper = parts[middle]
    return float(upper if len(values) % 2 else 0.5 * (parts[:middle].max() + upper))


def quantisation(current: Array) -> float:
    """Smallest difference between different values (A); 0 if all are equal.

    Differences below a millionth of the range are rounding of the file.

    >>> quantisation(np.array([0.0, 2e-12, 6e-12, 2e-12]))
    2e-12
    """
    steps = np.diff(np.unique(current))
    steps = steps[steps > 1e-6 * steps.sum()]
    return float(steps.min()) if len(steps) else 0.0


class NoiseFloor(NamedTuple):
    """Current at 0 V (A), slope (A/V), and robust standard deviation about this line (A) of one curve."""

    offset: float
    leakage: float
    sigma: float


@dataclass(frozen=True)
class NoiseFloors:
    """Straight lines of m curves and the scatter about them; columns (m, 1)."""

    # offset, leakage, sigma: as `NoiseFloor`; sigma is at least that of rounding
    offset: Array
    leakage: Array
    sigma: Array
    points: Ints  # number of points it comes from
    # middle, spread: mean and sum of squares about it of the voltages used (V, V²): for the uncertainty far
    # from them
    middle: Array
    spread: Array

    @classmethod
    def blank(cls, rows: int) -> NoiseFloors:
        """Zeros, to be put in by `put`."""
        offset, leakage, sigma, middle, spread = np.zeros((5, rows, 1))
        return cls(offset, leakage, sigma, np.zeros((rows, 1), int), middle, spread)

    def line(self, voltage: Array) -> Array:
        """Expected current (A)."""
        return self.offset + self.leakage * voltage

    def scatter(self, voltage: Array) -> Array:
        """Standard deviation of a new point about the line, its own uncertainty included (A)."""
        spread = np.where(self.spread > 0, self.spread, np.inf)
        found: Array = self.sigma * np.sqrt(1 + 1 / self.points + (voltage - self.middle) ** 2 / spread)
        return found

    def rows(self, chosen: Ints | slice) -> NoiseFloors:
        """Floors of some of the curves."""
        return NoiseFloors(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def put(self, chosen: Ints, others: NoiseFloors) -> None:
        """Replace the floors of some of the curves."""
        for field in fields(self):
            getattr(self, field.name)[chosen] = getattr(others, field.name)

    def one(self, row: int) -> NoiseFloor:
        """Floor of one curve, as plain numbers."""
        return NoiseFloor(*(a[row, 0].item() for a in (self.offset, self.leakage, self.sigma)))


def noise_floors(voltage: Array, current: Array, inside: Bools) -> NoiseFloors:
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
    return NoiseFloors(line.offset, line.slope, sigma, count, line.middle, line.spread)


class _Lines(NamedTuple):
    """Least squares: offset (A), slope (A/V), mean and sum of squares of the voltages (V, V²); columns."""

    offset: Array
    slope: Array
    middle: Array
    spread: Array


def _lines(voltage: Array, current: Array, kept: Bools) -> _Lines:
    """Straight lines; level with five points or fewer."""
    count = kept.sum(axis=1, keepdims=True)
    middle, mean = (sums(np.where(kept, a, 0.0)) / count for a in (voltage, current))
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


@dataclass(frozen=True)
class Lines:
    """Lines of m rows; columns (m, 1) but for the residuals."""

    # slope, intercept, slope_error, intercept_error: (m, 1)
    slope: Array
    intercept: Array
    slope_error: Array
    intercept_error: Array
    rest: Array  # (m, n): residuals, not weighted
    points: Ints  # (m, 1)


def lines(v: Array, i: Array, weights: Array) -> Lines:
    """Lines i = intercept + slope v; the errors are the larger of the usual ones and HC3.

    HC3 (J. G. MacKinnon, H. White, J. Econometrics 29, 305 (1985), doi:10.1016/0304-4076(85)90158-7) stands
    wrong weights, but says nothing of a point that alone fixes the intercept; the usual errors do.

    Parameters
    ----------
    v, i, weights : (m, n) arrays
        Three points of different v at least in each row.
    """
    square = weights**2
    total = sums(square)
    mean = sums(square * v) / total
    about = v - mean
    spread = sums(square * about**2)
    slope = sums(square * about * i) / spread
    height = sums(square * i) / total
    rest = i - height - slope * about
    far = weights * rest
    leverage = square * (1 / total + about**2 / spread)
    share = 1 / np.maximum(1 - leverage, 1e-3)
    points = (weights > 0).sum(axis=1, keepdims=True)
    usual = sums(far**2) / (points - 2)
    errors: list[Array] = []
    for step in (weights * about / spread, weights * (1 / total - mean * about / spread)):
        # what a residual adds to slope and intercept, and the variances of both
        robust, ordinary = sums((step * far * share) ** 2), sums(step**2) * usual
        errors.append(np.sqrt(np.maximum(robust, ordinary)))
    return Lines(slope, height - slope * mean, errors[0], errors[1], rest, points)


def noise_weights(v: Array, i: Array, inside: Bools, floor: Array) -> Array:
    """One over the noise of each point, scaled to a mean of one; 0 outside.

    Noise² is floor² + (share · I)², found from the distance of each point from the line between its
    neighbours, in four groups by size. The floor is at least the one given and the scatter of the six
    smallest currents: the range for large currents has a larger one, and a single point at 0 V must not fix
    the intercept.

    Parameters
    ----------
    v, i : (m, n) arrays
        V, A; six points at least in each row.
    inside : (m, n) array of bool
        The beginning of each row.
    floor : (m, 1) array
        A.
    """
    nonzero = inside & (v != 0)
    conductance = medians(np.divide(i, v, out=np.zeros_like(v), where=nonzero), nonzero)[:, None]
    size = np.where(inside, np.abs(conductance * v), 0.0)
    between = inside[:, 2:]
    apart = np.where(between, _beside(v, i), np.inf)
    order = np.argsort(np.where(between, size[:, 1:-1], np.inf), axis=1, kind="stable")
    apart = np.take_along_axis(apart, order, axis=1)
    middle = np.take_along_axis(size[:, 1:-1], order, axis=1)
    number = between.sum(axis=1, keepdims=True)
    smallest = np.arange(apart.shape[1]) < np.minimum(_SMALLEST, number)
    rms = np.sqrt(sums(np.where(smallest, apart, 0.0) ** 2) / smallest.sum(axis=1, keepdims=True))
    least = np.maximum(np.maximum(floor, rms), 1e-12 * largest(size, inside))
    scatter, typical = (_group_medians(a, number[:, 0] // _GROUPS) for a in (apart, middle))
    scatter = 1.4826 * scatter
    scale = np.maximum(scatter, least) ** -2.0
    constant = scatter.max(axis=1, keepdims=True) ** 2 + least**2
    floor_part, share = _two_positive(constant * scale, typical**2 * scale, scatter**2 * scale)
    noise = np.sqrt(np.maximum(floor_part * constant, least**2) + share * size**2)
    mean = sums(np.where(inside, noise, 0.0)) / inside.sum(axis=1, keepdims=True)
    return np.where(inside, mean / noise, 0.0)


def _beside(v: Array, i: Array) -> Array:
    """Distance of each inner point from the line between its neighbours, in units of its noise."""
    span = v[:, 2:] - v[:, :-2]
    part = np.full(span.shape, 0.5)
    np.divide(v[:, 1:-1] - v[:, :-2], span, out=part, where=span != 0)
    apart = np.abs(i[:, 1:-1] - (1 - part) * i[:, :-2] - part * i[:, 2:])
    found: Array = apart / np.sqrt(1 + part**2 + (1 - part) ** 2)
    return found


def _group_medians(ordered: Array, length: Ints) -> Array:
    """Medians (m, groups) of groups of so many neighbours in each row."""
    place = np.arange(int(length.max()))
    kept = place < length[:, None]
    found = []
    for group in range(_GROUPS):
        at = np.where(kept, group * length[:, None] + place, 0)
        found.append(medians(np.take_along_axis(ordered, at, axis=1), kept))
    return np.stack(found, axis=1)


def _two_positive(a: Array, b: Array, y: Array) -> tuple[Array, Array]:
    """Least squares y = x₀a + x₁b of each row with x ≥ 0; columns (m, 1)."""
    aa, bb, ab, ay, by = sums(a * a), sums(b * b), sums(a * b), sums(a * y), sums(b * y)
    room = aa * bb - ab**2
    regular = room > 1e-12 * aa * bb
    room = np.where(regular, room, 1.0)
    x, z = (bb * ay - ab * by) / room, (aa * by - ab * ay) / room
    free = regular & (x >= 0) & (z >= 0)
    alone, other = np.maximum(ay, 0) / aa, np.maximum(by, 0) / np.where(bb > 0, bb, 1.0)
    first = alone * np.maximum(ay, 0) >= other * np.maximum(by, 0)
    return np.where(free, x, np.where(first, alone, 0.0)), np.where(free, z, np.where(first, 0.0, other))


def runs_test(rest: Array, points: Ints) -> Array:
    """Two-sided p of the Wald–Wolfowitz runs test on the signs of residuals, normal approximation.

    Parameters
    ----------
    rest : (m, n) array
        In order.
    points : (m,) array of int
        Of each row, from its beginning.

    >>> rest = np.array([1.0, -1, 1, 1, -1, -1, 1, -1, 1, -1])
    >>> runs_test(rest[None], np.array([10])).round(2)
    array([0.18])
    >>> runs_test(np.repeat([[1.0, -1.0]], 20, axis=1), np.array([40])) < 1e-6
    array([ True])
    """
    inside = np.arange(rest.shape[1]) < points[:, None]
    above = (rest > 0) & inside
    a = above.sum(axis=1)
    b = points - a
    runs = 1 + ((above[:, 1:] != above[:, :-1]) & inside[:, 1:]).sum(axis=1)
    both = (a >= 2) & (b >= 2)
    mean = 1 + 2 * a * b / (a + b)
    variance = np.where(both, (mean - 1) * (mean - 2) / (a + b - 1), 1.0)
    return np.where(both, erfc(np.abs(runs - mean) / np.sqrt(2 * variance)), 1.0)


def curvature(v: Array, i: Array, weights: Array, line: Lines) -> Array:
    """p of the F test for a quadratic term, of each row."""
    kept = weights > 0
    scaled = v / largest(np.abs(v), kept)
    basis, _ = np.linalg.qr(weights[:, :, None] * scaled[:, :, None] ** np.arange(3))
    target = weights * i
    better = target - (basis @ (np.swapaxes(basis, 1, 2) @ target[:, :, None]))[:, :, 0]
    left, right = sums((weights * line.rest) ** 2)[:, 0], sums(better**2)[:, 0]
    size = sums(target**2)[:, 0]
    exact = right <= 1e-28 * size  # to rounding
    freedom = line.points[:, 0] - 3
    ratio = np.maximum(0.0, left - right) / (np.where(exact, 1.0, right) / freedom)
    return np.where(exact, left <= 1e-24 * size, fdtrc(1, freedom, ratio))
