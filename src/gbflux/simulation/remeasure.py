"""Measure a finished run once more, from its stored fields."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from gbflux.case import Case, load_case
from gbflux.conduction.balance import worst_grain_imbalance
from gbflux.errors import InputError
from gbflux.measure import measure
from gbflux.measure.error_text import value_at
from gbflux.results.folder import RunFolder
from gbflux.results.result import DEFINITIONS, SCHEMA_VERSION, Result, read_result
from gbflux.results.snapshot import Snapshot
from gbflux.results.vtkhdf import read_fields
from gbflux.simulation.files import write_tables
from gbflux.simulation.summary import run_errors, warnings


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
    """Potentials of the electrodes (V); those that an applied current takes are in the result."""
    bottom, top = case.potentials
    if top is None:
        top = bottom + read_result(folder.result_file).transport.voltage_V
    return bottom, top


def _errors_again(before: Result, errors: dict[str, Any]) -> dict[str, Any]:
    """Errors estimated again, with the records of `before` that need the meshes of the refinement."""
    for part in ("hot_spots", "hot_spots_electrolyte"):
        for side, found in errors[part].items():
            record = value_at(before.errors, f"{part}.{side}.max_over_mean") or {}
            if "observed_exponent" in record:
                found["max_over_mean"]["observed_exponent"] = record["observed_exponent"]
    asked = ("accuracy", "conductance")
    return {**{key: before.errors[key] for key in asked if key in (before.errors or {})}, **errors}


def remeasure(directory: Path) -> tuple[Result, Snapshot]:
    """Repeat the measuring of a finished run and replace its tables and result.

    Returns
    -------
    Result
        With the measured parts new; mesh, solver and times as they were.
    Snapshot
        The case, mesh and fields that were measured.

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
        errors=_errors_again(before, run_errors(snapshot)),
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
