"""Dictionaries that stay what they are, for the fields of frozen records."""

from __future__ import annotations

from typing import Any, NoReturn


class ReadOnly(dict):
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
