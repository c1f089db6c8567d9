"""Real drivers of real studies, to be disturbed: started, watched, and looked at afterwards."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from tests.study_cases import study_file

from gbflux.simulation.mpi_job import mpi_environment
from gbflux.study import Plan, StudyFolder, load_study, plan
from gbflux.study.worker import EVENT

LIMIT_S = 1200.0  # against a hang, nothing is measured by it
SWEEP = {"temperature_C": [21, 22, 23], "grains.mean_size_um": [8, 9]}  # two units of three cases


class Disturbed:
    """A study of six tiny cases and its drivers.

    Parameters
    ----------
    home : Path
        For the study file.
    environment : mapping
        Of the drivers, without what MPI leaves in it.
    out : Path, optional
        Folder of the study.
    sweep : dict, optional
        Its axes.
    cluster : dict, optional
        Its ``cluster`` block.
    **run
        Its ``run`` block.
    """

    def __init__(
        self,
        home: Path,
        environment: dict[str, str],
        out: Path | None = None,
        sweep: dict[str, Any] | None = None,
        cluster: dict[str, Any] | None = None,
        **run: Any,
    ):
        blocks = {"run": {"jobs": 1, **run}, "cluster": cluster or {}}
        self.file = study_file(home, sweep or SWEEP, **blocks)
        self.plan: Plan = plan(load_study(self.file))
        self.folder = StudyFolder(out or home / "out")
        self._environment = mpi_environment(environment)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a driver."""
        command = [
            sys.executable,
            "-m",
            "gbflux",
            "sweep",
            "run",
            str(self.file),
            "-o",
            str(self.folder.path),
        ]
        return subprocess.Popen(
            [*command, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
            text=True,
            env=self._environment,
        )

    def run(self, *words: str) -> tuple[int, str]:
        """Run a driver to its end: exit code and what it said."""
        driver = self.start(*words)
        said, _ = driver.communicate(timeout=LIMIT_S)
        return driver.returncode, said

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """Wait until something is so; what it is."""
        give_up = time.monotonic() + LIMIT_S
        while time.monotonic() < give_up:
            found = what()
            if found:
                return found
            time.sleep(0.01)
        raise TimeoutError(f"never: {what}")

    def events(self, kind: str) -> list[str]:
        """Cases that logs tell something about, in order."""
        texts = [log.read_text(encoding="utf-8") for log in self.folder.path.glob("logs/*.log")]
        lines = [line for text in texts for line in text.splitlines(keepends=True)]
        words = [line.split() for line in lines if line.startswith(EVENT) and line.endswith("\n")]
        return [entry[1] for entry in words if entry[2] == kind]

    def begun(self, count: int) -> str:
        """Wait until so many cases have begun; the last of them."""
        return self.wait_for(lambda: len(self.events("begin")) >= count and self.events("begin")[count - 1])

    def processes(self) -> list[psutil.Process]:
        """Processes that compute a unit of this study: one a rank."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "unit" in words and str(self.folder.path) in words and "-m" in words[:3]:
                found.append(process)
        return found

    def done(self) -> dict[str, tuple[int, int]]:
        """Inode and time of each whole result: what must not change."""
        stats = {
            key: (self.folder.case(key) / "result.json").stat()
            for key in self.plan.keys
            if self.folder.result(key) is not None
        }
        return {key: (stat.st_ino, stat.st_mtime_ns) for key, stat in stats.items()}

    def finish(self, *words: str) -> None:
        """Run again: ends with exactly the full table, and nothing that was done is touched."""
        before = self.done()
        code, said = self.run(*words)
        assert code == 0, said
        after = self.done()
        assert set(after) == set(self.plan.keys), said
        assert {key: after[key] for key in before} == before
        with (self.folder.path / "table.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [row["status"] for row in rows] == ["done"] * len(self.plan.entries)
        assert [row["case"] for row in rows] == [entry.key for entry in self.plan.entries]
        code, said = self.run()
        assert code == 0
        assert "nothing is left to run" in said
        assert self.done() == after
