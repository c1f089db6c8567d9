"""Ranks that agree: one error for all of them, and waiting that leaves the processor to rank 0."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mpi4py import MPI

#: Pause between two looks at a pending request (s).
NAP = 5.0e-3


def raise_together(comm: MPI.Intracomm, error: Exception | None) -> None:
    """Raise on every rank if any rank has an error; *collective*.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks that have to agree.
    error : Exception or None
        This rank's error.

    Raises
    ------
    Exception
        On each rank its own error, or else that of the lowest rank that has one.
    """
    first = next((e for e in comm.allgather(error) if e is not None), None)
    if first is not None:
        raise error if error is not None else first


@contextmanager
def errors_of_root(comm: MPI.Intracomm) -> Iterator[bool]:
    """Run a block on rank 0 while the others sleep, and raise its error on every rank; *collective*.

    Every rank enters the block; the value given is True on rank 0, which has to do the work.

    Examples
    --------
    >>> with errors_of_root(MPI.COMM_SELF) as is_root:
    ...     answer = 6 * 7 if is_root else None
    >>> answer
    42
    """
    error: Exception | None = None
    try:
        yield comm.rank == 0
    except Exception as caught:
        error = caught
    wait_asleep(comm)
    raise_together(comm, error)


def wait_asleep(comm: MPI.Intracomm) -> None:
    """Wait until all ranks have arrived, asleep instead of spinning; *collective*.

    A blocking MPI call keeps a core busy, which the mesher on rank 0 could use.
    """
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(NAP)
