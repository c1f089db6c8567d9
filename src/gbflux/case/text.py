"""Texts for readers of cases: pydantic's errors in the words of a case, the JSON schema, the template."""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from gbflux.case.blocks import unit_of
from gbflux.case.model import Case
from gbflux.case.rules import Finding
from gbflux.units import SIDES

_UNIT_SUFFIX = re.compile(r"_(mA_per_cm2|ohm_cm2|S_per_cm|um|nm|eV|C|V)$")
_NUMBER_AND_UNIT = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*[^\W\d]")
_LONGEST_VALUE = 50
_BOUNDS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
}
_KINDS = {  # what must hold, by pydantic's name of the error
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text; put it in quotes if it looks like a number",
    "string_pattern_mismatch": "must be letters, digits, '.', '_' or '-', at most 100",
    "model_type": "must be a block of keys",
    "tuple_type": "must be a list of lengths, [x, y, z], in 2D [x, z]",
    "too_short": "must be 3 lengths, [x, y, z], or in 2D 2, [x, z]",
    "too_long": "must be 3 lengths, [x, y, z], or in 2D 2, [x, z]",
}
# pydantic leaves limits of optional numbers under its own names, which no editor knows
_LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def findings_of(error: ValidationError, model: type[BaseModel] = Case) -> list[Finding]:
    """Every error of a model's validation as a finding; a required key that was misspelt is reported once."""
    errors = error.errors(include_url=False)
    meant: set[tuple[str, ...]] = set()
    found: list[tuple[str, Finding]] = []
    for item in errors:
        place = tuple(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            message, name = _unknown_key(place, model)
            meant.add((*place[:-1], name))
        elif item["type"] == "default_factory_not_called":
            continue  # its default follows from a key that is wrong and reported itself
        elif item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]:
            continue  # pydantic counts the right entries only; the wrong ones are reported themselves
        else:
            message = _message(place, item, model)
        found.append((item["type"], Finding(place, message)))
    return [finding for kind, finding in found if kind != "missing" or finding.place not in meant]


def block_at(place: Sequence[str], model: type[BaseModel] = Case) -> type[BaseModel] | None:
    """The model of the block at a place of a model; None where there is none."""
    block: type[BaseModel] | None = model
    for part in place:
        field = block.model_fields.get(part) if block else None
        block = _block_in(field.annotation) if field else None
    return block


def _block_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as ``HomogenizingLayer | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((block for block in map(_block_in, get_args(annotation)) if block), None)


def _field_at(place: Sequence[str], model: type[BaseModel]) -> FieldInfo | None:
    """The field at a place; for an entry of a list, the list's."""
    names = [part for part in place if not part.isdigit()]
    block = block_at(names[:-1], model)
    return block.model_fields.get(names[-1]) if block and names else None


def _unknown_key(place: tuple[str, ...], model: type[BaseModel]) -> tuple[str, str]:
    """Message for an unknown key, and the name that was probably meant ('' if none)."""
    key, block = place[-1], block_at(place[:-1], model)
    whole = f"a {model.model_config.get('title') or model.__name__.lower()}"
    where = ".".join(part for part in place[:-1] if part not in SIDES) or whole
    unknown = f"is not a key of {where}"
    if block is None:
        return unknown, ""
    names = list(block.model_fields)
    name = _same_quantity(key, names)
    if name:
        unit = unit_of(block.model_fields[name])
        return f"{unknown}. Did you mean `{name}` ({unit})? Numbers are not converted.", name
    close = difflib.get_close_matches(key, names, 1, 0.6) or difflib.get_close_matches(
        key.lower(), names, 1, 0.6
    )
    if close:
        return f"{unknown} (did you mean '{close[0]}'?)", close[0]
    blocks = {home: block_at((home,), model) for home in model.model_fields}
    homes = [home for home, inner in blocks.items() if key in getattr(inner, "model_fields", ())]
    if place[:-1]:
        homes += [f"the top of {whole.replace('a ', 'the ', 1)}"] * (key in model.model_fields)
    if homes:
        return f"{unknown}. It belongs to {' or '.join(homes)}.", ""
    return f"{unknown}. Known keys: {', '.join(names)}.", ""


def _same_quantity(key: str, names: Sequence[str]) -> str:
    """The name for the same quantity in its own unit: ``thickness_um``, ``thickness`` -> ``thickness_nm``."""
    stems = {_UNIT_SUFFIX.sub("", name): name for name in names if _UNIT_SUFFIX.search(name)}
    for stem in sorted(stems, key=len, reverse=True):
        if key == stem or key.startswith(stem + "_"):
            return stems[stem]
    return ""


def _message(place: tuple[str, ...], item: Mapping[str, Any], model: type[BaseModel]) -> str:
    """One sentence or two for one error of pydantic."""
    kind, value = item["type"], item["input"]
    if isinstance(value, float) and not math.isfinite(value):
        kind = "finite_number"
    field, context = _field_at(place, model), item.get("ctx", {})
    if kind == "missing":
        return _required(place, field)
    unit = unit_of(field) if field else ""
    if kind in _BOUNDS:
        sign, key = _BOUNDS[kind]
        no_scatter = place[-1] == "sigma" and kind == "greater_than"
        remedy = " Leave the variation block out for no scatter." if no_scatter else ""
        return f"must be {sign} {f'{context[key]:.16g} {unit}'.strip()}; got {shown(value)}.{remedy}"
    if kind == "literal_error":
        return _choice(str(context["expected"]), value)
    if kind in _KINDS:
        in_unit = f" in {unit}" if kind == "float_type" and unit else ""
        return f"{_KINDS[kind]}{in_unit}; got {shown(value)}.{_hint(kind, value, unit)}"
    return str(item["msg"])


def _required(place: tuple[str, ...], field: FieldInfo | None) -> str:
    """Return the message for a missing key: that it is required, its meaning and unit."""
    if field is None:
        return "is required"
    unit = unit_of(field)
    return f"is required: {field.description}" + (f" ({unit})" if unit else "") + "."


def _choice(expected: str, value: Any) -> str:
    """Message for a word that is not allowed; `expected` as pydantic writes it, ``'a', 'b' or 'c'``."""
    words = re.findall(r"'([^']*)'", expected)
    close = difflib.get_close_matches(value.lower(), words, 1, 0.6) if isinstance(value, str) else []
    allowed = " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else expected
    return f"must be {allowed}; got {shown(value)}" + (f" (did you mean '{close[0]}'?)" if close else ".")


def _hint(kind: str, value: Any, unit: str) -> str:
    """Return what to do about text where a number belongs; empty where nothing fits."""
    if not isinstance(value, str) or kind not in ("float_type", "int_type"):
        return ""
    with contextlib.suppress(ValueError):
        return " Write it without quotes." if math.isfinite(float(value)) else ""
    if re.fullmatch(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*", value):
        return " Write a decimal point."
    if unit and _NUMBER_AND_UNIT.match(value):
        return f" Write the number alone: the unit, {unit}, is in the key."
    return ""


def shown(value: Any) -> str:
    """A value as a message quotes it: short, and in YAML's words.

    >>> shown(True), shown(None), shown({"a": 1})
    ('true', 'nothing', 'a block')
    """
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            return "a block"
        case list() | tuple():
            return f"a list of {len(value)}"
        case int() if abs(value) >= 10**_LONGEST_VALUE:
            return "a number beyond all bounds"
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a case file, for editors; ``unit`` beside every quantity."""
    body = _plain(Case.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "gbflux case", **body}


def _plain(node: Any) -> Any:
    """A schema without the titles pydantic makes of names, and with limits under their standard names."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, dict):
        return {_LIMITS.get(key, key): _plain(item) for key, item in node.items() if key != "title"}
    return node


def schema_text() -> str:
    """The schema as it is committed: indented, keys in the order of the models, one newline at the end."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def template(name: str) -> str:
    """A commented case of that name, fit for a file name; valid as it stands. `gbflux init` writes it."""
    text = Path(__file__).with_name("template.yaml").read_text(encoding="utf-8")
    return text.replace("name: NAME", f'name: "{name}"')
