"""Ionic current through a small contact, and area-specific resistance (ASR).

The current is one-dimensional, spreading, or limited by charge transfer. The one-dimensional estimate lets
the current run straight below the contact and is too small by (π/4) a/L, a factor of 1e5 for a tip on a
pellet. At nanometres neither counts: charge transfer has the larger resistance where the Wagner number
σ·ASR/a is above one. Charge transfer is linearised: it holds for overpotentials well below RT/F = 26 mV.

ASR = R·A with the area that really touches; over a larger nominal area it is larger by nominal/real, and it
then holds constriction too.
"""

from __future__ import annotations

import math

from gbflux.errors import InputError
from gbflux.lab.contact import require_positive
from gbflux.lab.contact.spreading import disc_resistance


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
