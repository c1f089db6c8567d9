"""Properties that hold for any text and any case."""

from __future__ import annotations

import json

import yaml_cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gbflux.case import parse_case, resolved_yaml
from gbflux.case.model import Case
from gbflux.errors import CaseError

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

KEYS = sorted(
    {
        *Case.model_fields,
        *(key for block in yaml_cases.BLOCKS for key in block.model_fields),
        "x",
        "thickness_mm",
    }
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["voronoi", "both", "hypre", 1, 2, 3, 10.0, 0.5, [50, 50, 50], [50, 50], "p.csv"])
)
JUNK = st.dictionaries(
    st.sampled_from(KEYS) | st.text(max_size=6),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
        max_leaves=12,
    ),
    max_size=7,
)


def case_or_none(text, overrides=None):
    try:
        return parse_case(text, overrides=overrides)
    except CaseError as error:
        problems = error.problems
    assert problems
    assert all(problem.message for problem in problems)
    return None


@QUICK
@given(JUNK)
def test_junk_is_a_case_error_or_a_case(data):
    case_or_none(json.dumps(data))


@QUICK
@given(st.text(max_size=200))
def test_any_text_is_a_case_error_or_a_case(text):
    case_or_none(text)


@QUICK
@given(st.text(alphabet="ab:{}[],&*<!|>-?#%'\" \n\t0.1e", max_size=60))
def test_anything_that_looks_like_yaml_is_a_case_error_or_a_case(text):
    case_or_none(text)


@QUICK
@given(JUNK)
def test_junk_in_overrides_is_a_case_error_or_a_case(data):
    overrides = {
        f"{key}.{name}": item
        for key, value in data.items()
        if isinstance(value, dict)
        for name, item in value.items()
    }
    case_or_none(yaml_cases.MINIMAL, {**data, **overrides})


@QUICK
@given(yaml_cases.cases())
def test_a_resolved_case_loads_back_to_itself(text):
    case = parse_case(text)
    resolved = resolved_yaml(case)
    again = parse_case(resolved)
    assert again.physics_hash == case.physics_hash
    assert again.mesh_key() == case.mesh_key()
    assert resolved_yaml(again) == resolved
