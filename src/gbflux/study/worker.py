"""The work of one unit, in a process or MPI job of its own: cases into their folders, failures written down.

It reports what it does on standard error, in lines that begin with `EVENT`; the driver reads them in the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gbflux.case import Case
from gbflux.errors import GbfluxError, InputError
from gbflux.mesh import guard
from gbflux.mesh.guard import end_with_parent, watch_parent
from gbflux.simulation.files import Pictures
from gbflux.simulation.mpi_job import job_size, mpi_environment, mpirun_banner, mpirun_command, world
from gbflux.simulation.progress import Progress
from gbflux.simulation.run import run_unit
from gbflux.study.folder import KEY_DIGITS, StudyFolder, locked
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


#: Set for processes of the embedded engine: they end with their parent.
MARK = "GBFLUX_SWEEP_CHILD"
PATIENCE_S = 5.0  # between asking a job to end and killing it
_PAUSE_S = 0.02

# What a launcher tells its own ranks; settings of the user (OMPI_MCA_..., OMPI_ALLOW_...) stay.
_LAUNCHER = re.compile(
    r"OMPI_(?!MCA_(?!ess_|orte_|pmix|initial_wdir|mpi_oversubscribe)|ALLOW_).*|PMI_.*|PMIX_.*|PMI2_.*|PRTE_(?!MCA_|ALLOW_).*"
    r"|HYDRA?_.*|HYDI_.*|MPI_LOCAL.*|MPIR_.*|MPIEXEC_.*|MV2_COMM.*|PALS_.*|GBFLUX_TERMINAL"
    r"|SLURM_(STEP|PROCID|LOCALID|NODEID|GTIDS|SRUN|TASK_PID|LAUNCH_NODE|CPU_BIND|MPI_TYPE|PMI|UMASK|DISTRIBUTION).*"
)


def clean_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment without what an MPI launcher left in it, fit to start another MPI job.

    >>> clean_environment({"PMIX_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4", "SLURM_STEP_ID": "1", "HOME": "/h"})
    {'HOME': '/h'}
    """
    return {name: value for name, value in environment.items() if not _LAUNCHER.fullmatch(name)}


def check_launcher(ranks: int) -> None:
    """Refuse more than one rank without mpirun, and more than one driver.

    Raises
    ------
    InputError
        If mpirun is missing, or if it has started this very process as one of several.
    """
    if job_size() > 1:
        raise InputError(
            f"gbflux sweep run: must be one process; got {job_size()} ranks. "
            "Start it without mpirun or srun: it starts its MPI jobs itself, with run.ranks each."
        )
    if ranks > 1 and not mpirun_banner():
        raise InputError(
            f"run.ranks: {ranks} ranks need mpirun on PATH; found none. Install it, or take 1 rank."
        )


def unit_command(folder: Path, unit_key: str, keys: Sequence[str], ranks: int) -> list[str]:
    """The command that computes cases of a unit of work, as an MPI job for more than one rank."""
    wanted = [word for key in keys for word in ("--case", key)]
    command = [sys.executable, "-m", "gbflux", "sweep", "unit", str(folder), unit_key, *wanted]
    return command if ranks == 1 else mpirun_command(ranks, command)


def start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that Ctrl-C reaches the driver alone; output to a log.

    The process ends with this one: see `guard`.
    """
    environment = {**mpi_environment(clean_environment()), MARK: "1"}
    with log.open("ab") as stream:
        return subprocess.Popen(
            guard.guarded(command),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes with all that they have started: asked first, so that mpirun can end its ranks."""
    import psutil

    offspring = []
    for process in processes:
        try:
            offspring += psutil.Process(process.pid).children(recursive=True)
        except psutil.Error:
            continue
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    give_up = time.monotonic() + PATIENCE_S
    while not all(map(has_ended, processes)) and time.monotonic() < give_up:
        time.sleep(_PAUSE_S)
    for process in processes:
        _signal_group(process, signal.SIGKILL)
    for process in offspring:  # Open MPI gives each rank a process group of its own
        try:
            process.kill()
        except psutil.Error:
            continue
    for process in processes:
        process.wait()


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Test whether a process has ended. It stays unreaped, so that its number still names its group alone."""
    if process.returncode is not None:
        return True
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, options) is not None


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal a session's process group, unless its leader has been reaped and the number may be another's."""
    if process.returncode is not None:
        return
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
