"""The loop of refining with stand-ins for its rounds: which one is the result, what ends it, what is said."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.case import Case
from gbflux.cli import main as command
from gbflux.conduction.records import Bracket
from gbflux.errors import MeshError, SolverError
from gbflux.measure import Measurement
from gbflux.simulation import refinement
from gbflux.simulation.progress import Progress
from gbflux.simulation.refinement import History, missed, refined
from gbflux.simulation.run import Outcome, run_case
from gbflux.simulation.targets import HotSpotMeasures, Solved, Standing, targets
from small_cases import NO_FIGURES, TINY, case, case_text, solved

SMALL = {**TINY, **NO_FIGURES}


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return solved(SMALL)


def asked(**accuracy: float) -> Case:
    return case(SMALL, {"accuracy": accuracy})


class Rounds:
    """A stage that solves nothing: the same mesh again and again, with brackets of given widths."""

    def __init__(self, outcome: Outcome, widths: Sequence[float | Exception | None]):
        self.outcome, self.widths, self.fields = outcome, list(widths), []
        self.made: list[Solved] = []

    def __call__(self, field, room: float) -> Solved:
        self.fields.append(field)
        width = self.widths[len(self.made)]
        if isinstance(width, Exception):
            raise width
        shot = self.outcome.snapshot

        class Built:
            mesh = shot.mesh

        gap = np.full(len(shot.mesh.cells), (width or 0.0) / len(shot.mesh.cells))
        bracket = None if width is None else Bracket(1.0 - width, 1.0, 0.0, 1, gap)
        self.made.append(Solved(Built, Solution(bracket), shot))
        return self.made[-1]


class Solution:
    """What the loop looks at of one."""

    def __init__(self, bracket: Bracket | None):
        self.bracket = bracket


def run(stage: Rounds, wanted: Case) -> tuple[int, History]:
    """Number of the round that came back, and the history."""
    best, history = refined(wanted, MPI.COMM_SELF, stage, Progress())
    return next(k for k, made in enumerate(stage.made) if made is best), history


def test_the_best_round_comes_back_not_the_last(outcome: Outcome, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    number, history = run(Rounds(outcome, [0.05, 0.02, 0.03, 0.04]), asked(conductance=0.001))
    assert (number, history.best, history.stopped_by) == (1, 1, "stalled")
    assert history.accuracy()["conductance"]["error"] == pytest.approx(0.02)
    assert len(history.rounds) == 4
    assert len(history.measurements) == 2
    assert "round 2 was the best: it is the result" in caplog.text


def test_the_round_that_reaches_the_target_is_the_last(outcome: Outcome) -> None:
    number, history = run(Rounds(outcome, [0.05, 0.06, 0.009]), asked(conductance=0.01))
    assert (number, history.stopped_by) == (2, None)
    assert history.accuracy()["conductance"]["reached"]


def test_a_mesh_that_fails_leaves_the_best_of_those_before(outcome: Outcome) -> None:
    stage = Rounds(outcome, [0.05, 0.06, MeshError("mesh: no.")])
    number, history = run(stage, asked(conductance=0.01))
    assert (number, history.stopped_by) == (0, "mesh")


def test_the_first_mesh_is_that_of_the_case_and_a_failure_there_is_raised(outcome: Outcome) -> None:
    stage = Rounds(outcome, [MeshError("mesh: no.")])
    with pytest.raises(MeshError, match="no"):
        run(stage, asked(conductance=0.01))
    assert stage.fields == [None]


def test_without_bounds_no_conductance_is_refined_for(outcome: Outcome) -> None:
    with pytest.raises(SolverError, match="certified bounds to refine by"):
        run(Rounds(outcome, [None]), asked(conductance=0.01))


def test_hot_spots_need_no_bounds_and_an_error_that_stays_ends_it(outcome: Outcome) -> None:
    number, history = run(Rounds(outcome, [None] * 4), asked(hot_spots=0.001))
    facts = history.accuracy()["hot_spots"]
    assert (facts["reached"], facts["stopped_by"], number) == (False, "stalled", 3)
    (text,) = missed(asked(hot_spots=0.001), history.accuracy())
    assert text.startswith("accuracy: the hot-spot measures are known to ")
    assert f"({facts['worst']}), not to the 0.1 % asked for: finer meshes no longer help" in text


def test_all_targets_have_to_be_reached(outcome: Outcome) -> None:
    _, history = run(Rounds(outcome, [0.5, 0.001, 0.001, 0.001]), asked(conductance=0.01, hot_spots=0.001))
    found = history.accuracy()
    assert found["conductance"] == {
        "asked": 0.01,
        "error": pytest.approx(0.001),
        "worst": None,
        "reached": True,
        "stopped_by": None,
    }
    assert not found["hot_spots"]["reached"]
    assert len(missed(asked(conductance=0.01, hot_spots=0.001), found)) == 1


def test_every_round_has_its_line_and_the_first_comes_before(
    outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run(Rounds(outcome, [0.05, 0.009]), asked(conductance=0.01))
    first, one, two = (record.getMessage() for record in caplog.records if "refine" in record.getMessage())
    cells = len(outcome.snapshot.mesh.cells)
    assert "conductance to 1 %; first mesh about " in first
    assert "memory has room for about " in first
    assert f"round 1: {cells:,} cells, conductance certified to 5 % of 1 % asked for" in one
    for word in ("; next about ", " cells, ", " MiB, ", " s"):
        assert word in one
    assert two.count(";") == 0


def measured(p99: float, p99_error: float, gini_error: float = 0.0005) -> Measurement:
    """One plane: errors of 0.001 but for those given; what must not count is far off."""
    spots = replace(
        solved(SMALL).result.hot_spots["top"],
        p99_over_mean=p99,
        gini=0.001,
        window_max_over_mean={"200_nm": 1.0, "1_um": None, "3_um": 1.0},
    )

    def of(error: float | None, **more: bool) -> dict:
        return {"estimated_error": error, "converged": False, **more}

    errors = {name: of(0.001) for name in vars(spots)}
    errors |= {
        "p99_over_mean": of(p99_error),
        "gini": of(gini_error),
        "max_over_mean": of(9.0, divergent=True),
    }
    errors["window_max_over_mean"] = {"200_nm": of(9.0), "1_um": of(None), "3_um": of(0.01)}
    return replace(
        solved(SMALL).snapshot.measurement,
        hot_spots={"top": spots},
        hot_spots_electrolyte={},
        errors={"hot_spots": {"top": errors}, "hot_spots_electrolyte": {}},
    )


def test_the_largest_error_that_counts_is_the_one_of_the_round() -> None:
    """Divergent measures, null ones and other windows are left out; a Gini coefficient counts as 0.02."""
    target = HotSpotMeasures(0.05)
    found = target.standing(None, [measured(2.0, 0.2)], [100])
    assert found == Standing(0.05, 0.1, "hot_spots.top.p99_over_mean")
    found = target.standing(None, [measured(2.0, 0.004)], [100])
    assert found == Standing(0.05, 0.025, "hot_spots.top.gini")
    assert "hot spots to 2.5 % (hot_spots.top.gini) of 5 % asked for" in target.words(found)


def test_a_change_from_a_coarser_mesh_counts_where_it_leaves_more() -> None:
    """1.0 from 100 to 300 cells leaves 0.5, if errors go with 1/cells; from 290 cells it tells nothing."""
    target, rounds = HotSpotMeasures(0.05), [measured(3.0, 0.1), measured(2.0, 0.1)]
    assert target.standing(None, rounds, [100, 300]).error == pytest.approx(0.25)
    assert target.standing(None, rounds, [290, 300]).error == pytest.approx(0.05)


def test_targets_of_a_case() -> None:
    assert [(t.name, t.asked) for t in targets(asked(hot_spots=0.05, conductance=0.001))] == [
        ("conductance", 0.001),
        ("hot_spots", 0.05),
    ]


def test_hot_spots_are_refined_for_in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refinement, "MOST_ROUNDS", 3)
    result = run_case(asked(hot_spots=0.001), comm=MPI.COMM_SELF).result
    assert result.transport.bracket is None
    assert result.refinement[0].relative_width is None
    facts = result.errors["accuracy"]["hot_spots"]
    assert "conductance" not in result.errors
    assert facts["worst"].startswith("hot_spots.")
    assert result.refinement[-1].cells > result.refinement[0].cells
    known = [one for one in result.refinement if one.errors["hot_spots"] is not None]
    best = min(known, key=lambda one: one.errors["hot_spots"])
    assert best.mesh_hash == result.mesh.hash


def test_power_of_a_round_is_kept_within_limits(outcome: Outcome) -> None:
    def power(before: float, after: float, promised: float) -> float:
        story = refinement._Story(asked(conductance=0.01), targets(asked(conductance=0.01)), None)
        story.standings = [{"conductance": Standing(0.01, one)} for one in (before, after)]
        story.plans = [None, refinement._Next(None, "conductance", promised)]
        return story.power(story.targets[0])

    assert power(0.1, 0.1 * 0.1**0.5, 0.1) == pytest.approx(0.5)
    assert power(0.1, 0.2, 0.1) == refinement.POWERS[0]
    assert power(0.1, 1e-4, 0.1) == refinement.POWERS[1]


def test_the_command_says_which_targets_were_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(refinement, "MOST_ROUNDS", 1)
    path, out = tmp_path / "case.yaml", tmp_path / "out"
    path.write_text(case_text(SMALL))
    words = ["run", str(path), "-o", str(out), "--accuracy", "50%,hot_spots=0.1%"]
    assert command.exit_code(words) == 5
    said = capsys.readouterr().err
    assert "accuracy: the hot-spot measures are known to " in said
    assert "not to the 0.1 % asked for" in said
    assert "accuracy: the conductance is certified" not in said
    tree = json.loads((out / "result.json").read_text())
    assert tree["errors"]["accuracy"]["conductance"]["reached"]
    assert tree["errors"]["accuracy"]["hot_spots"]["stopped_by"] == "rounds"
    assert command.exit_code(["measure", str(out)]) == 0
    assert json.loads((out / "result.json").read_text())["warnings"] == tree["warnings"]


def test_electrodes_may_have_kinetics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refinement, "MOST_ROUNDS", 2)
    law = {"electrodes.kinetics": {"exchange_current_density_mA_per_cm2": 1.0}}
    result = run_case(case(SMALL, law, {"accuracy": {"hot_spots": 0.2}}), comm=MPI.COMM_SELF).result
    assert result.solver.newton_iterations > 0
    assert result.errors["hot_spots"]["top"]["max_over_mean"]["divergent"] is False
    assert len(result.refinement) >= 1


def test_local_currents_are_refined_for_until_their_intervals_are_narrow() -> None:
    """A window of less than two facets has no bounds at first; the intervals of all meshes overlap."""
    certify = {"output": {"figures": False, "certify": {"grains": 1, "windows_um": [3]}}}
    coarse = solved(TINY, certify, {"mesh.size_um": 4.0, "mesh.electrode_size_um": 4.0})
    assert [one.lower is None for one in coarse.result.certificates] == [False, True] * 2
    sizes = {"mesh.size_um": 4.0, "mesh.electrode_size_um": 4.0}
    result = run_case(case(TINY, certify, sizes, {"accuracy": {"hot_spot": 0.15}}), comm=MPI.COMM_SELF).result
    errors = [one.errors["hot_spot"] for one in result.refinement]
    assert errors[0] >= 1.0
    assert errors[-1] <= 0.15
    facts = result.errors["accuracy"]["hot_spot"]
    assert (facts["reached"], facts["error"]) == (True, errors[-1])
    assert facts["worst"] in [f"{side} {part}" for side in ("bottom", "top") for part in _parts(result)]
    widths = [(one.upper - one.lower) / (2 * one.value) for one in result.certificates]
    assert max(widths) == facts["error"]
    for one, other in zip(coarse.result.certificates, result.certificates, strict=True):
        if one.lower is not None and one.grain == other.grain:
            assert max(one.lower, other.lower) <= min(one.upper, other.upper)


def _parts(result) -> list[str]:
    """What intervals may be of, on either electrode."""
    return ["window of 3 µm", *(f"grain {one.grain}" for one in result.certificates if one.kind == "grain")]


def test_what_is_said_of_local_currents_that_stay_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refinement, "MOST_ROUNDS", 1)
    result = run_case(asked(hot_spot=0.001), comm=MPI.COMM_SELF).result
    assert len(result.certificates) > 2  # the default ones
    (text,) = (text for text in result.warnings if text.startswith("accuracy:"))
    assert text.startswith("accuracy: local currents are certified to ")
    assert "not to the 0.1 % asked for" in text


def test_without_bounds_no_local_current_is_refined_for(outcome: Outcome) -> None:
    with pytest.raises(SolverError, match="local currents must have certified bounds"):
        run(Rounds(outcome, [None]), asked(hot_spot=0.1))
