"""Sortable tables of a page as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gbflux.report.page.folders import number
from gbflux.report.page.wording import written


@dataclass(frozen=True)
class Cell:
    """Text of a table cell, and the number it is sorted by; None: by its text.

    `small` is a second line; `code` sets it in the letters of code; `status` is one of a case's.
    """

    text: str
    sort: float | None = None
    small: str = ""
    code: bool = False
    status: str = ""


@dataclass(frozen=True)
class Table:
    """A table: name in the page, caption, heads, rows of as many cells."""

    id: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def value_cell(value: Any, digits: int = 4, small: str = "") -> Cell:
    """A cell of a number, a word or nothing."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Cell(written(value, digits), value if is_number else None, small)


def text_cell(text: str) -> Cell:
    """A cell of a value read from a table: a number if it is one.

    >>> text_cell("3"), text_cell("cut").sort
    (Cell(text='3', sort=3, small='', code=False, status=''), None)
    """
    value = number(text)
    if value is None:
        return Cell(text or written(None))
    return value_cell(int(value) if value == int(value) and abs(value) < 1e15 else value)


def code_cell(text: str) -> Cell:
    """A cell of a key or a hash."""
    return Cell(text, code=True)
