"""The folder of a study: a folder for each case, named by the case's hash; what is done, what has failed.

Whole ``result.json`` means done, nothing else does; times of files mean nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import platform
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gbflux.case.grain_files import FILE_KEYS, GrainFile, path_of
from gbflux.errors import CaseError, InputError
from gbflux.results.folder import write_text
from gbflux.results.result import Result, read_result
from gbflux.study.study import Study, case_data, load_study

logger = logging.getLogger(__name__)

KEY_DIGITS = 16  # of a hash in a folder's name

State = Literal["done", "failed", "timeout", "missing"]
TIMEOUT = "Timeout"
_OWN_FIRST = ("study.lock",)  # what a run that was stopped at once may have left
_PAUSE_S = 0.02
#: `is_locked` holds a lock for a moment to see whether it can: no one is refused for that.
_PROBE_S = 0.5


@dataclass(frozen=True)
class Failure:
    """Failure of a case, the reason why it has no result, as in ``failure.json``."""

    message: str
    error: str  # name of the exception; "Timeout", "Killed" or "Ended" where the process left none
    exit_code: int  # of the error or of the process; 128 + n after signal n
    attempts: int  # times the case was tried
    time: str  # when (UTC)


@dataclass(frozen=True)
class StudyFolder:
    """Folder in which a study leaves its files."""

    path: Path

    @property
    def study_file(self) -> Path:
        """``study.resolved.yaml``: the study with its case, free of other files."""
        return self.path / "study.resolved.yaml"

    def case(self, key: str) -> Path:
        """Folder of a case, by the case's key."""
        return self.path / "cases" / key[:KEY_DIGITS]

    def log(self, unit_key: str) -> Path:
        """Log file of a unit of work."""
        return self.path / "logs" / f"{unit_key[:KEY_DIGITS]}.log"

    def unit_lock(self, unit_key: str) -> Path:
        """Held while a unit of work is computed, by whichever engine."""
        return self.path / "locks" / f"{unit_key[:KEY_DIGITS]}.lock"

    def driver_lock(self) -> contextlib.AbstractContextManager[None]:
        """Held by the one process that runs the study."""
        return locked(self.path / "study.lock", f"study folder {self.path}")

    def driver(self) -> str:
        """The process that runs the study, in words; empty where none does."""
        return holder(self.path / "study.lock")

    def is_running(self, unit_key: str) -> bool:
        """Test whether a unit of work is being computed."""
        return is_locked(self.unit_lock(unit_key))

    def result(self, key: str) -> Result | None:
        """The result of a case; None unless it is there and whole."""
        try:
            return read_result(self.case(key) / "result.json")
        except InputError:
            return None

    def failure(self, key: str) -> Failure | None:
        """Return the failure of a case; None if it has not failed, or its file is not whole."""
        try:
            return Failure(**json.loads((self.case(key) / "failure.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def state(self, key: str) -> State:
        """State of a case by its files alone."""
        if self.result(key) is not None:
            return "done"
        failure = self.failure(key)
        if failure is None:
            return "missing"
        return "timeout" if failure.error == TIMEOUT else "failed"

    def fail(self, key: str, message: str, error: str, exit_code: int) -> Failure:
        """Write down that a case has failed once more; an OSError if that cannot be."""
        before = self.failure(key)
        attempts = before.attempts + 1 if before else 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        failure = Failure(message, error, exit_code, attempts, now)
        self.case(key).mkdir(parents=True, exist_ok=True)
        write_text(self.case(key) / "failure.json", json.dumps(asdict(failure), indent=2) + "\n")
        return failure

    def forget_failure(self, key: str) -> None:
        """Remove what is written about a failure."""
        (self.case(key) / "failure.json").unlink(missing_ok=True)

    def check(self, study: Study) -> None:
        """Refuse, by an InputError, a folder that holds something else."""
        remedy = "Choose another -o."
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"output: {self.path} must be a folder; got a file. {remedy}")
        if self.study_file.exists():
            try:
                name = self.study().name
            except InputError:  # broken, or of a version with other keys: it is written anew
                return
            if name != study.name:
                raise InputError(
                    f"output: {self.path} must hold study {study.name}; got study {name}. {remedy}"
                )
        elif self.path.exists() and any(entry.name not in _OWN_FIRST for entry in self.path.iterdir()):
            raise InputError(
                f"output: {self.path} must be empty or hold this study; got other files. {remedy}"
            )

    def prepare(self, study: Study) -> None:
        """Write down the study, so that it can be run and read without its own files.

        An InputError if the folder cannot be written.
        """
        try:
            for name in ("cases", "logs", "locks"):
                (self.path / name).mkdir(parents=True, exist_ok=True)
            text = self._resolved(study)
            if not self.study_file.exists() or self.study_file.read_text(encoding="utf-8") != text:
                write_text(self.study_file, text)
        except OSError as error:
            raise InputError(
                f"output: {self.path} must be writable; got '{error.strerror or error}'. "
                "Make room, choose another -o or its permissions."
            ) from error

    def make(self) -> None:
        """Make the folder itself, for its lock; an InputError if it cannot be made."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"output: {self.path} cannot be made: {error.strerror}. Choose another -o."
            ) from error

    def study(self) -> Study:
        """The study that the folder holds; an InputError if it holds none."""
        try:
            return load_study(self.study_file)
        except CaseError as error:
            raise InputError(f"{self.path}: must hold a study; got: {error}") from error

    def _resolved(self, study: Study) -> str:
        """Text of ``study.resolved.yaml``: JSON, which is YAML too; seeds files are copied beside it."""
        copies: dict[str, str] = {}
        for seeds in {case.grains.file for case in study.cases if case.grains.file is not None}:
            copies |= self._copied(seeds, study.case.folder)
        data = {**study.data, "name": study.name, "case": case_data(study)}
        text = json.dumps(_with_copies(data, "", copies, study.case.folder), indent=2, ensure_ascii=False)
        return f"# A study with its case; `gbflux sweep` takes this folder for the study.\n{text}\n"

    def _copied(self, seeds: GrainFile, folder: Path) -> dict[str, str]:
        """A seeds file copied into the folder: its path to its new name."""
        digits = seeds.sha256[:KEY_DIGITS]
        name = f"seeds/{Path(seeds.path).stem.removesuffix(f'-{digits}')}-{digits}.csv"
        target = self.path / name
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            draft = target.with_suffix(".part")
            shutil.copyfile(seeds.path, draft)
            draft.replace(target)
        return {seeds.path: name}


def _with_copies(value: Any, key: str, copies: Mapping[str, str], folder: Path) -> Any:
    """Data with the names of seeds files replaced by those of their copies."""
    if isinstance(value, Mapping):
        return {name: _with_copies(item, name, copies, folder) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_copies(item, key, copies, folder) for item in value]
    if isinstance(value, str) and key.split(".")[-1] in FILE_KEYS:
        return copies.get(str(path_of(value, folder)), value)
    return value


@contextlib.contextmanager
def locked(path: Path, what: str, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock on a file, made if it is not there, during a block.

    Parameters
    ----------
    path : Path
        Lock file.
    what : str
        What the lock stands for, as a message calls it.
    patience_s : float
        Longest wait for another process to end (s).

    Raises
    ------
    InputError
        If another process holds it; the message names host, process and time. Or if the file cannot be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(
            f"{what}: must be writable, for the lock {path}; got '{error.strerror}'. "
            "Work on a copy of the folder, or change its permissions."
        ) from error
    try:
        _take(handle, path, what, patience_s)
        _sign(handle)
        yield
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Test whether a process holds the lock on a file."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def holder(path: Path) -> str:
    """Return who holds the lock on a file, in words; empty where nobody does."""
    return _holder(path) if is_locked(path) else ""


def _take(handle: int, path: Path, what: str, patience_s: float) -> None:
    """Lock an open file, or raise with who has it."""
    give_up = time.monotonic() + max(patience_s, _PROBE_S)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= give_up:
                raise InputError(
                    f"{what}: must be free; {_holder(path)} is at work on it. "
                    "Wait until it has ended, or stop it there."
                ) from None
            time.sleep(_PAUSE_S)
        except OSError as error:  # a file system without locks
            logger.warning("%s: cannot be locked (%s); make sure that nothing else works on it", path, error)
            return


def _sign(handle: int) -> None:
    """Write down who holds the lock; a full disk is no reason to stop here."""
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        signature = {
            "host": platform.node(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.pwrite(handle, json.dumps(signature).encode(), 0)


def _holder(path: Path) -> str:
    """Return who holds a lock, in words."""
    try:
        signature = json.loads(path.read_text(encoding="utf-8"))
        return f"process {signature['pid']} on {signature['host']} (since {signature['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
