"""Contact area and area-specific resistance (ASR).

ASR = R·A with the area that really touches; over a larger nominal area it is larger by nominal/real, and it
then holds constriction too.
"""

from __future__ import annotations

from gbflux.errors import InputError
from gbflux.lab.contact.checks import require_positive


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
