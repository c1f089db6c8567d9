"""Stages of a run: their times, and a line for each."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from gbflux.results.disk import not_writable

logger = logging.getLogger(__name__)

#: Stages in the order in which a run goes through them.
STAGES = ("grains", "mesh", "layers", "distribute", "assemble", "solve", "bracket", "measure", "write")


@dataclass
class Progress:
    """Keeps the time of a run's stages and reports them.

    Attributes
    ----------
    announce : callable, optional
        Called with a stage's name when it begins, for a display that can be wiped.
    seconds : dict
        Time by stage (s).
    """

    announce: Callable[[str], None] | None = None
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    began: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str, label: str = "") -> Iterator[None]:
        """Time a block as stage `name`."""
        self.begin(label or name)
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start

    def begin(self, name: str) -> None:
        """Say that a stage begins."""
        if self.announce is not None:
            self.announce(name)

    def add(self, seconds: dict[str, float]) -> None:
        """Count times taken elsewhere."""
        for name, value in seconds.items():
            self.seconds[name] += value

    def note(self, stage: str, text: str) -> None:
        """One line on what a stage did, with the time since the start."""
        logger.info("%7.1f s  %-10s %s", self.total(), stage, text)

    def total(self) -> float:
        """Time since the start (s)."""
        return time.perf_counter() - self.began


def log_file(path: Path) -> logging.FileHandler:
    """A log file begun afresh, for `logged_to`.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        handler = _LogFile(path, mode="w", encoding="utf-8")
    except OSError as error:
        raise not_writable(path, error) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


class _LogFile(logging.FileHandler):
    """A log that a full disk does not stop: writing the run's other files raises the error."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: the line is lost."""

    def close(self) -> None:
        """Close the file, written to its end or not."""
        with suppress(OSError):
            super().close()


@contextmanager
def logged_to(handler: logging.Handler | None) -> Iterator[None]:
    """Send what gbflux logs to a file as well, with dates, and close it at the end; nothing without one."""
    if handler is None:
        yield
        return
    root = logging.getLogger("gbflux")
    level, propagate = root.level, root.propagate
    added: list[logging.Handler] = [handler]
    if propagate and root.getEffectiveLevel() > logging.INFO:
        # what is let through for the file is not for others: libraries give the root logger a handler
        added.append(_Upwards(root.getEffectiveLevel()))
        root.propagate = False
    for one in added:
        root.addHandler(one)
    root.setLevel(min(logging.INFO, level or logging.INFO))
    try:
        yield
    except Exception as error:
        # for the file alone: the error is reported where it is caught
        words = (type(error).__name__, error)
        handler.handle(root.makeRecord(root.name, logging.ERROR, __file__, 0, "%s: %s", words, None))
        raise
    finally:
        for one in added:
            root.removeHandler(one)
        root.setLevel(level)
        root.propagate = propagate
        handler.close()


class _Upwards(logging.Handler):
    """Passes on to the root logger's handlers what they would have seen."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        logging.getLogger().callHandlers(record)
