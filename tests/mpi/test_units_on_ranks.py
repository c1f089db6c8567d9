"""A unit of cases on one mesh: the same numbers on 1 to 3 ranks, a failing case among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi
PROGRAM = Path(__file__).with_name("unit_program.py")


def test_numbers_do_not_depend_on_the_number_of_ranks(mpirun: Callable, tmp_path: Path) -> None:
    found = {}
    for ranks in (1, 2, 3):
        output = mpirun(ranks, PROGRAM, tmp_path / str(ranks)).stdout
        found[ranks] = json.loads(output.splitlines()[-1])
    for ranks in (2, 3):
        for one, several in zip(found[1], found[ranks], strict=True):
            assert several["case_hash"] == one["case_hash"]
            assert several["mesh"] == one["mesh"]
            for part, name, rel in (
                ("transport", "asr_ohm_cm2", 1e-8),
                ("transport", "sigma_eff_S_per_cm", 1e-8),
                ("hot_spots", "bottom", 1e-6),
                ("hot_spots_electrolyte", "top", 1e-6),
            ):
                expected, value = one[part].get(name), several[part].get(name)
                if isinstance(expected, dict):
                    expected, value = expected["p99_over_mean"], value["p99_over_mean"]
                assert value == (None if expected is None else pytest.approx(expected, rel=rel)), name
            brackets = [result["transport"]["bracket"] for result in (one, several)]
            if brackets[0] is not None:
                assert brackets[1]["upper_S"] == pytest.approx(brackets[0]["upper_S"], rel=1e-8)
                assert brackets[1]["lower_S"] == pytest.approx(brackets[0]["lower_S"], rel=1e-5)
