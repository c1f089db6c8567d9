"""The embedded engine: a pool of OS processes, one per unit of work, each of one or more MPI ranks.

Whether a case is done is read from its folder, never from what a process said or how it ended.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from gbflux.case import machine_memory
from gbflux.errors import InputError
from gbflux.sweep import children
from gbflux.sweep.folder import TIMEOUT, StudyFolder
from gbflux.sweep.planning import Plan, UnitOfWork, at_a_time
from gbflux.sweep.worker import EVENT

PAUSE_S = 0.05
_MINUTE_S = 60.0
_LAST_LINES = 3  # of a log, as the message of a process that left none


@dataclass(frozen=True)
class Event:
    """Something happened to a case.

    Attributes
    ----------
    kind : str
        ``begin``, ``stage``, ``done``, ``failed``, or ``again`` before another try.
    key : str
        Key of the case.
    text : str
        The stage, or the message of a failure.
    """

    kind: Literal["begin", "stage", "done", "failed", "again"]
    key: str
    text: str = ""


@dataclass(frozen=True)
class Tally:
    """How many cases of a study are in which state.

    Attributes
    ----------
    done, failed, missing : int
        Cases; timeouts count as failed.
    """

    done: int
    failed: int
    missing: int

    @property
    def total(self) -> int:
        """All cases."""
        return self.done + self.failed + self.missing


def tally(plan: Plan, folder: StudyFolder) -> Tally:
    """Count the cases of a study by their state."""
    states = [folder.state(key) for key in plan.keys]
    done, missing = states.count("done"), states.count("missing")
    return Tally(done, len(states) - done - missing, missing)


def open_cases(plan: Plan, folder: StudyFolder, retry_failed: bool) -> dict[str, list[str]]:
    """Keys of cases that are to be computed, by the key of their unit; units without are left out.

    Parameters
    ----------
    plan : Plan
        The study.
    folder : StudyFolder
        Its folder.
    retry_failed : bool
        Count what has failed for good too, as if it had never been tried.
    """
    wanted: dict[str, list[str]] = {}
    for unit in plan.units:
        for key in unit.cases:
            if folder.result(key) is not None:
                continue
            failure = folder.failure(key)
            if failure is not None and retry_failed:
                folder.forget_failure(key)
            elif failure is not None and failure.attempts > plan.study.run.retries:
                continue
            wanted.setdefault(unit.key, []).append(key)
    return wanted


@dataclass
class _Job:
    """A unit of work under way."""

    unit: UnitOfWork
    keys: list[str]
    attempts: dict[str, int]
    process: subprocess.Popen[bytes]
    log: Any
    began: float
    current: str = ""
    timed_out: bool = False
    told: set[str] = field(default_factory=set)
    rest: bytes = b""

    def lines(self) -> Iterator[list[str]]:
        """Words of the event lines that the log has gained."""
        text = self.rest + self.log.read()
        *lines, self.rest = text.split(b"\n")
        for line in lines:
            words = line.decode("utf-8", "replace").split()
            if words[:1] == [EVENT] and len(words) >= 3:
                yield words[1:]


class Engine:
    """Runs the open cases of a study on this machine.

    Parameters
    ----------
    plan : Plan
        The study.
    folder : StudyFolder
        Its folder, made ready and locked by the caller.
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
        command: Callable[..., list[str]] = children.unit_command,
    ):
        self._plan = plan
        self._folder = folder
        self._report = report
        self._command = command
        self._ranks = plan.study.run.ranks
        self._jobs: list[_Job] = []
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
        children.check_launcher(self._ranks)
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
                children.end([job.process for job in self._jobs])
                for job in self._jobs:
                    job.log.close()

    def _fits(self, unit: UnitOfWork) -> bool:
        """Whether cores and memory allow another unit; a first one always may."""
        if not self._jobs:
            return True
        used = sum(job.unit.largest.memory_MiB for job in self._jobs)
        return (
            len(self._jobs) < at_a_time(self._plan.study) and used + unit.largest.memory_MiB <= self._memory
        )

    def _start(self, unit: UnitOfWork, keys: list[str]) -> None:
        """Start a process for a unit."""
        path = self._folder.log(unit.key)
        with self._writing():
            path.touch()
            log = path.open("rb")
            log.seek(0, 2)
            failures = {key: self._folder.failure(key) for key in keys}
            attempts = {key: failure.attempts if failure else 0 for key, failure in failures.items()}
            process = children.start(self._command(self._folder.path, unit.key, keys, self._ranks), path)
        self._jobs.append(_Job(unit, keys, attempts, process, log, time.monotonic()))

    def _looked_after(self, job: _Job) -> list[tuple[UnitOfWork, list[str]]]:
        """Read a job's events, mind its time; after its end, what is to be started again."""
        ended = children.has_ended(job.process)  # asked before the log is read: nothing comes after
        self._listen(job)
        limit = self._plan.study.run.timeout_min
        if not ended and limit is not None and time.monotonic() - job.began > limit * _MINUTE_S:
            job.timed_out = ended = True
            children.end([job.process])
            self._listen(job)
        if not ended:
            return []
        children.end([job.process])  # ranks that outlived mpirun
        self._jobs.remove(job)
        again = self._settled(job)
        job.log.close()
        return [(job.unit, again)] if again else []

    def _listen(self, job: _Job) -> None:
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
                if self._folder.result(key) is not None:
                    job.told.add(key)
                    self._report(Event("done", key))

    def _settled(self, job: _Job) -> list[str]:
        """Find out what became of each case of a job that has ended; keys of those to try again."""
        untold, failed = [], []
        for key in job.keys:
            failure = self._folder.failure(key)
            if self._folder.result(key) is not None:
                with self._writing():
                    self._folder.forget_failure(key)
                if key not in job.told:
                    self._report(Event("done", key))
            elif failure is not None and failure.attempts > job.attempts[key]:
                failed.append((key, failure.attempts, failure.message))
            else:
                untold.append(key)
        blamed = self._blamed(job, untold)
        for key in blamed:
            message, error, code = self._verdict(job)
            with self._writing():
                failure = self._folder.fail(key, message, error, code)
            failed.append((key, failure.attempts, message))
        again = [key for key in untold if key not in blamed]
        for key, attempts, message in failed:
            retry = attempts <= self._plan.study.run.retries
            self._report(Event("again" if retry else "failed", key, message))
            again += [key] if retry else []
        return again

    @staticmethod
    def _blamed(job: _Job, untold: Sequence[str]) -> list[str]:
        """Cases that a job's end is put down to: the one under way; all where none had begun."""
        if job.current in untold:
            return [job.current]
        if untold and (job.told or job.timed_out):
            return [untold[0]]
        return list(untold)

    def _verdict(self, job: _Job) -> tuple[str, str, int]:
        """Message, error and exit code of a process that left no message of its own."""
        code = job.process.returncode
        if job.timed_out:
            limit = self._plan.study.run.timeout_min
            return (
                f"stopped after run.timeout_min, {limit:g} min. Raise it, or take a coarser mesh.",
                TIMEOUT,
                124,
            )
        last = self._last_lines(job)
        if code < 0:
            name = signal.Signals(-code).name
            return f"killed by {name} (out of memory?). {last}".strip(), "Killed", 128 - code
        return f"ended with exit code {code} and no result. {last}".strip(), "Ended", code

    def _last_lines(self, job: _Job) -> str:
        """The last words of a log."""
        try:
            lines = self._folder.log(job.unit.key).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        said = [line.strip() for line in lines if line.strip() and not line.startswith(EVENT)]
        return " | ".join(said[-_LAST_LINES:])[-500:]

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

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
