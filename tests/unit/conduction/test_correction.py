"""Corrections of a potential: the best is kept, one factorisation serves all, rank 0 alone warns."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from mpi4py import MPI

from gbflux.conduction import ConductionSolver, SolverSettings, correction, recycling, solver
from gbflux.conduction.correction import Balanced
from gbflux.errors import SolverError
from gbflux.simulation.run import run_case
from small_cases import FLAT, case

SLIVERS = {
    **FLAT,
    "geometry.size_um": [50, 50],
    "grains.seed": 4,
    "grain_boundary.conductivity_S_per_cm": 5.0e-12,
}


def balanced(monkeypatch: pytest.MonkeyPatch, found: list[float], rank: int = 0) -> tuple[object, float, int]:
    """Fields (their number), imbalance and corrections where the fields are out of balance by so much.

    A correction beyond the last of these fails.
    """
    split = SimpleNamespace(parts="corrected", made=0, destroyed=0)

    def correct() -> None:
        split.made += 1
        if split.made >= len(found):
            raise SolverError("solver: no")

    split.correct = correct
    split.destroy = lambda: None
    monkeypatch.setattr(solver, "SplitPotential", lambda *_: split)
    states = (Balanced(number, 0.0, grain) for number, grain in enumerate(found))
    monkeypatch.setattr(ConductionSolver, "_balanced", lambda *_: next(states))
    conduction = object.__new__(ConductionSolver)
    conduction._comm = SimpleNamespace(rank=rank)
    conduction._watch = lambda stage: nullcontext()
    assembled = SimpleNamespace(
        problem=SimpleNamespace(settings=SolverSettings(rtol=1e-10)),
        cache=SimpleNamespace(currents=None, cell_currents=None),
        system=None,
    )
    best = conduction._balance(assembled, SimpleNamespace(scaling=None))
    return best.fields, best.grain, split.made


@pytest.mark.parametrize(
    ("found", "kept", "made"),
    [
        ([1e-12], 0, 0),
        ([1e-4, 1e-12], 1, 1),
        ([1e-4, 1e-7, 1e-5, 1e-3], 1, 3),
        ([1e-7, 1e-5, 1e-6, 1e-5], 0, 3),
        ([1e-4, 1e-6], 1, 2),
    ],
)
def test_the_best_is_kept(monkeypatch: pytest.MonkeyPatch, found: list[float], kept: int, made: int) -> None:
    assert balanced(monkeypatch, found) == (kept, found[kept], made)


@pytest.mark.parametrize("rank", [0, 1])
def test_rank_0_warns(rank: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    balanced(monkeypatch, [1e-4, 1e-7, 1e-5, 1e-3], rank)
    assert len([line for line in caplog.messages if "in a grain 1.0e-07" in line]) == (rank == 0)


@pytest.mark.parametrize(("asr", "factorisations"), [(0.0, 1), (1.0e-6, 2)])
def test_one_factorisation_serves_all_corrections(
    asr: float, factorisations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the solve itself between ideal electrodes; resistive ones are held, in a matrix apart."""
    made, corrected = [], []
    make, correct = recycling.made_for, correction.SplitPotential.correct
    monkeypatch.setattr(recycling, "made_for", lambda *what: made.append(1) or make(*what))
    monkeypatch.setattr(
        correction.SplitPotential, "correct", lambda split: corrected.append(1) or correct(split)
    )
    monkeypatch.setattr(solver, "BALANCE", 1e-12)  # never enough
    changes = {"solver.preconditioner": "lu", "electrodes.asr_ohm_cm2": asr}
    result = run_case(case(SLIVERS, changes), comm=MPI.COMM_SELF).result
    assert len(corrected) >= 2
    assert len(made) == factorisations
    assert result.solver.grain_imbalance < 1e-8
