"""`gbflux sweep …`: studies of many cases: plan them, run them, go on with them, gather what they found."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gbflux.cli.run import Ranks, progress_shown

if TYPE_CHECKING:
    from gbflux.study import Plan, StudyFolder, Tally

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
    from gbflux.cli.sweep_text import plan_lines

    worked_out, folder = _opened(study, output)
    typer.echo("\n".join(plan_lines(worked_out, folder)))


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
    from gbflux.errors import InputError

    worked_out, folder = _opened(study, output)
    if engine == "embedded":
        if dry_run:
            raise InputError("--dry-run: needs --engine slurm or pbs. See `gbflux sweep plan`.")
        _run_here(worked_out, folder, retry_failed, study, output)
    else:
        _submit(worked_out, folder, engine, dry_run, retry_failed)


def _run_here(
    worked_out: Plan, folder: StudyFolder, retry_failed: bool, study: Path, output: Path | None
) -> None:
    """Run on this machine, and collect the results that exist by then."""
    from gbflux.case import machine_memory, require_memory
    from gbflux.cli.sweep_progress import progress_of
    from gbflux.cli.sweep_text import core_warnings, unused_lines
    from gbflux.study import Engine, forget_failures, open_cases, tally, write_collection
    from gbflux.study.table import collect

    folder.make()
    with folder.driver_lock():
        folder.check(worked_out.study)
        folder.prepare(worked_out.study)
        wanted = open_cases(worked_out, folder, retry_failed)
        if retry_failed:
            forget_failures(folder, wanted)
        for unit in worked_out.units:
            if unit.key in wanted:
                require_memory(unit.largest, machine_memory())
        words = shlex.join(["gbflux", "sweep", "run", str(study), *(["-o", str(output)] if output else [])])
        warnings = [*unused_lines(worked_out, folder), *core_warnings(worked_out.study)] if wanted else []
        typer.echo("".join(f"{line}\n" for line in warnings), nl=False, err=True)
        try:
            if wanted:
                with progress_of(worked_out, wanted, folder) as report:
                    Engine(worked_out, folder, report).run(wanted)
        except KeyboardInterrupt:
            count = tally(worked_out, folder)
            typer.echo(f"stopped; {count.done} of {count.total} cases are done. `{words}` goes on.", err=True)
            raise
        files = write_collection(folder, collect(folder, worked_out))
        typer.echo("wrote " + ", ".join(map(str, files)))
        _conclude(worked_out, folder, tally(worked_out, folder), bool(wanted))


def _conclude(worked_out: Plan, folder: StudyFolder, count: Tally, ran: bool) -> None:
    """Say how a study stands; an error where cases have failed."""
    from gbflux.cli.sweep_text import failure_lines
    from gbflux.errors import StudyError

    end = "" if ran else "; nothing is left to run"
    typer.echo(f"{worked_out.study.name}: {count.done} of {count.total} cases done in {folder.path}{end}")
    if count.failed:
        typer.echo("\n".join(failure_lines(worked_out, folder)), err=True)
        raise StudyError(
            f"{worked_out.study.name}: {count.failed} of {count.total} cases failed. "
            "`gbflux sweep run ... --retry-failed` repeats them.",
            count.failed,
        )


def _submit(worked_out: Plan, folder: StudyFolder, engine: str, dry_run: bool, retry_failed: bool) -> None:
    """Write and submit job scripts, or print them."""
    from gbflux.study import forget_failures, open_cases, tally
    from gbflux.study.cluster import job_scripts, submit

    if dry_run:
        folder.check(worked_out.study)
        wanted = open_cases(worked_out, folder, retry_failed)
        typer.echo("\n".join(job_scripts(worked_out, folder, engine, wanted)), nl=False)
        if not wanted:
            typer.echo(f"{folder.path}: nothing is left to run", err=True)
        return
    folder.make()
    with folder.driver_lock():
        folder.check(worked_out.study)
        folder.prepare(worked_out.study)
        wanted = open_cases(worked_out, folder, retry_failed)
        if not wanted:
            _conclude(worked_out, folder, tally(worked_out, folder), False)
            return
        if retry_failed:
            forget_failures(folder, wanted)
        typer.echo(submit(worked_out, folder, engine, wanted))
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
    from gbflux.cli.sweep_text import failure_lines, status_lines

    worked_out, folder = _opened(study, output)
    typer.echo("\n".join([*status_lines(worked_out, folder), *failure_lines(worked_out, folder)]))


@sweep.command("collect")
def collect_command(study: StudyPath, output: Output = None) -> None:
    """Gather what is done into table.csv, table.parquet and summary.csv in the study's folder.

    Raises
    ------
    InputError
        If there is no such folder, it cannot be written, or all its results are of other cases.
    """
    from gbflux.cli.sweep_text import unused_lines
    from gbflux.errors import InputError
    from gbflux.study import tally, write_collection
    from gbflux.study.table import collect

    worked_out, folder = _opened(study, output)
    if not folder.study_file.exists():
        raise InputError(f"{folder.path}: must hold a study; it does not. `gbflux sweep run` makes it.")
    folder.check(worked_out.study)
    count = tally(worked_out, folder)
    left = list(unused_lines(worked_out, folder)) if (folder.path / "table.csv").exists() else []
    if left and not count.done:
        raise InputError(
            f"{folder.path}: must have results of this study as it is now; got none, and {left[0].strip()}. "
            "The tables stay as they are; `gbflux sweep run` computes what is missing."
        )
    files = write_collection(folder, collect(folder, worked_out))
    typer.echo(
        f"{count.done} of {count.total} cases done, {count.failed} failed, {count.missing} not run; "
        "wrote " + ", ".join(map(str, files))
    )
    typer.echo("".join(f"{line}\n" for line in unused_lines(worked_out, folder)), nl=False)


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
    from gbflux.study.snakefile import write_snakefile

    worked_out, folder = _opened(study, output)
    folder.make()
    with folder.driver_lock():
        folder.check(worked_out.study)
        folder.prepare(worked_out.study)
        path = write_snakefile(worked_out, folder)
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
    from gbflux.errors import StudyError
    from gbflux.simulation.ranks import mpi_job
    from gbflux.study.worker import find_unit, work

    words = ["sweep", "unit", str(folder), key, *(word for name in case or () for word in ("--case", name))]
    with mpi_job(ranks, words, check=lambda: find_unit(folder, key)) as rank, progress_shown(rank):
        failed = work(folder, key, case or (), api.pictures())
        if failed:
            raise StudyError(f"{len(failed)} cases of the unit failed", len(failed))


def _opened(study: Path, output: Path | None) -> tuple[Plan, StudyFolder]:
    """A study worked out, and its folder: a study file, or the folder of a study itself."""
    from gbflux.errors import InputError
    from gbflux.study import StudyFolder, load_study, plan

    if study.is_dir():
        if output is not None:
            raise InputError("-o: must be left out where the folder of a study is given.")
        folder = StudyFolder(study)
        return plan(folder.study()), folder
    loaded = load_study(study)
    return plan(loaded), StudyFolder(output or Path("results") / loaded.name)
