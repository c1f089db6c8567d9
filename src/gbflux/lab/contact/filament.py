"""A filament as a round wire: resistance and diameter, charge to plate it, time to fill it.

R = 4L/(πσd²). The wire is uniform and its surface does not scatter electrons; one with a neck is thicker
elsewhere than the diameter computed here.
"""

from __future__ import annotations

import math

from gbflux.lab.contact import require_positive
from gbflux.units import FARADAY_C_PER_MOL

LITHIUM_DENSITY_KG_PER_M3 = 534.0  # CRC Handbook of Chemistry and Physics, at 20 °C
LITHIUM_MOLAR_MASS_KG_PER_MOL = 6.94e-3  # IUPAC conventional atomic weight
LITHIUM_CHARGE_C_PER_M3 = FARADAY_C_PER_MOL * LITHIUM_DENSITY_KG_PER_M3 / LITHIUM_MOLAR_MASS_KG_PER_MOL
LITHIUM_CONDUCTIVITY_S_PER_M = 1.1e7  # Lu et al., Adv. Energy Mater. (2021); handbooks have 1.08e7


def diameter(resistance: float, length: float, sigma: float = LITHIUM_CONDUCTIVITY_S_PER_M) -> float:
    """Diameter of a filament, d = √(4L/(πσR)) (m).

    Parameters
    ----------
    resistance : float
        Ω.
    length : float
        m.
    sigma : float, optional
        Conductivity of the filament (S/m); lithium by default.

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    >>> round(diameter(116, 300e-6) * 1e9), round(diameter(440, 1.2e-3) * 1e9)
    (547, 562)
    """
    require_positive("diameter", resistance=resistance, length=length, sigma=sigma)
    return math.sqrt(4 * length / (math.pi * sigma * resistance))


def resistance(diameter: float, length: float, sigma: float = LITHIUM_CONDUCTIVITY_S_PER_M) -> float:
    """Resistance of a filament, R = 4L/(πσd²) (Ω); as `diameter`.

    >>> round(resistance(300e-9, 300e-6))
    386
    """
    require_positive("resistance", diameter=diameter, length=length, sigma=sigma)
    return 4 * length / (math.pi * sigma * diameter**2)


def length(resistance: float, diameter: float, sigma: float = LITHIUM_CONDUCTIVITY_S_PER_M) -> float:
    """Length of a filament, L = πσRd²/4 (m); as `diameter`.

    >>> round(length(116, 547.1e-9) * 1e6)
    300
    """
    require_positive("length", resistance=resistance, diameter=diameter, sigma=sigma)
    return math.pi * sigma * resistance * diameter**2 / 4


def conductivity(resistance: float, diameter: float, length: float) -> float:
    """Conductivity of a filament, σ = 4L/(πRd²) (S/m); as `diameter`.

    >>> round(conductivity(116, 300e-9, 300e-6) / 1e7, 2)
    3.66
    """
    require_positive("conductivity", resistance=resistance, diameter=diameter, length=length)
    return 4 * length / (math.pi * resistance * diameter**2)


def plated_charge(diameter: float, length: float, charge_density: float = LITHIUM_CHARGE_C_PER_M3) -> float:
    """Charge that plates a filament, Q = F ρ/M · πd²L/4 (C).

    Parameters
    ----------
    diameter, length : float
        m.
    charge_density : float, optional
        Charge in the metal (C/m³); lithium, 7.42e9, by default.

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    >>> round(plated_charge(547e-9, 300e-6) * 1e6, 2)
    0.52
    """
    require_positive("plated_charge", diameter=diameter, length=length, charge_density=charge_density)
    return charge_density * math.pi * diameter**2 * length / 4


def fill_time(
    diameter: float, length: float, current: float, charge_density: float = LITHIUM_CHARGE_C_PER_M3
) -> float:
    """Time to plate a filament at a constant current, t = Q/I (s); as `plated_charge`.

    >>> round(fill_time(547e-9, 300e-6, 6.18e-9), 1), round(fill_time(547e-9, 300e-6, 5e-14) / 86400)
    (84.7, 121)
    """
    require_positive("fill_time", current=current)
    return plated_charge(diameter, length, charge_density) / current
