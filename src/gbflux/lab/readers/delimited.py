"""From a file to lines of text, and from lines to separator, header and first row of numbers.

Every complaint names file and line.
"""

from __future__ import annotations

import csv
import gzip
import re
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    from gbflux.lab.readers.tables import si_unit

    bare = [field.strip("()[] ") for field in fields]
    known = [si_unit(field) is not None or field in _NO_UNIT for field in bare]
    return all(known) and any(bare) and bare not in (["V", "A"], ["A", "V"])


Array = NDArray[np.float64]
_CHUNK = 1 << 20  # characters
_ASIDE = re.compile(r"^[ \t]*(?:(?:[#%!*]|//).*)?\n", re.MULTILINE)  # an empty line or a comment
_OVERFLOW = 9e37  # instruments write 9.9e37 or 9.91e37 for "no number"
_NOTHING = 1e-60  # below what instruments resolve; its square would underflow


class Body:
    """The rows of numbers below the header, chunk by chunk: as one array where that can be, else by line."""

    def __init__(self, path: Path, text: str, layout: Layout):
        self._path, self._text, self._layout = path, text, layout
        self._width = len(layout.header)
        self._comments: list[str] = []
        self._breaks: list[int] = []
        self._gaps = self._short = 0
        self._words: dict[int, tuple[int, str]] = {}  # column -> line and word seen first
        self.words: dict[int, set[str]] = {}  # column -> all of them
        self._numbers_in = np.zeros(self._width, dtype=bool)
        self._word_columns = self._columns_of_words()

    def read(self) -> tuple[Array, tuple[int, ...], list[str], list[str]]:
        """Rows (n, width), breaks, comments, notes."""
        position, line = self._start(), self._layout.first
        parts: list[Array] = []
        rows = 0
        while position < len(self._text):
            end = self._text.find("\n", min(position + _CHUNK, len(self._text)))
            end = len(self._text) if end < 0 else end + 1
            chunk = self._text[position:end]
            block = self._fast(chunk, line, rows)
            if block is None:
                block = self._slow(chunk, line, rows)
            parts.append(block)
            rows += len(block)
            line += chunk.count("\n")
            position = end
        values = np.concatenate(parts)
        size = np.abs(values)
        values[size > _OVERFLOW] = np.nan
        values[size < _NOTHING] = 0.0
        breaks = tuple(sorted({k for k in self._breaks if 0 < k < rows}))
        return values, breaks, self._comments, self._notes()

    def _start(self) -> int:
        """Position of the first row of numbers in the text."""
        position = 0
        for _ in range(self._layout.first):
            position = self._text.index("\n", position) + 1
        return position

    def _columns_of_words(self) -> frozenset[int]:
        """Columns that hold a word in the first row: dates, status, names."""
        start = self._start()
        end = self._text.find("\n", start)
        fields = split(self._text[start : end if end > 0 else None], self._layout.separator)
        comma = self._layout.decimal_comma
        return frozenset(
            k
            for k, field in enumerate(fields)
            if field.lower() not in MISSING and not is_number(field, comma)
        )

    def _fast(self, chunk: str, line: int, rows: int) -> Array | None:
        """Rows of a chunk in which every line is complete or a comment; None where that is not so."""
        chunk = chunk if chunk.endswith("\n") else chunk + "\n"
        asides: list[tuple[int, str]] = []
        if "\n\n" in chunk or chunk.startswith("\n") or any(mark in chunk for mark in COMMENT):
            asides = _asides(chunk)
            chunk = _ASIDE.sub("", chunk)
        found = _complete_rows(chunk, self._layout, self._word_columns)
        if found is None:
            return None
        block, words = found
        self._breaks += [rows + row for row, _ in asides]
        self._comments += [text for _, text in asides if text]
        for column, fields in words.items():
            if seen := set(fields) - {""}:
                row = next(k for k, field in enumerate(fields) if field)
                above = sum(place <= row for place, _ in asides)
                self._words.setdefault(column, (line + 1 + row + above, fields[row]))
                self.words.setdefault(column, set()).update(seen)
        numbers = [k for k in range(self._width) if k not in words]
        self._gaps += int(np.isnan(block[:, numbers]).sum())
        self._numbers_in |= np.isfinite(block).any(axis=0)
        return block

    def _slow(self, chunk: str, line: int, rows: int) -> Array:
        """Rows of a chunk, line by line; `line` and `rows` are those before it."""
        block: list[list[float]] = []
        for number, text in enumerate(chunk.rstrip("\n").split("\n"), line + 1):
            if not text.strip() or text.lstrip().startswith(COMMENT):
                self._breaks.append(rows + len(block))
                self._comments += [text.strip()] if text.strip() else []
                continue
            if len(text) > LONGEST_LINE:
                raise InputError(
                    f"{self._path}:{number}: a line must have at most {LONGEST_LINE:,} characters; "
                    f"got {len(text):,}. Write one row of the table per line."
                )
            row = self._row(text, number, rows + len(block))
            if row is not None:
                block.append(row)
        return np.array(block, dtype=float).reshape(-1, self._width)

    def _row(self, text: str, number: int, row: int) -> list[float] | None:
        """One line as numbers; None if it is text between the numbers."""
        fields = split(text, self._layout.separator)
        while len(fields) > self._width and not fields[-1]:
            fields.pop()
        numeric = [is_number(field, self._layout.decimal_comma) for field in fields]
        words = any(re.search(r"[^\W\d_]", field) and field.lower() not in MISSING for field in fields)
        expected = len(fields) >= self._width and self._expected_words(fields)
        if words and not any(numeric) and not expected:
            self._breaks.append(row)
            self._comments.append(text.strip())
            return None
        if len(fields) > self._width:
            raise InputError(
                f"{self._path}:{number}: must have {self._width} fields as those above; got {len(fields)}. "
                "Mend the line; with decimal commas, separate by semicolons or tabs."
            )
        self._short += len(fields) < self._width
        values = [self._value(field, number, column) for column, field in enumerate(fields)]
        return values + [np.nan] * (self._width - len(fields))

    def _expected_words(self, fields: list[str]) -> bool:
        """Test for a line whose words all stand in columns of words."""
        return all(
            column in self._word_columns
            for column, field in enumerate(fields)
            if field.lower() not in MISSING
        )

    def _value(self, field: str, line: int, column: int) -> float:
        """A number; NaN for a gap, and in a column of words."""
        comma = self._layout.decimal_comma
        if column in self._word_columns:
            if field:
                self._words.setdefault(column, (line, field))
                self.words.setdefault(column, set()).add(field)
            return np.nan
        if field.lower() in MISSING:
            self._gaps += 1
            return np.nan
        if not is_number(field, comma) or (comma and "." in field):
            mixed = re.fullmatch(r"[+\-−\d.,eE]+", field) and "," in field + ("," if comma else "")
            advice = (
                "Use decimal points or decimal commas throughout."
                if mixed
                else "Leave missing numbers empty."
            )
            raise InputError(
                f"{self._path}:{line}: column {column + 1} must be a number; got '{field[:40]}'. {advice}"
            )
        self._numbers_in[column] = True
        return float(field.replace(",", ".").replace("−", "-").replace("D", "e").replace("d", "e"))

    def _notes(self) -> list[str]:
        """Notes on what was skipped."""
        notes = [
            f"column {column + 1}: words ('{word[:20]}' in line {line}); skipped"
            for column, (line, word) in sorted(self._words.items())
        ]
        notes += [f"{self._gaps} missing numbers"] if self._gaps else []
        notes += [f"{self._short} lines with fewer than {self._width} fields"] if self._short else []
        notes += ["decimal commas"] if self._layout.decimal_comma else []
        return notes


def _asides(chunk: str) -> list[tuple[int, str]]:
    """Comments and empty lines, each with the number of rows above it."""
    found, rows, begin = [], 0, 0
    for match in _ASIDE.finditer(chunk):
        rows += chunk.count("\n", begin, match.start())
        begin = match.end()
        found.append((rows, match.group().strip()))
    return found


def _complete_rows(
    chunk: str, layout: Layout, word_columns: frozenset[int]
) -> tuple[Array, dict[int, list[str]]] | None:
    """Rows of a chunk, NaN in columns of words, and these words; None where a line or number is not whole."""
    separator, width = layout.separator, len(layout.header)
    if "−" in chunk or not chunk.strip():
        return None
    chunk = chunk.replace('"', "")  # what they keep together gives another number of fields
    if separator not in " \t" and (" " in chunk or "\t" in chunk):
        chunk = re.sub(rf"[ \t]*{separator}[ \t]*", separator, chunk)
        chunk = re.sub(r"[ \t]*\n[ \t]*", "\n", chunk).lstrip(" \t")
    if word_columns:
        return _beside_words(chunk, layout, word_columns)
    if separator not in " \t" and (" " in chunk or "\t" in chunk):
        return None
    if layout.decimal_comma:
        if "." in chunk:
            return None
        chunk = chunk.replace(",", ".")
    holes = (separator * 2, separator + "\n", "\n" + separator)
    if separator != " " and any(hole in chunk for hole in holes):
        for _ in range(2):
            chunk = chunk.replace(separator * 2, f"{separator}nan{separator}")
        chunk = chunk.replace(separator + "\n", separator + "nan\n")
        chunk = chunk.replace("\n" + separator, "\nnan" + separator)
        chunk = "nan" + chunk if chunk.startswith(separator) else chunk
    if not _even(chunk, separator, width):
        return None
    block = _numbers(chunk.replace(separator, " "))
    if block is None or block.size % width:
        return None
    return block.reshape(-1, width), {}


def _beside_words(
    chunk: str, layout: Layout, word_columns: frozenset[int]
) -> tuple[Array, dict[int, list[str]]] | None:
    """`_complete_rows` where some columns hold words."""
    separator, width = layout.separator, len(layout.header)
    if not _even(chunk, separator, width):
        return None
    fields = chunk.split() if separator == " " else chunk[:-1].replace("\n", separator).split(separator)
    if len(fields) % width:
        return None
    block = np.full((len(fields) // width, width), np.nan)
    words = {}
    for column in range(width):
        here = fields[column::width]
        if column in word_columns:
            words[column] = here
            continue
        if layout.decimal_comma:
            if any("." in field for field in here):
                return None
            here = [field.replace(",", ".") for field in here]
        values = _numbers(" ".join(field or "nan" for field in here))
        if values is None or len(values) != len(here):
            return None
        block[:, column] = values
    return block, words


def _even(chunk: str, separator: str, width: int) -> bool:
    """Test for a chunk whose lines all have `width` fields."""
    try:
        raw = np.frombuffer(chunk.encode("ascii"), dtype=np.uint8)
    except UnicodeEncodeError:
        return False
    ends = np.flatnonzero(raw == 10)
    if separator == " ":
        blank = raw <= 32
        marks = np.flatnonzero(~blank & np.concatenate([[True], blank[:-1]]))
    else:
        marks = np.flatnonzero(raw == ord(separator))
    counts = np.diff(np.searchsorted(marks, ends), prepend=0)
    return bool((counts == width - (separator != " ")).all())


def _numbers(chunk: str) -> Array | None:
    """Numbers of a text that holds nothing but numbers; None where it holds more."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = np.fromstring(chunk, dtype=float, sep=" ")
        except (DeprecationWarning, ValueError):
            return None
    return values if values.size else None
