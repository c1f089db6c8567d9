r"""Maps of scanning microscopes from files: Gwyddion's (``.gwy``), Bruker NanoScope's (``.spm``), and text.

A map is a matrix of numbers, its first row the upper edge; positions count from the upper left corner.
`read_map` chooses the reader in `MAPS`: a new format is a function and an entry there.

Text: one line of the scan a row. Gwyddion's export (``ASCII data matrix``) says in comments what it is:
``# Channel: Modulus``, ``# Width: 1.50 µm``, ``# Height: 1.50 µm``, ``# Value units: Pa``. Without these,
width and unit must be given.

NanoScope: a text header in Latin-1, then integers. A value is integer × hard range / 2^(8 bytes) × soft
scale: ``\@2:Z scale: V [Sens. ZsensSens] (0.000375 V/LSB) 24.576 V`` gives the hard range (24.576 V) and
names the soft scale, ``\@Sens. ZsensSens: V 15.2 nm/V``. Rows are stored from the lower edge upwards.
NanoScope 9.2 and later write 4 bytes where ``Bytes/pixel`` may still say 2: the length of the data decides.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux import units
from gbflux.errors import InputError, MissingLibrary
from gbflux.lab.readers import HEAD_BYTES, read_table, read_text
from gbflux.lab.readers.delimited import COMMENT
from gbflux.lab.readers.tables import si_unit

Array = NDArray[np.float64]
_FEWEST_PIXELS = 16
_STATED = re.compile(r"(?im)^\W*(channel|width|height|value units?)\s*:\s*(.+?)\s*$")
_LOOKED_AT = 4000  # characters
_LARGEST_BYTES = 1_000_000_000
_MAGIC = b"GWYP"
_END_OF_HEADER = rb"\*File list end"
_LONGEST_HEADER = 1 << 20
_NUMBER = r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?"
_Z_SCALE = re.compile(rf"V(?:\s+\[(?P<soft>[^\]]*)\])?\s+\([^)]*\)\s+(?P<range>{_NUMBER})\s*(?P<unit>\S*)")
_SOFT_SCALE = re.compile(rf"V\s+(?P<value>{_NUMBER})\s*(?P<unit>\S*)")
_CHANNEL_NAME = re.compile(r'\[(?P<short>[^\]]*)\]\s*(?:"(?P<name>[^"]*)")?')

Section = dict[str, str]


@dataclass(frozen=True)
class ScanMap:
    """One channel of a scan."""

    values: Array  # (ny, nx): in `unit`
    size: tuple[float, float]  # width and height (m)
    # name, unit: of the channel
    name: str
    unit: str
    source: str = "map"  # the file


@dataclass(frozen=True)
class MapFormat:
    """A kind of file with maps in it: its name and suffix, a test of its first 2 kB, and its reader."""

    name: str
    suffix: str
    sniff: Callable[[bytes], bool]
    read: Callable[[Path], list[ScanMap]]


def read_map(
    path: str | Path,
    channel: str = "",
    size: tuple[float | None, float | None] = (None, None),
    unit: str = "",
) -> ScanMap:
    """Read a map: one channel of a ``.gwy`` or Bruker ``.spm`` file, or a matrix of numbers as text.

    Parameters
    ----------
    path : path
    channel : str, optional
        Part of its name, in any case; else the first of modulus, potential, and whatever comes first.
    size : (float or None, float or None), optional
        Width and height of a matrix of numbers, where the file does not state them (m).
    unit : str, optional
        Of a matrix of numbers, where the file does not state it.

    Raises
    ------
    InputError
        If the file cannot be read, or has no such channel.
    MissingLibrary
        If the library for .gwy is not installed.
    """
    path = Path(path)
    known = _format_of(path)
    if known is None:
        return _read_text_map(path, size, unit)
    maps = known.read(path)
    for word in [channel] if channel else ["modulus", "potential", ""]:
        for found in maps:
            if word.lower() in found.name.lower():
                return found
    names = ", ".join(found.name for found in maps)
    raise InputError(f"{path}: must have a channel '{channel}'; it has {names}. Name one of these.")


def is_map(path: str | Path) -> bool:
    """Test for a file that holds a map: by its suffix, or as text that states the width of a map."""
    path = Path(path)
    return _format_of(path) is not None or _is_text_map(path)


def _format_of(path: Path) -> MapFormat | None:
    """Binary format of a file: by its suffix, so that a damaged one is named, or by its first 2 kB."""
    suffix, head = path.suffix.lower(), b""
    if path.is_file():
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    return next((kind for kind in MAPS if suffix == kind.suffix or kind.sniff(head)), None)


def _is_text_map(path: Path) -> bool:
    """Test for a text file that states the width of a map above its numbers."""
    head = read_text(path)[:_LOOKED_AT]
    return head.lstrip().startswith(COMMENT) and "width" in _stated(head)


def _read_text_map(path: Path, size: tuple[float | None, float | None], unit: str) -> ScanMap:
    """Read a matrix of numbers; width, height and unit as its comments say where not given."""
    table = read_table(path)
    values = np.stack([column.values for column in table.columns], axis=1)
    if min(values.shape) < _FEWEST_PIXELS:
        raise InputError(
            f"{path}: a map must have at least {_FEWEST_PIXELS} x {_FEWEST_PIXELS} numbers; "
            f"got {values.shape[1]} x {values.shape[0]}. Without a width it is read as line scans."
        )
    if not np.isfinite(values).all():
        raise InputError(f"{path}: a map must have no gaps; {np.isnan(values).sum()} numbers are missing.")
    if any(column.as_written for column in table.columns):
        raise InputError(
            f"{path}: a map must have no header; got {table.names}. Is it line scans with positions?"
        )
    stated = _stated("\n".join(table.comments))
    width, height = (
        given if given is not None else _length(path, name, stated.get(name))
        for name, given in zip(("width", "height"), size, strict=True)
    )
    if width is None:
        raise InputError(f"{path}: the width of the map must be given (--width-um); the file has none.")
    rows, columns = values.shape
    height = width * rows / columns if height is None else height
    for name, length in (("width", width), ("height", height)):
        if not (length > 0 and math.isfinite(length)):
            raise InputError(f"{path}: {name} of the map must be > 0; got {length * units.M_TO_UM:g} µm.")
    written = unit or stated.get("value unit", "")
    known = si_unit(written) if written else None
    if unit and known is None:
        raise InputError(f"--unit: must be a unit such as GPa or mV; got '{unit}'.")
    factor, symbol = (known[1], known[0]) if known else (1.0, written)
    return ScanMap(values * factor, (width, height), stated.get("channel", "map"), symbol, str(path))


def _stated(text: str) -> dict[str, str]:
    """Properties of the map stated in comments, by lower-case name."""
    return {name.lower().removesuffix("s"): value for name, value in _STATED.findall(text)}


def _length(path: Path, name: str, text: str | None) -> float | None:
    """A length with its unit (m); None where there is none."""
    if text is None:
        return None
    number, _, written = text.partition(" ")
    unit = si_unit(written)
    try:
        value = float(number.replace(",", "."))
    except ValueError:
        value = math.nan
    if unit is None or unit[0] != "m" or not math.isfinite(value):
        raise InputError(f"{path}: {name} of the map must be a length such as '1.5 µm'; got '{text}'.")
    return value * unit[1]


def read_gwy(path: str | Path) -> list[ScanMap]:
    """Read all channels of a ``.gwy`` file.

    Returns
    -------
    list of ScanMap
        In the order of their numbers.

    Raises
    ------
    InputError
        If the file is no Gwyddion file, is damaged, or holds no map.
    MissingLibrary
        If gwyfile is not installed.
    """
    try:
        import gwyfile
    except ImportError as error:
        raise MissingLibrary(
            f"reading .gwy needs gwyfile ({error}). Install it: pip install 'gbflux[afm]'."
        ) from error
    path = Path(path)
    _check_gwy(path)
    try:
        container = gwyfile.load(str(path))
        return _gwy_channels(path, container)
    except InputError:
        raise
    except (
        AttributeError,
        AssertionError,
        IndexError,
        KeyError,
        MemoryError,
        NotImplementedError,
        OSError,
        OverflowError,
        RecursionError,
        TypeError,
        UnicodeError,
        ValueError,
        struct.error,
    ) as error:  # what the library lets through when a file is damaged
        raise InputError(f"{path}: must be a whole Gwyddion file; {type(error).__name__}: {error}.") from None


def _check_gwy(path: Path) -> None:
    """Raise unless the file begins as it should and is as long as it says."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}.") from None
    if head[:4] != _MAGIC:
        raise InputError(f"{path}: must be a Gwyddion file; it does not begin with GWYP.")
    end = head.find(b"\0", 4)
    if end < 0 or len(head) < end + 5:
        raise InputError(f"{path}: must be a whole Gwyddion file; its head is damaged.")
    declared = struct.unpack("<I", head[end + 1 : end + 5])[0]
    if declared != size - end - 5 or size > _LARGEST_BYTES:
        raise InputError(
            f"{path}: must be a whole Gwyddion file; it says {declared} bytes and has {size - end - 5}."
        )


def _gwy_channels(path: Path, container: Any) -> list[ScanMap]:
    """Every data field with its title."""
    numbers = sorted(
        int(key.split("/")[1]) for key in container if key.count("/") == 2 and key.endswith("/data")
    )
    maps = []
    for number in numbers:
        field = container[f"/{number}/data"]
        values = np.array(field.data, dtype=float)
        size = float(field.xreal), float(field.yreal)
        if values.ndim != 2 or not min(size) > 0 or not np.all(np.isfinite(size)):
            raise InputError(f"{path}: channel {number} must be a map with a size; its size is {size}.")
        unit = str(field.si_unit_z.unitstr) if "si_unit_z" in field else ""
        title = str(container.get(f"/{number}/data/title", f"channel {number}"))
        maps.append(ScanMap(values, size, title, unit, str(path)))
    if not maps:
        raise InputError(f"{path}: must hold a map; it has none.")
    return maps


def read_spm(path: str | Path) -> list[ScanMap]:
    """Read all images of a NanoScope file.

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
        raw = path.read_bytes() if path.stat().st_size <= _LARGEST_BYTES else b""
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}.") from None
    end = raw.find(_END_OF_HEADER, 0, _LONGEST_HEADER)
    if not raw.startswith(rb"\*") or end < 0:
        raise InputError(f"{path}: must be a NanoScope file; its header does not begin and end as one.")
    sections = _spm_sections(raw[:end].decode("latin-1"))
    soft = {
        key.removeprefix("@"): value
        for _, section in sections
        for key, value in section.items()
        if key.startswith("@Sens")
    }
    scan = next((section for title, section in sections if title == "Ciao scan list"), {})
    images = [section for title, section in sections if title == "Ciao image list"]
    maps = [_spm_image(path, raw, image, scan, soft) for image in images]
    if not maps:
        raise InputError(f"{path}: must hold an image; it has none.")
    return maps


def _spm_sections(header: str) -> list[tuple[str, Section]]:
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


def _spm_image(path: Path, raw: bytes, image: Section, scan: Section, soft: dict[str, str]) -> ScanMap:
    """One image, scaled."""
    label = _CHANNEL_NAME.search(image.get("@2:Image Data", ""))
    name = (label["name"] or label["short"]) if label else "image"
    columns, rows = (_spm_whole_number(path, image, name, key) for key in ("Samps/line", "Number of lines"))
    offset, length = (_spm_whole_number(path, image, name, key) for key in ("Data offset", "Data length"))
    size_bytes = length // (columns * rows) if columns * rows else 0
    if size_bytes not in (2, 4):
        size_bytes = _spm_whole_number(path, image, name, "Bytes/pixel")
    if size_bytes not in (2, 4) or columns < 1 or rows < 1:
        raise InputError(f"{path}: image '{name}' must have 2 or 4 bytes per pixel; got {size_bytes}.")
    count = columns * rows
    if offset + count * size_bytes > len(raw):
        raise InputError(
            f"{path}: image '{name}' must have {count * size_bytes} bytes at {offset}; the file ends at "
            f"{len(raw)}. Copy the file again."
        )
    integers = np.frombuffer(raw, f"<i{size_bytes}", count, offset).reshape(rows, columns)
    factor, unit, logarithmic = _spm_scale(path, name, image, soft, size_bytes)
    values: NDArray[np.float64] = np.flipud(integers) * factor
    if logarithmic:
        with np.errstate(over="ignore"):
            values = 10**values
    return ScanMap(values, _spm_size(path, name, image, scan, columns, rows), name, unit, str(path))


def _spm_scale(
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
        named = _SOFT_SCALE.match(soft.get(found["soft"], ""))
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


def _spm_size(
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


def _spm_whole_number(path: Path, image: Section, name: str, key: str) -> int:
    """A whole number of the header."""
    text = image.get(key, "")
    try:
        number = int(text.split()[0])
    except (ValueError, IndexError):
        number = -1
    if not 0 <= number < 2**40:
        raise InputError(f"{path}: image '{name}' must have a number '{key}'; got '{text}'.")
    return number


#: Binary formats; all else is read as text.
MAPS = [
    MapFormat("Gwyddion", ".gwy", lambda head: head.startswith(_MAGIC), read_gwy),
    MapFormat("NanoScope", ".spm", lambda head: head.startswith(rb"\*File list"), read_spm),
]
