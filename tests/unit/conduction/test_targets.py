"""How far CG has to go is learnt from the last solve where conductivities and resistances are the same."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import (
    ButlerVolmer,
    ConductionSolver,
    Resistance,
    SolverSettings,
    bottom_electrode,
    top_electrode,
)
from gbflux.conduction.cache import SolverCache
from gbflux.conduction.krylov import Convergence
from gbflux.conduction.system import LinearSystem
from gbflux.mesh import CellKind
from meshes_by_hand import Layer, stack

SLOW = bottom_electrode(0.0, ButlerVolmer(10.0, 0.5, 0.5, 298.15))


def test_a_resistance_of_electrodes_does_not_set_the_target_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets, start = [], SolverCache._potential

    def spy(cache: SolverCache, system: LinearSystem, *rest: object) -> Convergence:
        targets.append(cache._balanced_at if system.same else 1.0)
        return start(cache, system, *rest)

    monkeypatch.setattr(SolverCache, "_potential", spy)
    mesh = stack([Layer(CellKind.GRAIN, 10.0, 20)], 2)
    sigma = np.random.default_rng(0).uniform(0.01, 0.05, len(mesh.cells))
    bottoms = [
        bottom_electrode(0.0),
        bottom_electrode(0.0),
        bottom_electrode(0.0, Resistance(1e2)),
        bottom_electrode(0.0, Resistance(1e2)),
        SLOW,
        bottom_electrode(0.0),
    ]
    learnt = [False, True, False, True, False]  # Newton's method has targets of its own
    with ConductionSolver(MPI.COMM_SELF, mesh, many=True) as conductor:
        for bottom in bottoms:
            conductor.solve(sigma, (bottom, top_electrode(0.1)), SolverSettings())
    assert [target != 1.0 for target in targets] == learnt
