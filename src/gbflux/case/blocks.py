"""The blocks of a case: its keys, in the user's units, with the unit in the key; what a value may be.

A quoted number or `true` is not a number. Rules between keys are in `rules`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    WithJsonSchema,
)
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from gbflux import units
from gbflux.case.grain_files import GrainFile, read_field
from gbflux.units import SIDES

LARGEST_SEED = 2**63 - 1
LONGEST_UM = 1e7  # ten metres: beyond it a length was meant in another unit
#: What can be refined for, in the order in which it is reported.
TARGETS = ("conductance", "hot_spots", "hot_spot")


class Block(BaseModel):
    """A block of keys: frozen, and no key beside those it declares."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def _whole(value: Any) -> Any:
    """A float without fraction as an int, so that ``1e3`` is a count; anything else unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plus_zero(value: Any) -> Any:
    """Minus zero as zero: they are one case, and must have one hash."""
    return 0.0 if isinstance(value, float) and value == 0 else value


Number = Annotated[float, BeforeValidator(_plus_zero), Strict(), AllowInfNan(False)]
WholeNumber = Annotated[int, BeforeValidator(_whole), Strict()]
Switch = Annotated[bool, Strict()]


def quantity(description: str, unit: str, default: Any = ..., **limits: Any) -> Any:
    """A field with a unit (``"1"`` for a pure number), which goes into the JSON schema and into messages.

    Without a default the key is required; a function is called for it (pydantic's ``default_factory``).
    Limits are ``gt``, ``ge``, ``lt``, ``le``.
    """
    extra: JsonDict = {"unit": unit}
    if callable(default):
        return Field(default_factory=default, description=description, json_schema_extra=extra, **limits)
    return Field(default, description=description, json_schema_extra=extra, **limits)


def unit_of(field: FieldInfo) -> str:
    """Unit of a field as a message writes it; empty for a word, a switch or a pure number."""
    extra = field.json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, Mapping) else ""
    return "" if unit == "1" else unit


def per_cent(text: str) -> float | None:
    """A percentage as a fraction of one; None for text that is none.

    Examples
    --------
    >>> per_cent("0.1%"), per_cent(" 5 % "), per_cent("0.1")
    (0.001, 0.05, None)
    """
    words = text.strip()
    if not words.endswith("%"):
        return None
    try:
        # 15 digits: 0.7% and 0.007 have to be one case, and 0.7 / 100 is 0.006999999999999999
        return float(f"{float(words[:-1]) / 100:.15g}")
    except ValueError:
        return None


def _from_per_cent(value: Any) -> Any:
    """Text with a per cent sign as a number; anything else unchanged."""
    if not isinstance(value, str):
        return value
    fraction = per_cent(value)
    if fraction is None or not math.isfinite(fraction):
        message = "must be a number between 0 and 1 or a percentage; got {text}. Write 0.05 or 5%."
        raise PydanticCustomError("percentage", message, {"text": repr(value[:50])})
    return fraction


Fraction = Annotated[
    float,
    BeforeValidator(_from_per_cent),
    Strict(),
    AllowInfNan(False),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "string", "pattern": "%\\s*$"},
            ]
        }
    ),
]


Conductivity = Annotated[Number, quantity("conductivity at the reference temperature", "S/cm", gt=0, le=1e9)]
ActivationEnergy = Annotated[
    Number | None,
    quantity(
        "activation energy of the conductivity (Arrhenius); absent: no change with temperature",
        "eV",
        ge=0,
    ),
]
ReferenceTemperature = Annotated[
    Number, quantity("temperature at which the conductivity is given", "°C", gt=-units.ICE_POINT_K)
]
SeedsField = Annotated[
    GrainFile | None,
    PlainValidator(read_field),
    PlainSerializer(lambda file: None if file is None else file.path, return_type=str | None),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]}),
]


class Variation(Block):
    """A conductivity that differs from one grain, or one boundary, to the next."""

    distribution: Literal["lognormal"] = Field(
        default="lognormal", description="law of the scatter; median: the conductivity"
    )
    sigma: Number = quantity("standard deviation of ln(conductivity)", "1", gt=0, le=10)
    seed: WholeNumber = quantity("seed of the scatter", "1", default=1, ge=0, le=LARGEST_SEED)


class Geometry(Block):
    """The box of electrolyte, without homogenizing layers; z, the direction of the field, comes last."""

    size_um: Annotated[
        tuple[Annotated[Number, Field(gt=0, le=LONGEST_UM)], ...],
        quantity("size of the electrolyte: [x, y, z], in 2D [x, z]", "µm", min_length=2, max_length=3),
    ]
    dimension: WholeNumber = quantity(
        "2 or 3; absent: as many as size_um has entries",
        "1",
        default=lambda data: len(data.get("size_um", (1, 1, 1))),
        ge=2,
        le=3,
    )


class Grains(Block):
    """The grains: how they are arranged, how large they are, how well they conduct."""

    arrangement: Literal["voronoi", "brick", "columnar"] = Field(
        default="voronoi", description="voronoi cells, equal bricks, or columns from electrode to electrode"
    )
    seeds_file: SeedsField = Field(
        default=None,
        description="CSV file with one Voronoi seed a line, x,y,z (2D: x,z) in µm, instead of a size; "
        "relative to the case file",
    )
    mean_size_um: Number | None = quantity(
        "mean grain size, (volume / count)^(1/dimension), for columns the same of their cross-section",
        "µm",
        default=None,
        gt=0,
    )
    count: WholeNumber | None = quantity(
        "grains of the mean size that fill the box, instead of that size; a cut box shows pieces of more",
        "1",
        default=None,
        ge=1,
        le=10**7,
    )
    seed: WholeNumber = quantity("seed of the arrangement", "1", default=1, ge=0, le=LARGEST_SEED)
    relaxation_steps: WholeNumber = quantity(
        "Lloyd steps that even out the grains; 0 is Poisson-Voronoi; absent: 3, with a seeds_file 0",
        "1",
        default=lambda data: 0 if data.get("seeds_file") else 3,
        ge=0,
        le=1000,
    )
    boundary: Literal["cut", "mirror"] = Field(
        default_factory=lambda data: "mirror" if data.get("seeds_file") else "cut",
        description="cut: a box cut from a larger body (polished pellet); mirror: grains end at the box; "
        "absent: cut, with a seeds_file mirror",
    )
    conductivity_S_per_cm: Conductivity
    activation_energy_eV: ActivationEnergy = None
    reference_temperature_C: ReferenceTemperature = 25.0
    variation: Variation | None = Field(
        default=None, description="scatter of the conductivity, one value per grain"
    )

    @property
    def file(self) -> GrainFile | None:
        """The file that the grains come from; None where they are made by numbers alone."""
        return self.seeds_file


class GrainBoundary(Block):
    """The layer between two grains."""

    thickness_nm: Number = quantity("thickness of every grain boundary", "nm", ge=0.01)
    conductivity_S_per_cm: Conductivity
    activation_energy_eV: ActivationEnergy = None
    reference_temperature_C: ReferenceTemperature = 25.0
    variation: Variation | None = Field(
        default=None, description="scatter of the conductivity, one value per boundary"
    )


class HomogenizingLayer(Block):
    """A conducting layer between electrode and electrolyte."""

    thickness_um: Number = quantity("thickness; 0 is none", "µm", ge=0, le=LONGEST_UM)
    conductivity_S_per_cm: Annotated[
        Number | None, quantity("conductivity at the reference temperature", "S/cm", gt=0, le=1e9)
    ] = None
    activation_energy_eV: ActivationEnergy = None
    reference_temperature_C: ReferenceTemperature = 25.0
    sides: Literal["both", "bottom", "top"] = Field(
        default="both", description="electrodes that have the layer"
    )
    contact_asr_ohm_cm2: Number = quantity(
        "resistance of the contact between layer and electrolyte", "Ω cm²", default=0.0, ge=0
    )


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


def _law_per_side(value: Any) -> Any:
    """One law as the same law for both sides; a block with a side in it unchanged."""
    named = isinstance(value, Mapping) and any(side in value for side in SIDES)
    if named or value is None or isinstance(value, KineticsPerSide):
        return value
    return dict.fromkeys(SIDES, value)


def _law_schema() -> dict[str, Any]:
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
    BeforeValidator(_law_per_side),
    AfterValidator(_none_if_no_side),
    WithJsonSchema(_law_schema()),
]


def exchange_current_density_at(kinetics: Kinetics, temperature_C: float) -> float:
    """Exchange current density (A/m²) at a temperature (°C); Arrhenius where it has an energy."""
    density = kinetics.exchange_current_density_mA_per_cm2 * units.MA_PER_CM2_TO_A_PER_M2
    return _at_temperature(density, kinetics, temperature_C)


class PerSide(Block):
    """One resistance for each electrode."""

    bottom: Number = quantity("of the bottom electrode", "Ω cm²", default=0.0, ge=0)
    top: Number = quantity("of the top electrode", "Ω cm²", default=0.0, ge=0)


def _per_side(value: Any) -> Any:
    """One number as the same number for both sides; a block unchanged."""
    return value if isinstance(value, (Mapping, PerSide)) else {"bottom": value, "top": value}


_NUMBER_OR_SIDES = {"anyOf": [{"type": "number", "minimum": 0}, PerSide.model_json_schema()]}


class Electrodes(Block):
    """The two electrodes, at the lowest and the highest z."""

    current_density_mA_per_cm2: Number | None = quantity(
        "mean current density from the top to the bottom electrode, instead of top_V",
        "mA/cm²",
        default=None,
        ge=-1e9,
        le=1e9,
    )
    bottom_V: Number = quantity("potential of the bottom electrode", "V", default=0.0, ge=-1e6, le=1e6)
    top_V: Number | None = quantity(
        "potential of the top electrode; absent: 0.1, with a current density what it takes",
        "V",
        default=lambda data: 0.1 if data.get("current_density_mA_per_cm2") is None else None,
        ge=-1e6,
        le=1e6,
    )
    asr_ohm_cm2: Annotated[PerSide, BeforeValidator(_per_side), WithJsonSchema(_NUMBER_OR_SIDES)] = quantity(
        "charge-transfer resistance: one number for both electrodes, or {bottom: ..., top: ...}",
        "Ω cm²",
        default=PerSide(),
    )
    kinetics: KineticsField = Field(
        default=None,
        description="charge transfer by Butler–Volmer's law, in series with asr_ohm_cm2: one law for both "
        "electrodes, or {bottom: ..., top: ...}; absent: none",
    )


class Mesh(Block):
    """The mesh. `Case` fills absent sizes from the grain size; defaults here serve a block on its own."""

    size_um: Number = quantity(
        "length of a cell's edge; absent: a tenth of the mean grain size", "µm", default=lambda: 1.0, gt=0
    )
    electrode_size_um: Number = quantity(
        "the same where grains end: at electrodes and homogenizing layers; absent: half of size_um",
        "µm",
        default=lambda data: data.get("size_um", 1.0) / 2,
        gt=0,
    )
    boundary_end_um: Number = quantity(
        "the same across the lines (2D: points) where grain boundaries end there; 0: as long as along them; "
        "absent: 0.005 of the mean grain size, 10 thicknesses of the boundary at the least",
        "µm",
        default=lambda: 0.05,
        ge=0,
    )
    reproducible: Switch = Field(
        default=False, description="serial mesher that repeats exactly, several times slower"
    )


class Solver(Block):
    """The linear solver: conjugate gradients, or a direct factorisation (lu)."""

    rtol: Number = quantity("relative residual to reach", "1", default=1e-10, gt=0, lt=1)
    max_iterations: WholeNumber = quantity("iterations before it gives up", "1", default=500, ge=1, le=10**6)
    preconditioner: Literal["hypre", "gamg", "lu"] = Field(
        default="hypre", description="preconditioner; lu is direct"
    )
    order: WholeNumber = quantity(
        "order of the elements, 1 or 2; 2 wherever an accuracy of the conductance is asked for",
        "1",
        default=1,
        ge=1,
        le=2,
    )


class Accuracy(Block):
    """What a run has to reach; meshes are refined until it does, from the sizes in `mesh` on.

    Each is a fraction of one, 0.05, or a percentage, 5%; at least one is needed.
    """

    conductance: Fraction | None = quantity(
        "relative width of the certified bracket around the conductance; 0.001 is 0.1%",
        "1",
        default=None,
        gt=0,
        lt=1,
    )
    hot_spots: Fraction | None = quantity(
        "largest estimated error of the hot-spot measures (p95, p99, rms, Gini, windows of 1 and 3 µm, "
        "grain means) of every plane, relative to each; 0.05 is 5%",
        "1",
        default=None,
        gt=0,
        lt=1,
    )
    hot_spot: Fraction | None = quantity(
        "half the width of the widest certified interval of a local current, relative to its value; the "
        "currents are those of `output.certify`, of its defaults where that is left out; 0.1 is 10%",
        "1",
        default=None,
        gt=0,
        lt=1,
    )

    @property
    def asked(self) -> dict[str, float]:
        """Accuracies asked for, by target."""
        return {name: value for name in TARGETS if (value := getattr(self, name)) is not None}


class Certify(Block):
    """Where local currents are certified, on each electrode."""

    grains: WholeNumber = quantity(
        "so many of the strongest grains, of those with more than a tenth of a mean grain's face exposed",
        "1",
        default=5,
        ge=0,
        le=1000,
    )
    windows_um: Annotated[
        tuple[Annotated[Number, Field(gt=0, le=LONGEST_UM)], ...],
        quantity("diameters of windows, the hottest of each", "µm", min_length=0, max_length=20),
    ] = (1.0, 3.0)


class Output(Block):
    """What a run leaves beside its numbers."""

    fields: Switch = Field(default=True, description="write the fields for ParaView")
    figures: Switch = Field(default=True, description="draw the figures")
    bracket: Switch = Field(
        default=False,
        description="certify the conductance from both sides; takes about as long again as the solve",
    )
    certify: Certify | None = Field(
        default=None, description="certify local currents, too; each takes up to twice as long as the solve"
    )


def conductivity_at(block: Grains | GrainBoundary | HomogenizingLayer, temperature_C: float) -> float:
    """Conductivity of a block's material (S/m) at a temperature (°C); Arrhenius where it has an energy."""
    sigma = (block.conductivity_S_per_cm or 0.0) * units.S_PER_CM_TO_S_PER_M
    return _at_temperature(sigma, block, temperature_C)


def _at_temperature(
    value: float, block: Grains | GrainBoundary | HomogenizingLayer | Kinetics, temperature_C: float
) -> float:
    """A value of a block at a temperature (°C); unchanged where the block has no activation energy."""
    energy_eV = block.activation_energy_eV
    if energy_eV is None:
        return value
    return units.arrhenius(value, energy_eV, temperature_C, block.reference_temperature_C)
