"""Where the dip is, line by line, and whether noise alone would make one.

Each place and width is a template: the dip's part that neither a constant nor a step explains. The mean line
is searched first, then every line near the place found. Searching and shifting make a dip of any noise; the
depth found is therefore compared with that found, in the same way, in the lines themselves with random
phases: noise of exactly the same spectrum. Were there no dip, the lines would be one such trial among the
others, and the test is exact; the spectrum of a dip that is there widens the noise and makes the test
cautious.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

SIGNIFICANT = 0.005
TRIALS = 399
_MOST_PLACES = 128
_WIDTHS = 6
_MARGIN = 0.08  # of the line at either end, where a dip is not told from a step

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Search:
    """The best dip.

    Parameters
    ----------
    centres : (k,) array
        Place in each line (m).
    width : float
        Standard deviation of the dip (m).
    depth : float
        Mean over the lines, with its sign.
    score : float
        |depth| over its error in white noise of the lines' own size.
    """

    centres: Array
    width: float
    depth: float
    score: float


@dataclass(frozen=True)
class _Templates:
    """Depth = template · line, for every place (fast index) and width."""

    places: Array
    widths: Array
    rows: Array  # (widths, places, n)
    norms: Array  # (widths, places)


def search_dip(position: Array, values: Array, largest_shift: float) -> Search:
    """Best place, width and shifts.

    Parameters
    ----------
    position : (n,) array
        Even (m).
    values : (k, n) array
    largest_shift : float
        Of a line from the place in the mean (m).

    Returns
    -------
    Search
    """
    templates = _templates(position)
    places, width, depth, score = (part[0] for part in _search(templates, values[None], largest_shift))
    return Search(templates.places[places], float(templates.widths[width]), float(depth), float(score))


def chance_of_dip(
    position: Array, values: Array, found: Search, largest_shift: float, rng: np.random.Generator
) -> float:
    """Share of noise trials with a dip as clear as the one found (1/400 at least).

    Parameters
    ----------
    position, values
        As for `search_dip`.
    found : Search
    largest_shift : float
        As for `search_dip`.
    rng : numpy.random.Generator

    Returns
    -------
    float
    """
    templates = _templates(position)
    noise = _without_step(position, values, found)
    as_large = 0
    for count in _batches(TRIALS, values.size):
        scores = _search(templates, _same_spectrum(noise, count, rng), largest_shift)[3]
        as_large += int(np.count_nonzero(scores >= found.score))
    return (1 + as_large) / (1 + TRIALS)


def _batches(trials: int, size: int) -> list[int]:
    """Numbers of trials to do at once, small enough for memory."""
    most = max(1, 400_000 // size)
    full, rest = divmod(trials, most)
    return [most] * full + ([rest] if rest else [])


def _templates(position: Array) -> _Templates:
    """All templates for lines on these positions."""
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
    return np.sqrt(np.mean(np.diff(trials, axis=2) ** 2, axis=(1, 2)) / 2)


def _without_step(position: Array, values: Array, found: Search) -> Array:
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
