"""Contents of the page of a run, or of a comparison of two.

On demand with the electrodes of a 3D run, as small arrays that the page's script draws with WebGL.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from gbflux.case import Case
from gbflux.errors import InputError
from gbflux.measure.distribution import weighted_quantiles
from gbflux.measure.error_text import between, error_records, stated, value_at
from gbflux.measure.metrics import Metric
from gbflux.report.figures.style import COLOURS, MESH_LIMITED
from gbflux.report.page.cautions import run_cautions
from gbflux.report.page.content import Cell, Picture, Table, citations, downloads, from_file, value_cell
from gbflux.report.page.curves import biot_number
from gbflux.report.page.folders import PICTURES, Run
from gbflux.report.page.layers import draw_profiles, profile_of, run_ratios
from gbflux.report.page.wording import CELL, ESTIMATES, METRICS, written
from gbflux.results.fields import read_polydata
from gbflux.units import A_PER_M2_TO_MA_PER_CM2, SIDES

_TITLES = {
    "section": ("Section", "Section through the grains, coloured by the current density."),
    "electrodes": ("Electrodes", "Current density on both electrodes."),
    "distribution": ("Distribution", "Share of the area that carries at least a multiple of the mean."),
}
_CARDS = (
    "transport.mean_current_density_mA_per_cm2",
    "transport.sigma_eff_S_per_cm",
    "transport.asr_ohm_cm2",
    "hot_spots.top.p99_over_mean",
    "homogenizing_layer.top.homogenized_at_um",
)
_STEPS = 65535  # of a coordinate in its box, and of the current density up to the limit of the colours
_SHOWN = 0.99  # share of the area that the colours resolve
_FILES = ("result.json", "case.resolved.yaml", "provenance.json", "grains.csv", "boundaries.csv")


def run_page(folder: Path, runs: Sequence[Run], view3d: bool = False) -> dict[str, Any]:
    """Everything the template of a run shows: of one, or of a bare one and one with layers.

    `folder` is the one that the page was asked for; `view3d` adds the electrodes of 3D runs.
    """
    pictures, plots, numbers = _pictures(folder, runs), _profiles(runs), _numbers(runs)
    return {
        "title": runs[0].result["name"],
        "kind": "Run" if len(runs) == 1 else "Comparison",
        "sentence": _sentence(runs),
        "cautions": run_cautions(runs),
        "cards": _cards(runs),
        "labels": [run.label for run in runs],
        "numbers": numbers,
        "with_errors": any(cell["error"] for row in numbers for cell in row["cells"]),
        "pictures": pictures,
        "views": _electrode_views(runs) if view3d else [],
        "plots": plots,
        "ratios": run_ratios(runs),
        "everything": [_everything(run, place) for place, run in enumerate(runs)],
        "texts": [(_named("case.resolved.yaml", run, runs), run.case_text) for run in runs if run.case_text],
        "provenance": [(run.label, flat(run.provenance)) for run in runs if run.provenance],
        "citations": citations(
            [run.provenance for run in runs],
            [run.case for run in runs if run.case],
            [run.result for run in runs],
            bool(pictures or plots),
        ),
        "downloads": downloads({_named(name, run, runs): run.path / name for run in runs for name in _FILES}),
        "mesh_limited": MESH_LIMITED,
    }


def _named(name: str, run: Run, runs: Sequence[Run]) -> str:
    """A file's name, with its folder where there are two runs."""
    return name if len(runs) == 1 else f"{run.path.name}_{name}"


def _sentence(runs: Sequence[Run]) -> str:
    """Describe what was run: grains, boundaries, layers of the last run, electrodes."""
    run = runs[-1]
    grains = f"{written(value_at(run.result, 'mesh.grains'))} grains"
    if run.case is None:
        return f"{grains} in {run.result.get('dimension')}D."
    layers = _layers(run.case)
    if len(runs) > 1:
        layers = f", bare and with{layers.removeprefix(',')}"
    return f"{grains} {_about(run.case)}{layers}{_electrodes(run.case)}."


def _about(case: Case) -> str:
    """Grains, box and boundaries."""
    size = " × ".join(written(x) for x in case.size_um)
    return (
        f"of {written(case.mean_grain_size_um)} µm mean in {size} µm, boundaries of "
        f"{written(case.grain_boundary.thickness_nm)} nm, Bi = {written(biot_number(case), 3)}"
    )


def _layers(case: Case) -> str:
    """Homogenizing layers."""
    layer = case.homogenizing_layer
    if layer is None:
        return ", no homogenizing layer"
    sides = {"both": "on both sides"}.get(layer.sides, f"on the {layer.sides}")
    sigma = written((case.sigma_hl or 0.0) / 100)
    return f", homogenizing layers of {written(layer.thickness_um)} µm at {sigma} S/cm {sides}"


def _electrodes(case: Case) -> str:
    """Voltage or current, and resistance of the electrodes."""
    bottom, top = case.potentials
    given = case.electrodes.current_density_mA_per_cm2
    load = f"{written(given)} mA/cm²" if top is None else f"{written(abs(top - bottom))} V"
    asr = case.electrodes.asr_ohm_cm2
    if asr.bottom == asr.top == 0:
        return f", {load} between ideal electrodes"
    return f", {load}, electrode resistances of {written(asr.bottom)} and {written(asr.top)} Ω cm²"


def _shown(result: Mapping[str, Any], key: str, digits: int = 4) -> tuple[str, str]:
    """A measure as text and its error: certified, else estimated, else empty.

    `digits` are the significant ones where no error is known.
    """
    bounds = value_at(result, f"transport.bracket.{key.removeprefix('transport.')}")
    certified = ""
    if isinstance(bounds, Mapping) and bounds.get("lower") is not None and bounds.get("upper") is not None:
        certified = " … ".join(between(bounds["lower"], bounds["upper"])) + " certified"
    found = stated(result, key, digits)
    return found.single, ", ".join(text for text in (found.deviation, certified) if text)


def _numbers(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Rows of the table of key numbers: those that any run has."""
    metrics = [m for m in (*CELL, *ESTIMATES, *METRICS[len(CELL) :]) if _in_any(runs, m)]
    return [
        {"metric": metric, "cells": [_line(run, metric, metric.digits) for run in runs]} for metric in metrics
    ]


def _in_any(runs: Sequence[Run], metric: Metric) -> bool:
    """Test whether any run has a metric."""
    return any(value_at(run.result, metric.key) is not None for run in runs)


def _cards(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The handful of numbers one looks at first."""
    several = len(runs) > 1
    cards = []
    for metric in METRICS:
        if metric.key in _CARDS and _in_any(runs, metric):
            lines = [_line(run, metric, 3) | {"label": run.label if several else ""} for run in runs]
            name = metric.label if several else metric.name
            cards.append({"name": name, "unit": "" if several else metric.unit, "lines": lines})
    return cards


def _line(run: Run, metric: Metric, digits: int) -> dict[str, str]:
    """A metric of a run as text, and its error."""
    value, error = _shown(run.result, metric.key, digits)
    return {"value": value, "error": error}


def _pictures(folder: Path, runs: Sequence[Run]) -> list[Picture]:
    """The comparison first, then what each run drew."""
    found = []
    together = folder / "comparison.png"
    if len(runs) > 1 and together.exists():
        alt = "Sections through the same grains and an electrode of each, on one colour scale."
        found.append(from_file(together, "Bare and with layers", alt, plot=False))
    for run in runs:
        for path in run.pictures:
            if len(runs) > 1 and found and path.stem in PICTURES[:2]:
                continue  # the comparison shows them
            title, alt = _TITLES[path.stem]
            name = f"{title}, {run.label}" if len(runs) > 1 else title
            found.append(from_file(path, name, alt, plot=path.stem == "distribution"))
    return found


def _profiles(runs: Sequence[Run]) -> list[Picture]:
    """Decay across the layers of the run that has them."""
    profiles = [
        profile_of(side, [layer], value_at(run.result, f"errors.homogenizing_layer.{side}.decay_length_um"))
        for run in runs
        for side, layer in (run.result.get("homogenizing_layer") or {}).items()
        if len(layer.get("distance_um") or ()) > 2
    ]
    return [draw_profiles(profiles, "Decay across the homogenizing layer")] if profiles else []


def flat(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Leaves of a tree by dotted key; lists count as leaves.

    >>> flat({"a": {"b": 1, "c": [1, 2]}})
    [('a.b', 1), ('a.c', [1, 2])]
    """
    if isinstance(tree, Mapping):
        return [leaf for key, value in tree.items() for leaf in flat(value, f"{path}.{key}".lstrip("."))]
    return [(path, tree)]


def _everything(run: Run, place: int) -> Table:
    """Single numbers and words of a result with their errors; profiles and warnings have their own places."""
    errors = {f"errors.{key}." for key, _ in error_records(run.result.get("errors"))}
    leaves = [
        (key, value)
        for key, value in flat(run.result)
        if not isinstance(value, list) and key[: key.rfind(".") + 1] not in errors
    ]
    rows = tuple((Cell(key, code=True), _number_cell(run.result, key, value)) for key, value in leaves)
    return Table(f"all{place}", f"result.json of {run.label}", ("key", "value"), rows)


def _number_cell(result: Mapping[str, Any], key: str, value: Any) -> Cell:
    """A cell of a number with its error beside it, or of a word."""
    if not isinstance(value, float):
        return value_cell(value)
    found = stated(result, key, 6)
    return Cell(found.single, value, found.deviation)


@dataclass(frozen=True)
class _Surface:
    """One electrode: points (µm), triangles, current density of each and around each point (A/m²)."""

    points: NDArray[np.float64]
    facets: NDArray[np.int64]
    size: NDArray[np.float64]
    at_points: NDArray[np.float64]

    @property
    def area(self) -> NDArray[np.float64]:
        """Areas of the triangles (µm²)."""
        p, q, r = (self.points[self.facets[:, k]] for k in range(3))
        areas: NDArray[np.float64] = np.linalg.norm(np.cross(q - p, r - p), axis=1) / 2
        return areas


def _electrode_views(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Electrodes of runs on one scale of colours; an error if a run is 2D, or the surfaces are missing."""
    surfaces = {run.path: [_surface(run, side) for side in SIDES] for run in runs}
    every = [surface for pair in surfaces.values() for surface in pair]
    size, area = (np.concatenate([getattr(s, name) for s in every]) for name in ("size", "area"))
    limit = float(weighted_quantiles(size, area, [_SHOWN])[0]) or 1.0
    return [_view(run.label, surfaces[run.path], limit) for run in runs]


def _surface(run: Run, side: str) -> _Surface:
    """One electrode of a run."""
    if run.result.get("dimension") != 3:
        raise InputError(
            f"--view3d: must be given with a 3D run; {run.path} holds one in {run.result.get('dimension')}D. "
            "Leave the option out."
        )
    points, facets, data = read_polydata(run.path / f"electrode_{side}.vtp")
    size = data.get("J_normal", data["J_magnitude"])  # runs of earlier versions have the cells' alone
    return _Surface(points, facets, size, _at_points(len(points), facets, size, data["grain"] >= 0))


def _at_points(
    count: int, facets: NDArray[np.int64], size: NDArray[np.float64], in_grain: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean over the facets around each point; ends of grain boundaries count where there is nothing else."""
    weight = np.where(in_grain, 1.0, 1e-9)
    points, corners = facets.T.ravel(), facets.shape[1]  # one corner of all facets after the other
    total, sum_ = (np.bincount(points, np.tile(w, corners), count) for w in (weight, weight * size))
    mean: NDArray[np.float64] = sum_ / np.maximum(total, 1e-30)
    return mean


def _view(label: str, pair: Sequence[_Surface], limit: float) -> dict[str, str]:
    """Name of a run, number of facets, end of the colours (mA/cm²), and as JSON what the script draws.

    Coordinates and current densities have 16 bits.
    """
    corners = np.concatenate([s.points for s in pair])
    low, high = corners.min(axis=0), corners.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    colours = colormaps[COLOURS](np.linspace(0, 1, 64), bytes=True)[:, :3]
    surfaces = [
        {
            "points": _packed((s.points - low) / span * _STEPS, "<u2"),
            "facets": _packed(s.facets, "<u4"),
            "values": _packed(np.clip(s.size / limit, 0, 1) * _STEPS, "<u2"),
            "heights": _packed(np.clip(s.at_points / limit, 0, 1) * _STEPS, "<u2"),
        }
        for s in pair
    ]
    tree = {"size": (high - low).tolist(), "colours": colours.tolist(), "surfaces": surfaces}
    count = sum(len(s.facets) for s in pair)
    end = written(limit * A_PER_M2_TO_MA_PER_CM2, 3)
    return {"label": label, "facets": written(count), "limit": end, "data": json.dumps(tree)}


def _packed(values: NDArray[np.generic], kind: str) -> str:
    """Whole numbers as base64."""
    return base64.b64encode(np.ascontiguousarray(np.rint(values).astype(kind)).tobytes()).decode("ascii")
