"""Starting MPI jobs, and finding out whether this process is part of one. Loads no MPI library itself."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from gbflux.errors import GbfluxError, InputError, MissingLibrary, Silenced
from gbflux.mesh import guard

_T = TypeVar("_T")
# How launchers tell a process the size of its job.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "PALS_SIZE")
_SLURM_SIZE = "SLURM_STEP_NUM_TASKS"


def job_size(environment: Mapping[str, str] = os.environ) -> int:
    """Ranks of the MPI job that this process belongs to; 0 if it was not started by an MPI launcher.

    >>> job_size({"OMPI_COMM_WORLD_SIZE": "4"}), job_size({})
    (4, 0)
    """
    for name in _SIZES:
        if environment.get(name, "").isdigit():
            return int(environment[name])
    # srun starts a step with a rank for every process; a batch script alone has no such step.
    if (
        "SLURM_PROCID" in environment
        and "PMIX_RANK" in environment
        and environment.get(_SLURM_SIZE, "").isdigit()
    ):
        return int(environment[_SLURM_SIZE])
    return 0


@functools.cache
def mpirun_banner() -> str:
    """First line that ``mpirun --version`` prints; empty without mpirun."""
    if shutil.which("mpirun") is None:
        return ""
    answer = subprocess.run(["mpirun", "--version"], capture_output=True, text=True, timeout=60, check=False)
    return (answer.stdout or answer.stderr).strip().splitlines()[0] if answer.stdout or answer.stderr else ""


def mpirun_command(ranks: int, command: Sequence[str], banner: str | None = None) -> list[str]:
    """``mpirun`` with what it needs for a command on any number of ranks on any number of cores.

    `banner` is the answer of ``mpirun --version``, asked for by default: Open MPI needs an option to
    oversubscribe, MPICH does not.
    """
    banner = mpirun_banner() if banner is None else banner
    extra = []
    if "Open MPI" in banner or "OpenRTE" in banner:
        extra = ["--oversubscribe", "--bind-to", "none"]
        if re.search(
            r"\b[1-4]\.\d", banner
        ):  # from version 5 on there is no way to keep it from commenting on exit codes
            extra.insert(0, "-q")
    return ["mpirun", "-n", str(ranks), *extra, *command]


def mpi_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for an MPI job: one thread a rank, root allowed where the user is root (containers)."""
    found = dict(environment)
    found.setdefault("OMP_NUM_THREADS", "1")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        found.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
        found.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        found.setdefault("PRTE_ALLOW_RUN_AS_ROOT", "1")
        found.setdefault("PRTE_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    return found


def check_ranks(ranks: int | None) -> None:
    """Refuse, by an InputError, a number of ranks other than that of the job this process belongs to."""
    size = job_size()
    if ranks is not None and size not in (0, ranks):
        raise InputError(
            f"-n: must be the launcher's number of ranks or left out; got {ranks} on {size} ranks."
        )


def become_mpi_job(ranks: int, words: Sequence[str]) -> None:
    """Replace this process by one that waits for an MPI job of ``gbflux words``; returns for a single rank.

    An InputError if there is no ``mpirun``.
    """
    if ranks == 1:
        return
    if not mpirun_banner():
        raise InputError(
            "-n: needs mpirun on PATH; found none. Install it, use your cluster's srun, or run with -n 1."
        )
    command = mpirun_command(ranks, [sys.executable, "-m", "gbflux", *words])
    environment = mpi_environment()
    if sys.stderr.isatty():
        environment["GBFLUX_TERMINAL"] = "1"
    sys.stdout.flush()
    sys.stderr.flush()
    waiting = guard.waited_for(command)
    os.execvpe(waiting[0], waiting, environment)


def world() -> Any:
    """The communicator of all ranks of this process's job."""
    from mpi4py import MPI

    return MPI.COMM_WORLD


def on_root(comm: Any, work: Callable[[], _T]) -> _T | None:
    """Do some work on rank 0 while the others sleep, and raise its error on all ranks; *collective*.

    Gives what comes of it on rank 0, None on the others.
    """
    from gbflux.conduction.mpi import errors_of_root

    found = None
    with errors_of_root(comm) as is_root:
        if is_root:
            found = work()
    return found


def from_root(comm: Any, work: Callable[[], _T]) -> _T:
    """As `on_root`, with the outcome sent to all ranks; *collective*."""
    found: _T = comm.bcast(on_root(comm, work))
    return found


def mpi_library() -> str:
    """Name and version of the MPI library."""
    from mpi4py import MPI

    return MPI.Get_library_version()


def cores_beside_root(comm: Any) -> frozenset[int]:
    """Return on rank 0 the cores that the ranks on its computer may use; *collective*.

    Launchers often bind each rank to a core of its own. While rank 0 works alone with other processes or
    threads, the cores of the ranks that sleep are idle. The set is empty on other ranks, and where the system
    cannot tell.
    """
    from mpi4py import MPI

    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    host = MPI.Get_processor_name()
    found = comm.gather((host, sorted(mine)))
    if comm.rank:
        return frozenset()
    return frozenset(core for where, cores in found if where == host for core in cores)


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Run a block, and the processes it starts, on these cores; without any, on the same cores as before."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, before)


@contextmanager
def mpi_session() -> Iterator[int]:
    """Run a block on every rank, rank given; an error of gbflux is reported once, others end all ranks."""
    try:
        comm = world()
    except ImportError as error:
        raise MissingLibrary(
            f"mpi4py must be importable; got {error}. Run `make setup`; `gbflux doctor` tells more."
        ) from error
    try:
        yield comm.rank
    except GbfluxError as error:
        if comm.rank:
            raise Silenced(error.exit_code) from error
        raise
    except BaseException as error:
        if comm.size == 1 or not isinstance(error, Exception):
            raise
        traceback.print_exc()
        print(f"gbflux: rank {comm.rank} failed; all ranks end.", file=sys.stderr, flush=True)
        comm.Abort(1)


@contextmanager
def mpi_job(ranks: int | None, words: Sequence[str], check: Callable[[], Any]) -> Iterator[int]:
    """Run a block on each rank: those of the launcher, or new ones that run ``gbflux words``.

    `check` raises what is wrong with the input; it is called before ranks are started.
    """
    if not job_size():
        check()
        become_mpi_job(ranks or 1, words)
    with mpi_session() as rank:
        check_ranks(ranks)
        yield rank
