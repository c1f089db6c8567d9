"""The kinds of field a case has. A quoted number or `true` is not a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AllowInfNan, BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic.fields import FieldInfo

LARGEST_SEED = 2**63 - 1


class Block(BaseModel):
    """A block of keys: frozen, and no key beside those it declares."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def _whole(value: Any) -> Any:
    """A float without fraction as an int, so that ``1e3`` is a count; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plus_zero(value: Any) -> Any:
    """Minus zero as zero: they are one case."""
    return 0.0 if isinstance(value, float) and value == 0 else value


Number = Annotated[float, BeforeValidator(_plus_zero), Strict(), AllowInfNan(False)]
WholeNumber = Annotated[int, BeforeValidator(_whole), Strict()]
Switch = Annotated[bool, Strict()]


def quantity(description: str, unit: str, default: Any = ..., **limits: Any) -> Any:
    """A field with a unit: the unit goes into the JSON schema and into messages.

    Parameters
    ----------
    description : str
        Meaning of the quantity, without its unit.
    unit : str
        As it is written in a message: ``"µm"``, ``"S/cm"``; ``"1"`` for a pure number.
    default : optional
        Left out, the key is required; a function is called for the default (pydantic's ``default_factory``).
    **limits
        ``gt``, ``ge``, ``lt``, ``le``.
    """
    extra = {"unit": unit}
    if callable(default):
        return Field(default_factory=default, description=description, json_schema_extra=extra, **limits)
    return Field(default, description=description, json_schema_extra=extra, **limits)


def unit_of(field: FieldInfo) -> str:
    """Unit of a field as a message writes it; empty for a word, a switch or a pure number."""
    extra = field.json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, Mapping) else ""
    return "" if unit == "1" else unit
