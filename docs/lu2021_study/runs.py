"""Solve the runs that are missing, and keep of each what the page needs: one row for each electrode."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gbflux
from lu2021_study.cases import Run, all_runs
from lu2021_study.voxels import VoxelRun, solve_voxels, voxel_runs

SIDES = ("bottom", "top")
#: Distance from the electrolyte at which the profile in the layer is read (µm).
DISTANCE_UM = 3.0
#: Columns of the table after the run and the side; `row` says where each comes from.
COLUMNS = (
    "max",
    "p99",
    "p999",
    "window_1",
    "window_3",
    "grain",
    "grain_cut",
    "grain_median",
    "grain_min",
    "at_hl_max",
    "at_hl_p99",
    "max_at_3",
    "p99_at_3",
    "within_10",
    "within_20",
    "decay_um",
    "sigma_eff",
    "asr_cell",
    "smallest_facet_um",
)
_DIGITS = 4


def everything() -> list[Run | VoxelRun]:
    """All runs, on meshes and on voxels."""
    return [*all_runs(), *voxel_runs()]


def solved(run: Run | VoxelRun, folder: Path) -> dict[str, Any]:
    """Return the record kept of a run; from the folder if it is there and belongs to the same case.

    Of a run on a mesh the tree of its ``result.json``, of one on voxels ``{"case_hash": ..., "rows": ...}``.
    """
    tree = stored(run, folder)
    if tree is None:
        if isinstance(run, VoxelRun):
            tree = {"case_hash": run.case().physics_hash, "rows": solve_voxels(run.run)}
        else:
            tree = gbflux.run(run.case()).as_dict()
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{run.name}.{os.getpid()}"
        unfinished.write_text(json.dumps(tree), encoding="utf-8")
        unfinished.replace(folder / f"{run.name}.json")
    return tree


def stored(run: Run | VoxelRun, folder: Path) -> dict[str, Any] | None:
    """Return the record in the folder; None if nothing, or another case's."""
    file = folder / f"{run.name}.json"
    if not file.exists():
        return None
    tree = json.loads(file.read_text(encoding="utf-8"))
    return tree if tree["case_hash"] == run.case().physics_hash else None


def rows_of(tree: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Values of `COLUMNS` for each side of what `solved` gives."""
    if "rows" in tree:
        return {side: {**dict.fromkeys(COLUMNS), **tree["rows"][side]} for side in SIDES}
    return {side: row(tree, side) for side in SIDES}


def row(tree: Mapping[str, Any], side: str) -> dict[str, float | None]:
    """Row of the table for one electrode: values of `COLUMNS`, None where there is none.

    `max` … `grain_min` belong to the electrode, `at_hl_…` to electrolyte|layer, `…_at_3` to 3 µm from there
    in the layer; all over the mean. `within_10` and `within_20` are the distances (µm) from which on the
    maximum stays within 10 and 20 % of the mean.
    """
    spots, whole = tree["hot_spots"][side], tree["transport"]
    end = tree["hot_spots_electrolyte"].get(side, {})
    return {
        **{name: spots[f"{name}_over_mean"] for name in ("max", "p99", "p999")},
        **{f"window_{um}": spots["window_max_over_mean"][f"{um}_um"] for um in (1, 3)},
        "grain": spots["grain_max_over_mean"] if not end else end["grain_max_over_mean"],
        "grain_cut": (end or spots)["grain_max_over_mean_area_cut"],
        "grain_median": (end or spots)["grain_max_over_median"],
        "grain_min": (end or spots)["grain_max_over_min"],
        "at_hl_max": end.get("max_over_mean"),
        "at_hl_p99": end.get("p99_over_mean"),
        **_profile(tree["homogenizing_layer"].get(side)),
        "sigma_eff": whole["sigma_eff_S_per_cm"],
        "asr_cell": whole["asr_ohm_cm2"],
        "smallest_facet_um": spots["smallest_facet_um"],
    }


def _profile(profile: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Columns read off a profile across a layer."""
    names = ("max_at_3", "p99_at_3", "within_10", "within_20", "decay_um")
    if profile is None:
        return dict.fromkeys(names)
    distance, largest = profile["distance_um"], profile["max_over_mean"]
    return {
        "max_at_3": at(DISTANCE_UM, distance, largest),
        "p99_at_3": at(DISTANCE_UM, distance, profile["p99_over_mean"]),
        "within_10": distance_within(1.1, distance, largest),
        "within_20": distance_within(1.2, distance, largest),
        "decay_um": profile["decay_length_um"],
    }


def at(place: float, distance: list[float], values: list[float]) -> float | None:
    """Value at a distance, linear between planes; None beyond the last plane but one rounding error."""
    if place > distance[-1] * (1 + 1e-9):
        return None
    for s0, s1, y0, y1 in zip(distance, distance[1:], values, values[1:], strict=False):
        if place <= s1 * (1 + 1e-9):
            return y0 + (y1 - y0) * (place - s0) / (s1 - s0)
    return values[-1]


def distance_within(limit: float, distance: list[float], values: list[float]) -> float | None:
    """Smallest distance from which on all values stay at or below a limit; None if the last is above."""
    above = [k for k, value in enumerate(values) if value > limit]
    if not above:
        return distance[0]
    k = above[-1]
    if k == len(values) - 1:
        return None
    share = (values[k] - limit) / (values[k] - values[k + 1])
    return distance[k] + share * (distance[k + 1] - distance[k])


def write_table(path: Path, folder: Path) -> tuple[int, int]:
    """Write the rows of all runs; of one that the folder lacks those that the table had.

    How many runs were kept so, and how many are missing.
    """
    before = read_table(path) if path.exists() else {}
    kept = missing = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["run", "side", *COLUMNS])
        for run in sorted(everything(), key=lambda r: r.name):
            tree = stored(run, folder)
            rows = {side: before.get((run.name, side)) for side in SIDES} if tree is None else rows_of(tree)
            if None in rows.values():
                missing += 1
                continue
            kept += tree is None
            for side, values in rows.items():
                table.writerow([run.name, side, *(_text(values[name]) for name in COLUMNS)])
    return kept, missing


def read_table(path: Path) -> dict[tuple[str, str], dict[str, float | None]]:
    """Rows by run and side."""
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            (line["run"], line["side"]): {k: float(line[k]) if line[k] else None for k in COLUMNS}
            for line in csv.DictReader(stream)
        }


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.{_DIGITS}g}"
