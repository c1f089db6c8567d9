"""Reads the folder of a study for its page: tables, cases, failures; broken cases are named, not fatal."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gbflux.case import Case
from gbflux.errors import InputError
from gbflux.measure.error_text import Parts, parts
from gbflux.report.page.run_folder import read_case, read_result_tree
from gbflux.study import StudyFolder, plan

_FIRST = ("point", "case", "status", "seed")
_AREA = ("electrode_area_um2", "electrode_length_um")
STATUS = ("done", "failed", "timeout", "missing")


@dataclass(frozen=True)
class Summary:
    """One metric at one point, over realisations; None where it is not defined.

    `low` and `high` end the 95 % interval of the mean, `error` is the mean of the estimated discretisation
    errors.
    """

    n: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    p10: float | None
    p90: float | None
    needed: float | None
    error: float | None = None

    @property
    def uncertainty(self) -> float | None:
        """The larger of half the interval and the estimated discretisation error; None without either."""
        half = None if self.low is None or self.high is None else (self.high - self.low) / 2
        return max((x for x in (half, self.error) if x is not None), default=None)


@dataclass(frozen=True)
class Row:
    """One case of the table."""

    point: str
    case: str
    status: str
    seed: str
    values: Mapping[str, str]

    def number(self, key: str) -> float | None:
        """A column as a number; None where it is empty or a word."""
        return number(self.values.get(key, ""))

    def parts(self, key: str) -> Parts:
        """A column with its estimated error; a measure whose error is left empty diverges."""
        name = f"errors.{key}"
        error = self.number(name)
        return parts(self.number(key), {"estimated_error": error, "divergent": self.values.get(name) == ""})


@dataclass(frozen=True)
class Study:
    """Contents of a study's folder, so far.

    Attributes
    ----------
    path : Path
    name : str
    text : str
        ``study.resolved.yaml``.
    axes : tuple of str
        Swept keys, in the order of the columns.
    rows : tuple of Row
        ``table.csv``.
    points : mapping
        Point -> its swept values as text, by key.
    summary : mapping
        Point -> metric -> `Summary`.
    sampled : mapping
        Point -> area of an electrode of one realisation (µm²; 2D: length in µm), where given.
    results : mapping
        Case -> tree of ``result.json``, of cases that are done.
    cases : mapping
        Point -> a resolved case of it.
    failures : mapping
        Case -> what went wrong.
    provenances : mapping
        Case -> tree of ``provenance.json``.
    notes : tuple of str
        What is wrong with the folder, as sentences.
    """

    path: Path
    name: str
    text: str
    axes: tuple[str, ...]
    rows: tuple[Row, ...]
    points: Mapping[str, Mapping[str, str]]
    summary: Mapping[str, Mapping[str, Summary]]
    sampled: Mapping[str, float]
    results: Mapping[str, Mapping[str, Any]]
    cases: Mapping[str, Case]
    failures: Mapping[str, str]
    provenances: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of cases by status."""
        return {status: sum(row.status == status for row in self.rows) for status in STATUS}

    def done(self, point: str) -> list[Row]:
        """Rows of a point whose result can be read."""
        return [row for row in self.rows if row.point == point and row.case in self.results]

    def partial(self, point: str, metric: str) -> bool:
        """Test whether some of a point's realisations have a metric and others that are done have none."""
        found = self.summary.get(point, {}).get(metric)
        return found is not None and 0 < found.n < len(self.done(point))

    def mean(self, point: str, metric: str) -> float | None:
        """Mean of a metric at a point."""
        found = self.summary.get(point, {}).get(metric)
        return None if found is None else found.mean


def is_study(folder: Path) -> bool:
    """Test whether a folder holds a study."""
    return (folder / "study.resolved.yaml").exists() or (folder / "table.csv").exists()


def read_study(folder: Path) -> Study:
    """Read a study.

    Raises
    ------
    InputError
        If its tables are not there, or are not tables of a study.
    """
    rows, head = _read_csv(folder / "table.csv", _FIRST)
    lines, summary_head = _read_csv(folder / "summary.csv", ("point", "metric", "n", "mean"))
    if summary_head:
        axes = tuple(summary_head[summary_head.index("point") + 1 : summary_head.index("metric")])
    else:  # nothing is done: after its first columns the table has the swept keys alone
        axes = tuple(head[len(_FIRST) :])
    lost = [axis for axis in axes if axis not in head]
    if lost:
        raise InputError(
            f"{folder}/table.csv: must have a column for each axis of summary.csv; got none for "
            f"{', '.join(lost)}. Run `gbflux sweep collect` again."
        )
    table = tuple(Row(r["point"], r["case"], r["status"], r["seed"], r) for r in rows)
    notes: list[str] = []
    results = _results(folder, table, notes)
    notes += _of_another_study(folder, table)
    text = _text(folder / "study.resolved.yaml")
    return Study(
        path=folder,
        name=_name(text) or folder.resolve().name,
        text=text,
        axes=axes,
        rows=table,
        points={row.point: {axis: row.values[axis] for axis in axes} for row in table},
        summary=_summaries(lines),
        sampled={r["point"]: a for r in lines for key in _AREA if (a := number(r.get(key, "")))},
        results=results,
        cases=_cases(folder, table),
        failures=_failures(folder, table),
        provenances={row.case: t for row in table if (t := _json(_case(folder, row) / "provenance.json"))},
        notes=tuple(notes),
    )


def number(text: str) -> float | None:
    """A finite number, or None.

    >>> number("1e-6"), number(""), number("cut"), number("nan")
    (1e-06, None, None, None)
    """
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _read_csv(path: Path, needed: Sequence[str]) -> tuple[list[dict[str, str]], list[str]]:
    """Rows and head of a table."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, restval="")
            rows, head = list(reader), list(reader.fieldnames or [])
    except FileNotFoundError:
        raise InputError(
            f"{path}: must be the table of a study; got no file. Run `gbflux sweep collect` on the study."
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: must be a table; got {error}. Run `gbflux sweep collect` again."
        ) from error
    missing = [key for key in needed if key not in head]
    if missing and (head or path.name == "table.csv"):
        raise InputError(
            f"{path}: must have the columns {', '.join(needed)}; got none named {', '.join(missing)}. "
            "Run `gbflux sweep collect` again."
        )
    return rows, head


def _summaries(lines: list[dict[str, str]]) -> dict[str, dict[str, Summary]]:
    """Rows of ``summary.csv`` by point and metric."""
    found: dict[str, dict[str, Summary]] = {}
    for line in lines:
        keys = (
            "mean",
            "std",
            "ci95_low",
            "ci95_high",
            "p10",
            "p90",
            "realizations_for_5_percent",
            "estimated_error",
        )
        values = [number(line.get(key, "")) for key in keys]
        count = number(line["n"])
        found.setdefault(line["point"], {})[line["metric"]] = Summary(int(count or 0), *values)
    return found


def _results(folder: Path, table: Sequence[Row], notes: list[str]) -> dict[str, dict[str, Any]]:
    """Results of the cases that are done; notes on results that should be there and are not whole."""
    found: dict[str, dict[str, Any]] = {}
    broken: dict[str, str] = {}
    for row in table:
        if row.status != "done" or row.case in found or row.case in broken:
            continue
        try:
            found[row.case] = read_result_tree(_case(folder, row) / "result.json")
        except InputError as error:
            broken[row.case] = str(error)
    if broken:
        notes.append(
            f"The table says done of {len(broken)} cases whose results cannot be read; the first: "
            f"{next(iter(broken.values()))}"
        )
    stale = [row for row in table if row.status != "done" and (_case(folder, row) / "result.json").exists()]
    if stale:
        notes.append(
            f"{len(stale)} cases have a result that the table does not know yet: run `gbflux sweep collect`."
        )
    return found


def _of_another_study(folder: Path, table: Sequence[Row]) -> Iterator[str]:
    """Says how many results are not of the study as this version reads it, where it can be read."""
    try:
        keys = set(plan(StudyFolder(folder).study()).keys)
    except InputError:
        return
    others = {row.case for row in table if row.status == "done"} - keys
    if others:
        yield (
            "The tables are from before a change, of the study or of the physics: of their cases "
            f"{len(others)} are not the study's any more. `gbflux sweep run` computes what is missing and "
            "writes new tables."
        )


def _cases(folder: Path, table: Sequence[Row]) -> dict[str, Case]:
    """The first resolved case of each point that can be read."""
    found: dict[str, Case] = {}
    for row in table:
        if row.point not in found:
            case = read_case(_case(folder, row))[0]
            if case is not None:
                found[row.point] = case
    return found


def _failures(folder: Path, table: Sequence[Row]) -> dict[str, str]:
    """Return the messages of cases that failed, by case."""
    found = {}
    for row in table:
        if row.status in ("failed", "timeout"):
            tree = _json(_case(folder, row) / "failure.json")
            found[row.case] = str(tree.get("message", "no message was kept"))
    return found


def _case(folder: Path, row: Row) -> Path:
    """Folder of a case; what the table calls it is taken as a name alone."""
    return StudyFolder(folder).case(Path(row.case).name)


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    try:
        tree = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _text(path: Path) -> str:
    """A text file; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _name(text: str) -> str:
    """Name of a study from its resolved text; empty where there is none to read."""
    try:
        tree = YAML(typ="safe").load(text)
    except YAMLError:
        return ""
    return str(tree.get("name") or "") if isinstance(tree, dict) else ""
