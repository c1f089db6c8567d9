"""Currents of the electrolyte alone against a sum over its cells, written out."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import ConductionSolver, SolverSettings, bottom_electrode, top_electrode
from gbflux.mesh import ELECTROLYTE, CellKind, is_kind
from meshes_by_hand import Layer, stack


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("dimension", [2, 3])
def test_currents_of_the_electrolyte_are_those_of_its_cells(dimension: int, many: bool) -> None:
    layers = [Layer(CellKind.HL, 3.0, 4), Layer(CellKind.GRAIN, 10.0, 6), Layer(CellKind.HL, 3.0, 4)]
    mesh = stack(layers, dimension)
    sigma = np.random.default_rng(0).uniform(0.01, 0.05, len(mesh.cells))
    with ConductionSolver(MPI.COMM_SELF, mesh, many=many) as conductor:
        for _ in range(2):
            fields = conductor.solve(
                sigma, (bottom_electrode(0.0), top_electrode(0.1)), SolverSettings()
            ).fields
    expected = {name: np.zeros(len(mesh.points)) for name in ("residual", "residual_electrolyte")}
    inside = is_kind(mesh.kind, ELECTROLYTE)
    for cell, s, counts in zip(mesh.cells, sigma, inside, strict=True):
        corners = np.column_stack([np.ones(dimension + 1), 1e-6 * mesh.points[cell]])
        slopes = np.linalg.inv(corners)[1:]
        volume = abs(np.linalg.det(corners)) / (2 if dimension == 2 else 6)
        currents = s * volume * slopes.T @ slopes @ fields.phi[cell]
        expected["residual"][cell] += currents
        if counts:
            expected["residual_electrolyte"][cell] += currents
    for name, values in expected.items():
        found = getattr(fields, name)
        assert found == pytest.approx(values, abs=1e-9 * np.abs(values).max()), name
    assert np.abs(fields.residual_electrolyte - fields.residual).max() > 1e-3 * np.abs(fields.residual).max()
