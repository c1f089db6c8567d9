"""Ionic current through a small contact: one-dimensional, spreading, and limited by charge transfer.

The one-dimensional estimate lets the current run straight below the contact and is too small by (π/4) a/L, a
factor of 1e5 for a tip on a pellet. At nanometres neither counts: charge transfer has the larger resistance
where the Wagner number σ·ASR/a is above one. Charge transfer is linearised: it holds for overpotentials well
below RT/F = 26 mV.
"""

from __future__ import annotations

import math

from gbflux.errors import InputError
from gbflux.lab.contact.checks import require_positive
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
