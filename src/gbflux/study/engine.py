"""The embedded engine: a pool of OS processes, one per unit of work, each of one or more MPI ranks.

Whether a case is done is read from its folder, never from what a process said or how it ended.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from gbflux.case import machine_memory
from gbflux.errors import InputError
from gbflux.study import worker
from gbflux.study.folder import TIMEOUT, Failure, StudyFolder
from gbflux.study.planning import Plan, UnitOfWork, at_a_time
from gbflux.study.worker import EVENT, WAIT_FOR_LOCK_S

PAUSE_S = 0.05
_MINUTE_S = 60.0
TIMEOUT_CODE = 124  # exit code of timeout(1)
SIGNAL_CODE = 128  # and the number of the signal: exit code of a shell
_LAST_LINES, _LONGEST = 3, 500  # of a log, as the message of a process that left none


@dataclass(frozen=True)
class Event:
    """Something happened to a case."""

    kind: Literal["begin", "stage", "done", "failed", "again"]  # ``again``: before another try
    key: str  # of the case
    text: str = ""  # the stage, or the message of a failure


class Engine:
    """Runs the open cases of a study on this machine.

    Parameters
    ----------
    plan : Plan
    folder : StudyFolder
        Made ready and locked by the caller.
    report : callable
        Told of every `Event`.
    command : callable
        Gives the command for (folder, unit key, case keys, ranks).
    """

    def __init__(
        self,
        plan: Plan,
        folder: StudyFolder,
        report: Callable[[Event], None] = lambda event: None,
        command: Callable[..., list[str]] = worker.unit_command,
    ):
        self._plan = plan
        self._folder = folder
        self._report = report
        self._command = command
        self._ranks = plan.study.run.ranks
        self._jobs: list[Job] = []
        memory = machine_memory()
        self._memory = memory.total_MiB if memory else float("inf")

    def run(self, wanted: dict[str, list[str]]) -> None:
        """Compute cases, by the key of their unit; those with the longest units first.

        Raises
        ------
        InputError
            If the folder cannot be written any more; what runs is stopped first.
        KeyboardInterrupt
            After Ctrl-C, SIGTERM or SIGHUP; what runs is stopped first.
        """
        worker.check_launcher(self._ranks)
        self._wait_for_others(list(wanted))
        units = [unit for unit in self._plan.units if unit.key in wanted]
        units.sort(key=lambda unit: -sum(unit.seconds[key] for key in wanted[unit.key]))
        queue = deque((unit, wanted[unit.key]) for unit in units)
        with _interruptible():
            try:
                while queue or self._jobs:
                    while queue and self._fits(queue[0][0]):
                        self._start(*queue.popleft())
                    time.sleep(PAUSE_S)
                    for job in list(self._jobs):
                        queue.extendleft(self._looked_after(job))
            finally:
                worker.end([job.process for job in self._jobs])
                for job in self._jobs:
                    job.log.close()

    def _wait_for_others(self, unit_keys: Sequence[str]) -> None:
        """Wait a moment for ranks of a driver that was killed; refuse units that another engine is at."""
        give_up = time.monotonic() + WAIT_FOR_LOCK_S
        while any(self._folder.is_running(key) for key in unit_keys):
            if time.monotonic() > give_up:
                raise InputError(
                    f"study folder {self._folder.path}: units of work must be free; another engine computes "
                    "some of them. Wait until it has ended: `gbflux sweep status` shows it."
                )
            time.sleep(PAUSE_S)

    def _fits(self, unit: UnitOfWork) -> bool:
        """Test whether cores and memory allow another unit; they always allow a first one."""
        if not self._jobs:
            return True
        used = sum(job.unit.memory_MiB for job in self._jobs)
        return len(self._jobs) < at_a_time(self._plan.study) and used + unit.memory_MiB <= self._memory

    def _start(self, unit: UnitOfWork, keys: list[str]) -> None:
        """Start a process for a unit."""
        path = self._folder.log(unit.key)
        with self._writing():
            path.touch()
            log = path.open("rb")
            log.seek(0, 2)
            failures = {key: self._folder.failure(key) for key in keys}
            attempts = {key: failure.attempts if failure else 0 for key, failure in failures.items()}
            process = worker.start(self._command(self._folder.path, unit.key, keys, self._ranks), path)
        self._jobs.append(Job(unit, keys, attempts, process, path, log, time.monotonic()))

    def _looked_after(self, job: Job) -> list[tuple[UnitOfWork, list[str]]]:
        """Read a job's events, mind its time; after its end, return the cases to start again."""
        ended = worker.has_ended(job.process)  # asked before the log is read: nothing comes after
        self._listen(job)
        limit = self._plan.study.run.timeout_min
        if not ended and limit is not None and time.monotonic() - job.began > limit * _MINUTE_S:
            job.timed_out = ended = True
            worker.end([job.process])
            self._listen(job)
        if not ended:
            return []
        worker.end([job.process])  # ranks that outlived mpirun
        self._jobs.remove(job)
        again = self._settled(job)
        job.log.close()
        return [(job.unit, again)] if again else []

    def _listen(self, job: Job) -> None:
        """Report the events in a job's log."""
        full = {key[: len(short)]: key for key in job.keys for short in [self._folder.case(key).name]}
        for short, kind, *text in job.lines():
            key = full.get(short, "")
            if kind == "begin":
                job.current, job.began = key, time.monotonic()
                self._report(Event("begin", key))
            elif kind == "stage":
                self._report(Event("stage", key, " ".join(text)))
            elif kind == "end":
                job.current, job.began = "", time.monotonic()
                self._report_end(job, key)

    def _report_end(self, job: Job, key: str) -> None:
        """Report a case that a job has ended with; retries are settled at the job's end."""
        failure = self._folder.failure(key)
        if self._folder.result(key) is not None:
            self._report(Event("done", key))
        elif failure is not None and failure.attempts > job.attempts[key]:
            self._report_failure(key, failure)
        else:
            return
        job.reported.add(key)

    def _report_failure(self, key: str, failure: Failure) -> None:
        """Report a failure, and whether the case is tried again."""
        self._report(Event("again" if self._may_retry(failure) else "failed", key, failure.message))

    def _may_retry(self, failure: Failure) -> bool:
        return failure.attempts <= self._plan.study.run.retries

    def _settled(self, job: Job) -> list[str]:
        """Find out what became of each case of a job that has ended; keys of those to try again."""
        unexplained, again = [], []
        for key in job.keys:
            failure = self._folder.failure(key)
            if self._folder.result(key) is not None:
                with self._writing():
                    self._folder.forget_failure(key)
                if key not in job.reported:
                    self._report(Event("done", key))
            elif failure is not None and failure.attempts > job.attempts[key]:
                if key not in job.reported:
                    self._report_failure(key, failure)
                again += [key] if self._may_retry(failure) else []
            else:
                unexplained.append(key)
        blamed, limit = job.blamed(unexplained), self._plan.study.run.timeout_min
        for key in blamed:
            with self._writing():
                failure = self._folder.fail(key, *job.verdict(limit))
            self._report_failure(key, failure)
            again += [key] if self._may_retry(failure) else []
        return [*again, *(key for key in unexplained if key not in blamed)]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say what to do where the study's folder cannot be written."""
        try:
            yield
        except OSError as error:
            raise InputError(
                f"study folder {self._folder.path}: must be writable; got '{error.strerror or error}'. "
                "Make room there, then run the study again: what is done stays."
            ) from error


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take SIGTERM and SIGHUP for Ctrl-C."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    before = {
        number: signal.signal(number, stop)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if main and signal.getsignal(number) != signal.SIG_IGN  # ignored under nohup
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Job:
    """A unit of work under way."""

    unit: UnitOfWork
    keys: list[str]  # cases that it is to compute
    attempts: dict[str, int]  # that had failed before, by key
    process: subprocess.Popen[bytes]  # or mpirun
    path: Path  # its log
    log: BinaryIO  # the same file, read on as it grows
    began: float  # the case under way, or the job (s, monotonic)
    current: str = ""  # key of the case under way; empty between cases
    timed_out: bool = False  # stopped for time
    reported: set[str] = field(default_factory=set)  # cases whose end has been reported
    _rest: bytes = b""

    def lines(self) -> Iterator[list[str]]:
        """Words of the event lines that the log has gained."""
        text = self._rest + self.log.read()
        *lines, self._rest = text.split(b"\n")
        for line in lines:
            words = line.decode("utf-8", "replace").split()
            if words[:1] == [EVENT] and len(words) >= 3:
                yield words[1:]

    def blamed(self, unexplained: Sequence[str]) -> list[str]:
        """Cases without result or failure that the job's end is put down to.

        The case under way; the next one where the job ended between two; all where none had begun.
        """
        if self.current in unexplained:
            return [self.current]
        if unexplained and (self.reported or self.timed_out):
            return [unexplained[0]]
        return list(unexplained)

    def verdict(self, limit_min: float | None) -> tuple[str, str, int]:
        """Message, error and exit code where the process left none; a case is given `limit_min`."""
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
