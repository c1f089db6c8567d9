"""Refining on several ranks: one story on all of them, and brackets that agree with those of one rank."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi
PROGRAM = Path(__file__).with_name("refinement_program.py")


@pytest.fixture(scope="module")
def told(mpirun: Callable) -> list[list]:
    """By number of ranks, what each rank knows: refined for conductance, hot spots, local currents."""
    return [
        [json.loads(line) for line in mpirun(ranks, PROGRAM).stdout.splitlines()[-3:]] for ranks in (1, 2)
    ]


def test_all_ranks_know_the_same_and_brackets_agree(told: list[list]) -> None:
    one, two = (of_ranks[0] for of_ranks in told)
    assert two[0] == two[1]
    first, other = one[0]["refinement"], two[0]["refinement"]
    assert first[0]["mesh_hash"] == other[0]["mesh_hash"]
    assert first[0]["relative_width"] == pytest.approx(other[0]["relative_width"], rel=1e-3)
    for story in (one[0], two[0]):
        assert story["errors"]["conductance"]["reached"]
    rounds = first + other
    assert max(r["lower_S_per_m"] for r in rounds) <= min(r["upper_S_per_m"] for r in rounds)


def test_hot_spots_are_refined_for_alike(told: list[list]) -> None:
    one, two = (of_ranks[1] for of_ranks in told)
    assert two[0] == two[1]
    assert one[0]["refinement"][0]["mesh_hash"] == two[0]["refinement"][0]["mesh_hash"]
    for story in (one[0], two[0]):
        facts = story["errors"]["accuracy"]["hot_spots"]
        assert facts["reached"]
        assert facts["error"] <= 0.3
        (mesh,) = [r for r in story["refinement"] if r["mesh_hash"] == story["mesh"]["hash"]]
        assert mesh["errors"]["hot_spots"] == facts["error"]


def test_local_currents_are_refined_for_alike(told: list[list]) -> None:
    one, two = (of_ranks[2] for of_ranks in told)
    assert two[0] == two[1]
    first, other = (story[0]["refinement"][0] for story in (one, two))
    assert first["mesh_hash"] == other["mesh_hash"]
    assert first["errors"]["hot_spot"] == pytest.approx(other["errors"]["hot_spot"], rel=1e-3)
    for story in (one[0], two[0]):
        assert story["errors"]["accuracy"]["hot_spot"]["reached"]
