"""Quadrature on electrode facets is that of forms; an electrode inside a mesh is as at its end."""

from __future__ import annotations

import numpy as np
import pytest
import ufl
from mpi4py import MPI

from gbflux.conduction import Plane, compat
from gbflux.conduction.distribute import DistributedMesh, distribute
from gbflux.conduction.facets import ScaledElectrode, electrode_facets
from gbflux.conduction.system import LinearSystem, assemble
from gbflux.mesh import Mesh
from gbflux.mesh.cut import cut_slabs
from gbflux.units import SIDES
from meshes_by_hand import FULL_STACK, stack

ELEMENTS = [("Lagrange", 1), ("Lagrange", 2), ("CR", 1)]


def dense(matrix) -> np.ndarray:
    return matrix.convert("dense").getDenseArray().copy()


def on_one_rank(mesh: Mesh) -> DistributedMesh:
    return distribute(MPI.COMM_SELF, mesh)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_mass_matrix_and_load_are_those_of_forms(dimension: int, order: int) -> None:
    mesh = stack(FULL_STACK[2:3], dimension, across=2)
    parts = on_one_rank(mesh)
    domain = parts.domain
    space = compat.scalar_space(domain, "Lagrange", order)
    top = mesh.z_electrodes[1]
    facets = electrode_facets(space, parts.scatter_points(Plane("top").points(mesh)))
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    ends = compat.mesh.locate_entities_boundary(domain, dimension - 1, lambda x: x[dimension - 1] == top)
    tags = compat.mesh.meshtags(domain, dimension - 1, np.sort(ends), np.ones(len(ends), dtype=np.int32))
    ds = ufl.Measure("ds", domain=domain, subdomain_data=tags)(1)
    matrix = compat.fem.petsc.assemble_matrix(compat.fem.form(0.7 * u * v * ds))
    matrix.assemble()
    vector = compat.fem.petsc.assemble_vector(compat.fem.form(2.1 * v * ds))
    ones = np.ones_like(facets.weights)
    assert facets.mass(0.7 * ones).toarray() == pytest.approx(dense(matrix), abs=1e-13)
    assert facets.load(2.1 * ones) == pytest.approx(vector.array, abs=1e-13)
    area = float(np.prod(mesh.size_um[:-1]))
    assert facets.integral(ones) == pytest.approx(area, rel=1e-14)
    z_of_dofs = space.tabulate_dof_coordinates()[:, dimension - 1]
    assert np.array_equal(facets.plane, np.flatnonzero(np.isclose(z_of_dofs, top, rtol=1e-12)))
    assert len(facets.beyond) == 0
    x_of_dofs = space.tabulate_dof_coordinates()[:, 0]
    first_moment = facets.integral(facets.at_points(x_of_dofs))
    assert first_moment == pytest.approx(area * mesh.size_um[0] / 2, rel=1e-14)


def system_of(
    parts: DistributedMesh, kind: tuple[str, int], sigma: np.ndarray, covered: tuple, kappa: tuple
) -> tuple[LinearSystem, np.ndarray]:
    """The system with electrodes on nodes, 2 and 5 their potentials; where each free dof is."""
    space = compat.scalar_space(parts.domain, *kind)
    conductivity = compat.fem.Function(compat.scalar_space(parts.domain, "DG", 0))
    conductivity.x.array[compat.cell_dofs(conductivity.function_space)[:, 0]] = parts.scatter_cells(sigma)
    electrodes = tuple(
        ScaledElectrode(nodes, potential, k)
        for nodes, potential, k in zip(covered, (2.0, 5.0), kappa, strict=True)
    )
    found = assemble(space, conductivity, electrodes)
    free = np.setdiff1d(np.arange(found.rhs.getSize()), found.fixed)
    return found, free, space.tabulate_dof_coordinates()[free]


@pytest.mark.parametrize("kappa", [(0.3, 0.7), (None, 0.7), (0.3, None)])
@pytest.mark.parametrize("kind", ELEMENTS, ids=["P1", "P2", "CR"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_inside_the_mesh_a_system_is_that_of_the_mesh_cut_off(
    dimension: int, kind: tuple, kappa: tuple
) -> None:
    """Both ends cut off, whatever conductivity is beyond."""
    mesh = stack(FULL_STACK, dimension, across=2)
    cut = cut_slabs(mesh, (0.0, 0.0))
    assert all(np.count_nonzero(nodes) > 9 for nodes in cut.covered)
    sigma = np.linspace(0.5, 2.0, len(mesh.cells))
    whole, left = on_one_rank(mesh), on_one_rank(cut.mesh)
    covered = tuple(whole.scatter_points(nodes) for nodes in cut.covered)
    ends = tuple(left.scatter_points(Plane(side).points(cut.mesh)) for side in SIDES)
    one, free, at = system_of(whole, kind, sigma, covered, kappa)
    other, free_too, there = system_of(left, kind, sigma[cut.cells], ends, kappa)
    assert at.shape == there.shape
    match = [int(np.argmin(np.linalg.norm(there - x, axis=1))) for x in at]
    assert np.linalg.norm(there[match] - at) < 1e-12
    ours, theirs = dense(one.matrix)[np.ix_(free, free)], dense(other.matrix)[np.ix_(free_too, free_too)]
    scale = np.abs(theirs).max()
    assert ours == pytest.approx(theirs[np.ix_(match, match)], abs=1e-14 * scale)
    assert one.rhs.array[free] == pytest.approx(other.rhs.array[free_too][match], abs=1e-14 * scale)
    assert one.reference == pytest.approx(other.reference, rel=1e-12)
