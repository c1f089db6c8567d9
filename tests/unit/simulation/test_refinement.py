"""Refining until the bracket is narrow enough: what ends it, what is kept of it, what the command says."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from mpi4py import MPI

from gbflux.case import Memory
from gbflux.case.cost import memory_MiB
from gbflux.cli import main as command
from gbflux.errors import MeshError
from gbflux.results.result import Result
from gbflux.simulation import refinement, shared_mesh
from gbflux.simulation.run import Outcome, run_case
from gbflux.simulation.summary import asked_and_reached
from small_cases import LAYERS, NO_FIGURES, TINY, case, case_text, solved

BARE = {**TINY, "output": {"figures": False, "fields": True}}


def asked(width: float) -> dict:
    return {"accuracy": {"conductance": width}}


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return solved(BARE, asked(0.001))


def test_the_target_is_reached(outcome: Outcome) -> None:
    result = outcome.result
    widths = [one.relative_width for one in result.refinement]
    assert len(widths) >= 2
    assert widths[-1] <= 0.001 < min(widths[:-1])
    assert result.errors["conductance"] == {
        "asked": 0.001,
        "relative_width": widths[-1],
        "reached": True,
        "stopped_by": None,
    }
    assert result.errors["accuracy"]["conductance"] == {
        "asked": 0.001,
        "error": widths[-1],
        "worst": None,
        "reached": True,
        "stopped_by": None,
    }
    assert [one.errors["conductance"] for one in result.refinement] == widths
    assert not any("accuracy" in text for text in result.warnings)


def test_the_result_is_that_of_the_last_mesh(outcome: Outcome) -> None:
    result, last = outcome.result, outcome.result.refinement[-1]
    assert (last.cells, last.nodes, last.mesh_hash) == (
        result.mesh.cells,
        result.mesh.nodes,
        result.mesh.hash,
    )
    assert last.relative_width == result.transport.bracket.relative_width
    assert last.lower_S == result.transport.bracket.lower_S


def test_brackets_of_all_rounds_overlap(outcome: Outcome) -> None:
    rounds = outcome.result.refinement
    assert max(one.lower_S for one in rounds) <= min(one.upper_S for one in rounds)


def test_a_wide_target_takes_one_mesh() -> None:
    result = solved(BARE, asked(0.5)).result
    assert len(result.refinement) == 1
    # in 2D meshes that are refined are not cut: sizes that follow the gap do as well
    uncut = solved(BARE, {"output.bracket": True, "mesh.boundary_end_um": 0})
    assert result.mesh.hash == uncut.result.mesh.hash
    errors = result.errors["hot_spots"]["bottom"]
    assert errors["p99_over_mean"]["estimated_error"] > 0  # from that mesh alone
    assert errors["max_over_mean"]["observed_exponent"] is None


def test_without_accuracy_nothing_is_added() -> None:
    tree = solved(BARE).result.as_dict()
    assert tree["refinement"] == []
    assert not {"accuracy", "conductance"} & tree["errors"].keys()
    assert "conductance" not in tree["errors"]
    assert "observed_exponent" not in tree["errors"]["hot_spots"]["top"]["max_over_mean"]


def test_errors_are_a_tree_parallel_to_the_hot_spots(outcome: Outcome) -> None:
    tree = outcome.result.as_dict()

    def same_keys(errors: dict, values: dict) -> None:
        assert errors.keys() == values.keys() - {"smallest_facet_um", "mean_over_mean"}
        for key, value in values.items():
            if isinstance(value, dict):
                same_keys(errors[key], value)
            elif key in errors:
                assert {"estimated_error", "converged"} <= errors[key].keys()

    for part in ("hot_spots", "hot_spots_electrolyte"):
        assert tree["errors"][part].keys() == tree[part].keys()
        for side, values in tree[part].items():
            same_keys(tree["errors"][part][side], values)


def test_the_result_comes_back_from_its_tree(outcome: Outcome) -> None:
    tree = json.loads(json.dumps(outcome.result.as_dict(), allow_nan=False))
    assert "lower_S_per_m" in tree["refinement"][0]
    assert Result.from_dict(tree) == replace(outcome.result, directory=None)
    del tree["errors"]["accuracy"]  # as written before there were other targets than the conductance
    for one in tree["refinement"]:
        del one["errors"]
    old = Result.from_dict(tree)
    assert old.refinement[0].errors == {}
    assert asked_and_reached(old.errors)["conductance"]["reached"]
    del tree["refinement"], tree["errors"]  # as written before there were any
    assert Result.from_dict(tree).refinement == ()


def test_resistive_electrodes_and_layers() -> None:
    result = solved(TINY, LAYERS, asked(0.01), {"electrodes.asr_ohm_cm2": 2.0}).result
    assert result.errors["conductance"]["reached"]
    assert result.errors["hot_spots"]["top"]["max_over_mean"]["divergent"] is False
    assert result.errors["hot_spots_electrolyte"]["top"]["max_over_mean"]["divergent"] is True


def missed(monkeypatch: pytest.MonkeyPatch, **limits: object) -> Result:
    for name, value in limits.items():
        monkeypatch.setattr(refinement, name, value)
    return run_case(case(BARE, asked(1e-5)), comm=MPI.COMM_SELF).result


@pytest.mark.parametrize(
    ("limits", "reason", "rounds"),
    [
        ({"MOST_ROUNDS": 2}, "rounds", 2),
        ({"machine_memory": lambda: Memory(400.0, 400.0)}, "memory", 1),
        ({"PROGRESS": 0.0}, "stalled", 3),
    ],
)
def test_a_missed_target_is_said(
    monkeypatch: pytest.MonkeyPatch, limits: dict, reason: str, rounds: int
) -> None:
    result = missed(monkeypatch, **limits)
    facts = result.errors["conductance"]
    assert (facts["reached"], facts["stopped_by"], len(result.refinement)) == (False, reason, rounds)
    assert result.warnings[0].startswith("accuracy: the conductance is certified to ")
    assert facts["relative_width"] == result.transport.bracket.relative_width > 1e-5


def test_a_mesh_that_fails_leaves_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    build = shared_mesh.build_mesh

    def failing(recipe, *rest):
        if recipe.size.field is not None:
            raise MeshError("mesh: no.")
        return build(recipe, *rest)

    monkeypatch.setattr(shared_mesh, "build_mesh", failing)
    result = missed(monkeypatch)
    assert result.errors["conductance"]["stopped_by"] == "mesh"
    assert len(result.refinement) == 1


def test_memory_allows_a_larger_mesh_than_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    result = missed(monkeypatch, machine_memory=lambda: Memory(670.0, 670.0))
    cells = [one.cells for one in result.refinement]
    assert result.errors["conductance"]["stopped_by"] == "memory"
    assert len(cells) > 1
    assert cells[-1] > cells[0]


SMALL_3D = {"mesh.size_um": 4.0, "mesh.electrode_size_um": 4.0, "mesh.boundary_end_um": 0}


@pytest.mark.parametrize(("free_MiB", "rounds"), [(1400.0, 2), (1000.0, 1)])
def test_in_3d_memory_ends_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, free_MiB: float, rounds: int
) -> None:
    """There is room for the second mesh; for none: what is made then turns out too large, and is left."""
    monkeypatch.setattr(refinement, "machine_memory", lambda: Memory(free_MiB, free_MiB))
    caplog.set_level(logging.INFO)
    result = run_case(case(LAYERS, asked(1e-5), SMALL_3D, NO_FIGURES), comm=MPI.COMM_SELF).result
    assert result.errors["conductance"]["stopped_by"] == "memory"
    assert "would not fit into memory" in result.warnings[0]
    assert ("the next mesh must have at most" in caplog.text) == (rounds == 1)
    found = result.refinement
    assert len(found) == rounds
    assert max(one.lower_S for one in found) <= min(one.upper_S for one in found)
    assert rounds == 1 or found[-1].relative_width < 0.5 * found[0].relative_width
    for one in found[1:]:
        assert memory_MiB(case(LAYERS, asked(1e-5)), one.cells, one.nodes) < free_MiB


def test_the_command_ends_with_exit_code_5_and_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(refinement, "MOST_ROUNDS", 1)
    path, out = tmp_path / "case.yaml", tmp_path / "out"
    path.write_text(case_text(BARE))
    words = ["run", str(path), "-o", str(out), "--accuracy", "0.001%"]
    assert command.exit_code(words) == 5
    assert "accuracy: the conductance is certified to" in capsys.readouterr().err
    tree = json.loads((out / "result.json").read_text())
    assert tree["errors"]["conductance"]["asked"] == 1e-5
    assert command.exit_code(words) == 5  # finished, and still not what was asked for
    assert "holds this case finished" in capsys.readouterr().out
    assert command.exit_code(["run", str(path), "-o", str(out)]) == 2  # without accuracy it is another case
    capsys.readouterr()
    assert command.exit_code(["measure", str(out)]) == 0
    again = json.loads((out / "result.json").read_text())
    assert again["refinement"] == tree["refinement"]
    assert again["errors"]["accuracy"] == tree["errors"]["accuracy"]
    assert again["warnings"] == tree["warnings"]


def test_the_log_has_a_line_for_each_round(tmp_path: Path) -> None:
    path, out = tmp_path / "case.yaml", tmp_path / "out"
    path.write_text(case_text(BARE, asked(0.001)))
    assert command.exit_code(["run", str(path), "-o", str(out)]) == 0
    rounds = len(json.loads((out / "result.json").read_text())["refinement"])
    log = (out / "run.log").read_text()
    assert [f"round {k}:" in log for k in range(1, rounds + 2)] == [True] * rounds + [False]
