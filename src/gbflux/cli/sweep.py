"""`gbflux sweep …`: studies of many cases: plan them, run them, go on with them, gather what they found."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gbflux.cli.output import duration, table_text
from gbflux.cli.run import Ranks, progress_shown
from gbflux.errors import InputError, StudyError

if TYPE_CHECKING:
    from gbflux.study import Plan, Study, StudyFolder, Tally

MOST_UNITS = 40
MOST_FAILURES = 20

sweep = typer.Typer(
    name="sweep",
    help="Studies: sweep keys of a case, repeat with other grains, go on after a stop, gather one table.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StudyPath = Annotated[
    Path, typer.Argument(metavar="STUDY", help="Study file (YAML), or the folder of a study.")
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="Folder of the study (default: results/NAME)."),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Repeat the cases that failed, too.")]


@sweep.command("plan")
def plan_command(study: StudyPath, output: Output = None) -> None:
    """List the cases of a study, the meshes they share, and what they will cost; nothing is run.

    Raises
    ------
    CaseError
        With every mistake of the study and of its cases.
    """

    planned, folder = _load(study, output)
    typer.echo("\n".join(plan_lines(planned, folder)))


@sweep.command()
def run(
    study: StudyPath,
    output: Output = None,
    engine: Annotated[
        Literal["embedded", "slurm", "pbs"],
        typer.Option("--engine", help="Run here, or write job scripts for a cluster and submit them."),
    ] = "embedded",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the job script; nothing is written or submitted.")
    ] = False,
    retry_failed: RetryFailed = False,
) -> None:
    """Run what is not done yet. What is done stays as it is, however the last run ended.

    Raises
    ------
    StudyError
        If cases have failed (exit code 3).
    InputError
        If the study is wrong, its folder holds something else, or another run is at work there.
    """

    planned, folder = _load(study, output)
    if engine == "embedded":
        if dry_run:
            raise InputError("--dry-run: needs --engine slurm or pbs. See `gbflux sweep plan`.")
        _run_here(planned, folder, retry_failed, study, output)
    else:
        _submit(planned, folder, engine, dry_run, retry_failed)


def _run_here(
    planned: Plan, folder: StudyFolder, retry_failed: bool, study: Path, output: Path | None
) -> None:
    """Run on this machine, and collect the results that exist by then."""
    from gbflux.case import machine_memory, require_memory
    from gbflux.cli.sweep_progress import progress_of
    from gbflux.study import Engine, forget_failures, open_cases, tally, write_collection
    from gbflux.study.table import collect

    folder.make()
    with folder.driver_lock():
        folder.check(planned.study)
        folder.prepare(planned.study)
        wanted = open_cases(planned, folder, retry_failed)
        if retry_failed:
            forget_failures(folder, wanted)
        for unit in planned.units:
            if unit.key in wanted:
                require_memory(unit.largest, machine_memory())
        words = shlex.join(["gbflux", "sweep", "run", str(study), *(["-o", str(output)] if output else [])])
        warnings = [*unused_lines(planned, folder), *core_warnings(planned.study)] if wanted else []
        typer.echo("".join(f"{line}\n" for line in warnings), nl=False, err=True)
        try:
            if wanted:
                with progress_of(planned, wanted, folder) as report:
                    Engine(planned, folder, report).run(wanted)
        except KeyboardInterrupt:
            count = tally(planned, folder)
            typer.echo(f"stopped; {count.done} of {count.total} cases are done. `{words}` goes on.", err=True)
            raise
        files = write_collection(folder, collect(folder, planned))
        typer.echo("wrote " + ", ".join(map(str, files)))
        _conclude(planned, folder, tally(planned, folder), bool(wanted))


def _conclude(planned: Plan, folder: StudyFolder, count: Tally, ran: bool) -> None:
    """Say how a study stands; an error where cases have failed."""

    end = "" if ran else "; nothing is left to run"
    typer.echo(f"{planned.study.name}: {count.done} of {count.total} cases done in {folder.path}{end}")
    if count.failed:
        typer.echo("\n".join(failure_lines(planned, folder)), err=True)
        raise StudyError(
            f"{planned.study.name}: {count.failed} of {count.total} cases failed. "
            "`gbflux sweep run ... --retry-failed` repeats them.",
            count.failed,
        )


def _submit(planned: Plan, folder: StudyFolder, engine: str, dry_run: bool, retry_failed: bool) -> None:
    """Write and submit job scripts, or print them."""
    from gbflux.study import forget_failures, open_cases, tally
    from gbflux.study.cluster import job_scripts, submit

    if dry_run:
        folder.check(planned.study)
        wanted = open_cases(planned, folder, retry_failed)
        typer.echo("\n".join(job_scripts(planned, folder, engine, wanted)), nl=False)
        if not wanted:
            typer.echo(f"{folder.path}: nothing is left to run", err=True)
        return
    folder.make()
    with folder.driver_lock():
        folder.check(planned.study)
        folder.prepare(planned.study)
        wanted = open_cases(planned, folder, retry_failed)
        if not wanted:
            _conclude(planned, folder, tally(planned, folder), False)
            return
        if retry_failed:
            forget_failures(folder, wanted)
        typer.echo(submit(planned, folder, engine, wanted))
    words = shlex.join(["gbflux", "sweep", "status", str(folder.path)])
    typer.echo(f"`{words}` shows how far it is, `gbflux sweep collect` gathers it.")


@sweep.command()
def status(study: StudyPath, output: Output = None) -> None:
    """Show how far a study is, what runs, and what has failed; whatever runs it.

    Raises
    ------
    CaseError
        If the study has mistakes.
    """

    planned, folder = _load(study, output)
    typer.echo("\n".join([*status_lines(planned, folder), *failure_lines(planned, folder)]))


@sweep.command("collect")
def collect_command(study: StudyPath, output: Output = None) -> None:
    """Gather what is done into table.csv, table.parquet and summary.csv in the study's folder.

    Raises
    ------
    InputError
        If there is no such folder, it cannot be written, or all its results are of other cases.
    """
    from gbflux.study import tally, write_collection
    from gbflux.study.table import collect

    planned, folder = _load(study, output)
    if not folder.study_file.exists():
        raise InputError(f"{folder.path}: must hold a study; it does not. `gbflux sweep run` makes it.")
    folder.check(planned.study)
    count = tally(planned, folder)
    left = list(unused_lines(planned, folder)) if (folder.path / "table.csv").exists() else []
    if left and not count.done:
        raise InputError(
            f"{folder.path}: must have results of this study as it is now; got none, and {left[0].strip()}. "
            "The tables stay as they are; `gbflux sweep run` computes what is missing."
        )
    files = write_collection(folder, collect(folder, planned))
    typer.echo(
        f"{count.done} of {count.total} cases done, {count.failed} failed, {count.missing} not run; "
        "wrote " + ", ".join(map(str, files))
    )
    typer.echo("".join(f"{line}\n" for line in unused_lines(planned, folder)), nl=False)


@sweep.command()
def export(
    engine: Annotated[Literal["snakemake"], typer.Argument(help="Whose file to write.")],
    study: StudyPath,
    output: Output = None,
) -> None:
    """Write a Snakefile that computes the study with our own commands; MPI ranks as resources.

    Raises
    ------
    InputError
        If the study's folder holds something else or cannot be written.
    """
    from gbflux.study.cluster import write_snakefile

    planned, folder = _load(study, output)
    folder.make()
    with folder.driver_lock():
        folder.check(planned.study)
        folder.prepare(planned.study)
        path = write_snakefile(planned, folder)
    typer.echo(f"wrote {path}; `{shlex.join(['snakemake', '-s', str(path), '--cores', '2'])}` runs it")


@sweep.command(hidden=True)
def unit(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the study.")],
    key: Annotated[str, typer.Argument(metavar="UNIT", help="Key of the unit of work, or its beginning.")],
    case: Annotated[
        list[str] | None, typer.Option("--case", help="Keys of cases; none: what is open.")
    ] = None,
    ranks: Ranks = None,
) -> None:
    """Compute one unit of work of a study; what engines start.

    Raises
    ------
    StudyError
        If cases have failed (exit code 3).
    """
    from gbflux import api
    from gbflux.simulation.mpi_job import mpi_job
    from gbflux.study.worker import find_unit

    words = ["sweep", "unit", str(folder), key, *(word for name in case or () for word in ("--case", name))]
    with mpi_job(ranks, words, check=lambda: find_unit(folder, key)) as rank, progress_shown(rank):
        failed = api.run_unit(folder, key, case or ())
        if failed:
            raise StudyError(f"{len(failed)} cases of the unit failed", len(failed))


def _load(study: Path, output: Path | None) -> tuple[Plan, StudyFolder]:
    """Plan of a study and its folder, from a study file, or the folder of a study itself."""
    from gbflux.study import StudyFolder, load_study, plan

    if study.is_dir():
        if output is not None:
            raise InputError("-o: must be left out where the folder of a study is given.")
        folder = StudyFolder(study)
        return plan(folder.study()), folder
    loaded = load_study(study)
    return plan(loaded), StudyFolder(output or Path("results") / loaded.name)


def plan_lines(plan: Plan, folder: StudyFolder) -> Iterator[str]:
    """Cases, shared meshes, expected cost."""
    from gbflux.case.cost import in_gib
    from gbflux.study.folder import KEY_DIGITS
    from gbflux.study.planning import at_a_time, labels, shown

    study, names = plan.study, labels(plan)
    points, cases = _count(len(study.points), "point"), _count(len(plan.entries), "case")
    yield f"{study.name}: {points}, {cases}, {_computed(plan)}"
    for key in study.keys:
        values = dict.fromkeys(shown(point.values[key]) for point in study.points)
        yield f"  {key}: {', '.join(values)}"
    rows = [("unit", "cases", "cells", "memory", "time", "first case")]
    for unit in plan.units[:MOST_UNITS]:
        rows.append(
            (
                unit.key[:KEY_DIGITS],
                str(len(unit.cases)),
                f"{unit.largest.cells:,}",
                in_gib(unit.memory_MiB),
                duration(sum(unit.seconds.values())),
                names[next(iter(unit.cases))],
            )
        )
    yield from ("", table_text(rows))
    if len(plan.units) > MOST_UNITS:
        yield f"… and {len(plan.units) - MOST_UNITS} more units"
    yield ""
    jobs = min(at_a_time(study), len(plan.units))
    memory = sum(sorted(unit.memory_MiB for unit in plan.units)[-jobs:])
    yield (
        f"about {duration(plan.time_s())} with {jobs} at a time on {study.run.ranks} "
        f"rank{'s' if study.run.ranks > 1 else ''} each, {in_gib(memory)}; folder {folder.path}"
    )
    yield from unused_lines(plan, folder)
    yield from core_warnings(study)


def core_warnings(study: Study) -> Iterator[str]:
    """Yield a warning where more ranks or jobs are asked for than this machine has cores."""
    from gbflux.mesh.gmsh_model import cores
    from gbflux.study.planning import at_a_time

    run, here = study.run, cores()
    if run.ranks > here:
        yield f"warning: run.ranks is {run.ranks}, but {_count(here, 'core')} may be used here: they share"
    elif run.jobs and at_a_time(study) < run.jobs:
        yield f"warning: run.jobs is {run.jobs}, but the cores here are enough for {at_a_time(study)}"


def _computed(plan: Plan) -> str:
    """Text on how many computations the cases come to."""
    count, units = len(plan.keys), len(plan.units)
    equal = f"{count} different, " if count != len(plan.entries) else ""
    return f"{equal}{_count(units, 'unit')} of work, one mesh each"


def _count(number: int, noun: str) -> str:
    """A number and the noun it counts, in the plural where that is due."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def status_lines(plan: Plan, folder: StudyFolder) -> Iterator[str]:
    """Yield lines on how many cases are in which state."""
    states = Counter(folder.state(key) for key in plan.keys)
    running = sum(folder.is_running(unit.key) for unit in plan.units)
    total = len(plan.keys)
    yield f"{plan.study.name} in {folder.path}: {states['done']} of {total} cases done"
    for count, text in (
        (states["failed"], "failed"),
        (states["timeout"], "stopped for time"),
        (states["missing"], "not run"),
    ):
        if count:
            yield f"  {count:6,} {text}"
    if running:
        yield f"  {running:6,} unit{'s' if running > 1 else ''} of work running"
    if driver := folder.driver():
        yield f"  {driver} runs it"
    if states["done"] == total:
        yield "  finished"
    yield from unused_lines(plan, folder)


def unused_lines(plan: Plan, folder: StudyFolder) -> Iterator[str]:
    """Yield a line on results of other cases in the folder, and why; nothing where it holds none."""
    from gbflux.case.model import PHYSICS_VERSION
    from gbflux.study import unused

    found = unused(plan, folder)
    if not found.results:
        return
    others = [version for version in found.physics_versions if version != PHYSICS_VERSION]
    why = "the study or its case has changed since, or the physics has"
    if others:
        why = (
            f"computed by physics version {', '.join(map(str, others))}, and this is {PHYSICS_VERSION}: "
            "the same case gives other numbers now"
        )
    what = f"{_count(found.results, 'result')} here {'is' if found.results == 1 else 'are'} of other cases"
    yield f"  {what} ({why}); kept, not used"


def failure_lines(plan: Plan, folder: StudyFolder) -> Iterator[str]:
    """Yield what went wrong, a line a case."""
    from gbflux.study.folder import KEY_DIGITS
    from gbflux.study.planning import labels

    names = labels(plan)
    failed = [(key, found) for key in plan.keys if (found := folder.failure(key)) and not folder.result(key)]
    for key, failure in failed[:MOST_FAILURES]:
        message = failure.message.splitlines()[0] if failure.message else ""
        yield f"  failed {key[:KEY_DIGITS]} ({names[key]}): {failure.error}: {message}"
    if len(failed) > MOST_FAILURES:
        yield f"  … and {len(failed) - MOST_FAILURES} more"
