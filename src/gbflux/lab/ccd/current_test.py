"""Stepped-current tests: time, current density and voltage, and the steps in them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.readers.tables import read_table

FEWEST_SAMPLES = 6  # in a step; shorter ones are ramps
_REST = 0.01  # share of the largest current below which the cell is at rest
_SAME_LEVEL = 0.02

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CurrentTest:
    """A test under constant currents.

    Parameters
    ----------
    time : (n,) array
        Not decreasing (s).
    current_density : (n,) array
        A/m².
    voltage : (n,) array
        V.
    source : str, optional
    notes : tuple of str, optional

    Raises
    ------
    InputError
        If there are too few samples, a number is missing, or time runs back.
    """

    time: Array
    current_density: Array
    voltage: Array
    source: str = "test"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        arrays = [np.asarray(a, dtype=float) for a in (self.time, self.current_density, self.voltage)]
        for name, array in zip(("time", "current_density", "voltage"), arrays, strict=True):
            object.__setattr__(self, name, array)
        if any(array.shape != arrays[0].shape or array.ndim != 1 for array in arrays):
            raise InputError(f"{self.source}: time, current and voltage must be equally long.")
        if len(self.time) < FEWEST_SAMPLES:
            raise InputError(
                f"{self.source}: must have at least {FEWEST_SAMPLES} samples; got {len(self.time)}."
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

    Returns
    -------
    CurrentTest

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
        last = steps[-1] if steps else None
        same = last is not None and abs(level - last.current_density) <= _SAME_LEVEL * abs(
            last.current_density
        )
        if same and first - last.end < FEWEST_SAMPLES:
            steps[-1] = Step(last.first, end, last.current_density)  # an outlier in between
        elif end - first >= FEWEST_SAMPLES and abs(level) > _REST * largest and _is_flat(current[first:end]):
            steps.append(Step(first, end, level))
    if not steps:
        raise InputError(
            f"{test.source}: must hold a current constant for at least {FEWEST_SAMPLES} samples; it never "
            "does."
        )
    return tuple(steps)


def _is_flat(current: Array) -> bool:
    """True if the current scatters by less than a tenth."""
    level = float(np.median(current))
    return 1.4826 * float(np.median(np.abs(current - level))) < 0.1 * abs(level)


def _plateaus(current: Array, largest: float) -> list[tuple[int, int]]:
    """Stretches without a jump of the current."""
    jumps = np.abs(np.diff(current))
    noise = 1.4826 * float(np.median(jumps)) / 2**0.5
    edges = np.flatnonzero(jumps > max(8 * noise, 1e-3 * largest)) + 1
    bounds = [0, *(int(edge) for edge in edges), len(current)]
    return [(first, end) for first, end in pairwise(bounds) if end - first >= 2]
