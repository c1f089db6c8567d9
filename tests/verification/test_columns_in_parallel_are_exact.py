"""Columns in parallel: with σ a function of x alone the potential is linear, each column has its share."""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import electrode_currents, solved

from gbflux.mesh import CellKind
from meshes_by_hand import Layer, stack


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("order", [1, 2])
def test_current(dimension: int, order: int) -> None:
    mesh = stack([Layer(CellKind.GRAIN, 10.0, 3)], dimension, across=4, width_um=8.0, seed=5)
    # points on the line x = 4 are shifted; put them back, so that the columns have flat sides
    on_side = np.abs(mesh.points[:, 0] - 4.0) < 0.5
    mesh.points[on_side, 0] = 4.0
    left = mesh.points[mesh.cells].mean(axis=1)[:, 0] < 4.0
    sigma = np.where(left, 0.05, 0.002)
    solution = solved(mesh, sigma, order=order)
    assert solution.fields.phi == pytest.approx(0.01 * mesh.points[:, -1], abs=1e-10)
    assert solution.fields.j[:, -1] == pytest.approx(-sigma * 0.1 / 10e-6, rel=1e-7)
    exact = 0.1 / 10e-6 * (0.05 + 0.002) * 4e-6 * (8e-6) ** (dimension - 2)
    assert electrode_currents(mesh, solution) == pytest.approx((-exact, exact), rel=1e-9)
