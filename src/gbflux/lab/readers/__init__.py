"""Files as instruments write them: one reader a format, in the list `TABLES` here and `MAPS` of `maps`.

A format has a name, a test of the first 2 kB, and a function that reads. A new one is a function and an entry
in the list; a table that no format knows is read as text with separators (`delimited`), which refuses rather
than guesses. A table ends as a `Table` in SI (`tables`), a map as a `ScanMap` (`maps`).
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gbflux.errors import InputError
from gbflux.lab.readers.delimited import read_delimited
from gbflux.lab.readers.tables import Table

HEAD_BYTES = 2048  # of a file, by which its format is known
_LARGEST_BYTES = 1_000_000_000
_BINARY = {
    b"PK\x03\x04": "a zip archive (a spreadsheet?)",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"\x89HDF": "HDF5",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
}


@dataclass(frozen=True)
class TableFormat:
    """A kind of file with a table in it."""

    name: str
    sniff: Callable[[str], bool]  # test of the first 2 kB of the text
    read: Callable[[Path, str], Table]  # from path (for messages) and text to a `Table`


def read_table(path: str | Path) -> Table:
    """Read a table of numbers from a text file, packed with gzip or not, by its format.

    Raises
    ------
    InputError
        If the file holds no table of numbers, or is damaged; with file and line.
    """
    path = Path(path)
    text = read_text(path)
    read = next((kind.read for kind in TABLES if kind.sniff(text[:HEAD_BYTES])), read_delimited)
    return read(path, text)


def read_text(path: Path) -> str:
    """Text of a file, unpacked and with ``\\n`` at the end of each line.

    Parameters
    ----------
    path : Path
        Text in UTF-8, UTF-16 or Latin-1, or that in gzip.

    Raises
    ------
    InputError
        If it cannot be read, is empty, too large, or no text.
    """
    try:
        raw = path.read_bytes() if path.stat().st_size <= _LARGEST_BYTES else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}.") from None
    if raw is not None and raw[:2] == b"\x1f\x8b":
        raw = _unpacked(path)
    if raw is None or len(raw) > _LARGEST_BYTES:
        raise InputError(
            f"{path}: must be at most {_LARGEST_BYTES / 1e9:g} GB; it is larger. Split the file."
        )
    if not raw.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise InputError(f"{path}:1: must hold a table of numbers; the file is empty.")
    return _decoded(path, raw).replace("\r\n", "\n").replace("\r", "\n")


def _unpacked(path: Path) -> bytes:
    """Content of a gzip file, a little more than allowed at most."""
    try:
        with gzip.open(path) as stream:
            return stream.read(_LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: must be a whole gzip file; {error}. Pack it again.") from None


def _decoded(path: Path, raw: bytes) -> str:
    """Text of bytes, by its mark or by trial."""
    if path.suffix.lower() == ".ibw":
        raise InputError(
            f"{path}: must be text or a map that is read; this is a binary wave of Igor. "
            "Export curves as text, save maps as .gwy with Gwyddion."
        )
    for magic, kind in _BINARY.items():
        if raw.startswith(magic):
            raise InputError(f"{path}:1: must be text; this is {kind}. Export the data as CSV.")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise InputError(f"{path}:1: must be text; it begins as UTF-16 and does not go on so.") from None
    odd = sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in raw[:65536])
    if odd or b"\x00" in raw:
        place = next((k for k, byte in enumerate(raw) if byte < 32 and byte not in (9, 10, 12, 13)), 0)
        line = raw.count(b"\n", 0, place) + 1
        raise InputError(
            f"{path}:{line}: must be text; found a byte {raw[place]:#04x}. Export the data as CSV."
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


_TABLE_OF_GAMRY = re.compile(r"\S+\tTABLE\b")


def _read_gamry(path: Path, text: str) -> Table:
    """Read the last table of a DTA file, with those of the same columns before it (cycles).

    A line ``ZCURVE<tab>TABLE`` begins a table; its lines begin with a tab: names, units, rows. All others are
    turned into comments, so that lines keep their numbers in messages.
    """
    lines = text.split("\n")
    begins = [k + 1 for k, line in enumerate(lines) if _TABLE_OF_GAMRY.match(line)]
    named = [k for k in begins if k + 1 < len(lines) and lines[k].startswith("\t")]
    kept: set[int] = set()
    for k in [k for k in named if lines[k] == lines[named[-1]]]:
        end = next((n for n in range(k, len(lines)) if not lines[n].startswith("\t")), len(lines))
        kept |= set(range(k + 2 if kept else k, end))  # names and units once
    aside = (line if k in kept else f"#{line}" if line.strip() else "" for k, line in enumerate(lines))
    return read_delimited(path, "\n".join(aside) if kept else text)


#: Formats of tables; the first that knows a file reads it.
TABLES = [TableFormat("Gamry DTA", lambda head: head.startswith("EXPLAIN"), _read_gamry)]
