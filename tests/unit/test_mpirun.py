"""The `mpirun` fixture: it starts the ranks asked for; neither a failing nor a hanging rank holds it up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi
COMM = "from mpi4py.MPI import COMM_WORLD as comm\n"


def program(folder: Path, text: str) -> Path:
    path = folder / "program.py"
    path.write_text(COMM + text, encoding="utf-8")
    return path


def test_all_ranks_start_even_more_than_there_are_cores(mpirun: Callable, tmp_path: Path) -> None:
    path = program(tmp_path, "ranks = comm.gather(comm.rank)\nif not comm.rank: print(ranks)")
    assert mpirun(4, path).stdout.strip() == "[0, 1, 2, 3]"


def test_a_failing_rank_ends_the_others(mpirun: Callable, tmp_path: Path) -> None:
    path = program(tmp_path, "if comm.rank: raise ValueError('rank one')\ncomm.Barrier()")
    done = mpirun(2, path, check=False, timeout=60)
    assert done.returncode != 0
    assert "rank one" in done.stderr
    with pytest.raises(pytest.fail.Exception, match="rank one"):
        mpirun(2, path)


def test_a_hanging_run_is_ended(mpirun: Callable, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="no end within 3 s"):
        mpirun(2, program(tmp_path, "import time; time.sleep(600)"), timeout=3)
