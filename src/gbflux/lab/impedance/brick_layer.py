"""Brick-layer inversion: from the resistances of grains and grain boundaries to the conductivity of the
boundary.

Cubes of size d, each in a shell that makes boundaries of thickness δ, in series along the field: Bi =
R_gb/R_g = (δ/d)(σ_g/σ_gb). It takes all current through flat, equal boundaries. The microstructure alone
makes parameters of LLZO from it uncertain by up to 150 % (J. K. Eckhardt et al., ACS Appl. Mater. Interfaces
(2023), doi:10.1021/acsami.3c10060); no result is given without a factor of at least two either way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gbflux import units
from gbflux.errors import InputError
from gbflux.lab.stats.uncertainty import Interval

LEAST_FACTOR = 2.0


@dataclass(frozen=True)
class BrickLayer:
    """Conductivities of grains and grain boundaries by the brick-layer model."""

    # sigma_grain, sigma_gb: conductivity of the grains, and of a boundary of thickness `delta` (S/m). The
    # limits of `sigma_gb` hold the factor for the microstructure.
    sigma_grain: Interval
    sigma_gb: Interval
    # thickness of the sample over area and resistance of the boundaries, without δ and d (S/m)
    sigma_gb_total: Interval
    gb_asr: float  # resistance of one boundary, δ/σ_gb (Ω m²)
    biot: float  # R_gb/R_g
    # delta, grain_size: given (m)
    delta: float
    grain_size: float
    factor: float  # given, for the microstructure
    # the same conductivity with δ/d = C_g/C_gb in place of the given one (S/m)
    sigma_gb_from_capacitance: float | None = None
    # C_g/C_gb, which is δ/d where both have the same permittivity
    delta_over_d_from_capacitance: float | None = None


def brick_layer(
    grain_resistance: Interval,
    gb_resistance: Interval,
    area: float,
    thickness: float,
    delta: float,
    grain_size: float,
    factor: float = LEAST_FACTOR,
    capacitances: tuple[float, ...] | None = None,
) -> BrickLayer:
    """Invert the resistances of grains and grain boundaries.

    Parameters
    ----------
    grain_resistance, gb_resistance : Interval
        Of the whole sample (Ω).
    area, thickness : float
        Of the sample (m², m).
    delta, grain_size : float
        Thickness of a boundary, mean size of a grain (m).
    factor : float, optional
        Uncertainty for the microstructure, at least 2.
    capacitances : (float, float), optional
        Of the grains' and the boundaries' arc (F).

    Raises
    ------
    InputError
        If a length or resistance is not positive, δ ≥ d, or the factor is below 2.

    Examples
    --------
    >>> r = Interval(12.0, 11.0, 13.0)
    >>> found = brick_layer(r, r, area=1e-4, thickness=3e-4, delta=5e-9, grain_size=1e-5)
    >>> round(found.sigma_grain.value, 4), round(found.sigma_gb.value, 9), found.biot
    (0.25, 0.000125, 1.0)
    """
    given = {
        "area": area,
        "thickness": thickness,
        "grain boundary thickness": delta,
        "grain size": grain_size,
        "grain resistance": grain_resistance.value,
        "grain-boundary resistance": gb_resistance.value,
    }
    for name, value in given.items():
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"brick layer: {name} must be > 0; got {value:g}. Give a positive number.")
    if delta >= grain_size or grain_size > thickness:
        raise InputError(
            f"brick layer: must have δ < d ≤ thickness; got δ = {delta / units.NM_TO_M:g} nm, "
            f"d = {grain_size * units.M_TO_UM:g} µm, thickness = {thickness * units.M_TO_UM:g} µm. Check "
            "the units."
        )
    if not LEAST_FACTOR <= factor < math.inf:
        raise InputError(
            f"brick layer: the uncertainty factor must be at least {LEAST_FACTOR:g}; got {factor:g}. The "
            "model is no better."
        )
    constant = thickness / area
    sigma_total = _inverse(gb_resistance, constant)
    ratio = delta / grain_size
    # the factor for the microstructure and the interval of the fit are independent: logarithms add in square
    by_structure = math.hypot(math.log(factor), gb_resistance.spread)
    value = sigma_total.value * ratio
    sigma_gb = Interval(value, value * math.exp(-by_structure), value * math.exp(by_structure))
    share = None if capacitances is None else capacitances[0] / capacitances[1]
    return BrickLayer(
        _inverse(grain_resistance, constant),
        sigma_gb,
        sigma_total,
        delta / value,
        gb_resistance.value / grain_resistance.value,
        delta,
        grain_size,
        factor,
        None if share is None else sigma_total.value * share,
        share,
    )


def _inverse(resistance: Interval, constant: float) -> Interval:
    """Conductivity (S/m) of a resistance (Ω) with a cell constant (1/m)."""
    lowest = constant / resistance.low if resistance.low > 0 else math.inf
    return Interval(constant / resistance.value, constant / resistance.high, lowest)


def block_text(found: BrickLayer, source: str = "") -> str:
    """The block ``grain_boundary`` of a case file.

    Parameters
    ----------
    found : BrickLayer
    source : str, optional
        Name of the spectrum, for a comment.

    Returns
    -------
    str
        YAML, with a newline at the end.
    """
    scale = units.S_PER_M_TO_S_PER_CM
    origin = f" of {_one_line(source)}" if source else ""
    return (
        "grain_boundary:\n"
        f"  # brick-layer inversion{origin}; between {found.sigma_gb.low * scale:.2g} and "
        f"{found.sigma_gb.high * scale:.2g} S/cm\n"
        f"  thickness_nm: {found.delta / units.NM_TO_M:.6g}\n"
        f"  conductivity_S_per_cm: {found.sigma_gb.value * scale:.4e}\n"
    )


def case_text(found: BrickLayer, source: str = "", grains_across: int = 5) -> str:
    """A whole case with the measured grains and grain boundaries, in a cube of a few grains.

    Parameters
    ----------
    found : BrickLayer
    source : str, optional
        Name of the spectrum, for comments.
    grains_across : int, optional
        Size of the cube (grains).

    Returns
    -------
    str
        YAML that `gbflux.load_case` reads.

    Raises
    ------
    CaseError
        If the numbers make no case.
    """
    from gbflux.case import parse_case

    d_um = found.grain_size * units.M_TO_UM
    side = f"{grains_across * d_um:.6g}"
    text = (
        "# Conductivities from an impedance spectrum. Set geometry and electrodes to what you want to "
        "compute.\n"
        f"geometry: {{size_um: [{side}, {side}, {side}]}}\n"
        f"grains: {{mean_size_um: {d_um:.6g}, "
        f"conductivity_S_per_cm: {found.sigma_grain.value * units.S_PER_M_TO_S_PER_CM:.4e}}}\n"
    ) + block_text(found, source)
    parse_case(text, "measured case")
    return text


def _one_line(text: str) -> str:
    """Text fit for a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
