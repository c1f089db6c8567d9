"""`gbflux check`: what it shows and refuses; `init` writes a case once, never over another; `schema`."""

from __future__ import annotations

import doctest
import json
import os

import pytest

from gbflux.case import Memory, cost, load_case, parse_case, schema_text
from gbflux.cli import doctor, output
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
    for module in (cost, doctor, output):
        assert doctest.testmod(module).failed == 0


def test_init_writes_a_case_that_loads(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert exit_code(["init", "first"]) == 0
    assert "gbflux check first.yaml" in capsys.readouterr().out
    assert load_case("first.yaml").name == "first"


def test_init_takes_a_path_and_a_suffix(tmp_path):
    assert exit_code(["init", str(tmp_path / "a.yaml")]) == 0
    assert exit_code(["init", str(tmp_path / "b.yml")]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.yaml", "b.yml"]


def test_init_never_overwrites(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text("mine")
    assert exit_code(["init", str(path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_init_never_overwrites_through_a_link(tmp_path):
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere.yaml")
    assert exit_code(["init", str(tmp_path / "link")]) == 2
    assert not (tmp_path / "nowhere.yaml").exists()


@pytest.mark.parametrize("name", ["", "a b", "-x.yaml", "ü", "no/such/folder", "a\nb", "..", "x" * 200])
def test_init_refuses_names_that_are_not_fit_for_a_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert exit_code(["init", "--", name]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_init_without_permission_says_so(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert exit_code(["init", str(tmp_path / "a")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_init_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full_disk(name):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gbflux.case.template", full_disk)
    assert exit_code(["init", str(tmp_path / "a")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_schema_is_printed(capsys):
    assert exit_code(["schema"]) == 0
    out = capsys.readouterr().out
    assert out == schema_text()
    assert json.loads(out)["title"] == "gbflux case"
