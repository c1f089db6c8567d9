"""`gbflux check`: what it shows, and what it refuses."""

from __future__ import annotations

import doctest

import pytest

from gbflux.case import Memory, cost, parse_case
from gbflux.cli import check as check_module
from gbflux.cli.main import exit_code

TEXT = """\
geometry: {size_um: [20, 20, 20]}
grains: {count: 8, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
"""


@pytest.fixture
def case_file(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def test_shows_the_resolved_case_the_derived_numbers_and_the_cost(case_file, capsys):
    assert exit_code(["check", str(case_file)]) == 0
    output = capsys.readouterr()
    for word in ("count: 8  # mean size 10 µm", "Bi = ", "Kapitza", "brick-layer", "cells", "memory", "time"):
        assert word in output.out
    assert output.err.count("warning:") == output.err.count("pieces of more grains") == 1


def test_resolved_part_of_the_output_is_a_case(case_file, capsys):
    exit_code(["check", str(case_file)])
    resolved = capsys.readouterr().out.split("\nDerived\n")[0]
    assert parse_case(resolved).physics_hash == parse_case(TEXT).physics_hash


def test_mistakes_are_on_stderr_with_exit_code_2(case_file, capsys):
    case_file.write_text(TEXT.replace("thickness_nm", "thickness_um"))
    assert exit_code(["check", str(case_file)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"{case_file}:3:18: grain_boundary.thickness_um: ")


def test_a_case_that_cannot_fit_into_memory_is_refused_with_the_estimate(case_file, capsys):
    case_file.write_text(TEXT.replace("[20, 20, 20]", "[9000, 9000, 9000]") + "mesh: {size_um: 1}")
    assert exit_code(["check", str(case_file)]) == 2
    error = capsys.readouterr().err
    assert "GiB for about 3," in error
    assert "Raise mesh.size_um" in error


def test_a_case_that_is_tight_is_warned_of(case_file, capsys, monkeypatch):
    monkeypatch.setattr("gbflux.case.machine_memory", lambda: Memory(available_MiB=10, total_MiB=10**6))
    assert exit_code(["check", str(case_file)]) == 0
    assert "warning: the case needs about" in capsys.readouterr().err


def test_examples_in_docstrings():
    assert doctest.testmod(check_module).failed == 0
    assert doctest.testmod(cost).failed == 0
