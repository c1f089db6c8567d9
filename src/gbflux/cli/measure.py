"""`gbflux measure`: repeat the measuring of a finished run."""

from __future__ import annotations

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
    from gbflux.simulation.remeasure import remeasure

    result, snapshot = remeasure(directory)
    if snapshot.case.output.figures:
        folder = RunFolder(directory).figures
        folder.mkdir(exist_ok=True)
        draw_views(folder, views(snapshot))
    typer.echo("\n".join(report_lines(result)))
