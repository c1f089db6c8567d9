r"""The triggering bias: where the current of an outgoing branch surges out of the noise.

A change point between two regimes. *Quiet*: a straight line with noise of Student's t (4 degrees of freedom:
its heavy tails allow for spikes). *Surged*: any current out of the noise, log|I| uniform over the decades
between noise and limit. Point j votes for the surge with :math:`\ell_j = \log p_s(I_j) - \log p_q(I_j)`, at
least −10, and −10 below two standard deviations; the change is at the k that makes :math:`\sum_{j \ge
k}\ell_j` largest, a cumulative sum read backwards. The line is fitted to the points before the change, so
both are repeated until they agree.

The bias is reported as the middle between the last quiet and the first surged point. Its interval is a
bootstrap over the residuals of the quiet points, with the onset anywhere within the step: no interval is
shorter than the steps allow. A replicate draws the residuals of the points about the surge anew, and finds
the surge again. It moves only if a quiet point is drawn whose vote is not negative, for the votes of surged
points are positive whatever is drawn; so replicates without such a point need no sums. Where a surged point
is so small that its vote may turn, all replicates are worked out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from gbflux.lab.iv.sweeps import Curve
from gbflux.lab.stats.lines import (
    Bools,
    Ints,
    NoiseFloor,
    NoiseFloors,
    blocks,
    filled,
    largest,
    medians,
    noise_floors,
)

Array = NDArray[np.float64]
TRIGGERED = "triggered"
NOT_TRIGGERED = "not triggered"
GRADUAL = "gradual rise"
FROM_START = "conducting from the start"
NO_BRANCH = "no outgoing branch"
TOO_FEW = "too few quiet points"
NO_SIGNAL = "all currents are equal"

_NEEDED_VOTES = 12.0  # natural logarithm of odds: e^12 = 163,000
_LASTING = 3  # points of a surge, at least
_SOON = 5  # points within which it jumps
_OUT_OF_NOISE = 10.0  # standard deviations
_JUMP = 3.0  # over line and noise within a few points
_DECADE = 1.0  # of log10|I| between two levels
_STEADY = 3.0  # size over scatter of a surged current, at least
_FEWEST_QUIET = 4
_ROUNDS = 5
_SHORT_S = 1e-6  # a line above it is no leakage through an electrolyte but a short
_BEYOND_TURN = 5
_REPLICATES = 400
_WINDOW = 12  # points on either side of the surge
_AT_ONCE = 256  # curves
_FREEDOM = 4.0  # degrees of freedom of Student's t
_T_NORM = float(gammaln((_FREEDOM + 1) / 2) - gammaln(_FREEDOM / 2) - 0.5 * np.log(_FREEDOM * np.pi))
_LOWEST = -10.0  # least vote of a point, so that a single quiet one does not end a surge
_FEWEST_DECADES = 6.0


@dataclass(frozen=True)
class Trigger:
    """Outcome of the outgoing branch."""

    # ``triggered``; ``not triggered`` and ``gradual rise`` (no jump) are censored at the limit; ``conducting
    # from the start`` (a current at once, or a line of less than 1 MΩ), ``no outgoing branch``, ``too few
    # quiet points`` and ``all currents are equal`` say nothing of a bias
    outcome: str
    bias: float | None  # triggering bias with its sign (V); None unless triggered
    interval: tuple[float, float] | None  # of the bias, ends in the order of size (V)
    limit: float  # largest voltage reached (V): where a curve that did not trigger is censored
    index: int | None  # first surged point
    noise: NoiseFloor | None  # of the quiet points; None where there are too few

    @property
    def censored(self) -> bool:
        """True if the bias is known only to lie beyond the limit."""
        return self.outcome in (NOT_TRIGGERED, GRADUAL)


def find_triggers(
    curves: Sequence[Curve], rng: np.random.Generator, level: float = 0.95
) -> tuple[Trigger, ...]:
    """Triggering biases of many curves.

    Parameters
    ----------
    curves : sequence of Curve
    rng : numpy Generator
        For the bootstrap.
    level : float, optional
        Coverage of the interval.

    Returns
    -------
    tuple of Trigger
        In the order of the curves.
    """
    found = {k: trigger for k, curve in enumerate(curves) if (trigger := _nothing_to_find(curve))}
    left = [k for k in range(len(curves)) if k not in found]
    ends = [min(len(curves[k].voltage), curves[k].turn + _BEYOND_TURN) for k in left]
    for block in blocks(ends):
        chosen = [curves[left[n]] for n in block]
        for n, trigger in zip(block, _of_block(chosen, [ends[n] for n in block], rng, level), strict=True):
            found[left[n]] = trigger
    return tuple(found[k] for k in range(len(curves)))


def _nothing_to_find(curve: Curve) -> Trigger | None:
    """Outcome of a curve without a branch or a signal; None for any other."""
    if curve.turn < _FEWEST_QUIET:
        return Trigger(NO_BRANCH, None, None, curve.limit, None, None)
    if np.ptp(curve.current) == 0:
        return Trigger(NO_SIGNAL, None, None, curve.limit, None, None)
    return None


def _of_block(
    curves: list[Curve], ends: list[int], rng: np.random.Generator, level: float
) -> Iterator[Trigger]:
    """Triggers of curves of alike length, whose branches end at `ends`."""
    v, lengths = filled([curve.voltage[:end] for curve, end in zip(curves, ends, strict=True)])
    i, _ = filled([curve.current[:end] for curve, end in zip(curves, ends, strict=True)])
    inside = np.arange(v.shape[1]) < lengths[:, None]
    k, known, noise = _changes(v, i, inside)
    outcome = np.full(len(curves), TRIGGERED, dtype=object)
    outcome[~known] = TOO_FEW
    outcome[~known & (_over_scatter(i, inside) > _OUT_OF_NOISE)] = FROM_START
    without = np.flatnonzero(k == lengths)
    shorts = _start_conducting(v[without], i[without], inside[without])
    outcome[without[known[without]]] = NOT_TRIGGERED
    outcome[without[shorts]] = FROM_START
    surged = np.flatnonzero(k < lengths)
    jumps = _jump(v[surged], i[surged], lengths[surged], k[surged], noise.rows(surged))
    for row in surged[~jumps]:
        late = _late_jump(i[row, : lengths[row]], int(k[row]))
        outcome[row], k[row] = (GRADUAL, k[row]) if late is None else (TRIGGERED, late)
    surged = np.flatnonzero(outcome == TRIGGERED)
    found = _intervals(v[surged], i[surged], lengths[surged], k[surged], noise.rows(surged), rng, level)
    ends_of = dict(zip(surged.tolist(), found, strict=True))
    for row, curve in enumerate(curves):
        kind = outcome[row]
        floor = noise.one(row) if kind in (TRIGGERED, NOT_TRIGGERED, GRADUAL) else None
        if kind == TRIGGERED:
            index = int(k[row])
            bias = float(v[row, index - 1] + v[row, index]) / 2
            yield Trigger(kind, bias, ends_of[row], curve.limit, index, floor)
        else:
            yield Trigger(kind, None, None, curve.limit, None, floor)


def _changes(v: Array, i: Array, inside: Bools) -> tuple[Ints, Bools, NoiseFloors]:
    """First surged point, its row's length without one; any quiet points; their floor."""
    lengths, place = inside.sum(axis=1), np.arange(v.shape[1])
    k, known = _first_splits(i, inside), np.full(len(v), True)
    noise = NoiseFloors.blank(len(v))
    left = np.arange(len(v))
    for _ in range(_ROUNDS):
        few = left[k[left] < _FEWEST_QUIET]
        loud = _over_scatter(i[few], inside[few] & (place >= k[few, None])) > _STEADY
        known[few[loud]] = False
        k[few] = lengths[few]
        left = left[known[left]]
        if not len(left):
            break
        here = inside[left]
        floor = noise_floors(v[left], i[left], here & (place < k[left, None]))
        noise.put(left, floor)
        again = _strongest(_votes(v[left], i[left], floor, here), lengths[left])
        same = again == k[left]
        k[left] = again
        left = left[~same]
    surged = np.flatnonzero(k < lengths)
    # too few quiet points, equal by rounding, took noise for a surge
    weak = surged[_over_scatter(i[surged], inside[surged] & (place >= k[surged, None])) < _STEADY]
    if len(weak):
        k[weak] = lengths[weak]
        noise.put(weak, noise_floors(v[weak], i[weak], inside[weak]))
    return k, known, noise


def _start_conducting(v: Array, i: Array, inside: Bools) -> Bools:
    """Test for a short from the start: a steep line through the first part of a branch, or all of it.

    The first part alone suffices, for the filament may have been reset.
    """
    lengths, place = inside.sum(axis=1), np.arange(v.shape[1])
    found = np.full(len(v), False)
    for parts in (np.minimum(lengths, 8), lengths // 8, lengths // 4, lengths):
        rows = np.flatnonzero(~found & (parts >= _FEWEST_QUIET + 2))
        if not len(rows):
            continue
        kept = place < parts[rows, None]
        start = noise_floors(v[rows], i[rows], kept)
        reach = np.where(kept, v[rows], -np.inf).max(axis=1) - np.where(kept, v[rows], np.inf).min(axis=1)
        line = start.leakage[:, 0] * reach
        found[rows] = (start.leakage[:, 0] > _SHORT_S) & (line > _OUT_OF_NOISE * start.sigma[:, 0])
    return found


def _over_scatter(i: Array, kept: Bools) -> Array:
    """Ratio of the currents of each row to their scatter from point to point."""
    if not len(i):
        return np.zeros(0)
    scatter = 1.4826 * medians(np.abs(np.diff(i, axis=1)), kept[:, 1:] & kept[:, :-1]) / 2**0.5
    size = medians(np.abs(i), kept)
    ratio = size / np.where(scatter > 0, scatter, 1.0)
    return np.where(scatter > 0, ratio, np.where(size > 0, np.inf, 0.0))


def _first_splits(i: Array, inside: Bools) -> Ints:
    """First point of the upper of two levels of log|I|; the row's length if less than a factor 10."""
    lengths, place = inside.sum(axis=1), np.arange(i.shape[1])
    size = np.abs(i)
    top = size.max(axis=1, keepdims=True)
    x = np.where(inside, np.log10(np.maximum(size, np.where(top > 0, top, 1.0) * 1e-9)), 0.0)
    n, more = place[1:], lengths[:, None] - place[1:]
    total = np.cumsum(x, axis=1)
    before = total[:, :-1] / n
    after = (total[:, -1:] - total[:, :-1]) / np.maximum(more, 1)
    between = np.where(after < before, 0.0, n * more * (after - before) ** 2)
    k = np.argmax(np.where(more > 0, between, -1.0), axis=1) + 1
    later = place >= k[:, None]
    apart = medians(x, inside & later) - medians(x, inside & ~later)
    split = (apart > _DECADE) & (lengths - k >= _LASTING) & (top[:, 0] > 0)
    return np.where(split, k, lengths)


def _strongest(worth: Array, lengths: Ints) -> Ints:
    """First point of the surge of each row; its length where the votes do not suffice."""
    total = np.cumsum(worth[:, ::-1], axis=1)[:, ::-1]
    k = np.argmax(total, axis=1)
    most = total[np.arange(len(total)), k]
    return np.where((most > _NEEDED_VOTES) & (lengths - k >= _LASTING), k, lengths)


def _jump(v: Array, i: Array, lengths: Ints, k: Ints, noise: NoiseFloors) -> Bools:
    """Test for currents that leave line and noise far behind within a few points."""
    soon = k[:, None] + np.arange(_SOON)
    there = soon < lengths[:, None]
    soon = np.minimum(soon, lengths[:, None] - 1)
    v, i = np.take_along_axis(v, soon, axis=1), np.take_along_axis(i, soon, axis=1)
    excess = np.abs(i - noise.line(v))
    floor = np.abs(noise.line(v) - noise.offset) + 5 * noise.scatter(v)
    last = there & (np.arange(_SOON) >= there.sum(axis=1, keepdims=True) - _LASTING)
    high = medians(excess, last)
    return (high > _JUMP * medians(floor, there)) & (high > _OUT_OF_NOISE * noise.sigma[:, 0])


def _late_jump(i: Array, begin: int) -> int | None:
    """First point of a jump by a decade from three points to the next three; None without one."""
    x = np.log10(np.maximum(np.abs(i), 1e-300))
    if len(x) - begin < 2 * _LASTING:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(x[begin:], _LASTING)
    triples = np.sort(windows, axis=1)[:, _LASTING // 2]  # medians
    rise = triples[_LASTING:] - triples[:-_LASTING]
    if not len(rise) or rise.max() < _DECADE:
        return None
    k = int(np.argmax(rise))
    before, after = triples[k], triples[k + _LASTING]
    place = begin + k + _LASTING
    surged = np.flatnonzero(x[place - 1 : place + _LASTING] > (before + after) / 2)
    return place - 1 + int(surged[0]) if len(surged) else place


@dataclass(frozen=True)
class _Around:
    """The points about the surge of each row (m, window)."""

    place: Ints  # which point
    there: Bools  # whether the branch has it
    current: Array  # less the line of the quiet points; 0 where quiet (A)
    scatter: Array  # standard deviation of a quiet point (A)
    span: Array  # (m, 1): of the votes

    def surge(self, row: Ints, drawn: Array) -> Ints:
        """First surged point (r,) of replicates of the rows, with residuals (r, window) drawn (A).

        With residuals of the quiet half alone the other half counts as surged.
        """
        width = drawn.shape[1]
        there = self.there[row, :width]
        distance = np.abs(self.current[row, :width] + drawn) / self.scatter[row, :width]
        points = np.where(there, _vote(distance, self.span[row]), 0.0)
        total = np.where(there, np.cumsum(points[:, ::-1], axis=1)[:, ::-1], -np.inf)
        if width == _WINDOW:
            total = np.pad(total, ((0, 0), (0, 1)))
        found: NDArray[np.int_] = self.place[row, np.argmax(total, axis=1)]
        return found


def _around(v: Array, i: Array, lengths: Ints, k: Ints, noise: NoiseFloors) -> _Around:
    """The window of each row."""
    place = k[:, None] + np.arange(-_WINDOW, _WINDOW)
    there = (place >= 0) & (place < lengths[:, None])
    place = np.clip(place, 0, lengths[:, None] - 1)
    near = np.take_along_axis(v, place, axis=1)
    apart = np.take_along_axis(i, place, axis=1) - noise.line(near)
    apart[:, :_WINDOW] = 0.0
    inside = np.arange(v.shape[1]) < lengths[:, None]
    return _Around(place, there, apart, noise.scatter(near), _log_range(i, noise, inside))


def _intervals(
    v: Array,
    i: Array,
    lengths: Ints,
    k: Ints,
    noise: NoiseFloors,
    rng: np.random.Generator,
    level: float,
) -> list[tuple[float, float]]:
    """Intervals of the biases of curves (m, n) that surge at k, ends in the order of size (V)."""
    ends = np.empty((len(k), 2))
    for begin in range(0, len(k), _AT_ONCE):
        batch = slice(begin, begin + _AT_ONCE)
        ends[batch] = _ends(v[batch], i[batch], lengths[batch], k[batch], noise.rows(batch), rng, level)
    reverse = np.abs(ends[:, 0]) > np.abs(ends[:, 1])
    ends[reverse] = ends[reverse, ::-1]
    return [(low, high) for low, high in ends.tolist()]


def _ends(
    v: Array, i: Array, lengths: Ints, k: Ints, noise: NoiseFloors, rng: np.random.Generator, level: float
) -> Array:
    """Lower and upper ends (m, 2): the onset is anywhere in the step before the first surged point."""
    first = np.maximum(_surges(v, i, lengths, k, noise, rng), 1)
    share = rng.permuted(np.tile((np.arange(_REPLICATES) + 0.5) / _REPLICATES, (len(k), 1)), axis=1)
    last, before = np.take_along_axis(v, first, axis=1), np.take_along_axis(v, first - 1, axis=1)
    onset = np.sort(last - share * (last - before), axis=1)
    at = np.array([(1 - level) / 2, (1 + level) / 2]) * (_REPLICATES - 1)
    low = np.floor(at).astype(int)
    found: Array = onset[:, low] + (at - low) * (onset[:, low + 1] - onset[:, low])
    return found


def _surges(v: Array, i: Array, lengths: Ints, k: Ints, noise: NoiseFloors, rng: np.random.Generator) -> Ints:
    """First surged points of the replicates (m, replicates)."""
    around = _around(v, i, lengths, k, noise)
    quiet = np.arange(v.shape[1]) < k[:, None]
    rest = np.where(quiet, i - noise.line(v), 0.0)
    least = around.scatter.min(axis=1, keepdims=True)
    moving = quiet & (_vote(np.abs(rest) / least, around.span) >= 0)
    nearest = np.abs(around.current) - np.abs(rest).max(axis=1, keepdims=True)
    unsure = _vote(nearest / around.scatter, around.span) <= 0
    weak = (unsure & around.there)[:, _WINDOW:].any(axis=1)
    share = moving.sum(axis=1) / k
    found = np.repeat(k[:, None], _REPLICATES, axis=1)
    rows = np.flatnonzero(weak | (share > 0))
    if not len(rows):
        return found
    # points that can move the surge first: a replicate has drawn one if a random number is below their share
    order = np.argsort(np.where(moving, 0, np.where(quiet, 1, 2)).astype(np.int8), axis=1, kind="stable")
    rest = np.take_along_axis(rest, order, axis=1)
    before = rng.random((len(rows), _REPLICATES, _WINDOW))
    moved = weak[rows, None] | (before < share[rows, None, None]).any(axis=2)
    row, replicate = np.nonzero(moved)
    before, row = before[moved], rows[row]
    for part, full in ((~weak[row], False), (weak[row], True)):
        here, chosen = row[part], before[part]
        if full:
            chosen = np.concatenate([chosen, rng.random(chosen.shape)], axis=1)
        drawn = rest[here[:, None], (chosen * k[here, None]).astype(int)]
        found[here, replicate[part]] = around.surge(here, drawn)
    return found


def _votes(v: Array, i: Array, noise: NoiseFloors, inside: Bools) -> Array:
    """Votes of the points (m, n) of branches; 0 outside them."""
    distance = np.abs(i - noise.line(v)) / noise.scatter(v)
    return np.where(inside, _vote(distance, _log_range(i, noise, inside)), 0.0)


def _log_range(i: Array, noise: NoiseFloors, inside: Bools) -> Array:
    """Natural logarithm of the range of a surged current of each row, as a column (m, 1)."""
    top = largest(np.abs(i), inside)
    found: Array = np.maximum(np.log(top / noise.sigma + 1), _FEWEST_DECADES * np.log(10))
    return found


def _vote(distance: Array, span: Array) -> Array:
    """Vote of a point so many standard deviations off the line; it rises with the distance.

    >>> _vote(np.array([1.0, 3.0, 100.0]), np.array(6 * np.log(10))).round(1).tolist()
    [-10.0, 0.2, 13.3]
    """
    out = distance >= 2
    z = distance[out]
    quiet = _T_NORM - (_FREEDOM + 1) / 2 * np.log1p(z**2 / _FREEDOM)
    found = np.full(distance.shape, _LOWEST)
    found[out] = np.maximum(-np.log(z) - np.broadcast_to(np.log(span), distance.shape)[out] - quiet, _LOWEST)
    return found
