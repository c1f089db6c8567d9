"""Records that the templates show, and what makes them: pictures, files, tables, citations.

A page carries all it shows: pictures and files stand in it as data URIs.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from ruamel.yaml import YAML

from gbflux.case import Case
from gbflux.case.cost import element_order
from gbflux.report.page.folders import number
from gbflux.report.page.wording import written

_DOTS_PER_INCH = 144
_CITED_LIBRARIES = ("fenics-dolfinx", "petsc4py", "mpi4py", "numpy", "scipy")


@dataclass(frozen=True)
class Picture:
    """A picture of a page."""

    uri: str  # data:image/png;base64,…
    title: str
    alt: str  # description of the picture, for readers who do not see it
    caption: str = ""
    plot: bool = False  # lines on white, which a dark page may turn dark; else a map whose colours stay


def _data_uri(data: bytes, kind: str) -> str:
    """Bytes as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def from_figure(figure: Figure, title: str, alt: str, caption: str = "") -> Picture:
    """A plot as a picture."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": "gbflux"})
    return Picture(_data_uri(_smaller(stream.getvalue()), "image/png"), title, alt, caption, plot=True)


def _smaller(png: bytes) -> bytes:
    """A plot in 128 colours, a third of the size; few lines on white do not need more."""
    from PIL import Image  # comes with matplotlib

    stream = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(128).save(stream, format="png", optimize=True)
    return stream.getvalue()


def from_file(path: Path, title: str, alt: str, plot: bool) -> Picture:
    """A PNG file as a picture; what it shows is its caption too."""
    return Picture(_data_uri(path.read_bytes(), "image/png"), title, alt, alt, plot)


def downloads(paths: Mapping[str, Path]) -> list[tuple[str, str]]:
    """Names and data URIs of text files that are there."""
    there = {name: path for name, path in paths.items() if path.exists()}
    return [(name, _data_uri(path.read_bytes(), "text/plain")) for name, path in there.items()]


@dataclass(frozen=True)
class Cell:
    """Text of a table cell, and the number it is sorted by; None: by its text.

    `small` is a second line; `code` sets it in the letters of code; `status` is one of a case's.
    """

    text: str
    sort: float | None = None
    small: str = ""
    code: bool = False
    status: str = ""


@dataclass(frozen=True)
class Table:
    """A sortable table: name in the page, caption, heads, rows of as many cells."""

    id: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def value_cell(value: Any, digits: int = 4) -> Cell:
    """A cell of a number, a word or nothing."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Cell(written(value, digits), value if is_number else None)


def text_cell(text: str) -> Cell:
    """A cell of a value read from a table: a number if it is one.

    >>> text_cell("3"), text_cell("cut").sort
    (Cell(text='3', sort=3, small='', code=False, status=''), None)
    """
    value = number(text)
    if value is None:
        return Cell(text or written(None))
    return value_cell(int(value) if value == int(value) and abs(value) < 1e15 else value)


def citations(
    provenances: Sequence[Mapping[str, Any]],
    cases: Sequence[Case],
    results: Sequence[Mapping[str, Any]],
    plots: bool,
) -> list[dict[str, str]]:
    """Works that runs used, found from their provenance and cases; `plots`: the page shows some.

    Each has ``what`` it was used for, its ``text`` and a ``link``. A library that provenance does not name is
    not cited.
    """
    libraries = {name for p in provenances for name, v in (p.get("libraries") or {}).items() if v}
    names = ["lu-2021", *(name for name in _CITED_LIBRARIES if name in libraries)]
    if "petsc4py" in libraries and any(case.solver.preconditioner == "hypre" for case in cases):
        names.append("hypre")
    if any(p.get("gmsh") for p in provenances):
        names.append("gmsh")
    if any((result.get("transport") or {}).get("bracket") for result in results):
        names += [f"lower-bound-{order}" for order in sorted({element_order(case) for case in cases} or {1})]
    works = YAML(typ="safe").load((files("gbflux.report") / "templates" / "works.yaml").read_text("utf-8"))
    return [works[name] for name in [*names, *(["matplotlib"] if plots else [])]]
