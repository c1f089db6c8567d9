"""Impedance spectra: the record, and how it is read from a table of an instrument.

Sign: a capacitor has Im Z < 0. Columns named ``-Z''`` are turned round; where a header leaves the sign open
and most of the numbers are positive, they are taken for −Im Z and a note says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.readers.tables import Column, Table, read_table

FEWEST_POINTS = 5
_ONE_WAY = 0.5  # net share of steps in one direction, from which rows are sweeps
MOST_POINTS = 1000
_DEGREES_FROM = 1.9  # a phase beyond this is not in radians


@dataclass(frozen=True)
class Spectrum:
    """A measured impedance spectrum.

    Parameters
    ----------
    frequency : (n,) array
        Positive (Hz).
    impedance : (n,) complex array
        Not zero (Ω).
    source : str, optional
        Where it comes from, for messages.
    notes : tuple of str, optional
        What was taken for what.

    Raises
    ------
    InputError
        If there are fewer than 5 points, or a number cannot be.
    """

    frequency: NDArray[np.float64]
    impedance: NDArray[np.complex128]
    source: str = "spectrum"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        frequency = np.asarray(self.frequency, dtype=float)
        impedance = np.asarray(self.impedance, dtype=complex)
        object.__setattr__(self, "frequency", frequency)
        object.__setattr__(self, "impedance", impedance)
        if frequency.ndim != 1 or frequency.shape != impedance.shape:
            raise InputError(
                f"{self.source}: frequency and impedance must be equally long; got {frequency.shape} and "
                f"{impedance.shape}."
            )
        if len(np.unique(frequency)) < FEWEST_POINTS:
            raise InputError(
                f"{self.source}: a spectrum must have at least {FEWEST_POINTS} frequencies; "
                f"got {len(np.unique(frequency))}. Measure more."
            )
        if not (np.all(np.isfinite(frequency)) and np.all(frequency > 0)):
            raise InputError(f"{self.source}: frequencies must be positive numbers (Hz).")
        if not (np.all(np.isfinite(impedance)) and np.all(np.abs(impedance) > 0)):
            raise InputError(f"{self.source}: impedances must be numbers other than zero (Ω).")


def read_spectrum(path: str | Path, sweep: int = 1, area: float | None = None) -> Spectrum:
    """Read a spectrum from a text file.

    Parameters
    ----------
    path : path
        Columns of frequency and either Z' and Z'' or |Z| and phase; without a header the first three columns
        are frequency, Z' and Z''.
    sweep : int, optional
        Which, where the file holds several, from 1.
    area : float, optional
        Of the electrode (m²); needed where the file has area-specific impedances (Ω cm²).

    Returns
    -------
    Spectrum
        Rows with missing numbers left out.

    Raises
    ------
    InputError
        If the file holds no spectrum.
    """
    table = read_table(path)
    table = table if area is None else table.of_area(area)
    notes = list(table.notes)
    frequency, impedance = _columns(table, notes)
    chosen = _one_sweep(table, frequency, sweep, notes)
    frequency, impedance = frequency[chosen], impedance[chosen]
    good = np.isfinite(frequency) & np.isfinite(impedance) & (np.abs(impedance) > 0)
    with np.errstate(invalid="ignore"):
        good &= frequency > 0
    if not good.all():
        notes.append(
            f"{np.count_nonzero(~good)} rows without a positive frequency and an impedance; left out"
        )
    frequency, impedance = _without_repetitions(frequency[good], impedance[good], notes)
    frequency, impedance = _thinned(frequency, impedance, notes)
    return Spectrum(frequency, impedance, str(path), tuple(notes))


def _without_repetitions(
    frequency: NDArray[np.float64], impedance: NDArray[np.complex128], notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Rows in their order, each once: one written twice is no second measurement."""
    order = np.lexsort((impedance.imag, impedance.real, frequency))
    kept = np.full(len(frequency), True)
    again = (np.diff(frequency[order]) == 0) & (np.diff(impedance[order]) == 0)
    kept[order[1:][again]] = False
    if again.any():
        notes.append(f"{np.count_nonzero(again)} rows that repeat another left out")
    return frequency[kept], impedance[kept]


def _thinned(
    frequency: NDArray[np.float64], impedance: NDArray[np.complex128], notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Means over equal steps of log f where there are more frequencies than arcs need."""
    if len(frequency) <= MOST_POINTS:
        return frequency, impedance
    place = np.log(frequency)
    edges = np.linspace(place.min(), place.max(), MOST_POINTS + 1)
    group = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, MOST_POINTS - 1)
    there, inverse, counts = np.unique(group, return_inverse=True, return_counts=True)
    notes.append(f"{len(frequency)} frequencies: means over {len(there)} steps of log f are used")

    def means(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(inverse, weights=values) / counts

    return np.exp(means(place)), means(impedance.real) + 1j * means(impedance.imag)


def _columns(table: Table, notes: list[str]) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Frequency and impedance of every row."""
    if not any(column.as_written for column in table.columns):
        if len(table.columns) < 3:
            raise InputError(
                f"{table.source}: must have columns of frequency, Z' and Z''; got {len(table.columns)} "
                "columns."
            )
        first, real, imaginary = (column.values for column in table.columns[:3])
        notes.append("columns 1, 2, 3 taken as frequency in Hz, Z' and Z'' in Ω")
        return first, real + 1j * _capacitive(imaginary, "column 3", notes)
    frequency = table.first("frequency").values
    for column in table.columns:
        if column.unit == "Ω m²":
            raise InputError(
                f"{table.source}: '{column.as_written}' is area-specific; the area of the electrode must be "
                "given with it (--area-cm2)."
            )
    real, imaginary = table.all("z_real"), table.all("z_imag")
    if real and imaginary:
        column = imaginary[0]
        written = column.as_written.lstrip("\"' ")
        values = column.values
        if not written.startswith(("-", "−")):
            values = _capacitive(values, f"'{column.as_written}'", notes)
        return frequency, real[0].values + 1j * values
    modulus = table.all("z_modulus") or table.all("resistance")
    phase = table.all("phase")
    if modulus and phase:
        return frequency, modulus[0].values * np.exp(1j * _radians(phase[0], notes))
    raise InputError(
        f"{table.source}: must have columns Z' and Z'', or |Z| and phase; got "
        f"{', '.join(repr(column.as_written or column.name) for column in table.columns)}. Name them in the "
        "header."
    )


def _capacitive(values: NDArray[np.float64], name: str, notes: list[str]) -> NDArray[np.float64]:
    """Im Z with the sign of a capacitor where most numbers say that the other was written."""
    if np.nansum(np.sign(values)) > 0 and np.nansum(values) > 0:
        notes.append(f"{name} is mostly positive: taken as −Im Z")
        return -values
    return values


def _radians(column: Column, notes: list[str]) -> NDArray[np.float64]:
    """Phase in radians, negative for a capacitor."""
    values = column.values
    written = column.as_written.lower()
    named = any(word in written for word in ("deg", "°", "rad"))
    if not named and np.nanmax(np.abs(values)) > _DEGREES_FROM:
        notes.append(f"'{column.as_written}' has no unit and large numbers: taken as degrees")
        values = np.deg2rad(values)
    return _capacitive(values, f"'{column.as_written}'", notes)


def _one_sweep(
    table: Table, frequency: NDArray[np.float64], sweep: int, notes: list[str]
) -> NDArray[np.bool_]:
    """Rows of one sweep over the frequencies."""
    starts = _sweep_starts(frequency)
    if not 1 <= sweep <= len(starts):
        raise InputError(
            f"{table.source}: sweep must be from 1 to {len(starts)}; got {sweep}. The file holds no more."
        )
    if len(starts) > 1:
        notes.append(f"the file holds {len(starts)} sweeps; sweep {sweep} is taken")
    ends = [*starts[1:], len(frequency)]
    rows = np.arange(len(frequency))
    return (rows >= starts[sweep - 1]) & (rows < ends[sweep - 1])


def _sweep_starts(frequency: NDArray[np.float64]) -> list[int]:
    """Rows where the frequency leaps back over more than half of its range."""
    with np.errstate(invalid="ignore", divide="ignore"):
        logarithm = np.log(np.where(frequency > 0, frequency, np.nan))
    known = np.flatnonzero(np.isfinite(logarithm))
    if len(known) < 2 * FEWEST_POINTS:
        return [0]
    span = np.ptp(logarithm[known])
    steps = np.diff(logarithm[known])
    leaps = known[1:][np.abs(steps) > 0.6 * span]
    # unsorted files leap all the time: these are no sweeps
    along = np.sign(steps[np.abs(steps) <= 0.6 * span])
    if len(leaps) > len(known) / FEWEST_POINTS or abs(along.sum()) < _ONE_WAY * len(along):
        return [0]
    return [0, *(int(row) for row in leaps)]
