"""Ranks bound to a core each: what rank 0 does alone may use the cores of all."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from gbflux.simulation.mpi_job import on_cores

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system does not tell which cores a process may use"
)
BOUND = """
import os
from mpi4py import MPI
from gbflux.simulation.mpi_job import cores_beside_root
comm, cores = MPI.COMM_WORLD, sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, {cores[comm.rank % len(cores)]})
together = cores_beside_root(comm)
everyone = {cores[rank % len(cores)] for rank in range(comm.size)}
assert together == (everyone if comm.rank == 0 else set()), (comm.rank, together)
print("as it should be", flush=True)
"""


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_rank_0_finds_the_cores_of_all_ranks_beside_it(ranks: int, mpirun: Callable) -> None:
    """However the launcher has bound them."""
    done = mpirun(ranks, "-c", BOUND, plain=True)
    assert done.stdout.count("as it should be") == ranks


def test_a_system_that_gives_no_other_cores_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    entered = False
    with on_cores(frozenset([0])):
        entered = True
    assert entered


def test_cores_are_as_before_after_the_block() -> None:
    """Also where it fails; without a word on cores nothing changes."""
    before = os.sched_getaffinity(0)
    one = frozenset([min(before)])

    def fails_on_one() -> None:
        with on_cores(one):
            assert os.sched_getaffinity(0) == one
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_on_one()
    assert os.sched_getaffinity(0) == before
    with on_cores(frozenset()):
        assert os.sched_getaffinity(0) == before
