"""The table of a study: a row per case, and a row per point and metric; as CSV and Parquet."""

from __future__ import annotations

import csv
import inspect
import io
import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gbflux.errors import InputError, MissingLibrary
from gbflux.measure.error_text import error_records
from gbflux.results.folder import write_text
from gbflux.results.result import METRICS, Result
from gbflux.study.folder import StudyFolder
from gbflux.study.planning import Plan, plan

Row = dict[str, Any]

_FIRST = ("point", "case", "status", "seed")
_NO_METRIC = ("mesh.", "solver.", "timings_s.", "peak_memory_MiB", "dimension", "definitions")
_ERRORS = "errors."
FEWEST = 3  # realizations for an interval
RESAMPLES = 2000
SEED = 1
WANTED = 0.05  # half-width of the interval over the mean
_NORMAL_975 = 1.959963984540054  # quantile of the normal distribution


@dataclass(frozen=True)
class Collection:
    """Results of a study so far.

    Attributes
    ----------
    table : list of dict
        One row a case at a point: ``point``, ``case``, ``status``, ``seed``, swept keys, scalars of the
        result under their dotted names, last their estimated errors under ``errors.`` and the same name;
        None where there is nothing.
    summary : list of dict
        One row a point and metric over the realizations that are done. ``estimated_error`` is the mean of
        the realizations' estimated errors: meshes alike are wrong alike, more of them are not less so.
    """

    table: list[Row]
    summary: list[Row]

    @property
    def columns(self) -> list[str]:
        """Columns of the table."""
        return list(self.table[0]) if self.table else []


def collect(folder: str | Path | StudyFolder, study_plan: Plan | None = None) -> Collection:
    """Gather the results of a study from its folder; without `study_plan` that of the folder is taken.

    Raises
    ------
    InputError
        If the folder holds no study.
    """
    folder = folder if isinstance(folder, StudyFolder) else StudyFolder(Path(folder))
    worked_out = study_plan or plan(folder.study())
    found = {key: folder.result(key) for key in worked_out.keys}
    scalars = {key: flat(result) for key, result in found.items() if result is not None}
    names = list(dict.fromkeys(name for row in scalars.values() for name in row))
    names.sort(key=lambda name: name.startswith(_ERRORS))  # last, whatever layers the first case has
    swept = worked_out.study.keys
    table = []
    for entry in worked_out.entries:
        status = "done" if entry.key in scalars else folder.state(entry.key)
        head = dict(zip(_FIRST, (entry.point.number, entry.key, status, entry.seed), strict=True))
        own = scalars.get(entry.key, {})
        values = {key: plain(entry.point.values[key]) for key in swept}
        table.append({**head, **values, **{name: own.get(name) for name in names}})
    return Collection(table, list(_summary(worked_out, table, names)))


def write_collection(folder: StudyFolder, found: Collection) -> list[Path]:
    """Write ``table.csv``, ``summary.csv`` and ``table.parquet``, each in one step, and return their paths.

    Raises
    ------
    InputError
        If they cannot be written.
    MissingLibrary
        If pyarrow is missing; both CSV files are there then.
    """
    paths = [folder.path / name for name in ("table.csv", "summary.csv", "table.parquet")]
    try:
        write_text(paths[0], csv_text(found.table))
        write_text(paths[1], csv_text(found.summary))
        write_parquet(paths[2], found.table)
    except OSError as error:
        raise InputError(
            f"study folder {folder.path}: must be writable; got '{error.strerror or error}'. Make room there."
        ) from error
    return paths


def flat(result: Result) -> Row:
    """Scalars of a result under their dotted names, in the order of ``result.json``; lists are left out.

    Of ``errors`` the errors alone, after all else, as ``errors.`` and the name of the measure: the other
    entries follow from them.

    >>> list(_scalars({"a": {"b": 1, "c": [1, 2]}, "d": None}, ""))
    [('a.b', 1), ('d', None)]
    """
    tree = result.as_dict()
    errors = tree.pop("errors")
    return {
        **dict(_scalars(tree, "")),
        **{_ERRORS + name: record["estimated_error"] for name, record in error_records(errors)},
    }


def _scalars(tree: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{above}{name}.")
        elif not isinstance(value, list):
            yield above + name, value


def plain(value: Any) -> Any:
    """A swept value as one cell of a table; a block or a list as JSON."""
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def csv_text(rows: Sequence[Row]) -> str:
    """Rows as CSV; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
        writer.writerows(row.values() for row in rows)
    return text.getvalue()


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """Rows as Parquet: whole numbers, floats, text; a column of both numbers and text as text."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingLibrary(f"{path.name}: needs pyarrow; got {error}. Run `make setup`.") from error
    columns = {name: _one_kind([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    pyarrow.parquet.write_table(pyarrow.table(columns), draft)
    draft.replace(path)


def _one_kind(values: list[Any]) -> list[Any]:
    """A column's values made of one kind."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2:
        return values
    kind = float if kinds == {int, float} else str
    return [None if value is None else kind(value) for value in values]


def _summary(worked_out: Plan, table: Sequence[Row], names: Sequence[str]) -> Iterator[Row]:
    """Statistics of every metric at every point."""
    metrics = [name for name in names if is_metric(name) and any(_number(row[name]) for row in table)]
    electrodes = {
        entry.point.number: (entry.case.dimension, math.prod(entry.case.size_um[:-1]))
        for entry in worked_out.entries
    }
    by_point: dict[int, list[Row]] = {}
    for row in table:
        if row["status"] == "done":
            by_point.setdefault(row["point"], []).append(row)
    for point in worked_out.study.points:
        dimension, size = electrodes[point.number]
        head = {"point": point.number, **{key: plain(value) for key, value in point.values.items()}}
        rows = by_point.get(point.number, [])
        for name in metrics:
            found = asdict(spread([row[name] for row in rows if _number(row[name])]))
            errors = [row.get(_ERRORS + name) for row in rows if _number(row[name])]
            known = [float(error) for error in errors if error is not None]
            of_extreme = is_extreme(name)
            yield {
                **head,
                "metric": name,
                **found,
                "electrode_area_um2": size if of_extreme and dimension == 3 else None,
                "electrode_length_um": size if of_extreme and dimension == 2 else None,
                "estimated_error": sum(known) / len(known) if known and len(known) == len(errors) else None,
            }


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_metric(name: str) -> bool:
    """Test whether a column says something about the material rather than about the computation."""
    return not name.startswith((*_NO_METRIC, _ERRORS))


def is_extreme(name: str) -> bool:
    """Test whether a metric looks at the tail of a distribution and so depends on the area looked at.

    >>> is_extreme("hot_spots.top.p99_over_mean"), is_extreme("hot_spots.top.gini")
    (True, False)
    """
    return name in METRICS and METRICS[name].kind == "extreme"


@dataclass(frozen=True)
class Spread:
    """One metric over realizations; None where there are too few."""

    n: int  # realizations that have the metric
    mean: float | None = None
    std: float | None = None  # with n − 1
    ci95_low: float | None = None  # 95 % interval of the mean by bootstrap (BCa), from three realizations on
    ci95_high: float | None = None
    p10: float | None = None  # percentiles of the realizations, linear between them
    p90: float | None = None
    # until the interval of the mean is ± 5 % wide: (1.96 s/(0.05 |mean|))²
    realizations_for_5_percent: int | None = None


def spread(values: ArrayLike) -> Spread:
    """Statistics of one metric, one number a realization.

    >>> found = spread([9.0, 10.0, 11.0])
    >>> found.mean, found.std, found.realizations_for_5_percent
    (10.0, 1.0, 16)
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n == 0:
        return Spread(0)
    mean = float(x.mean())
    p10, p90 = (float(p) for p in np.percentile(x, (10, 90)))
    if n < 2:
        return Spread(n, mean, p10=p10, p90=p90)
    std = float(x.std(ddof=1))
    if n < FEWEST:
        return Spread(n, mean, std, p10=p10, p90=p90)
    low, high = interval(x)
    return Spread(n, mean, std, low, high, p10, p90, needed(mean, std))


def interval(x: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean of at least three numbers by BCa bootstrap (Efron 1987), always the same.

    Both ends are the mean itself where all numbers are equal to rounding.
    """
    from scipy.stats import bootstrap

    mean = float(x.mean())
    if np.ptp(x) <= 1e-13 * abs(mean):
        return mean, mean
    seeded = "rng" if "rng" in inspect.signature(bootstrap).parameters else "random_state"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a degenerate distribution is answered below
        found = bootstrap(
            (x,), np.mean, n_resamples=RESAMPLES, method="BCa", **{seeded: np.random.default_rng(SEED)}
        ).confidence_interval
    if math.isfinite(found.low) and math.isfinite(found.high):
        return float(found.low), float(found.high)
    rng = np.random.default_rng(SEED)
    means = rng.choice(x, (RESAMPLES, len(x))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def needed(mean: float, std: float) -> int | None:
    """Realizations for an interval of ± 5 % of the mean; None for a mean of 0.

    >>> needed(10.0, 0.0), needed(0.0, 1.0)
    (1, None)
    """
    if mean == 0:
        return None
    return max(1, math.ceil((_NORMAL_975 * std / (WANTED * abs(mean))) ** 2))
