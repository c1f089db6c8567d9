"""A run folder while a run is under way: what was there before is kept aside until the run's end is known."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gbflux.errors import GbfluxError, InputError

#: Where an earlier run's files lie meanwhile, in the folder itself, so that moving them costs nothing.
ASIDE = ".earlier-run"


@dataclass(frozen=True)
class Claim:
    """A folder that a run has taken.

    Attributes
    ----------
    path : Path
        The folder.
    names : tuple of str
        Files that a run may leave in it.
    made : tuple of Path
        Folders that did not exist before, innermost first.
    """

    path: Path
    names: tuple[str, ...]
    made: tuple[Path, ...]

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
    """Make a folder where there is none, and move what an earlier run left in it aside.

    Parameters
    ----------
    path : Path
        The folder; those above it are made too.
    names : sequence of str
        Files that a run may leave in it.

    Returns
    -------
    Claim

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
