"""The embedded engine, with a stand-in for the work: every end of a process, and no case done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.study_cases import StandIn, made

from gbflux.case import Memory
from gbflux.errors import InputError
from gbflux.study import Engine, Event, Plan, StudyFolder, open_cases, tally
from gbflux.study.worker import MARK, check_launcher, clean_environment, end, start

SWEEP = {"temperature_C": [21, 22, 23], "grains.mean_size_um": [8, 9, 10]}  # three units of three cases


@pytest.fixture
def study(tmp_path):
    """A study of nine cases with a retry, its folder, and the stand-in."""
    return *made(tmp_path, SWEEP, run={"retries": 1, "jobs": 2}), StandIn(tmp_path)


def run(worked_out: Plan, folder: StudyFolder, stand_in: StandIn, retry: bool = False) -> list[Event]:
    """Run what is open; the events."""
    events: list[Event] = []
    with folder.driver_lock():
        Engine(worked_out, folder, events.append, stand_in).run(open_cases(worked_out, folder, retry))
    return events


def kinds(events: list[Event], kind: str) -> list[str]:
    return [event.key for event in events if event.kind == kind]


def test_all_cases_are_computed_once(study):
    worked_out, folder, stand_in = study
    events = run(*study)
    assert sorted(kinds(events, "done")) == sorted(worked_out.keys)
    assert {stand_in.times(key) for key in worked_out.keys} == {1}
    inodes = [_result(folder, key).stat().st_ino for key in worked_out.keys]
    assert run(*study) == []
    assert [_result(folder, key).stat().st_ino for key in worked_out.keys] == inodes


def _result(folder: StudyFolder, key: str) -> Path:
    return folder.case(key) / "result.json"


@pytest.mark.parametrize(("memory_MiB", "most"), [(1e6, 2), (600.0, 1), (1.0, 1)])
def test_units_side_by_side_fit_into_cores_and_memory(study, monkeypatch, memory_MiB, most):
    """Units of some 450 MiB, two at a time by the cores."""
    worked_out, folder, stand_in = study
    assert 400 < worked_out.units[0].memory_MiB < 500
    monkeypatch.setattr("gbflux.study.engine.machine_memory", lambda: Memory(0.0, memory_MiB))
    monkeypatch.setattr("gbflux.study.planning.cores", lambda: 4)
    under_way = []
    begin = Engine._start

    def watched(self, *words):
        begin(self, *words)
        under_way.append(len(self._jobs))

    monkeypatch.setattr(Engine, "_start", watched)
    run(worked_out, folder, stand_in)
    assert tally(worked_out, folder).done == 9
    assert max(under_way) == most


@pytest.mark.parametrize("way", ["fail", "kill", "exit"])
def test_a_case_that_fails_once_is_tried_again_and_the_others_only_once(study, way):
    worked_out, folder, stand_in = study
    bad = worked_out.keys[1]  # in the middle of a unit
    stand_in.behave({bad: f"{way} once"})
    events = run(*study)
    assert tally(worked_out, folder).done == 9
    assert kinds(events, "again") == [bad]
    assert [stand_in.times(key) for key in worked_out.keys] == [2 if k == bad else 1 for k in worked_out.keys]
    assert folder.failure(bad) is None


@pytest.mark.parametrize(
    ("way", "error", "code", "message"),
    [
        ("fail", "MeshError", 2, "mesh: no"),
        ("kill", "Killed", 128 + 9, "killed by SIGKILL (out of memory?)"),
        ("exit", "Ended", 1, "ended with exit code 1 and no result. out of luck"),
    ],
)
def test_a_case_that_always_fails_is_stored_and_the_rest_is_done(study, way, error, code, message):
    worked_out, folder, stand_in = study
    bad = worked_out.keys[4]
    stand_in.behave({bad: way})
    events = run(*study)
    count = tally(worked_out, folder)
    assert (count.done, count.failed, count.missing) == (8, 1, 0)
    failure = folder.failure(bad)
    assert (failure.error, failure.exit_code, failure.attempts) == (error, code, 2)
    assert failure.message.startswith(message)
    assert kinds(events, "failed") == [bad]
    assert run(*study) == []  # for good, unless asked
    assert stand_in.times(bad) == 2
    stand_in.behave({})
    run(*study, retry=True)
    assert tally(worked_out, folder).done == 9
    times = [stand_in.times(key) for key in worked_out.keys]
    assert times == [3 if key == bad else 1 for key in worked_out.keys]


def test_a_process_that_dies_before_any_case_is_put_down_to_all(study):
    worked_out, folder, _ = study
    starts = []

    def broken(path, unit_key, keys, ranks):
        starts.append(unit_key)
        return [sys.executable, "-c", "raise SystemExit('no such library')"]

    Engine(worked_out, folder, command=broken).run(open_cases(worked_out, folder, False))
    assert tally(worked_out, folder).failed == 9
    assert len(starts) == 6  # each unit twice
    assert "no such library" in folder.failure(worked_out.keys[0]).message


def test_a_case_that_takes_too_long_is_stopped_with_all_its_processes(tmp_path):
    worked_out, folder = made(tmp_path, SWEEP, run={"timeout_min": 1e-3})
    bad = worked_out.keys[3]
    events = run(worked_out, folder, StandIn(tmp_path, {bad: "hang"}))
    assert folder.state(bad) == "timeout"
    assert folder.failure(bad).message.startswith("stopped after run.timeout_min, 0.001 min")
    assert bad in kinds(events, "failed")
    assert not _left_of(tmp_path)


def test_ctrl_c_stops_what_runs_and_a_second_run_ends_it(study):
    worked_out, folder, stand_in = study
    stand_in.behave(dict.fromkeys(worked_out.keys, "hang"))

    def interrupt(event: Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # taken for Ctrl-C

    with pytest.raises(KeyboardInterrupt):
        Engine(worked_out, folder, interrupt, stand_in).run(open_cases(worked_out, folder, False))
    assert not _left_of(folder.path)
    assert tally(worked_out, folder).missing == 9
    stand_in.behave({})
    run(*study)
    assert tally(worked_out, folder).done == 9


def _left_of(path: Path) -> list[int]:
    """Processes that still work for a study."""
    running = psutil.process_iter(["cmdline"])
    return [process.pid for process in running if str(path) in " ".join(process.info["cmdline"] or [])]


def test_a_folder_that_cannot_be_written_stops_the_run(study, monkeypatch):
    worked_out, folder, stand_in = study
    stand_in.behave({worked_out.keys[0]: "kill"})

    def full(self, *facts):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StudyFolder, "fail", full)
    with pytest.raises(
        InputError, match=r"must be writable; got 'No space left on device'\. Make room there"
    ):
        run(*study)
    assert not _left_of(folder.path)


def test_a_child_ends_with_its_driver(tmp_path):
    """A driver is killed with -9; the kernel ends what it has started."""
    code = (
        "import sys; from pathlib import Path; from gbflux.study.worker import start; "
        "p = start([sys.executable, '-c', 'import time; time.sleep(1e6)'], Path(sys.argv[1])); "
        "print(p.pid, flush=True); sys.stdin.read()"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = psutil.Process(int(driver.stdout.readline()))
    assert child.is_running()
    driver.kill()
    driver.communicate()
    psutil.wait_procs([child])


def test_a_rank_ends_with_its_launcher(tmp_path):
    """A launcher is killed with -9; the rank, which looks for it, ends."""
    rank = (
        "import os, time; from gbflux.mesh.guard import watch_parent; "
        "watch_parent(0.05); print(os.getpid(), flush=True); time.sleep(1e6)"
    )
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {rank!r}])"
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(launcher.stdout.readline()))
    launcher.kill()
    launcher.wait()
    gone, _ = psutil.wait_procs([child], timeout=300)
    if not gone:
        child.kill()
    assert gone


def test_end_ends_a_whole_family(tmp_path):
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(1e6)'])"
    process = start([sys.executable, "-c", code], tmp_path / "log")
    parent = psutil.Process(process.pid)
    while not parent.children():
        time.sleep(0.01)
    (grandchild,) = parent.children()
    end([process])
    assert process.returncode is not None
    gone, _ = psutil.wait_procs([grandchild], timeout=30)  # killed, but not yet reaped
    assert gone or grandchild.status() == psutil.STATUS_ZOMBIE


def test_launcher_variables_are_stripped_and_settings_stay():
    theirs = {
        "OMPI_COMM_WORLD_RANK": "1",
        "OMPI_MCA_ess_base_jobid": "7",
        "OMPI_MCA_orte_hnp_uri": "x",
        "PMIX_NAMESPACE": "n",
        "PMI_RANK": "0",
        "PMI2_JOBID": "1",
        "MPIR_CVAR_X": "1",
        "HYDI_CONTROL_FD": "3",
        "MV2_COMM_WORLD_SIZE": "2",
        "PALS_RANKID": "0",
        "SLURM_STEP_ID": "0",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_SRUN_COMM_PORT": "1",
        "SLURM_STEP_NUM_TASKS": "4",
    }
    own = {
        "OMPI_MCA_btl": "^tcp",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "SLURM_JOB_ID": "5",
        "SLURM_JOB_NODELIST": "n1",
        "PATH": "/bin",
        "OMP_NUM_THREADS": "1",
    }
    assert clean_environment({**theirs, **own}) == own


def test_a_driver_is_one_process(monkeypatch):
    monkeypatch.setattr("gbflux.study.worker.job_size", lambda: 4)
    with pytest.raises(InputError, match="must be one process; got 4 ranks"):
        check_launcher(1)


def test_children_know_what_they_are(tmp_path):
    process = start([sys.executable, "-c", f"import os; print(os.environ['{MARK}'])"], tmp_path / "log")
    process.wait()
    assert (tmp_path / "log").read_text(encoding="utf-8") == "1\n"
