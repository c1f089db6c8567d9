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

Array = NDArray[np.float64]
_UNIT_COLUMN = re.compile(r"(?P<of>.*?)[\s_]*units?", re.IGNORECASE)
_SORT_OF_CURRENT = re.compile(r"\s+(DC|AC)$", re.IGNORECASE)
_OF_AREA = {"A/m²": ("A", 1), "Ω m²": ("Ω", -1)}  # unit of the whole electrode, and the power of its area
_PREFIXES = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2}
_PREFIXES |= {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_SPELLINGS = {"V": "Volt Volts volt volts", "A": "Amp Amps amp amps", "Ω": "Ohm Ohms ohm ohms OHM"}
_BASES = {
    symbol: (symbol, 1.0) for symbol in ["V", "A", "Ω", "S", "Hz", "s", "m", "N", "Pa", "C", "F", "W", "rad"]
} | {
    **{word: (symbol, 1.0) for symbol, words in _SPELLINGS.items() for word in words.split()},
    "hz": ("Hz", 1.0),
    "HZ": ("Hz", 1.0),
    "sec": ("s", 1.0),
    "Å": ("m", 1e-10),
}  # as written -> SI, factor
_WHOLE = {  # units that take no prefix
    "min": ("s", 60.0),
    "h": ("s", 3600.0),
    "hr": ("s", 3600.0),
    "Ah": ("C", 3600.0),
    "mAh": ("C", 3.6),
    "deg": ("rad", 0.017453292519943295),
    "degree": ("rad", 0.017453292519943295),
    "degrees": ("rad", 0.017453292519943295),
    "°": ("rad", 0.017453292519943295),
    "%": ("1", 0.01),
    "1": ("1", 1.0),
}
_AREA_SPECIFIC = ("z_real", "z_imag", "z_modulus", "resistance")  # these may be in Ω m²
#: SI unit that a quantity has where its header names none.
SI_UNIT = {
    "voltage": "V",
    "current": "A",
    "time": "s",
    "frequency": "Hz",
    "z_real": "Ω",
    "z_imag": "Ω",
    "z_modulus": "Ω",
    "phase": "rad",
    "resistance": "Ω",
    "position": "m",
    "modulus": "Pa",
    "current_density": "A/m²",
    "sweep": "1",
    "index": "1",
}
_BY_UNIT = {
    "V": "voltage",
    "A": "current",
    "s": "time",
    "Hz": "frequency",
    "m": "position",
    "Pa": "modulus",
    "A/m²": "current_density",
}
_NAMES = [  # quantity, pattern of the whole name in lower case without blanks, in order of preference
    ("index", r"(data)?(index|point|points|no\.?|#|n|reading#?|pt\.?|row)"),
    ("sweep", r"(sweep|cycle|run|loop|segment|repeat|scan|trace)(no\.?|number|index|id|#|_?n)?"),
    ("z_real", r"z'|(z_?)?re(al)?|re\(?z\)?|z1|rez|zr"),
    ("z_imag", r"z''|z\"|(z_?)?im(ag(inary)?)?|im\(?z\)?|z2|imz|zi"),
    ("z_modulus", r"\|z\||z_?mod|zmod|z_?abs|mag(nitude)?"),
    ("phase", r"phase(\(z\))?|theta|phi|phz|zphz"),
    ("frequency", r"f|freq(uency)?"),
    ("time", r".*time.*|t|elapsed|timestamp"),
    ("current_density", r".*current_?density.*|j"),
    ("current", r".*curr(ent)?.*|i|<i>|i[_-]?\d+|i_?(meas|sample|tip|drain|anode|d|ds)|amps?|.*[a-z0-9]i"),
    (
        "voltage",
        r".*volt(age)?s?.*|v|u|e|ewe|ecell|v[_-]?\d+|[vu]_?(meas|set|source|src|force|bias|tip|d|ds|f)|.*bias.*|"
        r".*potential.*|cpd|.*[a-z0-9]v",
    ),
    ("resistance", r"r|res(istance)?"),
    ("modulus", r".*modulus.*"),
    ("position", r"x|y|d|distance|position|lateral.*"),
]
_PLAIN = str.maketrans({"μ": "u", "µ": "u", "\u2126": "Ω", "²": "2", "⁻": "-", "−": "-", "⋅": "·"})
_BRACKETS = re.compile(r"^(?P<name>.*?)\s*[(\[{]\s*(?P<unit>[^()\[\]{}]*?)\s*[)\]}]$")
_LAST_WORD = re.compile(r"^(?P<name>.+?)(?P<mark>\s*/\s*|_|\s+|,\s*)(?P<unit>[^\s/_,]+)$")
_SEPARATOR = re.compile(r"\s*/\s*|_|\s+|,\s*")
_AGAINST = re.compile(r"(?<=[\w)\]])\s+(vs|against)\.?\s[^()\[\]]*", re.IGNORECASE)  # E/V vs. Li
_PER_AREA = "m²"


@dataclass(frozen=True)
class Column:
    """One column of numbers."""

    name: str  # from the header, without the unit
    unit: str  # SI unit of `values`; empty where it is not known
    values: Array  # (n,): in SI; NaN where missing
    as_written: str  # the header as it stands in the file; empty where there is none
    # ``voltage``, ``current``, ``time``, ``frequency``, ``z_real``, ``z_imag`` (sign of Z'', also from -Z''),
    # ``z_modulus``, ``phase``, ``resistance``, ``position``, ``modulus``, ``current_density``, ``sweep``,
    # ``index``; empty where it is not known
    quantity: str = ""


@dataclass(frozen=True)
class Table:
    """Columns of one file."""

    columns: tuple[Column, ...]  # in the order of the file
    comments: tuple[str, ...]  # lines of text above and between the numbers, without the header
    source: str  # the file
    notes: tuple[str, ...]  # what was taken for what, assumed, skipped
    # rows before which the file interrupts the numbers: an empty line, a comment, the header again
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


def table_of(
    path: Path, header: tuple[str, ...], rows: Array, comments: tuple[str, ...], notes: list[str]
) -> Table:
    """Table of rows of numbers as they stand in a file, with a note on how each column was understood.

    Parameters
    ----------
    path : Path
    header : (m,) tuple of str
        As written; empty strings where there is none.
    rows : (n, m) array
        In the units of the header; NaN where missing. A column without numbers is skipped.
    comments : tuple of str
    notes : list of str
        Put after those on the columns.
    """
    columns, found = [], []
    if not any(header):
        found.append("no header: columns are numbered, units are not known")
    for number, (written, values) in enumerate(zip(header, rows.T, strict=True), 1):
        if np.isnan(values).all():
            if written:
                found.append(f"column {number} '{written}': no numbers in it; skipped")
            continue
        head = parse_header(written)
        name = head.name or f"column {number}"
        columns.append(Column(name, head.unit, values * head.factor, written, head.quantity))
        if written:
            found.append(_note(number, written, head))
    return Table(tuple(columns), comments, str(path), (*found, *notes))


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


def units_from_words(path: Path, header: tuple[str, ...], words: dict[int, set[str]]) -> tuple[str, ...]:
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


@dataclass(frozen=True)
class Header:
    """Name, quantity and unit of a column."""

    name: str  # without the unit; without the minus sign of ``-Z''``
    quantity: str  # A key of `SI_UNIT`; empty where it is not known
    unit: str  # SI unit of the numbers once multiplied by `factor`; empty where none is known
    factor: float  # unit as written over SI unit; −1 times that for ``-Z''``
    unknown_unit: str = ""  # unit as written where it is not known; empty otherwise
    assumed: bool = False  # the unit is not in the header but follows from the quantity


def si_unit(written: str) -> tuple[str, float] | None:
    """SI unit and factor of a unit as written; None where it is not known.

    >>> si_unit("mV"), si_unit("MOhm"), si_unit("mA/cm²"), si_unit("Ohm*cm2"), si_unit("furlong")
    (('V', 0.001), ('Ω', 1000000.0), ('A/m²', 10.0), ('Ω m²', 0.0001), None)
    >>> si_unit("mA cm^-2"), si_unit("µA per cm2"), si_unit("mA_cm2")
    (('A/m²', 10.0), ('A/m²', 0.01), ('A/m²', 10.0))
    """
    text = written.strip().translate(_PLAIN)
    compact = re.sub(r"[\s*·.^]", "", re.sub(r"[\s_]per[\s_]", "/", text))
    if area := re.fullmatch(r"(.+?)(?:/(cm|mm|m|um)2|(cm|mm|m|um)-2|(?<=A)_?(cm|mm|m|um)2)", compact):
        plain = _simple(area[1])
        side = _PREFIXES[(area[2] or area[3] or area[4])[:-1]]
        return (f"{plain[0]}/m²", _round(plain[1] / side**2)) if plain else None
    if area := re.fullmatch(r"(.*?[mΩ]?(?:Ω|[Oo]hms?))(cm|mm|m|um)2", compact):
        plain = _simple(area[1])
        return (f"{plain[0]} m²", _round(plain[1] * _PREFIXES[area[2][:-1]] ** 2)) if plain else None
    return _simple(compact)


def _simple(text: str) -> tuple[str, float] | None:
    """A unit of one symbol with or without prefix."""
    if known := _WHOLE.get(text) or _BASES.get(text):
        return known
    if text[:1] in _PREFIXES and text[1:] in _BASES:
        unit, factor = _BASES[text[1:]]
        return unit, _round(factor * _PREFIXES[text[0]])
    return None


def _round(factor: float) -> float:
    """Factor without the last bit's error of multiplying powers of ten."""
    return float(f"{factor:.12g}")


def parse_header(written: str) -> Header:
    """Name, quantity and unit of a column header.

    Parameters
    ----------
    written : str
        As it stands in the file.

    Examples
    --------
    >>> h = parse_header("I/nA"); h.quantity, h.unit, h.factor
    ('current', 'A', 1e-09)
    >>> h = parse_header("-Im(Z)/Ohm"); h.quantity, h.unit, h.factor
    ('z_imag', 'Ω', -1.0)
    >>> parse_header("AnodeV(2)").quantity, parse_header("Tip bias").assumed
    ('voltage', True)
    """
    text = written.strip().strip('"').strip()
    name, unit, unknown = _split(_AGAINST.sub("", text))
    name = name.rstrip(" /")
    sign = -1.0 if name.startswith(("-", "−")) else 1.0
    name = name.lstrip("-− ") or text
    quantity = _quantity_of(name)
    if unit is None and not quantity and si_unit(name) is not None:  # a header that is nothing but a unit
        unit = si_unit(name)
    if unit is None:
        default = SI_UNIT.get(quantity, "") if not unknown else ""
        return Header(name, quantity, default, sign, unknown, bool(default) and default != "1")
    expected = SI_UNIT.get(quantity, unit[0])
    if quantity in _AREA_SPECIFIC and unit[0] == "Ω m²":
        expected = unit[0]
    if expected != unit[0]:  # a name against its unit: the unit wins ("T (V)", "E (GPa)")
        quantity = ""
    quantity = quantity or _BY_UNIT.get(unit[0], "")
    return Header(name, quantity, unit[0], sign * unit[1])


def _split(text: str) -> tuple[str, tuple[str, float] | None, str]:
    """Name, unit if known, unit as written if it is one in brackets and not known."""
    if found := _BRACKETS.match(text):
        inside = found["unit"]
        if unit := si_unit(inside):
            if inside != "1" or not found["name"].endswith(tuple("VI")):
                return found["name"], unit, ""
        elif not inside.isdigit() and inside.lower() not in ("z", "c"):
            return found["name"], None, inside
        if inside.isdigit():  # a sweep number, as in AnodeV(2)
            return found["name"], None, ""
    for mark in _SEPARATOR.finditer(text):  # a unit of several words: mA cm^-2, A/m^2
        unit = si_unit(text[mark.end() :])
        if mark.start() and unit and _PER_AREA in unit[0]:
            return text[: mark.start()], unit, ""
    if found := _LAST_WORD.match(text):
        unit = si_unit(found["unit"])
        if unit and not (found["mark"].isspace() and found["unit"].isdigit()):
            return found["name"], unit, ""
    return text, None, ""


def _quantity_of(name: str) -> str:
    """Quantity that a name stands for, empty where it is not known.

    >>> _quantity_of("Smu-1 Current"), _quantity_of("Freq"), _quantity_of("colour")
    ('current', 'frequency', '')
    """
    plain = re.sub(r"\s+", "", name).lower().replace("’", "'").replace("′", "'").replace("″", "''")
    plain = re.sub(r"\(\d+\)$", "", plain)
    for quantity, pattern in _NAMES:
        # AnodeI, AV, GateV; but no ordinary word that happens to end so
        ends = quantity in ("current", "voltage") and re.fullmatch(r".*[a-z0-9][iv]", plain)
        word = ends and name.rstrip("()0123456789 ")[-1:] not in ("I", "V")
        if re.fullmatch(pattern, plain) and not word:
            return quantity
    return ""
