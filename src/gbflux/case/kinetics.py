"""The keys of charge transfer by Butler–Volmer's law, for one electrode or each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from gbflux import units
from gbflux.case.quantity import Block, Number, quantity
from gbflux.units import SIDES


class Kinetics(Block):
    """Butler–Volmer's law of one electrode."""

    exchange_current_density_mA_per_cm2: Number = quantity(
        "exchange current density at the reference temperature", "mA/cm²", gt=0, le=1e9
    )
    anodic_transfer_coefficient: Number = quantity(
        "transfer coefficient of the current into the electrolyte", "1", default=0.5, gt=0, le=1
    )
    cathodic_transfer_coefficient: Number = quantity(
        "transfer coefficient of the current out of the electrolyte", "1", default=0.5, gt=0, le=1
    )
    activation_energy_eV: Number | None = quantity(
        "activation energy of the exchange current density (Arrhenius); absent: no change with temperature",
        "eV",
        default=None,
        ge=0,
    )
    reference_temperature_C: Number = quantity(
        "temperature at which the exchange current density is given",
        "°C",
        default=25.0,
        gt=-units.ICE_POINT_K,
    )


class KineticsPerSide(Block):
    """The law of each electrode; a side left out has none."""

    bottom: Kinetics | None = None
    top: Kinetics | None = None


def _per_side(value: Any) -> Any:
    """One law as the same law for both sides; a block with a side in it as it is."""
    named = isinstance(value, Mapping) and any(side in value for side in SIDES)
    if named or value is None or isinstance(value, KineticsPerSide):
        return value
    return dict.fromkeys(SIDES, value)


def _schema() -> dict[str, Any]:
    """One law, or a block with one for each side."""
    law = Kinetics.model_json_schema()
    sides = {side: {**law, "description": f"of the {side} electrode"} for side in SIDES}
    words = {"description": KineticsPerSide.__doc__, "additionalProperties": False}
    return {"anyOf": [law, {"type": "object", "properties": sides, **words}, {"type": "null"}]}


def _none_if_no_side(sides: KineticsPerSide | None) -> KineticsPerSide | None:
    """No law on either side is no kinetics."""
    return sides if sides is not None and (sides.bottom or sides.top) else None


KineticsField = Annotated[
    KineticsPerSide | None,
    BeforeValidator(_per_side),
    AfterValidator(_none_if_no_side),
    WithJsonSchema(_schema()),
]


def exchange_current_density_at(kinetics: Kinetics, temperature_C: float) -> float:
    """Exchange current density (A/m²) at a temperature (°C); Arrhenius where it has an energy."""
    density = kinetics.exchange_current_density_mA_per_cm2 * units.MA_PER_CM2_TO_A_PER_M2
    if kinetics.activation_energy_eV is None:
        return density
    return units.arrhenius(
        density, kinetics.activation_energy_eV, temperature_C, kinetics.reference_temperature_C
    )
