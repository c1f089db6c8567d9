r"""Maps from Bruker NanoScope files (``.spm``): a text header in Latin-1, then integers.

A value is integer × hard range / 2^(8 bytes) × soft scale: ``\@2:Z scale: V [Sens. ZsensSens] (0.000375
V/LSB) 24.576 V`` gives the hard range (24.576 V) and names the soft scale, ``\@Sens. ZsensSens: V 15.2
nm/V``. Rows are stored from the lower edge upwards. NanoScope 9.2 and later write 4 bytes where
``Bytes/pixel`` may still say 2: the length of the data decides.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.readers.headers import si_unit
from gbflux.lab.readers.scan_map import ScanMap

LARGEST_BYTES = 1_000_000_000
_END = rb"\*File list end"
_LONGEST_HEADER = 1 << 20
_NUMBER = r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?"
_Z_SCALE = re.compile(rf"V(?:\s+\[(?P<soft>[^\]]*)\])?\s+\([^)]*\)\s+(?P<range>{_NUMBER})\s*(?P<unit>\S*)")
_SOFT = re.compile(rf"V\s+(?P<value>{_NUMBER})\s*(?P<unit>\S*)")
_NAME = re.compile(r'\[(?P<short>[^\]]*)\]\s*(?:"(?P<name>[^"]*)")?')

Section = dict[str, str]


def read_spm(path: str | Path) -> list[ScanMap]:
    """All images of a NanoScope file.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of ScanMap
        Upper edge first; in SI where the unit is known.

    Raises
    ------
    InputError
        If the file is no NanoScope file, or is damaged.
    """
    path = Path(path)
    try:
        raw = path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}.") from None
    end = raw.find(_END, 0, _LONGEST_HEADER)
    if not raw.startswith(rb"\*") or end < 0:
        raise InputError(f"{path}: must be a NanoScope file; its header does not begin and end as one.")
    sections = _sections(raw[:end].decode("latin-1"))
    soft = {
        key.removeprefix("@"): value
        for _, section in sections
        for key, value in section.items()
        if key.startswith("@Sens")
    }
    scan = next((section for title, section in sections if title == "Ciao scan list"), {})
    images = [section for title, section in sections if title == "Ciao image list"]
    maps = [_image(path, raw, image, scan, soft) for image in images]
    if not maps:
        raise InputError(f"{path}: must hold an image; it has none.")
    return maps


def _sections(header: str) -> list[tuple[str, Section]]:
    """Titles and entries of the header."""
    sections: list[tuple[str, Section]] = []
    for line in header.splitlines():
        line = line.strip().lstrip("\\")
        if line.startswith("*"):
            sections.append((line[1:].strip(), {}))
        elif ": " in line and sections:
            key, value = line.split(": ", 1)
            sections[-1][1].setdefault(key.strip(), value.strip())
    return sections


def _image(path: Path, raw: bytes, image: Section, scan: Section, soft: dict[str, str]) -> ScanMap:
    """One image, scaled."""
    label = _NAME.search(image.get("@2:Image Data", ""))
    name = (label["name"] or label["short"]) if label else "image"
    columns, rows = (_whole(path, image, name, key) for key in ("Samps/line", "Number of lines"))
    offset, length = (_whole(path, image, name, key) for key in ("Data offset", "Data length"))
    size_bytes = length // (columns * rows) if columns * rows else 0
    if size_bytes not in (2, 4):
        size_bytes = _whole(path, image, name, "Bytes/pixel")
    if size_bytes not in (2, 4) or columns < 1 or rows < 1:
        raise InputError(f"{path}: image '{name}' must have 2 or 4 bytes per pixel; got {size_bytes}.")
    count = columns * rows
    if offset + count * size_bytes > len(raw):
        raise InputError(
            f"{path}: image '{name}' must have {count * size_bytes} bytes at {offset}; the file ends at "
            f"{len(raw)}. "
            "Copy the file again."
        )
    integers = np.frombuffer(raw, f"<i{size_bytes}", count, offset).reshape(rows, columns)
    factor, unit, logarithmic = _scale(path, name, image, soft, size_bytes)
    values: NDArray[np.float64] = np.flipud(integers) * factor
    if logarithmic:
        with np.errstate(over="ignore"):
            values = 10**values
    return ScanMap(values, _size(path, name, image, scan, columns, rows), name, unit, str(path))


def _scale(
    path: Path, name: str, image: Section, soft: dict[str, str], size_bytes: int
) -> tuple[float, str, bool]:
    """Factor from integers to SI, unit, and whether the logarithm is stored."""
    found = _Z_SCALE.match(image.get("@2:Z scale", ""))
    if found is None:
        raise InputError(
            f"{path}: image '{name}' must have a @2:Z scale; got '{image.get('@2:Z scale', '')}'."
        )
    factor, unit = float(found["range"]) / 2 ** (8 * size_bytes), found["unit"]
    if found["soft"]:
        named = _SOFT.match(soft.get(found["soft"], ""))
        if named is not None:
            factor *= float(named["value"])
            unit = named["unit"].removesuffix("/V") or "V"
        elif not unit or unit == "V":
            raise InputError(
                f"{path}: image '{name}' must have its soft scale @{found['soft']} in the header."
            )
    logarithmic = unit.startswith("log(")
    if logarithmic:
        unit = unit[4:].rstrip(")")
    known = si_unit(unit.replace("~", "u"))
    if known is None or logarithmic:
        return factor, unit, logarithmic
    return factor * known[1], known[0], False


def _size(
    path: Path, name: str, image: Section, scan: Section, columns: int, rows: int
) -> tuple[float, float]:
    """Width and height (m)."""
    words = (image.get("Scan Size") or scan.get("Scan Size") or "").split()
    unit = si_unit(words[-1].replace("~", "u")) if words else None
    try:
        numbers = [float(word) for word in words[:-1]]
    except ValueError:
        numbers = []
    if unit is None or unit[0] != "m" or not 1 <= len(numbers) <= 2 or not min(numbers) > 0:
        raise InputError(
            f"{path}: image '{name}' must have a Scan Size with its unit; got '{' '.join(words)}'."
        )
    width = numbers[0] * unit[1]
    height = numbers[1] * unit[1] if len(numbers) == 2 else width * rows / columns
    return width, height


def _whole(path: Path, image: Section, name: str, key: str) -> int:
    """A whole number of the header."""
    text = image.get(key, "")
    try:
        number = int(text.split()[0])
    except (ValueError, IndexError):
        number = -1
    if not 0 <= number < 2**40:
        raise InputError(f"{path}: image '{name}' must have a number '{key}'; got '{text}'.")
    return number
