"""Starting MPI jobs: what launchers leave in the environment, and how mpirun is called."""

from __future__ import annotations

import os
import sys

import pytest

from gbflux.errors import InputError
from gbflux.mesh import guard
from gbflux.simulation import mpi_job

OPEN_MPI = "mpirun (Open MPI) 4.1.4"
MPICH = "HYDRA build details:"


@pytest.mark.parametrize(
    ("environment", "size"),
    [
        ({}, 0),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, 4),
        ({"PMI_SIZE": "3", "PMI_RANK": "0"}, 3),
        ({"PALS_SIZE": "1"}, 1),
        ({"OMPI_COMM_WORLD_SIZE": "many"}, 0),
        # srun with PMIx; a batch script of one task that was not started by srun; an interactive shell in a
        # job
        ({"SLURM_PROCID": "1", "PMIX_RANK": "1", "SLURM_STEP_NUM_TASKS": "8"}, 8),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "17"}, 0),
        ({"SLURM_JOB_ID": "17", "SLURM_NTASKS": "8"}, 0),
    ],
)
def test_size_of_the_job(environment: dict[str, str], size: int) -> None:
    assert mpi_job.job_size(environment) == size


def test_open_mpi_is_told_about_more_ranks_than_cores_and_mpich_is_not() -> None:
    command = mpi_job.mpirun_command(4, ["x"], OPEN_MPI)
    assert command[:3] == ["mpirun", "-n", "4"]
    assert command[-1] == "x"
    assert {"--oversubscribe", "none"} < set(command)
    assert mpi_job.mpirun_command(4, ["x"], MPICH) == ["mpirun", "-n", "4", "x"]


def test_the_environment_of_a_job_keeps_what_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mpi_job.mpi_environment({"OMP_NUM_THREADS": "3"})["OMP_NUM_THREADS"] == "3"
    assert mpi_job.mpi_environment({})["OMP_NUM_THREADS"] == "1"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert mpi_job.mpi_environment({})["OMPI_ALLOW_RUN_AS_ROOT"] == "1"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "OMPI_ALLOW_RUN_AS_ROOT" not in mpi_job.mpi_environment({})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list:
    """What would have replaced this process."""
    calls: list = []
    monkeypatch.setattr(mpi_job.os, "execvpe", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(mpi_job, "mpirun_banner", lambda: OPEN_MPI)
    monkeypatch.setattr(mpi_job, "job_size", lambda: 0)
    return calls


def test_a_plain_process_becomes_a_job(started: list) -> None:
    mpi_job.become_mpi_job(3, ["run", "a.yaml"])
    (name, words, environment) = started[0]
    assert name == sys.executable
    assert words[:5] == [sys.executable, "-I", "-S", guard.__file__, "wait"]
    command = words[5:]
    assert command[:3] == ["mpirun", "-n", "3"]
    assert command[-4:] == ["-m", "gbflux", "run", "a.yaml"]
    assert environment["OMP_NUM_THREADS"]


def test_one_rank_needs_no_launcher(started: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi_job, "mpirun_banner", lambda: "")
    mpi_job.become_mpi_job(1, ["run"])
    assert started == []
    with pytest.raises(InputError, match="mpirun"):
        mpi_job.become_mpi_job(2, ["run"])


def test_a_job_has_the_size_that_its_launcher_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi_job, "job_size", lambda: 2)
    mpi_job.check_ranks(2)
    mpi_job.check_ranks(None)
    for other in (1, 3):
        with pytest.raises(InputError, match=f"got {other} on 2 ranks"):
            mpi_job.check_ranks(other)
    monkeypatch.setattr(mpi_job, "job_size", lambda: 0)
    mpi_job.check_ranks(3)
