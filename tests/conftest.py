"""Environment and tools for all tests: quiet threads, a cache of this session only, and `mpirun`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

MPI_TIME_LIMIT_S = 300.0

# Set before any test module imports NumPy or MPI. xdist's workers inherit the controller's environment, and
# with it the one cache folder.
os.environ.update(
    OMP_NUM_THREADS="1",
    OMPI_ALLOW_RUN_AS_ROOT="1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
    OMPI_MCA_rmaps_base_oversubscribe="1",
    PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe",
    MPLBACKEND="Agg",
)

_IS_CONTROLLER = "PYTEST_XDIST_WORKER" not in os.environ
if _IS_CONTROLLER:
    os.environ["GBFLUX_CACHE"] = tempfile.mkdtemp(prefix="gbflux-test-cache-")

_BEFORE_MPI = dict(os.environ)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the session's cache at the very end."""
    if _IS_CONTROLLER:
        shutil.rmtree(os.environ["GBFLUX_CACHE"], ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """GBFLUX_TEST_DEADLINE (seconds since 1970): no slow test starts after it."""
    deadline = float(os.environ.get("GBFLUX_TEST_DEADLINE", "inf"))
    if item.get_closest_marker("slow") and time.time() > deadline:
        pytest.skip("time is up for slow tests (GBFLUX_TEST_DEADLINE)")


@pytest.fixture
def before_mpi() -> dict[str, str]:
    """The environment without what MPI leaves in it, once loaded; with that no mpirun would start."""
    return dict(_BEFORE_MPI)


@pytest.fixture(scope="session")
def mpirun() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``mpirun(ranks, *arguments)``: run ``python -m mpi4py arguments`` on so many ranks, return the output.

    ``-m mpi4py`` aborts all ranks when one raises; ``plain=True`` runs ``python arguments`` instead. A
    failure, or no end within `timeout` seconds, fails the test and shows the output; ``check=False`` returns
    a failed run instead. More keywords are environment variables. Mark such tests with ``mpi``.
    """
    if shutil.which("mpirun") is None:
        pytest.skip("mpirun is not on PATH")
    from gbflux.simulation.mpi_job import mpi_environment, mpirun_command  # NumPy comes with it

    def launch(
        ranks: int,
        *arguments: object,
        timeout: float = MPI_TIME_LIMIT_S,
        check: bool = True,
        cwd: Path | None = None,
        plain: bool = False,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        python = [sys.executable, *([] if plain else ["-m", "mpi4py"])]
        command = mpirun_command(ranks, [*python, *map(str, arguments)])
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=mpi_environment({**_BEFORE_MPI, **variables}),
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            stdout, stderr = _end(process)
            pytest.fail(f"no end within {timeout:g} s: {' '.join(command)}\n{stdout}\n{stderr}")
        if check and process.returncode != 0:
            pytest.fail(f"exit code {process.returncode}: {' '.join(command)}\n{stdout}\n{stderr}")
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    return launch


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Stop mpirun, which stops its ranks; then kill what is left of them. Returns what they wrote."""
    ranks = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        return process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        for rank in ranks:  # Open MPI gives each rank a process group of its own
            if rank.is_running():
                rank.kill()
        return process.communicate()
