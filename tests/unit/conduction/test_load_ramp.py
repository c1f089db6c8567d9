"""The load is raised in steps where Newton's method has too few for all of it at once."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import (
    ButlerVolmer,
    Electrode,
    Resistance,
    Solution,
    SolverSettings,
    bottom_electrode,
    newton,
    solve,
    top_electrode,
)
from gbflux.errors import SolverError
from meshes_by_hand import BARE_STACK, stack

MESH = stack(BARE_STACK, 2)
UNEVEN = np.random.default_rng(0).uniform(1e-3, 1.0, len(MESH.cells))
SLOW, FAST = ButlerVolmer(1e-3, 0.3, 0.7, 298.15), ButlerVolmer(10.0, 0.5, 0.5, 298.15)
#: Each takes more steps than the number beside it.
HARD = {
    "both slow": (bottom_electrode(0.0, SLOW), top_electrode(10.0, SLOW), 5),
    "both fast": (bottom_electrode(0.0, FAST), top_electrode(0.1, FAST), 2),
    "away from zero": (bottom_electrode(3.0, FAST), top_electrode(3.1, FAST), 2),
    "downwards": (bottom_electrode(0.0, SLOW), top_electrode(-10.0, SLOW), 5),
    "one ideal": (bottom_electrode(-2.0), top_electrode(8.0, SLOW), 4),
    "one a resistance": (bottom_electrode(8.0, SLOW), top_electrode(-2.0, Resistance(1e-3)), 4),
    "a current": (bottom_electrode(0.0, SLOW), top_electrode(None, SLOW, current_density=1e3), 3),
}


def solved(bottom: Electrode, top: Electrode) -> Solution:
    return solve(MPI.COMM_SELF, MESH, UNEVEN, (bottom, top), SolverSettings())


@pytest.mark.parametrize("name", HARD)
def test_the_ramp_ends_where_the_full_load_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bottom, top, few = HARD[name]
    at_once = solved(bottom, top)
    assert at_once.newton_iterations > few
    assert at_once.load_steps == 1
    monkeypatch.setattr(newton, "MOST_STEPS", few)
    ramped = solved(bottom, top)
    assert ramped.load_steps >= 2
    assert ramped.newton_iterations > at_once.newton_iterations
    assert ramped.relative_residual <= 1e-10
    assert ramped.potentials == pytest.approx(at_once.potentials, rel=1e-9)
    span = np.ptp(at_once.fields.phi)
    assert ramped.fields.phi == pytest.approx(at_once.fields.phi, abs=1e-9 * span, rel=0)
    assert ramped.fields.j == pytest.approx(
        at_once.fields.j, abs=1e-8 * np.abs(at_once.fields.j).max(), rel=0
    )


def test_a_ramp_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    bottom, top, few = HARD["both slow"]
    monkeypatch.setattr(newton, "MOST_STEPS", few)
    with caplog.at_level(logging.INFO, logger="gbflux.conduction.newton"):
        steps = solved(bottom, top).load_steps
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "Newton's method stopped at 1 of the load after 5 steps"
    assert sum("converged at" in line for line in lines) == steps
    assert lines[-1].startswith("Newton's method converged at 1 of the load")


def test_a_ramp_that_does_not_help_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an unconverged answer: one step is not enough for any load."""
    bottom, top, _ = HARD["both slow"]
    monkeypatch.setattr(newton, "MOST_STEPS", 1)
    with pytest.raises(SolverError, match=r"stopped after 11 steps.*at 0\.0009766 of the load") as caught:
        solved(bottom, top)
    assert caught.value.exit_code == 3
    assert caught.value.relative_residual > 1e-10


def test_round_off_is_not_ramped_against(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tolerance that no load reaches ends at the full load."""
    bottom, top, _ = HARD["both fast"]
    with pytest.raises(SolverError, match=r"at 1 of the load") as caught:
        solve(MPI.COMM_SELF, MESH, UNEVEN, (bottom, top), SolverSettings(rtol=1e-19))
    assert caught.value.relative_residual < 1e-10
