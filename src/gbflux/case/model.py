"""The case: validated blocks, the numbers that follow from them, and its identity apart from its spelling.

Hashes are made of the validated case with defaults filled in, so that ``500`` and ``500.0``, 125 grains in
(50 µm)³ and grains of 10 µm, a homogenizing layer of thickness 0 and none, are the same case.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from gbflux import units
from gbflux.case import rules
from gbflux.case.blocks import (
    Accuracy,
    Block,
    Certify,
    Electrodes,
    Geometry,
    GrainBoundary,
    Grains,
    HomogenizingLayer,
    Kinetics,
    Mesh,
    Number,
    Output,
    Solver,
    conductivity_at,
    exchange_current_density_at,
    quantity,
)
from gbflux.errors import CaseError, Problem
from gbflux.units import SIDES

NAME_PATTERN = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?$"
PHYSICS_VERSION = 2  # raise it when the same case gives other numbers than before
_MATERIAL = ("conductivity_S_per_cm", "activation_energy_eV", "reference_temperature_C", "variation")


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
        return rules.with_mesh_sizes(value, info.data)

    @field_validator("*")
    @classmethod
    def _note_valid_block(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic drops valid blocks where others are wrong; rules between these are still to be checked
        if info.context and "valid" in info.context:
            info.context["valid"][info.field_name] = value
        return value

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
        return rules.mean_grain_size_um(self.geometry, self.grains)

    @property
    def grain_count(self) -> int:
        """Number of grains of the mean size; a cut box shows more, some of them small."""
        return rules.grain_count(self.geometry, self.grains)

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
        bottom, top = (layer.thickness_um if layer.sides in ("both", side) else 0.0 for side in SIDES)
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
        laws, temperature_C = self.electrode_kinetics, self.temperature_C
        bottom, top = (exchange_current_density_at(law, temperature_C) if law else None for law in laws)
        return bottom, top

    @property
    def ideal_electrodes(self) -> tuple[bool, bool]:
        """True for the bottom and the top electrode if an ideal contact: no resistance, no kinetics."""
        sides = zip(self.electrode_asr, self.electrode_kinetics, strict=True)
        bottom, top = (asr == 0.0 and law is None for asr, law in sides)
        return bottom, top

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
        return digest({"physics_version": PHYSICS_VERSION, **canonical(self)})

    def mesh_key(self) -> dict[str, Any]:
        """The part of the case that the mesh depends on, as plain data fit for JSON.

        Geometry, grains but for their conductivity, thicknesses, sizes of cells.
        """
        part: dict[str, Any] = {
            "geometry": self.geometry.model_dump(mode="json"),
            "grains": _grains(self),
            "grain_boundary": {"thickness_nm": self.grain_boundary.thickness_nm},
            "homogenizing_layer": {"bottom_um": self.hl_um[0], "top_um": self.hl_um[1]},
            "mesh": self.mesh.model_dump(mode="json"),
        }
        if self.accuracy is not None:  # refined meshes depend on everything
            part["refined_for"] = self.physics_hash
        return part


def digest(data: Any) -> str:
    """sha256 (hex) of plain data as canonical JSON: sorted keys, no blanks, no NaN.

    >>> digest({"b": 1.0, "a": [2]}) == digest({"a": [2], "b": 1.0})
    True
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def canonical(case: Case) -> dict[str, Any]:
    """All that results depend on, as plain data: no name, no output, nothing absent or without effect."""
    data = case.model_dump(mode="json", exclude_none=True, exclude={"name", "output"})
    data["grains"] = {**_grains(case), **_material(data["grains"])}
    data["grain_boundary"] = {
        "thickness_nm": case.grain_boundary.thickness_nm,
        **_material(data["grain_boundary"]),
    }
    layer = data.get("homogenizing_layer")
    if layer is not None:
        kept = {key: layer[key] for key in ("thickness_um", "sides", "contact_asr_ohm_cm2")}
        data["homogenizing_layer"] = {**kept, **_material(layer)}
    data["electrodes"] = _electrodes(data["electrodes"])
    if case.refined_for("conductance"):
        del data["solver"]["order"]  # refining takes quadratic elements then, whatever is asked for
    if case.refined_for("hot_spot") and case.certify is not None:
        data["certify"] = case.certify.model_dump(mode="json")  # meshes are refined for these currents
    return data


def _grains(case: Case) -> dict[str, Any]:
    """The arrangement of the grains: its size always as a mean size, a file as its bytes' hash."""
    grains = case.grains
    data = grains.model_dump(include={"arrangement", "seed", "relaxation_steps", "boundary"})
    if grains.file is not None:
        return {**data, "seeds_sha256": grains.file.sha256}
    return {**data, "mean_size_um": rules.rounded(case.mean_grain_size_um)}


def _electrodes(block: dict[str, Any]) -> dict[str, Any]:
    """The electrodes, with the kinetics that there are."""
    laws = {side: _without_idle_temperature(law) for side, law in (block.get("kinetics") or {}).items()}
    rest = {key: value for key, value in block.items() if key != "kinetics"}
    return {**rest, "kinetics": laws} if laws else rest


def _material(block: dict[str, Any]) -> dict[str, Any]:
    """Conductivity keys of a block, without those that have no effect."""
    return _without_idle_temperature({key: block[key] for key in _MATERIAL if key in block})


def _without_idle_temperature(block: dict[str, Any]) -> dict[str, Any]:
    """A block, without its reference temperature where no activation energy makes it matter."""
    idle = () if block.get("activation_energy_eV") else ("activation_energy_eV", "reference_temperature_C")
    return {key: value for key, value in block.items() if key not in idle}
