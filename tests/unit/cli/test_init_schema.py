"""`gbflux init` writes a case once and never over another; `gbflux schema` prints the schema."""

from __future__ import annotations

import json
import os

import pytest

from gbflux.case import load_case, schema_text
from gbflux.cli.main import exit_code


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
