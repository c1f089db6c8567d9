"""Contents of the page of a study."""

from __future__ import annotations

from typing import Any

from gbflux.measure.error_text import error_alone, parts
from gbflux.measure.metrics import Metric
from gbflux.report.figures.style import MESH_LIMITED
from gbflux.report.page.cautions import study_cautions
from gbflux.report.page.content import Cell, Table, citations, downloads, text_cell, value_cell
from gbflux.report.page.curves import SIDE, hot_spot_plots, point_name, transport_plots
from gbflux.report.page.folders import Row, Study, Summary
from gbflux.report.page.layers import draw_ratios, study_profiles, study_ratios
from gbflux.report.page.run_page import flat
from gbflux.report.page.wording import DASH, METRICS, axis_label, axis_value, written
from gbflux.study.folder import KEY_DIGITS

_FILES = ("table.csv", "summary.csv", "study.resolved.yaml")


def study_page(study: Study) -> dict[str, Any]:
    """Everything the template of a study shows."""
    ratios = study_ratios(study)
    profiles = study_profiles(study, SIDE)
    plots = [*hot_spot_plots(study), *([profiles] if profiles else []), *transport_plots(study)]
    metrics = [m for m in METRICS if any(study.mean(p, m.key) is not None for p in study.points)]
    provenances = list(study.provenances.values())
    return {
        "title": study.name,
        "kind": "Study",
        "sentence": _sentence(study),
        "cautions": study_cautions(study),
        "cards": _cards(study),
        "plots": plots,
        "ratio_plot": draw_ratios(study, ratios) if ratios else None,
        "ratios": ratios,
        "points": _points(study, metrics),
        "cases": _cases(study, metrics),
        "failures": [
            (row, row.case[:KEY_DIGITS], study.failures[row.case])
            for row in study.rows
            if row.case in study.failures
        ],
        "texts": [("study.resolved.yaml", study.text)] if study.text else [],
        "provenance": _provenance(study),
        "citations": citations(
            provenances, list(study.cases.values()), list(study.results.values()), bool(plots)
        ),
        "downloads": downloads({name: study.path / name for name in _FILES}),
        "mesh_limited": MESH_LIMITED,
    }


def _sentence(study: Study) -> str:
    """Describe what was swept, and over how many realisations."""
    parts = []
    for axis in study.axes:
        values = list(dict.fromkeys(v[axis] for v in study.points.values()))
        shown = [axis_value(v) for v in values]
        text = ", ".join(shown) if len(shown) <= 8 else f"{shown[0]} … {shown[-1]} ({len(shown)} values)"
        parts.append(f"{axis_label(axis)}: {text}")
    seeds = len({row.seed for row in study.rows})
    swept = "; ".join(parts) or "No axis"
    points = len(study.points)
    where = "at one point" if points == 1 else f"for each of {points} points"
    return f"{swept}. {seeds} realisation{'' if seeds == 1 else 's'} of the grains {where}."


def _cards(study: Study) -> list[dict[str, Any]]:
    """State of the study and the span of its hot spots."""
    done, total = study.counts["done"], len(study.rows)
    points = str(len(study.points))
    cards = [_card("cases done", f"{done} of {total}", "", ""), _card("points", points, "", "")]
    key = f"hot_spots.{SIDE}.p99_over_mean"
    found = [(s.mean, p, s) for p, m in study.summary.items() if (s := m.get(key)) and s.mean is not None]
    for name, pick in (("lowest", min), ("highest", max)):
        if found:
            _, point, s = pick(found, key=lambda one: one[0])
            text = ", ".join(part for part in (_ends(s), _of_mesh(s)) if part)
            text = f"{text} at {point_name(study, point)}".strip()
            cards.append(_card(f"{name} P99/mean, {SIDE}", _mean(s, 3), "", text))
    if study.sampled:
        what, unit = _sampled_as(study)
        cards.append(_card(f"electrode {what} sampled a point", *_sampled(study, unit)))
    return cards


def _mean(s: Summary, digits: int = 4) -> str:
    """A mean, to the digits that its interval and the meshes leave a meaning."""
    return parts(s.mean, {"estimated_error": s.uncertainty}, digits).single


def _ends(s: Summary) -> str:
    """Ends of the interval of a mean, to the digits of the mean."""
    ends = [parts(x, {"estimated_error": s.uncertainty}, 3).single for x in (s.low, s.high) if x is not None]
    return " … ".join(ends) if len(ends) == 2 else ""


def _of_mesh(s: Summary) -> str:
    """Mean of the estimated discretisation errors."""
    return "" if not s.error else f"mesh ± {error_alone(s.error)}"


def _sampled(study: Study, unit: str) -> tuple[str, str, str]:
    """Electrode sampled at a point, its unit, and how it comes about; a range where points differ."""
    found = {(len(study.done(p)), each) for p, each in study.sampled.items() if study.done(p)}
    totals = sorted({count * each for count, each in found})
    if not totals:
        return DASH, unit, ""
    if len(found) == 1:
        ((count, each),) = found
        return written(totals[0], 3), unit, f"{count} × {written(each, 3)}"
    return " … ".join(written(total, 3) for total in (totals[0], totals[-1])), unit, "differs: see Points"


def _sampled_as(study: Study) -> tuple[str, str]:
    """Quantity sampled of an electrode, length (2D) or area, and its unit."""
    flat_ = any(case.dimension == 2 for case in study.cases.values())
    return ("length", "µm") if flat_ else ("area", "µm²")


def _card(name: str, value: str, unit: str, error: str) -> dict[str, Any]:
    return {"name": name, "unit": unit, "lines": [{"label": "", "value": value, "error": error}]}


def _points(study: Study, metrics: list[Metric]) -> Table:
    """Mean with its interval of each point, and how many realisations an interval of 5 % would take."""
    head = ["point", *map(axis_label, study.axes), "realisations", *(m.label for m in metrics)]
    if study.sampled:
        head.append("electrode {} sampled ({})".format(*_sampled_as(study)))
    head.append(f"realisations for ±5 % of P99/mean, {SIDE}")
    rows = tuple(_point_row(study, point, metrics) for point in study.points)
    return Table("points", "A row for each point", tuple(head), rows)


def _point_row(study: Study, point: str, metrics: list[Metric]) -> tuple[Cell, ...]:
    """Cells of one point."""
    summary, done = study.summary.get(point, {}), len(study.done(point))
    spread = summary.get(f"hot_spots.{SIDE}.p99_over_mean")
    needed = None if spread is None or spread.needed is None else int(spread.needed)
    cells = [text_cell(point), *(text_cell(study.points[point][axis]) for axis in study.axes)]
    cells.append(value_cell(done))
    for metric in metrics:
        s = summary.get(metric.key)
        if s is None or s.mean is None:
            cells.append(value_cell(None))
            continue
        count = f"{s.n} of {done}" if study.partial(point, metric.key) else ""
        small = ", ".join(text for text in (_ends(s), _of_mesh(s), count) if text)
        cells.append(Cell(_mean(s), s.mean, small))
    if study.sampled:
        each = study.sampled.get(point)
        cells.append(value_cell(None if each is None else each * done, 3))
    return (*cells, value_cell(needed))


def _cases(study: Study, metrics: list[Metric]) -> Table:
    """All cases."""
    head = ["point", "seed", *map(axis_label, study.axes), "status", *(m.label for m in metrics), "case"]
    rows = tuple(_case_row(study, row, metrics) for row in study.rows)
    caption = "A row for each case with the errors of its mesh; table.csv, below, has every number"
    return Table("cases", caption, tuple(head), rows)


def _case_row(study: Study, row: Row, metrics: list[Metric]) -> tuple[Cell, ...]:
    """Cells of one case."""
    whole = row.status != "done" or row.case in study.results
    status = Cell(row.status if whole else "not whole", status=row.status if whole else "failed")
    return (
        text_cell(row.point),
        text_cell(row.seed),
        *(text_cell(row.values[axis]) for axis in study.axes),
        status,
        *(_measure_cell(row, m.key) for m in metrics),
        Cell(row.case[:KEY_DIGITS], code=True),
    )


def _measure_cell(row: Row, key: str) -> Cell:
    """A measure of a case with its error."""
    found = row.parts(key)
    return Cell(found.single, row.number(key), found.deviation)


def _provenance(study: Study) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Provenance that all cases share, and how many different values the rest has."""
    trees = [dict(flat(tree)) for tree in study.provenances.values()]
    keys = dict.fromkeys(key for tree in trees for key in tree)
    rows: list[tuple[str, Any]] = []
    for key in keys:
        values = list(dict.fromkeys(written(tree.get(key)) for tree in trees))
        if key in ("case_hash", "mesh_hash") or len(values) > 3:
            rows.append((key, f"{len(values)} different ones"))
        else:
            rows.append((key, ", ".join(values)))
    return [(f"{len(trees)} case{'' if len(trees) == 1 else 's'}", rows)] if rows else []
