"""Which cases share a mesh, what their keys say, and that sharing never mixes them up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mpi4py import MPI

from gbflux.case import Case
from gbflux.errors import MeshError, SolverError
from gbflux.results.folder import RunFolder
from gbflux.results.result import read_result
from gbflux.simulation import shared_mesh
from gbflux.simulation.run import run_case
from gbflux.simulation.shared_mesh import Unit, units
from small_cases import LAYERS, TINY, case, run_unit

QUICK = {**TINY, "output.fields": False, "output.figures": False}


def layered(um: float, *more: dict) -> Case:
    """A small case with layers that thick."""
    return case(QUICK, LAYERS, {"homogenizing_layer.thickness_um": um}, *more)


def thicknesses(found: list[Unit]) -> list[list[tuple[float, float]]]:
    """Layers of each unit's cases."""
    return [[member.hl_um for member in unit.cases] for unit in found]


def test_materials_and_electrodes_share_the_plain_mesh() -> None:
    changes = [
        {},
        {"grain_boundary.conductivity_S_per_cm": 1e-6},
        {"electrodes.asr_ohm_cm2": 3},
        {"electrodes.top_V": 0.2},
        {"temperature_C": 60},
        {"homogenizing_layer.contact_asr_ohm_cm2": 2},
    ]
    cases = [layered(5, change) for change in changes]
    (unit,) = units([*cases, cases[0]])
    assert unit.cases == tuple(cases)
    assert unit.hl_planes_um is None
    assert [unit.case_key(c) for c in cases] == [c.physics_hash for c in cases]


@pytest.mark.parametrize(
    "change",
    [
        {"grains.seed": 2},
        {"mesh.size_um": 2.1},
        {"grain_boundary.thickness_nm": 6},
        {"grains.boundary": "mirror"},
    ],
)
def test_what_the_mesh_depends_on_separates(change: dict) -> None:
    found = units([layered(5), layered(3), layered(5, change)])
    assert sorted(len(unit.cases) for unit in found) == [1, 2]
    assert len({unit.key for unit in found}) == 2


def test_thicknesses_share_planes_and_none_is_one_of_them() -> None:
    one_side = {"homogenizing_layer.sides": "bottom"}
    cases = [layered(3), case(QUICK), layered(10), layered(7, one_side), layered(3, {"temperature_C": 60})]
    (unit,) = units(cases)
    assert unit.hl_planes_um == ((3.0, 7.0, 10.0), (3.0, 10.0))
    assert thicknesses([unit]) == [[(10, 10), (7, 0), (3, 3), (0, 0), (3, 3)]]
    keys = [unit.case_key(c) for c in cases]
    assert len(set(keys)) == 5
    assert not set(keys) & {c.physics_hash for c in cases}
    assert unit.case_key(cases[0]) != units([cases[0], layered(4)])[0].case_key(cases[0])


def test_layers_of_one_material_follow_each_other() -> None:
    """Thick ones first, none last; all electrodes of one thickness together."""
    gb = [{"grain_boundary.conductivity_S_per_cm": value} for value in (1e-6, 1e-7)]
    hl = [{"homogenizing_layer.conductivity_S_per_cm": value} for value in (1e-4, 1e-5)]
    asr = [{}, {"electrodes.asr_ohm_cm2": 3}]
    bare = [[case(QUICK, g, a) for a in asr] for g in gb]
    one, other = ([[layered(um, g, h, a) for um in (5, 3) for a in asr] for h in hl] for g in gb)
    shuffled = [bare[1][0], other[1][3], *one[0], *bare[0], *other[0], one[1][2], *other[1][:3], *one[1][:2]]
    (unit,) = units([*shuffled, one[1][3], bare[1][1]])
    expected = [*other[1], *other[0], *bare[1], *one[1], *one[0], *bare[0]]
    assert [c.physics_hash for c in unit.cases] == [c.physics_hash for c in expected]


def test_units_do_not_depend_on_the_order_of_cases() -> None:
    cases = [layered(um) for um in (1.0, 1.01, 1.02, 2.0, 5.0)]
    forward, backward = units(cases), units(cases[::-1])
    assert [unit.key for unit in forward] == [unit.key for unit in backward]


def test_planes_keep_their_distance() -> None:
    """Cells are 2 µm: planes closer than 0.2 µm, to each other or to the electrolyte, have a mesh apart."""
    found = units([layered(um) for um in (5.0, 4.9, 4.8, 0.1, 0.101)])
    assert thicknesses(found) == [[(5, 5), (4.8, 4.8)], [(4.9, 4.9)], [(0.101, 0.101)], [(0.1, 0.1)]]
    assert [unit.hl_planes_um is None for unit in found] == [False, True, True, True]


def test_each_case_gets_its_own_numbers(tmp_path: Path) -> None:
    """A unit in any order against each case by itself on the same mesh."""
    changes = [
        {},
        {"grain_boundary.conductivity_S_per_cm": 1e-5},
        {"electrodes.asr_ohm_cm2": 3, "electrodes.top_V": -1.0},
        {"homogenizing_layer.conductivity_S_per_cm": 1e-3},
        {
            "homogenizing_layer.contact_asr_ohm_cm2": 2,
            "output": {"bracket": True, "certify": {"windows_um": [9]}},
        },
        {"solver.order": 2},
        {"solver.preconditioner": "lu"},
    ]
    (unit,) = units([layered(5, change) for change in changes])
    wanted = [(c, tmp_path / str(k)) for k, c in enumerate(unit.cases)][::-1]
    results = run_unit(unit, wanted, comm=MPI.COMM_SELF)
    for (one, folder), found in zip(wanted, results, strict=True):
        alone = run_case(one, comm=MPI.COMM_SELF).result
        assert found.mesh == alone.mesh
        assert found.case_hash == one.physics_hash == read_result(folder / "result.json").case_hash
        for name in ("asr_ohm_cm2", "sigma_eff_S_per_cm", "mean_current_density_mA_per_cm2"):
            value, expected = (getattr(r.transport, name) for r in (found, alone))
            assert value == pytest.approx(expected, rel=1e-9), name
        assert found.solver.relative_residual <= 1e-10
        spots, expected = (r.hot_spots["top"].p99_over_mean for r in (found, alone))
        assert spots == pytest.approx(expected, rel=1e-7)
        assert (found.transport.bracket is None) == (not one.output.bracket)
        assert len(found.certificates) == (2 if one.output.bracket else 0)
        for local, expected in zip(found.certificates, alone.certificates, strict=True):
            assert local.value == pytest.approx(expected.value, rel=1e-7)
            assert (local.lower, local.upper) == pytest.approx((expected.lower, expected.upper), rel=1e-2)
    asr = [result.transport.asr_ohm_cm2 for result in results]
    assert len({round(value, 6) for value in asr}) >= len(changes) - 1  # lu and CG agree


def test_the_mesh_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = shared_mesh.build_mesh
    monkeypatch.setattr(shared_mesh, "build_mesh", lambda *given: made.append(given) or original(*given))
    (unit,) = units([layered(um) for um in (0, 2, 5)])
    wanted = [(c, tmp_path / str(c.hl_um[0])) for c in unit.cases]
    first = run_unit(unit, wanted, comm=MPI.COMM_SELF)
    assert [recipe.hl_planes_um for recipe, _ in made] == [((2.0, 5.0), (2.0, 5.0))]
    assert run_unit(unit, wanted, comm=MPI.COMM_SELF) == first  # finished: not even a mesh
    assert len(made) == 1


def test_a_result_says_how_its_mesh_was_made(tmp_path: Path) -> None:
    (unit,) = units([layered(um) for um in (0, 2, 5)])
    chosen = unit.cases[1]
    (result,) = run_unit(unit, [(chosen, tmp_path)], comm=MPI.COMM_SELF)
    tree = json.loads((tmp_path / "result.json").read_text())
    assert tree["mesh"]["method"] == "shared-planes"
    assert tree["mesh"]["hl_planes_um"] == [[2.0, 5.0], [2.0, 5.0]]
    assert tree["case_hash"] == unit.case_key(chosen)
    assert read_result(tmp_path / "result.json") == result
    folder = RunFolder(tmp_path)
    assert folder.finished(chosen, unit.case_key(chosen)) == result
    assert folder.finished(chosen) is None  # the same case on a mesh of its own is other work
    own = run_case(chosen, tmp_path, comm=MPI.COMM_SELF).result
    assert own.mesh.method == "own"
    assert own.case_hash == chosen.physics_hash
    assert own.mesh.hash != result.mesh.hash
    assert "hl_planes_um" not in json.loads((tmp_path / "result.json").read_text())["mesh"]


@pytest.mark.parametrize("asr", [0, 3])
def test_a_failing_case_does_not_spoil_the_next(tmp_path: Path, asr: float) -> None:
    more = {"electrodes.asr_ohm_cm2": asr}
    cases = [layered(5, more), layered(3, more, {"solver.max_iterations": 1}), layered(2, more)]
    (unit,) = units(cases)
    told = []
    results = run_unit(
        unit,
        [(c, tmp_path / str(c.hl_um[0])) for c in cases],
        comm=MPI.COMM_SELF,
        failed=lambda *what: told.append(what),
    )
    assert [result is None for result in results] == [False, True, False]
    ((failed, folder, error),) = told
    assert (failed.hl_um, folder, type(error)) == ((3.0, 3.0), tmp_path / "3.0", SolverError)
    assert not (folder / "result.json").exists()
    (alone,) = run_unit(unit, [(cases[2], tmp_path / "alone")], comm=MPI.COMM_SELF)
    assert results[2].transport.asr_ohm_cm2 == pytest.approx(alone.transport.asr_ohm_cm2, rel=1e-9)
    with pytest.raises(SolverError):
        run_unit(unit, [(cases[1], tmp_path / "again")], comm=MPI.COMM_SELF)


def test_a_mesh_that_cannot_be_made_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def fail(recipe: object, *_: object) -> None:
        tries.append(recipe)
        raise MeshError("mesh: no.")

    monkeypatch.setattr(shared_mesh, "build_mesh", fail)
    (unit,) = units([layered(2), layered(5)])
    told = []
    wanted = [(c, tmp_path / str(c.hl_um[0])) for c in unit.cases]
    results = run_unit(unit, wanted, comm=MPI.COMM_SELF, failed=lambda *what: told.append(what[2]))
    assert results == [None, None]
    assert [type(error) for error in told] == [MeshError, MeshError]
    assert len(tries) == 1
