"""Errors: exit codes, messages, and that they survive a trip between processes."""

from __future__ import annotations

import pickle

import pytest

from gbflux import errors
from gbflux.errors import CaseError, Problem, SolverError

PROBLEM = Problem("case.yaml", 4, 3, "mesh.size_um", "must be > 0 µm; got -1.")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("GbfluxError", 1),
        ("InputError", 2),
        ("CaseError", 2),
        ("MeshError", 2),
        ("SolverError", 3),
        ("MissingLibrary", 4),
    ],
)
def test_each_kind_of_error_has_its_exit_code(name, code):
    kind = getattr(errors, name)
    assert issubclass(kind, errors.GbfluxError)
    assert kind.exit_code == code


def test_a_problem_reads_like_a_line_of_a_compiler():
    assert str(PROBLEM) == "case.yaml:4:3: mesh.size_um: must be > 0 µm; got -1."


def test_a_problem_without_a_line_names_its_source_and_place():
    assert str(Problem("override", None, None, "a.b", "is wrong")) == "override a.b: is wrong"


def test_a_case_error_lists_every_problem():
    error = CaseError([PROBLEM, Problem("case.yaml", 9, 1, "", "is empty")])
    assert len(error.problems) == 2
    assert str(error).splitlines() == [str(PROBLEM), "case.yaml:9:1: is empty"]


@pytest.mark.parametrize("error", [CaseError([PROBLEM]), SolverError("stopped", 500, 3e-4, 1e-10)])
def test_errors_with_attributes_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_a_solver_error_carries_its_facts():
    error = SolverError("solver: stopped", iterations=500, relative_residual=3e-4, rtol=1e-10)
    assert (error.iterations, error.relative_residual, error.rtol) == (500, 3e-4, 1e-10)
    assert str(error) == "solver: stopped"
