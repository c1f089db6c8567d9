"""The folder of a run: whose it is, when it is finished, and what is left when a run is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gbflux.case import load_case
from gbflux.cli import main as command
from gbflux.errors import InputError, MeshError
from gbflux.results import RunFolder
from gbflux.results.folder import ASIDE
from gbflux.results.result import read_result
from gbflux.simulation import run as run_room
from gbflux.simulation import shared_mesh as shared_mesh_room
from small_cases import LAYERS, NO_FIGURES, TINY, case_text

STAGES = ["grains", "mesh", "layers", "distribute", "assemble", "solve", "measure", "write"]
FILES = {
    "result.json",
    "case.resolved.yaml",
    "provenance.json",
    "run.log",
    "grains.csv",
    "boundaries.csv",
    "electrode_bottom.vtp",
    "electrode_top.vtp",
    "fields.hdf",
}


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    """A tiny case without figures."""
    return write_case(tmp_path / "case.yaml")


def write_case(path: Path, *changes: dict) -> Path:
    path.write_text(case_text(TINY, NO_FIGURES, *changes))
    return path


def run(case_file: Path, folder: Path, *options: str) -> int:
    """`gbflux run` in this process."""
    return command.exit_code(["run", str(case_file), "-o", str(folder), *options])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_its_files(case_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(case_file, tmp_path / "out") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    printed = capsys.readouterr()
    assert "sigma_eff" in printed.out
    assert [line.split()[2] for line in printed.err.splitlines()] == STAGES
    result, case = read_result(tmp_path / "out/result.json"), load_case(tmp_path / "out/case.resolved.yaml")
    assert result.case_hash == case.physics_hash == load_case(case_file).physics_hash
    facts = json.loads((tmp_path / "out/provenance.json").read_text())
    assert facts["case_hash"] == result.case_hash
    assert facts["mesh_hash"] == result.mesh.hash
    assert facts["ranks"] == 1
    assert facts["libraries"]["numpy"]
    assert "INFO" in (tmp_path / "out/run.log").read_text()


def test_figures_are_drawn_where_asked_for(tmp_path: Path) -> None:
    path = write_case(tmp_path / "case.yaml", LAYERS, {"output": {"figures": True, "fields": False}})
    assert run(path, tmp_path / "out") == 0
    pictures = list((tmp_path / "out/figures").glob("*.png"))
    assert len(pictures) >= 4
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert not (tmp_path / "out/fields.hdf").exists()


def test_a_finished_case_is_reported_and_not_rerun(
    case_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(case_file, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    first = capsys.readouterr().out
    assert run(case_file, tmp_path / "out") == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
    again = capsys.readouterr().out
    assert "finished" in again
    assert first in again


def test_the_same_physics_under_another_name_is_the_same_case(case_file: Path, tmp_path: Path) -> None:
    run(case_file, tmp_path / "out")
    before = contents(tmp_path / "out")
    other = write_case(
        tmp_path / "other.yaml", {"name": "other", "output": {"figures": False, "fields": False}}
    )
    assert run(other, tmp_path / "out") == 0
    assert contents(tmp_path / "out") == before


def test_force_runs_again(case_file: Path, tmp_path: Path) -> None:
    run(case_file, tmp_path / "out")
    (tmp_path / "out/notes.txt").write_text("mine")
    first = (tmp_path / "out/result.json").stat().st_mtime_ns
    assert run(case_file, tmp_path / "out", "--force") == 0
    assert (tmp_path / "out/result.json").stat().st_mtime_ns > first
    assert (tmp_path / "out/notes.txt").read_text() == "mine"


def test_another_cases_folder_is_left_alone(
    case_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(case_file, tmp_path / "out")
    before = contents(tmp_path / "out")
    other = write_case(tmp_path / "other.yaml", {"electrodes.top_V": 0.2})
    assert run(other, tmp_path / "out") == 2
    assert contents(tmp_path / "out") == before
    assert "--force" in capsys.readouterr().err
    assert run(other, tmp_path / "out", "--force") == 0
    assert read_result(tmp_path / "out/result.json").case_hash == load_case(other).physics_hash


def test_a_folder_whose_case_cannot_be_read_is_somebody_elses(case_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/case.resolved.yaml").write_text("geometry: [")
    assert run(case_file, tmp_path / "out") == 2
    assert (tmp_path / "out/case.resolved.yaml").read_text() == "geometry: ["


def test_a_broken_result_is_made_anew(case_file: Path, tmp_path: Path) -> None:
    run(case_file, tmp_path / "out")
    (tmp_path / "out/result.json").write_text('{"name": "tiny"')
    assert run(case_file, tmp_path / "out") == 0
    assert read_result(tmp_path / "out/result.json").mesh.grains > 1


def test_a_file_in_place_of_the_folder(
    case_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    assert run(case_file, tmp_path / "out") == 2
    assert run(case_file, tmp_path / "out" / "below") == 2
    assert (tmp_path / "out").read_text() == "a file"
    assert "output:" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write")
def test_a_folder_that_cannot_be_written(case_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(case_file, Path("/proc/gbflux-run")) == 2
    assert "must be writable" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(case_file: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert run(case_file, tmp_path / "locked/out") == 2


def test_a_solver_that_stops_short_leaves_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_case(tmp_path / "case.yaml", {"solver.max_iterations": 1})
    assert run(path, tmp_path / "out") == 3
    assert "stopped after 1 iteration" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"case.resolved.yaml", "run.log"}
    assert "SolverError" in (tmp_path / "out/run.log").read_text()


def test_the_result_is_written_last(case_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(run_room, "provenance", failing)
    assert run(case_file, tmp_path / "out") == 1
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == FILES - {"result.json", "provenance.json"}


def failing_mesh(*arguments: object) -> None:
    raise MeshError("mesh: no")


@pytest.mark.parametrize("log_fails", [False, True])
def test_a_run_that_input_ends_leaves_nothing(
    log_fails: bool, case_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_log(*arguments: object) -> None:
        raise InputError("output: no log")

    monkeypatch.setattr(shared_mesh_room, "build_mesh", failing_mesh)
    if log_fails:
        monkeypatch.setattr(run_room, "log_file", failing_log)
    assert run(case_file, tmp_path / "new" / "out") == 2
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine").mkdir()
    assert run(case_file, tmp_path / "mine") == 2
    assert list((tmp_path / "mine").iterdir()) == []


def test_an_earlier_run_comes_back_where_input_ends_the_one_that_replaces_it(
    case_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_case(tmp_path / "case.yaml", {"output": {"figures": True}})
    run(path, tmp_path / "out")
    before = contents(tmp_path / "out")
    assert any(name.startswith("figures/") for name in before)
    monkeypatch.setattr(shared_mesh_room, "build_mesh", failing_mesh)
    assert run(path, tmp_path / "out", "--force") == 2
    assert contents(tmp_path / "out") == before


def test_a_solver_that_stops_short_ends_an_earlier_run_too(case_file: Path, tmp_path: Path) -> None:
    run(case_file, tmp_path / "out")
    short = write_case(tmp_path / "short.yaml", {"solver.max_iterations": 1})
    assert run(short, tmp_path / "out", "--force") == 3
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"case.resolved.yaml", "run.log"}


def test_what_a_killed_run_had_put_aside_goes(case_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / ASIDE).mkdir(parents=True)
    (tmp_path / "out" / ASIDE / "result.json").write_text("{}")
    assert run(case_file, tmp_path / "out") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


def test_a_json_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("result.json", {"a": 1.0})
    with pytest.raises(ValueError, match="JSON compliant"):
        folder.write_json("result.json", {"a": float("nan")})
    with pytest.raises(TypeError):
        folder.write_json("result.json", {"a": object()})
    assert json.loads((tmp_path / "result.json").read_text()) == {"a": 1.0}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


KILLED = """
import sys, time
from pathlib import Path
import gbflux.conduction.solver as room
def sleeping(*arguments):
    Path(sys.argv[1]).touch()
    time.sleep(60)
room.ConductionSolver.solve = sleeping
from gbflux.cli.main import main
main(["run", *sys.argv[2:]])
"""


def test_a_killed_run_leaves_no_result_and_finishes_later(
    case_file: Path, tmp_path: Path, before_mpi: dict
) -> None:
    out, flag = tmp_path / "out", tmp_path / "solving"
    words = [sys.executable, "-c", KILLED, str(flag), str(case_file), "-o", str(out)]
    process = subprocess.Popen(words, env=before_mpi, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not flag.exists() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert flag.exists()
    assert not (out / "result.json").exists()
    assert (out / "case.resolved.yaml").exists()
    assert run(case_file, out) == 0
    assert {path.name for path in out.iterdir()} == FILES


def test_seeds_travel_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given/points.csv").write_text("x,z\n3,4\n15,5\n9,14\n18,17\n2,16\n")
    seeds = {"grains": {"seeds_file": "points.csv", "conductivity_S_per_cm": 5.0e-4}}
    path = write_case(tmp_path / "given/case.yaml", seeds)
    assert run(path, tmp_path / "out") == 0
    before = read_result(tmp_path / "out/result.json")
    assert before.mesh.grains == 5
    (tmp_path / "given/points.csv").unlink()
    assert (tmp_path / "out/seeds.csv").exists()
    assert run(tmp_path / "out/case.resolved.yaml", tmp_path / "again") == 0
    again = read_result(tmp_path / "again/result.json")
    assert again.case_hash == before.case_hash
    assert again.transport == before.transport


def test_running_a_folders_own_case_in_the_folder_by_force_keeps_case_and_seeds(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("3,4\n15,5\n9,14\n")
    path = write_case(
        tmp_path / "case.yaml", {"grains": {"seeds_file": "points.csv", "conductivity_S_per_cm": 5.0e-4}}
    )
    run(path, tmp_path / "out")
    assert run(tmp_path / "out/case.resolved.yaml", tmp_path / "out", "--force") == 0
    assert (tmp_path / "out/seeds.csv").read_text() == "3,4\n15,5\n9,14\n"


def test_a_missing_result_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Run the case first"):
        read_result(tmp_path / "result.json")
