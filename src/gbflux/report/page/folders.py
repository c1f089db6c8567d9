"""Folders of runs and studies as a page reads them: numbers, cases, provenance, pictures.

What is missing or broken is a note on the page and not an error, but for the result of a run and the tables
of a study, without which there is no page.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gbflux.case import Case, load_case
from gbflux.errors import CaseError, InputError
from gbflux.measure.error_text import Parts, parts
from gbflux.study import StudyFolder, plan

PARTS = ("transport", "hot_spots", "mesh", "solver")
#: Pictures of a run that a page shows; curves across the layers it draws itself.
PICTURES = ("section", "electrodes", "distribution")
#: Folders that `gbflux compare` fills, and how a page calls them.
COMPARED = {"bare": "bare", "with_hl": "with layers"}
STATUS = ("done", "failed", "timeout", "missing")
_FIRST = ("point", "case", "status", "seed")  # columns of table.csv before the swept keys
_AREA = ("electrode_area_um2", "electrode_length_um")
#: Columns of summary.csv, in the order of the attributes of `Summary`.
_SUMMARY = (
    *("mean", "std", "ci95_low", "ci95_high", "p10", "p90"),
    *("realizations_for_5_percent", "estimated_error"),
)


@dataclass(frozen=True)
class Run:
    """Contents of a run's folder."""

    path: Path
    label: str  # its name on the page
    result: Mapping[str, Any]  # the tree of result.json
    case: Case | None  # None where case.resolved.yaml is missing or cannot be read
    case_text: str  # text of case.resolved.yaml; empty without
    provenance: Mapping[str, Any]  # the tree of provenance.json; empty without
    pictures: tuple[Path, ...]  # PNG files, in the order they are shown
    notes: tuple[str, ...]  # what is missing, as sentences

    @property
    def bare(self) -> bool:
        """True if the electrodes touch the electrolyte itself."""
        return not self.result.get("homogenizing_layer")


def read_runs(folder: Path) -> list[Run]:
    """The run in a folder, or the runs that `gbflux compare` left in it.

    Raises
    ------
    InputError
        If a run is not finished or its result is not whole.
    """
    if _is_run(folder):
        return [_read_run(folder)]
    return [_read_run(folder / name, label) for name, label in COMPARED.items() if _is_run(folder / name)]


def _is_run(folder: Path) -> bool:
    """Test whether a folder holds a run, finished or not."""
    return (folder / "result.json").exists() or (folder / "case.resolved.yaml").exists()


def _read_run(folder: Path, label: str = "") -> Run:
    """One run, with notes on what is missing."""
    result = _read_result(folder / "result.json")
    case, text, trouble = _read_case(folder)
    notes = [trouble] if trouble else []
    try:
        provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        provenance = {}
        notes.append("provenance.json is missing or not whole: versions and machine are not known.")
    pictures = tuple(p for name in PICTURES if (p := folder / "figures" / f"{name}.png").exists())
    if not pictures:
        notes.append("The run left no pictures (output: {figures: true} draws them).")
    tree = provenance if isinstance(provenance, Mapping) else {}
    return Run(folder, label or str(result["name"]), result, case, text, tree, pictures, tuple(notes))


def _read_result(path: Path) -> dict[str, Any]:
    """The tree of a ``result.json``, read leniently: keys of later versions stay."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: must be the result of a finished run; got {error.strerror}. Run the case first."
        ) from error
    except ValueError as error:
        raise InputError(
            f"{path}: must be a whole result; got broken JSON ({error}). Run the case again with --force."
        ) from error
    found: dict[str, Any] = tree if isinstance(tree, dict) else {}
    missing = [key for key in PARTS if not isinstance(found.get(key), dict)]
    if missing or not isinstance(found.get("name"), str):
        raise InputError(
            f"{path}: must be a result of gbflux; got no {', '.join(missing) or 'name'}. "
            "Run the case again with --force."
        )
    return found


def _read_case(folder: Path) -> tuple[Case | None, str, str]:
    """The resolved case, its text, and what is wrong with it."""
    path = folder / "case.resolved.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None, "", "case.resolved.yaml is missing or cannot be read: what was run is not known."
    try:
        return load_case(path), text, ""
    except CaseError as error:
        first = str(error).splitlines()[0]
        return None, text, f"case.resolved.yaml is not a case of this version of gbflux: {first}"


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
    """Contents of a study's folder, so far."""

    path: Path
    name: str
    text: str  # study.resolved.yaml
    axes: tuple[str, ...]  # swept keys, in the order of the columns
    rows: tuple[Row, ...]  # table.csv
    points: Mapping[str, Mapping[str, str]]  # point -> its swept values as text, by key
    summary: Mapping[str, Mapping[str, Summary]]  # point -> metric -> over realisations
    sampled: Mapping[str, float]  # point -> area of an electrode of one realisation (µm²; 2D: length in µm)
    results: Mapping[str, Mapping[str, Any]]  # case -> tree of result.json, of cases that are done
    cases: Mapping[str, Case]  # point -> a resolved case of it
    failures: Mapping[str, str]  # case -> what went wrong
    provenances: Mapping[str, Mapping[str, Any]]  # case -> tree of provenance.json
    notes: tuple[str, ...]  # what is wrong with the folder, as sentences

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
    results, notes = _results(folder, table)
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
        notes=(*notes, *_of_another_study(folder, table)),
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
        values = [number(line.get(key, "")) for key in _SUMMARY]
        summary = Summary(int(number(line["n"]) or 0), *values)
        found.setdefault(line["point"], {})[line["metric"]] = summary
    return found


def _results(folder: Path, table: Sequence[Row]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Results of the cases that are done, and notes on those that do not fit the table."""
    found: dict[str, dict[str, Any]] = {}
    broken: dict[str, str] = {}
    for row in table:
        if row.status != "done" or row.case in found or row.case in broken:
            continue
        try:
            found[row.case] = _read_result(_case(folder, row) / "result.json")
        except InputError as error:
            broken[row.case] = str(error)
    notes = []
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
    return found, notes


def _of_another_study(folder: Path, table: Sequence[Row]) -> list[str]:
    """Note on results that are not of the study as this version reads it, where it can be read."""
    try:
        keys = set(plan(StudyFolder(folder).study()).keys)
    except InputError:
        return []
    others = {row.case for row in table if row.status == "done"} - keys
    if not others:
        return []
    return [
        "The tables are from before a change, of the study or of the physics: of their cases "
        f"{len(others)} are not the study's any more. `gbflux sweep run` computes what is missing and "
        "writes new tables."
    ]


def _cases(folder: Path, table: Sequence[Row]) -> dict[str, Case]:
    """The first resolved case of each point that can be read."""
    found: dict[str, Case] = {}
    for row in table:
        if row.point not in found:
            case = _read_case(_case(folder, row))[0]
            if case is not None:
                found[row.point] = case
    return found


def _failures(folder: Path, table: Sequence[Row]) -> dict[str, str]:
    """Messages of the cases that failed, by case."""
    failed = [row for row in table if row.status in ("failed", "timeout")]
    trees = {row.case: _json(_case(folder, row) / "failure.json") for row in failed}
    return {case: str(tree.get("message", "no message was kept")) for case, tree in trees.items()}


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
