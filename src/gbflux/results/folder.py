"""The folder of one run: whose it is, what is in it, and when it is finished.

``result.json`` is written last and moved into place whole: a folder that has it is finished, one that has not
is not.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gbflux.case import Case, load_case, resolved_yaml
from gbflux.errors import CaseError, GbfluxError, InputError
from gbflux.results.result import DEFINITIONS, Result, read_result

_OWN = (
    "result.json",
    "case.resolved.yaml",
    "seeds.csv",
    "provenance.json",
    "run.log",
    "grains.csv",
    "boundaries.csv",
    "electrode_bottom.vtp",
    "electrode_top.vtp",
    "fields.hdf",
    "figures",
    "report.html",
)
#: Where an earlier run's files lie meanwhile, in the folder itself, so that moving them costs nothing.
ASIDE = ".earlier-run"
MIB = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what systems call a full disk


@dataclass(frozen=True)
class RunFolder:
    """Folder in which a run leaves its files."""

    path: Path

    @property
    def result_file(self) -> Path:
        """``result.json``."""
        return self.path / "result.json"

    @property
    def case_file(self) -> Path:
        """``case.resolved.yaml``."""
        return self.path / "case.resolved.yaml"

    @property
    def fields_file(self) -> Path:
        """``fields.hdf``."""
        return self.path / "fields.hdf"

    @property
    def log_file(self) -> Path:
        """``run.log``."""
        return self.path / "run.log"

    @property
    def figures(self) -> Path:
        """Folder of the pictures."""
        return self.path / "figures"

    def finished(self, case: Case, key: str | None = None) -> Result | None:
        """The result of this very case, if the folder holds it, measured as results are today.

        `key` is the `case_hash` of a case that shares its mesh, see `gbflux.simulation.shared_mesh.case_key`;
        by default the case's `physics_hash`.

        Raises
        ------
        InputError
            If the folder holds another case's files.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"output: {self.path} must be a folder; got a file. Choose another -o.")
        held = self._held_hash()
        if held is not None and held != case.physics_hash:
            raise InputError(
                f"output: {self.path} must be empty or hold this case (hash {case.physics_hash[:12]}); "
                f"got another case's files (hash {held[:12]}). "
                "Choose another -o, or replace them with --force."
            )
        if held is None or not self.result_file.exists():
            return None
        try:
            result = read_result(self.result_file)
        except InputError:
            return None
        current = result.definitions == DEFINITIONS
        return result if current and result.case_hash == (key or case.physics_hash) else None

    def _held_hash(self) -> str | None:
        """Hash of the case whose files are here; None if there are none."""
        if not self.case_file.exists():
            return None
        try:
            return load_case(self.case_file).physics_hash
        except CaseError:
            return "unreadable"

    def begin(self, case: Case) -> Claim:
        """Make the folder, move an earlier run's files aside, and write down the case.

        Returns
        -------
        Claim
            To be kept or undone when the run ends.

        Raises
        ------
        InputError
            If the folder cannot be written; it is then as it was.
        """
        try:
            seeds = case.grains.file
            # the file of grains may lie in this very folder
            points = None if seeds is None else Path(seeds.path).read_bytes()
            taken = claim(self.path, _OWN)
            try:
                if points is not None:
                    (self.path / "seeds.csv").write_bytes(points)
                write_text(self.case_file, resolved_yaml(case, None if seeds is None else "seeds.csv"))
            except OSError:
                taken.undo()
                raise
        except OSError as error:
            raise not_writable(self.path, error) from error
        return taken

    def write_json(self, name: str, tree: Any) -> None:
        """Write a JSON file in one step; NaN is an error."""
        write_text(self.path / name, json.dumps(tree, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file under another name and move it into place, so that a reader sees all of it or nothing."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(draft, 0o666 & ~_umask())
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's file-creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@dataclass(frozen=True)
class Claim:
    """A folder that a run has taken."""

    path: Path
    names: tuple[str, ...]  # files that a run may leave in it
    made: tuple[Path, ...]  # folders that did not exist before, innermost first

    def keep(self) -> None:
        """The run's files stay, those of the earlier run go."""
        shutil.rmtree(self.path / ASIDE, ignore_errors=True)

    def undo(self) -> None:
        """The run's files go, those of the earlier run come back, and folders made for the run go."""
        for name in self.names:
            remove(self.path / name)
        aside = self.path / ASIDE
        for entry in sorted(aside.iterdir()) if aside.is_dir() else ():
            entry.replace(self.path / entry.name)
        with contextlib.suppress(OSError):
            aside.rmdir()
        for folder in self.made:
            with contextlib.suppress(OSError):  # somebody else has put something into it
                folder.rmdir()


def claim(path: Path, names: Sequence[str]) -> Claim:
    """Make a folder where there is none, and move aside what an earlier run left in it of these names.

    Raises
    ------
    OSError
        If that cannot be; nothing is left of the attempt.
    """
    made = tuple(folder for folder in (path, *path.parents) if not folder.exists())
    taken = Claim(path, tuple(names), made)
    try:
        path.mkdir(parents=True, exist_ok=True)
        remove(path / ASIDE)  # of a run that was killed
        held = [name for name in names if (path / name).exists() or (path / name).is_symlink()]
        if held:
            (path / ASIDE).mkdir()
        for name in held:
            (path / name).replace(path / ASIDE / name)
    except OSError:
        with contextlib.suppress(OSError):
            taken.undo()
        raise
    return taken


@contextmanager
def settled(taken: Claim | None) -> Iterator[None]:
    """Run a block, then keep a claim; undo it where the block ends with something the user can put right.

    A solver that stops short, a fault and an interrupt leave the log.
    """
    try:
        yield
    except GbfluxError as error:
        if taken is not None:
            taken.undo() if error.exit_code == InputError.exit_code else taken.keep()
        raise
    except BaseException:
        if taken is not None:
            taken.keep()
        raise
    if taken is not None:
        taken.keep()


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def not_writable(path: Path, error: OSError) -> InputError:
    """The error of a place that cannot be written."""
    return InputError(
        f"output: {path} must be writable; got '{error.strerror or error}'. "
        "Choose another -o or its permissions."
    )


def require_room(folder: Path, needed_bytes: int) -> None:
    """Refuse, by an InputError, to begin what does not fit on the disk of a folder."""
    free = _free_bytes(folder)
    if free is not None and free < needed_bytes:
        raise _no_room(folder, needed_bytes, free, "")


@contextmanager
def disk_errors_as_input_errors(folder: Path, needed_bytes: int = 0) -> Iterator[None]:
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
