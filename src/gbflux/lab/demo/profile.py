"""Line scans and maps across a grain boundary from known truth: for trials and tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from gbflux.lab.demo import DemoFile, table_file

KINDS = {  # name: value in the grain, depth, noise, unit
    "modulus": (145.0, -25.0, 5.0, "GPa"),
    "potential": (60.0, -10.0, 2.0, "mV"),
}
_LENGTH_NM = 1500.0
FWHM_NM = 100.0
LINES = 5


def gb_lines(
    kind: str, rng: np.random.Generator, lines: int = LINES, points: int = 256, depth: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Position (nm) and lines (k, n), in the unit of `KINDS`, with a boundary near the middle.

    Each line is a little displaced and offset; the noise of neighbouring points is correlated.
    """
    grain, usual, noise, _ = KINDS[kind]
    x = np.linspace(0, _LENGTH_NM, points)
    s = FWHM_NM / 2.3548
    rows = []
    for _ in range(lines):
        centre = 0.52 * _LENGTH_NM + rng.normal(0, 25)
        dip = (usual if depth is None else depth) * np.exp(-0.5 * ((x - centre) / s) ** 2)
        white = gaussian_filter1d(rng.normal(size=points + 20), 1.0)[10:-10]
        rows.append(grain + rng.normal(0, 0.2 * noise) + dip + noise * white / 0.53)
    return x, np.array(rows)


def _gb_map(kind: str, rng: np.random.Generator, pixels: int = 128) -> np.ndarray:
    """A square map (pixels, pixels) with a boundary that runs down a little obliquely."""
    grain, depth, noise, _ = KINDS[kind]
    x = np.linspace(0, _LENGTH_NM, pixels)
    rows = []
    for k in range(pixels):
        centre = _LENGTH_NM * (0.5 + 0.1 * (k / pixels - 0.5))
        rows.append(grain + depth * np.exp(-0.5 * ((x - centre) / (FWHM_NM / 2.3548)) ** 2))
    return np.array(rows) + rng.normal(0, noise, size=(pixels, pixels))


def profile_files(rng: np.random.Generator) -> Iterator[DemoFile]:
    """Line scans of modulus and potential, lines without a boundary, and maps: NanoScope's and text.

    Parameters
    ----------
    rng : numpy.random.Generator

    Yields
    ------
    DemoFile
    """
    cases = [("modulus", "modulus", None), ("potential", "potential", None), ("no_boundary", "modulus", 0.0)]
    for name, kind, depth in cases:
        x, rows = gb_lines(kind, rng, depth=depth)
        unit = KINDS[kind][3]
        head = "x (nm)," + ",".join(f"{kind} {k + 1} ({unit})" for k in range(len(rows)))
        table = np.column_stack([x, rows.T])
        yield table_file(f"profile_{name}.csv", head, table, "%.3f", _known(kind, depth))
    scan = spm_bytes(_gb_map("modulus", rng), "DMTModulus", "GPa", _LENGTH_NM)
    yield DemoFile("profile_map.spm", scan, _known("modulus", None))
    text = matrix_text(_gb_map("potential", rng), "Potential", "mV", _LENGTH_NM)
    yield DemoFile("profile_map.txt", text.encode("utf-8"), _known("potential", None))


def matrix_text(values: np.ndarray, name: str, unit: str, size_nm: float) -> str:
    """A square map as Gwyddion exports it as text: what it is in comments, then a line of numbers a row."""
    size = f"{size_nm / 1e3:.4f} µm"
    comments = [f"# Channel: {name}", f"# Width: {size}", f"# Height: {size}", f"# Value units: {unit}"]
    return "\n".join([*comments, *("\t".join(f"{value:.6g}" for value in row) for row in values)]) + "\n"


def _known(kind: str, depth: float | None) -> dict[str, Any]:
    """Truth of a file for people."""
    grain, usual, _, unit = KINDS[kind]
    return {"grain": grain, "depth": usual if depth is None else depth, "unit": unit, "fwhm_nm": FWHM_NM}


def spm_bytes(values: np.ndarray, name: str, unit: str, size_nm: float, size_bytes: int = 4) -> bytes:
    """A NanoScope file with one image.

    Parameters
    ----------
    values : (ny, nx) array
        In `unit`, upper edge first.
    name, unit : str
        Of the channel.
    size_nm : float
        Width of the scan.
    size_bytes : int, optional
        2 or 4 bytes a pixel.

    Returns
    -------
    bytes
    """
    rows, columns = values.shape
    hard = 20.0  # V over the full range of integers
    soft = float(np.abs(values).max()) / 8.0  # unit/V: the largest value lies at 8 V of ±10 V
    integers = np.round(np.flipud(values) / soft / hard * 2 ** (8 * size_bytes)).astype(f"<i{size_bytes}")
    offset = 8192
    lines = [
        r"\*File list",
        r"\Version: 0x09400202",
        r"\*Scanner list",
        rf"\@Sens. {name}: V {soft:.9g} {unit}/V",
        r"\*Ciao scan list",
        rf"\Scan Size: {size_nm:g} nm",
        r"\*Ciao image list",
        rf"\Data offset: {offset}",
        rf"\Data length: {integers.nbytes}",
        rf"\Bytes/pixel: {size_bytes}",
        rf"\Samps/line: {columns}",
        rf"\Number of lines: {rows}",
        rf"\Scan Size: {size_nm:g} {size_nm * rows / columns:g} nm",
        rf'\@2:Image Data: S [{name}] "{name}"',
        rf"\@2:Z scale: V [Sens. {name}] ({hard / 2 ** (8 * size_bytes):.10g} V/LSB) {hard:.5f} V",
        r"\*File list end",
        "",
    ]
    head = "\r\n".join(lines).encode("latin-1") + b"\x1a"
    return head.ljust(offset, b"\0") + integers.tobytes()
