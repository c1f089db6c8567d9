"""Room on the disk: checked before much is written, and reported when it runs out on the way."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gbflux.errors import InputError

MIB = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def not_writable(path: Path, error: OSError) -> InputError:
    """The error of a place that cannot be written."""
    return InputError(
        f"output: {path} must be writable; got '{error.strerror or error}'. "
        "Choose another -o or its permissions."
    )


def require_room(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin what does not fit on the disk.

    Parameters
    ----------
    folder : Path
        Where it will be written.
    needed_bytes : int
        Least amount of data that will be written.

    Raises
    ------
    InputError
        If less is free.
    """
    free = _free_bytes(folder)
    if free is not None and free < needed_bytes:
        raise _no_room(folder, needed_bytes, free, "")


@contextmanager
def disk_faults_told(folder: Path, needed_bytes: int = 0) -> Iterator[None]:
    """Turn errors of the disk in a block into messages that say where, how much, and what to do.

    Parameters
    ----------
    folder : Path
        Where the block writes.
    needed_bytes : int
        Amount of data that it writes; 0: unknown.

    Raises
    ------
    InputError
        In place of an OSError, and of the RuntimeError that h5py makes of one.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        words = _words_of_a_full_disk(error)
        if words:
            raise _no_room(folder, needed_bytes, _free_bytes(folder), words) from error
        if isinstance(error, OSError):
            raise not_writable(Path(error.filename) if error.filename else folder, error) from error
        raise


def _words_of_a_full_disk(error: BaseException | None) -> str:
    """Return the system's words on a full disk in an error or its causes; empty for any other error."""
    while error is not None:
        for code in _FULL:
            if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
                return os.strerror(code)
        error = error.__context__
    return ""


def _no_room(folder: Path, needed_bytes: int, free_bytes: int | None, words: str) -> InputError:
    """The error of a disk that is full, or will be."""
    need = f", about {_in_MiB(needed_bytes)}" if needed_bytes else ""
    said = [f"'{words}'"] if words else []
    free = [] if free_bytes is None else [f"{_in_MiB(free_bytes)} free"]
    return InputError(
        f"output: {folder} must have room for the run's files{need}; got {', '.join(said + free)}. "
        "Free some space, choose another -o, or leave fields out (output.fields: false)."
    )


def _free_bytes(folder: Path) -> int | None:
    """Room on the disk of a folder; None where the system does not say."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _in_MiB(count: float) -> str:
    """An amount of data for people.

    >>> _in_MiB(3 * 2**19), _in_MiB(4 * 2**40)
    ('1.5 MiB', '4,194,304 MiB')
    """
    return f"{count / MIB:.1f} MiB" if count < 100 * MIB else f"{count / MIB:,.0f} MiB"
