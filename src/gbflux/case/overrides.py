"""Values that replace those of a case before it is checked: ``{"homogenizing_layer.thickness_um": 0}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from gbflux.case.rules import Finding

Place = tuple[str, ...]


def apply_overrides(
    data: Mapping[str, Any], overrides: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Finding]]:
    """Data with overrides put in; the data given are left as they are.

    Parameters
    ----------
    data : mapping
        The case as plain data.
    overrides : mapping
        Values by dotted path. None removes a key or a whole block; a block that is absent is made.

    Returns
    -------
    dict, list of Finding
        The new data, and what is wrong with paths that lead nowhere.
    """
    result, problems = dict(data), []
    for path, value in overrides.items():
        place = place_of(path)
        if not all(place):
            problems.append(Finding((str(path),), "must be a dotted path: grain_boundary.thickness_nm"))
            continue
        try:
            result = _put(result, place, plain(value))
        except LookupError as error:
            problems.append(Finding(place, str(error.args[0])))
    return result, problems


def place_of(path: Any) -> Place:
    """Path of keys of a dotted name.

    >>> place_of("geometry.size_um.2")
    ('geometry', 'size_um', '2')
    """
    return tuple(str(path).split("."))


def is_overridden(place: Sequence[str], overrides: Mapping[str, Any]) -> bool:
    """Test whether a place lies at or below an override."""
    return any(tuple(place[: len(key)]) == key for key in map(place_of, overrides))


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays, and paths, as Python's own; anything else as it is."""
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    return value


def _put(node: Any, place: Place, value: Any) -> Any:
    """A copy of a node with the value at a place replaced; LookupError where the path leads nowhere."""
    if not place:
        return value
    key, rest = place[0], place[1:]
    if isinstance(node, list):
        if not (key.isdigit() and int(key) < len(node)):
            raise LookupError(f"must be an entry of a list of {len(node)}, counted from 0")
        return [_put(item, rest, value) if i == int(key) else item for i, item in enumerate(node)]
    if node is not None and not isinstance(node, Mapping):
        raise LookupError(f"must lead to a block; there is a value at the key before {key!r}")
    copy = dict(node or {})
    if rest and value is None and copy.get(key) is None:
        return copy
    if not rest and value is None:
        copy.pop(key, None)
        return copy
    copy[key] = _put(copy.get(key), rest, value)
    return copy
