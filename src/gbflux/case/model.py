"""The case: validated blocks, and the numbers that follow from them, in SI with lengths in µm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from gbflux import units
from gbflux.case import hashing, rules
from gbflux.case.blocks import (
    Accuracy,
    Certify,
    Electrodes,
    Geometry,
    GrainBoundary,
    Grains,
    HomogenizingLayer,
    Mesh,
    Output,
    Solver,
    conductivity_at,
)
from gbflux.case.grain_size import (
    default_boundary_end_um,
    default_mesh_size_um,
    grain_count,
    mean_grain_size_um,
)
from gbflux.case.kinetics import Kinetics, exchange_current_density_at
from gbflux.case.quantity import Block, Number, quantity
from gbflux.errors import CaseError, Problem

NAME_PATTERN = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?$"


def _none_if_no_thickness(layer: HomogenizingLayer | None) -> HomogenizingLayer | None:
    """A layer of thickness 0 is no layer."""
    return layer if layer is not None and layer.thickness_um > 0 else None


Layer = Annotated[HomogenizingLayer | None, AfterValidator(_none_if_no_thickness)]


class Case(Block):
    """One computation: what is wanted of it, complete and consistent. Made by `load_case` or `parse_case`.

    Raises
    ------
    pydantic.ValidationError
        If a block breaks a rule of its own (`load_case` and `parse_case` raise `CaseError` for these too).
    CaseError
        If blocks that are valid by themselves do not fit each other.
    """

    name: str = Field("case", description="name of the case, used for files", pattern=NAME_PATTERN)
    geometry: Geometry = Field(description="box of electrolyte")
    grains: Grains = Field(description="grains")
    grain_boundary: GrainBoundary = Field(description="layer between two grains")
    homogenizing_layer: Layer = Field(None, description="layer on the electrolyte; absent: none")
    electrodes: Electrodes = Field(Electrodes(), description="potentials and resistances")
    temperature_C: Number = quantity("temperature", "°C", default=25.0, gt=-units.ICE_POINT_K)
    mesh: Mesh = Field(Mesh(), description="sizes of cells")
    solver: Solver = Field(Solver(), description="linear solver")
    accuracy: Accuracy | None = Field(None, description="accuracy to refine to; absent: one mesh")
    output: Output = Field(Output(), description="what a run leaves beside its numbers")

    @field_validator("mesh", mode="before")
    @classmethod
    def _fill_mesh(cls, value: Any, info: ValidationInfo) -> Any:
        return with_mesh_sizes(value, info.data)

    @model_validator(mode="after")
    def _blocks_fit_each_other(self) -> Case:
        found = rules.findings(dict(self))
        if found:
            raise CaseError(Problem("case", None, None, ".".join(f.place), f.message) for f in found)
        return self

    # Geometry

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return self.geometry.dimension

    @property
    def size_um(self) -> tuple[float, ...]:
        """Size of the electrolyte, z last (µm)."""
        return self.geometry.size_um

    @property
    def mean_grain_size_um(self) -> float:
        """Mean grain size (µm): given, or (volume / count)^(1/dimension); for columns of their section."""
        return mean_grain_size_um(self.geometry, self.grains)

    @property
    def grain_count(self) -> int:
        """Number of grains of the mean size; a cut box shows more, some of them small."""
        return grain_count(self.geometry, self.grains)

    def refined_for(self, target: str) -> bool:
        """Test whether an accuracy of a target is asked for."""
        return self.accuracy is not None and target in self.accuracy.asked

    @property
    def certify(self) -> Certify | None:
        """The local currents to certify; the default ones where an accuracy of them alone is asked for."""
        if self.output.certify is None and self.refined_for("hot_spot"):
            return Certify()
        return self.output.certify

    @property
    def boundary_end_um(self) -> float:
        """Length that cells are cut to where boundaries end (µm); 0.0 for no cuts."""
        # in 2D sizes that follow the gap between bounds take care of the ends
        return 0.0 if self.dimension == 2 and self.accuracy is not None else self.mesh.boundary_end_um

    @property
    def delta_um(self) -> float:
        """Thickness of a grain boundary (µm)."""
        return self.grain_boundary.thickness_nm * units.NM_TO_UM

    @property
    def hl_um(self) -> tuple[float, float]:
        """Thickness of the bottom and the top homogenizing layer (µm); 0.0 where there is none."""
        layer = self.homogenizing_layer
        if layer is None:
            return 0.0, 0.0
        bottom = layer.thickness_um if layer.sides in ("both", "bottom") else 0.0
        top = layer.thickness_um if layer.sides in ("both", "top") else 0.0
        return bottom, top

    # Materials at the temperature of the case

    @property
    def sigma_grain(self) -> float:
        """Conductivity of a grain (S/m); with a variation, its median."""
        return conductivity_at(self.grains, self.temperature_C)

    @property
    def sigma_gb(self) -> float:
        """Conductivity of a grain boundary (S/m); with a variation, its median."""
        return conductivity_at(self.grain_boundary, self.temperature_C)

    @property
    def sigma_hl(self) -> float | None:
        """Conductivity of the homogenizing layer (S/m); None without one."""
        layer = self.homogenizing_layer
        return None if layer is None else conductivity_at(layer, self.temperature_C)

    @property
    def contact_asr(self) -> float:
        """Resistance of the contact of homogenizing layer and electrolyte (Ω m²); 0.0 without a layer."""
        layer = self.homogenizing_layer
        return 0.0 if layer is None else layer.contact_asr_ohm_cm2 * units.OHM_CM2_TO_OHM_M2

    # Electrodes

    @property
    def electrode_asr(self) -> tuple[float, float]:
        """Charge-transfer resistance of the bottom and the top electrode (Ω m²)."""
        asr = self.electrodes.asr_ohm_cm2
        return asr.bottom * units.OHM_CM2_TO_OHM_M2, asr.top * units.OHM_CM2_TO_OHM_M2

    @property
    def electrode_kinetics(self) -> tuple[Kinetics | None, Kinetics | None]:
        """Butler–Volmer's law of the bottom and the top electrode; None where there is none."""
        kinetics = self.electrodes.kinetics
        return (None, None) if kinetics is None else (kinetics.bottom, kinetics.top)

    @property
    def exchange_current_density(self) -> tuple[float | None, float | None]:
        """i₀ of the bottom and the top electrode at the case's temperature (A/m²); None without kinetics."""
        laws = self.electrode_kinetics
        return tuple(law and exchange_current_density_at(law, self.temperature_C) for law in laws)

    @property
    def ideal_electrodes(self) -> tuple[bool, bool]:
        """True for the bottom and the top electrode if an ideal contact: no resistance, no kinetics."""
        sides = zip(self.electrode_asr, self.electrode_kinetics, strict=True)
        return tuple(asr == 0.0 and law is None for asr, law in sides)

    @property
    def potentials(self) -> tuple[float, float | None]:
        """Potential of the bottom and the top electrode (V); of the top None where a current is applied."""
        return self.electrodes.bottom_V, self.electrodes.top_V

    @property
    def applied_current_density(self) -> float | None:
        """Mean current density from top to bottom (A/m²); None where potentials are applied."""
        applied = self.electrodes.current_density_mA_per_cm2
        return None if applied is None else applied * units.MA_PER_CM2_TO_A_PER_M2

    # Identity

    @property
    def physics_hash(self) -> str:
        """sha256 (hex) of everything that results depend on; the same however the case was spelt."""
        return hashing.digest({"physics_version": hashing.PHYSICS_VERSION, **hashing.canonical(self)})

    def mesh_key(self) -> dict[str, Any]:
        """The part of the case that the mesh depends on, as plain data fit for JSON."""
        return hashing.mesh_part(self)


def with_mesh_sizes(mesh: Any, blocks: Mapping[str, Any]) -> Any:
    """A mesh block as written, with absent sizes filled from the grains where those are known.

    Parameters
    ----------
    mesh : any
        The block before validation; what is not a mapping comes back unchanged, for validation to refuse.
    blocks : mapping
        Validated blocks by name; geometry, grains and grain_boundary are looked at.
    """
    if isinstance(mesh, Mesh):
        mesh = mesh.model_dump(exclude_unset=True)
    geometry, grains = blocks.get("geometry"), blocks.get("grains")
    if not isinstance(mesh, Mapping) or geometry is None or grains is None:
        return mesh
    boundary = blocks.get("grain_boundary")
    delta_um = boundary.thickness_nm * units.NM_TO_UM if boundary else 0.0
    filled = {"size_um": default_mesh_size_um(geometry, grains, delta_um), **mesh}
    size = filled["size_um"]
    if isinstance(size, (int, float)) and size / 2 <= delta_um < size:
        filled.setdefault("electrode_size_um", size)
    filled.setdefault("boundary_end_um", default_boundary_end_um(geometry, grains, delta_um))
    return filled
