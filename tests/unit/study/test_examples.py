"""Examples in the docstrings of this room give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import gbflux.study
from gbflux.study import Engine, collect

MODULES = [f"gbflux.study.{module.name}" for module in pkgutil.iter_modules(gbflux.study.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_names_load_and_a_wrong_one_says_so():
    for name in gbflux.study.__all__:
        assert getattr(gbflux.study, name) is not None
    assert callable(collect)
    assert Engine.__module__ == "gbflux.study.engine"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = gbflux.study.no_such_name
