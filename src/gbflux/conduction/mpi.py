"""Ranks that agree on errors, and arrays that travel between rank 0 and the others.

One error is raised on all ranks, and waiting leaves the processor to rank 0. Arrays go through buffers: an
MPI count is a 32-bit integer, so large ones travel in pieces, and nothing is pickled but a small header.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

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


#: Largest message (bytes).
MESSAGE = 2**28

_TAG = 17


def send(comm: MPI.Intracomm, array: NDArray, rank: int) -> None:
    """Send an array of any size to `rank`, which must call `receive`."""
    array = np.ascontiguousarray(array)
    comm.send((array.shape, array.dtype.str), rank, _TAG)
    for piece in _pieces(array):
        comm.Send([piece, MPI.BYTE], rank, _TAG)


def receive(comm: MPI.Intracomm, rank: int) -> NDArray:
    """Receive the array that `rank` gives to `send`."""
    shape, dtype = comm.recv(source=rank, tag=_TAG)
    array = np.empty(shape, dtype=dtype)
    for piece in _pieces(array):
        comm.Recv([piece, MPI.BYTE], rank, _TAG)
    return array


def _pieces(array: NDArray) -> list[NDArray[np.uint8]]:
    """Return the bytes of a contiguous array in views no larger than a message."""
    data = array.reshape(-1).view(np.uint8)
    return [data[start : start + MESSAGE] for start in range(0, len(data), MESSAGE)]


def scatter(comm: MPI.Intracomm, part: Callable[[int], NDArray] | None) -> NDArray:
    """Give each rank its own array; *collective*.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks.
    part : callable or None
        On rank 0 returns the array of a rank; called for one rank after the other so that one copy exists at
        a time.

    Returns
    -------
    array
        This rank's array.
    """
    if comm.rank != 0:
        return receive(comm, 0)
    for rank in range(1, comm.size):
        send(comm, part(rank), rank)
    return part(0)


def gather_rows(
    comm: MPI.Intracomm, rows: NDArray, places: Sequence[NDArray] | None, count: int
) -> NDArray | None:
    """Collect rows on rank 0; *collective*.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks.
    rows : (k, ...) array
        This rank's rows.
    places : sequence of (k,) int arrays or None
        On rank 0, where the rows of each rank go. Rows of several ranks at one place must be equal.
    count : int
        Number of rows in all; used on rank 0 only.

    Returns
    -------
    (count, ...) array or None
        The rows in place, on rank 0.
    """
    if comm.rank != 0:
        send(comm, rows, 0)
        return None
    collected = np.empty((count, *rows.shape[1:]), dtype=rows.dtype)
    collected[places[0]] = rows
    for rank in range(1, comm.size):
        collected[places[rank]] = receive(comm, rank)
    return collected
