"""Name, unit, kind and definition of every number of a result, kept beside the field that holds it.

A result is a tree of frozen records. A field made by `metric` carries what a reader calls its number, its
unit, its kind and its definition; `metrics_of` walks the records and yields all of them under the dotted keys
of ``result.json``. The page, the tables of a study, docs/metrics.md and the tests take their words from
there: a metric is added by one field, and by the line that computes it.

`as_tree` and `from_tree` turn records into the tree of ``result.json`` and back by the same fields.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, NoReturn, TypeVar

from gbflux.units import SIDES

Record = TypeVar("Record")

#: What a number says: an ``"extreme"`` is of the tail of a distribution, so it hangs on the area looked at;
#: an ``"estimate"`` comes from a simple law, a ``"bound"`` cannot be passed, a ``"fact"`` is of the run.
Kind = Literal["extreme", "mean", "share", "length", "estimate", "bound", "profile", "count", "fact"]


@dataclass(frozen=True)
class Metric:
    """A number of a result: as it stands at a field, its key empty and its name a template, or at its place.

    Attributes
    ----------
    name : str
        What a reader calls it, for example on a page; ``{place}``, ``{plane}`` and ``{of}`` are filled in.
    unit : str
        Empty for a pure number.
    meaning : str
        A few words beside the name.
    kind : str
        One of `Kind`.
    definition : str
        For docs/metrics.md.
    digits : int
        Significant digits that it is printed with where its error is not known.
    dimension : int or None
        2 or 3 if only cells of so many dimensions have it; it is left out of the tree elsewhere.
    per_depth : bool
        In 2D it is per metre of depth: its key ends in ``_per_m``, its unit in ``/m``.
    optional : bool
        Left out of the tree where it is None.
    of : mapping
        Names of the members of a mapping field by their keys, for ``{of}``.
    places : mapping
        Of a mapping of records by side: words for ``{place}`` and ``{plane}``, themselves with ``{side}``.
    uniform : float
        Value that a uniform current has.
    error : pair, or mapping of pairs by dimension, or None
        a and b of its estimated error, see `estimated_errors`; None where it has none of that kind.
    key : str
        Dotted key in ``result.json``.
    """

    name: str = ""
    unit: str = ""
    meaning: str = ""
    kind: Kind = "fact"
    definition: str = ""
    digits: int = 4
    dimension: int | None = None
    per_depth: bool = False
    optional: bool = False
    of: Mapping[str, str] = field(default_factory=dict, hash=False)
    places: Mapping[str, str] = field(default_factory=dict, hash=False)
    uniform: float = 1.0
    error: tuple[float, float] | Mapping[int, tuple[float, float]] | None = field(default=None, hash=False)
    key: str = ""

    @property
    def label(self) -> str:
        """Name with unit, which no line end parts."""
        unit = self.unit.replace(" ", "\N{NO-BREAK SPACE}")
        return f"{self.name} ({unit})" if unit else self.name

    def key_in(self, name: str, dimension: int) -> str:
        """Key of the field `name` in results of 2 or 3 dimensions."""
        return f"{name}_per_m" if self.per_depth and dimension == 2 else name


def metric(
    name: str = "",
    unit: str = "",
    meaning: str = "",
    *,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    stored: bool = True,
    **about: Any,
) -> Any:
    """A field of a record, with its `Metric`; `stored` False keeps it out of the tree."""
    found = Metric(name, unit, meaning, **about)
    return field(
        default=default,
        default_factory=default_factory,
        metadata={"metric": found, "stored": stored},
        compare=stored,
    )


def metric_fields(kind: type) -> dict[str, Metric]:
    """The metrics of a record's stored fields by the fields' names."""
    return {
        f.name: f.metadata.get("metric", Metric()) for f in fields(kind) if f.metadata.get("stored", True)
    }


def metrics_of(kind: type, key: str = "", words: Mapping[str, str] | None = None) -> Iterator[Metric]:
    """Walk all numbers under a record type, with their dotted keys; items of lists have ``[]`` in them.

    Parameters
    ----------
    kind : type
        A record, such as `gbflux.results.Result`.
    key : str
        Dotted key of the record itself, with a dot at the end.
    words : mapping, optional
        Words for the templates in names.
    """
    words = {} if words is None else words
    for name, found in metric_fields(kind).items():
        record, ending = _held(_types(kind)[name])
        for one in _by_dimension(found, f"{key}{name}"):
            if record is None:
                yield from _leaves(one, words)
            elif ending == ".side":
                for side in SIDES:
                    places = {word: text.format(side=side) for word, text in found.places.items()}
                    yield from metrics_of(record, f"{one.key}.{side}.", places)
            else:
                yield from metrics_of(record, f"{one.key}{ending}.", words)


def record_in(kind: type, name: str) -> type | None:
    """The type of the records that a field holds, if it holds any."""
    return _held(_types(kind)[name])[0]


def _by_dimension(found: Metric, key: str) -> list[Metric]:
    """A metric under its key, or under both where that depends on the dimension."""
    if not found.per_depth:
        return [replace(found, key=key)]
    flat = replace(found, key=f"{key}_per_m", unit=f"{found.unit}/m", dimension=2)
    return [replace(found, key=key, dimension=3), flat]


def _leaves(found: Metric, words: Mapping[str, str]) -> Iterator[Metric]:
    """A number, or the members of a mapping of numbers, with the words put in."""
    members = found.of or {"": ""}
    for name, of in members.items():
        filled = {word: getattr(found, word).format(of=of, **words) for word in ("name", "meaning")}
        yield replace(found, key=f"{found.key}.{name}".rstrip("."), **filled)


@functools.cache
def _types(kind: type) -> dict[str, Any]:
    """Types of a record's fields."""
    return typing.get_type_hints(kind)


def _held(hint: Any) -> tuple[type | None, str]:
    """The record that a field of this type holds, if any, and the kind of place it has there."""
    if is_dataclass(hint) and isinstance(hint, type):
        return hint, ""
    inner = [one for one in typing.get_args(hint) if one not in (str, type(None), Ellipsis)]
    record = _held(inner[0])[0] if inner else None
    origin = typing.get_origin(hint)
    return record, {tuple: "[]", Mapping: ".side"}.get(origin, "") if record is not None else ""


def as_tree(value: Any, dimension: int) -> Any:
    """Records as dictionaries, tuples as lists; keys of another dimension are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            found.key_in(name, dimension): as_tree(item, dimension)
            for name, found in metric_fields(type(value)).items()
            if (item := getattr(value, name)) is not None or not (found.optional or found.dimension)
        }
    if isinstance(value, Mapping):
        return {key: as_tree(item, dimension) for key, item in value.items()}
    return [as_tree(item, dimension) for item in value] if isinstance(value, (list, tuple)) else value


def from_tree(kind: type[Record], tree: Mapping[str, Any], strict: bool = True) -> Record:
    """The record that `as_tree` described.

    Parameters
    ----------
    kind : type
        A record.
    strict : bool
        Refuse a tree that lacks a key or has one too many. Otherwise what is missing is None, and what is not
        known is left out.

    Raises
    ------
    TypeError
        If it is refused.
    """
    values: dict[str, Any] = {}
    taken, types_of = set(), _types(typing.cast(type, kind))
    for f in fields(typing.cast(Any, kind)):
        found = f.metadata.get("metric", Metric())
        key = next((key for key in (f.name, found.key_in(f.name, 2)) if key in tree), None)
        if key is not None:
            taken.add(key)
            values[f.name] = restored(types_of[f.name], tree[key], strict)
        elif not strict and f.default is MISSING and f.default_factory is MISSING:
            values[f.name] = None
    unknown = tree.keys() - taken
    if strict and unknown:
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return kind(**values)


def restored(hint: Any, value: Any, strict: bool) -> Any:
    """A value of a tree as a field of the type `hint` holds it."""
    return _restorer(hint)(value, strict)


@functools.cache
def _restorer(hint: Any) -> Callable[[Any, bool], Any]:
    """How values of one type are restored, worked out once: studies read thousands of results."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        return lambda value, strict: from_tree(typing.cast(type, hint), value, strict)
    if origin in (types.UnionType, typing.Union):
        of = _restorer(next(one for one in inner if one is not type(None)))
        return lambda value, strict: None if value is None else of(value, strict)
    if origin is tuple:
        item = _restorer(inner[0])
        return lambda value, strict: tuple(item(one, strict) for one in value)
    if origin is Mapping:
        member = _restorer(inner[1])
        return lambda value, strict: {key: member(one, strict) for key, one in value.items()}
    return lambda value, strict: value


class ReadOnly(dict[str, Any]):
    """A dictionary that cannot be changed; ``dict(it)`` makes one that can. Pickles, copies, and is JSON.

    >>> ReadOnly(a=1)["a"]
    1
    >>> ReadOnly(a=1).pop("a")
    Traceback (most recent call last):
    ...
    TypeError: results are read-only; dict(...) makes a copy that can be changed.
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Raise a TypeError."""
        raise TypeError("results are read-only; dict(...) makes a copy that can be changed.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return ReadOnly, (dict(self),)


def read_only(tree: Any) -> Any:
    """A tree of dictionaries with all of them read-only; anything else as it is."""
    if isinstance(tree, dict):
        return ReadOnly((key, read_only(value)) for key, value in tree.items())
    return tree


def freeze(record: Any, *names: str) -> None:
    """Make mappings of a frozen record read-only, in its ``__post_init__``."""
    for name in names:
        object.__setattr__(record, name, read_only(getattr(record, name)))
