"""A study's folder as a sweep leaves it, written case by case: for tests of what reads one."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gbflux.case import Case, parse_case, resolved_yaml

Solve = Callable[[Case, Path], None]
_SWEEP_COLUMNS = ("point", "case", "status", "seed")
_SUMMARY_COLUMNS = ("metric", "n", "mean", "std", "ci95_low", "ci95_high", "p10", "p90")
#: A case to vary, and two keys to vary it by.
BASE = """
name: base
geometry: {size_um: [50, 50]}
grains: {mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
homogenizing_layer: {thickness_um: 10, conductivity_S_per_cm: 1.0e-4}
"""
THICKNESS = "homogenizing_layer.thickness_um"
SIGMA_GB = "grain_boundary.conductivity_S_per_cm"

_SUMMARY_TAIL = ("realizations_for_5_percent", "electrode_area_um2", "electrode_length_um")


def write_study(
    folder: Path,
    base: str,
    axes: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    solve: Solve,
    *,
    failing: Mapping[tuple[int, int], str] | None = None,
    name: str = "by-hand",
    paired: bool = False,
) -> Path:
    """Run every case of a product of axes (or of their values in pairs) and seeds, and write a study around.

    `failing` maps (point, seed) to ``failed``, ``timeout`` or ``missing``: cases that are not solved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    study = {"name": name, "sweep": {key: list(values) for key, values in axes.items()}}
    text = f"# A study.\n{json.dumps(study, indent=2)}\n"
    (folder / "study.resolved.yaml").write_text(text, encoding="utf-8")
    rows = []
    points = zip(*axes.values(), strict=True) if paired else itertools.product(*axes.values())
    for point, values in enumerate(points, 1):
        swept = dict(zip(axes, values, strict=True))
        for seed in seeds:
            case = parse_case(base, overrides={**swept, "grains.seed": seed})
            status = (failing or {}).get((point, seed), "done")
            case_folder = folder / "cases" / case.physics_hash[:16]
            rows.append({"point": point, "case": case.physics_hash, "status": status, "seed": seed, **swept})
            rows[-1].update(_one_case(case, case_folder, status, solve))
    _write_tables(folder, rows, list(axes))
    return folder


def _one_case(case: Case, folder: Path, status: str, solve: Solve) -> dict[str, Any]:
    """Solve a case, or leave what a failed one leaves; its scalars."""
    if status == "missing":
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.resolved.yaml").write_text(resolved_yaml(case), encoding="utf-8")
    if status != "done":
        failure = {"message": f"mesh: no <b>valid</b> mesh ({status})", "error": "MeshError", "exit_code": 2}
        (folder / "failure.json").write_text(json.dumps({**failure, "attempts": 2, "time": "-"}))
        return {}
    if not (folder / "result.json").exists():
        solve(case, folder)
    length = case.size_um[0]  # 2D alone
    tree = json.loads((folder / "result.json").read_text("utf-8"))
    return {**flattened(tree), "electrode_length_um": length}


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Scalars of a tree by dotted name; lists and words are left out."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= flattened(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)) or value is None:
            found[prefix + key] = value
    return found


def _write_tables(folder: Path, rows: list[dict[str, Any]], axes: list[str]) -> None:
    """``table.csv`` and ``summary.csv``."""
    head = [*_SWEEP_COLUMNS, *axes]
    metrics = list(
        dict.fromkeys(key for row in rows for key in row if key not in (*head, "electrode_length_um"))
    )
    _write_csv(folder / "table.csv", [*head, *metrics], rows)
    summary = []
    for _, group in itertools.groupby(rows, key=lambda row: row["point"]):
        summary += _summarised(list(group), axes, metrics)
    columns = ["point", *axes, *_SUMMARY_COLUMNS, *_SUMMARY_TAIL]
    if summary:
        _write_csv(folder / "summary.csv", columns, summary)
    else:  # as a sweep leaves it
        (folder / "summary.csv").write_text("", encoding="utf-8")


def _summarised(group: list[dict[str, Any]], axes: list[str], metrics: list[str]) -> list[dict[str, Any]]:
    """Rows of the summary for one point; intervals from Student's t, good enough here."""
    found = []
    for metric in metrics:
        values = np.array([row[metric] for row in group if row.get(metric) is not None])
        if len(values) == 0:
            continue
        mean, std = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None
        half = None if std is None else 2.8 * std / math.sqrt(len(values))
        low, high = np.percentile(values, [10, 90])
        needed = None if std is None or mean == 0 else max(2, math.ceil((2 * std / (0.05 * abs(mean))) ** 2))
        head = {"point": group[0]["point"], **{axis: group[0][axis] for axis in axes}}
        numbers = (metric, len(values), mean, std, half and mean - half, half and mean + half, low, high)
        found.append({**head, **dict(zip(_SUMMARY_COLUMNS, numbers, strict=True))})
        length = group[0].get("electrode_length_um")
        found[-1] |= dict(zip(_SUMMARY_TAIL, (needed, None, length), strict=True))
    return found


def _write_csv(path: Path, head: list[str], rows: list[dict[str, Any]]) -> None:
    """Rows as CSV; None is empty."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, head, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def made_up(case: Case, folder: Path) -> None:
    """A `Solve` that solves nothing: a result of the right shape, with hot spots that a layer smooths."""
    rng = np.random.default_rng(case.grains.seed)
    thickness = case.hl_um[1]
    bi = case.delta_um / case.mean_grain_size_um * case.sigma_grain / case.sigma_gb
    hot = 1.0 + bi * math.exp(-thickness / 3) * float(rng.uniform(0.8, 1.2))
    brick = case.sigma_grain / 100 / (1 + bi)
    spots = {
        "max_over_mean": 2 * hot,
        "p99_over_mean": hot,
        "window_max_over_mean": {"200_nm": None, "1_um": 1.1 * hot, "3_um": 0.9 * hot},
        "grain_max_over_mean_area_cut": None if thickness else 0.9 * hot,
    }
    z = np.linspace(0.0, thickness, 9)
    std = 0.2 * np.cosh((thickness - z) / 3)
    layer = {
        "distance_um": z.tolist(),
        "max_over_mean": (1 + 2 * std).tolist(),
        "std_over_mean": std.tolist(),
        "homogenized_at_um": None,
        "decay_length_um": 3.0,
    }
    result = {
        "name": case.name,
        "case_hash": case.physics_hash,
        "dimension": case.dimension,
        "mesh": {"grains": 25, "cells": 1000, "gb_area_limited_fraction": 0.0},
        "solver": {"iterations": 9, "current_imbalance": 1e-12},
        "transport": {
            "mean_current_density_mA_per_cm2": 5.0,
            "sigma_eff_S_per_cm": 1.05 * brick,
            "asr_ohm_cm2": 19.0,
            "brick_layer_S_per_cm": brick,
            "wiener_lower_S_per_cm": 0.8 * brick,
            "wiener_upper_S_per_cm": case.sigma_grain / 100,
            "bracket": None,
        },
        "hot_spots": {"bottom": spots, "top": spots},
        "hot_spots_electrolyte": {"top": spots} if thickness else {},
        "homogenizing_layer": {"top": layer} if thickness else {},
        "warnings": ["hot_spots: the pointwise maximum is set by the mesh."],
    }
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    provenance = {"gbflux": "0.1.0", "gmsh": "4.8.0", "libraries": {"numpy": "1.24.2", "petsc4py": "3.18.5"}}
    (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")


def write_run(folder: Path, base: str, **overrides: Any) -> Path:
    """The folder of a made-up run, with a picture."""
    case = parse_case(base, overrides=overrides)
    (folder / "figures").mkdir(parents=True)
    (folder / "case.resolved.yaml").write_text(resolved_yaml(case), encoding="utf-8")
    (folder / "figures" / "section.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    made_up(case, folder)
    return folder
