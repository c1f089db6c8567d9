"""The rows of numbers below a table's header, chunk by chunk.

A chunk in which every line has all its fields goes to NumPy as a whole; any other is read line by line.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.readers.text import COMMENT, LONGEST_LINE, MISSING, Layout, is_number, split

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
