"""One rank without the memory to factorise its seam: all ranks raise, none waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gbflux.conduction.recycling import SET_UP

pytestmark = pytest.mark.mpi
PROGRAM = Path(__file__).with_name("seam_program.py")


def test_all_ranks_raise_together(mpirun: Callable, tmp_path: Path) -> None:
    last = mpirun(2, PROGRAM, tmp_path).stdout.splitlines()[-1]
    assert last.startswith("False True False SolverError: solver: ")
    assert "no memory" in last


def test_a_preconditioner_that_serves_badly_is_given_up(mpirun: Callable, tmp_path: Path) -> None:
    """On four ranks, whose seams do not see each other, one thickness would take 146 iterations."""
    program = PROGRAM.with_name("patience_program.py")
    iterations = [int(word) for word in mpirun(4, program, tmp_path).stdout.splitlines()[-1].split()]
    assert len(iterations) == 8
    assert max(iterations) <= 2 * iterations[0] + SET_UP
