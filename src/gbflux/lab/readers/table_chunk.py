"""A chunk of complete lines as numbers, in few passes; the rest is left to `Body`."""

from __future__ import annotations

import re
import warnings

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.readers.text import Layout

Array = NDArray[np.float64]


def chunk_of_numbers(
    chunk: str, layout: Layout, word_columns: frozenset[int]
) -> tuple[Array, dict[int, list[str]]] | None:
    """Rows of a chunk, NaN in columns of words, and the words of these.

    Parameters
    ----------
    chunk : str
        Lines, each with its end.
    layout : Layout
    word_columns : frozenset of int

    Returns
    -------
    tuple or None
        None where a line is not complete, or a field of a column of numbers is none.
    """
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
    """The same where some columns hold words."""
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
    """Whether every line of a chunk has the same number of fields."""
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
