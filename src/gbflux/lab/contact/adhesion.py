"""Elastic contact with adhesion: JKR for soft large bodies, DMT for stiff small ones; Tabor's number decides.

Sources: K. L. Johnson, K. Kendall, A. D. Roberts, Proc. R. Soc. A 324, 301 (1971),
doi:10.1098/rspa.1971.0141; B. V. Derjaguin, V. M. Muller, Yu. P. Toporov, J. Colloid Interface Sci. 53, 314
(1975), doi:10.1016/0021-9797(75)90018-1; D. Tabor, J. Colloid Interface Sci. 58, 2 (1977),
doi:10.1016/0021-9797(77)90366-6. Both tend to Hertz as the work of adhesion goes to zero.
"""

from __future__ import annotations

import math

from gbflux.errors import InputError
from gbflux.lab.contact import require_positive


def jkr_radius(force: float, radius: float, modulus: float, adhesion: float) -> float:
    """Contact radius after JKR, a³ = (3r/4E*) (P + 3πwr + √(6πwrP + (3πwr)²)) (m).

    Parameters
    ----------
    force : float
        Normal force, negative when pulled (N); at least −(3/2)πwr, where the contact snaps off.
    radius : float
        Of the sphere (m).
    modulus : float
        Effective modulus E* (Pa).
    adhesion : float
        Work of adhesion w (J/m²); zero gives Hertz.

    Returns
    -------
    float
        m.

    Raises
    ------
    InputError
        If a number is out of range, or the force pulls the contact apart.

    Examples
    --------
    >>> round(jkr_radius(400e-9, 20e-9, 60e9, 0.1) * 1e9, 3)
    5.14
    """
    require_positive("jkr_radius", radius=radius, modulus=modulus)
    _require_adhesion("jkr_radius", adhesion)
    _require_contact("jkr_radius", force, -jkr_pull_off(radius, adhesion))
    hold = 3 * math.pi * adhesion * radius
    load = force + hold + math.sqrt(max(0.0, 2 * hold * force + hold**2))
    return (0.75 * radius * load / modulus) ** (1 / 3)


def jkr_approach(force: float, radius: float, modulus: float, adhesion: float) -> float:
    """Approach after JKR, δ = a²/r − √(2πwa/E*) (m); as `jkr_radius`.

    >>> round(jkr_approach(400e-9, 20e-9, 60e9, 0.1) * 1e9, 3)
    1.089
    """
    a = jkr_radius(force, radius, modulus, adhesion)
    return a**2 / radius - math.sqrt(2 * math.pi * adhesion * a / modulus)


def jkr_pull_off(radius: float, adhesion: float) -> float:
    """Force that separates the bodies after JKR, (3/2)πwr (N).

    >>> round(jkr_pull_off(20e-9, 0.1) * 1e9, 2)
    9.42
    """
    return 1.5 * math.pi * adhesion * radius


def dmt_radius(force: float, radius: float, modulus: float, adhesion: float) -> float:
    """Contact radius after DMT, a³ = (3r/4E*) (P + 2πwr) (m); as `jkr_radius`, pull-off at −2πwr.

    >>> round(dmt_radius(400e-9, 20e-9, 60e9, 0.1) * 1e9, 3)
    4.69
    """
    require_positive("dmt_radius", radius=radius, modulus=modulus)
    _require_adhesion("dmt_radius", adhesion)
    _require_contact("dmt_radius", force, -dmt_pull_off(radius, adhesion))
    return (0.75 * radius * max(0.0, force + dmt_pull_off(radius, adhesion)) / modulus) ** (1 / 3)


def dmt_approach(force: float, radius: float, modulus: float, adhesion: float) -> float:
    """Approach after DMT, δ = a²/r (m); as `dmt_radius`.

    >>> round(dmt_approach(400e-9, 20e-9, 60e9, 0.1) * 1e9, 3)
    1.1
    """
    return dmt_radius(force, radius, modulus, adhesion) ** 2 / radius


def dmt_pull_off(radius: float, adhesion: float) -> float:
    """Force that separates the bodies after DMT, 2πwr (N).

    >>> round(dmt_pull_off(20e-9, 0.1) * 1e9, 2)
    12.57
    """
    return 2 * math.pi * adhesion * radius


def tabor_number(radius: float, modulus: float, adhesion: float, spacing: float = 0.3e-9) -> float:
    """Tabor number μ = (r w² / E*² z₀³)^(1/3): DMT holds well below 0.1, JKR above 5.

    Parameters
    ----------
    radius : float
        Of the sphere (m).
    modulus : float
        Effective modulus (Pa).
    adhesion : float
        Work of adhesion (J/m²).
    spacing : float, optional
        Distance z₀ of atoms in contact (m).

    Returns
    -------
    float

    Examples
    --------
    >>> round(tabor_number(20e-9, 60e9, 0.1), 3)
    0.127
    """
    require_positive("tabor_number", radius=radius, modulus=modulus, spacing=spacing)
    _require_adhesion("tabor_number", adhesion)
    return (radius * adhesion**2 / (modulus**2 * spacing**3)) ** (1 / 3)


def _require_adhesion(law: str, adhesion: float) -> None:
    """Raise unless the work of adhesion is zero or more."""
    if not adhesion >= 0:
        raise InputError(f"{law}: adhesion must be >= 0 J/m²; got {adhesion:g}.")


def _require_contact(law: str, force: float, lowest: float) -> None:
    """Raise where the force pulls the bodies apart."""
    if not force >= lowest * (1 + 1e-12):
        raise InputError(
            f"{law}: force must be at least the pull-off force {lowest:.4g} N; got {force:.4g} N. "
            "The bodies do not touch."
        )
