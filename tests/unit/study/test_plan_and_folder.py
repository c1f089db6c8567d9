"""The plan of a study, its folder, and its locks."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.study_cases import StandIn, made, study_data, study_file

from gbflux.case import estimate
from gbflux.case.cost import MESH_PER_CELL_S, START_S
from gbflux.errors import InputError
from gbflux.mesh.gmsh_model import cores
from gbflux.study import Plan, StudyFolder, forget_failures, load_study, open_cases, plan, tally
from gbflux.study.folder import is_locked, locked
from gbflux.study.planning import MEMORY_PER_RANK_MIB, MORE, MORE_OF_A_LAYER

HL = "homogenizing_layer"
LAYER = {"thickness_um": 5, "conductivity_S_per_cm": 1e-4}


def test_every_case_is_in_one_unit_and_equal_cases_are_computed_once(tmp_path):
    sweep = {HL: [{**LAYER, "thickness_um": 0}, None, LAYER], "temperature_C": [25, 26]}
    worked_out, _ = made(tmp_path, sweep, realizations=2)
    assert len(worked_out.entries) == 12
    assert len(set(worked_out.keys)) == len(worked_out.keys) == 8  # no layer is a layer of no thickness
    assert sorted(k for unit in worked_out.units for k in unit.cases) == sorted(
        {e.key for e in worked_out.entries}
    )


def test_expected_cost_adds_up(tmp_path):
    worked_out, _ = made(tmp_path, {"temperature_C": [25, 26, 27]})
    (unit,) = worked_out.units
    first, *others = unit.seconds.values()
    assert first > sum(others) > 0  # the mesh is made once
    assert unit.memory_MiB == unit.largest.memory_MiB > 0
    assert worked_out.time_s() == pytest.approx(first + sum(others))


def test_another_thickness_is_expected_to_cost_less_than_another_conductivity(tmp_path):
    layer = {"homogenizing_layer.conductivity_S_per_cm": [1e-4]}
    thicknesses = {**layer, "homogenizing_layer.thickness_um": [1, 2, 5]}
    conductivities = {
        "homogenizing_layer": [{"thickness_um": 5, "conductivity_S_per_cm": c} for c in (1e-5, 1e-4)]
    }
    for sweep, share in ((thicknesses, MORE_OF_A_LAYER), (conductivities, MORE)):
        (unit,) = made(tmp_path, sweep)[0].units
        last, case = list(unit.seconds.values())[-1], unit.unit.cases[-1]
        e = estimate(case)
        assert last == pytest.approx(share * (e.time_s - START_S - MESH_PER_CELL_S * e.cells))


def test_ranks_take_memory_of_their_own(tmp_path):
    alone, four = (made(tmp_path, {}, run={"ranks": n})[0].units[0] for n in (1, 4))
    assert four.memory_MiB == alone.memory_MiB + 3 * MEMORY_PER_RANK_MIB


def test_units_side_by_side_share_the_cores(tmp_path):
    from gbflux.study.planning import at_a_time

    def at_once(**run: int) -> int:
        return at_a_time(load_study(study_file(tmp_path, {}, run=run)))

    assert at_once() == cores()
    assert at_once(jobs=1) == 1
    assert at_once(jobs=10_000) == cores()
    assert at_once(ranks=cores()) == 1
    assert at_once(ranks=10 * cores(), jobs=2) == 1


def test_the_folder_holds_all_that_a_study_is(tmp_path):
    (tmp_path / "points.csv").write_text("x,z\n5,5\n15,15\n", encoding="utf-8")
    data = study_data({"temperature_C": {"linear": [20, 60], "points": 3}})
    grains = {"seeds_file": "points.csv", "conductivity_S_per_cm": 5e-4}
    data["case"] = {**data["case"], "grains": grains}
    (tmp_path / "a.yaml").write_text(json.dumps(data), encoding="utf-8")
    study = load_study(tmp_path / "a.yaml")
    folder = StudyFolder(tmp_path / "out")
    folder.make()
    folder.prepare(study)
    (tmp_path / "points.csv").unlink()
    (tmp_path / "a.yaml").unlink()
    again = folder.study()
    assert [c.physics_hash for c in again.cases] == [c.physics_hash for c in study.cases]
    assert (again.name, again.keys, again.run) == (study.name, study.keys, study.run)
    assert [unit.key for unit in plan(again).units] == [unit.key for unit in plan(study).units]
    folder.prepare(again)  # from the copy: it stays the one
    (copy,) = (folder.path / "seeds").iterdir()
    assert copy.name == f"points-{study.cases[0].grains.seeds_file.sha256[:16]}.csv"


def test_the_resolved_study_is_written_once(tmp_path):
    worked_out, folder = made(tmp_path, {})
    before = folder.study_file.stat().st_ino
    folder.prepare(worked_out.study)
    folder.prepare(folder.study())
    assert folder.study_file.stat().st_ino == before


def test_another_studys_folder_is_refused(tmp_path):
    _, folder = made(tmp_path, {})
    other = load_study(study_file(tmp_path, {}, name="other"))
    with pytest.raises(InputError, match=r"must hold study other; got study tiny\. Choose another -o"):
        folder.check(other)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "precious.txt").touch()
    with pytest.raises(InputError, match="must be empty or hold this study; got other files"):
        StudyFolder(tmp_path / "files").check(other)
    with pytest.raises(InputError, match="must be a folder; got a file"):
        StudyFolder(tmp_path / "files" / "precious.txt").check(other)
    StudyFolder(tmp_path / "new").check(other)


def test_a_study_that_cannot_be_read_any_more_is_written_anew(tmp_path):
    worked_out, folder = made(tmp_path, {})
    folder.study_file.write_text('{"name": "tiny", "key_of_another_version": 1', encoding="utf-8")
    with pytest.raises(InputError, match="must hold a study"):
        folder.study()
    folder.check(worked_out.study)
    folder.prepare(worked_out.study)
    assert folder.study().name == "tiny"


def test_state_of_a_case(tmp_path):
    worked_out, folder = made(tmp_path, {"temperature_C": [25, 26, 27]})
    a, b, c = worked_out.keys
    folder.fail(a, "no", "MeshError", 2)
    folder.fail(b, "late", "Timeout", 124)
    assert [folder.state(key) for key in (a, b, c)] == ["failed", "timeout", "missing"]
    assert folder.fail(a, "no", "MeshError", 2).attempts == 2
    _finish(tmp_path, folder, a)
    assert folder.state(a) == "done"
    count = tally(worked_out, folder)
    assert (count.done, count.failed, count.missing, count.total) == (1, 1, 1, 3)


@pytest.mark.parametrize("broken", ["", "{", '{"name": "tiny"}', "[]", "null", '"a"'])
def test_a_result_that_is_not_whole_is_none(tmp_path, broken):
    worked_out, folder = made(tmp_path, {})
    (key,) = worked_out.keys
    _finish(tmp_path, folder, key)
    assert folder.state(key) == "done"
    (folder.case(key) / "result.json").write_text(broken, encoding="utf-8")
    assert folder.state(key) == "missing"
    assert open_cases(worked_out, folder, False) == {worked_out.units[0].key: [key]}


def _finish(tmp_path: Path, folder: StudyFolder, key: str) -> None:
    command = StandIn(tmp_path)(folder.path, "", [key], 1)
    subprocess.run(command, check=True, capture_output=True)


def test_what_failed_is_tried_as_often_as_asked(tmp_path):
    worked_out, folder = made(tmp_path, {}, run={"retries": 1})
    (key,) = worked_out.keys
    folder.fail(key, "no", "MeshError", 2)
    assert _wanted(worked_out, folder)
    folder.fail(key, "no", "MeshError", 2)
    assert not _wanted(worked_out, folder)
    assert _wanted(worked_out, folder, retry=True)
    assert folder.failure(key).attempts == 2  # asking changes nothing
    forget_failures(folder, {"unit": [key]})
    assert folder.failure(key) is None  # its attempts begin anew


def _wanted(worked_out: Plan, folder: StudyFolder, retry: bool = False) -> bool:
    return bool(open_cases(worked_out, folder, retry))


def test_a_lock_names_who_holds_it_and_ends_with_its_process(tmp_path):
    path = tmp_path / "a.lock"
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(path,))
    holder.start()
    while not is_locked(path) or not path.read_text(encoding="utf-8"):
        assert holder.is_alive()
    message = rf"study x: must be free; process {holder.pid} on {platform.node()} \(since "
    with pytest.raises(InputError, match=message), locked(path, "study x"):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with locked(path, "study x"):
        assert json.loads(path.read_text(encoding="utf-8"))["pid"] == os.getpid()
        assert is_locked(path)
    assert not is_locked(path)
    assert not is_locked(tmp_path / "none.lock")


def test_a_lock_that_cannot_be_made_is_no_internal_error(tmp_path):
    with (
        pytest.raises(
            InputError, match=r"study x: must be writable, for the lock .*No such file or directory"
        ),
        locked(tmp_path / "nowhere" / "a.lock", "study x"),
    ):
        pass


def _hold(path: Path) -> None:
    with locked(path, "it"):
        signal.pause()


def test_planning_loads_neither_mpi_nor_dolfinx(tmp_path):
    code = (
        "import sys; from gbflux.study import *; "
        "from gbflux.study import engine, worker, cluster; "
        f"plan(load_study({str(study_file(tmp_path, {'temperature_C': [1, 2]}))!r})); "
        "print(*({'mpi4py', 'dolfinx', 'petsc4py', 'gmsh', 'matplotlib', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
