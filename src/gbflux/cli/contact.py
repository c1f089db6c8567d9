"""`gbflux contact …`: contacts and filaments by formula, with uncertainties: ``400±20``, ``400±5%``.

A parameter's name says all about a quantity: `force_nN` is the option ``--force-nN``, its number is taken in
nN, and `contact_laws` gets it in SI as `force`. So a command is its list of parameters; it hands all of them
(`locals()`, before anything else is a local) to `_answer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux.cli.output import FolderOption, JsonOption, json_text, table_text, write_analysis

if TYPE_CHECKING:
    from gbflux.cli.contact_laws import Answer, Given, Law, Row

#: Arguments of the laws that are not called as their options are.
ARGUMENTS = {
    "radius1": "radius_major",
    "radius2": "radius_minor",
    "tip_modulus": "modulus_1",
    "tip_poisson": "poisson_1",
    "sample_modulus": "modulus_2",
    "sample_poisson": "poisson_2",
    "rho_l": "resistivity_times_path",
    "conductivity": "sigma",
    "layer_conductivity": "layer_sigma",
}
_REACH = 10.0  # times and parts of the given value that a figure shows
_PLACES = 41


def _number(option: str, words: str) -> Any:
    """An option for a number; its name must be given, for typer would make small letters of a unit's."""
    return typer.Option(option, metavar="NUMBER", help=words)


Force = Annotated[str, _number("--force-nN", "Normal force.")]
Sphere = Annotated[str, _number("--radius-nm", "Radius of the sphere.")]
Adhesion = Annotated[str, _number("--adhesion-J-per-m2", "Work of adhesion.")]
Modulus = Annotated[str | None, _number("--modulus-GPa", "Effective modulus E*.")]
TipModulus = Annotated[str | None, _number("--tip-modulus-GPa", "Young's modulus of the sphere.")]
TipPoisson = Annotated[str, _number("--tip-poisson", "Poisson's ratio of the sphere.")]
SampleModulus = Annotated[str | None, _number("--sample-modulus-GPa", "Young's modulus of the flat.")]
SamplePoisson = Annotated[str, _number("--sample-poisson", "Poisson's ratio of the flat.")]
Hardness = Annotated[str | None, _number("--hardness-GPa", "Hardness of the softer body, for the warning.")]
BodySigma = Annotated[str, _number("--conductivity-S-per-cm", "Conductivity of the body.")]
SpotArea = Annotated[str | None, _number("--area-nm2", "Area of the contact.")]
SpotRadius = Annotated[str | None, _number("--radius-nm", "Radius of the contact.")]
Resistance = Annotated[str | None, _number("--resistance-ohm", "Resistance.")]
Depth = Annotated[str | None, _number("--depth-nm", "Depth of a contact that is half a spheroid.")]
TubeRadius = Annotated[str | None, _number("--tube-radius-um", "Of a tube with the contact on its axis.")]
Resistivity = Annotated[str, _number("--resistivity-ohm-m", "Resistivity of the metal.")]
FilamentSigma = Annotated[str | None, _number("--conductivity-S-per-cm", "Of the filament; else 1.1e5.")]
LayerSigma = Annotated[str | None, _number("--layer-conductivity-S-per-cm", "Its conductivity.")]

contact = typer.Typer(
    name="contact",
    help="Contacts and filaments by formula; a number may carry its uncertainty: 400±20, 400±5%.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@contact.command()
def hertz(
    force_nN: Force,
    radius_nm: Sphere,
    modulus_GPa: Modulus = None,
    tip_modulus_GPa: TipModulus = None,
    tip_poisson: TipPoisson = "0.3",
    sample_modulus_GPa: SampleModulus = None,
    sample_poisson: SamplePoisson = "0.3",
    hardness_GPa: Hardness = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Elastic contact of a sphere on a flat, without adhesion."""
    _answer("hertz", locals(), against=("force_nN",))


@contact.command()
def elliptic(
    force_nN: Force,
    radius1_nm: Annotated[str, _number("--radius1-nm", "One relative radius of curvature.")],
    radius2_nm: Annotated[str, _number("--radius2-nm", "The other.")],
    modulus_GPa: Modulus = None,
    tip_modulus_GPa: TipModulus = None,
    tip_poisson: TipPoisson = "0.3",
    sample_modulus_GPa: SampleModulus = None,
    sample_poisson: SamplePoisson = "0.3",
    hardness_GPa: Hardness = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Elastic contact of bodies with two radii of curvature."""
    _answer("elliptic", locals(), against=("force_nN",))


@contact.command()
def jkr(
    force_nN: Force,
    radius_nm: Sphere,
    adhesion_J_per_m2: Adhesion,
    modulus_GPa: Modulus = None,
    tip_modulus_GPa: TipModulus = None,
    tip_poisson: TipPoisson = "0.3",
    sample_modulus_GPa: SampleModulus = None,
    sample_poisson: SamplePoisson = "0.3",
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Contact with adhesion after Johnson, Kendall and Roberts: soft and large bodies."""
    _answer("jkr", locals(), against=("force_nN",))


@contact.command()
def dmt(
    force_nN: Force,
    radius_nm: Sphere,
    adhesion_J_per_m2: Adhesion,
    modulus_GPa: Modulus = None,
    tip_modulus_GPa: TipModulus = None,
    tip_poisson: TipPoisson = "0.3",
    sample_modulus_GPa: SampleModulus = None,
    sample_poisson: SamplePoisson = "0.3",
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Contact with adhesion after Derjaguin, Muller and Toporov: stiff and small bodies."""
    _answer("dmt", locals(), against=("force_nN",))


@contact.command()
def spreading(
    conductivity_S_per_cm: BodySigma,
    area_nm2: SpotArea = None,
    radius_nm: SpotRadius = None,
    depth_nm: Depth = None,
    thickness_um: Annotated[str | None, _number("--thickness-um", "Of a slab grounded at its back.")] = None,
    tube_radius_um: TubeRadius = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Spreading resistance of a contact on a large body, and its corrections."""
    _answer(
        "spreading",
        locals(),
        against=(
            "area_nm2",
            "radius_nm",
        ),
    )


@contact.command()
def sharvin(
    area_nm2: SpotArea = None,
    radius_nm: SpotRadius = None,
    rho_l_ohm_m2: Annotated[str, _number("--rho-l-ohm-m2", "Resistivity times mean free path.")] = "1.2e-15",
    resistivity_ohm_m: Resistivity = "92.8e-9",
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Resistance of a metallic spot: Maxwell and Sharvin; lithium by default."""
    _answer(
        "sharvin",
        locals(),
        against=(
            "area_nm2",
            "radius_nm",
        ),
    )


@contact.command()
def ionic(
    conductivity_S_per_cm: BodySigma,
    thickness_um: Annotated[str, _number("--thickness-um", "Of the electrolyte.")],
    voltage_V: Annotated[str, _number("--voltage-V", "Across it.")],
    area_nm2: SpotArea = None,
    radius_nm: SpotRadius = None,
    asr_ohm_cm2: Annotated[str | None, _number("--asr-ohm-cm2", "Of charge transfer at the contact.")] = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Ionic current through a small contact: one-dimensional, spreading, limited by charge transfer."""
    _answer(
        "ionic",
        locals(),
        against=(
            "area_nm2",
            "radius_nm",
        ),
    )


@contact.command()
def filament(
    length_um: Annotated[str | None, _number("--length-um", "Length.")] = None,
    resistance_ohm: Resistance = None,
    diameter_nm: Annotated[str | None, _number("--diameter-nm", "Diameter.")] = None,
    conductivity_S_per_cm: FilamentSigma = None,
    current_A: Annotated[str | None, _number("--current-A", "Plating current, for the time to fill.")] = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """A filament: what is missing of length, resistance, diameter, conductivity; charge, time to plate it."""
    _answer(
        "filament",
        locals(),
        against=(
            "resistance_ohm",
            "diameter_nm",
            "length_um",
        ),
    )


@contact.command()
def asr(
    resistance_ohm: Resistance = None,
    area_cm2: Annotated[str | None, _number("--area-cm2", "Area.")] = None,
    asr_ohm_cm2: Annotated[str | None, _number("--asr-ohm-cm2", "Area-specific resistance.")] = None,
    layer_um: Annotated[str | None, _number("--layer-um", "Thickness of a layer that is part of it.")] = None,
    layer_conductivity_S_per_cm: LayerSigma = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Area-specific resistance, resistance and contact area; what a layer's own bulk has of it."""
    _answer(
        "asr",
        locals(),
        against=(
            "area_cm2",
            "resistance_ohm",
            "asr_ohm_cm2",
        ),
    )


@contact.command()
def covering(
    size: Annotated[float, typer.Option("--size-um", help="Diameter of a disc, side of a square.")],
    grain: Annotated[float, typer.Option("--grain-um", help="Mean grain size.")],
    shape: Annotated[str, typer.Option("--shape", help="disc or square.")] = "disc",
    simulate: Annotated[bool, typer.Option("--simulate", help="Try positions on grains too.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of grains and positions.")] = 1,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Probability that an electrode covers a grain boundary."""
    from gbflux.cli.contact_laws import Answer, Row
    from gbflux.lab.stats.covering import coverage_of_lines, simulated_coverage
    from gbflux.lab.stats.uncertainty import Measured

    exact = coverage_of_lines(size, grain, shape)
    rows = [Row("isotropic lines, 1 − exp(−τP/π)", Measured(exact), "", "lines")]
    if simulate:
        grains = max(400, int((4 * size / grain) ** 2))
        found = simulated_coverage(size, grain, shape=shape, seed=seed, grains=grains)
        rows.append(Row("Voronoi grains, simulated", Measured(found.probability, found.error), "", "voronoi"))
    options = {"size_um": size, "grain_um": grain, "shape": shape, "simulate": simulate, "seed": seed}
    _show("covering", Answer(rows), as_json, output, options)
    if output is not None:
        _draw_covering(output / "contact_covering.png", size, grain, shape, rows)


def _draw_covering(path: Path, size: float, grain: float, shape: str, rows: list[Row]) -> None:
    """Probability against size; the simulated one where it was asked for."""
    import numpy as np

    from gbflux.lab.stats.covering import coverage_of_lines
    from gbflux.report.figures.memristor import draw_laws

    sizes = size * np.geomspace(0.1, 10, 41)
    course = [coverage_of_lines(float(one), grain, shape) for one in sizes]
    curves = np.array([course, *([np.nan] * len(sizes) for _ in rows[1:])])
    results = [(row.name, row.unit, row.value.value, row.value.error) for row in rows]
    draw_laws(path, (f"size of the {shape} (µm)", sizes), (size, 0.0), results, curves)


def _answer(name: str, parameters: dict[str, Any], against: Sequence[str]) -> None:
    """Show the answer of a law to the parameters of its command, and write files.

    Parameters
    ----------
    name : str
        Of the law and its command.
    parameters : dict
        All parameters of the command.
    against : sequence of str
        Parameters; the figure shows the results against the first of them that is given.
    """
    from gbflux.cli import contact_laws
    from gbflux.lab.stats.uncertainty import parse_measured

    as_json, folder = parameters["as_json"], parameters["output"]
    texts = {key: text for key, text in parameters.items() if isinstance(text, str)}
    given = {}
    for key, text in texts.items():
        quantity, unit = _quantity(key)
        number = parse_measured(text, f"contact: --{key.replace('_', '-')}")
        given[ARGUMENTS.get(quantity, quantity)] = number * contact_laws.SI[unit]
    law: Law = getattr(contact_laws, name)
    answer = law(given)
    _show(name, answer, as_json, folder, texts)
    varied = next((key for key in against if key in texts), None)
    if folder is not None and varied is not None:
        _draw(folder / f"contact_{name}.png", law, given, answer, varied)


def _quantity(parameter: str) -> tuple[str, str]:
    """Name and unit of a parameter's quantity: ``area_nm2`` is ``area`` in nm², ``tip_poisson`` a number."""
    from gbflux.cli.contact_laws import SI

    words = parameter.split("_")
    for count in range(1, len(words)):
        unit = " ".join(words[count:]).replace(" per ", "/")
        for mark, sign in (("ohm", "Ω"), ("um", "µm"), ("2", "²")):
            unit = unit.replace(mark, sign)
        if unit in SI:
            return "_".join(words[:count]), unit
    return parameter, ""


def _show(name: str, answer: Answer, as_json: bool, folder: Path | None, options: Mapping[str, Any]) -> None:
    """Table or JSON, warnings, CSV and provenance."""
    rows = answer.rows
    record = {row.key: row.value.value for row in rows}
    record |= {f"{row.key}_error": row.value.error for row in rows if row.value.error > 0}
    if as_json:
        typer.echo(json_text({**record, "warnings": answer.warnings}))
    else:
        cells = [(row.name, str(row.value), row.unit) for row in rows]
        typer.echo(table_text([("quantity", "value", "unit"), *cells]))
        for text in answer.warnings:
            typer.echo(f"warning: {text}", err=True)
    if folder is not None:
        table = [
            {"quantity": r.key, "value": r.value.value, "error": r.value.error, "unit": r.unit} for r in rows
        ]
        asked = {"command": f"contact {name}", **options}
        write_analysis(folder, {f"contact_{name}.csv": table}, None, [], asked)


def _draw(path: Path, law: Law, given: Given, answer: Answer, varied: str) -> None:
    """Draw the results against one parameter, from a tenth to ten times its value."""
    import numpy as np

    from gbflux.cli.contact_laws import SI
    from gbflux.report.figures.memristor import draw_laws

    quantity, unit = _quantity(varied)
    argument = ARGUMENTS.get(quantity, quantity)
    middle, factor = given[argument], SI[unit]
    places = middle.value * np.geomspace(1 / _REACH, _REACH, _PLACES)
    courses = [_values(law, given, argument, float(place), answer.rows) for place in places]
    draw_laws(
        path,
        (f"{quantity.replace('_', ' ')} ({unit})", places / factor),
        (middle.value / factor, middle.error / factor),
        [(row.name, row.unit, row.value.value, row.value.error) for row in answer.rows],
        np.array(courses).T,
    )


def _values(law: Law, given: Given, argument: str, place: float, rows: list[Row]) -> list[float]:
    """Results with one quantity moved, without uncertainties; NaN where the law does not hold."""
    from gbflux.errors import InputError
    from gbflux.lab.stats.uncertainty import Measured

    moved: dict[str, Measured] = {name: Measured(value.value) for name, value in given.items()}
    try:
        found = {row.key: row.value.value for row in law({**moved, argument: Measured(place)}).rows}
    except InputError:
        found = {}
    return [found.get(row.key, float("nan")) for row in rows]
