"""From a file to lines of text, and from lines to separator, header and first row of numbers.

Every complaint names file and line.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from gbflux.errors import InputError

_LARGEST_BYTES = 1_000_000_000
LONGEST_LINE = 100_000
MISSING = frozenset(
    {
        "",
        "nan",
        "na",
        "n/a",
        "-",
        "--",
        "—",
        "null",
        "none",
        "inf",
        "-inf",
        "+inf",
        "overflow",
        "ovld",
        "#n/a",
    }
)
COMMENT = ("#", "%", "!", "//", "*")
_NUMBER = re.compile(r"[+\-−]?(\d+\.?\d*|\.\d+)([eEdD][+\-−]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+\-−]?(\d+,?\d*|,\d+)([eEdD][+\-−]?\d+)?")
_SEVERAL = re.compile(
    r"[+\-−\d.eE]*\d[,;\s]+[+\-−\d.,;\seE]*\d[+\-−\d.,;\seE]*"
)  # several numbers in one field
_LOOKED_AT = 400  # lines with numbers
_BINARY = {
    b"PK\x03\x04": "a zip archive (a spreadsheet?)",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"\x89HDF": "HDF5",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
}


@dataclass(frozen=True)
class Layout:
    """Layout of the numbers in a file.

    Attributes
    ----------
    separator : str
        ``","``, ``";"``, tab, or ``" "`` for any white space.
    decimal_comma : bool
    first : int
        Line of the first row of numbers, from 0.
    header : tuple of str
        As written; empty strings where there is none.
    comments : tuple of str
        The lines above, without the header.
    """

    separator: str
    decimal_comma: bool
    first: int
    header: tuple[str, ...]
    comments: tuple[str, ...]


def read_text(path: Path) -> str:
    """Text of a file, unpacked and with ``\\n`` at the end of each line.

    Parameters
    ----------
    path : Path
        Text in UTF-8, UTF-16 or Latin-1, or that in gzip.

    Returns
    -------
    str

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


def find_layout(path: Path, text: str) -> Layout:
    """Separator, decimal sign, header and first row.

    The separator is the one with which most lines have as many numbers as most others; the table begins at
    the first line of numbers with that many fields.

    Raises
    ------
    InputError
        If no two lines are rows of numbers.
    """
    lines = _leading_lines(path, text)
    best = max(
        (_trial(lines, separator, comma) for separator, comma in _CANDIDATES), key=lambda trial: trial[0]
    )
    (rows, *_), separator, comma, first, width = best
    if rows == 0:
        raise InputError(
            f"{path}:1: must hold a table of numbers; no row of numbers among the first {len(lines)} lines."
        )
    if rows < 2:
        raise InputError(f"{path}:{first + 1}: must hold at least two rows of numbers; found one.")
    empty_first = separator != " " and lines[first].startswith(separator)
    header, used = _header(lines[:first], separator, width, empty_first)
    words = split(_last_words(lines[:first]), ",")
    if separator == "," and 2 * len(words) == width and any(words) and (len(words) > 1 or not used):
        raise InputError(
            f"{path}:{first + 1}: must have as many fields as the header, {width // 2}; got {width}. "
            "Commas cannot both separate and stand in numbers: separate by semicolons or tabs."
        )
    comments = tuple(line for k, line in enumerate(lines[:first]) if k not in used and line.strip())
    return Layout(separator, comma, first, header, comments)


def _last_words(lines: list[str]) -> str:
    """The last line that is no row of numbers and not empty; an empty one without."""
    for line in reversed(lines):
        if line.strip() and not _is_row(split(line, ","), False):
            return line
    return ""


_CANDIDATES = [(separator, comma) for comma in (False, True) for separator in ("\t", ";", ",", " ")]


def _leading_lines(path: Path, text: str) -> list[str]:
    """The lines up to a few hundred with numbers in them."""
    lines, start, numbers = [], 0, 0
    while start < len(text) and numbers < _LOOKED_AT and len(lines) < 20_000:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - start > LONGEST_LINE:
            raise InputError(
                f"{path}:{len(lines) + 1}: a line must have at most {LONGEST_LINE:,} characters; "
                f"got {end - start:,}. Write one row of the table per line."
            )
        line = text[start:end]
        numbers += bool(line) and (line.lstrip()[:1].isdigit() or line.lstrip()[:1] in "+-.−")
        lines.append(line)
        start = end + 1
    return lines


def _trial(lines: list[str], separator: str, comma: bool) -> tuple:
    """Score of a separator (rows, numbers a row, …), and the layout it finds."""
    counts: dict[int, list[int]] = {}
    for number, line in enumerate(lines):
        fields = split(line, separator)
        if _is_row(fields, comma):
            counts.setdefault(len(fields), []).append(number)
    if not counts:
        return (0, 0), separator, comma, 0, 0
    width = max(counts, key=lambda size: (len(counts[size]), size))
    rows = counts[width]
    if comma and not any("," in field for k in rows for field in split(lines[k], separator)):
        return (0, 0), separator, comma, 0, 0
    return (len(rows), min(width, 2), not comma), separator, comma, rows[0], width


def split(line: str, separator: str) -> list[str]:
    """Fields of a line without blanks and quotes; an empty field after the last separator counts.

    >>> split('1; "2,5";', ";"), split(" 1   2 ", " ")
    (['1', '2,5', ''], ['1', '2'])
    """
    if separator == " ":
        fields = line.split()
    elif '"' in line:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    else:
        fields = line.split(separator)
    return [field.strip().strip('"').strip() for field in fields]


def is_number(field: str, comma: bool) -> bool:
    """Test for a field that is a finite number as written.

    >>> is_number("-1.5e-3", False), is_number("0,25", True), is_number("0,25", False)
    (True, True, False)
    """
    # in a file with decimal commas a number with a point is still part of a row: it is complained of when
    # read
    return bool(_NUMBER.fullmatch(field) or (comma and _COMMA_NUMBER.fullmatch(field)))


def _is_row(fields: list[str], comma: bool) -> bool:
    """Test for a row of the table: numbers and gaps, at most half of it words.

    With fewer than three fields no word is allowed: one would be a line of the preamble.
    """
    if any(_SEVERAL.fullmatch(field) and not is_number(field, comma) for field in fields):
        return False
    numbers = sum(is_number(field, comma) for field in fields)
    words = sum(not is_number(field, comma) and field.lower() not in MISSING for field in fields)
    return numbers > 0 and words <= (0 if len(fields) < 3 else len(fields) / 2) and numbers >= words


_NO_UNIT = ("", "-", "#")


def _header(
    lines: list[str], separator: str, width: int, empty_first: bool
) -> tuple[tuple[str, ...], set[int]]:
    """Header fields, and the lines they were taken from; `empty_first`: rows begin with a separator."""
    below: tuple[int, list[str]] | None = None
    for number in range(len(lines) - 1, max(-1, len(lines) - 12), -1):
        # a tab that a line begins with is an empty first field (Gamry), not a margin
        line = lines[number].rstrip() if separator == "\t" else lines[number].strip()
        fields = _header_fields(line, separator, width, empty_first)
        if fields is None:
            continue
        if below is None and _all_units(fields):
            below = number, fields
            continue
        if below is None:
            return tuple(fields), {number}
        pairs = zip(fields, below[1], strict=True)
        named = (name if unit in _NO_UNIT else f"{name} ({unit})" for name, unit in pairs)
        return tuple(named), {number, below[0]}
    if below is not None:
        return tuple(below[1]), {below[0]}
    return ("",) * width, set()


def _header_fields(line: str, separator: str, width: int, empty_first: bool) -> list[str] | None:
    """Fields of a line that can be a header: as many as the table has columns, one at least with a letter.

    Where one is missing it is that of the empty first column, or of the last.
    """
    bare = line.lstrip("#%!/* \t") if line.startswith(COMMENT) else line
    for candidate in dict.fromkeys((separator, "\t", ",", ";", r"\s{2,}", r"\s+(?![\s(\[])", " ")):
        fields = re.split(candidate, bare.strip()) if candidate.startswith("\\") else split(bare, candidate)
        if len(fields) > width and not any(fields[width:]):
            fields = fields[:width]
        if width - 1 == len(fields) and width > 2 and candidate != " ":
            fields = ["", *fields] if empty_first else [*fields, ""]
        letters = any(re.search(r"[^\W\d_]", field) for field in fields)
        numbers = sum(is_number(field, False) for field in fields)
        missing = all(field.lower() in MISSING for field in fields)  # a row of the table, lost
        if len(fields) == width and letters and not missing and numbers < max(1, width / 2):
            return fields
    return None


def _all_units(fields: list[str]) -> bool:
    """Test for a line of nothing but units."""
    from gbflux.lab.readers.headers import si_unit

    bare = [field.strip("()[] ") for field in fields]
    known = [si_unit(field) is not None or field in _NO_UNIT for field in bare]
    return all(known) and any(bare) and bare not in (["V", "A"], ["A", "V"])
