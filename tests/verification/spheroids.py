"""Exact potentials around ellipses and spheroids in a uniform field, and as electrodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
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


def along_integral_closed(
    dimension: int, semi_axes: tuple[float, float], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the same I(λ) as `along_integral` in closed form, for many λ.

    >>> axes, start = (1.0, 2.0), np.array([0.5])
    >>> for d in (2, 3):
    ...     round(along_integral_closed(d, axes, start).item() / along_integral(d, axes, 0.5), 9)
    1.0
    1.0
    """
    a, b = semi_axes
    t = np.sqrt(b**2 + start)
    if dimension == 2:
        if a == b:
            return 1.0 / t**2
        return 2.0 / (a**2 - b**2) * (np.sqrt(a**2 + start) / t - 1.0)
    if a == b:
        return 2.0 / 3.0 / t**3
    c = np.sqrt(abs(b**2 - a**2))
    return 2.0 / c**3 * (np.arctanh(c / t) - c / t if b > a else c / t - np.arctan(c / t))


def gradient_beside_body(semi_axes: tuple[float, float], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gradient of φ = z (1 − I(λ)/I(0)) at points outside a body about the origin, (n, d).

    >>> apex = np.array([[0.0, 0.0, 1.0]])
    >>> gradient_beside_body((1.0, 1.0), apex).round(9).tolist()
    [[0.0, 0.0, 3.0]]
    """
    a, b = semi_axes
    dimension = points.shape[1]
    across, z = (points[:, :-1] ** 2).sum(axis=1), points[:, -1]
    # λ is the larger root of ρ²/(a² + λ) + z²/(b² + λ) = 1
    half = (a**2 + b**2 - across - z**2) / 2.0
    product = a**2 * b**2 - across * b**2 - z**2 * a**2
    start = -half + np.sqrt(half**2 - product)
    squares = np.concatenate(
        [np.repeat(a**2 + start[:, None], dimension - 1, axis=1), b**2 + start[:, None]], 1
    )
    along = points / squares
    by_point = 2.0 * along / (points * along / squares).sum(axis=1, keepdims=True)  # ∇λ
    whole = along_integral_closed(dimension, semi_axes, np.zeros(1))
    slope = -1.0 / (squares[:, -1] ** 1.5 * squares[:, 0] ** ((dimension - 1) / 2))
    gradient = -(z * slope / whole)[:, None] * by_point
    gradient[:, -1] += 1.0 - along_integral_closed(dimension, semi_axes, start) / whole
    return gradient
