"""A rank may own nothing but cells beyond an electrode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi
PROGRAM = Path(__file__).with_name("cut_off_program.py")


def test_ranks_that_own_only_what_is_cut_off_take_part(mpirun: Callable) -> None:
    empty, difference = mpirun(4, PROGRAM).stdout.splitlines()[-1].split()
    assert int(empty) >= 1
    assert float(difference) <= 1e-8
