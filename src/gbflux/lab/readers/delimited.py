"""Text with separators: commas, semicolons, tabs or white space, whatever instrument wrote it.

`read_delimited` finds separator, decimal sign, header and first row, and reads the rows chunk by chunk: one
in which every line is whole goes to NumPy at once, any other is read by line. A header that names more or
fewer columns than the rows have is refused: which name belongs to which column would be a guess. Every
complaint names file and line.

The numbers are parsed by `numpy.fromstring`: `pyarrow.csv` needs 60 ms to load, longer than most files take
(200,000 rows: 66 ms against 105 ms), and neither tells comments, pauses and repeated headers from rows.
"""

from __future__ import annotations

import csv
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.readers.tables import Table, parse_header, si_unit, table_of, units_from_words

Array = NDArray[np.float64]
Rows = tuple[Array, dict[int, list[str]]]  # numbers, and the fields of columns of words
COMMENT = ("#", "%", "!", "//", "*")
LONGEST_LINE = 100_000
MISSING = frozenset(
    ["nan", "na", "n/a", "-", "--", "—", "null", "none", "inf", "-inf", "+inf", "overflow", "ovld", "#n/a"]
) | {""}
_NUMBER = re.compile(r"[+\-−]?(\d+\.?\d*|\.\d+)([eEdD][+\-−]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+\-−]?(\d+,?\d*|,\d+)([eEdD][+\-−]?\d+)?")
_SEVERAL = re.compile(r"[+\-−\d.eE]*\d[,;\s]+[+\-−\d.,;\seE]*\d[+\-−\d.,;\seE]*")  # numbers in one field
_THOUSANDS = re.compile(r"[+\-−]?\d{1,3}(,\d{3})+(\.\d*)?")
_ASIDE = re.compile(r"^[ \t]*(?:(?:[#%!*]|//).*)?\n", re.MULTILINE)  # an empty line or a comment
_MARK = re.compile(r"^(?:[#%!*]|//)[#%!/* \t]*")  # of a comment
_LOOKED_AT = 400  # lines with numbers
_HEADER_WITHIN = 12  # lines above the first row
_NO_UNIT = ("", "-", "#")
_CHUNK = 1 << 20  # characters
_OVERFLOW = 9e37  # instruments write 9.9e37 or 9.91e37 for "no number"
_NOTHING = 1e-60  # below what instruments resolve; its square would underflow
_CANDIDATES = [(separator, comma) for comma in (False, True) for separator in ("\t", ";", ",", " ")]


@dataclass(frozen=True)
class Layout:
    """Layout of the numbers in a file: `first` is the line of the first row, from 0.

    The separator is ``","``, ``";"``, tab, or ``" "`` for any white space; header fields are as written,
    empty where there is no header; comments are the lines above without it.
    """

    separator: str
    decimal_comma: bool
    first: int
    header: tuple[str, ...]
    comments: tuple[str, ...]


def read_delimited(path: Path, text: str) -> Table:
    """Read a table of numbers from text; the path is for messages.

    A second header line for units, comments and gaps may be there; words in a column make it a column of
    words, which is skipped.

    Raises
    ------
    InputError
        If it holds no table of numbers, its header has another width, or it is damaged; with file and line.
    """
    layout = find_layout(path, text)
    body = Body(path, text, layout)
    rows, breaks, comments, notes = body.read()
    header = units_from_words(path, layout.header, body.words)
    found = table_of(path, header, rows, (*layout.comments, *comments), notes)
    if not any(np.isfinite(column.values).any() for column in found.columns):
        raise InputError(f"{path}:{layout.first + 1}: must hold a table of numbers; every number is missing.")
    return replace(found, breaks=breaks)


class _Trial(NamedTuple):
    """Rows of numbers that a separator gives, and their score."""

    score: tuple[int, int, bool]
    separator: str
    comma: bool
    rows: list[int]
    width: int


def find_layout(path: Path, text: str) -> Layout:
    """Separator, decimal sign, header and first row; errors as of `read_delimited`.

    The separator is the one with which most lines have as many numbers as most others; the table begins at
    the first line of numbers with that many fields.
    """
    lines = _leading_lines(path, text)
    best = max((_trial(lines, *candidate) for candidate in _CANDIDATES), key=lambda trial: trial.score)
    if not best.rows:
        raise InputError(
            f"{path}:1: must hold a table of numbers; no row of numbers among the first {len(lines)} lines."
        )
    first = best.rows[0]
    if len(best.rows) < 2:
        raise InputError(f"{path}:{first + 1}: must hold at least two rows of numbers; found one.")
    header, used = _header(lines, best)
    _refuse_other_widths(path, lines[:first], best, bool(used))
    comments = tuple(line for k, line in enumerate(lines[:first]) if k not in used and line.strip())
    return Layout(best.separator, best.comma, first, header, comments)


def _leading_lines(path: Path, text: str) -> list[str]:
    """The lines up to a few hundred with numbers in them."""
    lines: list[str] = []
    start = numbers = 0
    while start < len(text) and numbers < _LOOKED_AT and len(lines) < 20_000:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        _check_length(path, len(lines) + 1, end - start)
        line = text[start:end]
        numbers += line.lstrip()[:1].isdigit() or line.lstrip()[:1] in ("+", "-", ".", "−")
        lines.append(line)
        start = end + 1
    return lines


def _check_length(path: Path, number: int, length: int) -> None:
    """Raise for a line that is too long to be a row of a table."""
    if length > LONGEST_LINE:
        raise InputError(
            f"{path}:{number}: a line must have at most {LONGEST_LINE:,} characters; got {length:,}. "
            "Write one row of the table per line."
        )


def _trial(lines: list[str], separator: str, comma: bool) -> _Trial:
    """Rows of numbers with a separator and a decimal sign; those of the commonest width."""
    counts: dict[int, list[int]] = {}
    for number, line in enumerate(lines):
        fields = split(line, separator)
        if not line.startswith(COMMENT) and _is_row(fields, comma):
            counts.setdefault(len(fields), []).append(number)
    width = max(counts, key=lambda size: (len(counts[size]), size), default=0)
    rows = counts.get(width, [])
    if comma and not any("," in field for k in rows for field in split(lines[k], separator)):
        rows = []
    score = len(rows), min(width, 2), not comma  # how many; two fields before one; points before commas
    return _Trial(score, separator, comma, rows, width)


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
    # with decimal commas a number with a point still makes a row: it is complained of when read
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


def _header(lines: list[str], rows: _Trial) -> tuple[tuple[str, ...], set[int]]:
    """Header fields, and the lines they were taken from; a line of units below the names joins them."""
    first, units = rows.rows[0], None
    # a column that is empty in all rows (a separator begins or ends every line) may lack its name
    ends = [split(lines[k], rows.separator) for k in rows.rows]
    bare = not any(fields[0] for fields in ends), not any(fields[-1] for fields in ends)
    for number in range(first - 1, max(-1, first - _HEADER_WITHIN), -1):
        # a tab that a line begins with is an empty first field (Gamry), not a margin
        line = lines[number].rstrip() if rows.separator == "\t" else lines[number].strip()
        fields = _header_fields(line, rows.separator, rows.width, bare)
        if fields is None:
            continue
        if units is None and _all_units(fields):
            units = number, fields
            continue
        if units is None:
            return tuple(fields), {number}
        pairs = zip(fields, units[1], strict=True)
        named = (name if unit in _NO_UNIT else f"{name} ({unit})" for name, unit in pairs)
        return tuple(named), {number, units[0]}
    if units is not None:
        return tuple(units[1]), {units[0]}
    return ("",) * rows.width, set()


def _header_fields(line: str, separator: str, width: int, bare: tuple[bool, bool]) -> list[str] | None:
    """Fields of a line that can be a header: one for each column, one at least with a letter.

    `bare`: the first and the last column are empty in all rows, and may have no name.
    """
    text = _MARK.sub("", line)
    others = ("\t", ",", ";", r"\s{2,}", r"\s+(?![\s(\[])", " ")
    # a header with the rows' separator is split by no other: 'V (V),I (A)' are not three names with blanks
    for candidate in (separator,) if separator in text.strip() and separator != " " else (separator, *others):
        fields = re.split(candidate, text.strip()) if candidate.startswith("\\") else split(text, candidate)
        if len(fields) > width and not any(fields[width:]):
            fields = fields[:width]
        if len(fields) == width - 1 and width > 2 and candidate != " ":
            fields = ["", *fields] if bare[0] else [*fields, ""] if bare[1] else fields
        letters = any(re.search(r"[^\W\d_]", field) for field in fields)
        numbers = sum(is_number(field, False) for field in fields)
        missing = all(field.lower() in MISSING for field in fields)  # a row of the table, lost
        if len(fields) == width and letters and not missing and numbers < max(1, width / 2):
            return fields
    return None


def _all_units(fields: list[str]) -> bool:
    """Test for a line of nothing but units."""
    bare = [field.strip("()[] ") for field in fields]
    known = [si_unit(field) is not None or field in _NO_UNIT for field in bare]
    return all(known) and any(bare) and bare not in (["V", "A"], ["A", "V"])


def _refuse_other_widths(path: Path, above: list[str], rows: _Trial, named: bool) -> None:
    """Raise where the lines above the first row show that it, or the header, is not what it seems."""
    first, width = rows.rows[0], rows.width
    number = next((k for k in reversed(range(len(above))) if above[k].strip()), -1)
    line = above[number] if number >= 0 else ""
    fields = split(line, rows.separator)
    if len(fields) == width and any(_THOUSANDS.fullmatch(field) for field in fields):
        raise InputError(
            f"{path}:{number + 1}: must be a row of numbers as those below; got '{line[:40]}'. "
            "Write numbers without separators of thousands."
        )
    texts = (split(text, ",") for text in reversed(above) if text.strip())
    words = next((fields for fields in texts if not _is_row(fields, False)), [""])
    if rows.separator == "," and 2 * len(words) == width and any(words) and (len(words) > 1 or not named):
        raise InputError(
            f"{path}:{first + 1}: must have as many fields as the header, {width // 2}; got {width}. "
            "Commas cannot both separate and stand in numbers: separate by semicolons or tabs."
        )
    names = _names_in(line, rows.separator)
    if not named and names and len(names) != width:
        raise InputError(
            f"{path}:{number + 1}: the header must have as many names as the rows have fields; got "
            f"{len(names)} names and {width} fields (line {first + 1}). Give every column one name."
        )


def _names_in(line: str, separator: str) -> list[str]:
    """Names of columns in a line, half of which at least are of known quantities; none in any other line."""
    text = _MARK.sub("", line).strip(" ")
    fields = re.split(r"\s+(?![\s(\[])", text) if separator == " " else split(text, separator)
    known = sum(bool(field) and parse_header(field).quantity != "" for field in fields)
    return fields if known >= 2 and 2 * known >= sum(map(bool, fields)) else []


class Body:
    """The rows of numbers below the header, chunk by chunk: as one array where that can be, else by line."""

    def __init__(self, path: Path, text: str, layout: Layout):
        self._path, self._layout = path, layout
        self._text = text.split("\n", layout.first)[-1]
        self._width = len(layout.header)
        self._comments: list[str] = []
        self._breaks: list[int] = []
        self._gaps = self._short = 0
        self._words: dict[int, tuple[int, str]] = {}  # column -> line and word seen first
        self.words: dict[int, set[str]] = {}  # column -> all of them
        self._word_columns = self._columns_of_words()

    def read(self) -> tuple[Array, tuple[int, ...], list[str], list[str]]:
        """Rows (n, width), breaks, comments, notes."""
        position, line = 0, self._layout.first
        parts: list[Array] = []
        rows = 0
        while position < len(self._text):
            end = self._text.find("\n", min(position + _CHUNK, len(self._text)))
            end = len(self._text) if end < 0 else end + 1
            chunk = self._text[position:end]
            block = self._fast(chunk, line, rows)
            parts.append(self._slow(chunk, line, rows) if block is None else block)
            rows += len(parts[-1])
            line += chunk.count("\n")
            position = end
        values = np.concatenate(parts)
        size = np.abs(values)
        values[size > _OVERFLOW] = np.nan
        values[size < _NOTHING] = 0.0
        breaks = tuple(sorted({k for k in self._breaks if 0 < k < rows}))
        return values, breaks, self._comments, self._notes()

    def _columns_of_words(self) -> frozenset[int]:
        """Columns that hold a word in the first row: dates, status, names."""
        fields = split(self._text.split("\n", 1)[0], self._layout.separator)
        words = (k for k, field in enumerate(fields) if field.lower() not in MISSING)
        return frozenset(k for k in words if not is_number(fields[k], self._layout.decimal_comma))

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
        return block

    def _slow(self, chunk: str, line: int, rows: int) -> Array:
        """Rows of a chunk, line by line; `line` and `rows` are those before it."""
        block: list[list[float]] = []
        for number, text in enumerate(chunk.rstrip("\n").split("\n"), line + 1):
            if not text.strip() or text.lstrip().startswith(COMMENT):
                self._breaks.append(rows + len(block))
                self._comments += [text.strip()] if text.strip() else []
                continue
            _check_length(self._path, number, len(text))
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
        present = (column for column, field in enumerate(fields) if field.lower() not in MISSING)
        expected = len(fields) >= self._width and all(column in self._word_columns for column in present)
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
            advice = "Leave missing numbers empty."
            if re.fullmatch(r"[+\-−\d.,eE]+", field) and (comma or "," in field):
                advice = "Use decimal points or decimal commas throughout."
            raise InputError(
                f"{self._path}:{line}: column {column + 1} must be a number; got '{field[:40]}'. {advice}"
            )
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


def _complete_rows(chunk: str, layout: Layout, word_columns: frozenset[int]) -> Rows | None:
    """Rows of a chunk, NaN in columns of words, and these; None where a line or number is not whole."""
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
    if separator != " ":
        for _ in range(2):  # the second time what the first one's separators hid
            chunk = chunk.replace(separator * 2, f"{separator}nan{separator}")
        chunk = chunk.replace(separator + "\n", separator + "nan\n")
        chunk = chunk.replace("\n" + separator, "\nnan" + separator)
        chunk = "nan" + chunk if chunk.startswith(separator) else chunk
    if not _even(chunk, separator, width):
        return None
    block = _numbers(chunk.replace(separator, " "))
    return None if block is None or block.size % width else (block.reshape(-1, width), {})


def _beside_words(chunk: str, layout: Layout, word_columns: frozenset[int]) -> Rows | None:
    """`_complete_rows` where some columns hold words."""
    separator, width = layout.separator, len(layout.header)
    if not _even(chunk, separator, width):
        return None
    fields = chunk.split() if separator == " " else chunk[:-1].replace("\n", separator).split(separator)
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
