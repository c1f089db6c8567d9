"""Quantities that `gbflux contact` asks for: one table, from which the commands get their options.

A law is a function of a dict of `Measured` in SI, by the keys of the table, and returns an `Answer`.
`command` makes a command of it that reads the options, shows the answer and writes files.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux.cli.output import FolderOption, JsonOption

if TYPE_CHECKING:
    from gbflux.lab.stats.uncertainty import Measured

NM, UM, CM2, GPA, NN, NM2 = 1e-9, 1e-6, 1e-4, 1e9, 1e-9, 1e-18
S_PER_CM, OHM_CM2 = 1e2, 1e-4


@dataclass(frozen=True)
class Quantity:
    """One option: ``--name-unit``.

    Attributes
    ----------
    key : str
        Argument of the laws.
    name, unit : str
        Of the option; the unit is empty for a plain number.
    factor : float
        To SI.
    words : str
        For the help.
    default : str or None
        None if it may be left out.
    needed : bool
        It must be given.
    """

    key: str
    name: str
    unit: str
    factor: float
    words: str
    default: str | None = None
    needed: bool = False

    @property
    def flag(self) -> str:
        """The option."""
        return f"--{self.name}" + (f"-{self.unit}" if self.unit else "")

    @property
    def shown_unit(self) -> str:
        """The unit as people write it."""
        marks = (("-per-", "/"), ("ohm", "Ω"), ("um", "µm"), ("-", " "), ("2", "²"))
        text = self.unit
        for mark, sign in marks:
            text = text.replace(mark, sign)
        return text


FORCE = Quantity("force", "force", "nN", NN, "Normal force.", needed=True)
SPHERE = Quantity("radius", "radius", "nm", NM, "Radius of the sphere.", needed=True)
RADIUS_1 = Quantity("radius_major", "radius1", "nm", NM, "One relative radius of curvature.", needed=True)
RADIUS_2 = Quantity("radius_minor", "radius2", "nm", NM, "The other.", needed=True)
ADHESION = Quantity("adhesion", "adhesion", "J-per-m2", 1, "Work of adhesion.", needed=True)
MATERIALS = (
    Quantity("modulus", "modulus", "GPa", GPA, "Effective modulus E*."),
    Quantity("modulus_1", "tip-modulus", "GPa", GPA, "Young's modulus of the sphere."),
    Quantity("poisson_1", "tip-poisson", "", 1, "Poisson's ratio of the sphere.", "0.3"),
    Quantity("modulus_2", "sample-modulus", "GPa", GPA, "Young's modulus of the flat."),
    Quantity("poisson_2", "sample-poisson", "", 1, "Poisson's ratio of the flat.", "0.3"),
)
HARDNESS = Quantity("hardness", "hardness", "GPa", GPA, "Hardness of the softer body, for the warning.")
BODY_SIGMA = Quantity("sigma", "conductivity", "S-per-cm", S_PER_CM, "Conductivity of the body.", needed=True)
SPOT = (
    Quantity("area", "area", "nm2", NM2, "Area of the contact."),
    Quantity("radius", "radius", "nm", NM, "Radius of the contact."),
)
DEPTH = Quantity("depth", "depth", "nm", NM, "Depth of a contact that is half a spheroid.")
SLAB = Quantity("thickness", "thickness", "um", UM, "Of a slab grounded at its back.")
TUBE = Quantity("tube_radius", "tube-radius", "um", UM, "Of a tube with the contact on its axis.")
RHO_L = Quantity(
    "resistivity_times_path", "rho-l", "ohm-m2", 1, "Resistivity times mean free path.", "1.2e-15"
)
RESISTIVITY = Quantity("resistivity", "resistivity", "ohm-m", 1, "Resistivity of the metal.", "92.8e-9")
THICKNESS = Quantity("thickness", "thickness", "um", UM, "Of the electrolyte.", needed=True)
VOLTAGE = Quantity("voltage", "voltage", "V", 1, "Across it.", needed=True)
TRANSFER = Quantity("asr", "asr", "ohm-cm2", OHM_CM2, "Of charge transfer at the contact.")
LENGTH = Quantity("length", "length", "um", UM, "Length.")
RESISTANCE = Quantity("resistance", "resistance", "ohm", 1, "Resistance.")
DIAMETER = Quantity("diameter", "diameter", "nm", NM, "Diameter.")
FILAMENT_SIGMA = Quantity("sigma", "conductivity", "S-per-cm", S_PER_CM, "Of the filament; else 1.1e5.")
CURRENT = Quantity("current", "current", "A", 1, "Plating current, for the time to fill.")
ELECTRODE = Quantity("area", "area", "cm2", CM2, "Area.")
ASR = Quantity("asr", "asr", "ohm-cm2", OHM_CM2, "Area-specific resistance.")
LAYER = Quantity("layer", "layer", "um", UM, "Thickness of a layer that is part of it.")
LAYER_SIGMA = Quantity("layer_sigma", "layer-conductivity", "S-per-cm", S_PER_CM, "Its conductivity.")


@dataclass(frozen=True)
class Row:
    """One result, in a unit."""

    name: str
    value: Measured
    unit: str
    key: str


@dataclass(frozen=True)
class Answer:
    """Results of a law, and remarks that a reader must know."""

    rows: list[Row]
    warnings: list[str] = field(default_factory=list)


Given = Mapping[str, "Measured"]
Law = Callable[[Given], Answer]


def command(asked: Sequence[Quantity], against: Sequence[str]) -> Callable[[Law], Callable[..., None]]:
    """Make a command of a law.

    Parameters
    ----------
    asked : sequence of Quantity
        Its options.
    against : sequence of str
        Keys; the figure shows the results against the first of them that is given.
    """

    def decorate(law: Law) -> Callable[..., None]:
        def run(as_json: bool, output: Path | None, **texts: str | None) -> None:
            from gbflux.cli.contact_answer import draw, show
            from gbflux.lab.stats.uncertainty import parse_measured

            given = {
                one.key: parse_measured(texts[one.key], f"contact: {one.flag}") * one.factor
                for one in asked
                if texts[one.key] is not None
            }
            answer = law(given)
            options = {one.flag: texts[one.key] for one in asked if texts[one.key] is not None}
            show(law.__name__, answer, as_json, output, options)
            varied = next((one for key in against for one in asked if one.key == key and key in given), None)
            if output is not None and varied is not None:
                draw(output / f"contact_{law.__name__}.png", law, given, varied)

        run.__name__, run.__doc__ = law.__name__, law.__doc__
        run.__signature__, run.__annotations__ = _signature(asked)
        return run

    return decorate


def _signature(asked: Sequence[Quantity]) -> tuple[inspect.Signature, dict[str, Any]]:
    """Parameters that the parser of the command line reads its options from."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = []
    for one in asked:
        option = typer.Option(one.flag, metavar="NUMBER", help=one.words)
        kind = Annotated[str if one.needed else str | None, option]
        default = inspect.Parameter.empty if one.needed else one.default
        parameters.append(inspect.Parameter(one.key, keyword, default=default, annotation=kind))
    parameters.append(inspect.Parameter("as_json", keyword, default=False, annotation=JsonOption))
    parameters.append(inspect.Parameter("output", keyword, default=None, annotation=FolderOption))
    return inspect.Signature(parameters), {p.name: p.annotation for p in parameters}
