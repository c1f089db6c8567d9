"""Laws of `gbflux contact`: how large a contact is, and what contacts and filaments conduct.

A law takes a dict of `Measured` in SI, by argument of the functions in `gbflux.lab.contact`, and returns an
`Answer` in the units of the field. Errors propagate from what was measured, never from results of each other.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gbflux import units
from gbflux.errors import InputError
from gbflux.lab.contact import filament as filaments
from gbflux.lab.contact import require_positive
from gbflux.lab.contact import spreading as spots
from gbflux.lab.stats.uncertainty import Measured, propagate

#: Factors to SI, by unit.
SI = {
    "": 1.0,
    "nN": 1e-9,
    "nm": units.NM_TO_M,
    "nm²": 1e-18,
    "µm": units.UM_TO_M,
    "cm²": units.CM2_TO_M2,
    "GPa": 1e9,
    "J/m²": 1.0,
    "S/cm": units.S_PER_CM_TO_S_PER_M,
    "Ω": 1.0,
    "Ω m": 1.0,
    "Ω m²": 1.0,
    "Ω cm²": units.OHM_CM2_TO_OHM_M2,
    "A": 1.0,
    "V": 1.0,
    "C": 1.0,
    "s": 1.0,
}


@dataclass(frozen=True)
class Row:
    """One result, in a unit of `SI`."""

    name: str
    value: Measured
    unit: str
    key: str


@dataclass(frozen=True)
class Answer:
    """Results of a law, and remarks that a reader must know."""

    rows: list[Row]
    warnings: list[str] = field(default_factory=list)


Given = Mapping[str, Measured]
Law = Callable[[Given], Answer]
#: Name, function of floats in SI, unit and key of one result.
Result = tuple[str, Callable[..., float], str, str]


def _rows(results: Sequence[Result], values: Given) -> list[Row]:
    """A row for each result, whose function gets those of the values (SI) that it has arguments for."""
    rows = []
    for name, law, unit, key in results:
        arguments = inspect.signature(law).parameters
        found = propagate(law, **{k: v for k, v in values.items() if k in arguments})
        rows.append(Row(name, found * (1 / SI[unit]), unit, key))
    return rows


def hertz(given: Given) -> Answer:
    """Elastic contact of a sphere on a flat, without adhesion."""
    from gbflux.lab.contact import mechanics  # and SciPy, without which the other laws start sooner

    star = _effective_modulus(given)
    results: list[Result] = [
        ("contact area", mechanics.contact_area, "nm²", "area_nm2"),
        ("contact radius", mechanics.contact_radius, "nm", "radius_nm"),
        ("approach", mechanics.approach, "nm", "approach_nm"),
        ("mean pressure", mechanics.mean_pressure, "GPa", "mean_pressure_GPa"),
    ]
    rows = _rows(results, {**given, "modulus": star})
    rows.append(Row("effective modulus", star * (1 / SI["GPa"]), "GPa", "modulus_GPa"))
    return Answer(rows, _yield_warnings(rows, given))


def elliptic(given: Given) -> Answer:
    """Elastic contact of bodies with two radii of curvature."""
    from gbflux.lab.contact import mechanics

    def part(name: str) -> Callable[..., float]:
        def law(force: float, radius_major: float, radius_minor: float, modulus: float) -> float:
            found = mechanics.elliptic_contact(force, radius_major, radius_minor, modulus)
            return float(getattr(found, name))

        return law

    results: list[Result] = [
        ("contact area", part("area"), "nm²", "area_nm2"),
        ("semi-axis, major", part("major"), "nm", "major_nm"),
        ("semi-axis, minor", part("minor"), "nm", "minor_nm"),
        ("approach", part("approach"), "nm", "approach_nm"),
        ("mean pressure", part("mean_pressure"), "GPa", "mean_pressure_GPa"),
    ]
    rows = _rows(results, {**given, "modulus": _effective_modulus(given)})
    return Answer(rows, _yield_warnings(rows, given))


def jkr(given: Given) -> Answer:
    """Contact with adhesion after Johnson, Kendall and Roberts: soft and large bodies."""
    from gbflux.lab.contact import mechanics

    laws = (mechanics.jkr_radius, mechanics.jkr_approach, mechanics.jkr_pull_off)
    rows = _adhesive_rows(laws, given)
    tabor = rows[-1].value.value
    wrong = [f"Tabor number {tabor:.2g}: `gbflux contact dmt` holds, not this"] if tabor < 0.1 else []
    return Answer(rows, wrong)


def dmt(given: Given) -> Answer:
    """Contact with adhesion after Derjaguin, Muller and Toporov: stiff and small bodies."""
    from gbflux.lab.contact import mechanics

    laws = (mechanics.dmt_radius, mechanics.dmt_approach, mechanics.dmt_pull_off)
    rows = _adhesive_rows(laws, given)
    tabor = rows[-1].value.value
    wrong = [f"Tabor number {tabor:.2g}: `gbflux contact jkr` holds, not this"] if tabor > 5 else []
    return Answer(rows, wrong)


def _adhesive_rows(laws: Sequence[Callable[..., float]], given: Given) -> list[Row]:
    """Results of a theory of adhesion from its radius, approach and pull-off force; Tabor's number last."""
    from gbflux.lab.contact import mechanics

    radius_of, approach_of, pull_off = laws

    def area(force: float, radius: float, modulus: float, adhesion: float) -> float:
        return math.pi * radius_of(force, radius, modulus, adhesion) ** 2

    results: list[Result] = [
        ("contact area", area, "nm²", "area_nm2"),
        ("contact radius", radius_of, "nm", "radius_nm"),
        ("approach", approach_of, "nm", "approach_nm"),
        ("pull-off force", pull_off, "nN", "pull_off_nN"),
        ("Tabor number", mechanics.tabor_number, "", "tabor_number"),
    ]
    return _rows(results, {**given, "modulus": _effective_modulus(given)})


def _effective_modulus(given: Given) -> Measured:
    """Effective modulus, given or from both materials (Pa)."""
    from gbflux.lab.contact import mechanics

    if "modulus" in given:
        return given["modulus"]
    if "modulus_1" not in given or "modulus_2" not in given:
        raise InputError(
            "contact: the modulus must be given, by --modulus-GPa or by --tip-modulus-GPa and "
            "--sample-modulus-GPa."
        )
    names = ("modulus_1", "poisson_1", "modulus_2", "poisson_2")
    return propagate(mechanics.effective_modulus, **{name: given[name] for name in names})


def _yield_warnings(rows: Sequence[Row], given: Given) -> list[str]:
    """The warning of `yield_warning` for the row with the pressure, where a hardness is given."""
    from gbflux.lab.contact import mechanics

    if "hardness" not in given:
        return []
    pressure = next(row.value.value for row in rows if row.key == "mean_pressure_GPa") * SI["GPa"]
    text = mechanics.yield_warning(pressure, given["hardness"].value)
    return [text] if text else []


def spreading(given: Given) -> Answer:
    """Spreading resistance of a contact on a large body, and its corrections."""
    results: list[Result] = [
        ("disc, 1/(4σa)", spots.disc_resistance, "Ω", "disc_ohm"),
        ("hemisphere, 1/(2πσa)", spots.hemisphere_resistance, "Ω", "hemisphere_ohm"),
    ]
    corrections: dict[str, Result] = {
        "depth": ("half spheroid", spots.spheroid_resistance, "Ω", "spheroid_ohm"),
        "thickness": ("disc on a slab", spots.slab_resistance, "Ω", "slab_ohm"),
        "tube_radius": ("constriction in a tube", spots.tube_resistance, "Ω", "tube_ohm"),
    }
    results += [correction for name, correction in corrections.items() if name in given]
    return Answer(_rows(results, _with_spot(given)))


def sharvin(given: Given) -> Answer:
    """Resistance of a metallic spot: Maxwell and Sharvin; lithium by default."""

    def maxwell(resistivity: float, radius: float) -> float:
        return resistivity / (2 * radius)

    results: list[Result] = [
        ("Maxwell, ρ/(2a)", maxwell, "Ω", "maxwell_ohm"),
        ("Sharvin, 4ρl/(3πa²)", spots.sharvin_resistance, "Ω", "sharvin_ohm"),
        ("together", spots.metallic_spot_resistance, "Ω", "together_ohm"),
    ]
    return Answer(_rows(results, _with_spot(given)))


def ionic(given: Given) -> Answer:
    """Ionic current through a small contact: one-dimensional, spreading, limited by charge transfer."""
    results: list[Result] = [
        ("one-dimensional, σAV/L", spots.one_dimensional_current, "A", "one_dimensional_A"),
        ("spreading, 4σaV", spots.spreading_current, "A", "spreading_A"),
    ]
    if "asr" in given:
        results += [
            ("charge transfer alone, AV/ASR", spots.charge_transfer_current, "A", "charge_transfer_A"),
            ("spreading and charge transfer", spots.ionic_current, "A", "current_A"),
        ]
    return Answer(_rows(results, _with_spot(given)))


def _with_spot(given: Given) -> dict[str, Measured]:
    """Area and radius of the contact, of which one is given."""
    if ("area" in given) == ("radius" in given):
        raise InputError("contact: one of --area-nm2 and --radius-nm must be given; got both or none.")
    require_positive("contact", **{name: given[name].value for name in ("area", "radius") if name in given})
    if "radius" in given:
        return {**given, "area": propagate(lambda radius: math.pi * radius**2, radius=given["radius"])}
    return {**given, "radius": propagate(lambda area: math.sqrt(area / math.pi), area=given["area"])}


_FILAMENT: dict[str, Result] = {
    "length": ("length", filaments.length, "µm", "length_um"),
    "resistance": ("resistance", filaments.resistance, "Ω", "resistance_ohm"),
    "diameter": ("diameter", filaments.diameter, "nm", "diameter_nm"),
    "conductivity": ("conductivity", filaments.conductivity, "S/cm", "conductivity_S_per_cm"),
}


def filament(given: Given) -> Answer:
    """A filament: what is missing of length, resistance, diameter, conductivity; charge, time to plate it."""
    missing, values = _missing_of_filament(given)
    rows = _rows([_FILAMENT[missing]], values)

    def charge(**measured: float) -> float:
        """Charge from what was measured, not from the row above: its error is not independent of theirs."""
        found = {name: value for name, value in measured.items() if name != "current"}
        if missing in ("length", "diameter"):
            found[missing] = _FILAMENT[missing][1](**found)
        return filaments.plated_charge(found["diameter"], found["length"])

    if missing in ("resistance", "conductivity"):
        values = {name: values[name] for name in ("length", "diameter")}
    rows.append(Row("plated charge (lithium)", propagate(charge, **values), "C", "charge_C"))
    if "current" in given:
        current = given["current"]
        require_positive("contact filament", current=current.value)

        def time(current: float, **measured: float) -> float:
            return charge(**measured) / current

        rows.append(Row("time to fill", propagate(time, current=current, **values), "s", "fill_time_s"))
    return Answer(rows)


def _missing_of_filament(given: Given) -> tuple[str, dict[str, Measured]]:
    """The quantity of the filament that is asked for, and the others; lithium's conductivity unless asked."""
    values = {name: given[name] for name in ("length", "resistance", "diameter", "sigma") if name in given}
    absent = [name for name in ("length", "resistance", "diameter") if name not in given]
    if not absent and "sigma" not in given:
        return "conductivity", values
    if len(absent) != 1:
        raise InputError(
            "contact filament: all but one of --length-um, --resistance-ohm, --diameter-nm and "
            f"--conductivity-S-per-cm must be given; missing {', '.join(absent) or 'none'}."
        )
    return absent[0], {"sigma": Measured(filaments.LITHIUM_CONDUCTIVITY_S_PER_M), **values}


def asr(given: Given) -> Answer:
    """Area-specific resistance, resistance and contact area; what a layer's own bulk has of it."""
    if ("layer" in given) != ("layer_sigma" in given):
        raise InputError("contact asr: --layer-um and --layer-conductivity-S-per-cm must be given together.")
    results: dict[str, Result] = {
        "asr": ("area-specific resistance", spots.asr, "Ω cm²", "asr_ohm_cm2"),
        "resistance": ("resistance", spots.resistance, "Ω", "resistance_ohm"),
        "area": ("contact area", spots.contact_area, "cm²", "area_cm2"),
    }
    absent = [name for name in results if name not in given]
    rows = _rows([results[absent[0]]], given) if len(absent) == 1 else []
    if not rows and "layer" not in given:
        raise InputError("contact asr: two of --resistance-ohm, --area-cm2 and --asr-ohm-cm2 must be given.")
    if rows and absent == ["asr"]:
        given = {**given, "asr": rows[0].value * SI["Ω cm²"]}
    return Answer(rows + (_layer_rows(given) if "layer" in given else []))


def _layer_rows(given: Given) -> list[Row]:
    """The part of an area-specific resistance that is a layer's bulk, and the rest (interfaces)."""
    own = propagate(spots.layer_asr, thickness=given["layer"], sigma=given["layer_sigma"])
    rows = [Row("of the layer's bulk", own * (1 / SI["Ω cm²"]), "Ω cm²", "layer_asr_ohm_cm2")]
    if "asr" in given:
        rest = propagate(lambda asr, own: asr - own, asr=given["asr"], own=own) * (1 / SI["Ω cm²"])
        rows.append(Row("left for the interfaces", rest, "Ω cm²", "interfaces_asr_ohm_cm2"))
    return rows
