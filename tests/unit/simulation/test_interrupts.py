"""Ctrl-C while ranks are at work: said once, exit code 130, no result, and no process is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gbflux.mesh import guard
from small_cases import NO_FIGURES, case_text

SOON_S = 60.0


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    """A case whose mesh takes seconds, which no other test makes."""
    fine = {"geometry.size_um": [30, 30, 30], "mesh.size_um": 0.7, "mesh.electrode_size_um": 0.7}
    path = tmp_path / "case.yaml"
    path.write_text(case_text(NO_FIGURES, fine))
    return path


def heeding() -> None:
    """Called in a new process: take signals as one started at a terminal does, whatever the tests ignore."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def offspring_once_meshing(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes below one, as soon as the mesher is among them."""
    limit = time.monotonic() + SOON_S
    while time.monotonic() < limit and process.poll() is None:
        found = psutil.Process(process.pid).children(recursive=True)
        for child in found:
            try:
                if "gbflux.mesh.worker" in child.cmdline():
                    return found
            except psutil.Error:
                continue
        time.sleep(0.05)
    pytest.fail(f"no mesher: {process.communicate()}")


@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.mpi)])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)], ids=["interrupt", "kill"]
)
def test_a_run_that_is_ended_takes_all_with_it(
    ranks: int, number: int, code: int, case_file: Path, tmp_path: Path, before_mpi: dict
) -> None:
    words = ["run", str(case_file), "-o", str(tmp_path / "out"), "-n", str(ranks)]
    command = [sys.executable, "-m", "gbflux", *words]
    process = subprocess.Popen(command, env=before_mpi, stderr=subprocess.PIPE, text=True, preexec_fn=heeding)
    offspring = offspring_once_meshing(process)
    process.send_signal(number)
    _, said = process.communicate(timeout=SOON_S)
    assert process.returncode == code, said
    assert said.count("gbflux: interrupted") == (number == signal.SIGINT)
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(offspring, timeout=SOON_S)
    assert alive == []
    assert not (tmp_path / "out/result.json").exists()


IGNORING = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.parametrize(
    ("before", "number", "code"),
    [([], signal.SIGHUP, 129), ([], signal.SIGTERM, 143), (["-c", IGNORING], signal.SIGHUP, 7)],
    ids=["hang-up", "terminate", "nohup"],
)
def test_what_a_job_is_waited_for_with(before: list[str], number: int, code: int) -> None:
    """The exit code is the job's own, but for a signal that ended it; one that is ignored does not."""
    job = "import sys, time; print('up', flush=True); time.sleep(1.5); sys.exit(7)"
    words = [sys.executable, *before, guard.__file__, "wait", sys.executable, "-c", job]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, **pipes, text=True, preexec_fn=heeding) as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=SOON_S)
    assert process.returncode == code
    assert said.count("gbflux: interrupted") == (code != 7)
