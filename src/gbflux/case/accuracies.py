"""Accuracies: fractions of one or percentages in a case, percentages alone on the command line."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AllowInfNan, BeforeValidator, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from gbflux.errors import InputError

#: What can be refined for, in the order in which it is reported.
TARGETS = ("conductance", "hot_spots", "hot_spot")


def per_cent(text: str) -> float | None:
    """A percentage as a fraction of one; None for text that is none.

    Examples
    --------
    >>> per_cent("0.1%"), per_cent(" 5 % "), per_cent("0.1")
    (0.001, 0.05, None)
    """
    words = text.strip()
    if not words.endswith("%"):
        return None
    try:
        return float(f"{float(words[:-1]) / 100:.15g}")
    except ValueError:
        return None


def _from_per_cent(value: Any) -> Any:
    """Text with a per cent sign as a number; anything else as it is."""
    if not isinstance(value, str):
        return value
    fraction = per_cent(value)
    if fraction is None or not math.isfinite(fraction):
        message = "must be a number between 0 and 1 or a percentage; got {text}. Write 0.05 or 5%."
        raise PydanticCustomError("percentage", message, {"text": repr(value[:50])})
    return fraction


Fraction = Annotated[
    float,
    BeforeValidator(_from_per_cent),
    Strict(),
    AllowInfNan(False),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "string", "pattern": "%\\s*$"},
            ]
        }
    ),
]


def accuracies(options: Iterable[str]) -> dict[str, float]:
    """Return the accuracies that the option ``--accuracy`` asks for, by target.

    Parameters
    ----------
    options : iterable of str
        Each one or more, with commas between, of ``0.1%`` (of the conductance) and ``hot_spots=5%``.

    Raises
    ------
    InputError
        For text of neither form, for a number without a per cent sign, and for a target named twice.

    Examples
    --------
    >>> accuracies(["0.1%", "hot_spots=5%"])
    {'conductance': 0.001, 'hot_spots': 0.05}
    """
    found: dict[str, float] = {}
    for part in ",".join(options).split(","):
        name, equals, value = part.partition("=")
        name, value = (name.strip(), value) if equals else ("conductance", part)
        if name not in TARGETS:
            raise InputError(
                f"--accuracy: must be of {', '.join(TARGETS)}; got {name!r}. Write hot_spots=5%, for example."
            )
        if name in found:
            raise InputError(f"--accuracy: must name {name} once; it stands there twice. Drop one.")
        found[name] = _by_hand(value.strip())
    return found


def _by_hand(text: str) -> float:
    """A percentage as a fraction of one."""
    fraction = per_cent(text)
    if fraction is not None and 0 < fraction < 1:
        return fraction
    number = _number(text)
    if number is not None and 0 < number < 1:
        raise InputError(
            f"--accuracy: must have a per cent sign; got {text!r}, which may mean {text}% or "
            f"{100 * number:.15g}%. Write the one you mean."
        )
    raise InputError(
        f"--accuracy: must be a percentage > 0% and < 100%; got {text!r}. Give 0.1%, or hot_spots=5%."
    )


def _number(text: str) -> float | None:
    """Text as a number, where it is one."""
    try:
        return float(text)
    except ValueError:
        return None
