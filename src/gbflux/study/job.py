"""A unit of work under way: its process, the events in its log, and the causes of its end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gbflux.study.folder import TIMEOUT
from gbflux.study.planning import UnitOfWork
from gbflux.study.worker import EVENT

TIMEOUT_CODE = 124  # exit code of timeout(1)
SIGNAL_CODE = 128  # and the number of the signal: exit code of a shell
_LAST_LINES, _LONGEST = 3, 500  # of a log, as the message of a process that left none


@dataclass
class Job:
    """A unit of work under way.

    Attributes
    ----------
    unit : UnitOfWork
    keys : list of str
        Cases that it is to compute.
    attempts : dict
        Attempts that had failed before, by key.
    process : Popen
        Its process, or mpirun.
    path : Path
        Its log.
    log : file
        The same, read on as it grows.
    began : float
        When the case under way began, or the job (s, monotonic).
    current : str
        Key of the case under way; empty between cases.
    timed_out : bool
        True if it was stopped for time.
    told : set of str
        Cases whose end has been reported.
    """

    unit: UnitOfWork
    keys: list[str]
    attempts: dict[str, int]
    process: subprocess.Popen[bytes]
    path: Path
    log: BinaryIO
    began: float
    current: str = ""
    timed_out: bool = False
    told: set[str] = field(default_factory=set)
    _rest: bytes = b""

    def lines(self) -> Iterator[list[str]]:
        """Words of the event lines that the log has gained."""
        text = self._rest + self.log.read()
        *lines, self._rest = text.split(b"\n")
        for line in lines:
            words = line.decode("utf-8", "replace").split()
            if words[:1] == [EVENT] and len(words) >= 3:
                yield words[1:]

    def blamed(self, untold: Sequence[str]) -> list[str]:
        """Cases without result or failure that the job's end is put down to.

        The case under way; the next one where the job ended between two; all where none had begun.
        """
        if self.current in untold:
            return [self.current]
        if untold and (self.told or self.timed_out):
            return [untold[0]]
        return list(untold)

    def verdict(self, limit_min: float | None) -> tuple[str, str, int]:
        """Message, error and exit code where the process left no message of its own.

        Parameters
        ----------
        limit_min : float or None
            Time that a case was given (min).
        """
        code = self.process.returncode
        if self.timed_out:
            message = f"stopped after run.timeout_min, {limit_min:g} min. Raise it, or take a coarser mesh."
            return message, TIMEOUT, TIMEOUT_CODE
        if code < 0:
            name = signal.Signals(-code).name
            message = f"killed by {name} (out of memory?). {self._last_words()}"
            return message.strip(), "Killed", SIGNAL_CODE - code
        return f"ended with exit code {code} and no result. {self._last_words()}".strip(), "Ended", code

    def _last_words(self) -> str:
        """The last lines of the log that are not events."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        said = [line.strip() for line in lines if line.strip() and not line.startswith(EVENT)]
        return " | ".join(said[-_LAST_LINES:])[-_LONGEST:]
