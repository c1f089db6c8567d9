"""Refining on several ranks: one story on all of them, and brackets that agree with those of one rank."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi
PROGRAM = Path(__file__).with_name("refinement_program.py")


def test_all_ranks_know_the_same_and_brackets_agree(mpirun: Callable) -> None:
    one, two = (json.loads(mpirun(ranks, PROGRAM).stdout.splitlines()[-1]) for ranks in (1, 2))
    assert two[0] == two[1]
    first, other = one[0]["refinement"], two[0]["refinement"]
    assert first[0]["mesh_hash"] == other[0]["mesh_hash"]
    assert first[0]["relative_width"] == pytest.approx(other[0]["relative_width"], rel=1e-3)
    for story in (one[0], two[0]):
        assert story["errors"]["conductance"]["reached"]
    rounds = first + other
    assert max(r["lower_S_per_m"] for r in rounds) <= min(r["upper_S_per_m"] for r in rounds)
