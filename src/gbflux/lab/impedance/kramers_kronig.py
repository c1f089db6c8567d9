"""Linear Kramers-Kronig test: can any linear, stable, unchanging system have this spectrum?

After M. Schönleber, D. Klotz, E. Ivers-Tiffée, Electrochim. Acta 131, 20 (2014),
doi:10.1016/j.electacta.2014.01.034. A chain of RC elements obeys the Kramers-Kronig relations; what it cannot
follow, breaks them. Resistances may be negative; the number of elements is the smallest with μ = 1 −
Σ|R<0|/Σ|R≥0| ≤ c, where it begins to follow noise.

Where a spectrum ends within an arc, μ falls before the chain can follow the spectrum. The number is therefore
raised further as long as that lowers the Bayesian information criterion; the chain obeys the relations all
the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.impedance.spectrum import Spectrum

_OVERFIT_AT = 0.85  # c of the paper
FEWEST_POINTS = 8
_MOST_ELEMENTS = 50
#: Residuals (share of |Z|) that a spectrum of good quality stays within.
DEFAULT_LIMIT = 0.005
#: Chance below which residuals follow a pattern.
LEAST_LIKELY = 1e-3
_NOISIEST = 0.05  # share of |Z|


@dataclass(frozen=True)
class KKTest:
    """Outcome of the test.

    Parameters
    ----------
    elements : int
        RC elements used.
    elements_by_mu : int
        The number at which μ first falls to 0.85.
    mu : float
        μ with `elements`; 1 no overfitting.
    residual : (n,) complex array
        (measured − modelled)/|measured|, in the order of the spectrum.
    rms, largest : float
        Of the parts of the residual (share of |Z|).
    limit : float
        Share of |Z| that was asked for.
    systematic : bool
        True if neighbouring residuals are correlated more than chance allows (1 in 1000).
    consistent : bool
        False if the residuals are systematic and exceed the limit as means of three neighbours, or are noise
        of more than 5 %.
    """

    elements: int
    elements_by_mu: int
    mu: float
    residual: NDArray[np.complex128]
    rms: float
    largest: float
    limit: float
    systematic: bool
    consistent: bool


def kramers_kronig(spectrum: Spectrum, limit: float = DEFAULT_LIMIT) -> KKTest:
    """Test a spectrum for linearity, stability and steadiness.

    Parameters
    ----------
    spectrum : Spectrum
    limit : float, optional
        Residuals that still pass (share of |Z|).

    Returns
    -------
    KKTest

    Raises
    ------
    InputError
        If there are fewer than 8 points or the limit is not positive.
    """
    if len(spectrum.frequency) < FEWEST_POINTS:
        raise InputError(
            f"Kramers-Kronig test: needs at least {FEWEST_POINTS} points; got {len(spectrum.frequency)}. "
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
    from scipy.stats import norm

    squares = sum(float(part @ part) for part in parts)
    count = sum(len(part) for part in parts)
    if not squares > 0 or count < FEWEST_POINTS:
        return 1.0
    products = sum(float(part[1:] @ part[:-1]) for part in parts)
    return float(norm.sf(products / squares * count**0.5))
