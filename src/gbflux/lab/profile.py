"""A grain boundary in line scans: how deep the dip at it is, how wide, and whether it is there at all.

Model of a line: v(x) = left + (right − left) Φ(u) + depth exp(−u²/2), u = (x − x0)/s, Φ the normal
distribution's integral. Lines are shifted onto each other, averaged, and fitted; the scatter between lines
gives intervals (jackknife over lines).

The dip is searched with templates, one a place and width: the dip's part that neither a constant nor a step
explains. The mean line is searched first, then every line near the place found. Searching and shifting make a
dip of any noise; the depth found is therefore compared with that found, in the same way, in the lines
themselves with random phases: noise of exactly the same spectrum. Were there no dip, the lines would be one
such trial among the others, and the test is exact; the spectrum of a dip that is there widens the noise and
makes the test cautious.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import ndtr

from gbflux.errors import InputError
from gbflux.lab.readers.lines import LineScans
from gbflux.lab.stats.uncertainty import Interval

Array = NDArray[np.float64]
_FWHM = 2 * (2 * np.log(2)) ** 0.5  # of exp(−u²/2)
_FEWEST_LINES = 3  # for intervals from the scatter between lines

_SIGNIFICANT = 0.005
_TRIALS = 399
_MOST_PLACES = 128  # of a dip along the line
_WIDTHS = 6
_MARGIN = 0.08  # of the line at either end, where a dip looks like a step


@dataclass(frozen=True)
class ProfileResult:
    """The grain boundary in the mean of the lines."""

    lines: LineScans
    shifts: Array  # (k,): by which each line was moved (m)
    starts: Array  # (k,): where each moved line begins, from the boundary (m)
    position: Array  # (m,): where all moved lines overlap, 0 at the boundary (m)
    # mean, low, high: (m,): mean line and its 95 % band from the scatter between lines; the band is NaN with
    # one line
    mean: Array
    low: Array
    high: Array
    fitted: Array  # (m,): the model
    # grain, left, right: value in the grains: mean of both sides, and either side
    grain: Interval
    left: Interval
    right: Interval
    boundary: Interval  # value at the boundary
    depth: Interval  # boundary minus mean of the grains; negative for a dip
    step: Interval  # right minus left
    width: Interval  # full width of the dip at half depth (m)
    probability: float  # chance of so deep a dip in noise like that of the lines
    significant: bool  # `probability` ≤ 0.005


def analyse_profile(
    lines: LineScans,
    align: bool = True,
    level: bool = False,
    largest_shift: float | None = None,
    seed: int = 1,
) -> ProfileResult:
    """Find and measure the grain boundary in line scans.

    Parameters
    ----------
    lines : LineScans
    align : bool, optional
        Shift lines onto each other.
    level : bool, optional
        Take a straight line from each scan first, as for a drifting potential; the mean value stays.
    largest_shift : float, optional
        A line is moved by at most so much (m); a tenth of the line if left out.
    seed : int, optional
        For the noise that the dip is compared with.

    Raises
    ------
    InputError
        If the lines do not vary, or a shift is not positive.
    """
    span = float(lines.position[-1] - lines.position[0])
    if largest_shift is None:
        largest_shift = 0.1 * span
    if not 0 <= largest_shift < span / 3:
        raise InputError(
            f"shift: must be from 0 to a third of the line ({span:g} m); got {largest_shift:g} m."
        )
    values = _levelled(lines.position, lines.values) if level else lines.values
    if not np.any(np.ptp(values, axis=1) > 0):
        raise InputError(f"{lines.source}: the lines must vary; all values are {values.flat[0]:g}.")
    reach = largest_shift if align else 0.0
    templates = _templates(lines.position)
    found = _best_dip(templates, values, reach)
    noise = _without_step(lines.position, values, found)
    probability = _chance_of_dip(templates, noise, found, reach, np.random.default_rng(seed))
    position, moved = _moved(lines.position, values, found)
    return _measured(lines, found, position, moved, probability)


def _dip_model(parameters: Array, position: Array) -> Array:
    """Line (n,) of the parameters left, right, depth, x0, s."""
    left, right, depth, x0, s = parameters
    u = (position - x0) / s
    found: Array = left + (right - left) * ndtr(u) + depth * np.exp(-(u**2) / 2)
    return found


def _fit_dip(position: Array, line: Array, start: Array) -> Array:
    """Parameters of `_dip_model` by least squares, from a start; s at most a third of the line."""
    step, span = float(position[1] - position[0]), float(position[-1] - position[0])
    scale = float(np.std(line)) or 1.0
    units_of = np.array([scale, scale, scale, span, span])
    low = np.array([-np.inf, -np.inf, -np.inf, position[0], step / 2])
    high = np.array([np.inf, np.inf, np.inf, position[-1], span / 3])
    guess = np.clip(start, low + 1e-9 * units_of, high - 1e-9 * units_of)

    def residual(scaled: Array) -> Array:
        return (_dip_model(scaled * units_of, position) - line) / scale

    outcome = least_squares(residual, guess / units_of, bounds=(low / units_of, high / units_of))
    found: Array = outcome.x * units_of
    return found


def _levelled(position: Array, values: Array) -> Array:
    """Lines without their straight slope."""
    x = position - position.mean()
    slopes = values @ x / (x @ x)
    found: Array = values - slopes[:, None] * x
    return found


def _moved(position: Array, values: Array, found: _Dip) -> tuple[Array, Array]:
    """Lines on positions from the boundary, where all of them overlap."""
    step = position[1] - position[0]
    low = position[0] - found.centres.min()
    high = position[-1] - found.centres.max()
    even = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    moved = [
        np.interp(even + centre, position, line) for centre, line in zip(found.centres, values, strict=True)
    ]
    return even, np.vstack(moved)


def _measured(
    lines: LineScans, found: _Dip, position: Array, moved: Array, probability: float
) -> ProfileResult:
    """Fit the mean line; intervals by the jackknife over lines, or from residuals with too few lines."""
    from scipy.stats import t

    count = len(moved)
    mean = moved.mean(axis=0)
    start = np.array([mean[:3].mean(), mean[-3:].mean(), found.depth, 0.0, found.width])
    best = _fit_dip(position, mean, start)
    numbers = _numbers(best)
    if count >= _FEWEST_LINES:
        others = [_fit_dip(position, np.delete(moved, k, axis=0).mean(axis=0), best) for k in range(count)]
        replicas = np.array([_numbers(one) for one in others])
        errors = np.sqrt((count - 1) / count * np.sum((replicas - replicas.mean(axis=0)) ** 2, axis=0))
        reach = float(t.ppf(0.975, count - 1))
    else:
        errors, reach = _errors_from_residuals(position, mean, best), 1.96
    grain, left, right, boundary, depth, step, width = (
        Interval(float(value), float(value - reach * error), float(value + reach * error))
        for value, error in zip(numbers, errors, strict=True)
    )
    band = np.full(mean.shape, np.nan)
    if count > 1:
        band = t.ppf(0.975, count - 1) * moved.std(axis=0, ddof=1) / count**0.5
    return ProfileResult(
        lines,
        shifts=found.centres - found.centres.mean(),
        starts=lines.position[0] - found.centres - best[3],
        position=position - best[3],
        mean=mean,
        low=mean - band,
        high=mean + band,
        fitted=_dip_model(best, position),
        grain=grain,
        left=left,
        right=right,
        boundary=boundary,
        depth=depth,
        step=step,
        width=width,
        probability=probability,
        significant=probability <= _SIGNIFICANT,
    )


def _numbers(parameters: Array) -> Array:
    """grain, left, right, boundary, depth, step, width of fitted parameters."""
    left, right, depth, _, s = parameters
    grain = (left + right) / 2
    return np.array([grain, left, right, grain + depth, depth, right - left, _FWHM * s])


def _errors_from_residuals(position: Array, line: Array, best: Array) -> Array:
    """Standard errors from the residuals of one line, widened for the correlation between neighbours."""
    residual = line - _dip_model(best, position)
    steps = np.maximum(np.abs(best), float(np.std(line)) or 1.0) * 1e-5
    steps[3:] = best[4] * 1e-4
    jacobian = np.column_stack(
        [
            (_dip_model(best + h, position) - _dip_model(best - h, position)) / (2 * h[k])
            for k, h in enumerate(np.diag(steps))
        ]
    )
    scatter = float(residual @ residual) / max(len(line) - 5, 1)
    centred = residual - residual.mean()
    power = float(centred @ centred) or 1.0
    lag = float(np.clip(centred[1:] @ centred[:-1] / power, 0.0, 0.95))
    size = np.linalg.norm(jacobian, axis=0)
    size[size == 0] = 1.0
    scaled = jacobian / size
    covariance = np.linalg.pinv(scaled.T @ scaled) / np.outer(size, size) * scatter * (1 + lag) / (1 - lag)
    slopes = np.array(
        [(_numbers(best + h) - _numbers(best - h)) / (2 * h[k]) for k, h in enumerate(np.diag(steps))]
    )
    found: Array = np.sqrt(np.maximum(np.einsum("ki,kl,li->i", slopes, covariance, slopes), 0.0))
    return found


@dataclass(frozen=True)
class _Dip:
    """The best dip."""

    centres: Array  # (k,): place in each line (m)
    width: float  # standard deviation of the dip (m)
    depth: float  # mean over the lines, with its sign
    score: float  # |depth| over its error in white noise of the lines' own size


@dataclass(frozen=True)
class _Templates:
    """Depth = template · line, for every place (fast index) and width."""

    places: Array
    widths: Array
    rows: Array  # (widths, places, n)
    norms: Array  # (widths, places)


def _best_dip(templates: _Templates, values: Array, largest_shift: float) -> _Dip:
    """Best place, width and shifts of at most so much (m) in lines (k, n)."""
    places, width, depth, score = (part[0] for part in _search(templates, values[None], largest_shift))
    return _Dip(templates.places[places], float(templates.widths[width]), float(depth), float(score))


def _chance_of_dip(
    templates: _Templates, noise: Array, found: _Dip, largest_shift: float, rng: np.random.Generator
) -> float:
    """Share of noise trials with a dip as clear as the one found (1/400 at least)."""
    as_large = 0
    for count in _batches(_TRIALS, noise.size):
        scores = _search(templates, _same_spectrum(noise, count, rng), largest_shift)[3]
        as_large += int(np.count_nonzero(scores >= found.score))
    return (1 + as_large) / (1 + _TRIALS)


def _batches(trials: int, size: int) -> list[int]:
    """Numbers of trials to do at once, small enough for memory."""
    most = max(1, 400_000 // size)
    full, rest = divmod(trials, most)
    return [most] * full + ([rest] if rest else [])


def _templates(position: Array) -> _Templates:
    """Templates for lines on these positions, one for each place and width."""
    count, step = len(position), position[1] - position[0]
    span = position[-1] - position[0]
    inner = np.flatnonzero(
        (position >= position[0] + _MARGIN * span) & (position <= position[-1] - _MARGIN * span)
    )
    places = position[inner[:: max(1, -(-len(inner) // _MOST_PLACES))]]
    widths = np.geomspace(max(step, span / 100), span / 10, _WIDTHS)
    rows = np.empty((len(widths), len(places), count))
    for w, width in enumerate(widths):
        u = (position - places[:, None]) / width
        step_shape, dip = ndtr(u), np.exp(-(u**2) / 2)
        constant = np.full(count, count**-0.5)
        step_shape -= (step_shape @ constant)[:, None] * constant
        step_shape /= np.linalg.norm(step_shape, axis=1)[:, None]
        dip -= (dip @ constant)[:, None] * constant
        dip -= np.sum(dip * step_shape, axis=1)[:, None] * step_shape
        rows[w] = dip / np.sum(dip**2, axis=1)[:, None]
    return _Templates(places, widths, rows, np.linalg.norm(rows, axis=2))


def _search(templates: _Templates, trials: Array, largest_shift: float) -> tuple[Array, Array, Array, Array]:
    """Places (t, k), width (t,), depth (t,) and score (t,) of the best dip of each trial (t, k, n)."""
    noise = _white_size(trials)
    shape = templates.norms.shape
    flat = templates.rows.reshape(-1, trials.shape[2])
    in_mean = np.abs(trials.mean(axis=1) @ flat.T) / templates.norms.ravel()
    best = np.argmax(in_mean, axis=1)
    width, place = np.unravel_index(best, shape)
    spacing = templates.places[1] - templates.places[0]
    reach = int(largest_shift / spacing)
    sign = np.sign(np.einsum("tn,tn->t", trials.mean(axis=1), flat[best]))
    offsets = np.arange(-reach, reach + 1)
    near = np.clip(place[:, None] + offsets, 0, len(templates.places) - 1)
    depths = np.einsum("tkn,tpn->tkp", trials, templates.rows[width[:, None], near])
    scores = sign[:, None, None] * depths / templates.norms[width[:, None], near][:, None, :]
    chosen = np.argmax(scores, axis=2)
    places = np.take_along_axis(near, chosen, axis=1)
    depth = np.take_along_axis(depths, chosen[:, :, None], axis=2)[:, :, 0].mean(axis=1)
    norm = templates.norms[width, place]
    score = np.abs(depth) * trials.shape[1] ** 0.5 / np.maximum(norm * noise, 1e-300)
    return places, width, depth, score


def _white_size(trials: Array) -> Array:
    """Standard deviation of the lines of each trial from differences of neighbours; a dip hardly counts."""
    found: Array = np.sqrt(np.mean(np.diff(trials, axis=2) ** 2, axis=(1, 2)) / 2)
    return found


def _without_step(position: Array, values: Array, found: _Dip) -> Array:
    """Lines without level and step."""
    rest = np.empty_like(values)
    for k, (line, centre) in enumerate(zip(values, found.centres, strict=True)):
        u = (position - centre) / found.width
        basis = np.column_stack([np.ones_like(u), ndtr(u), np.exp(-(u**2) / 2)])
        rest[k] = line - basis[:, :2] @ np.linalg.lstsq(basis, line, rcond=None)[0][:2]
    return rest


def _same_spectrum(noise: Array, count: int, rng: np.random.Generator) -> Array:
    """Trials (count, k, n) with the power spectrum of the noise and random phases."""
    spectrum = np.abs(np.fft.rfft(noise, axis=1))
    phases = rng.uniform(0, 2 * np.pi, size=(count, *spectrum.shape))
    return np.fft.irfft(spectrum * np.exp(1j * phases), n=noise.shape[1], axis=2)
