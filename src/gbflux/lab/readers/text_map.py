"""Maps as text: a matrix of numbers, one line of the scan a row, the upper edge first.

Gwyddion's export (``ASCII data matrix``) says in comments what it is: ``# Channel: Modulus``, ``# Width: 1.50
µm``, ``# Height: 1.50 µm``, ``# Value units: Pa``. Without these, width and unit must be given.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from gbflux import units
from gbflux.errors import InputError
from gbflux.lab.readers.headers import si_unit
from gbflux.lab.readers.scan_map import ScanMap
from gbflux.lab.readers.tables import read_table
from gbflux.lab.readers.text import COMMENT, read_text

FEWEST_PIXELS = 16
_SAID = re.compile(r"(?im)^\W*(channel|width|height|value units?)\s*:\s*(.+?)\s*$")
_LOOKED_AT = 4000  # characters


def is_text_map(path: str | Path) -> bool:
    """Whether a text file states the width of a map above its numbers.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    head = read_text(Path(path))[:_LOOKED_AT]
    return head.lstrip().startswith(COMMENT) and "width" in _said(head)


def read_text_map(
    path: str | Path, size: tuple[float | None, float | None] = (None, None), unit: str = ""
) -> ScanMap:
    """Read a matrix of numbers.

    Parameters
    ----------
    path : path
    size : (float or None, float or None), optional
        Width and height (m); as the file's comments say where left out, and square pixels without a height.
    unit : str, optional
        Of the numbers; as the comments say where left out.

    Returns
    -------
    ScanMap
        In SI where the unit is known.

    Raises
    ------
    InputError
        If the file is no such matrix, has gaps, or its width is not known.
    """
    table = read_table(path)
    values = np.stack([column.values for column in table.columns], axis=1)
    if min(values.shape) < FEWEST_PIXELS:
        raise InputError(
            f"{path}: a map must have at least {FEWEST_PIXELS} x {FEWEST_PIXELS} numbers; "
            f"got {values.shape[1]} x {values.shape[0]}. Without a width it is read as line scans."
        )
    if not np.isfinite(values).all():
        raise InputError(f"{path}: a map must have no gaps; {np.isnan(values).sum()} numbers are missing.")
    if any(column.as_written for column in table.columns):
        raise InputError(
            f"{path}: a map must have no header; got {table.names}. Is it line scans with positions?"
        )
    said = _said("\n".join(table.comments))
    width, height = (
        given if given is not None else _length(path, name, said.get(name))
        for name, given in zip(("width", "height"), size, strict=True)
    )
    if width is None:
        raise InputError(f"{path}: the width of the map must be given (--width-um); the file has none.")
    rows, columns = values.shape
    height = width * rows / columns if height is None else height
    for name, length in (("width", width), ("height", height)):
        if not (length > 0 and math.isfinite(length)):
            raise InputError(f"{path}: {name} of the map must be > 0; got {length * units.M_TO_UM:g} µm.")
    written = unit or said.get("value unit", "")
    known = si_unit(written) if written else None
    if unit and known is None:
        raise InputError(f"--unit: must be a unit such as GPa or mV; got '{unit}'.")
    factor, symbol = (known[1], known[0]) if known else (1.0, written)
    return ScanMap(values * factor, (width, height), said.get("channel", "map"), symbol, str(path))


def _said(text: str) -> dict[str, str]:
    """What comments say of the map, by lower-case name."""
    return {name.lower().removesuffix("s"): value for name, value in _SAID.findall(text)}


def _length(path: str | Path, name: str, text: str | None) -> float | None:
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
