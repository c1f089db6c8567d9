"""`gbflux compare`: one case bare and with its homogenizing layers, on the same grains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gbflux.cli.case_file import CaseFile
from gbflux.cli.run import Force, Output, Ranks, job_words, progress_shown, report_lines, require_accuracy

if TYPE_CHECKING:
    from gbflux.case import Case
    from gbflux.report.figures.views import CaseViews
    from gbflux.results import Result


def compare(case_file: CaseFile, ranks: Ranks = None, output: Output = None, force: Force = False) -> None:
    """Run a case without and with its homogenizing layers; one figure and one table show both.

    Raises
    ------
    InputError
        If the case has no homogenizing layer.
    GbfluxError
        As `gbflux run`.
    """
    from gbflux.simulation.mpi_job import mpi_job

    words = job_words("compare", case_file, output, force)
    with mpi_job(ranks, words, check=lambda: _both_cases(case_file)) as rank:
        cases = _both_cases(case_file)
        folder = output or Path("results") / cases["with_hl"].name
        results, seen = {}, {}
        for name, case in cases.items():
            results[name], seen[name] = _run(case, folder / name, rank, force)
        if rank == 0:
            _show(folder, results, seen)
        for result in results.values():
            require_accuracy(result)


def _both_cases(case_file: Path) -> dict[str, Case]:
    """The case without and with its homogenizing layers."""
    from gbflux.case import load_case
    from gbflux.errors import InputError

    layered = load_case(case_file)
    if layered.homogenizing_layer is None:
        raise InputError(
            f"{case_file}: must have a homogenizing_layer of thickness_um > 0 to compare with; it has none. "
            "Add one, or use `gbflux run`."
        )
    return {"bare": load_case(case_file, {"homogenizing_layer": None}), "with_hl": layered}


def _run(case: Case, folder: Path, rank: int, force: bool) -> tuple[Result, CaseViews | None]:
    """Run one of the two; its result and what its pictures were drawn from."""
    from gbflux.api import run_with_pictures

    with progress_shown(rank) as progress:
        if rank == 0:
            progress.note("start", str(folder))
        outcome, views = run_with_pictures(case, folder, force=force, progress=progress)
    if rank == 0:
        typer.echo("\n".join(report_lines(outcome.result)), err=True)
    return outcome.result, views


def _show(folder: Path, results: dict[str, Result], seen: dict[str, CaseViews | None]) -> None:
    """Draw the figure, unless it is there and nothing was run, and print the table."""
    from gbflux.report.figures.case import comparison_table, draw_comparison
    from gbflux.results.folder import disk_errors_as_input_errors

    picture = folder / "comparison.png"
    if any(seen.values()) or not picture.exists():
        titles = {"bare": "bare", "with_hl": "with homogenizing layers"}
        both = [_titled(seen[name] or _stored(folder / name), titles[name]) for name in ("bare", "with_hl")]
        with disk_errors_as_input_errors(folder):
            draw_comparison(picture, *both)
    typer.echo(comparison_table(*(results[name].as_dict() for name in ("bare", "with_hl"))))
    typer.echo(f"\nfigure: {picture}")


def _titled(views: CaseViews, title: str) -> CaseViews:
    from dataclasses import replace

    return replace(views, title=title)


def _stored(folder: Path) -> CaseViews:
    """Views that the pictures of a finished run are drawn from, made of its stored fields."""
    from gbflux.api import views
    from gbflux.simulation.files import stored_snapshot

    return views(stored_snapshot(folder))
