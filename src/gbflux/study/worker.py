"""The process, or MPI job, that computes one unit of work of a study: started and ended, and its work.

It puts cases into their folders and writes failures down. It reports what it does on standard error, in lines
that begin with `EVENT`; the driver reads them in the log.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gbflux.case import Case
from gbflux.errors import GbfluxError, InputError
from gbflux.mesh import guard
from gbflux.simulation.mpi_job import (
    job_size,
    mpi_environment,
    mpirun_banner,
    mpirun_command,
    on_root,
    world,
)
from gbflux.simulation.progress import Progress
from gbflux.simulation.shared_mesh import SharedMesh
from gbflux.study.folder import KEY_DIGITS, StudyFolder, locked
from gbflux.study.planning import UnitOfWork, plan

logger = logging.getLogger(__name__)

EVENT = "##"
WAIT_FOR_LOCK_S = 20.0  # for ranks of a driver that was killed a moment ago
FAULT = 1  # exit code of what is no error of gbflux's own
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
    """Refuse, by an InputError, more than one rank without mpirun, and more than one driver."""
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


def find_unit(directory: Path, unit_key: str) -> tuple[StudyFolder, UnitOfWork]:
    """A unit of work of the study in a folder, by the beginning of its key; an InputError without one."""
    folder = StudyFolder(Path(directory))
    found = plan(folder.study()).unit(unit_key)
    if found is None:
        raise InputError(
            f"{directory}: must hold a unit of work {unit_key}; it does not. Was the study changed?"
        )
    return folder, found


@contextmanager
def unit_held(directory: Path, unit_key: str, keys: Sequence[str]) -> Iterator[HeldUnit]:
    """Hold the lock of a unit of work during a block that computes its cases; *collective*.

    Parameters
    ----------
    directory : Path
        Folder of the study.
    unit_key : str
        Key of the unit, or its beginning.
    keys : sequence of str
        Keys of the wanted cases; none: all.

    Raises
    ------
    InputError
        If another process is at work on the unit, or it has no such case.
    """
    if os.environ.get(MARK):
        # ranks are children of mpirun's daemons, so that they have to look for the driver's end themselves
        guard.watch_parent() if job_size() else guard.end_with_parent(signal.SIGKILL)
    comm = world()
    folder, work = find_unit(directory, unit_key)
    unknown = [key for key in keys if key not in work.cases]
    short = work.key[:KEY_DIGITS]
    if unknown:
        raise InputError(f"--case: must be a case of unit {short}; got {unknown[0]}.")
    with contextlib.ExitStack() as stack:
        lock = locked(folder.unit_lock(work.key), f"unit {short}", WAIT_FOR_LOCK_S)
        on_root(comm, lambda: stack.enter_context(lock))
        wanted = list(keys or work.cases)
        # all cases of the unit fix the mesh, wanted or not
        shared = stack.enter_context(SharedMesh(comm, work.unit.hl_planes_um, solves=len(wanted)))
        yield HeldUnit(comm, shared, folder, {key: work.cases[key] for key in wanted})


class HeldUnit:
    """A unit of work that this process, or its MPI job, has to itself.

    Attributes
    ----------
    comm : MPI.Intracomm
    shared : SharedMesh
        The mesh of all its cases.
    wanted : list of (Case, Path)
        Cases to compute, and their folders.
    failed : list of str
        Keys of the cases that have failed.
    """

    def __init__(self, comm: Any, shared: SharedMesh, folder: StudyFolder, cases: Mapping[str, Case]):
        self.comm = comm
        self.shared = shared
        self.wanted = [(case, folder.case(key)) for key, case in cases.items()]
        self.failed: list[str] = []
        self._folder = folder
        self._key_of = {case.physics_hash: key for key, case in cases.items()}

    @contextmanager
    def reported(self, case: Case) -> Iterator[Progress]:
        """Report a case that a block computes to the driver; a failure is written down, not raised.

        What only one rank may know of is raised, and ends the job: the others would wait for it.
        """
        key = self._key_of[case.physics_hash]
        self._report(key, "begin")
        try:
            yield Progress(announce=lambda stage: self._report(key, "stage", stage))
        except Exception as error:
            self._write_down(key, error)
            if self.comm.size > 1 and not isinstance(error, GbfluxError):
                raise
            self.failed.append(key)
        self._report(key, "end")

    def _write_down(self, key: str, error: Exception) -> None:
        """Leave the failure of a case in its folder, and in the log."""
        logger.error("case %s failed: %s: %s", key[:KEY_DIGITS], type(error).__name__, error)
        if self.comm.rank != 0:
            return
        code = error.exit_code if isinstance(error, GbfluxError) else FAULT
        try:
            self._folder.fail(key, str(error), type(error).__name__, code)
        except OSError as second:
            logger.error("failure.json cannot be written: %s", second)

    def _report(self, key: str, *words: str) -> None:
        """One line for the driver; a log on a full disk is no reason to stop."""
        if self.comm.rank == 0:
            line = " ".join((EVENT, key[:KEY_DIGITS], *words))
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{line}\n")  # in one piece: ranks write into the same log
                sys.stderr.flush()
