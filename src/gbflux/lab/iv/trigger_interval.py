"""Bootstrap intervals of triggering biases, of many curves at once.

A replicate draws the residuals of the points about the surge anew from those of the quiet points, and finds
the surge again. It moves only if a quiet point is drawn whose vote is not negative, for the votes of surged
points are positive whatever is drawn; so replicates without such a point need no sums. Where a surged point
is so small that its vote may turn, all replicates are worked out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.stats.noise import NoiseFloor
from gbflux.lab.stats.ragged import Bools, Ints
from gbflux.lab.stats.votes import span, worth

Array = NDArray[np.float64]
_REPLICATES = 400
_WINDOW = 12  # points on either side of the surge
_AT_ONCE = 256  # curves


@dataclass(frozen=True)
class _Around:
    """The points about the surge of each row (m, window).

    Attributes
    ----------
    place : array of int
        Which point.
    there : array of bool
        Whether the branch has it.
    current : array
        Less the line of the quiet points; 0 where quiet (A).
    scatter : array
        Standard deviation of a quiet point (A).
    span : (m, 1) array
        Of the votes.
    """

    place: Ints
    there: Bools
    current: Array
    scatter: Array
    span: Array

    def surge(self, row: Ints, drawn: Array) -> Ints:
        """First surged point (r,) of replicates of the rows, with residuals (r, window) drawn (A).

        With residuals of the quiet half alone the other half counts as surged.
        """
        width = drawn.shape[1]
        there = self.there[row, :width]
        distance = np.abs(self.current[row, :width] + drawn) / self.scatter[row, :width]
        points = np.where(there, worth(distance, self.span[row]), 0.0)
        total = np.where(there, np.cumsum(points[:, ::-1], axis=1)[:, ::-1], -np.inf)
        if width == _WINDOW:
            total = np.pad(total, ((0, 0), (0, 1)))
        return self.place[row, np.argmax(total, axis=1)]


def _around(v: Array, i: Array, lengths: Ints, k: Ints, noise: NoiseFloor) -> _Around:
    """The window of each row."""
    place = k[:, None] + np.arange(-_WINDOW, _WINDOW)
    there = (place >= 0) & (place < lengths[:, None])
    place = np.clip(place, 0, lengths[:, None] - 1)
    near = np.take_along_axis(v, place, axis=1)
    apart = np.take_along_axis(i, place, axis=1) - noise.line(near)
    apart[:, :_WINDOW] = 0.0
    inside = np.arange(v.shape[1]) < lengths[:, None]
    return _Around(place, there, apart, noise.scatter(near), span(i, noise, inside))


def intervals(
    v: Array,
    i: Array,
    lengths: Ints,
    k: Ints,
    noise: NoiseFloor,
    rng: np.random.Generator,
    level: float,
) -> list[tuple[float, float]]:
    """Intervals of the biases of curves that surged, ends in the order of size (V).

    Parameters
    ----------
    v, i : (m, n) arrays
        Branches (V, A), as long as `lengths` says.
    lengths, k : (m,) arrays of int
        k is the first surged point.
    noise : NoiseFloor
        Of the quiet points; columns.
    rng : numpy Generator
    level : float
        Coverage.
    """
    ends = np.empty((len(k), 2))
    for begin in range(0, len(k), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        ends[some] = _ends(v[some], i[some], lengths[some], k[some], noise.rows(some), rng, level)
    reverse = np.abs(ends[:, 0]) > np.abs(ends[:, 1])
    ends[reverse] = ends[reverse, ::-1]
    return [(low, high) for low, high in ends.tolist()]


def _ends(
    v: Array, i: Array, lengths: Ints, k: Ints, noise: NoiseFloor, rng: np.random.Generator, level: float
) -> Array:
    """Lower and upper ends (m, 2): the onset is anywhere in the step before the first surged point."""
    found = np.maximum(_surges(v, i, lengths, k, noise, rng), 1)
    share = rng.permuted(np.tile((np.arange(_REPLICATES) + 0.5) / _REPLICATES, (len(k), 1)), axis=1)
    last, before = np.take_along_axis(v, found, axis=1), np.take_along_axis(v, found - 1, axis=1)
    onset = np.sort(last - share * (last - before), axis=1)
    at = np.array([(1 - level) / 2, (1 + level) / 2]) * (_REPLICATES - 1)
    low = np.floor(at).astype(int)
    return onset[:, low] + (at - low) * (onset[:, low + 1] - onset[:, low])


def _surges(v: Array, i: Array, lengths: Ints, k: Ints, noise: NoiseFloor, rng: np.random.Generator) -> Ints:
    """First surged points of the replicates (m, replicates)."""
    around = _around(v, i, lengths, k, noise)
    quiet = np.arange(v.shape[1]) < k[:, None]
    rest = np.where(quiet, i - noise.line(v), 0.0)
    least = around.scatter.min(axis=1, keepdims=True)
    news = quiet & (worth(np.abs(rest) / least, around.span) >= 0)
    nearest = np.abs(around.current) - np.abs(rest).max(axis=1, keepdims=True)
    unsure = worth(nearest / around.scatter, around.span) <= 0
    weak = (unsure & around.there)[:, _WINDOW:].any(axis=1)
    share = news.sum(axis=1) / k
    found = np.repeat(k[:, None], _REPLICATES, axis=1)
    rows = np.flatnonzero(weak | (share > 0))
    if not len(rows):
        return found
    # those that make news first: which replicates have one is told by a single comparison
    order = np.argsort(np.where(news, 0, np.where(quiet, 1, 2)).astype(np.int8), axis=1, kind="stable")
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
