"""Tables of measured numbers, from the files instruments write.

Invariant: a `Table` is in SI, its columns are equally long, a missing number is NaN, and `notes` says how
each column was understood and what was left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.readers.headers import Header, parse_header, si_unit
from gbflux.lab.readers.rows import Body
from gbflux.lab.readers.text import Layout, find_layout, read_text

Array = NDArray[np.float64]
_UNIT_COLUMN = re.compile(r"(?P<of>.*?)[\s_]*units?", re.IGNORECASE)
_SORT_OF_CURRENT = re.compile(r"\s+(DC|AC)$", re.IGNORECASE)
_OF_AREA = {"A/m²": ("A", 1), "Ω m²": ("Ω", -1)}  # unit of the whole electrode, and the power of its area


@dataclass(frozen=True)
class Column:
    """One column of numbers.

    Attributes
    ----------
    name : str
        From the header, without the unit.
    unit : str
        SI unit of `values`; empty where it is not known.
    values : (n,) array
        In SI; NaN where missing.
    as_written : str
        The header as it stands in the file; empty where there is none.
    quantity : str
        ``voltage``, ``current``, ``time``, ``frequency``, ``z_real``, ``z_imag`` (sign of Z'', also from
        -Z''), ``z_modulus``, ``phase``, ``resistance``, ``position``, ``modulus``, ``current_density``,
        ``sweep``, ``index``; empty where it is not known.
    """

    name: str
    unit: str
    values: Array
    as_written: str
    quantity: str = ""


@dataclass(frozen=True)
class Table:
    """Columns of one file.

    Attributes
    ----------
    columns : tuple of Column
        In the order of the file.
    comments : tuple of str
        Lines of text above and between the numbers, without the header.
    source : str
        The file.
    notes : tuple of str
        What was taken for what, assumed, skipped.
    breaks : tuple of int
        Rows before which the file interrupts the numbers: an empty line, a comment, the header again.
    """

    columns: tuple[Column, ...]
    comments: tuple[str, ...]
    source: str
    notes: tuple[str, ...]
    breaks: tuple[int, ...] = ()

    def of_area(self, area: float) -> Table:
        """The table with currents for current densities and resistances for area-specific ones.

        Parameters
        ----------
        area : float
            Of the electrode (m²).

        Raises
        ------
        InputError
            If it is not positive.
        """
        if not (area > 0 and np.isfinite(area)):
            raise InputError(f"area: must be > 0; got {area:g} m². Give a positive number.")
        columns, notes = [], list(self.notes)
        for column in self.columns:
            unit, power = _OF_AREA.get(column.unit, ("", 0))
            if unit == "A" and self.all("current"):  # the file has both
                unit = ""
            if unit:
                values = column.values * area**power
                quantity = "current" if unit == "A" else column.quantity
                notes.append(f"'{column.as_written}': taken as {unit} with an area of {area:g} m²")
                column = replace(column, unit=unit, values=values, quantity=quantity)
            columns.append(column)
        return replace(self, columns=tuple(columns), notes=tuple(notes))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0].values)

    @property
    def names(self) -> str:
        """Headers for messages, the first dozen."""
        words = [repr((column.as_written or column.name)[:40]) for column in self.columns]
        return ", ".join(words[:12]) + (f" and {len(words) - 12} more" if len(words) > 12 else "")

    def all(self, quantity: str) -> tuple[Column, ...]:
        """Columns of a quantity; those that no header names are in none."""
        return tuple(column for column in self.columns if column.quantity == quantity)

    def first(self, quantity: str) -> Column:
        """First column of a quantity.

        Raises
        ------
        InputError
            If there is none; the message lists the columns.
        """
        found = self.all(quantity)
        if not found:
            raise InputError(
                f"{self.source}: must have a column of {quantity.replace('_', ' ')}; got {self.names}. "
                "Name it in the header, with its unit."
            )
        return found[0]


def read_table(path: str | Path) -> Table:
    """Read a table of numbers from a text file, packed with gzip or not.

    Separated by commas, semicolons, tabs or white space; with decimal points or commas; with text above the
    header, a second header line for units, comments, gaps; words in a column make it a column of words, which
    is skipped.

    Parameters
    ----------
    path : path

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If the file holds no table of numbers, or is damaged; with file and line.
    """
    path = Path(path)
    text = read_text(path)
    layout = find_layout(path, text)
    body = Body(path, text, layout)
    rows, breaks, comments, notes = body.read()
    layout = replace(layout, header=_with_units(path, layout.header, body.words))
    headers = [parse_header(written) for written in layout.header]
    columns, column_notes = _columns(layout, headers, rows)
    if not columns or not any(np.isfinite(column.values).any() for column in columns):
        raise InputError(f"{path}:{layout.first + 1}: must hold a table of numbers; every number is missing.")
    return Table(columns, (*layout.comments, *comments), str(path), (*column_notes, *notes), breaks)


def _with_units(path: Path, header: tuple[str, ...], words: dict[int, set[str]]) -> tuple[str, ...]:
    """Headers with the units that columns of words say: 'Source Unit' of 'Source', 'Unit' of the one left."""
    named = list(header)
    for place, found in words.items():
        whole = _UNIT_COLUMN.fullmatch(header[place])
        target = place - 1
        if whole and whole["of"]:
            of = [k for k, name in enumerate(header) if name.lower() == whole["of"].lower()]
            target = of[0] if of else -1
        units = {_SORT_OF_CURRENT.sub("", word) for word in found}
        if not whole or target < 0 or not all(si_unit(unit) for unit in units):
            continue
        if len(units) > 1:
            raise InputError(
                f"{path}: '{header[place]}' must be the same in all rows; got {', '.join(sorted(units))}. "
                "Export the numbers in one unit."
            )
        named[target] = f"{header[target]} ({units.pop()})"
    return tuple(named)


def _columns(layout: Layout, headers: list[Header], rows: Array) -> tuple[tuple[Column, ...], list[str]]:
    """Columns in SI, and a note on each."""
    columns, notes = [], []
    if not any(layout.header):
        notes.append("no header: columns are numbered, units are not known")
    for number, (written, header) in enumerate(zip(layout.header, headers, strict=True), 1):
        values = rows[:, number - 1] * header.factor
        name = header.name or f"column {number}"
        if np.isnan(values).all():
            if written:
                notes.append(f"column {number} '{written}': no numbers in it; skipped")
            continue
        columns.append(Column(name, header.unit, values, written, header.quantity))
        if written:
            notes.append(_note(number, written, header))
    return tuple(columns), notes


def _note(number: int, written: str, header: Header) -> str:
    """Note on how a column was understood."""
    words = (
        f"column {number} '{written}': taken as {(header.quantity or 'something unknown').replace('_', ' ')}"
    )
    if header.unknown_unit:
        return f"{words}; unit '{header.unknown_unit}' is not known, numbers are left as written"
    if header.assumed:
        return f"{words}; the header has no unit, {header.unit} assumed"
    if not header.unit:
        return f"{words}; the header has no unit, numbers are left as written"
    factor = "" if header.factor == 1 else f", times {header.factor:g}"
    return f"{words} in {header.unit}{factor}" if header.unit != "1" else words
