"""Impedance spectra: the record, how it is read from a table of an instrument, and the Kramers-Kronig test.

Sign: a capacitor has Im Z < 0. Columns named ``-Z''`` are turned round; where a header leaves the sign open
and most of the numbers are positive, they are taken for −Im Z and a note says so.

The linear test asks whether any linear, stable, unchanging system can have a spectrum (M. Schönleber, D.
Klotz, E. Ivers-Tiffée, Electrochim. Acta 131, 20 (2014), doi:10.1016/j.electacta.2014.01.034). A chain of RC
elements obeys the Kramers-Kronig relations; what it cannot follow, breaks them. Resistances may be negative;
the number of elements is the smallest with μ = 1 − Σ|R<0|/Σ|R≥0| ≤ c, where it begins to follow noise. Where
a spectrum ends within an arc, μ falls before the chain can follow it: the number is raised further as long as
that lowers the Bayesian information criterion; the chain obeys the relations all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from gbflux.errors import InputError
from gbflux.lab.readers import read_table
from gbflux.lab.readers.tables import Column, Table

FEWEST_POINTS = 5
_ONE_WAY = 0.5  # net share of steps in one direction, from which rows are sweeps
MOST_POINTS = 1000
_DEGREES_FROM = 1.9  # a phase beyond this is not in radians
_OVERFIT_AT = 0.85  # c of the paper
FEWEST_FOR_TEST = 8
_MOST_ELEMENTS = 50
#: Residuals (share of |Z|) that a spectrum of good quality stays within.
DEFAULT_LIMIT = 0.005
#: Chance below which residuals follow a pattern.
LEAST_LIKELY = 1e-3
_NOISIEST = 0.05  # share of |Z|


@dataclass(frozen=True)
class Spectrum:
    """A measured impedance spectrum.

    Raises
    ------
    InputError
        If there are fewer than 5 points, or a number cannot be.
    """

    frequency: NDArray[np.float64]  # (n,): positive (Hz)
    impedance: NDArray[np.complex128]  # (n,): not zero (Ω)
    source: str = "spectrum"  # where it comes from, for messages
    notes: tuple[str, ...] = ()  # what was taken for what

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
        notes.append("columns 1, 2, 3 taken as frequency in Hz, Z' and Z'' in Ω")
        first, second, third = (column.values for column in table.columns[:3])
        return first, second + 1j * _capacitive(third, "column 3", notes)
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


@dataclass(frozen=True)
class KKTest:
    """Outcome of the test."""

    elements: int  # RC elements used
    elements_by_mu: int  # the number at which μ first falls to 0.85
    mu: float  # μ with `elements`; 1 no overfitting
    residual: NDArray[np.complex128]  # (n,): (measured − modelled)/|measured|, in the order of the spectrum
    # rms, largest: of the parts of the residual (share of |Z|)
    rms: float
    largest: float
    limit: float  # share of |Z| that was asked for
    systematic: bool  # True if neighbouring residuals are correlated more than chance allows (1 in 1000)
    # False if the residuals are systematic and exceed the limit as means of three neighbours, or are noise of
    # more than 5 %
    consistent: bool


def kramers_kronig(spectrum: Spectrum, limit: float = DEFAULT_LIMIT) -> KKTest:
    """Test a spectrum for linearity, stability and steadiness.

    Parameters
    ----------
    spectrum : Spectrum
    limit : float, optional
        Residuals that still pass (share of |Z|).

    Raises
    ------
    InputError
        If there are fewer than 8 points or the limit is not positive.
    """
    if len(spectrum.frequency) < FEWEST_FOR_TEST:
        raise InputError(
            f"Kramers-Kronig test: needs at least {FEWEST_FOR_TEST} points; got {len(spectrum.frequency)}. "
            "Measure more frequencies."
        )
    if not limit > 0:
        raise InputError(
            f"Kramers-Kronig test: the limit must be > 0; got {limit:g}. Give a share such as 0.005."
        )
    count, by_mu = _count(spectrum)
    resistances, model = _fit(spectrum, count)
    z = spectrum.impedance
    return _judge(spectrum, (z - model) / np.abs(z), (count, by_mu), _overfitting(resistances), limit)


def _count(spectrum: Spectrum) -> tuple[int, int]:
    """RC elements to use, and the number that μ alone asks for."""
    z, by_mu = spectrum.impedance, 0
    numbers = 2 * len(z)
    best = (np.inf, 2)
    most = min(_MOST_ELEMENTS, len(z))
    for count in range(2, most + 1):
        resistances, model = _fit(spectrum, count)
        if not by_mu and (_overfitting(resistances) <= _OVERFIT_AT or count == most):
            by_mu = count
        if by_mu:
            misfit = max(float(np.sum(np.abs((z - model) / z) ** 2)), 1e-30 * numbers)
            best = min(best, (numbers * np.log(misfit / numbers) + count * np.log(numbers), count))
    return best[1], by_mu


def _fit(spectrum: Spectrum, count: int) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Resistances of `count` RC elements with given time constants, and the impedance of the chain."""
    omega, z = 2 * np.pi * spectrum.frequency, spectrum.impedance
    tau = np.geomspace(1 / omega.max(), 1 / omega.min(), count)
    columns = [np.ones_like(z), 1j * omega / omega.max()]
    if _is_blocking(spectrum):
        columns.append(omega.min() / (1j * omega))
    basis = np.column_stack([*columns, 1 / (1 + 1j * omega[:, None] * tau)])
    weighted = basis / np.abs(z)[:, None]
    stacked = np.vstack([weighted.real, weighted.imag])
    target = np.concatenate([(z / np.abs(z)).real, (z / np.abs(z)).imag])
    solution = np.linalg.lstsq(stacked, target, rcond=None)[0]
    return solution[len(columns) :], basis @ solution


def _overfitting(resistances: NDArray[np.float64]) -> float:
    """μ of the paper, equation 21."""
    positive = resistances[resistances >= 0].sum()
    negative = -resistances[resistances < 0].sum()
    return float(1 - negative / positive) if positive > 0 else 0.0


def _is_blocking(spectrum: Spectrum) -> bool:
    """Test for a capacitor at the lowest frequencies: the phase is below −45° and falling."""
    order = np.argsort(spectrum.frequency)[:3]
    phase = np.angle(spectrum.impedance[order], deg=True)
    return bool(phase[0] < -45 and phase[0] <= phase[-1])


def _judge(
    spectrum: Spectrum, residual: NDArray[np.complex128], counts: tuple[int, int], mu: float, limit: float
) -> KKTest:
    """Compare the residuals with the limit and with chance."""
    order = np.argsort(spectrum.frequency, kind="stable")
    parts = residual.real[order], residual.imag[order]
    rms = float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))
    systematic = pattern_probability(*parts) < LEAST_LIKELY
    lasting = max(float(np.abs(_smooth(part)).max()) for part in parts)
    consistent = not (systematic and lasting > limit) and rms <= max(_NOISIEST, limit)
    largest = float(np.abs(np.concatenate(parts)).max())
    return KKTest(*counts, mu, residual, rms, largest, limit, systematic, consistent)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of three neighbours: what lasts over several frequencies."""
    return np.convolve(values, np.ones(3) / 3, mode="valid")


def pattern_probability(*parts: NDArray[np.float64]) -> float:
    """Chance of so much correlation between neighbours in independent values.

    From the sum of the products of neighbours over the sum of squares, all parts together; its scatter is
    1/√n (R. L. Anderson, Ann. Math. Stat. 13, 1 (1942)). What a fit leaves agrees a little less than chance:
    the test errs on the side of none.

    Parameters
    ----------
    *parts : (n,) arrays
        Residuals in the order of the frequencies.

    Examples
    --------
    >>> bool(pattern_probability(np.r_[-np.ones(20), np.ones(20)]) < 1e-6)
    True
    """
    squares = sum(float(part @ part) for part in parts)
    count = sum(len(part) for part in parts)
    if not squares > 0 or count < FEWEST_FOR_TEST:
        return 1.0
    products = sum(float(part[1:] @ part[:-1]) for part in parts)
    return float(ndtr(-products / squares * count**0.5))
