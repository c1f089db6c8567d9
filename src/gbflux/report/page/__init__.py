"""One HTML file for a run, a comparison or a study: folders in, a page out that uses no network.

`folders` reads folders into records, `run_page` and `study_page` make of them what the templates beside this
folder show, this file joins both. Files alone are read: needs no DOLFINx, no MPI.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2

import gbflux
from gbflux.errors import InputError
from gbflux.report.page.folders import is_study, read_runs, read_study
from gbflux.report.page.run_page import run_page
from gbflux.report.page.study_page import study_page
from gbflux.report.page.wording import interval, written
from gbflux.results.folder import write_text

NAME = "report.html"


def write_report(directory: Path, file: Path | None = None, view3d: bool = False) -> Path:
    """Write the page of a folder that `gbflux run`, `gbflux compare` or a sweep filled.

    Parameters
    ----------
    directory : Path
    file : Path, optional
        HTML file to write; ``report.html`` in the folder if left out.
    view3d : bool
        Add the electrodes of a 3D run to turn and look at.

    Raises
    ------
    InputError
        If the folder holds none of these, or what it holds is not finished or not whole; or the file cannot
        be written.
    """
    html = report_html(directory, view3d)
    target = directory / NAME if file is None else file
    try:
        write_text(target, html)
    except OSError as error:
        raise InputError(
            f"output: {target} must be a file that can be written; got '{error.strerror or error}'. "
            "Choose another -o."
        ) from error
    return target


def report_html(directory: Path, view3d: bool = False) -> str:
    """The page as text.

    Raises
    ------
    InputError
        If the folder holds neither run nor study, or there is nothing to turn.
    """
    if not directory.is_dir():
        found = "a file" if directory.exists() else "nothing"
        raise InputError(f"{directory}: must be a folder of a run or a study; got {found}. Give its path.")
    if is_study(directory):
        if view3d:
            raise InputError(
                f"--view3d: must be given with a 3D run; {directory} holds a study. Give one of its cases."
            )
        return _render("study.html.j2", study_page(read_study(directory)))
    runs = read_runs(directory)
    if runs:
        return _render("run.html.j2", run_page(directory, runs, view3d))
    raise InputError(
        f"{directory}: must be the folder of a run (result.json), a comparison (bare, with_hl) or a study "
        "(study.resolved.yaml); got none of these. Give what `gbflux run -o` was given."
    )


def _render(template: str, page: dict[str, Any]) -> str:
    """Fill a template; whatever comes from files is escaped."""
    loader = jinja2.PackageLoader("gbflux.report", "templates")
    strict: dict[str, Any] = {"autoescape": True, "undefined": jinja2.StrictUndefined}
    environment = jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True, **strict)
    environment.filters |= {"written": written, "interval": interval}
    css, js, turning = (
        loader.get_source(environment, name)[0] for name in ("page.css", "page.js", "view3d.js")
    )
    if page.get("views"):
        js += turning
    hashes = {"css": _hash(css), "js": _hash(js)}
    return environment.get_template(template).render(
        **page, css=css, js=js, hashes=hashes, version=gbflux.__version__
    )


def _hash(text: str) -> str:
    """Name under which the content security policy of a page lets its own style and script pass."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
