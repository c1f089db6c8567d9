"""Conduction on several ranks: the same numbers on 1 to 4, and errors that all ranks raise together."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.mpi
PROGRAM = Path(__file__).with_name("conduction_program.py")


@pytest.fixture(scope="module")
def fields(mpirun: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """``fields(ranks, rtol)``: the fields of `conduction_program`, computed once each."""

    @cache
    def computed(ranks: int, rtol: float) -> dict[str, np.ndarray]:
        path = tmp_path_factory.mktemp("ranks") / "fields.npz"
        mpirun(ranks, PROGRAM, "fields", path, rtol)
        return dict(np.load(path))

    return computed


@pytest.mark.parametrize(("rtol", "agreement"), [(1e-10, 1e-8), (1e-12, 1e-10)])
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_fields_do_not_depend_on_the_number_of_ranks(
    fields: Callable, ranks: int, rtol: float, agreement: float
) -> None:
    expected, found = fields(1, rtol), fields(ranks, rtol)
    assert found.keys() == expected.keys()
    for name in expected:
        difference = np.abs(found[name] - expected[name]).max()
        assert difference <= agreement * np.abs(expected[name]).max(), name


@pytest.fixture(scope="module")
def brackets(mpirun: Callable) -> Callable:
    """``brackets(ranks)``: the brackets of `conduction_program`, computed once each."""

    @cache
    def computed(ranks: int) -> dict[str, dict]:
        return json.loads(mpirun(ranks, PROGRAM, "brackets").stdout.splitlines()[-1])

    return computed


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_brackets_do_not_depend_on_the_number_of_ranks(brackets: Callable, ranks: int) -> None:
    for name, found in brackets(ranks).items():
        one = brackets(1)[name]
        assert found["upper"] == pytest.approx(one["upper"], rel=1e-10), name
        # both are below one minimum, and by no more than they say
        apart = max(found["algebraic_error"], one["algebraic_error"]) + 2e-11 * one["upper"]
        assert abs(found["lower"] - one["lower"]) <= apart, name
        assert abs(found["iterations"] - one["iterations"]) <= 5, name


def test_certificates_do_not_depend_on_the_number_of_ranks(mpirun: Callable) -> None:
    found = [json.loads(mpirun(n, PROGRAM, "certificates").stdout.splitlines()[-1]) for n in (1, 2, 3, 4)]
    for other in found[1:]:
        for name, one in found[0].items():
            width = one["upper"] - one["lower"]
            assert other[name]["value"] == pytest.approx(one["value"], rel=1e-8), name
            for bound in ("lower", "upper"):  # of iterations that end where they may
                assert abs(other[name][bound] - one[bound]) <= 1e-2 * width, name


def test_the_load_is_raised_alike_on_every_number_of_ranks(mpirun: Callable) -> None:
    found = [json.loads(mpirun(n, PROGRAM, "ramp").stdout.splitlines()[-1]) for n in (1, 2, 3)]
    assert found[0][0] >= 2
    for loads, steps, current in found[1:]:
        assert (loads, steps) == tuple(found[0][:2])
        assert current == pytest.approx(found[0][2], rel=1e-9)


@pytest.mark.parametrize(
    ("task", "ranks", "says"),
    [
        ("unconverged", 2, "agreed: SolverError 3"),
        ("few_cells", 3, "agreed: InputError 2"),
        ("bad_input", 2, "agreed: InputError 2"),
        ("as_many_cells_as_ranks", 6, ""),
        ("exact_bracket", 2, "agreed: {True}"),
        ("root_fails", 2, "agreed: {'no mesh'}"),
    ],
)
def test_ranks_agree(mpirun: Callable, task: str, ranks: int, says: str) -> None:
    assert says in mpirun(ranks, PROGRAM, task, timeout=60).stdout
