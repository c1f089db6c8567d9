"""Locks of the kernel on files: they end with the process that holds them, however it ends.

A lock file is never deleted and its age means nothing: whether it is locked is asked of the kernel alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gbflux.errors import InputError

logger = logging.getLogger(__name__)

_PAUSE_S = 0.02
#: `is_locked` holds a lock for a moment to see whether it can: no one is refused for that.
_PROBE_S = 0.5


@contextlib.contextmanager
def locked(path: Path, what: str, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock on a file during a block.

    Parameters
    ----------
    path : Path
        Lock file; made if it is not there.
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
