"""One rank without the memory to factorise its seam: all ranks raise, none waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi
PROGRAM = Path(__file__).with_name("seam_program.py")


def test_all_ranks_raise_together(mpirun: Callable, tmp_path: Path) -> None:
    last = mpirun(2, PROGRAM, tmp_path).stdout.splitlines()[-1]
    assert last.startswith("False True False SolverError: solver: ")
    assert "no memory" in last
