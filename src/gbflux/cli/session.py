"""Progress of the commands that compute, shown on stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gbflux.simulation import Progress


@contextmanager
def progress_shown(rank: int) -> Iterator[Progress]:
    """Lines on stderr for each stage, and on a terminal the stage under way."""
    from gbflux.simulation import Progress

    logger = logging.getLogger("gbflux")
    terminal = rank == 0 and (sys.stderr.isatty() or os.environ.get("GBFLUX_TERMINAL") == "1")
    handler = _Lines(terminal) if rank == 0 else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield Progress(announce=handler.announce if terminal else None)
    finally:
        if terminal:
            handler.wipe()
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


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
