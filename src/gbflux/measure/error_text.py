"""Values written with their errors, for a terminal, a page, a table or a figure.

An error is rounded to one significant digit, to two where the first is 1; the value ends at the same decimal
place: 2.9 ± 0.3, 18.40 ± 0.05. Values of five digits or more before the point, or below 0.001, share a power
of ten with their errors: (2.64 ± 0.02) × 10⁻⁴. No value has more than `MOST_DIGITS` digits; an error too
small to show at that is left out, and so is an error of nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DASH = "–"
MOST_DIGITS = 6
#: What ± stands for, said once beside numbers.
MEANING = "± estimated discretisation error of this mesh, see docs/metrics.md"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LARGE, _SMALL = 1e5, 1e-3
_RECORD = {"estimated_error", "converged", "divergent"}


@dataclass(frozen=True)
class Parts:
    """A value and its error as text: ``"2.9"`` and ``"0.3"``, with a power of ten or ``""``.

    `error` is empty where there is none to show, `note` says why where that is not because it is small.
    """

    value: str
    error: str = ""
    power: str = ""
    note: str = ""

    def __str__(self) -> str:
        """All of it."""
        if self.note:
            return f"{self.single} ({self.note})"
        if not self.error:
            return self.single
        text = f"{self.value} ± {self.error}"
        return f"({text}){self.power}" if self.power else text

    @property
    def single(self) -> str:
        """The value alone."""
        return self.value + self.power

    @property
    def deviation(self) -> str:
        """The error alone, or the note."""
        return self.note or (f"± {self.error}{self.power}" if self.error else "")


def number(value: float, digits: int = 4) -> str:
    """A number of unknown error: so many significant digits, zeros at the end left out.

    >>> number(2.7e-4), number(13.9393), number(0.0), number(2.5e6)
    ('2.7 × 10⁻⁴', '13.94', '0', '2.5 × 10⁶')
    """
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    if not exponent and value != 0 and abs(value) < _SMALL:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return mantissa + (_power(int(exponent)) if exponent else "")


def parts(value: float | None, record: Mapping[str, Any] | None, digits: int = 4) -> Parts:
    """A value and its error, apart.

    Parameters
    ----------
    record : mapping or None
        Its record in ``errors``: ``estimated_error``, ``divergent``. None where no error is known.
    digits : int
        Significant digits of a value without a known error.
    """
    if value is None:
        return Parts(DASH)
    if (record or {}).get("divergent"):
        return Parts(number(value, 2), note="divergent")
    error = (record or {}).get("estimated_error")
    if error is None:
        return Parts(number(value, digits))
    size = max(abs(value), abs(error))
    if abs(error) <= 0.5 * 10.0 ** (1 - MOST_DIGITS) * size:
        return Parts(number(value, MOST_DIGITS))
    place = decimal_place(error)
    exponent = _exponent(max(abs(round(x, -place)) for x in (value, error)), place)
    decimals = exponent - place
    shown, beside = (rounded(x / 10.0**exponent, decimals) for x in (value, abs(error)))
    return Parts(shown, beside, _power(exponent) if exponent else "")


def with_error(value: float | None, error: float | Mapping[str, Any] | None, digits: int = 4) -> str:
    """A value with its error in one text.

    Parameters
    ----------
    value : float or None
    error : float, mapping or None
        The error, or its record in ``errors``; None where it is not known.
    digits : int
        Significant digits of a value without a known error.

    Examples
    --------
    >>> with_error(2.893, 0.31), with_error(18.4, 0.0512), with_error(1.776, 0.146)
    ('2.9 ± 0.3', '18.40 ± 0.05', '1.78 ± 0.15')
    >>> with_error(2.6391e-4, 1.3e-6), with_error(0.0212, 0.053), with_error(0.0, 0.02)
    ('(2.639 ± 0.013) × 10⁻⁴', '0.02 ± 0.05', '0.00 ± 0.02')
    >>> with_error(12345.6, 678.0), with_error(1.0, 0.0), with_error(2.893, None, 3), with_error(None, 1.0)
    ('12300 ± 700', '1', '2.89', '–')
    >>> with_error(14.21, {"estimated_error": None, "divergent": True})
    '14 (divergent)'
    """
    record = {"estimated_error": error} if isinstance(error, (int, float)) else error
    return str(parts(value, record, digits))


def error_alone(error: float) -> str:
    """An error as it is rounded beside a value.

    >>> error_alone(0.312), error_alone(0.146), error_alone(3.1e-6)
    ('0.3', '0.15', '3 × 10⁻⁶')
    """
    return parts(error, {"estimated_error": error}).single


def between(lower: float, upper: float) -> tuple[str, str]:
    """Ends of a certified interval, rounded outwards so that what they certify stays true.

    >>> between(21.40123, 21.41631), between(2.7181e-4, 2.7202e-4), between(18.9, 19.1)
    (('21.401', '21.417'), ('2.7181 × 10⁻⁴', '2.7202 × 10⁻⁴'), ('18.90', '19.10'))
    >>> between(2 - 1e-10, 2 + 1e-10), between(1.0, 1.0)
    (('1.999999', '2.000001'), ('1', '1'))
    """
    if lower == upper:
        return (number(lower, MOST_DIGITS),) * 2
    size = max(abs(lower), abs(upper))
    place = max(math.floor(math.log10(upper - lower)) - 1, math.floor(math.log10(size)) - MOST_DIGITS)
    return _outwards(lower, upper, place)


def _outwards(lower: float, upper: float, place: int) -> tuple[str, str]:
    """Both ends to a decimal place, the lower one rounded down, the upper one up."""
    exponent = _exponent(max(abs(lower), abs(upper)), place)
    unit = 10.0**place
    ends = math.floor(round(lower / unit, 9)) * unit, math.ceil(round(upper / unit, 9)) * unit
    power = _power(exponent) if exponent else ""
    low, high = (rounded(x / 10.0**exponent, exponent - place) + power for x in ends)
    return low, high


def value_at(tree: Any, key: str) -> Any:
    """Value at a dotted key; None where there is none.

    >>> value_at({"a": {"b": 1}}, "a.b"), value_at({"a": None}, "a.b")
    (1, None)
    """
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree


def stated(result: Mapping[str, Any], key: str, digits: int = 4) -> Parts:
    """A measure of a ``result.json`` with the error it has there.

    Parameters
    ----------
    result : mapping
        Its tree; ``errors`` may be null or absent.
    key : str
        Dotted key of the measure.
    digits : int
        Significant digits without a known error.

    Examples
    --------
    >>> tree = {"a": {"b": 2.893}, "errors": {"a": {"b": {"estimated_error": 0.3}}}}
    >>> str(stated(tree, "a.b")), str(stated(tree, "a.c"))
    ('2.9 ± 0.3', '–')
    """
    record = value_at(result, f"errors.{key}")
    return parts(value_at(result, key), record if isinstance(record, Mapping) else None, digits)


def error_records(tree: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Records of a tree of ``errors``, by the dotted keys of their measures.

    >>> dict(error_records({"a": {"b": {"estimated_error": 0.3}}}))
    {'a.b': {'estimated_error': 0.3}}
    """
    if not isinstance(tree, Mapping):
        return
    if _RECORD & set(tree):
        yield path, tree
        return
    for key, value in tree.items():
        yield from error_records(value, f"{path}.{key}".lstrip("."))


def decimal_place(error: float) -> int:
    """Power of ten of the last digit that an error leaves of its value.

    >>> [decimal_place(x) for x in (0.31, 0.146, 0.96, 0.196, 678.0)]
    [-1, -2, -1, -1, 2]
    """
    mantissa, exponent = f"{abs(error):.1e}".split("e")
    return int(exponent) - (mantissa[0] == "1")


def rounded(value: float, decimals: int) -> str:
    """A number to so many decimals (negative: before the point), never a minus with nothing behind.

    >>> rounded(2.893, 1), rounded(12345.6, -2), rounded(-0.04, 1)
    ('2.9', '12300', '0.0')
    """
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _exponent(size: float, place: int) -> int:
    """The power of ten to take out of numbers of a size, 0 for none."""
    if size == 0 or _SMALL <= size < _LARGE:
        return 0
    return max(math.floor(math.log10(size)), place)


def _power(exponent: int) -> str:
    return f" × 10{str(exponent).translate(_RAISED)}"
