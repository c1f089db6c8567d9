"""Resistance of small contacts to a large body, and the ionic current through them.

Maxwell–Holm spreading, corrections, the Sharvin term: R. Holm, Electric Contacts, 4th ed., Springer 1967,
doi:10.1007/978-3-662-06688-1, chapters 3 to 5 (disc, ellipsoid); flux tube: K. J. Negus, M. M. Yovanovich,
ASME HTD 34 (1984), 85, series for an isothermal disc; Sharvin: B. Nikolić, P. B. Allen, Phys. Rev. B 60, 3963
(1999), doi:10.1103/PhysRevB.60.3963, eqs 1 and 2. The slab correction is the first image term of the series
over images at distances 2nL. Contacts are equipotential, the body is uniform.

The ionic current is one-dimensional, spreading, or limited by charge transfer. The one-dimensional estimate
lets it run straight below the contact and is too small by (π/4) a/L, a factor of 1e5 for a tip on a pellet.
At nanometres neither counts: charge transfer has the larger resistance where the Wagner number σ·ASR/a is
above one. Charge transfer is linearised: it holds for overpotentials well below RT/F = 26 mV. The
area-specific resistance is ASR = R·A with the area that really touches; over a larger nominal area it is
larger by nominal/real, and it then holds constriction too.
"""

from __future__ import annotations

import math

from gbflux.errors import InputError
from gbflux.lab.contact import require_positive

_WIDEST_IN_SLAB = 0.5
_WIDEST_IN_TUBE = 0.9


def disc_resistance(sigma: float, radius: float) -> float:
    """Spreading resistance of a disc on a half-space, R = 1/(4σa) (Ω), Holm §3.

    Parameters
    ----------
    sigma : float
        Conductivity of the body (S/m).
    radius : float
        Of the disc, a (m).

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    A contact of 30 nm² on LLZO of 5e-4 S/cm:

    >>> round(disc_resistance(0.05, 3.09e-9) / 1e9, 2)
    1.62
    """
    require_positive("disc_resistance", sigma=sigma, radius=radius)
    return 1 / (4 * sigma * radius)


def hemisphere_resistance(sigma: float, radius: float) -> float:
    """Spreading resistance of a hemisphere sunk into a half-space, R = 1/(2πσa) (Ω); as `disc_resistance`.

    >>> round(hemisphere_resistance(0.05, 3.09e-9) / disc_resistance(0.05, 3.09e-9), 5)
    0.63662
    """
    require_positive("hemisphere_resistance", sigma=sigma, radius=radius)
    return 1 / (2 * math.pi * sigma * radius)


def spheroid_resistance(sigma: float, radius: float, depth: float) -> float:
    """Spreading resistance of half a spheroid sunk into a half-space (Ω).

    Oblate (b < a): R = atan(c/b)/(2πσc), c² = a² − b²; prolate (b > a): R = artanh(c/b)/(2πσc), c² = b² − a².
    A disc for b = 0, a hemisphere for b = a.

    Parameters
    ----------
    sigma : float
        S/m.
    radius : float
        At the surface, a (m).
    depth : float
        b ≥ 0 (m).

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> disc = disc_resistance(1.0, 1.0)
    >>> [round(spheroid_resistance(1.0, 1.0, b) / disc, 5) for b in (0.1, 0.5, 1, 2, 5, 10)]
    [0.94095, 0.7698, 0.63662, 0.48405, 0.2979, 0.19151]
    """
    require_positive("spheroid_resistance", sigma=sigma, radius=radius)
    if not depth >= 0:
        raise InputError(f"spheroid_resistance: depth must be >= 0; got {depth:g}.")
    if abs(depth / radius - 1) < 1e-6:
        return hemisphere_resistance(sigma, radius)
    c = math.sqrt(abs(radius**2 - depth**2))
    angle = math.atan2(c, depth) if depth < radius else math.atanh(c / depth)
    return angle / (2 * math.pi * sigma * c)


def slab_resistance(sigma: float, radius: float, thickness: float) -> float:
    """Resistance from a disc to the grounded back of a slab, R = (1/4σa) (1 − (2 ln 2/π) a/L) (Ω).

    Parameters
    ----------
    sigma : float
        S/m.
    radius : float
        Of the disc, a (m).
    thickness : float
        Of the slab, L (m); at least 2a. What is left out is of order (a/L)³.

    Returns
    -------
    float
        Ω; tends to `disc_resistance` as L grows.

    Raises
    ------
    InputError
        If a number is not positive or the slab too thin.

    Examples
    --------
    >>> [round(slab_resistance(0.25, 1.0, L), 4) for L in (5, 10, 50)]
    [0.9117, 0.9559, 0.9912]
    """
    require_positive("slab_resistance", sigma=sigma, radius=radius, thickness=thickness)
    ratio = radius / thickness
    if ratio > _WIDEST_IN_SLAB:
        raise InputError(
            f"slab_resistance: radius must be at most {_WIDEST_IN_SLAB:g} of the thickness; got {ratio:.3g}. "
            "A wide contact on a thin slab is one-dimensional."
        )
    return disc_resistance(sigma, radius) * (1 - 2 * math.log(2) / math.pi * ratio)


def tube_resistance(sigma: float, radius: float, tube_radius: float) -> float:
    """Constriction resistance of a disc in a coaxial tube (Ω): what it adds to the tube's own resistance.

    4σaR = 1 − 1.40925ε + 0.29591ε³ + 0.05254ε⁵ with ε = a/b (Negus and Yovanovich).

    Parameters
    ----------
    sigma : float
        S/m.
    radius, tube_radius : float
        Of the disc, a, and of the tube, b > a/0.9 (m): the series ends at ε = 0.9.

    Returns
    -------
    float
        Ω; tends to `disc_resistance` as b grows.

    Raises
    ------
    InputError
        If a number is not positive or the disc too wide.

    Examples
    --------
    >>> round(tube_resistance(0.25, 1.0, 10.0), 4), round(tube_resistance(0.25, 1.0, 2.0), 4)
    (0.8594, 0.334)
    """
    require_positive("tube_resistance", sigma=sigma, radius=radius, tube_radius=tube_radius)
    share = radius / tube_radius
    if share > _WIDEST_IN_TUBE:
        raise InputError(
            f"tube_resistance: radius must be at most {_WIDEST_IN_TUBE:g} of the tube's; got {share:.3g}. "
            "There is next to no constriction."
        )
    factor = 1 - 1.40925 * share + 0.29591 * share**3 + 0.05254 * share**5
    return disc_resistance(sigma, radius) * factor


def sharvin_resistance(resistivity_times_path: float, radius: float) -> float:
    """Ballistic resistance of a metallic spot smaller than the mean free path, R = 4ρl/(3πa²) (Ω).

    Parameters
    ----------
    resistivity_times_path : float
        ρl of the metal, a constant of its Fermi surface (Ω m²); about 1.2e-15 for lithium.
    radius : float
        m.

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    >>> round(sharvin_resistance(1.2e-15, 4.64e-9), 1)
    23.7
    """
    require_positive("sharvin_resistance", resistivity_times_path=resistivity_times_path, radius=radius)
    return 4 * resistivity_times_path / (3 * math.pi * radius**2)


def metallic_spot_resistance(resistivity: float, resistivity_times_path: float, radius: float) -> float:
    """Resistance of a metallic spot between two bodies, Maxwell ρ/(2a) plus Sharvin 4ρl/(3πa²) (Ω).

    The sum is right at both ends and within 11 % of the Boltzmann equation between (Nikolić and Allen).

    >>> round(metallic_spot_resistance(92.8e-9, 1.2e-15, 4.64e-9), 1)
    33.7
    """
    require_positive("metallic_spot_resistance", resistivity=resistivity, radius=radius)
    return resistivity / (2 * radius) + sharvin_resistance(resistivity_times_path, radius)


def one_dimensional_current(sigma: float, area: float, thickness: float, voltage: float) -> float:
    """Current straight through a slab below the contact, I = σAV/L (A).

    Parameters
    ----------
    sigma : float
        S/m.
    area : float
        m².
    thickness : float
        m.
    voltage : float
        V; the current has its sign.

    Returns
    -------
    float
        A; it holds where the contact is much wider than the slab is thick.

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    30 nm² on 300 µm of LLZO at 10 V:

    >>> round(one_dimensional_current(0.05, 30e-18, 300e-6, 10) * 1e12, 3)
    0.05
    """
    require_positive("one_dimensional_current", sigma=sigma, area=area, thickness=thickness)
    return sigma * area * voltage / thickness


def spreading_current(sigma: float, area: float, voltage: float) -> float:
    """Current that spreads from a disc into a half-space, I = 4σaV with a = √(A/π) (A).

    It holds where the contact is much smaller than the body. As `one_dimensional_current`.

    >>> round(spreading_current(0.05, 30e-18, 10) * 1e9, 2)
    6.18
    """
    require_positive("spreading_current", area=area)
    return voltage / disc_resistance(sigma, math.sqrt(area / math.pi))


def charge_transfer_current(asr: float, area: float, voltage: float) -> float:
    """Largest current through an interface of area-specific resistance ASR, I = AV/ASR (A).

    >>> round(charge_transfer_current(1e-4, 30e-18, 10) * 1e12, 1)
    3.0
    """
    require_positive("charge_transfer_current", asr=asr, area=area)
    return area * voltage / asr


def ionic_current(sigma: float, area: float, voltage: float, asr: float = 0.0) -> float:
    """Spreading and charge transfer in series, I = V / (1/(4σa) + ASR/A) (A).

    Parameters
    ----------
    sigma : float
        S/m.
    area : float
        m².
    voltage : float
        V.
    asr : float, optional
        Of charge transfer (Ω m²).

    Returns
    -------
    float
        A; `spreading_current` for ASR = 0, `charge_transfer_current` for a large one.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> round(ionic_current(0.05, 30e-18, 10, asr=1e-4) * 1e12, 2)
    3.0
    """
    require_positive("ionic_current", area=area)
    if not asr >= 0:
        raise InputError(f"ionic_current: asr must be >= 0; got {asr:g}.")
    return voltage / (disc_resistance(sigma, math.sqrt(area / math.pi)) + asr / area)


def wagner_number(sigma: float, asr: float, radius: float) -> float:
    """σ·ASR/a: above one, charge transfer limits the current and not the spreading.

    >>> round(wagner_number(0.05, 1e-4, 3.09e-9))
    1618
    """
    require_positive("wagner_number", sigma=sigma, asr=asr, radius=radius)
    return sigma * asr / radius


def asr(resistance: float, area: float) -> float:
    """Area-specific resistance R·A (Ω m²).

    >>> round(asr(14.0, 1e-4) * 1e4, 1)  # 14 Ω over 1 cm², in Ω cm²
    14.0
    """
    require_positive("asr", resistance=resistance, area=area)
    return resistance * area


def resistance(asr: float, area: float) -> float:
    """Resistance ASR/A (Ω).

    >>> resistance(1e-4, 30e-18) / 1e12  # 1 Ω cm² over 30 nm², in TΩ
    3.3333333333333335
    """
    require_positive("resistance", asr=asr, area=area)
    return asr / area


def contact_area(asr: float, resistance: float) -> float:
    """Area that touches, ASR/R (m²), where the ASR of a perfect contact is known.

    >>> round(contact_area(1e-4, 50.0) * 1e4, 3)  # cm²
    0.02
    """
    require_positive("contact_area", asr=asr, resistance=resistance)
    return asr / resistance


def touching_share(perfect_asr: float, measured_asr: float) -> float:
    """Share of the nominal area that touches, perfect over measured ASR; constriction is missing contact.

    >>> touching_share(1.0, 1000.0)
    0.001
    """
    require_positive("touching_share", perfect_asr=perfect_asr, measured_asr=measured_asr)
    if perfect_asr > measured_asr:
        raise InputError(
            f"touching_share: measured_asr must be >= perfect_asr = {perfect_asr:g}; got {measured_asr:g}."
        )
    return perfect_asr / measured_asr


def layer_asr(thickness: float, sigma: float) -> float:
    """Area-specific resistance of a layer, h/σ (Ω m²).

    >>> round(layer_asr(10e-6, 1e-2) * 1e4, 6)  # 10 µm of 1e-4 S/cm, in Ω cm²
    10.0
    """
    require_positive("layer_asr", thickness=thickness, sigma=sigma)
    return thickness / sigma
