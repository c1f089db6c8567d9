"""The blocks of a case, in the user's units, with the unit in the key. Rules between keys are in `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from gbflux import units
from gbflux.case.accuracies import TARGETS, Fraction
from gbflux.case.grain_files import SeedsFile, seeds_from_field
from gbflux.case.kinetics import KineticsField
from gbflux.case.quantity import LARGEST_SEED, Block, Number, Switch, WholeNumber, quantity

LONGEST_UM = 1e7  # ten metres: beyond it a length was meant in another unit

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
    SeedsFile | None,
    PlainValidator(seeds_from_field),
    PlainSerializer(lambda seeds: None if seeds is None else seeds.path, return_type=str | None),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]}),
]


class Variation(Block):
    """A conductivity that differs from one grain, or one boundary, to the next."""

    distribution: Literal["lognormal"] = Field(
        "lognormal", description="law of the scatter; median: the conductivity"
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
        "voronoi", description="voronoi cells, equal bricks, or columns from electrode to electrode"
    )
    seeds_file: SeedsField = Field(
        None,
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
    variation: Variation | None = Field(None, description="scatter of the conductivity, one value per grain")


class GrainBoundary(Block):
    """The layer between two grains."""

    thickness_nm: Number = quantity("thickness of every grain boundary", "nm", ge=0.01)
    conductivity_S_per_cm: Conductivity
    activation_energy_eV: ActivationEnergy = None
    reference_temperature_C: ReferenceTemperature = 25.0
    variation: Variation | None = Field(
        None, description="scatter of the conductivity, one value per boundary"
    )


class HomogenizingLayer(Block):
    """A conducting layer between electrode and electrolyte."""

    thickness_um: Number = quantity("thickness; 0 is none", "µm", ge=0, le=LONGEST_UM)
    conductivity_S_per_cm: Annotated[
        Number | None, quantity("conductivity at the reference temperature", "S/cm", gt=0, le=1e9)
    ] = None
    activation_energy_eV: ActivationEnergy = None
    reference_temperature_C: ReferenceTemperature = 25.0
    sides: Literal["both", "bottom", "top"] = Field("both", description="electrodes that have the layer")
    contact_asr_ohm_cm2: Number = quantity(
        "resistance of the contact between layer and electrolyte", "Ω cm²", default=0.0, ge=0
    )


class PerSide(Block):
    """One resistance for each electrode."""

    bottom: Number = quantity("of the bottom electrode", "Ω cm²", default=0.0, ge=0)
    top: Number = quantity("of the top electrode", "Ω cm²", default=0.0, ge=0)


def _per_side(value: Any) -> Any:
    """One number as the same number for both sides; a block as it is."""
    return value if isinstance(value, (Mapping, PerSide)) else {"bottom": value, "top": value}


_NUMBER_OR_SIDES = {
    "anyOf": [{"type": "number", "minimum": 0}, PerSide.model_json_schema()],
}


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
        None,
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
        False, description="serial mesher that repeats exactly, several times slower"
    )


class Solver(Block):
    """The linear solver: conjugate gradients, or a direct factorisation (lu)."""

    rtol: Number = quantity("relative residual to reach", "1", default=1e-10, gt=0, lt=1)
    max_iterations: WholeNumber = quantity("iterations before it gives up", "1", default=500, ge=1, le=10**6)
    preconditioner: Literal["hypre", "gamg", "lu"] = Field(
        "hypre", description="preconditioner; lu is direct"
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

    fields: Switch = Field(True, description="write the fields for ParaView")
    figures: Switch = Field(True, description="draw the figures")
    bracket: Switch = Field(
        False, description="certify the conductance from both sides; takes about as long again as the solve"
    )
    certify: Certify | None = Field(
        None, description="certify local currents, too; each takes up to twice as long as the solve"
    )


def conductivity_at(block: Grains | GrainBoundary | HomogenizingLayer, temperature_C: float) -> float:
    """Conductivity of a block's material (S/m) at a temperature (°C); Arrhenius where it has an energy."""
    sigma = (block.conductivity_S_per_cm or 0.0) * units.S_PER_CM_TO_S_PER_M
    if block.activation_energy_eV is None:
        return sigma
    return units.arrhenius(sigma, block.activation_energy_eV, temperature_C, block.reference_temperature_C)
