"""Starting the ranks of an MPI job, and ending them together."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gbflux.errors import GbfluxError, MissingLibrary, Silenced
from gbflux.simulation.launch import become_mpi_job, check_ranks, job_size


def world() -> Any:
    """The communicator of all ranks of this process's job."""
    from mpi4py import MPI

    return MPI.COMM_WORLD


def cores_beside_root(comm: Any) -> frozenset[int]:
    """Return on rank 0 the cores that the ranks on its computer may use; *collective*.

    Launchers often bind each rank to a core of its own. While rank 0 works alone with other processes or
    threads, the cores of the ranks that sleep are idle. The set is empty on other ranks, and where the system
    cannot tell.
    """
    from mpi4py import MPI

    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    host = MPI.Get_processor_name()
    found = comm.gather((host, sorted(mine)))
    if comm.rank:
        return frozenset()
    return frozenset(core for where, cores in found if where == host for core in cores)


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Run a block, and the processes it starts, on these cores; without any, on the same cores as before."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, before)


@contextmanager
def mpi_session() -> Iterator[int]:
    """Run a block on every rank, rank given; an error of gbflux is reported once, others end all ranks."""
    try:
        comm = world()
    except ImportError as error:
        raise MissingLibrary(
            f"mpi4py must be importable; got {error}. Run `make setup`; `gbflux doctor` tells more."
        ) from error
    try:
        yield comm.rank
    except GbfluxError as error:
        if comm.rank:
            raise Silenced(error.exit_code) from error
        raise
    except BaseException as error:
        if comm.size == 1 or not isinstance(error, Exception):
            raise
        traceback.print_exc()
        print(f"gbflux: rank {comm.rank} failed; all ranks end.", file=sys.stderr, flush=True)
        comm.Abort(1)


@contextmanager
def mpi_job(ranks: int | None, words: Sequence[str], check: Callable[[], Any]) -> Iterator[int]:
    """Run a block on each rank: those of the launcher, or new ones that run ``gbflux words``.

    Parameters
    ----------
    ranks : int or None
        Ranks asked for.
    words : sequence of str
        Words after ``gbflux`` that lead to this very place.
    check : callable
        Raises what is wrong with the input; called before ranks are started.
    """
    if not job_size():
        check()
        become_mpi_job(ranks or 1, words)
    with mpi_session() as rank:
        check_ranks(ranks)
        yield rank
