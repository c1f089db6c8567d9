"""What the commands that compute share: joining an MPI job, showing progress, ending all ranks together."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gbflux.errors import GbfluxError

if TYPE_CHECKING:
    from gbflux.study import Progress


class Silenced(GbfluxError):
    """An error that rank 0 reports for all ranks; carries the exit code."""

    def __init__(self, exit_code: int):
        self.exit_code = exit_code
        super().__init__("")


@contextmanager
def mpi_session() -> Iterator[int]:
    """Run a block on every rank of the job, rank given; an error of gbflux is told once, any other ends all ranks."""
    from gbflux.errors import MissingLibrary

    try:
        from mpi4py import MPI
    except ImportError as error:
        raise MissingLibrary(f"mpi4py must be importable; got {error}. Run `make setup`; `gbflux doctor` tells more.") from error
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


@contextmanager
def progress_shown(rank: int, log_file: Path | None = None) -> Iterator[Progress]:
    """Lines on stderr for each stage, and on a terminal the stage under way; the lines also go to `log_file`."""
    from gbflux.study import Progress

    logger = logging.getLogger("gbflux")
    terminal = rank == 0 and (sys.stderr.isatty() or os.environ.get("GBFLUX_TERMINAL") == "1")
    handler = _Lines(terminal) if rank == 0 else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield Progress(announce=handler.announce if terminal else None)
    finally:
        if terminal:
            handler.wipe()
        logger.removeHandler(handler)


class _Lines(logging.Handler):
    """Log lines on stderr; on a terminal the last line shows the stage under way and is wiped by the next."""

    def __init__(self, terminal: bool):
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self.wipe()
        print(self.format(record), file=sys.stderr, flush=True)

    def announce(self, stage: str) -> None:
        """Show a stage under way."""
        self.wipe()
        print(f"           {stage} …", end="\r", file=sys.stderr, flush=True)

    def wipe(self) -> None:
        """Clear the line under way."""
        if self._terminal:
            print("\x1b[2K", end="\r", file=sys.stderr, flush=True)
