r"""Butler–Volmer's law of an electrode, with a resistance in series, as plain functions in SI.

.. math:: j = i_0 \left[e^{\alpha_a F\eta/RT} - e^{-\alpha_c F\eta/RT}\right], \quad
    V - \varphi = \eta + j\,R

j is the density of the current that enters the cell, η the overpotential, V the potential of the metal, φ
that of the cell beside it and R the resistance of a film. Both electrodes are of the same metal: what it
holds against the electrolyte at rest is the same on both sides and left out, so V = φ where no current flows.
i₀ and the coefficients are constants; the concentration of the carrier is (one kind of ion, no depletion).

The solver takes the law the other way round, η of j: it grows as a logarithm, so that nothing overflows, and
no value is ever cut off. With x = Fη/RT, y = j/i₀ > 0, α = α_a and β = α_c it is the root of

    h(x) = α x − log(y + exp(−β x)),    h' in [α, α + β],  h'' ≤ 0,

which Newton's method from x = 0 reaches from below, whatever y (y < 0: the same with α and β exchanged and
the signs of x and y). Small overpotentials: η = j RT/((α + β) F i₀).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gbflux.conduction.records import ButlerVolmer, Electrode
from gbflux.units import FARADAY_C_PER_MOL, GAS_CONSTANT_J_PER_MOL_K

_MOST_STEPS = 60
#: Logarithm of the smallest share of the current without electrodes that is looked for.
_LEAST_SHARE = -400.0


def thermal_voltage(law: ButlerVolmer) -> float:
    """Return RT/F (V)."""
    return GAS_CONSTANT_J_PER_MOL_K * law.temperature / FARADAY_C_PER_MOL


def current_density(law: ButlerVolmer, eta: ArrayLike) -> NDArray[np.float64]:
    """Return j of the overpotential; infinite where the exponential overflows.

    Parameters
    ----------
    law : ButlerVolmer
    eta : array
        Overpotentials (V).

    Returns
    -------
    array
        Densities of the current that enters the cell (A/m²).

    Examples
    --------
    >>> float(current_density(ButlerVolmer(10.0, 0.5, 0.5, 298.15), 0.1).round(6))
    68.584078
    """
    x = np.asarray(eta, dtype=float) / thermal_voltage(law)
    with np.errstate(over="ignore"):
        return law.exchange_current_density * (np.expm1(law.anodic * x) - np.expm1(-law.cathodic * x))


def overpotential(law: ButlerVolmer, j: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return η and dη/dj of a current density: the inverse of `current_density`.

    Parameters
    ----------
    law : ButlerVolmer
    j : array
        Densities of the current that enters the cell (A/m²).

    Returns
    -------
    eta : array
        Overpotentials (V).
    slope : array
        dη/dj > 0 (Ω m²).

    Examples
    --------
    >>> eta, slope = overpotential(ButlerVolmer(10.0, 0.5, 0.5, 298.15), [0.0, 68.584078])
    >>> eta.round(6).tolist(), slope.round(6).tolist()
    ([0.0, 0.1], [0.002569, 0.000719])
    """
    j = np.asarray(j, dtype=float)
    forward = j >= 0.0
    alpha = np.where(forward, law.anodic, law.cathodic)
    beta = np.where(forward, law.cathodic, law.anodic)
    y = np.abs(j) / law.exchange_current_density
    x = np.zeros_like(y)
    for _ in range(_MOST_STEPS):
        back = np.exp(-beta * x)
        # −h/h', written with log1p and expm1, which keep their digits where y and x are small
        step = (np.log1p(y + np.expm1(-beta * x)) - alpha * x) / (alpha + beta * back / (y + back))
        x += step
        if not np.any(np.abs(step) > 4.0 * np.finfo(float).eps * x):
            break
    back = np.exp(-beta * x)
    voltage = thermal_voltage(law)
    slope = voltage / (law.exchange_current_density * (alpha * (y + back) + beta * back))
    return np.copysign(voltage * x, j), slope


def drop(electrode: Electrode, j: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return V − φ of an electrode and its derivative at current densities that enter the cell.

    Parameters
    ----------
    electrode : Electrode
        With kinetics or without.
    j : array
        Current densities (A/m²).

    Returns
    -------
    drop : array
        V − φ = η + j R (V).
    slope : array
        d(V − φ)/dj (Ω m²).
    """
    j = np.asarray(j, dtype=float)
    if electrode.kinetics is None:
        return electrode.asr * j, np.full_like(j, electrode.asr)
    eta, slope = overpotential(electrode.kinetics, j)
    return eta + electrode.asr * j, slope + electrode.asr


def series_current(bottom: Electrode, top: Electrode, asr: float, voltage: float) -> float:
    """Return the current density through two electrodes and a resistance between them.

    Parameters
    ----------
    bottom, top : Electrode
        The electrodes; their own potentials are not looked at.
    asr : float
        Resistance between them, > 0 (Ω m²).
    voltage : float
        Potential of the top less that of the bottom (V).

    Returns
    -------
    float
        Positive from top to bottom (A/m²).
    """
    from scipy.optimize import brentq

    most = voltage / asr

    def excess(share: float) -> float:
        j = math.exp(share) * most
        drops = drop(top, j)[0] - drop(bottom, -j)[0]
        return math.copysign(1.0, voltage) * (float(drops) + asr * j - voltage)

    return math.exp(brentq(excess, _LEAST_SHARE, 0.0, xtol=1e-12)) * most
