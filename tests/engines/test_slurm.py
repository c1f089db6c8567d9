"""A real Slurm of one node runs a study as a job array of MPI jobs; a killed element is handed in again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.faults.drivers import LIMIT_S, Disturbed

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "local-slurm"
SWEEP = {"grains.mean_size_um": [7, 8, 9], "grains.seed": [1, 2]}  # six units of one case


@pytest.fixture
def slurm(tmp_path, before_mpi):
    """The environment in which a Slurm of our own is the Slurm."""
    home = tmp_path / "slurm"
    if os.geteuid() != 0:
        pytest.skip("a Slurm of one's own needs root")
    started = subprocess.run(
        [SCRIPT, "start", home], capture_output=True, text=True, check=False, timeout=120
    )
    if started.returncode != 0:
        pytest.skip(started.stderr.strip())
    yield {**before_mpi, "SLURM_CONF": str(home / "slurm.conf")}
    subprocess.run([SCRIPT, "stop", home], check=True, timeout=120)


@pytest.mark.mpi
@pytest.mark.parametrize("launcher", ["mpirun", "srun"])
def test_a_study_of_six_mpi_cases_survives_a_kill(tmp_path, slurm, launcher):
    study = Disturbed(
        tmp_path, slurm, sweep=SWEEP, ranks=2, cluster={"partition": "main", "launcher": launcher}
    )
    code, said = study.run("--engine", "slurm")
    assert code == 0, said
    assert "Submitted batch job" in said
    assert "6 units of work" in said
    study.begun(2)
    study.wait_for(study.processes)[-1].kill()
    drain(slurm)
    done = study.done()
    assert len(done) == 5, logs(study)
    assert "5 of 6 cases done" in status(study, slurm)
    code, said = study.run("--engine", "slurm", "--retry-failed")
    assert code == 0, said
    assert "1 unit of work" in said
    drain(slurm)
    assert {key: found for key, found in study.done().items() if key in done} == done
    code, said = study.run("--engine", "slurm")
    assert (code, "nothing is left to run" in said) == (0, True)
    study.finish()


def drain(environment: dict[str, str]) -> None:
    """Wait until Slurm has nothing left to do."""
    give_up = time.monotonic() + LIMIT_S
    while time.monotonic() < give_up:
        queue = subprocess.run(
            ["squeue", "-h"], env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        if queue.returncode == 0 and not queue.stdout.strip():  # the controller may have stood still
            return
        time.sleep(0.2)
    raise TimeoutError("Slurm does not come to an end")


def status(study: Disturbed, environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "gbflux", "sweep", "status", str(study.folder.path)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def logs(study: Disturbed) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in study.folder.path.glob("logs/*.log"))
