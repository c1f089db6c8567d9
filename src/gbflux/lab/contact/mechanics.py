"""Elastic contact of curved bodies: Hertz, and with adhesion JKR and DMT.

Hertz: K. L. Johnson, Contact Mechanics, Cambridge 1985, chapters 3 and 4, doi:10.1017/CBO9781139171731.
Half-spaces, small strains, no friction; it ends where the softer body yields, at a mean pressure of about 0.4
of its hardness (p_m = 1.1 Y at first yield, H = 2.8 Y; chapter 6).

Adhesion: JKR for soft large bodies, DMT for stiff small ones; Tabor's number decides. K. L. Johnson, K.
Kendall, A. D. Roberts, Proc. R. Soc. A 324, 301 (1971), doi:10.1098/rspa.1971.0141; B. V. Derjaguin, V. M.
Muller, Yu. P. Toporov, J. Colloid Interface Sci. 53, 314 (1975), doi:10.1016/0021-9797(75)90018-1; D. Tabor,
J. Colloid Interface Sci. 58, 2 (1977), doi:10.1016/0021-9797(77)90366-6. Both tend to Hertz as the work of
adhesion goes to zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import ellipe, ellipk

from gbflux.errors import InputError
from gbflux.lab.contact import require_positive

_YIELD_SHARE_OF_HARDNESS = 0.4
_ROUND = 1e-9  # 1 − R_minor/R_major below which an ellipse is a circle


@dataclass(frozen=True)
class Ellipse:
    """An elliptic contact."""

    # major, minor: semi-axes (m)
    major: float
    minor: float
    area: float  # m²
    approach: float  # of distant points of the two bodies (m)
    mean_pressure: float  # Pa


def effective_modulus(modulus_1: float, poisson_1: float, modulus_2: float, poisson_2: float) -> float:
    """Effective modulus E* of two bodies, 1/E* = (1 − ν₁²)/E₁ + (1 − ν₂²)/E₂ (Pa).

    Parameters
    ----------
    modulus_1, modulus_2 : float
        Young's moduli (Pa); infinite for a rigid body.
    poisson_1, poisson_2 : float
        Poisson's ratios, in (−1, 0.5].

    Raises
    ------
    InputError
        If a modulus is not positive or a ratio out of range.

    Examples
    --------
    Platinum on LLZO:

    >>> round(effective_modulus(168e9, 0.38, 150e9, 0.257) / 1e9, 2)
    88.35
    """
    require_positive("effective_modulus", modulus_1=modulus_1, modulus_2=modulus_2)
    for value in (poisson_1, poisson_2):
        if not -1 < value <= 0.5:
            raise InputError(f"effective_modulus: Poisson's ratio must be in (-1, 0.5]; got {value:g}.")
    return 1 / ((1 - poisson_1**2) / modulus_1 + (1 - poisson_2**2) / modulus_2)


def contact_radius(force: float, radius: float, modulus: float) -> float:
    """Radius of the contact of a sphere on a flat, a = (3 P r / 4 E*)^(1/3) (m).

    Parameters
    ----------
    force : float
        Normal force P (N).
    radius : float
        Radius r of the sphere, or 1/(1/r₁ + 1/r₂) of two (m).
    modulus : float
        Effective modulus E* (Pa).

    Returns
    -------
    float
        m; it holds where a ≪ r.

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    A tip of 20 nm pressed with 400 nN:

    >>> round(contact_radius(400e-9, 20e-9, 60e9) * 1e9, 3)
    4.642
    """
    require_positive("contact_radius", force=force, radius=radius, modulus=modulus)
    return float((0.75 * force * radius / modulus) ** (1 / 3))


def contact_area(force: float, radius: float, modulus: float) -> float:
    """Area of the contact of a sphere on a flat, A = π (3 P r / 4 E*)^(2/3) (m²); as `contact_radius`.

    >>> round(contact_area(400e-9, 20e-9, 60e9) * 1e18, 1)
    67.7
    """
    return math.pi * contact_radius(force, radius, modulus) ** 2


def approach(force: float, radius: float, modulus: float) -> float:
    """Approach of sphere and flat, δ = a²/r (m); as `contact_radius`.

    >>> round(approach(400e-9, 20e-9, 60e9) * 1e9, 3)
    1.077
    """
    return contact_radius(force, radius, modulus) ** 2 / radius


def mean_pressure(force: float, radius: float, modulus: float) -> float:
    """Mean pressure p_m = P/A (Pa), two thirds of the largest; as `contact_radius`.

    >>> round(mean_pressure(400e-9, 20e-9, 60e9) / 1e9, 2)
    5.91
    """
    return force / contact_area(force, radius, modulus)


def modulus_for_area(force: float, radius: float, area: float) -> float:
    """Effective modulus with which the Hertz area is the one given, E* = (3/4) P r (π/A)^(3/2) (Pa).

    >>> round(modulus_for_area(400e-9, 20e-9, 30e-18) / 1e9)
    203
    """
    require_positive("modulus_for_area", force=force, radius=radius, area=area)
    return float(0.75 * force * radius * (math.pi / area) ** 1.5)


def force_for_area(area: float, radius: float, modulus: float) -> float:
    """Force with which the Hertz area is the one given, P = (4/3) E* (A/π)^(3/2) / r (N).

    >>> round(force_for_area(30e-18, 20e-9, 60e9) * 1e9)
    118
    """
    require_positive("force_for_area", area=area, radius=radius, modulus=modulus)
    return float(4 / 3 * modulus * (area / math.pi) ** 1.5 / radius)


def radius_for_area(area: float, force: float, modulus: float) -> float:
    """Radius of the sphere with which the Hertz area is the one given, r = (4/3) E* (A/π)^(3/2) / P (m).

    >>> round(radius_for_area(30e-18, 400e-9, 60e9) * 1e9, 1)
    5.9
    """
    require_positive("radius_for_area", area=area, force=force, modulus=modulus)
    return float(4 / 3 * modulus * (area / math.pi) ** 1.5 / force)


def yield_warning(pressure: float, hardness: float) -> str | None:
    """A sentence where the softer body yields, so that the true contact is larger than Hertz says; else None.

    Parameters
    ----------
    pressure : float
        Mean pressure (Pa).
    hardness : float
        Of the softer body (Pa).

    Examples
    --------
    >>> yield_warning(5.91e9, 6.3e9)
    'mean pressure 5.91 GPa is above 0.4 × hardness = 2.52 GPa (hardness 6.3 GPa): it yields, Hertz fails'
    """
    require_positive("yield_warning", pressure=pressure, hardness=hardness)
    limit = _YIELD_SHARE_OF_HARDNESS * hardness
    if pressure <= limit:
        return None
    return (
        f"mean pressure {pressure / 1e9:.3g} GPa is above {_YIELD_SHARE_OF_HARDNESS:g} × hardness = "
        f"{limit / 1e9:.3g} GPa (hardness {hardness / 1e9:.3g} GPa): it yields, Hertz fails"
    )


def elliptic_contact(force: float, radius_major: float, radius_minor: float, modulus: float) -> Ellipse:
    """Contact of bodies with two relative radii of curvature (Johnson, section 4.2, exact).

    With k = b/a, m = 1 − k² and complete elliptic integrals K(m), E(m):
    R'/R'' = (E/k² − K)/(K − E), a³ = 3 P R' (K − E)/(π E* m), δ = 3 P K/(2 π a E*).

    Parameters
    ----------
    force : float
        N.
    radius_major, radius_minor : float
        Relative radii of curvature R' and R'', in any order (m).
    modulus : float
        Effective modulus E* (Pa).

    Raises
    ------
    InputError
        If a number is not positive, or the radii differ by more than a factor of a million.

    Examples
    --------
    >>> e = elliptic_contact(400e-9, 40e-9, 10e-9, 60e9)
    >>> round(e.major * 1e9, 3), round(e.minor * 1e9, 3), round(e.area * 1e18, 1)
    (7.156, 2.862, 64.3)
    """
    require_positive(
        "elliptic_contact", force=force, radius_major=radius_major, radius_minor=radius_minor, modulus=modulus
    )
    large, small = max(radius_major, radius_minor), min(radius_major, radius_minor)
    if large / small > 1e6:
        raise InputError(
            f"elliptic_contact: the radii must differ by at most a factor 1e6; got {large / small:.3g}. "
            "Treat the contact as a line."
        )
    if 1 - small / large < _ROUND:
        a = contact_radius(force, large, modulus)
        return Ellipse(a, a, math.pi * a**2, a**2 / large, force / (math.pi * a**2))
    log_k = brentq(lambda x: math.log(_radii_ratio(math.exp(x)) * small / large), math.log(1e-5), -1e-10)
    k = math.exp(log_k)
    m = 1 - k**2
    a = (3 * force * large * (ellipk(m) - ellipe(m)) / (math.pi * modulus * m)) ** (1 / 3)
    area = math.pi * k * a**2
    depth = 3 * force * ellipk(m) / (2 * math.pi * a * modulus)
    return Ellipse(float(a), float(k * a), float(area), float(depth), float(force / area))


def _radii_ratio(k: float) -> float:
    """R'/R'' of a contact with axes in the ratio k = b/a."""
    m = 1 - k**2
    return float((ellipe(m) / k**2 - ellipk(m)) / (ellipk(m) - ellipe(m)))


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
    return float((0.75 * radius * load / modulus) ** (1 / 3))


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
    return float((0.75 * radius * max(0.0, force + dmt_pull_off(radius, adhesion)) / modulus) ** (1 / 3))


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

    Examples
    --------
    >>> round(tabor_number(20e-9, 60e9, 0.1), 3)
    0.127
    """
    require_positive("tabor_number", radius=radius, modulus=modulus, spacing=spacing)
    _require_adhesion("tabor_number", adhesion)
    return float((radius * adhesion**2 / (modulus**2 * spacing**3)) ** (1 / 3))


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
