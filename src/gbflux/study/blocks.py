"""The blocks of a study file. What a key of ``sweep`` may hold is in `axes`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError

from gbflux.case import Output
from gbflux.case.blocks import Block, Number, WholeNumber, quantity
from gbflux.case.model import NAME_PATTERN
from gbflux.case.text import shown

LARGEST_REALIZATIONS = 100_000
#: Two numbers alone would be hours and minutes to one scheduler, minutes and seconds to another.
_TIME = re.compile(r"\d{1,4}:[0-5]\d:[0-5]\d|\d{1,3}-\d{1,2}:[0-5]\d(:[0-5]\d)?")
_WORD = re.compile(r"[^\s\"'`$\\]+")


def _only(right: Callable[[Any], bool], what: str) -> PlainValidator:
    """A validator that says in words what a value must be."""

    def checked(value: Any) -> Any:
        if not right(value):
            raise PydanticCustomError("not_so", "must be {what}; got {value}.", _facts(what, value))
        return value

    return PlainValidator(checked)


def _facts(what: str, value: Any) -> dict[str, Any]:
    return {"what": what, "value": shown(value)}


def _are_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) and "\n" not in line for line in value)


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
    str | None,
    _only(
        lambda value: value is None or (isinstance(value, str) and bool(_WORD.fullmatch(value))),
        "one word, in quotes if it looks like a number",
    ),
]
Time = Annotated[
    str | None,
    _only(
        lambda value: value is None or (isinstance(value, str) and bool(_TIME.fullmatch(value))),
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

    account: Word = Field(None, description="account to charge")
    partition: Word = Field(None, description="partition, with PBS the queue")
    time: Time = Field(None, description="time limit of a unit of work, hh:mm:ss or d-hh:mm")
    ranks: WholeNumber | None = quantity(
        "MPI ranks of one unit of work; absent: run.ranks", "1", default=None, ge=1
    )
    launcher: Literal["mpirun", "srun"] = Field("mpirun", description="what starts the ranks within a job")
    setup: Lines = Field([], description="lines of shell before the work: module load ...")
    options: Options = Field([], description="more options of sbatch or qsub, one a line")


class Quiet(Output):
    """Output of a study's cases beside their numbers: none, unless asked for."""

    fields: bool = Field(False, strict=True, description="write the fields for ParaView")
    figures: bool = Field(False, strict=True, description="draw the figures")


class StudyBlocks(Block):
    """A study file."""

    model_config = ConfigDict(title="study")

    name: str = Field("study", description="name of the study, used for files", pattern=NAME_PATTERN)
    case: CaseOrFile = Field(description="case file, relative to the study file; or the case itself")
    sweep: Axes = Field({}, description="axes: keys of the case and the values they take")
    realizations: WholeNumber | None = quantity(
        "grain seeds 1 to this number at every point; absent: the case's own",
        "1",
        default=None,
        ge=1,
        le=LARGEST_REALIZATIONS,
    )
    run: Run = Field(Run(), description="how cases are run on this machine")
    cluster: Cluster = Field(Cluster(), description="what a job script for a cluster holds")
    output: Quiet = Field(Quiet(), description="what cases leave beside their numbers")
