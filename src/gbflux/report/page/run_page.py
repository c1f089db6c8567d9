"""Contents of the page of a run, or of a comparison of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gbflux.case import Case
from gbflux.measure.error_text import between, error_records, stated, value_at
from gbflux.report.page.cautions import run_cautions
from gbflux.report.page.citations import citations
from gbflux.report.page.critical_current import run_ratios
from gbflux.report.page.decay import draw_profiles, profile_of
from gbflux.report.page.image import Picture, downloads, from_file
from gbflux.report.page.run_folder import PICTURES, Run
from gbflux.report.page.tables import Cell, Table, code_cell, value_cell
from gbflux.report.page.wording import CELL, ESTIMATES, METRICS, Metric, written
from gbflux.report.style import MESH_LIMITED

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
_FILES = ("result.json", "case.resolved.yaml", "provenance.json", "grains.csv", "boundaries.csv")


def run_page(folder: Path, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything the template of a run shows.

    Parameters
    ----------
    folder : Path
        Folder that the page was asked for.
    runs : sequence of Run
        One, or a bare one and one with layers.

    Returns
    -------
    dict
    """
    pictures, plots, numbers = _pictures(folder, runs), _profiles(runs), _numbers(runs)
    return {
        "title": runs[0].result["name"],
        "kind": "Run" if len(runs) == 1 else "Comparison",
        "sentence": sentence(runs),
        "cautions": run_cautions(runs),
        "cards": _cards(runs),
        "labels": [run.label for run in runs],
        "numbers": numbers,
        "with_errors": any(cell["error"] for row in numbers for cell in row["cells"]),
        "pictures": pictures,
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


def sentence(runs: Sequence[Run]) -> str:
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
    bi = case.delta_um / case.mean_grain_size_um * case.sigma_grain / case.sigma_gb
    return (
        f"of {written(case.mean_grain_size_um)} µm mean in {size} µm, boundaries of "
        f"{written(case.grain_boundary.thickness_nm)} nm, Bi = {written(bi, 3)}"
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


def shown(result: Mapping[str, Any], key: str, digits: int = 4) -> tuple[str, str]:
    """A measure as text and its error: certified, else estimated, else empty.

    Parameters
    ----------
    result : mapping
    key : str
        Dotted key.
    digits : int
        Significant digits where no error is known.
    """
    bounds = value_at(result, f"transport.bracket.{key.removeprefix('transport.')}")
    certified = ""
    if isinstance(bounds, Mapping) and bounds.get("lower") is not None and bounds.get("upper") is not None:
        certified = " … ".join(between(bounds["lower"], bounds["upper"])) + " certified"
    found = stated(result, key, digits)
    return found.single, ", ".join(text for text in (found.deviation, certified) if text)


def _numbers(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Rows of the table of key numbers: those that any run has."""
    rows = []
    for metric in (*CELL, *ESTIMATES, *METRICS[len(CELL) :]):
        if any(value_at(run.result, metric.key) is not None for run in runs):
            cells = [
                dict(zip(("value", "error"), shown(run.result, metric.key, metric.digits), strict=True))
                for run in runs
            ]
            rows.append({"metric": metric, "cells": cells})
    return rows


def _cards(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The handful of numbers one looks at first."""
    cards = []
    for metric in METRICS:
        if metric.key in _CARDS and any(value_at(run.result, metric.key) is not None for run in runs):
            several = len(runs) > 1
            lines = [_line(run, metric, run.label if several else "") for run in runs]
            name = metric.label if several else metric.name
            cards.append({"name": name, "unit": "" if several else metric.unit, "lines": lines})
    return cards


def _line(run: Run, metric: Metric, label: str) -> dict[str, str]:
    """A value on a card."""
    value, error = shown(run.result, metric.key, 3)
    return {"label": label, "value": value, "error": error}


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
        profile_of(
            f"{side}", [layer], value_at(run.result, f"errors.homogenizing_layer.{side}.decay_length_um")
        )
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
    rows = tuple((code_cell(key), _number_cell(run.result, key, value)) for key, value in leaves)
    return Table(f"all{place}", f"result.json of {run.label}", ("key", "value"), rows)


def _number_cell(result: Mapping[str, Any], key: str, value: Any) -> Cell:
    """A cell of a number with its error beside it, or of a word."""
    if not isinstance(value, float):
        return value_cell(value)
    return Cell(stated(result, key, 6).single, value, stated(result, key, 6).deviation)
