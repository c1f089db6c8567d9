"""Studies that are disturbed by force end, after the same command again, with exactly the full table.

Every case that was done stays as it is: proved by inode and time of its ``result.json``.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from tests.faults.drivers import Disturbed
from tests.study_cases import StandIn, made

from gbflux.study import Engine, collect, open_cases

pytestmark = pytest.mark.slow


@pytest.fixture
def study(tmp_path, before_mpi):
    return Disturbed(tmp_path, before_mpi)


def test_a_case_is_killed(study):
    driver = study.start()
    kill_one(study)
    said, _ = driver.communicate()
    assert driver.returncode == 3, said
    failed = [key for key in study.plan.keys if study.folder.state(key) == "failed"]
    assert {study.folder.failure(key).error for key in failed} == {"Killed"}
    done = study.done()
    assert len(done) == 6 - len(failed)
    code, said = study.run()
    assert code == 3  # failed for good, unless asked
    assert study.done() == done
    study.finish("--retry-failed")


def kill_one(study: Disturbed) -> None:
    """Kill what computes a unit, once a first case has begun."""
    study.begun(1)
    study.wait_for(study.processes)[0].kill()


def test_a_killed_case_is_tried_again_in_the_same_run(tmp_path, before_mpi):
    study = Disturbed(tmp_path, before_mpi, retries=1)
    driver = study.start()
    kill_one(study)
    said, _ = driver.communicate()
    assert driver.returncode == 0, said
    study.finish()


def test_the_driver_is_killed(study):
    driver = study.start()
    study.begun(2)
    children = study.processes()
    assert children
    driver.kill()
    driver.communicate()
    study.wait_for(lambda: not study.processes())  # the kernel has ended them
    study.finish()


def test_the_driver_of_an_mpi_job_is_killed(tmp_path, before_mpi):
    study = Disturbed(tmp_path, before_mpi, ranks=2)
    driver = study.start()
    study.begun(2)
    study.wait_for(lambda: len(study.processes()) >= 2)
    driver.kill()
    driver.communicate()
    study.wait_for(lambda: not study.processes())
    study.finish()


@pytest.mark.mpi
def test_one_rank_is_killed(tmp_path, before_mpi):
    study = Disturbed(tmp_path, before_mpi, ranks=2)
    driver = study.start()
    study.begun(1)
    study.wait_for(lambda: [p for p in study.processes() if _is_rank(p)])[-1].kill()
    said, _ = driver.communicate()
    assert driver.returncode == 3, said
    assert len(study.done()) < 6
    assert not study.processes()
    study.finish("--retry-failed")


def _is_rank(process: psutil.Process) -> bool:
    """Whether an MPI launcher has started a process."""
    try:
        return not {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"}.isdisjoint(process.environ())
    except psutil.Error:
        return False


def test_ctrl_c_stops_all_and_says_how_to_go_on(study):
    driver = study.start()
    study.begun(2)
    driver.send_signal(signal.SIGINT)
    said, _ = driver.communicate()
    assert driver.returncode == 130, said
    assert f"`gbflux sweep run {study.file} -o {study.folder.path}` goes on" in said
    assert not study.processes()
    study.finish()


def test_a_result_is_cut_short(study):
    study.finish()
    key = study.plan.keys[2]
    file = study.folder.case(key) / "result.json"
    file.write_bytes(file.read_bytes()[:-100])
    before = study.done()
    assert len(before) == 5
    study.finish()
    assert len(study.events("begin")) == 7


def test_two_drivers_on_one_study(study):
    driver = study.start()
    study.begun(1)
    driver.send_signal(signal.SIGSTOP)  # or it may be done before the other has started
    code, said = study.run()
    driver.send_signal(signal.SIGCONT)
    assert code == 2
    assert f"process {driver.pid} on {os.uname().nodename}" in said
    said, _ = driver.communicate()
    assert driver.returncode == 0, said
    study.finish()


def test_clocks_and_times_of_files_mean_nothing(study):
    driver = study.start()
    study.begun(4)
    driver.kill()
    driver.communicate()
    study.wait_for(lambda: not study.processes())
    for number, path in enumerate(sorted(study.folder.path.rglob("*"))):
        moment = (0.0, 4e9)[number % 2]  # 1970 and 2096
        os.utime(path, (moment, moment))
    before = study.done()
    assert before
    study.finish()


def test_a_full_disk(tmp_path, before_mpi):
    """On a small tmpfs: cases fail for want of space; with room, the same command ends the study."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here (needs root): {mounted.stderr.strip()}")
    try:
        _fill_and_free(Disturbed(tmp_path, before_mpi, disk / "out"), disk)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _fill_and_free(study: Disturbed, disk: Path) -> None:
    driver = study.start()
    study.wait_for(study.done)
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(512))
        except OSError:
            pass
    said, _ = driver.communicate()
    assert driver.returncode in (2, 3), said
    assert "No space left on device" in said
    assert 1 <= len(study.done()) < 6
    filler.unlink()
    study.finish("--retry-failed")


def test_500_cases_whose_driver_is_killed_twice(tmp_path, before_mpi):
    """Real ones: 500 temperatures on ten meshes of one grain each."""
    sweep = {
        "temperature_C": {"linear": [10, 59], "points": 50},
        "grains.seed": list(range(1, 11)),
        "grains.conductivity_S_per_cm": [5e-4],
        "grain_boundary.activation_energy_eV": [0.4],
    }
    study = Disturbed(tmp_path, before_mpi, sweep=sweep, jobs=2)
    for count in (60, 170):
        driver = study.start()
        study.wait_for(lambda count=count: len(study.done()) >= count)
        driver.kill()
        driver.communicate()
        study.wait_for(lambda: not study.processes())
    study.finish()
    assert len(study.done()) == 500


def test_500_units_whose_processes_are_killed_now_and_then(tmp_path):
    """With a stand-in for the work, for speed: the driver, the locks and the folders are the real ones."""
    sweep = {"grains.mean_size_um": {"linear": [5, 14.98], "points": 500}}
    worked_out, folder = made(tmp_path, sweep, run={"retries": 1, "jobs": 2})
    assert len(worked_out.units) == 500
    bad = worked_out.keys[::50]
    stand_in = StandIn(tmp_path, dict.fromkeys(bad, "kill once"))
    with folder.driver_lock():
        Engine(worked_out, folder, command=stand_in).run(open_cases(worked_out, folder, False))
    assert {row["status"] for row in collect(folder).table} == {"done"}
    assert [stand_in.times(key) for key in worked_out.keys] == [1 + (key in bad) for key in worked_out.keys]
