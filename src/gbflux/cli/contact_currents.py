"""`gbflux contact spreading`, `sharvin`, `ionic`, `filament`, `asr`: what contacts and filaments conduct."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gbflux.cli.contact_answer import rows_of
from gbflux.cli.contact_quantities import (
    ASR,
    BODY_SIGMA,
    CM2,
    CURRENT,
    DEPTH,
    DIAMETER,
    ELECTRODE,
    FILAMENT_SIGMA,
    LAYER,
    LAYER_SIGMA,
    LENGTH,
    NM,
    OHM_CM2,
    RESISTANCE,
    RESISTIVITY,
    RHO_L,
    S_PER_CM,
    SLAB,
    SPOT,
    THICKNESS,
    TRANSFER,
    TUBE,
    UM,
    VOLTAGE,
    Answer,
    Given,
    Row,
    command,
)

if TYPE_CHECKING:
    from gbflux.lab.stats.uncertainty import Measured


def _with_spot(given: Given) -> dict[str, Measured]:
    """Area and radius of the contact, of which one is given."""
    from gbflux.errors import InputError
    from gbflux.lab.contact import require_positive
    from gbflux.lab.stats.uncertainty import propagate

    if ("area" in given) == ("radius" in given):
        raise InputError("contact: one of --area-nm2 and --radius-nm must be given; got both or none.")
    require_positive("contact", **{name: given[name].value for name in ("area", "radius") if name in given})
    if "radius" in given:
        return {**given, "area": propagate(lambda radius: math.pi * radius**2, radius=given["radius"])}
    return {**given, "radius": propagate(lambda area: math.sqrt(area / math.pi), area=given["area"])}


@command((BODY_SIGMA, *SPOT, DEPTH, SLAB, TUBE), against=("area", "radius"))
def spreading(given: Given) -> Answer:
    """Spreading resistance of a contact on a large body, and its corrections."""
    from gbflux.lab.contact import spreading as law

    laws = [("disc, 1/(4σa)", law.disc_resistance, "Ω", 1.0, "disc_ohm")]
    laws += [("hemisphere, 1/(2πσa)", law.hemisphere_resistance, "Ω", 1.0, "hemisphere_ohm")]
    corrections = {
        "depth": ("half spheroid", law.spheroid_resistance, "Ω", 1.0, "spheroid_ohm"),
        "thickness": ("disc on a slab", law.slab_resistance, "Ω", 1.0, "slab_ohm"),
        "tube_radius": ("constriction in a tube", law.tube_resistance, "Ω", 1.0, "tube_ohm"),
    }
    laws += [correction for key, correction in corrections.items() if key in given]
    return Answer(rows_of(laws, _with_spot(given)))


@command((*SPOT, RHO_L, RESISTIVITY), against=("area", "radius"))
def sharvin(given: Given) -> Answer:
    """Resistance of a metallic spot: Maxwell and Sharvin; lithium by default."""
    from gbflux.lab.contact import spreading as law

    laws = [
        ("Maxwell, ρ/(2a)", lambda resistivity, radius: resistivity / (2 * radius), "Ω", 1.0, "maxwell_ohm"),
        ("Sharvin, 4ρl/(3πa²)", law.sharvin_resistance, "Ω", 1.0, "sharvin_ohm"),
        ("together", law.metallic_spot_resistance, "Ω", 1.0, "together_ohm"),
    ]
    return Answer(rows_of(laws, _with_spot(given)))


@command((BODY_SIGMA, THICKNESS, VOLTAGE, *SPOT, TRANSFER), against=("area", "radius"))
def ionic(given: Given) -> Answer:
    """Ionic current through a small contact: one-dimensional, spreading, limited by charge transfer."""
    from gbflux.lab.contact import spreading as law

    laws = [
        ("one-dimensional, σAV/L", law.one_dimensional_current, "A", 1.0, "one_dimensional_A"),
        ("spreading, 4σaV", law.spreading_current, "A", 1.0, "spreading_A"),
    ]
    if "asr" in given:
        laws += [
            ("charge transfer alone, AV/ASR", law.charge_transfer_current, "A", 1.0, "charge_transfer_A"),
            ("spreading and charge transfer", law.ionic_current, "A", 1.0, "current_A"),
        ]
    values = {key: value for key, value in _with_spot(given).items() if key != "radius"}
    return Answer(rows_of(laws, values))


_FILAMENT = {
    "length": ("µm", UM, "length_um"),
    "resistance": ("Ω", 1.0, "resistance_ohm"),
    "diameter": ("nm", NM, "diameter_nm"),
    "conductivity": ("S/cm", S_PER_CM, "conductivity_S_per_cm"),
}


@command(
    (LENGTH, RESISTANCE, DIAMETER, FILAMENT_SIGMA, CURRENT), against=("resistance", "diameter", "length")
)
def filament(given: Given) -> Answer:
    """A filament: what is missing of length, resistance, diameter, conductivity; charge, time to plate it."""
    from gbflux.lab.contact import filament as law
    from gbflux.lab.stats.uncertainty import propagate

    missing, values = _missing(given)
    rows = rows_of([(missing, getattr(law, missing), *_FILAMENT[missing])], values)

    def charge(**measured: float) -> float:  # from what was measured: errors stay right
        found = {name: value for name, value in measured.items() if name != "current"}
        if missing in ("length", "diameter"):
            found[missing] = getattr(law, missing)(**found)
        return law.plated_charge(found["diameter"], found["length"])

    if missing in ("resistance", "conductivity"):
        values = {name: values[name] for name in ("length", "diameter")}
    rows.append(Row("plated charge (lithium)", propagate(charge, **values), "C", "charge_C"))
    if "current" in given:
        current = given["current"]

        def time(current: float, **measured: float) -> float:
            return charge(**measured) / current

        from gbflux.lab.contact import require_positive

        require_positive("contact filament", current=current.value)
        rows.append(Row("time to fill", propagate(time, current=current, **values), "s", "fill_time_s"))
    return Answer(rows)


def _missing(given: Given) -> tuple[str, dict[str, Measured]]:
    """The quantity of the filament that is asked for, and the others; lithium's conductivity unless asked."""
    from gbflux.errors import InputError
    from gbflux.lab.contact.filament import LITHIUM_CONDUCTIVITY_S_PER_M
    from gbflux.lab.stats.uncertainty import Measured

    values = {name: given[name] for name in ("length", "resistance", "diameter", "sigma") if name in given}
    absent = [name for name in ("length", "resistance", "diameter") if name not in given]
    if not absent and "sigma" not in given:
        return "conductivity", values
    if len(absent) != 1:
        raise InputError(
            "contact filament: all but one of --length-um, --resistance-ohm, --diameter-nm and "
            f"--conductivity-S-per-cm must be given; missing {', '.join(absent) or 'none'}."
        )
    return absent[0], {"sigma": Measured(LITHIUM_CONDUCTIVITY_S_PER_M), **values}


@command((RESISTANCE, ELECTRODE, ASR, LAYER, LAYER_SIGMA), against=("area", "resistance", "asr"))
def asr(given: Given) -> Answer:
    """Area-specific resistance, resistance and contact area; what a layer's own bulk has of it."""
    from gbflux.errors import InputError
    from gbflux.lab.contact import spreading as law

    if ("layer" in given) != ("layer_sigma" in given):
        raise InputError("contact asr: --layer-um and --layer-conductivity-S-per-cm must be given together.")
    laws = {
        "asr": ("area-specific resistance", law.asr, "Ω cm²", OHM_CM2, "asr_ohm_cm2"),
        "resistance": ("resistance", law.resistance, "Ω", 1.0, "resistance_ohm"),
        "area": ("contact area", law.contact_area, "cm²", CM2, "area_cm2"),
    }
    absent = [name for name in laws if name not in given]
    rows = rows_of([laws[absent[0]]], given) if len(absent) == 1 else []
    if not rows and "layer" not in given:
        raise InputError("contact asr: two of --resistance-ohm, --area-cm2 and --asr-ohm-cm2 must be given.")
    if rows and absent == ["asr"]:
        given = {**given, "asr": rows[0].value * OHM_CM2}
    return Answer(rows + (_layer_rows(given) if "layer" in given else []))


def _layer_rows(given: Mapping[str, Measured]) -> list[Row]:
    """Return the part of an area-specific resistance that is a layer's bulk, and the rest (interfaces)."""
    from gbflux.lab.contact import spreading as law
    from gbflux.lab.stats.uncertainty import propagate

    own = propagate(law.layer_asr, thickness=given["layer"], sigma=given["layer_sigma"])
    rows = [Row("of the layer's bulk", own * (1 / OHM_CM2), "Ω cm²", "layer_asr_ohm_cm2")]
    if "asr" in given:
        rest = propagate(lambda asr, own: asr - own, asr=given["asr"], own=own) * (1 / OHM_CM2)
        rows.append(Row("left for the interfaces", rest, "Ω cm²", "interfaces_asr_ohm_cm2"))
    return rows
