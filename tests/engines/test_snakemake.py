"""A real Snakemake 9, from an environment of its own, runs a study by the Snakefile that we write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults.drivers import LIMIT_S, Disturbed

from gbflux.simulation.mpi_job import mpi_environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SWEEP = {"grains.mean_size_um": [7, 8, 9], "grains.seed": [1, 2]}  # six units of one case


@pytest.fixture
def snakemake() -> str:
    home = Path(os.environ.get("GBFLUX_SNAKEMAKE", ROOT / ".venv-snakemake"))
    program = home / "bin" / "snakemake"
    if not program.exists():
        pytest.skip(f"no Snakemake in {home}; scripts/slow-tools installs it")
    return str(program)


@pytest.mark.mpi
def test_snakemake_runs_a_study_and_only_what_is_missing(tmp_path, before_mpi, snakemake):
    study = Disturbed(tmp_path, before_mpi, sweep=SWEEP, ranks=2)
    environment = mpi_environment(before_mpi)
    export = [sys.executable, "-m", "gbflux", "sweep", "export", "snakemake", str(study.file)]
    subprocess.run([*export, "-o", str(study.folder.path)], env=environment, check=True)
    command = [snakemake, "-s", str(study.folder.path / "Snakefile"), "--cores", "2"]

    def run() -> None:
        done = subprocess.run(
            command,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr

    run()
    before = study.done()
    assert len(before) == 6
    assert (study.folder.path / "table.parquet").exists()
    lost = study.plan.keys[0]
    (study.folder.case(lost) / "result.json").unlink()
    for mark in [*(study.folder.path / "snakemake").glob("*.done"), study.folder.path / "table.csv"]:
        mark.unlink()
    run()
    after = study.done()
    assert set(after) == set(before)
    assert [key for key in before if after[key] != before[key]] == [lost]
    study.finish()
