"""Examples in the docstrings of this room give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import gbflux.sweep
from gbflux.sweep import Engine, collect

MODULES = [f"gbflux.sweep.{module.name}" for module in pkgutil.iter_modules(gbflux.sweep.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_names_load_and_a_wrong_one_says_so():
    for name in gbflux.sweep.__all__:
        assert getattr(gbflux.sweep, name) is not None
    assert callable(collect)
    assert Engine.__module__ == "gbflux.sweep.engine"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = gbflux.sweep.no_such_name
