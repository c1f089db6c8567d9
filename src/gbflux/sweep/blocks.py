"""The blocks of a study file. What a key of ``sweep`` may hold is in `axes`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from gbflux.case import Output
from gbflux.case.model import NAME_PATTERN
from gbflux.case.quantity import Block, Number, WholeNumber, quantity

LARGEST_REALIZATIONS = 100_000


class Run(Block):
    """How cases are run on this machine."""

    ranks: WholeNumber = quantity("MPI ranks of one unit of work", "1", default=1, ge=1, le=100_000)
    jobs: WholeNumber | None = quantity(
        "units of work at a time; absent: as many as the cores allow", "1", default=None, ge=1
    )
    timeout_min: Number | None = quantity(
        "time after which a case is stopped; absent: none", "min", default=None, gt=0
    )
    retries: WholeNumber = quantity("times a failed case is tried again", "1", default=0, ge=0, le=100)


class Cluster(Block):
    """What a job script for a cluster holds."""

    account: str | None = Field(None, description="account to charge")
    partition: str | None = Field(None, description="partition, with PBS the queue")
    time: str | None = Field(
        None,
        description="time limit of a unit of work, hh:mm:ss",
        pattern=r"^(\d+-)?\d{1,4}:\d\d(:\d\d)?$",
    )
    ranks: WholeNumber | None = quantity(
        "MPI ranks of one unit of work; absent: run.ranks", "1", default=None, ge=1
    )
    launcher: Literal["mpirun", "srun"] = Field("mpirun", description="what starts the ranks within a job")
    setup: list[str] = Field([], description="lines of shell before the work: module load ...")
    options: list[str] = Field([], description="more options of sbatch or qsub, one a line")


class Quiet(Output):
    """What the cases of a study leave beside their numbers: nothing, unless asked for."""

    fields: bool = Field(False, strict=True, description="write the fields for ParaView")
    figures: bool = Field(False, strict=True, description="draw the figures")


class StudyBlocks(Block):
    """A study file."""

    model_config = ConfigDict(title="study")

    name: str = Field("study", description="name of the study, used for files", pattern=NAME_PATTERN)
    case: str | dict[str, Any] = Field(
        description="case file, relative to the study file; or the case itself"
    )
    sweep: dict[str, Any] = Field({}, description="axes: keys of the case and the values they take")
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
