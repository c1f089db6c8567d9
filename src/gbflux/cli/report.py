"""`gbflux measure`, `report`: a finished run measured again, a page of a run or a study."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from gbflux.cli.run import report_lines


def measure(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished run.")],
) -> None:
    """Measure a finished run again from its stored fields; result, tables and figures are replaced.

    Raises
    ------
    InputError
        If the folder holds no finished run with fields, or cannot be written.
    """
    from gbflux.api import views
    from gbflux.report.figures.case import draw_views
    from gbflux.results import RunFolder
    from gbflux.simulation.files import remeasure

    result, snapshot = remeasure(directory)
    if snapshot.case.output.figures:
        folder = RunFolder(directory).figures
        folder.mkdir(exist_ok=True)
        draw_views(folder, views(snapshot))
    typer.echo("\n".join(report_lines(result)))


def report(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a run, a comparison or a study.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="HTML file (default: DIR/report.html)."),
    ] = None,
    view3d: Annotated[
        bool, typer.Option("--view3d", help="Add the electrodes of a 3D run to turn and look at.")
    ] = False,
) -> None:
    """Write one HTML page of a run, a comparison or a study: numbers, pictures, curves. Works offline.

    Raises
    ------
    InputError
        If the folder holds none of these, or what it holds is not whole.
    """
    from gbflux.report.page import write_report

    if (directory / "study.resolved.yaml").exists():
        _collect(directory)
    file = write_report(directory, output, view3d)
    typer.echo(f"{file}  ({file.stat().st_size / 1e6:.1f} MB; open it in a browser)")


def _collect(directory: Path) -> None:
    """Bring the tables of a study up to date; where that fails, the page uses the tables as they are."""
    from gbflux.errors import InputError, MissingLibrary
    from gbflux.study import StudyFolder, plan, tally, unused, write_collection
    from gbflux.study.table import collect

    folder = StudyFolder(directory)
    try:
        worked_out = plan(folder.study())
        old = (directory / "table.csv").exists() and unused(worked_out, folder).results
        if old and not tally(worked_out, folder).done:
            return  # of an earlier physics, or of the study before it was changed; the page says so
        with contextlib.suppress(MissingLibrary):  # of table.parquet alone; both CSV files are there then
            write_collection(folder, collect(folder, worked_out))
    except InputError:
        if not (directory / "table.csv").exists():
            raise
