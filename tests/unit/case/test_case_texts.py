"""Texts that gbflux writes: the template, the resolved case, the schema; and the cases it ships."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
from pathlib import Path

import pytest
from pydantic import BaseModel

import gbflux.case
from gbflux.case import load_case, parse_case, resolved_yaml, schema_text, template
from gbflux.case.model import Case
from gbflux.case.text import schema

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_case_loads_and_carries_its_files_name(path):
    assert load_case(path).name == path.stem


def test_main_job_is_the_case_of_the_documentation(full):
    assert load_case(ROOT / "configs" / "lu2021.yaml").physics_hash == parse_case(full).physics_hash


def test_template_is_valid_and_commented(full):
    text = template("my-case")
    case = parse_case(text)
    assert case.name == "my-case"
    assert case.physics_hash == parse_case(full).physics_hash
    assert text.count("#") > 15
    assert parse_case(template("2021")).name == "2021"


def test_template_shows_every_key():
    text = template("x")
    missing = [name for name in _all_keys(Case) if f"{name}:" not in text and name != "seeds_file"]
    assert missing == []


def _all_keys(model: type[BaseModel]) -> set[str]:
    from gbflux.case.text import block_at

    keys = set(model.model_fields)
    for name in Case.model_fields:
        block = block_at((name,))
        keys |= set(block.model_fields) if block else set()
    return keys


def test_resolved_case_fills_every_default(minimal):
    text = resolved_yaml(parse_case(minimal))
    for line in ("  electrode_size_um: 0.5", "  boundary: cut", "temperature_C: 25.0", "  rtol: 1.0e-10"):
        assert line in text.splitlines()


@pytest.mark.parametrize("name", ["true", "1e5", "2021", "0x1f", "null", "1.5", "a-b", "yes"])
def test_resolved_name_stays_text(minimal, name):
    case = parse_case(f'{minimal}name: "{name}"')
    assert parse_case(resolved_yaml(case)).name == name


def test_committed_schema_is_fresh():
    """`gbflux schema > schema/gbflux-case.schema.json` makes it so."""
    committed = (ROOT / "schema" / "gbflux-case.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text()


def test_schema_describes_every_key_and_gives_units():
    definitions = schema()["$defs"]
    for block in definitions.values():
        for key, entry in block.get("properties", {}).items():
            assert entry.get("description"), key
            if key.endswith(("_um", "_nm", "_V", "_C", "_eV", "_cm", "_cm2")):
                assert entry.get("unit"), key
    assert definitions["GrainBoundary"]["properties"]["thickness_nm"]["unit"] == "nm"


def test_schema_accepts_what_loads_and_refuses_what_does_not(minimal):
    jsonschema = pytest.importorskip("jsonschema")
    data = {
        "geometry": {"size_um": [50, 50]},
        "grains": {"mean_size_um": 10, "conductivity_S_per_cm": 5e-4},
        "grain_boundary": {"thickness_nm": 5, "conductivity_S_per_cm": 2.5e-7},
        "electrodes": {"asr_ohm_cm2": 3},
    }
    jsonschema.validate(data, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "mesh": {"size_um": -1}}, schema())


def test_schema_requires_what_has_no_default():
    body = schema()
    assert body["required"] == ["geometry", "grains", "grain_boundary"]
    assert body["$defs"]["Geometry"]["required"] == ["size_um"]
    assert "required" not in body["$defs"]["Mesh"]
    assert json.loads(schema_text()) == body


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(gbflux.case.__path__)])
def test_examples_in_docstrings(module):
    assert doctest.testmod(importlib.import_module(f"gbflux.case.{module}")).failed == 0
