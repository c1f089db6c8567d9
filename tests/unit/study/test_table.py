"""The table and the summary of a study: columns, states, kinds of values, CSV and Parquet alike."""

from __future__ import annotations

import csv
import json
import subprocess

import numpy as np
import pytest
from tests.small_cases import TINY, solved
from tests.study_cases import StandIn, made

from gbflux.case.text import schema
from gbflux.study import StudyFolder, collect, write_collection
from gbflux.study.table import csv_text, is_extreme, write_parquet

SWEEP = {"temperature_C": [25, 60], "geometry.size_um": [[20, 20]]}


@pytest.fixture
def study(tmp_path):
    """Two points of three realizations, the first point done but for a failure."""
    worked_out, folder = made(tmp_path, SWEEP, realizations=3)
    stand_in = StandIn(tmp_path)
    keys = [entry.key for entry in worked_out.entries]
    subprocess.run(stand_in(folder.path, "", keys[:2] + keys[3:], 1), check=True, capture_output=True)
    folder.fail(keys[2], "late", "Timeout", 124)
    (folder.case(keys[5]) / "result.json").unlink()
    return worked_out, folder


def test_a_row_per_case_with_swept_keys_and_scalars(study):
    worked_out, folder = study
    table = collect(folder).table
    assert [(row["point"], row["seed"], row["status"]) for row in table] == [
        (1, 1, "done"),
        (1, 2, "done"),
        (1, 3, "timeout"),
        (2, 1, "done"),
        (2, 2, "done"),
        (2, 3, "missing"),
    ]
    assert [row["case"] for row in table] == [entry.key for entry in worked_out.entries]
    assert [row["temperature_C"] for row in table] == [25, 25, 25, 60, 60, 60]
    assert table[0]["geometry.size_um"] == "[20, 20]"
    result = solved(TINY).result
    assert table[0]["transport.sigma_eff_S_per_cm"] == result.transport.sigma_eff_S_per_cm
    assert table[0]["hot_spots.bottom.p99_over_mean"] == result.hot_spots["bottom"].p99_over_mean
    assert table[0]["hot_spots.top.area_fraction_above.2"] is not None
    assert table[2]["transport.sigma_eff_S_per_cm"] is None
    assert not any(isinstance(value, (list, dict)) for row in table for value in row.values())


def test_errors_come_last_under_the_names_of_their_measures(study):
    row = collect(study[1]).table[0]
    columns = list(row)
    errors = [name for name in columns if name.startswith("errors.")]
    assert columns[-len(errors) :] == errors
    assert {name.removeprefix("errors.") for name in errors} <= set(columns)
    spots = solved(TINY).result.errors["hot_spots"]["bottom"]
    assert row["errors.hot_spots.bottom.p99_over_mean"] == spots["p99_over_mean"]["estimated_error"] > 0
    assert row["errors.hot_spots.bottom.max_over_mean"] is None  # it diverges


def test_the_summary_has_the_mean_of_the_errors(study):
    found = collect(study[1])
    rows = {(row["point"], row["metric"]): row for row in found.summary}
    assert not [metric for _, metric in rows if metric.startswith(("errors", "definitions"))]
    name = "hot_spots.top.p99_over_mean"
    each = [row[f"errors.{name}"] for row in found.table if row["point"] == 1 and row["status"] == "done"]
    assert rows[1, name]["estimated_error"] == pytest.approx(np.mean(each))
    assert rows[1, "hot_spots.top.max_over_mean"]["estimated_error"] is None
    assert rows[1, "transport.wiener_upper_S_per_cm"]["estimated_error"] is None
    assert list(found.summary[0])[-1] == "estimated_error"


def test_no_column_of_a_result_is_a_key_of_a_case(study):
    """Swept keys and results share one table."""
    columns = set(collect(study[1]).table[0]) - set(SWEEP)
    bodies = {block: body for block, body in schema()["$defs"].items() if block != "Certify"}  # of output
    keys = {f"{block}.{key}" for block, body in bodies.items() for key in body["properties"]}
    blocks = {"grains", "mesh", "solver", "electrodes", "geometry", "grain_boundary", "homogenizing_layer"}
    swept = {f"{block}.{key.split('.')[1]}" for block in blocks for key in keys}
    assert not columns & (swept | {"temperature_C"})


def test_files_agree(study, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    _, folder = study
    found = collect(folder)
    write_collection(folder, found)
    with (folder.path / "table.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    stored = pyarrow.read_table(folder.path / "table.parquet").to_pylist()
    assert list(rows[0]) == list(stored[0]) == found.columns
    for row, kept, own in zip(rows, stored, found.table, strict=True):
        assert kept == own
        assert row == {name: "" if value is None else str(value) for name, value in own.items()}


def test_a_column_of_mixed_values_is_written(tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    write_parquet(tmp_path / "a.parquet", [{"a": 1, "b": 1, "c": None}, {"a": 0.5, "b": "x", "c": None}])
    stored = pyarrow.read_table(tmp_path / "a.parquet").to_pylist()
    assert stored == [{"a": 1.0, "b": "1", "c": None}, {"a": 0.5, "b": "x", "c": None}]


def test_summary_counts_what_is_done_and_states_the_area(study):
    summary = collect(study[1]).summary
    rows = {(row["point"], row["metric"]): row for row in summary}
    row = rows[1, "transport.sigma_eff_S_per_cm"]
    assert (row["n"], row["temperature_C"], row["ci95_low"]) == (2, 25, None)
    assert row["electrode_area_um2"] is None
    hot = rows[2, "hot_spots.top.p99_over_mean"]
    assert (hot["electrode_area_um2"], hot["electrode_length_um"]) == (None, 20)  # 2D: a line
    metrics = {metric for _, metric in rows}
    assert not [m for m in metrics if m.startswith(("mesh.", "solver.", "timings_s", "name", "case_hash"))]
    assert list(summary[0])[:4] == ["point", "temperature_C", "geometry.size_um", "metric"]


def test_the_area_of_an_electrode_in_3d(tmp_path):
    worked_out, folder = made(tmp_path, {"geometry.size_um": [[20, 30, 40]]}, realizations=1)
    stand_in = StandIn(tmp_path)
    subprocess.run(stand_in(folder.path, "", worked_out.keys, 1), check=True, capture_output=True)
    areas = {row["metric"]: row["electrode_area_um2"] for row in collect(folder).summary}
    assert areas["hot_spots.top.max_over_mean"] == 600
    assert areas["hot_spots.top.gini"] is None


def test_extremes_are_told_from_averages():
    names = ("p95_over_mean", "p999_over_mean", "window_max_over_mean.1_um", "grain_max_over_median")
    assert all(is_extreme(f"hot_spots_electrolyte.top.{name}") for name in names)
    assert not any(is_extreme(f"hot_spots.top.{name}") for name in ("rms_over_mean", "gini"))
    assert not is_extreme("homogenizing_layer.top.homogenized_at_um")


def test_an_empty_study_has_a_table(tmp_path):
    _, folder = made(tmp_path, {})
    found = collect(folder)
    assert [row["status"] for row in found.table] == ["missing"]
    assert found.summary == []
    write_collection(folder, found)
    assert csv_text([]) == ""


def test_python_reads_a_study_without_its_file(study):
    worked_out, folder = study
    (folder.path.parent / "tiny.yaml").unlink()
    again = StudyFolder(folder.path)
    assert json.dumps(collect(again).table) == json.dumps(collect(folder, worked_out).table)
    assert np.isfinite(collect(again).table[0]["transport.asr_ohm_cm2"])
