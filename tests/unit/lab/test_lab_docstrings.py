"""Numbers in docstrings of `lab` are what the code returns."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import gbflux.lab

ROOT = Path(gbflux.lab.__file__).parent
MODULES = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.rglob("[a-z]*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_numbers_in_docstrings(name):
    pytest.importorskip("uncertainties")
    assert doctest.testmod(importlib.import_module(f"gbflux.lab.{name}")).failed == 0
