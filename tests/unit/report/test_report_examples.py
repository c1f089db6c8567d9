"""Examples in the docstrings of the page's files give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import gbflux.report.page

MODULES = [
    f"gbflux.report.page.{module.name}" for module in pkgutil.iter_modules(gbflux.report.page.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
