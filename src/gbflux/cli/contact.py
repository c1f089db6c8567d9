"""`gbflux contact …`: contacts and filaments by formula, with uncertainties: ``400±20``, ``400±5%``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux.cli.analysis import FolderOption, JsonOption

if TYPE_CHECKING:
    from gbflux.contact.propagation import Measured

NM, UM, CM2, GPA, NN, NM2 = 1e-9, 1e-6, 1e-4, 1e9, 1e-9, 1e-18
S_PER_CM, OHM_CM2 = 1e2, 1e-4

contact = typer.Typer(
    name="contact",
    help="Contacts and filaments by formula; a number may carry its uncertainty: 400±20, 400±5%.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(frozen=True)
class Row:
    """One result."""

    name: str
    value: Measured
    unit: str
    key: str


def _text(flag: str, words: str) -> Any:
    return typer.Option(flag, metavar="NUMBER", help=words)


Force = Annotated[str, _text("--force-nN", "Normal force.")]
Radius = Annotated[str, _text("--radius-nm", "Radius of the sphere.")]
Modulus = Annotated[str | None, _text("--modulus-GPa", "Effective modulus E*.")]
Tip = Annotated[str | None, _text("--tip-modulus-GPa", "Young's modulus of the sphere.")]
TipRatio = Annotated[str, _text("--tip-poisson", "Poisson's ratio of the sphere.")]
Sample = Annotated[str | None, _text("--sample-modulus-GPa", "Young's modulus of the flat.")]
SampleRatio = Annotated[str, _text("--sample-poisson", "Poisson's ratio of the flat.")]
Hardness = Annotated[str | None, _text("--hardness-GPa", "Hardness of the softer body, for the warning.")]
Adhesion = Annotated[str, _text("--adhesion-J-per-m2", "Work of adhesion.")]
Sigma = Annotated[str, _text("--conductivity-S-per-cm", "Conductivity of the body.")]
Area = Annotated[str | None, _text("--area-nm2", "Area of the contact.")]
SpotRadius = Annotated[str | None, _text("--radius-nm", "Radius of the contact.")]


def _read(**texts: tuple[str | None, float]) -> dict[str, Measured]:
    """Options as numbers in SI; those not given are left out."""
    from gbflux.contact.propagation import parse_measured

    return {
        name: parse_measured(text, f"contact: {name}") * factor
        for name, (text, factor) in texts.items()
        if text is not None
    }


def _effective(modulus: str | None, tip, tip_ratio, sample, sample_ratio) -> Measured:
    """Effective modulus, given or from both materials."""
    from gbflux.contact.hertz import effective_modulus
    from gbflux.contact.propagation import propagate
    from gbflux.errors import InputError

    if modulus is not None:
        return _read(modulus=(modulus, GPA))["modulus"]
    if tip is None or sample is None:
        raise InputError(
            "contact: the modulus must be given, by --modulus-GPa or by --tip-modulus-GPa and "
            "--sample-modulus-GPa."
        )
    materials = _read(
        modulus_1=(tip, GPA), poisson_1=(tip_ratio, 1), modulus_2=(sample, GPA), poisson_2=(sample_ratio, 1)
    )
    return propagate(effective_modulus, **materials)


def _area_of(area: str | None, radius: str | None) -> Measured:
    """Area of a contact, given or from its radius."""
    import math

    from gbflux.contact.propagation import propagate
    from gbflux.errors import InputError

    if (area is None) == (radius is None):
        raise InputError("contact: one of --area-nm2 and --radius-nm must be given; got both or none.")
    if area is not None:
        return _read(area=(area, NM2))["area"]
    return propagate(lambda radius: math.pi * radius**2, **_read(radius=(radius, NM)))


def _rows(laws: Sequence[tuple[str, Callable[..., float], str, float, str]], **values) -> list[Row]:
    """A row for each law, with the arguments it takes."""
    from gbflux.contact.propagation import propagate

    rows = []
    for name, law, unit, factor, key in laws:
        wanted = inspect.signature(law).parameters
        result = propagate(law, **{k: v for k, v in values.items() if k in wanted})
        rows.append(Row(name, result * (1 / factor), unit, key))
    return rows


def _show(
    command: str, rows: list[Row], warnings: list[str], as_json: bool, folder, options: dict[str, Any]
) -> None:
    """Table or JSON, warnings, and files."""
    from gbflux.cli.analysis import json_text, make_folder, provenance, table_text, write_csv, write_json

    record = {row.key: row.value.value for row in rows}
    record |= {f"{row.key}_error": row.value.error for row in rows if row.value.error > 0}
    if as_json:
        typer.echo(json_text({**record, "warnings": warnings}))
    else:
        cells = [(row.name, str(row.value), row.unit) for row in rows]
        typer.echo(table_text([("quantity", "value", "unit"), *cells]))
        for text in warnings:
            typer.echo(f"warning: {text}", err=True)
    if folder is not None:
        make_folder(folder)
        table = [
            {"quantity": r.key, "value": r.value.value, "error": r.value.error, "unit": r.unit} for r in rows
        ]
        write_csv(folder / f"contact_{command}.csv", table)
        asked = {k: v for k, v in options.items() if k not in ("as_json", "output") and v is not None}
        write_json(folder / "provenance.json", provenance([], {"command": f"contact {command}", **asked}))


def _yield(rows: list[Row], hardness: str | None) -> list[str]:
    """The warning of `yield_warning` for the row with the pressure."""
    from gbflux.contact.hertz import yield_warning

    if hardness is None:
        return []
    pressure = next(row.value.value for row in rows if row.key == "mean_pressure_GPa") * GPA
    text = yield_warning(pressure, _read(hardness=(hardness, GPA))["hardness"].value)
    return [text] if text else []


@contact.command()
def hertz(
    force: Force,
    radius: Radius,
    modulus: Modulus = None,
    tip: Tip = None,
    tip_ratio: TipRatio = "0.3",
    sample: Sample = None,
    sample_ratio: SampleRatio = "0.3",
    hardness: Hardness = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Elastic contact of a sphere on a flat, without adhesion."""
    from gbflux.contact import hertz as law

    options = dict(locals())
    star = _effective(modulus, tip, tip_ratio, sample, sample_ratio)
    laws = [
        ("contact area", law.contact_area, "nm²", NM2, "area_nm2"),
        ("contact radius", law.contact_radius, "nm", NM, "radius_nm"),
        ("approach", law.approach, "nm", NM, "approach_nm"),
        ("mean pressure", law.mean_pressure, "GPa", GPA, "mean_pressure_GPa"),
    ]
    rows = _rows(laws, **_read(force=(force, NN), radius=(radius, NM)), modulus=star)
    rows.append(Row("effective modulus", star * (1 / GPA), "GPa", "modulus_GPa"))
    options.pop("law")
    _show("hertz", rows, _yield(rows, hardness), as_json, output, options)


@contact.command()
def elliptic(
    force: Force,
    radius_1: Annotated[str, _text("--radius1-nm", "One relative radius of curvature.")],
    radius_2: Annotated[str, _text("--radius2-nm", "The other.")],
    modulus: Modulus = None,
    tip: Tip = None,
    tip_ratio: TipRatio = "0.3",
    sample: Sample = None,
    sample_ratio: SampleRatio = "0.3",
    hardness: Hardness = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Elastic contact of bodies with two radii of curvature."""
    from gbflux.contact.hertz import elliptic_contact

    options = dict(locals())
    options.pop("elliptic_contact")
    star = _effective(modulus, tip, tip_ratio, sample, sample_ratio)

    def part(name: str) -> Callable[..., float]:
        def law(force: float, radius_major: float, radius_minor: float, modulus: float) -> float:
            return getattr(elliptic_contact(force, radius_major, radius_minor, modulus), name)

        return law

    laws = [
        ("contact area", part("area"), "nm²", NM2, "area_nm2"),
        ("semi-axis, major", part("major"), "nm", NM, "major_nm"),
        ("semi-axis, minor", part("minor"), "nm", NM, "minor_nm"),
        ("approach", part("approach"), "nm", NM, "approach_nm"),
        ("mean pressure", part("mean_pressure"), "GPa", GPA, "mean_pressure_GPa"),
    ]
    values = _read(force=(force, NN), radius_major=(radius_1, NM), radius_minor=(radius_2, NM))
    rows = _rows(laws, **values, modulus=star)
    _show("elliptic", rows, _yield(rows, hardness), as_json, output, options)


@contact.command()
def jkr(
    force: Force,
    radius: Radius,
    adhesion: Adhesion,
    modulus: Modulus = None,
    tip: Tip = None,
    tip_ratio: TipRatio = "0.3",
    sample: Sample = None,
    sample_ratio: SampleRatio = "0.3",
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Contact with adhesion after Johnson, Kendall and Roberts: soft and large bodies."""
    options = dict(locals())
    star = _effective(modulus, tip, tip_ratio, sample, sample_ratio)
    _adhesive("jkr", force, radius, adhesion, star, as_json, output, options)


@contact.command()
def dmt(
    force: Force,
    radius: Radius,
    adhesion: Adhesion,
    modulus: Modulus = None,
    tip: Tip = None,
    tip_ratio: TipRatio = "0.3",
    sample: Sample = None,
    sample_ratio: SampleRatio = "0.3",
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Contact with adhesion after Derjaguin, Muller and Toporov: stiff and small bodies."""
    options = dict(locals())
    star = _effective(modulus, tip, tip_ratio, sample, sample_ratio)
    _adhesive("dmt", force, radius, adhesion, star, as_json, output, options)


def _adhesive(kind: str, force, radius, adhesion, star: Measured, as_json, folder, options) -> None:
    """Both theories of adhesion."""
    import math

    from gbflux.contact import adhesion as law

    radius_of, approach_of = getattr(law, f"{kind}_radius"), getattr(law, f"{kind}_approach")

    def area(force: float, radius: float, modulus: float, adhesion: float) -> float:
        return math.pi * radius_of(force, radius, modulus, adhesion) ** 2

    laws = [
        ("contact area", area, "nm²", NM2, "area_nm2"),
        ("contact radius", radius_of, "nm", NM, "radius_nm"),
        ("approach", approach_of, "nm", NM, "approach_nm"),
        ("pull-off force", getattr(law, f"{kind}_pull_off"), "nN", NN, "pull_off_nN"),
        ("Tabor number", law.tabor_number, "", 1.0, "tabor_number"),
    ]
    values = _read(force=(force, NN), radius=(radius, NM), adhesion=(adhesion, 1))
    rows = _rows(laws, **values, modulus=star)
    tabor = rows[-1].value.value
    wrong = (kind == "jkr" and tabor < 0.1) or (kind == "dmt" and tabor > 5)
    other = {"jkr": "dmt", "dmt": "jkr"}[kind]
    warnings = [f"Tabor number {tabor:.2g}: `gbflux contact {other}` holds, not this"] if wrong else []
    _show(kind, rows, warnings, as_json, folder, options)


@contact.command()
def spreading(
    sigma: Sigma,
    area: Area = None,
    radius: SpotRadius = None,
    depth: Annotated[str | None, _text("--depth-nm", "Depth of a contact that is half a spheroid.")] = None,
    thickness: Annotated[str | None, _text("--thickness-um", "Of a slab grounded at its back.")] = None,
    tube: Annotated[str | None, _text("--tube-radius-um", "Of a tube with the contact on its axis.")] = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Spreading resistance of a contact on a large body, and its corrections."""
    import math

    from gbflux.contact import spreading as law
    from gbflux.contact.propagation import propagate

    options = dict(locals())
    options = {k: v for k, v in options.items() if isinstance(v, str)}
    a = propagate(lambda area: math.sqrt(area / math.pi), area=_area_of(area, radius))
    values = _read(
        sigma=(sigma, S_PER_CM), depth=(depth, NM), thickness=(thickness, UM), tube_radius=(tube, UM)
    )
    laws = [("disc, 1/(4σa)", law.disc_resistance, "Ω", 1.0, "disc_ohm")]
    laws += [("hemisphere, 1/(2πσa)", law.hemisphere_resistance, "Ω", 1.0, "hemisphere_ohm")]
    laws += [("half spheroid", law.spheroid_resistance, "Ω", 1.0, "spheroid_ohm")] if depth else []
    laws += [("disc on a slab", law.slab_resistance, "Ω", 1.0, "slab_ohm")] if thickness else []
    laws += [("constriction in a tube", law.tube_resistance, "Ω", 1.0, "tube_ohm")] if tube else []
    _show("spreading", _rows(laws, **values, radius=a), [], as_json, output, options)


@contact.command()
def sharvin(
    area: Area = None,
    radius: SpotRadius = None,
    product: Annotated[str, _text("--rho-l-ohm-m2", "Resistivity times mean free path.")] = "1.2e-15",
    resistivity: Annotated[str, _text("--resistivity-ohm-m", "Resistivity of the metal.")] = "92.8e-9",
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Resistance of a metallic spot: Maxwell and Sharvin; lithium by default."""
    import math

    from gbflux.contact import spreading as law
    from gbflux.contact.propagation import propagate

    options = {k: v for k, v in dict(locals()).items() if isinstance(v, str)}
    a = propagate(lambda area: math.sqrt(area / math.pi), area=_area_of(area, radius))
    values = _read(resistivity_times_path=(product, 1), resistivity=(resistivity, 1))
    laws = [
        ("Maxwell, ρ/(2a)", lambda resistivity, radius: resistivity / (2 * radius), "Ω", 1.0, "maxwell_ohm"),
        ("Sharvin, 4ρl/(3πa²)", law.sharvin_resistance, "Ω", 1.0, "sharvin_ohm"),
        ("together", law.metallic_spot_resistance, "Ω", 1.0, "together_ohm"),
    ]
    _show("sharvin", _rows(laws, **values, radius=a), [], as_json, output, options)


@contact.command()
def ionic(
    sigma: Sigma,
    thickness: Annotated[str, _text("--thickness-um", "Of the electrolyte.")],
    voltage: Annotated[str, _text("--voltage-V", "Across it.")],
    area: Area = None,
    radius: SpotRadius = None,
    asr: Annotated[str | None, _text("--asr-ohm-cm2", "Of charge transfer at the contact.")] = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Ionic current through a small contact: one-dimensional, spreading, limited by charge transfer."""
    from gbflux.contact import ionic as law

    options = {k: v for k, v in dict(locals()).items() if isinstance(v, str)}
    values = _read(
        sigma=(sigma, S_PER_CM), thickness=(thickness, UM), voltage=(voltage, 1), asr=(asr, OHM_CM2)
    )
    laws = [
        ("one-dimensional, σAV/L", law.one_dimensional_current, "A", 1.0, "one_dimensional_A"),
        ("spreading, 4σaV", law.spreading_current, "A", 1.0, "spreading_A"),
    ]
    if asr is not None:
        laws += [
            ("charge transfer alone, AV/ASR", law.charge_transfer_current, "A", 1.0, "charge_transfer_A"),
            ("spreading and charge transfer", law.ionic_current, "A", 1.0, "current_A"),
        ]
    _show("ionic", _rows(laws, **values, area=_area_of(area, radius)), [], as_json, output, options)


@contact.command()
def filament(
    length: Annotated[str | None, _text("--length-um", "Length.")] = None,
    resistance: Annotated[str | None, _text("--resistance-ohm", "Resistance.")] = None,
    diameter: Annotated[str | None, _text("--diameter-nm", "Diameter.")] = None,
    sigma: Annotated[str | None, _text("--conductivity-S-per-cm", "Of the filament; else 1.1e5.")] = None,
    current: Annotated[str | None, _text("--current-A", "Plating current, for the time to fill.")] = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """A filament: what is missing of length, resistance, diameter, conductivity; charge, time to plate it."""
    from gbflux.contact import filament as law
    from gbflux.errors import InputError

    options = {k: v for k, v in dict(locals()).items() if isinstance(v, str)}
    given = {"length": length, "resistance": resistance, "diameter": diameter}
    absent = [name for name, text in given.items() if text is None]
    if not absent and sigma is None:
        absent = ["conductivity"]
    elif sigma is None:
        sigma = f"{law.LITHIUM_CONDUCTIVITY_S_PER_M / S_PER_CM:g}"
    if len(absent) != 1:
        raise InputError(
            "contact filament: all but one of --length-um, --resistance-ohm, --diameter-nm and "
            f"--conductivity-S-per-cm must be given; missing {', '.join(absent) or 'none'}."
        )
    values = _read(
        length=(length, UM), resistance=(resistance, 1), diameter=(diameter, NM), sigma=(sigma, S_PER_CM)
    )
    units = {
        "length": ("µm", UM, "length_um"),
        "resistance": ("Ω", 1.0, "resistance_ohm"),
        "diameter": ("nm", NM, "diameter_nm"),
        "conductivity": ("S/cm", S_PER_CM, "conductivity_S_per_cm"),
    }
    rows = _rows([(absent[0], getattr(law, absent[0]), *units[absent[0]])], **values)
    if absent[0] in ("length", "diameter"):  # from what was measured: errors stay right

        def charge(**measured: float) -> float:
            found = {**measured, absent[0]: getattr(law, absent[0])(**measured)}
            return law.plated_charge(found["diameter"], found["length"])
    else:

        def charge(**measured: float) -> float:
            return law.plated_charge(measured["diameter"], measured["length"])

    from gbflux.contact.propagation import propagate

    if absent[0] in ("resistance", "conductivity"):
        values = {k: v for k, v in values.items() if k in ("length", "diameter")}
    rows.append(Row("plated charge (lithium)", propagate(charge, **values), "C", "charge_C"))
    if current is not None:
        flow = _read(current=(current, 1))
        time = propagate(lambda current, **rest: charge(**rest) / current, **flow, **values)
        rows.append(Row("time to fill", time, "s", "fill_time_s"))
    _show("filament", rows, [], as_json, output, options)


@contact.command()
def asr(
    resistance: Annotated[str | None, _text("--resistance-ohm", "Resistance.")] = None,
    area: Annotated[str | None, _text("--area-cm2", "Area.")] = None,
    asr: Annotated[str | None, _text("--asr-ohm-cm2", "Area-specific resistance.")] = None,
    layer: Annotated[str | None, _text("--layer-um", "Thickness of a layer that is part of it.")] = None,
    sigma: Annotated[str | None, _text("--layer-conductivity-S-per-cm", "Its conductivity.")] = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Area-specific resistance, resistance and contact area; what a layer's own bulk has of it."""
    from gbflux.contact import area_resistance as law
    from gbflux.contact.propagation import propagate
    from gbflux.errors import InputError

    options = {k: v for k, v in dict(locals()).items() if isinstance(v, str)}
    if (layer is None) != (sigma is None):
        raise InputError("contact asr: --layer-um and --layer-conductivity-S-per-cm must be given together.")
    values = _read(resistance=(resistance, 1), area=(area, CM2), asr=(asr, OHM_CM2))
    laws = {
        "asr": ("area-specific resistance", law.asr, "Ω cm²", OHM_CM2, "asr_ohm_cm2"),
        "resistance": ("resistance", law.resistance, "Ω", 1.0, "resistance_ohm"),
        "area": ("contact area", law.contact_area, "cm²", CM2, "area_cm2"),
    }
    absent = [name for name in laws if name not in values]
    rows = _rows([laws[absent[0]]], **values) if len(absent) == 1 else []
    if not rows and layer is None:
        raise InputError("contact asr: two of --resistance-ohm, --area-cm2 and --asr-ohm-cm2 must be given.")
    if layer is not None:
        inside = _read(thickness=(layer, UM), sigma=(sigma, S_PER_CM))
        own = propagate(law.layer_asr, **inside)
        rows.append(Row("of the layer's bulk", own * (1 / OHM_CM2), "Ω cm²", "layer_asr_ohm_cm2"))
        if asr is not None:
            rest = propagate(lambda asr, own: asr - own, asr=values["asr"], own=own) * (1 / OHM_CM2)
            rows.append(Row("left for the interfaces", rest, "Ω cm²", "interfaces_asr_ohm_cm2"))
    _show("asr", rows, [], as_json, output, options)


@contact.command()
def covering(
    size: Annotated[float, typer.Option("--size-um", help="Diameter of a disc, side of a square.")],
    grain: Annotated[float, typer.Option("--grain-um", help="Mean grain size.")],
    shape: Annotated[str, typer.Option("--shape", help="disc or square.")] = "disc",
    simulate: Annotated[bool, typer.Option("--simulate", help="Try positions on grains too.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of grains and positions.")] = 1,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Probability that an electrode covers a grain boundary."""
    from gbflux.contact.propagation import Measured
    from gbflux.iv.covering import coverage_of_lines, simulated_coverage

    options = {"size_um": size, "grain_um": grain, "shape": shape, "simulate": simulate, "seed": seed}
    exact = coverage_of_lines(size, grain, shape)
    rows = [Row("isotropic lines, 1 − exp(−τP/π)", Measured(exact), "", "lines")]
    if simulate:
        grains = max(400, int((4 * size / grain) ** 2))
        found = simulated_coverage(size, grain, shape=shape, seed=seed, grains=grains)
        rows.append(Row("Voronoi grains, simulated", Measured(found.probability, found.error), "", "voronoi"))
    _show("covering", rows, [], as_json, output, options)
