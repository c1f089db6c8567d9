"""How far CG has to go is learnt from the last solve where conductivities and resistances are the same."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import ButlerVolmer, Electrode, SolverSettings, cache
from gbflux.conduction.solver import Conductor
from gbflux.mesh.records import CellKind
from meshes_by_hand import Layer, stack

SLOW = Electrode(0.0, 0.0, ButlerVolmer(10.0, 0.5, 0.5, 298.15))


def test_a_resistance_of_electrodes_does_not_set_the_target_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets, solve = [], cache.solve_system

    def told(*arguments: object) -> tuple:
        targets.append(arguments[-1])
        return solve(*arguments)

    monkeypatch.setattr(cache, "solve_system", told)
    mesh = stack([Layer(CellKind.GRAIN, 10.0, 20)], 2)
    sigma = np.random.default_rng(0).uniform(0.01, 0.05, len(mesh.cells))
    bottoms = [Electrode(0.0), Electrode(0.0), Electrode(0.0, 1e2), Electrode(0.0, 1e2), SLOW, Electrode(0.0)]
    learnt = [False, True, False, True, False]  # Newton's method has targets of its own
    with Conductor(MPI.COMM_SELF, mesh, many=True) as conductor:
        for bottom in bottoms:
            conductor.solve(sigma, bottom, Electrode(0.1), SolverSettings())
    assert [target != 1.0 for target in targets] == learnt
