"""Faults under MPI: every rank ends, soon, with one message and the right exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from small_cases import NO_FIGURES, TINY, case_text

pytestmark = pytest.mark.mpi
SOON_S = 60.0


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    """A tiny case without figures."""
    path = tmp_path / "case.yaml"
    path.write_text(case_text(TINY, NO_FIGURES))
    return path


def failing_in(where: str, error: str, rank: int) -> str:
    """A program: `gbflux run` in which one rank raises as it enters a function of `where`."""
    module, _, name = where.rpartition(".")
    return f"""
import sys
from mpi4py import MPI
import {module} as room
true = room.{name}
def faulty(*arguments, **keywords):
    if MPI.COMM_WORLD.rank == {rank}:
        raise {error}
    return true(*arguments, **keywords)
room.{name} = faulty
from gbflux.cli.main import main
main(["run", *sys.argv[1:]])
"""


@pytest.mark.parametrize("rank", [0, 1])
def test_an_exception_on_one_rank_ends_all(
    rank: int, mpirun: Callable, case_file: Path, tmp_path: Path
) -> None:
    """The other rank waits for it in a collective call."""
    code = failing_in("gbflux.conduction.cache.set_cell_values", "ZeroDivisionError('oops')", rank)
    words = ["-c", code, case_file, "-o", tmp_path / "out"]
    done = mpirun(2, *words, check=False, plain=True, timeout=SOON_S)
    assert done.returncode != 0
    assert "oops" in done.stderr
    assert f"rank {rank} failed" in done.stderr
    assert not (tmp_path / "out/result.json").exists()


@pytest.mark.parametrize(
    ("where", "error", "code"),
    [
        ("gbflux.simulation.shared_mesh.build_mesh", "__import__('gbflux').MeshError('mesh: no')", 2),
        ("gbflux.simulation.run.measure", "__import__('gbflux').InputError('flux: no')", 2),
        ("gbflux.simulation.shared_mesh.build_mesh", "MemoryError('no')", 1),
    ],
)
def test_an_error_of_rank_0_alone_is_told_once(
    where: str, error: str, code: int, mpirun: Callable, case_file: Path, tmp_path: Path
) -> None:
    words = ["-c", failing_in(where, error, 0), case_file, "-o", tmp_path / "out"]
    done = mpirun(3, *words, check=False, plain=True, timeout=SOON_S)
    assert done.returncode == code
    if code == 2:
        assert done.stderr.count(": no\n") == 1
    assert not (tmp_path / "out/result.json").exists()


def test_a_log_that_cannot_be_opened(mpirun: Callable, case_file: Path, tmp_path: Path) -> None:
    code = failing_in("gbflux.simulation.progress._LogFile", "PermissionError(13, 'no permission')", 0)
    done = mpirun(2, "-c", code, case_file, "-o", tmp_path / "out", check=False, plain=True, timeout=SOON_S)
    assert done.returncode == 2
    assert done.stderr.count("run.log must be writable; got 'no permission'") == 1
    assert not (tmp_path / "out/result.json").exists()


def test_fewer_cells_than_ranks(mpirun: Callable, tmp_path: Path) -> None:
    grains = {"count": 1, "boundary": "mirror", "conductivity_S_per_cm": 5.0e-4}
    one = {
        "geometry.size_um": [10, 10],
        "grains": grains,
        "mesh.size_um": 9.99,
        "mesh.electrode_size_um": 9.99,
    }
    (tmp_path / "case.yaml").write_text(case_text(NO_FIGURES, one))
    words = ["-m", "gbflux", "run", tmp_path / "case.yaml", "-o", tmp_path / "out"]
    done = mpirun(5, *words, check=False, plain=True, timeout=SOON_S)
    assert done.returncode == 2
    assert done.stderr.count("gbflux: ") == 1
    assert "5 ranks" in done.stderr
    assert not (tmp_path / "out").exists()
    assert mpirun(1, *words, plain=True).returncode == 0


def test_a_solver_that_stops_short(mpirun: Callable, tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(case_text(TINY, NO_FIGURES, {"solver.max_iterations": 1}))
    words = ["-m", "gbflux", "run", tmp_path / "case.yaml", "-o", tmp_path / "out"]
    done = mpirun(2, *words, check=False, plain=True, timeout=SOON_S)
    assert done.returncode == 3
    assert done.stderr.count("stopped after") == 1
    assert not (tmp_path / "out/result.json").exists()


def test_mistakes_in_a_case_are_told_once(mpirun: Callable, tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(case_text(TINY, NO_FIGURES, {"mesh.sise_um": 1.0}))
    words = ["-m", "gbflux", "run", tmp_path / "case.yaml", "-o", tmp_path / "out"]
    done = mpirun(3, *words, check=False, plain=True, timeout=SOON_S)
    assert done.returncode == 2
    assert done.stderr.count("mesh.sise_um") == 1


def test_another_number_of_ranks_than_the_launchers(
    mpirun: Callable, case_file: Path, tmp_path: Path
) -> None:
    words = ["-m", "gbflux", "run", case_file, "-o", tmp_path / "out"]
    done = mpirun(2, *words, "-n", 3, check=False, plain=True, timeout=SOON_S)
    assert done.returncode == 2
    assert "got 3 on 2 ranks" in done.stderr
    assert not (tmp_path / "out").exists()
    assert mpirun(2, *words, "-n", 2, plain=True).returncode == 0


def finished(command: list[str], environment: dict) -> subprocess.CompletedProcess[str]:
    """A command, run to its end."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_dash_n_starts_the_same_job_as_mpirun(
    mpirun: Callable, case_file: Path, tmp_path: Path, before_mpi: dict
) -> None:
    mpirun(2, "-m", "gbflux", "run", case_file, "-o", tmp_path / "mpirun", plain=True)
    command = [sys.executable, "-m", "gbflux", "run", str(case_file), "-o", str(tmp_path / "n"), "-n", "2"]
    done = finished(command, before_mpi)
    assert done.returncode == 0, done.stderr
    trees = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("mpirun", "n")]
    for tree, name in zip(trees, ("mpirun", "n"), strict=True):
        assert json.loads((tmp_path / name / "provenance.json").read_text())["ranks"] == 2
        del tree["timings_s"], tree["peak_memory_MiB"]
    assert trees[0] == trees[1]
    # a finished case is reported by a job as well, once
    done = finished(command, before_mpi)
    assert done.returncode == 0
    assert done.stdout.count("holds this case finished") == 1


def test_dash_n_passes_exit_codes_on(tmp_path: Path, before_mpi: dict) -> None:
    (tmp_path / "case.yaml").write_text(case_text(TINY, NO_FIGURES, {"solver.max_iterations": 1}))
    words = ["run", str(tmp_path / "case.yaml"), "-o", str(tmp_path / "out"), "-n", "2"]
    command = [sys.executable, "-m", "gbflux", *words]
    done = finished(command, before_mpi)
    assert done.returncode == 3
    assert "stopped after" in done.stderr


@pytest.mark.skipif(len(os.sched_getaffinity(0)) > 4, reason="the point is more ranks than cores")
def test_more_ranks_than_cores(case_file: Path, tmp_path: Path, before_mpi: dict) -> None:
    words = ["run", str(case_file), "-o", str(tmp_path / "out"), "-n", "5"]
    command = [sys.executable, "-m", "gbflux", *words]
    done = finished(command, before_mpi)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/result.json").exists()
