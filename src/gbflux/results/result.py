"""The result of a case: frozen records whose names are the keys of ``result.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gbflux.errors import InputError
from gbflux.measure import HLProfile, HotSpots
from gbflux.measure.metrics import read_only
from gbflux.results.certificate import BracketFacts, LocalCertificate
from gbflux.results.rounds import Round

#: Raise it when a measure of the same fields gets another value.
#: 1: percentiles, rms, Gini and area fractions of the cells' |J|. 2: of the current density from reactions.
DEFINITIONS = 2
#: Raise it when a key of ``result.json`` is added, renamed or dropped.
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class MeshFacts:
    """The mesh in numbers; see `gbflux.mesh.MeshQuality`. Length in 2D, area in 3D.

    `hl_planes_um` are the mesh planes in the bottom and the top homogenizing layer of a mesh that was made
    for several thicknesses and cut to that of the case; None for a mesh of the case's own.
    """

    hash: str
    cells: int
    nodes: int
    grains: int
    gb_area_limited_fraction: float
    layer_volume_error: float
    volume_error: float
    gb_area_um2: float | None = None
    gb_length_um: float | None = None
    hl_planes_um: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    @property
    def method(self) -> str:
        """``"own"`` or ``"shared-planes"``: made for the case's thickness, or for several and cut."""
        return "own" if self.hl_planes_um is None else "shared-planes"

    def as_dict(self) -> dict[str, Any]:
        """The tree of ``result.json``; what does not apply is left out."""
        tree = {key: value for key, value in asdict(self).items() if value is not None}
        return {**tree, "method": self.method}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> MeshFacts:
        """The record that `as_dict` described."""
        values = {key: value for key, value in tree.items() if key != "method"}
        if "hl_planes_um" in values:
            values["hl_planes_um"] = tuple(tuple(side) for side in values["hl_planes_um"])
        return cls(**values)


@dataclass(frozen=True)
class SolverFacts:
    """The solve in numbers: sizes, iterations, true relative residual, and how well currents balance.

    `current_imbalance` is |in − out| over the current, `grain_imbalance` the worst of the grains, relative to
    its inflow. `newton_iterations` counts linear problems where electrodes have kinetics, `load_steps` the
    loads on the way to the full one (1: at once); both are 0 elsewhere.
    """

    dofs: int
    iterations: int
    relative_residual: float
    current_imbalance: float
    grain_imbalance: float
    newton_iterations: int = 0
    load_steps: int = 0


@dataclass(frozen=True)
class TransportFacts:
    """The cell as a whole, units in the names; σ_eff, brick layer and Wiener: of the electrolyte alone.

    `voltage_V` is top less bottom. `bracket` holds certified bounds, None where they were not asked for or
    not found, `bracket_reason` why there can be none.
    """

    mean_current_density_mA_per_cm2: float
    sigma_eff_S_per_cm: float
    asr_ohm_cm2: float
    brick_layer_S_per_cm: float
    wiener_lower_S_per_cm: float
    wiener_upper_S_per_cm: float
    current_A: float | None = None
    current_A_per_m: float | None = None
    voltage_V: float | None = None
    bracket: BracketFacts | None = None
    bracket_reason: str | None = None


@dataclass(frozen=True)
class Result:
    """Result of a run. Sides are ``"bottom"`` and ``"top"``.

    Attributes
    ----------
    name : str
        Name of the case.
    case_hash : str
        SHA-256 of the case's physics, equal for equal cases; of its way of solving too where that is not on a
        mesh of its own.
    dimension : int
        2 or 3.
    mesh : MeshFacts
    solver : SolverFacts
    transport : TransportFacts
    hot_spots : read-only dict of HotSpots
        On each electrode.
    hot_spots_electrolyte : read-only dict of HotSpots
        On electrolyte|HL, for the sides with a homogenizing layer.
    homogenizing_layer : read-only dict of HLProfile
        Profile across each homogenizing layer.
    timings_s : read-only dict
        Seconds by stage.
    peak_memory_MiB : float
        Largest memory of all processes together, an upper estimate (MiB).
    warnings : tuple of str
        Warnings that a reader of the numbers should know.
    refinement : tuple of Round
        The meshes on the way to the accuracy asked for, among them that of this result; empty without.
    errors : read-only dict or None
        Errors of the numbers, in a tree parallel to theirs; None in results of earlier versions.
    schema_version : int
        Version of the keys of ``result.json``, `SCHEMA_VERSION` today; 0 in results without it.
    definitions : int
        Version of the definitions that the measures follow, `DEFINITIONS` today; 1 in results without it.
    certificates : tuple of LocalCertificate
        Bounds on local currents; empty where none were asked for.
    directory : Path or None
        Where the run left its files; not in ``result.json``.
    """

    name: str
    case_hash: str
    dimension: int
    mesh: MeshFacts
    solver: SolverFacts
    transport: TransportFacts
    hot_spots: Mapping[str, HotSpots]
    hot_spots_electrolyte: Mapping[str, HotSpots]
    homogenizing_layer: Mapping[str, HLProfile]
    timings_s: Mapping[str, float]
    peak_memory_MiB: float
    warnings: tuple[str, ...] = ()
    refinement: tuple[Round, ...] = ()
    errors: Mapping[str, Any] | None = None
    schema_version: int = SCHEMA_VERSION
    definitions: int = DEFINITIONS
    certificates: tuple[LocalCertificate, ...] = ()
    directory: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("hot_spots", "hot_spots_electrolyte", "homogenizing_layer", "timings_s", "errors"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def as_dict(self) -> dict[str, Any]:
        """The tree of ``result.json``, of plain numbers; keys of the other dimension are left out."""
        tree = asdict(self)
        del tree["directory"]
        if self.transport.bracket is not None:
            tree["transport"]["bracket"] = self.transport.bracket.as_dict(self.dimension)
        tree["refinement"] = [one.as_dict(self.dimension) for one in self.refinement]
        tree["certificates"] = [one.as_dict(self.dimension) for one in self.certificates]
        tree["mesh"] = self.mesh.as_dict()
        for key in ("current_A", "current_A_per_m"):
            if tree["transport"][key] is None:
                del tree["transport"][key]
        return json.loads(json.dumps(tree, allow_nan=False))

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any], directory: Path | None = None) -> Result:
        """The result that `as_dict` described.

        In a tree of another version what is missing is None, and what is not known is left out.
        """
        version = tree.get("schema_version", 0)
        spots = {
            part: {side: _record(HotSpots, values, version) for side, values in tree[part].items()}
            for part in ("hot_spots", "hot_spots_electrolyte")
        }
        profiles = {
            side: _record(
                HLProfile, {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}, version
            )
            for side, values in tree["homogenizing_layer"].items()
        }
        transport = dict(tree["transport"])
        bounds = transport.pop("bracket", None)
        return cls(
            name=tree["name"],
            case_hash=tree["case_hash"],
            dimension=tree["dimension"],
            mesh=MeshFacts.from_dict(tree["mesh"]),
            solver=_record(SolverFacts, tree["solver"], version),
            transport=replace(
                _record(TransportFacts, transport, version),
                bracket=None if bounds is None else BracketFacts.from_dict(bounds),
            ),
            homogenizing_layer=profiles,
            timings_s=dict(tree["timings_s"]),
            peak_memory_MiB=tree["peak_memory_MiB"],
            warnings=tuple(tree["warnings"]),
            refinement=tuple(map(Round.from_dict, tree.get("refinement", ()))),
            errors=tree.get("errors"),
            schema_version=version,
            definitions=tree.get("definitions", 1),
            certificates=tuple(map(LocalCertificate.from_dict, tree.get("certificates", ()))),
            directory=directory,
            **spots,
        )


def _record(kind: type, values: Mapping[str, Any], version: int) -> Any:
    """A record of stored values; of another version of the keys, as far as they go."""
    if version == SCHEMA_VERSION:
        return kind(**values)
    defaults = {f.name: None if f.default is MISSING else f.default for f in fields(kind)}
    return kind(**{name: values.get(name, default) for name, default in defaults.items()})


def read_result(path: Path) -> Result:
    """Read a ``result.json``.

    Raises
    ------
    InputError
        If the file is missing or not whole.
    """
    try:
        return Result.from_dict(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except OSError as error:
        raise InputError(f"{path}: must be a result; got {error.strerror}. Run the case first.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: must be a whole result; got {error!r}. Run the case again with --force."
        ) from error
