"""The blocks of a study file. What a key of ``sweep`` may hold is in `axes`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError

from gbflux.case import Output
from gbflux.case.blocks import Block, Number, WholeNumber, quantity
from gbflux.case.model import NAME_PATTERN
from gbflux.case.rules import Finding
from gbflux.case.text import shown

LARGEST_REALIZATIONS = 100_000
#: Two numbers alone would be hours and minutes to one scheduler, minutes and seconds to another.
_TIME = re.compile(r"\d{1,4}:[0-5]\d:[0-5]\d|\d{1,3}-\d{1,2}:[0-5]\d(:[0-5]\d)?")
_WORD = re.compile(r"[^\s\"'`$\\]+")


def _only(right: Callable[[Any], bool], what: str) -> PlainValidator:
    """A validator that says in words what a value must be."""

    def checked(value: Any) -> Any:
        if not right(value):
            facts = {"what": what, "value": shown(value)}
            raise PydanticCustomError("not_so", "must be {what}; got {value}.", facts)
        return value

    return PlainValidator(checked)


def _are_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) and "\n" not in line for line in value)


def _is_text(value: Any, pattern: re.Pattern[str]) -> bool:
    return value is None or (isinstance(value, str) and bool(pattern.fullmatch(value)))


CaseOrFile = Annotated[
    Any,
    _only(
        lambda value: isinstance(value, Mapping) or (isinstance(value, str) and bool(value.strip())),
        "the name of a case file, or a case as a block",
    ),
]
Axes = Annotated[
    dict[str, Any],
    _only(lambda value: isinstance(value, Mapping), "a block of keys of the case and their values"),
]
Lines = Annotated[list[str], _only(_are_lines, "a list of lines: [module load fenicsx, ...]")]
Options = Annotated[
    list[str],
    _only(
        lambda value: _are_lines(value) and all(line.startswith("-") for line in value),
        "a list of options, each from its dash on: ['--mem=4G', ...]",
    ),
]
Word = Annotated[
    str | None, _only(lambda value: _is_text(value, _WORD), "one word, in quotes if it looks like a number")
]
Time = Annotated[
    str | None,
    _only(
        lambda value: _is_text(value, _TIME),
        "a time limit: hours:minutes:seconds, 02:00:00, or days-hours:minutes, 1-12:00",
    ),
]


class Run(Block):
    """Settings for running cases on this machine."""

    ranks: WholeNumber = quantity("MPI ranks of one unit of work", "1", default=1, ge=1, le=100_000)
    jobs: WholeNumber | None = quantity(
        "units of work at a time; absent: as many as the cores allow", "1", default=None, ge=1
    )
    timeout_min: Number | None = quantity(
        "time after which a case is stopped; absent: none", "min", default=None, gt=0
    )
    retries: WholeNumber = quantity("times a failed case is tried again", "1", default=0, ge=0, le=100)


class Cluster(Block):
    """Settings of a job script for a cluster."""

    account: Word = Field(default=None, description="account to charge")
    partition: Word = Field(default=None, description="partition, with PBS the queue")
    time: Time = Field(default=None, description="time limit of a unit of work, hh:mm:ss or d-hh:mm")
    ranks: WholeNumber | None = quantity(
        "MPI ranks of one unit of work; absent: run.ranks", "1", default=None, ge=1
    )
    launcher: Literal["mpirun", "srun"] = Field(
        default="mpirun", description="what starts the ranks within a job"
    )
    setup: Lines = Field(default=[], description="lines of shell before the work: module load ...")
    options: Options = Field(default=[], description="more options of sbatch or qsub, one a line")


class Quiet(Output):
    """Output of a study's cases beside their numbers: none, unless asked for."""

    fields: bool = Field(default=False, strict=True, description="write the fields for ParaView")
    figures: bool = Field(default=False, strict=True, description="draw the figures")


class StudyBlocks(Block):
    """A study file."""

    model_config = ConfigDict(title="study")

    name: str = Field(default="study", description="name of the study, used for files", pattern=NAME_PATTERN)
    case: CaseOrFile = Field(description="case file, relative to the study file; or the case itself")
    sweep: Axes = Field(default={}, description="axes: keys of the case and the values they take")
    realizations: WholeNumber | None = quantity(
        "grain seeds 1 to this number at every point; absent: the case's own",
        "1",
        default=None,
        ge=1,
        le=LARGEST_REALIZATIONS,
    )
    run: Run = Field(default=Run(), description="how cases are run on this machine")
    cluster: Cluster = Field(default=Cluster(), description="what a job script for a cluster holds")
    output: Quiet = Field(default=Quiet(), description="what cases leave beside their numbers")


SPACINGS = ("log", "linear")
_DIGITS = 12  # of a spaced value: enough to be exact, few enough to be the same everywhere
_FORMS = "Give a list of values, {log: [a, b], points: n} or {linear: [a, b], points: n}."
_ZIP = "Give a list of blocks, each of keys with equally long lists: zip: [{a: [1, 2], b: [3, 4]}]."
_NO_EFFECT = ("name", "output")


@dataclass(frozen=True)
class Axis:
    """Keys that change together."""

    keys: tuple[str, ...]  # dotted keys of the case; one but for ``zip``
    rows: tuple[tuple[Any, ...], ...]  # the values, one row after the other, one value a key
    places: tuple[tuple[str, ...], ...]  # where each key is in the study file


def axes_of(sweep: Mapping[str, Any]) -> tuple[list[Axis], list[Finding]]:
    """The axes of a ``sweep`` block, and what is wrong with it, each with its place in the study file."""
    axes: list[Axis] = []
    found: list[Finding] = []
    for key, value in sweep.items():
        place = ("sweep", key)
        if key == "zip":
            groups, wrong = _zipped(value, place)
            axes += groups
        else:
            values, wrong = _values(value, place)
            axes += [Axis((key,), tuple((item,) for item in values), (place,))] if not wrong else []
        found += wrong
    return axes, [*found, *_clashes(axes)]


def points_of(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """Values by key at every point; the last axis changes first.

    >>> a, b = Axis(("a",), ((1,), (2,)), ((),)), Axis(("b", "c"), ((3, 5), (4, 6)), ((), ()))
    >>> list(points_of([a, b]))[1]
    {'a': 1, 'b': 4, 'c': 6}
    """
    for rows in itertools.product(*(axis.rows for axis in axes)):
        yield {
            key: value
            for axis, row in zip(axes, rows, strict=True)
            for key, value in zip(axis.keys, row, strict=True)
        }


def spaced(spacing: str, first: float, last: float, points: int) -> list[float]:
    """Equally spaced values, ends included; ``log``: equally spaced logarithms.

    >>> spaced("log", 1e-3, 1e-1, 3), spaced("linear", 0, 1, 3)
    ([0.001, 0.01, 0.1], [0.0, 0.5, 1.0])
    """
    inner = []
    for k in range(1, points - 1):
        share = k / (points - 1)
        value = first * (last / first) ** share if spacing == "log" else first + (last - first) * share
        inner.append(float(f"{value:.{_DIGITS}g}"))
    return [float(first), *inner, float(last)]


def _zipped(value: Any, place: tuple[str, ...]) -> tuple[list[Axis], list[Finding]]:
    """The axes of a ``zip``."""
    if not isinstance(value, list) or not all(isinstance(group, Mapping) and group for group in value):
        return [], [Finding(place, f"must be a list of blocks; got {shown(value)}. {_ZIP}")]
    if not value:
        return [], [Finding(place, f"is empty. {_ZIP}")]
    axes, found = [], []
    for i, group in enumerate(value):
        columns, places = [], []
        for key, item in group.items():
            places.append((*place, str(i), key))
            values, wrong = _values(item, places[-1], distinct=False)
            columns.append(values)
            found += wrong
        lengths = [len(column) for column in columns]
        if len(set(lengths)) > 1 and all(lengths):
            counts = ", ".join(f"{key} has {n}" for key, n in zip(group, lengths, strict=True))
            found.append(Finding((*place, str(i)), f"must have equally long lists; {counts}."))
        elif all(lengths):
            rows = tuple(zip(*columns, strict=True))
            if repeated := _repeated(rows):
                found.append(Finding((*place, str(i)), f"has the same row of values twice: {repeated}."))
            axes.append(Axis(tuple(group), rows, tuple(places)))
    return axes, found


def _values(value: Any, place: tuple[str, ...], distinct: bool = True) -> tuple[list[Any], list[Finding]]:
    """The values of one key."""
    if isinstance(value, Mapping):
        return _spaced_values(value, place)
    if not isinstance(value, list):
        return [], [Finding(place, f"must be a list of values; got {shown(value)}. {_FORMS}")]
    if not value:
        return [], [Finding(place, f"is an empty axis. {_FORMS}")]
    if distinct and (repeated := _repeated([(item,) for item in value])):
        return [], [Finding(place, f"has the value {repeated} twice. Leave one of them out.")]
    return list(value), []


def _spaced_values(block: Mapping[str, Any], place: tuple[str, ...]) -> tuple[list[float], list[Finding]]:
    """The values of ``{log: [a, b], points: n}`` and its linear sister."""
    spacing = next((word for word in SPACINGS if word in block), None)
    if spacing is None or set(block) != {spacing, "points"}:
        return [], [Finding(place, f"must have log or linear, and points; got {', '.join(block)}. {_FORMS}")]
    ends, points = block[spacing], block["points"]
    if not (isinstance(ends, list) and len(ends) == 2 and all(map(_is_number, ends)) and ends[0] != ends[1]):
        return [], [Finding((*place, spacing), f"must be two different numbers [a, b]; got {shown(ends)}.")]
    if spacing == "log" and min(ends) <= 0:
        return [], [Finding((*place, spacing), f"must be > 0 for equal logarithms; got {min(ends):g}.")]
    if not (isinstance(points, int) and not isinstance(points, bool) and 2 <= points <= 100_000):
        return [], [Finding((*place, "points"), f"must be a whole number from 2 on; got {shown(points)}.")]
    first, last = ends
    values = spaced(spacing, first, last, points)
    if len(set(values)) < points:
        message = f"must be fewer; {points} values between {first:g} and {last:g} are not all different."
        return [], [Finding((*place, "points"), message)]
    return values, []


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _repeated(rows: Sequence[tuple[Any, ...]]) -> str:
    """A row that is there twice, as text; empty if there is none."""
    for i, row in enumerate(rows):
        if row in rows[:i]:
            return ", ".join(shown(item) for item in row)
    return ""


def _clashes(axes: Sequence[Axis]) -> Iterator[Finding]:
    """Keys that change nothing, are swept twice, or lie within each other."""
    seen: list[str] = []
    for key, place in ((k, p) for axis in axes for k, p in zip(axis.keys, axis.places, strict=True)):
        if key.split(".")[0] in _NO_EFFECT:
            yield Finding(place, "changes no result. Leave it out, or use the study's own key of that name.")
        for other in seen:
            if key == other:
                yield Finding(place, "is swept twice. Keep one of them.")
            elif key.startswith(f"{other}.") or other.startswith(f"{key}."):
                yield Finding(place, f"clashes with {other}: one lies within the other. Keep one of them.")
        seen.append(key)
