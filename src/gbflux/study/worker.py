"""The work of one unit, in a process or MPI job of its own: cases into their folders, failures written down.

It reports what it does on standard error, in lines that begin with `EVENT`; the driver reads them in the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gbflux.case import Case
from gbflux.errors import GbfluxError, InputError
from gbflux.mesh.guard import end_with_parent, watch_parent
from gbflux.simulation.files import Pictures
from gbflux.simulation.launch import job_size
from gbflux.simulation.progress import Progress
from gbflux.simulation.ranks import world
from gbflux.simulation.unit import run_unit
from gbflux.study.children import MARK
from gbflux.study.folder import KEY_DIGITS, StudyFolder
from gbflux.study.locks import locked
from gbflux.study.planning import UnitOfWork, plan

logger = logging.getLogger(__name__)

EVENT = "##"
WAIT_FOR_LOCK_S = 20.0  # for ranks of a driver that was killed a moment ago
FAULT = 1


def find_unit(directory: Path, unit_key: str) -> tuple[StudyFolder, UnitOfWork]:
    """A unit of work of the study in a folder, by the beginning of its key.

    Raises
    ------
    InputError
        If the folder holds no study, or the study no such unit.
    """
    folder = StudyFolder(Path(directory))
    found = plan(folder.study()).unit(unit_key)
    if found is None:
        raise InputError(
            f"{directory}: must hold a unit of work {unit_key}; it does not. Was the study changed?"
        )
    return folder, found


def work(directory: Path, unit_key: str, keys: Sequence[str], pictures: Pictures | None = None) -> list[str]:
    """Compute cases of a unit of work; *collective*.

    Parameters
    ----------
    directory : Path
        Folder of the study.
    unit_key : str
        Key of the unit, or its beginning.
    keys : sequence of str
        Keys of the wanted cases; none: all that are not done.
    pictures : Pictures, optional
        Makes the pictures, where cases ask for them.

    Returns
    -------
    list of str
        Keys of the cases that failed, the same on all ranks.

    Raises
    ------
    InputError
        If another process is at work on the unit, or it has no such case.
    """
    from gbflux.conduction.mpi import errors_of_root

    if os.environ.get(MARK):
        watch_parent() if job_size() else end_with_parent(signal.SIGKILL)
    comm = world()
    folder, found = find_unit(directory, unit_key)
    unknown = [key for key in keys if key not in found.cases]
    if unknown:
        raise InputError(f"--case: must be a case of unit {found.key[:KEY_DIGITS]}; got {unknown[0]}.")
    key_of = {case.physics_hash: key for key, case in found.cases.items()}
    wanted = [(found.cases[key], folder.case(key)) for key in keys or found.cases]
    teller = _Teller(folder, key_of, comm.rank == 0, comm.size)
    with contextlib.ExitStack() as stack:
        with errors_of_root(comm) as is_root:
            if is_root:
                lock = locked(folder.unit_lock(found.key), f"unit {found.key[:KEY_DIGITS]}", WAIT_FOR_LOCK_S)
                stack.enter_context(lock)
        results = run_unit(
            found.unit, wanted, comm=comm, pictures=pictures, progress=teller.begin, failed=teller.failed
        )
    teller.finished()
    return [
        key_of[case.physics_hash] for (case, _), result in zip(wanted, results, strict=True) if not result
    ]


class _Teller:
    """Reports progress to the driver, and writes down failures; on rank 0."""

    def __init__(self, folder: StudyFolder, key_of: dict[str, str], is_root: bool, ranks: int):
        self._folder = folder
        self._key_of = key_of
        self._is_root = is_root
        self._ranks = ranks
        self._current = ""

    def begin(self, case: Case) -> Progress:
        """A case begins."""
        self.finished()
        self._current = self._key_of[case.physics_hash]
        self._tell("begin")
        return Progress(announce=lambda stage: self._tell("stage", stage))

    def finished(self) -> None:
        """The case under way has ended."""
        if self._current:
            self._tell("end")
        self._current = ""

    def failed(self, case: Case, path: Path, error: Exception) -> None:
        """A case has failed. What only one rank may know of ends the job: the others would wait for it."""
        key = self._key_of[case.physics_hash]
        logger.error("case %s failed: %s: %s", key[:KEY_DIGITS], type(error).__name__, error)
        if self._is_root:
            code = error.exit_code if isinstance(error, GbfluxError) else FAULT
            try:
                self._folder.fail(key, str(error), type(error).__name__, code)
            except OSError as second:
                logger.error("failure.json cannot be written: %s", second)
        if self._ranks > 1 and not isinstance(error, GbfluxError):
            raise error

    def _tell(self, *words: str) -> None:
        """One line for the driver; a log on a full disk is no reason to stop."""
        if self._is_root:
            line = " ".join((EVENT, self._current[:KEY_DIGITS], *words))
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{line}\n")  # in one piece: ranks write into the same log
                sys.stderr.flush()
