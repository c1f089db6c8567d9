"""Critical current density: the current at which a cell under stepwise rising current shorts.

A short is (a) a fall of the voltage within a step, abrupt and lasting; (b) a step that begins below the
voltage at which a smaller current ended; (c) noise several times that of the steps before. The first of them
counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.readers import read_table

Array = NDArray[np.float64]
_FEWEST_SAMPLES = 6  # in a step; shorter ones are ramps
_REST = 0.01  # share of the largest current below which the cell is at rest
_SAME_LEVEL = 0.02  # share by which currents of one step may differ

DEFAULT_DROP = 0.1
NOISE_RATIO = 5.0
_WINDOW = 9  # samples of a running median
_SIGMAS = 7.0  # of the noise that a fall must exceed
_QUIET = 0.01  # share of the voltage below which more noise is no sign of a short


@dataclass(frozen=True)
class CurrentTest:
    """A test under constant currents.

    Raises
    ------
    InputError
        If there are too few samples, a number is missing, or time runs back.
    """

    time: Array  # (n,): not decreasing (s)
    current_density: Array  # (n,): A/m²
    voltage: Array  # (n,): V
    source: str = "test"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        arrays = [np.asarray(a, dtype=float) for a in (self.time, self.current_density, self.voltage)]
        for name, array in zip(("time", "current_density", "voltage"), arrays, strict=True):
            object.__setattr__(self, name, array)
        if any(array.shape != arrays[0].shape or array.ndim != 1 for array in arrays):
            raise InputError(f"{self.source}: time, current and voltage must be equally long.")
        if len(self.time) < _FEWEST_SAMPLES:
            raise InputError(
                f"{self.source}: must have at least {_FEWEST_SAMPLES} samples; got {len(self.time)}."
            )
        if not all(np.all(np.isfinite(array)) for array in arrays):
            raise InputError(f"{self.source}: time, current and voltage must be numbers; some are missing.")
        if np.any(np.diff(self.time) < 0):
            raise InputError(f"{self.source}: time must not run back. Sort the samples.")


@dataclass(frozen=True)
class Step:
    """Samples at one current, from `first` up to but without `end`."""

    first: int
    end: int
    current_density: float


def read_current_test(path: str | Path, area: float | None = None) -> CurrentTest:
    """Read a stepped-current test from a text file.

    Parameters
    ----------
    path : path
        Columns of time, current (or current density) and voltage.
    area : float, optional
        Of the electrode (m²); needed where the file has a current and no current density.

    Raises
    ------
    InputError
        If a column is missing, or the area is.
    """
    if area is not None and not (area > 0 and np.isfinite(area)):
        raise InputError(f"area: must be > 0; got {area:g} m². Give a positive number.")
    table = read_table(path)
    time, voltage = table.first("time").values, table.first("voltage").values
    density = table.all("current_density")
    if density:
        current = density[0].values
    else:
        current = table.first("current").values
        if area is None:
            raise InputError(f"{path}: has a current; the area of the electrode must be given (--area-cm2).")
        current = current / area
    good = np.isfinite(time) & np.isfinite(current) & np.isfinite(voltage)
    notes = list(table.notes)
    if not good.all():
        notes.append(f"{np.count_nonzero(~good)} rows with missing numbers; left out")
    time, current, voltage = time[good], current[good], voltage[good]
    if np.any(np.diff(time) < 0):
        order = np.argsort(time, kind="stable")
        time, current, voltage = time[order], current[order], voltage[order]
        notes.append("time ran back: samples were sorted by time")
    return CurrentTest(time, current, voltage, str(path), tuple(notes))


def find_steps(test: CurrentTest) -> tuple[Step, ...]:
    """Stretches of constant current other than rest.

    Returns
    -------
    tuple of Step
        In order of time; ramps and single outliers in between are left out.

    Raises
    ------
    InputError
        If there are none.
    """
    current = test.current_density
    largest = float(np.quantile(np.abs(current), 0.999)) or float(np.abs(current).max())
    if largest == 0:
        raise InputError(f"{test.source}: must have a current other than zero; got none.")
    steps: list[Step] = []
    for first, end in _plateaus(current, largest):
        level = float(np.median(current[first:end]))
        last = steps[-1] if steps else Step(0, -len(current), np.inf)
        same = abs(level - last.current_density) <= _SAME_LEVEL * abs(last.current_density)
        if steps and same and first - last.end < _FEWEST_SAMPLES:
            steps[-1] = Step(last.first, end, last.current_density)  # an outlier in between
        elif end - first >= _FEWEST_SAMPLES and abs(level) > _REST * largest and _is_flat(current[first:end]):
            steps.append(Step(first, end, level))
    if not steps:
        raise InputError(
            f"{test.source}: must hold a current constant for at least {_FEWEST_SAMPLES} samples; it never "
            "does."
        )
    return tuple(steps)


def _is_flat(current: Array) -> bool:
    """Test for a current that scatters by less than a tenth."""
    level = float(np.median(current))
    return 1.4826 * float(np.median(np.abs(current - level))) < 0.1 * abs(level)


def _plateaus(current: Array, largest: float) -> list[tuple[int, int]]:
    """Stretches without a jump of the current."""
    jumps = np.abs(np.diff(current))
    noise = 1.4826 * float(np.median(jumps)) / 2**0.5
    edges = np.flatnonzero(jumps > max(8 * noise, 1e-3 * largest)) + 1
    bounds = [0, *(int(edge) for edge in edges), len(current)]
    return [(first, end) for first, end in pairwise(bounds) if end - first >= 2]


@dataclass(frozen=True)
class StepResult:
    """One step of the test."""

    # start, duration: s
    start: float
    duration: float
    current_density: float  # A/m², with its sign
    voltage: float  # median (V)
    asr: float  # median of voltage over current density, before a short (Ω m²)
    noise: float  # standard deviation of the voltage from one sample to the next, robust (V)
    # evidence of a short: ``voltage drop``, ``voltage below the last step``, ``noise``; empty if nothing
    sign: str


@dataclass(frozen=True)
class CcdResult:
    """Outcome of the test."""

    shorted: bool
    ccd: float | None  # current density of the step in which the cell shorted (A/m²); None if it did not
    # largest current density that was held to the end of its step before (A/m²); 0 if none. The critical
    # current density lies above `held`, and at `ccd` or below; without a short it lies above `held`:
    # censored.
    held: float
    uncertainty: float | None  # ccd − held: the step (A/m²)
    short_time: float | None  # s
    sign: str  # evidence of the short, as in `StepResult`
    # asr_before, asr_after: resistance just before and after the short (Ω m²)
    asr_before: float | None
    asr_after: float | None
    steps: tuple[StepResult, ...]


def critical_current(
    test: CurrentTest, drop: float = DEFAULT_DROP, noise_ratio: float = NOISE_RATIO
) -> CcdResult:
    """Find the short in a stepped-current test.

    Parameters
    ----------
    test : CurrentTest
    drop : float, optional
        Smallest fall of the voltage that is a short, as a share; noise may ask for more.
    noise_ratio : float, optional
        Noise over that of the steps before that is a short.

    Raises
    ------
    InputError
        If there is no step, or an option cannot be.
    """
    if not 0 < drop < 1:
        raise InputError(f"drop: must lie between 0 and 1; got {drop:g}. Give a share such as 0.1.")
    if not noise_ratio > 1:
        raise InputError(f"noise ratio: must be > 1; got {noise_ratio:g}. Give a number such as 5.")
    results: list[StepResult] = []
    found: tuple[int, int, str] | None = None  # step, sample, sign
    for step in find_steps(test):
        sample, sign = (None, "") if found else _short_in(test, step, results, drop, noise_ratio)
        results.append(_measured(test, step, sample, sign))
        if sample is not None:
            found = len(results) - 1, sample, sign
    if found is None:
        held = max(abs(result.current_density) for result in results)
        return CcdResult(False, None, held, None, None, "", None, None, tuple(results))
    return _shorted(test, results, *found)


def _shorted(test: CurrentTest, results: list[StepResult], place: int, sample: int, sign: str) -> CcdResult:
    """The result of a test with a short."""
    ccd = abs(results[place].current_density)
    below = [abs(step.current_density) for step in results[:place] if abs(step.current_density) < ccd * 0.999]
    held = max(below, default=0.0)
    ratio = test.voltage / np.where(test.current_density == 0, np.nan, test.current_density)
    before = ratio[max(0, sample - _WINDOW) : sample]
    after = ratio[sample : sample + _WINDOW]
    return CcdResult(
        True,
        ccd,
        held,
        ccd - held,
        float(test.time[sample]),
        sign,
        float(np.nanmedian(before)) if np.isfinite(before).any() else None,
        float(np.nanmedian(after)) if np.isfinite(after).any() else None,
        tuple(results),
    )


def _short_in(
    test: CurrentTest, step: Step, earlier: list[StepResult], drop: float, noise_ratio: float
) -> tuple[int | None, str]:
    """Sample at which a step shorts, and the evidence; (None, "") without one."""
    along = np.sign(step.current_density) * test.voltage[step.first : step.end]
    noise = _sample_noise(along)
    place = _drop_within(along, noise, drop)
    if earlier:
        # steps alternate between plating and stripping in some protocols: sizes are compared
        last = earlier[-1]
        end = abs(last.voltage)
        start = float(np.median(along[: min(_WINDOW, len(along))]))
        larger = abs(step.current_density) >= abs(last.current_density) * 1.001
        if larger and start < (1 - drop) * end - _SIGMAS * max(noise, last.noise) / 3:
            return step.first, "voltage below the last step"
    if place is not None:
        return step.first + place, "voltage drop"
    if len(earlier) >= 2:
        usual = float(np.median([result.noise for result in earlier]))
        level = float(np.median(np.abs(along)))
        if noise > max(noise_ratio * usual, _QUIET * level) and len(along) >= 20:
            return step.first + _noise_starts(along, usual * noise_ratio), "noise"
    return None, ""


def _drop_within(along: Array, noise: float, drop: float) -> int | None:
    """Place of the sharpest fall of the voltage that lasts to the end of the step; None without one."""
    width = min(_WINDOW, len(along) // 3)
    if width < 2:
        return None
    medians = np.median(sliding_window_view(along, width), axis=1)
    before, after = medians[:-width], medians[width:]
    fall = before - after
    # median of `width` samples scatters by 1.25 noise/√width
    least = np.maximum(drop * np.abs(before), _SIGMAS * 1.25 * noise * (2 / width) ** 0.5)
    candidates = np.flatnonzero((fall > least) & (before > 0))
    for place in candidates[np.argsort(-fall[candidates])][:5]:
        rest = along[place + width :]
        if (
            np.median(rest) < before[place] - 0.5 * fall[place]
            and np.median(rest[-width:]) < before[place] - least[place]
        ):
            return _edge(along, int(place), width)
    return None


def _edge(along: Array, place: int, width: int) -> int:
    """First sample below the middle of a fall found in two windows."""
    window = along[place : place + 2 * width]
    middle = (np.median(window[:width]) + np.median(window[width:])) / 2
    below = window < middle
    # the last sample above the middle marks the edge, outliers aside
    misfit = [np.count_nonzero(below[:k]) + np.count_nonzero(~below[k:]) for k in range(1, len(window))]
    return place + 1 + int(np.argmin(misfit))


def _noise_starts(along: Array, limit: float) -> int:
    """First window of 20 samples whose noise exceeds a limit."""
    for start in range(0, len(along) - 20, 10):
        if _sample_noise(along[start : start + 20]) > limit:
            return start
    return 0


def _sample_noise(values: Array) -> float:
    """Standard deviation of white noise on a smooth curve, from second differences; spikes do not count.

    >>> round(_sample_noise(np.random.default_rng(1).normal(0, 2, 4000) + np.arange(4000.0)), 1)
    2.0
    """
    if len(values) < 4:
        return 0.0
    # the second difference of white noise has the variance 1 + 4 + 1 times σ²
    return float(1.4826 * np.median(np.abs(np.diff(values, 2))) / 6**0.5)


def _measured(test: CurrentTest, step: Step, short: int | None, sign: str) -> StepResult:
    """Numbers of a step, up to the short if it has one."""
    end = step.end if short is None or short - step.first < 3 else short
    voltage = test.voltage[step.first : end]
    return StepResult(
        float(test.time[step.first]),
        float(test.time[step.end - 1] - test.time[step.first]),
        step.current_density,
        float(np.median(voltage)),
        float(np.median(voltage) / step.current_density),
        _sample_noise(test.voltage[step.first : step.end]),
        sign,
    )
