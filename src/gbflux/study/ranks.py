"""Ending all ranks of an MPI job together."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from gbflux.errors import GbfluxError, MissingLibrary, Silenced


@contextmanager
def mpi_session() -> Iterator[int]:
    """Run a block on every rank, rank given; an error of gbflux is told once, any other ends all ranks."""
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise MissingLibrary(
            f"mpi4py must be importable; got {error}. Run `make setup`; `gbflux doctor` tells more."
        ) from error
    comm = MPI.COMM_WORLD
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
