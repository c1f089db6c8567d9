"""Output of `gbflux contact`, the answer of a law: table or JSON, CSV, provenance, figure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gbflux.cli.contact_quantities import Answer, Given, Law, Quantity, Row

if TYPE_CHECKING:
    from gbflux.lab.stats.uncertainty import Measured

_REACH = 10.0  # times and parts of the given value that a figure shows
_PLACES = 41


def rows_of(laws: Sequence[tuple[str, Callable[..., float], str, float, str]], values: Given) -> list[Row]:
    """A row for each law, from the arguments that it takes.

    Parameters
    ----------
    laws : sequence of (name, law, unit, factor, key)
        The factor is that of the unit to SI.
    values : mapping
        In SI, by argument.
    """
    from gbflux.lab.stats.uncertainty import propagate

    rows = []
    for name, law, unit, factor, key in laws:
        wanted = inspect.signature(law).parameters
        result = propagate(law, **{k: v for k, v in values.items() if k in wanted})
        rows.append(Row(name, result * (1 / factor), unit, key))
    return rows


def show(name: str, answer: Answer, as_json: bool, folder: Path | None, options: Mapping[str, Any]) -> None:
    """Table or JSON, warnings, CSV and provenance."""
    from gbflux.cli.output import json_text, table_text, write_analysis

    rows = answer.rows
    record = {row.key: row.value.value for row in rows}
    record |= {f"{row.key}_error": row.value.error for row in rows if row.value.error > 0}
    if as_json:
        typer.echo(json_text({**record, "warnings": answer.warnings}))
    else:
        cells = [(row.name, str(row.value), row.unit) for row in rows]
        typer.echo(table_text([("quantity", "value", "unit"), *cells]))
        for text in answer.warnings:
            typer.echo(f"warning: {text}", err=True)
    if folder is not None:
        table = [
            {"quantity": r.key, "value": r.value.value, "error": r.value.error, "unit": r.unit} for r in rows
        ]
        asked = {flag.lstrip("-").replace("-", "_"): text for flag, text in options.items()}
        asked = {"command": f"contact {name}", **asked}
        write_analysis(folder, {f"contact_{name}.csv": table}, None, [], asked)


def draw(path: Path, law: Law, given: Given, varied: Quantity) -> None:
    """Figure of the results against one quantity, from a tenth to ten times its value."""
    import numpy as np

    from gbflux.report.contact_figures import draw_laws

    middle = given[varied.key].value
    places = middle * np.geomspace(1 / _REACH, _REACH, _PLACES)
    answer = law(given)
    courses = [_values(law, given, varied.key, float(place), answer.rows) for place in places]
    draw_laws(
        path,
        (f"{varied.name.replace('-', ' ')} ({varied.shown_unit})", places / varied.factor),
        (middle / varied.factor, given[varied.key].error / varied.factor),
        [(row.name, row.unit, row.value.value, row.value.error) for row in answer.rows],
        np.array(courses).T,
    )


def _values(law: Law, given: Given, key: str, place: float, rows: list[Row]) -> list[float]:
    """Results with one quantity moved, without uncertainties; NaN where the law does not hold."""
    from gbflux.errors import InputError
    from gbflux.lab.stats.uncertainty import Measured

    moved: dict[str, Measured] = {name: Measured(value.value) for name, value in given.items()}
    try:
        found = {row.key: row.value.value for row in law({**moved, key: Measured(place)}).rows}
    except InputError:
        found = {}
    return [found.get(row.key, float("nan")) for row in rows]
