"""Writes the page: one HTML file that needs no network, and by its own policy may not use one."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2

import gbflux
from gbflux.errors import InputError
from gbflux.report.page.run_folder import read_runs
from gbflux.report.page.run_page import run_page
from gbflux.report.page.study_folder import is_study, read_study
from gbflux.report.page.study_page import study_page
from gbflux.report.page.wording import interval, written
from gbflux.study.folder import write_text

NAME = "report.html"


def write_report(directory: Path, file: Path | None = None) -> Path:
    """Write the page of a run, of a comparison or of a study.

    Parameters
    ----------
    directory : Path
        Folder that `gbflux run`, `gbflux compare` or a sweep filled.
    file : Path, optional
        HTML file to write; ``report.html`` in the folder if left out.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the folder holds none of these, or what it holds is not finished or not whole; or the file cannot
        be written.
    """
    html = report_html(directory)
    target = directory / NAME if file is None else file
    try:
        write_text(target, html)
    except OSError as error:
        raise InputError(
            f"output: {target} must be a file that can be written; got '{error.strerror or error}'. "
            "Choose another -o."
        ) from error
    return target


def report_html(directory: Path) -> str:
    """The page as text.

    Raises
    ------
    InputError
        If the folder holds neither run nor study.
    """
    if not directory.is_dir():
        found = "a file" if directory.exists() else "nothing"
        raise InputError(f"{directory}: must be a folder of a run or a study; got {found}. Give its path.")
    if is_study(directory):
        return _render("study.html.j2", study_page(read_study(directory)))
    runs = read_runs(directory)
    if runs:
        return _render("run.html.j2", run_page(directory, runs))
    raise InputError(
        f"{directory}: must be the folder of a run (result.json), a comparison (bare, with_hl) or a study "
        "(study.resolved.yaml); got none of these. Give what `gbflux run -o` was given."
    )


def _render(template: str, page: dict[str, Any]) -> str:
    """Fill a template; whatever comes from files is escaped."""
    loader = jinja2.PackageLoader("gbflux.report", "templates")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"written": written, "interval": interval}
    assets = {name: loader.get_source(environment, name)[0] for name in ("page.css", "page.js")}
    hashes = {name.split(".")[1]: _hash(text) for name, text in assets.items()}
    return environment.get_template(template).render(
        **page, css=assets["page.css"], js=assets["page.js"], hashes=hashes, version=gbflux.__version__
    )


def _hash(text: str) -> str:
    """The name under which the page's policy lets its own style and script pass, and nothing else."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
