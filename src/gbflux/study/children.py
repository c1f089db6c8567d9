"""Processes of the embedded engine: how they are started, and how they are ended with all their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gbflux.errors import InputError
from gbflux.mesh import guard
from gbflux.simulation.launch import job_size, mpi_environment, mpirun_banner, mpirun_command

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
