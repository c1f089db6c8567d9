"""Exact potentials around ellipses and spheroids in a uniform field, and as electrodes."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad


def along_integral(dimension: int, semi_axes: tuple[float, float], start: float = 0.0) -> float:
    """Return I(λ) = ∫_λ^∞ ds/((b² + s)^(3/2) (a² + s)^((d−1)/2)), b the semi-axis along the field.

    Outside an equipotential body in a uniform field E the potential is E z (1 − I(λ)/I(0)); N_z =
    I(0) a^(d−1) b/2 is the depolarisation factor and 1/N_z the field at the apex over E.

    >>> round(2.0 / along_integral(3, (1.0, 1.0)), 9)
    3.0
    """
    a, b = semi_axes
    power = (dimension - 1) / 2

    def integrand(s: float) -> float:
        return (b**2 + s) ** -1.5 * (a**2 + s) ** -power

    return quad(integrand, start, np.inf, epsabs=0.0, epsrel=1.0e-12)[0]


def spreading_resistance(semi_axes: tuple[float, float], start: float = 0.0) -> float:
    """Return σR of a half-space beyond the confocal surface λ of a half-embedded spheroid (1/µm).

    >>> round(4.0 * spreading_resistance((1.0, 0.5)), 5)  # R·4σa
    0.7698
    """
    a, b = semi_axes

    def integrand(s: float) -> float:
        return 1.0 / ((a**2 + s) * np.sqrt(b**2 + s))

    return quad(integrand, start, np.inf, epsabs=0.0, epsrel=1.0e-12)[0] / (4.0 * np.pi)
