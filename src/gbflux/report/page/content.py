"""Figures and files as data URIs: a page carries all it shows."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

_DOTS_PER_INCH = 144


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes
    ----------
    uri : str
        ``data:image/png;base64,…``
    title : str
    alt : str
        Description of the picture, for readers who do not see it.
    caption : str
    plot : bool
        Lines on white, which a dark page may turn dark; else a map whose colours stay.
    """

    uri: str
    title: str
    alt: str
    caption: str = ""
    plot: bool = False


def data_uri(data: bytes, kind: str) -> str:
    """Bytes as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def from_figure(figure: Figure, title: str, alt: str, caption: str = "") -> Picture:
    """A plot as a picture."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": "gbflux"})
    return Picture(data_uri(_smaller(stream.getvalue()), "image/png"), title, alt, caption, plot=True)


def from_file(path: Path, title: str, alt: str, plot: bool) -> Picture:
    """A PNG file as a picture; what it shows is its caption too."""
    return Picture(data_uri(path.read_bytes(), "image/png"), title, alt, alt, plot)


def downloads(files: Mapping[str, Path]) -> list[tuple[str, str]]:
    """Names and data URIs of text files that are there."""
    return [
        (name, data_uri(path.read_bytes(), "text/plain")) for name, path in files.items() if path.exists()
    ]


def _smaller(png: bytes) -> bytes:
    """A plot in 128 colours, a third of the size; few lines on white do not need more."""
    from PIL import Image  # comes with matplotlib

    stream = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(128).save(stream, format="png", optimize=True)
    return stream.getvalue()
