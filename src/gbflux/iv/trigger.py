r"""The triggering bias: where the current of an outgoing branch surges out of the noise.

A change point between two regimes. *Quiet*: a straight line with noise of Student's t (4 degrees of freedom:
spikes are no news). *Surged*: any current out of the noise, log|I| uniform over the decades between noise and
limit. Point j votes for the surge with :math:`\ell_j = \log p_s(I_j) - \log p_q(I_j)`, at least −10, and −10
below two standard deviations; the change is at the k that makes :math:`\sum_{j \ge k}\ell_j` largest, a
cumulative sum read backwards. The line is fitted to the points before the change, so both are
repeated until they agree.

The bias is reported as the middle between the last quiet and the first surged point. Its interval is a
bootstrap over the residuals of the quiet points, with the onset anywhere within the step: no interval is
shorter than the steps allow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from gbflux.iv.noise import NoiseFloor, median, noise_floor
from gbflux.iv.sweeps import Curve

Array = NDArray[np.float64]
TRIGGERED = "triggered"
NOT_TRIGGERED = "not triggered"
GRADUAL = "gradual rise"
FROM_START = "conducting from the start"
NO_BRANCH = "no outgoing branch"
TOO_FEW = "too few quiet points"
NO_SIGNAL = "all currents are equal"

_FREEDOM = 4.0
_T_NORM = float(gammaln((_FREEDOM + 1) / 2) - gammaln(_FREEDOM / 2) - 0.5 * np.log(_FREEDOM * np.pi))
_LOWEST_VOTE = -10.0
_FEWEST_DECADES = 6.0
_NEEDED_VOTES = 12.0
_LASTING = 3  # points of a surge, at least
_OUT_OF_NOISE = 10.0  # standard deviations
_JUMP = 3.0  # over line and noise within a few points
_DECADE = 1.0
_STEADY = 3.0  # size over scatter of a surged current, at least
_FEWEST_QUIET = 4
_SHORT_S = 1e-6  # a line above it is no leakage through an electrolyte but a short
_BEYOND_TURN = 5
_REPLICATES = 400
_WINDOW = 12


@dataclass(frozen=True)
class Trigger:
    """What the outgoing branch did.

    Attributes
    ----------
    outcome : str
        ``triggered``; ``not triggered`` and ``gradual rise`` (no jump) are censored at the limit;
        ``conducting from the start`` (a current at once, or a line of less than 1 MΩ), ``no outgoing
        branch``, ``too few quiet points`` and ``all currents are equal`` say nothing of a bias.
    bias : float or None
        Triggering bias with its sign (V); None unless triggered.
    interval : (float, float) or None
        Of the bias, ends in the order of size (V).
    limit : float
        Largest voltage reached (V): where a curve that did not trigger is censored.
    index : int or None
        First surged point.
    noise : NoiseFloor or None
        Of the quiet points; None where there are too few.
    """

    outcome: str
    bias: float | None
    interval: tuple[float, float] | None
    limit: float
    index: int | None
    noise: NoiseFloor | None

    @property
    def censored(self) -> bool:
        """Whether the bias is known only to lie beyond the limit."""
        return self.outcome in (NOT_TRIGGERED, GRADUAL)


def find_trigger(curve: Curve, rng: np.random.Generator, level: float = 0.95) -> Trigger:
    """Triggering bias of one curve.

    Parameters
    ----------
    curve : Curve
    rng : numpy Generator
        For the bootstrap.
    level : float, optional
        Coverage of the interval.

    Returns
    -------
    Trigger
    """
    if curve.turn < _FEWEST_QUIET:
        return Trigger(NO_BRANCH, None, None, curve.limit, None, None)
    if np.ptp(curve.current) == 0:
        return Trigger(NO_SIGNAL, None, None, curve.limit, None, None)
    end = min(len(curve.voltage), curve.turn + _BEYOND_TURN)
    v, i = curve.voltage[:end], curve.current[:end]
    k, noise = _change(v, i)
    if k is None and _starts_conducting(v, i):
        return Trigger(FROM_START, None, None, curve.limit, None, None)
    if noise is None:
        outcome = FROM_START if _over_scatter(i) > _OUT_OF_NOISE else TOO_FEW
        return Trigger(outcome, None, None, curve.limit, None, None)
    if k is None:
        return Trigger(NOT_TRIGGERED, None, None, curve.limit, None, noise)
    if not _jumps(v, i, k, noise):
        k = _late_jump(i, k)
        if k is None:
            return Trigger(GRADUAL, None, None, curve.limit, None, noise)
    interval = _interval(v, i, k, noise, rng, level)
    return Trigger(TRIGGERED, float((v[k - 1] + v[k]) / 2), interval, curve.limit, k, noise)


def _change(v: Array, i: Array) -> tuple[int | None, NoiseFloor | None]:
    """First surged point and floor before it; without surge (None, floor), no quiet points (None, None)."""
    k = _first_split(i)
    noise = None
    for _ in range(5):
        if k < _FEWEST_QUIET and _over_scatter(i[k:]) > _STEADY:
            return None, None
        k = len(v) if k < _FEWEST_QUIET else k
        noise = noise_floor(v[:k], i[:k])
        found = _strongest(_votes(v, i, noise))
        again = len(v) if found is None else found
        if again == k:
            break
        k = again
    if k == len(v):
        return None, noise
    if _over_scatter(i[k:]) < _STEADY:  # too few quiet points, equal by rounding, took noise for a surge
        return None, noise_floor(v, i)
    return k, noise


def _starts_conducting(v: Array, i: Array) -> bool:
    """Whether the first part of a branch, or all of it, is the line of a short; it may have been reset."""
    for m in sorted({min(len(v), 8), len(v) // 8, len(v) // 4, len(v)}):
        if m >= _FEWEST_QUIET + 2:
            start = noise_floor(v[:m], i[:m])
            line = start.leakage * float(np.ptp(v[:m]))
            if start.leakage > _SHORT_S and line > _OUT_OF_NOISE * start.sigma:
                return True
    return False


def _over_scatter(i: Array) -> float:
    """How much larger a current is than its scatter from point to point."""
    scatter = 1.4826 * median(np.abs(i[1:] - i[:-1])) / 2**0.5
    size = median(np.abs(i))
    return size / scatter if scatter > 0 else np.inf if size > 0 else 0.0


def _first_split(i: Array) -> int:
    """Where log|I| splits best into two levels; the length where they are less than a factor 10 apart."""
    size = np.abs(i)
    top = float(size.max())
    if top == 0:
        return len(i)
    x = np.log10(np.maximum(size, top * 1e-9))
    n = np.arange(1, len(x))
    total = np.cumsum(x)
    before = total[:-1] / n
    after = (total[-1] - total[:-1]) / (len(x) - n)
    between = n * (len(x) - n) * (after - before) ** 2
    between[after < before] = 0.0
    k = int(np.argmax(between)) + 1
    apart = median(x[k:]) - median(x[:k])
    return k if apart > _DECADE and len(x) - k >= _LASTING else len(i)


def _votes(v: Array, i: Array, noise: NoiseFloor) -> Array:
    """log p_surged − log p_quiet of each point."""
    scatter = noise.scatter(v)
    z = np.abs(i - noise.line(v)) / scatter
    decades = max(float(np.log(np.max(np.abs(i)) / noise.sigma + 1)), _FEWEST_DECADES * np.log(10))
    votes = np.full(z.shape, _LOWEST_VOTE)
    out = z >= 2
    z = z[out]
    quiet = _T_NORM - (_FREEDOM + 1) / 2 * np.log1p(z**2 / _FREEDOM)
    votes[out] = np.maximum(-np.log(z) - np.log(decades) - quiet, _LOWEST_VOTE)
    return votes


def _strongest(votes: Array) -> int | None:
    """First point of the surge; None where the votes do not suffice."""
    sums = np.cumsum(votes[::-1])[::-1]
    k = int(np.argmax(sums))
    enough = sums[k] > _NEEDED_VOTES and len(votes) - k >= _LASTING
    return k if enough else None


def _jumps(v: Array, i: Array, k: int, noise: NoiseFloor) -> bool:
    """Whether the current leaves line and noise far behind within a few points."""
    soon = slice(k, k + 5)
    excess = np.abs(i[soon] - noise.line(v[soon]))
    floor = np.abs(noise.line(v[soon]) - noise.offset) + 5 * noise.scatter(v[soon])
    high = median(excess[-_LASTING:])
    return bool(high > _JUMP * median(floor) and high > _OUT_OF_NOISE * noise.sigma)


def _late_jump(i: Array, begin: int) -> int | None:
    """First point of a jump by a decade from three points to the next three; None without one."""
    x = np.log10(np.maximum(np.abs(i), 1e-300))
    if len(x) - begin < 2 * _LASTING:
        return None
    triples = median(np.lib.stride_tricks.sliding_window_view(x[begin:], _LASTING))
    rise = triples[_LASTING:] - triples[:-_LASTING]
    if not len(rise) or rise.max() < _DECADE:
        return None
    k = int(np.argmax(rise))
    before, after = triples[k], triples[k + _LASTING]
    place = begin + k + _LASTING
    surged = np.flatnonzero(x[place - 1 : place + _LASTING] > (before + after) / 2)
    return place - 1 + int(surged[0]) if len(surged) else place


def _interval(
    v: Array, i: Array, k: int, noise: NoiseFloor, rng: np.random.Generator, level: float
) -> tuple[float, float]:
    """Bootstrap interval of the bias (V): residuals drawn anew, the onset anywhere in its step."""
    first, last = max(0, k - _WINDOW), min(len(v), k + _WINDOW)
    rest = i[:k] - noise.line(v[:k])
    around = v[first:last]
    expected = np.where(np.arange(first, last) < k, noise.line(around), i[first:last])
    drawn = expected + rest[rng.integers(0, len(rest), (_REPLICATES, last - first))]
    votes = _votes(around, drawn, noise)
    found = first + np.argmax(np.cumsum(votes[:, ::-1], axis=1)[:, ::-1], axis=1)
    found = np.maximum(found, 1)
    share = rng.permutation((np.arange(_REPLICATES) + 0.5) / _REPLICATES)
    onset = v[found] - share * (v[found] - v[found - 1])
    ends = np.array([(1 - level) / 2, (1 + level) / 2]) * (_REPLICATES - 1)
    low, high = np.interp(ends, np.arange(_REPLICATES), np.sort(onset))
    return (float(low), float(high)) if abs(low) <= abs(high) else (float(high), float(low))
