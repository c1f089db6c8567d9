"""Identity of a case, apart from its spelling: canonical data, and their hash.

Hashes are made of the validated case with defaults filled in, so that ``500`` and ``500.0``, 125 grains in
(50 µm)³ and grains of 10 µm, a homogenizing layer of thickness 0 and none, are the same case.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from gbflux.case.grain_size import rounded

if TYPE_CHECKING:
    from gbflux.case.model import Case

PHYSICS_VERSION = 2  # raise it when the same case gives other numbers than before

_MATERIAL = ("conductivity_S_per_cm", "activation_energy_eV", "reference_temperature_C", "variation")


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
    if case.refined_for("hot_spot"):
        data["certify"] = case.certify.model_dump(mode="json")  # meshes are refined for these currents
    return data


def mesh_part(case: Case) -> dict[str, Any]:
    """The part that the mesh depends on: geometry, grains but for their conductivity, thicknesses, sizes."""
    part = {
        "geometry": case.geometry.model_dump(mode="json"),
        "grains": _grains(case),
        "grain_boundary": {"thickness_nm": case.grain_boundary.thickness_nm},
        "homogenizing_layer": {"bottom_um": case.hl_um[0], "top_um": case.hl_um[1]},
        "mesh": case.mesh.model_dump(mode="json"),
    }
    if case.accuracy is not None:  # refined meshes depend on everything
        part["refined_for"] = case.physics_hash
    return part


def _grains(case: Case) -> dict[str, Any]:
    """The arrangement of the grains: its size always as a mean size, a file as its bytes' hash."""
    grains = case.grains
    data = grains.model_dump(include={"arrangement", "seed", "relaxation_steps", "boundary"})
    if grains.seeds_file is not None:
        return {**data, "seeds_sha256": grains.seeds_file.sha256}
    return {**data, "mean_size_um": rounded(case.mean_grain_size_um)}


def _electrodes(block: dict[str, Any]) -> dict[str, Any]:
    """The electrodes, with the kinetics that there are."""
    laws = {side: _without_idle_temperature(law) for side, law in (block.get("kinetics") or {}).items()}
    rest = {key: value for key, value in block.items() if key != "kinetics"}
    return {**rest, "kinetics": laws} if laws else rest


def _material(block: dict[str, Any]) -> dict[str, Any]:
    """The conductivity keys of a block, without those that have no effect."""
    return _without_idle_temperature({key: block[key] for key in _MATERIAL if key in block})


def _without_idle_temperature(block: dict[str, Any]) -> dict[str, Any]:
    """A block, without its reference temperature where no activation energy makes it matter."""
    if block.get("activation_energy_eV"):
        return block
    return {
        key: value
        for key, value in block.items()
        if key not in ("activation_energy_eV", "reference_temperature_C")
    }
