"""A preconditioner that fails is made anew, once, where it had served another system before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import (
    ButlerVolmer,
    ConductionSolver,
    SolverSettings,
    bottom_electrode,
    solver,
    top_electrode,
)
from gbflux.conduction.cache import SolverCache
from gbflux.conduction.krylov import Convergence
from gbflux.errors import SolverError
from gbflux.mesh import CellKind
from meshes_by_hand import Layer, stack


def failing(monkeypatch: pytest.MonkeyPatch, *fails: int) -> list[Callable]:
    """CG of each try from now on; those of these numbers, from 1, end with an error."""
    tries, potential = [], SolverCache._potential

    def tried(cache: SolverCache, system: object, ksp: object, *rest: object) -> Convergence:
        tries.append(ksp)
        if len(tries) in fails:
            raise SolverError("solver: no", 1, 2.0, 1e-10)
        return potential(cache, system, ksp, *rest)

    monkeypatch.setattr(SolverCache, "_potential", tried)
    return tries


@pytest.mark.parametrize("intervals", [2, 60], ids=["made for the free dofs", "made for all dofs"])
def test_a_kept_preconditioner_is_made_anew_and_a_new_one_is_not(
    intervals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = stack([Layer(CellKind.GRAIN, 10.0, intervals)], 2)
    sigma = np.random.default_rng(0).uniform(0.01, 0.05, len(mesh.cells))
    ends = bottom_electrode(0.0), top_electrode(0.1)
    with ConductionSolver(MPI.COMM_SELF, mesh, many=True) as conductor:
        expected = conductor.solve(sigma, ends, SolverSettings()).fields.phi
        tries = failing(monkeypatch, 1)
        found = conductor.solve(sigma, ends, SolverSettings()).fields.phi
        assert len(tries) == 2
        assert found == pytest.approx(expected, abs=1e-10)
    with ConductionSolver(MPI.COMM_SELF, mesh, many=True) as conductor:
        tries = failing(monkeypatch, 1)
        with pytest.raises(SolverError):
            conductor.solve(sigma, ends, SolverSettings())
        assert len(tries) == 1


def test_one_made_for_a_correction_is_made_anew_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """After kinetics it has served no potential yet, and was made for other fixed nodes all the same."""
    mesh = stack([Layer(CellKind.GRAIN, 10.0, 20)], 2)
    sigma = np.random.default_rng(0).uniform(0.01, 0.05, len(mesh.cells))
    slow = bottom_electrode(0.0, ButlerVolmer(10.0, 0.5, 0.5, 298.15))
    with ConductionSolver(MPI.COMM_SELF, mesh, many=True) as conductor:
        monkeypatch.setattr(solver, "BALANCE", 0.0)
        conductor.solve(sigma, (slow, top_electrode(0.1)), SolverSettings())
        monkeypatch.undo()
        tries = failing(monkeypatch, 1)
        conductor.solve(sigma, (bottom_electrode(0.0), top_electrode(0.1)), SolverSettings())
        assert len(tries) == 2
