"""Constants, conversion factors, the Arrhenius law, ends and sizes of cells. Imports only `errors`.

A case file is in the user's units, with the unit in the key. Inside, physics is in SI and lengths of geometry
and mesh are in micrometres. A factor ``A_TO_B`` multiplies a number in unit A to give it in unit B.

Constants are exact in the SI of 2019 (CODATA 2018, https://physics.nist.gov/cuu/Constants; Tiesinga et al.,
Rev. Mod. Phys. 93, 025010 (2021), doi:10.1103/RevModPhys.93.025010, table XXX).
"""

from __future__ import annotations

import math

from gbflux.errors import InputError

# The two ends of a cell, in the order of all that comes in pairs: electrodes, homogenizing layers, planes
SIDES = ("bottom", "top")

# Simplices of edge length h in a volume h^dimension, as meshers make them
CELLS_PER_VOLUME = {2: 2.3, 3: 4.6}
# c₀ + c₁ x + c₂ x² of them in grains of size h/x, for sizes that scatter as those of an earlier mesh do.
# Measured for x from 0.1 to 0.42 (2D: 0.03 to 0.35).
_IN_GRAINS = {2: (2.31, 1.34, 6.17), 3: (3.74, 5.43, 61.4)}
_COARSEST = 0.5  # largest x that this is used for
# Cells across a homogenizing layer, at least, and the fewest grain-boundary thicknesses that one is thick
LAYER_CELLS = 6
_THINNEST_CELL = 4
# Shortest length that cells are cut to where boundaries end, in grain-boundary thicknesses: layers need room
SHORTEST_END = 6
# Distance of a cut from where a boundary ends over the distance of the next cut, about, and the share of a
# cut that is not worth a further one
CUT_RATIO = 0.25
_LAST_CUT = 0.3

# Constants
BOLTZMANN_J_PER_K = 1.380649e-23
ELEMENTARY_CHARGE_C = 1.602176634e-19
AVOGADRO_PER_MOL = 6.02214076e23
BOLTZMANN_EV_PER_K = BOLTZMANN_J_PER_K / ELEMENTARY_CHARGE_C
FARADAY_C_PER_MOL = ELEMENTARY_CHARGE_C * AVOGADRO_PER_MOL
GAS_CONSTANT_J_PER_MOL_K = BOLTZMANN_J_PER_K * AVOGADRO_PER_MOL
ICE_POINT_K = 273.15  # 0 °C, by definition of the Celsius scale

# Lengths
NM_TO_M = 1e-9
NM_TO_UM = 1e-3
UM_TO_M = 1e-6
M_TO_UM = 1e6

# Areas
UM2_TO_M2 = 1e-12
CM2_TO_M2 = 1e-4

# Conductivity, area-specific resistance, current density
S_PER_CM_TO_S_PER_M = 1e2
S_PER_M_TO_S_PER_CM = 1e-2
OHM_CM2_TO_OHM_M2 = 1e-4
OHM_M2_TO_OHM_CM2 = 1e4
MA_PER_CM2_TO_A_PER_M2 = 1e1
A_PER_M2_TO_MA_PER_CM2 = 1e-1

# Memory
KIB_TO_MIB = 1 / 1024


def cells_across(thickness_um: float, delta_um: float) -> int:
    """Cells across a homogenizing layer thinner than cells are wide: fewer where they would be too thin.

    Parameters
    ----------
    thickness_um : float
        Of the layer (µm).
    delta_um : float
        Of grain boundaries, and of the contact that the first cell makes room for (µm).

    Examples
    --------
    >>> cells_across(0.5, 0.005), cells_across(0.05, 0.005)
    (6, 2)
    """
    if thickness_um >= LAYER_CELLS * _THINNEST_CELL * delta_um:
        return LAYER_CELLS
    return max(1, int(thickness_um / (_THINNEST_CELL * delta_um) * (1 + 1e-9)))


def crowded(cells: float, n_grains: int, dimension: int) -> float:
    """Cells that gmsh makes in grains, where sizes ask for `cells`.

    Edges and faces of grains are cut into whole numbers of pieces, so into smaller ones than asked for; the
    more so, the fewer cells a grain has.

    >>> round(crowded(1e5, 100, 3) / 1e5, 2), round(crowded(1e7, 100, 3) / 1e7, 2)
    (1.38, 1.0)
    """
    most = CELLS_PER_VOLUME[dimension]
    x: float = min((most * n_grains / max(cells, 1.0)) ** (1 / dimension), _COARSEST)
    c = _IN_GRAINS[dimension]
    return cells * max(1.0, (c[0] + c[1] * x + c[2] * x**2) / most)


def cuts(length_um: float, end_um: float) -> int:
    """Cuts of edges of a mean length that lead to innermost ones of another (µm).

    Examples
    --------
    >>> cuts(0.5, 0.1), cuts(0.5, 0.03), cuts(0.5, 0.6)
    (1, 2, 0)
    """
    if end_um >= length_um:
        return 0
    return max(1, math.ceil(math.log(end_um / length_um) / math.log(CUT_RATIO) - _LAST_CUT))


def expected_cuts(length_um: float, end_um: float) -> float:
    """Return the mean of `cuts` for lengths that are known only roughly (µm); 0 for an innermost length of 0.

    Examples
    --------
    >>> round(expected_cuts(0.5, 0.1), 3), expected_cuts(0.5, 0.6)
    (1.361, 0.0)
    """
    if not 0 < end_um < length_um:
        return 0.0
    return max(1.0, math.log(end_um / length_um) / math.log(CUT_RATIO) - _LAST_CUT + 0.5)


def kelvin(temperature_C: float) -> float:
    """Absolute temperature (K) of a temperature in °C.

    >>> kelvin(25)
    298.15
    """
    return temperature_C + ICE_POINT_K


def arrhenius(
    conductivity: float, activation_energy_eV: float, temperature_C: float, reference_temperature_C: float
) -> float:
    r"""Conductivity at another temperature by the Arrhenius law.

    .. math:: \sigma(T) = \sigma_{ref} \exp\left[-\frac{E_a}{k_B}\left(\frac1T-\frac1{T_{ref}}\right)\right]

    The law is for σ itself, not for the product σT; an activation energy fitted to σT is larger by about
    k_B T (0.026 eV at 25 °C). It holds where one hopping mechanism dominates and no phase changes.

    Parameters
    ----------
    conductivity : float
        Conductivity at the reference temperature (any unit; the result has the same).
    activation_energy_eV : float
        Activation energy E_a (eV).
    temperature_C, reference_temperature_C : float
        Temperatures, above absolute zero (°C).

    Returns
    -------
    float
        Conductivity at ``temperature_C`` (unit of ``conductivity``); ``inf`` where it overflows.

    Raises
    ------
    InputError
        If a temperature is not above absolute zero.

    Examples
    --------
    >>> round(arrhenius(5e-4, 0.35, 60, 25) * 1e3, 4)
    2.0918
    """
    for value in (temperature_C, reference_temperature_C):
        if not kelvin(value) > 0:
            raise InputError(f"arrhenius: a temperature must be > -273.15 °C; got {value:g}.")
    difference_per_K = 1 / kelvin(temperature_C) - 1 / kelvin(reference_temperature_C)
    exponent = -activation_energy_eV / BOLTZMANN_EV_PER_K * difference_per_K
    try:
        return conductivity * math.exp(exponent)
    except OverflowError:
        return math.inf
