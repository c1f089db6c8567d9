"""The result of a case: frozen records whose names are the keys of ``result.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from gbflux.errors import InputError
from gbflux.measure import HLProfile, HotSpots, Transport
from gbflux.measure.metrics import Metric, as_tree, freeze, from_tree, metric, metrics_of
from gbflux.results.certificate import LocalCertificate

#: Raise it when a measure of the same fields gets another value.
#: 1: percentiles, rms, Gini and area fractions of the cells' |J|. 2: of the current density from reactions.
DEFINITIONS = 2
#: Raise it when a key of ``result.json`` is added, renamed or dropped.
SCHEMA_VERSION = 1

_ALL_BOUNDARIES = "area (in 2D length) of all grain boundaries"


@dataclass(frozen=True)
class MeshFacts:
    """The mesh in numbers; see `gbflux.mesh.MeshQuality`. Length in 2D, area in 3D."""

    hash: str = metric(definition="SHA-256 of the mesh")
    cells: int = metric(kind="count", definition="cells of the mesh with its layers")
    nodes: int = metric(kind="count", definition="its points")
    grains: int = metric(kind="count", definition="grains in the box")
    gb_area_limited_fraction: float = metric(
        kind="share",
        definition="share of the grain-boundary area on which the layer is thinner than asked for",
    )
    layer_volume_error: float = metric(
        definition="|V/V₀ − 1| of the layers, V₀ their area × thickness less the overlap at junctions"
    )
    volume_error: float = metric(
        definition="|V/V₀ − 1| of all cells, V₀ the volume of the box with its homogenizing layers"
    )
    gb_area_um2: float | None = metric(
        "grain-boundary area", "µm²", default=None, dimension=3, definition=_ALL_BOUNDARIES
    )
    gb_length_um: float | None = metric(
        "grain-boundary length", "µm", default=None, dimension=2, definition=_ALL_BOUNDARIES
    )
    hl_planes_um: tuple[tuple[float, ...], tuple[float, ...]] | None = metric(
        unit="µm",
        default=None,
        optional=True,
        definition="mesh planes in the bottom and the top homogenizing layer of a mesh that was made for "
        "several thicknesses and cut to that of the case; left out for a mesh of the case's own",
    )

    @property
    def method(self) -> str:
        """``"own"`` or ``"shared-planes"``: made for the case's thickness, or for several and cut."""
        return "own" if self.hl_planes_um is None else "shared-planes"


@dataclass(frozen=True)
class SolverFacts:
    """The solve in numbers: size, iterations, residual, and how well currents balance."""

    dofs: int = metric(kind="count", definition="unknowns")
    iterations: int = metric(
        kind="count", definition="iterations of conjugate gradients, of all linear problems"
    )
    relative_residual: float = metric(
        definition="true residual; with kinetics the [nonlinear one](method.md#nonlinear-electrodes)"
    )
    current_imbalance: float = metric(definition="|sum of the reactions of both electrodes| over the current")
    grain_imbalance: float = metric(
        definition="balance of the worst grain, relative to its inflow, see below"
    )
    newton_iterations: int = metric(
        kind="count",
        default=0,
        definition="linear problems that nonlinear electrodes took; 0 without kinetics",
    )
    load_steps: int = metric(
        kind="count",
        default=0,
        definition="loads on the way to the full one, where Newton's method [did not get there at "
        "once](method.md#nonlinear-electrodes); 1 where it did, 0 without kinetics",
    )


_BRACKET = "the bracket on it; null where no accuracy of the conductance was asked for"


@dataclass(frozen=True)
class Round:
    """One mesh on the way to the accuracy asked for."""

    cells: int = metric(kind="count", definition="cells of the mesh with its layers")
    nodes: int = metric(kind="count", definition="its points")
    mesh_hash: str = metric(definition="SHA-256 of the mesh")
    lower_S: float | None = metric(unit="S", kind="bound", per_depth=True, definition=_BRACKET)
    upper_S: float | None = metric(unit="S", kind="bound", per_depth=True, definition=_BRACKET)
    relative_width: float | None = metric(definition=_BRACKET)
    seconds: float = metric(unit="s", definition="mesh, solution and measuring")
    errors: Mapping[str, float | None] = metric(
        default_factory=dict, definition="by target, the error reached on it; null where that is not known"
    )


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
    transport : Transport
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
    transport: Transport
    hot_spots: Mapping[str, HotSpots] = metric(places={"place": "{side}", "plane": "{side} electrode"})
    hot_spots_electrolyte: Mapping[str, HotSpots] = metric(
        places=dict.fromkeys(("place", "plane"), "electrolyte|layer, {side}")
    )
    homogenizing_layer: Mapping[str, HLProfile] = metric(places={"place": "{side}"})
    timings_s: Mapping[str, float] = metric(unit="s")
    peak_memory_MiB: float = metric(unit="MiB")
    warnings: tuple[str, ...] = ()
    refinement: tuple[Round, ...] = ()
    errors: Mapping[str, Any] | None = None
    schema_version: int = SCHEMA_VERSION
    definitions: int = DEFINITIONS
    certificates: tuple[LocalCertificate, ...] = ()
    directory: Path | None = metric(default=None, stored=False)

    def __post_init__(self) -> None:
        freeze(self, "hot_spots", "hot_spots_electrolyte", "homogenizing_layer", "timings_s", "errors")

    def as_dict(self) -> dict[str, Any]:
        """The tree of ``result.json``, of plain numbers; keys of the other dimension are left out."""
        tree = as_tree(self, self.dimension)
        tree["mesh"]["method"] = self.mesh.method
        plain: dict[str, Any] = json.loads(json.dumps(tree, allow_nan=False))
        return plain

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any], directory: Path | None = None) -> Result:
        """The result that `as_dict` described.

        In a tree of another version what is missing is None, and what is not known is left out. No version is
        without the keys at the top that have no default here.
        """
        version = tree.get("schema_version", 0)
        mesh = {key: value for key, value in tree["mesh"].items() if key != "method"}
        stored = {"schema_version": 0, "definitions": 1, **tree, "mesh": mesh}
        top = {f.name: stored[f.name] for f in fields(cls) if f.name in stored or f.default is MISSING}
        return replace(from_tree(cls, top, version == SCHEMA_VERSION), directory=directory)


#: All numbers of a result by their dotted keys in ``result.json``.
METRICS: dict[str, Metric] = {found.key: found for found in metrics_of(Result)}


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
