"""Quadrature on electrode facets integrates what the forms of resistive electrodes integrate."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import compat
from gbflux.conduction.distribute import distribute
from gbflux.conduction.electrode_facets import electrode_facets
from gbflux.conduction.system import ScaledElectrode, assemble
from meshes_by_hand import FULL_STACK, stack


def dense(matrix) -> np.ndarray:
    return matrix.convert("dense").getDenseArray().copy()


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_mass_matrix_and_load_are_those_of_a_resistive_electrode(dimension: int, order: int) -> None:
    mesh = stack(FULL_STACK[2:3], dimension, across=2)
    domain = distribute(MPI.COMM_SELF, mesh).domain
    space = compat.scalar_space(domain, "Lagrange", order)
    sigma = compat.fem.Function(compat.scalar_space(domain, "DG", 0))
    sigma.x.array[:] = 1.0
    bottom, top = mesh.z_electrodes
    wall = ScaledElectrode(bottom, 0.0, None, nonlinear=True)
    without = assemble(space, sigma, (wall, ScaledElectrode(top, 0.0, None, nonlinear=True)))
    resistive = assemble(space, sigma, (wall, ScaledElectrode(top, 3.0, 0.7)))
    facets = electrode_facets(space, top)
    ones = np.ones_like(facets.weights)
    expected = dense(resistive.matrix) - dense(without.matrix)
    assert facets.mass(0.7 * ones).toarray() == pytest.approx(expected, abs=1e-13)
    assert facets.load(0.7 * 3.0 * ones) == pytest.approx(resistive.rhs.array, abs=1e-13)
    area = float(np.prod(mesh.size_um[:-1]))
    assert facets.integral(ones) == pytest.approx(area, rel=1e-14)
    z_of_dofs = space.tabulate_dof_coordinates()[:, dimension - 1]
    assert np.array_equal(facets.plane, np.flatnonzero(np.isclose(z_of_dofs, top, rtol=1e-12)))
    x_of_dofs = space.tabulate_dof_coordinates()[:, 0]
    first_moment = facets.integral(facets.at_points(x_of_dofs))
    assert first_moment == pytest.approx(area * mesh.size_um[0] / 2, rel=1e-14)
