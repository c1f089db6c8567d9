"""The files of a run: tables, electrode surfaces and fields, and measuring a run anew from its fields."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gbflux.case import Case, load_case
from gbflux.conduction.balance import worst_grain_imbalance
from gbflux.errors import InputError
from gbflux.measure import measure, write_boundaries, write_grains
from gbflux.measure.error_text import value_at
from gbflux.measure.planes import PlaneFacets, PlaneNodes, numbered
from gbflux.mesh import Mesh
from gbflux.results.fields import Snapshot, read_fields, write_fields, write_polydata
from gbflux.results.folder import RunFolder
from gbflux.results.result import DEFINITIONS, SCHEMA_VERSION, Result, read_result
from gbflux.simulation.summary import run_errors, warnings
from gbflux.units import SIDES


def write_files(folder: RunFolder, snapshot: Snapshot) -> None:
    """Write what a case asks for into its folder, made ready."""
    write_tables(folder, snapshot)
    if snapshot.case.output.fields:
        write_fields(folder.fields_file, snapshot.mesh, snapshot.fields)


def write_tables(folder: RunFolder, snapshot: Snapshot) -> None:
    """Write ``grains.csv``, ``boundaries.csv`` and the electrode surfaces."""
    measured = snapshot.measurement
    write_grains(folder.path / "grains.csv", measured.grains)
    write_boundaries(folder.path / "boundaries.csv", measured.boundaries, snapshot.mesh.dimension)
    for side in SIDES:
        path = folder.path / f"electrode_{side}.vtp"
        _write_electrode(path, snapshot.mesh, *measured.electrodes[side])


def _write_electrode(path: Path, mesh: Mesh, facets: PlaneFacets, at: PlaneNodes) -> None:
    """Current density on the facets of one electrode."""
    nodes, numbers = numbered(facets.nodes, len(mesh.points))
    points = mesh.points[nodes]
    if points.shape[1] == 2:
        points = np.column_stack([points, np.zeros(len(points))])
    normal = at.at_corners(facets).mean(axis=1)
    data = {"J_normal": normal, "J_magnitude": facets.j_abs, "J_z": facets.j_z, "grain": facets.grain}
    write_polydata(path, points, numbers, data)


def stored_snapshot(directory: Path) -> Snapshot:
    """The solved case of a run folder, measured anew.

    Raises
    ------
    InputError
        If the folder holds no run, or one without fields.
    """
    folder = RunFolder(directory)
    if not folder.case_file.exists():
        raise InputError(
            f"{directory}: must be the folder of a run; it has no case.resolved.yaml. Run a case first."
        )
    case = load_case(folder.case_file)
    mesh, fields = read_fields(folder.fields_file)
    potentials = _potentials(case, folder)
    measurement = measure(
        mesh,
        fields,
        mean_grain_size_um=case.mean_grain_size_um,
        potentials=potentials,
        ideal=case.ideal_electrodes,
    )
    return Snapshot(case, mesh, fields, measurement)


def _potentials(case: Case, folder: RunFolder) -> tuple[float, float]:
    """Potentials of the electrodes (V); what an applied current takes is in the result."""
    bottom, top = case.potentials
    if top is None:
        voltage = read_result(folder.result_file).transport.voltage_V
        if voltage is None:
            raise InputError(
                f"{folder.result_file}: transport.voltage_V must be there, as a current is applied; "
                "got null. Run the case again with --force."
            )
        top = bottom + voltage
    return bottom, top


def _errors_again(before: Mapping[str, Any], errors: dict[str, Any]) -> dict[str, Any]:
    """Errors estimated again, with the records of `before` that need the meshes of the refinement."""
    for part in ("hot_spots", "hot_spots_electrolyte"):
        for side, found in errors[part].items():
            record = value_at(before, f"{part}.{side}.max_over_mean") or {}
            if "observed_exponent" in record:
                found["max_over_mean"]["observed_exponent"] = record["observed_exponent"]
    return {**{key: before[key] for key in ("accuracy", "conductance") if key in before}, **errors}


def remeasure(directory: Path) -> tuple[Result, Snapshot]:
    """Repeat the measuring of a finished run and replace its tables and result.

    Returns the result, mesh, solver and times as they were, and the case, mesh and fields measured.

    Raises
    ------
    InputError
        If the folder holds no finished run with fields, or cannot be written.
    """
    folder = RunFolder(directory)
    before = read_result(folder.result_file)
    snapshot = stored_snapshot(directory)
    measured = snapshot.measurement
    solver = replace(
        before.solver,
        current_imbalance=measured.current_imbalance,
        grain_imbalance=worst_grain_imbalance(snapshot.mesh, snapshot.fields),
    )
    transport = replace(
        measured.transport,
        bracket=before.transport.bracket,
        bracket_reason=before.transport.bracket_reason,
    )
    result = replace(
        before,
        solver=solver,
        **{**measured.parts, "transport": transport},
        warnings=warnings(snapshot, before.errors),
        errors=_errors_again(before.errors or {}, run_errors(snapshot)),
        schema_version=SCHEMA_VERSION,
        definitions=DEFINITIONS,
    )
    try:
        with tempfile.TemporaryDirectory(dir=directory, prefix=".measuring-") as draft:
            write_tables(RunFolder(Path(draft)), snapshot)
            for path in sorted(Path(draft).iterdir()):  # each is whole before it replaces the one of before
                path.replace(directory / path.name)
        folder.write_json("result.json", result.as_dict())
    except OSError as error:
        raise InputError(
            f"{directory}: must be writable; got '{error.strerror or error}'. "
            "Free some space, change its permissions, or measure a copy."
        ) from error
    return result, snapshot
