"""Manufactured solutions: P1 and P2 converge with their full orders, on irregular meshes in 2D and 3D.

`solve` has no sources and its conductivities are constant in each cell. So `test_smooth_source` goes one
level down and adds a source to what `conduction.system.assemble` assembles, σ being smooth there; it covers
forms, elimination and Robin terms. The others use `solve` alone, on exact solutions without sources: there
second order is all that cells of constant σ, or chords instead of curved sides, allow for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import ufl
from conduction_cases import electrode_currents, solved
from mpi4py import MPI
from orders import fitted_order
from petsc4py import PETSc

from gbflux.conduction import Plane, compat
from gbflux.conduction.distribute import distribute
from gbflux.conduction.facets import ScaledElectrode
from gbflux.conduction.system import assemble
from gbflux.mesh import CellKind, Mesh
from gbflux.units import SIDES
from meshes_by_hand import Layer, plain_mesh, stack, volumes

KAPPA = 2.0
INTERVALS = {(2, 1): (8, 16, 32), (2, 2): (4, 8, 16), (3, 1): (4, 8, 16), (3, 2): (4, 6, 8)}


def box(dimension: int, intervals: int) -> Mesh:
    """A unit cube with points shifted sideways."""
    return stack([Layer(CellKind.GRAIN, 1.0, intervals)], dimension, intervals, 1.0, shift=0.1)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_smooth_source(dimension: int, order: int) -> None:
    """φ = z + cos πx (cos πy) (5/4 − z) z² obeys φ = 0 at z = 0 and σ∂φ/∂z = κ(V − φ) at z = 1, V = 3/2.

    σ = 1 + (1 − z)(x/2 + sin(3z)/4) is 1 at z = 1.
    """
    errors = [source_errors(dimension, order, n) for n in INTERVALS[dimension, order]]
    sizes = [1.0 / n for n in INTERVALS[dimension, order]]
    in_l2, in_energy = np.transpose(errors)
    orders = fitted_order(sizes, in_l2), fitted_order(sizes, in_energy)
    print(f"measured: orders {orders[0]:.2f} in L2, {orders[1]:.2f} in energy")
    assert orders[0] == pytest.approx(order + 1, abs=0.25)
    assert orders[1] == pytest.approx(order, abs=0.2)


def source_errors(dimension: int, order: int, intervals: int) -> tuple[float, float]:
    """Errors of φ in L2 and of ∇φ."""
    mesh = box(dimension, intervals)
    parts = distribute(MPI.COMM_SELF, mesh)
    domain = parts.domain
    space = compat.scalar_space(domain, "Lagrange", order)
    x = ufl.SpatialCoordinate(domain)
    z = x[dimension - 1]
    lateral = ufl.cos(np.pi * x[0])
    if dimension == 3:
        lateral *= ufl.cos(np.pi * x[1])
    exact = z + lateral * (1.25 - z) * z**2
    sigma = 1.0 + (1.0 - z) * (x[0] / 2 + ufl.sin(3 * z) / 4)
    bottom, top = (parts.scatter_points(Plane(side).points(mesh)) for side in SIDES)
    electrodes = (ScaledElectrode(bottom, 0.0, None), ScaledElectrode(top, 1.5, KAPPA))
    system = assemble(space, sigma, electrodes)
    form = -ufl.div(sigma * ufl.grad(exact)) * ufl.TestFunction(space) * ufl.dx(degree=8)
    source = compat.fem.petsc.assemble_vector(compat.fem.form(form))
    source.array[system.fixed] = 0.0
    ksp = PETSc.KSP().create(MPI.COMM_SELF)
    ksp.setType("preonly")
    ksp.getPC().setType("lu")
    ksp.setOperators(system.matrix)
    solution = system.rhs.duplicate()
    ksp.solve(system.rhs + source, solution)
    phi = compat.fem.Function(space)
    compat.copy_to_function(solution, phi)
    phi.x.array[:] += system.lift.x.array
    off = phi - exact
    squares = (off**2 * ufl.dx(degree=8), ufl.inner(ufl.grad(off), ufl.grad(off)) * ufl.dx(degree=8))
    return tuple(float(np.sqrt(compat.fem.assemble_scalar(compat.fem.form(s)))) for s in squares)


@dataclass(frozen=True)
class Error:
    """Errors of φ in L2, of J in L2, and of the current, all relative."""

    phi: float
    j: float
    current: float


def errors_of(
    mesh: Mesh,
    sigma: np.ndarray,
    phi: Callable[[np.ndarray], np.ndarray],
    j: Callable[[np.ndarray], np.ndarray],
    current: float,
    order: int = 1,
) -> Error:
    """Solve at 0.1 V; compare φ/0.1 V and J, in units of 0.1 V/µm, at the middles of cells."""
    solution = solved(mesh, sigma, order=order)
    volume, centre = volumes(mesh), mesh.points[mesh.cells].mean(axis=1)
    off = solution.fields.phi[mesh.cells].mean(axis=1) / 0.1 - phi(centre)
    off_j = np.linalg.norm(solution.fields.j / 1.0e5 - j(centre), axis=1)
    scale = np.sqrt(volume @ np.linalg.norm(j(centre), axis=1) ** 2)
    unit = 0.1 * 1.0e-6 ** (mesh.dimension - 2)
    return Error(
        float(np.sqrt(volume @ off**2 / volume.sum())),
        float(np.sqrt(volume @ off_j**2) / scale),
        abs(electrode_currents(mesh, solution)[1] / unit - current) / current,
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_conductivity_graded_along_and_across(dimension: int, order: int) -> None:
    """σ = f(x) g(z), g = 1/(1 + z): φ = (z + z²/2)/(3/2), J_z = −(2/3) f, whatever f; f = 2 + cos(3x)."""

    def f(x: np.ndarray) -> np.ndarray:
        return 2.0 + np.cos(3.0 * x[:, 0])

    def exact_j(x: np.ndarray) -> np.ndarray:
        return -f(x)[:, None] / 1.5 * np.eye(dimension)[-1]

    found = []
    intervals = (8, 16, 32) if dimension == 2 else (4, 8, 16)
    for n in intervals:
        mesh = box(dimension, n)
        centre = mesh.points[mesh.cells].mean(axis=1)
        sigma = f(centre) / (1.0 + centre[:, -1])
        current = (2.0 + np.sin(3.0) / 3.0) / 1.5
        found.append(
            errors_of(mesh, sigma, lambda x: (x[:, -1] + x[:, -1] ** 2 / 2) / 1.5, exact_j, current, order)
        )
    sizes = [1.0 / n for n in intervals]
    orders = [fitted_order(sizes, [getattr(e, name) for e in found]) for name in ("phi", "j", "current")]
    print(f"measured: orders of φ, J, I {np.round(orders, 2).tolist()}")
    assert orders[0] == pytest.approx(2.0, abs=0.25)
    assert 0.85 < orders[1] < 2.2
    # errors of both signs in it may cancel: no order
    assert found[-1].current < 0.3 * found[0].current < 3.0e-4


def test_sides_along_curved_lines_of_flow() -> None:
    """φ = z + ε sin πz cosh πx is harmonic, 0 and 1 at the electrodes; its lines of flow are the sides.

    They are ψ = x + ε cos πz sinh πx = const.; between 0 and c flows c.
    """
    epsilon, width = 0.02, 0.6

    def side(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
        x = psi.copy()
        for _ in range(50):
            rest = x + epsilon * np.cos(np.pi * z) * np.sinh(np.pi * x) - psi
            x -= rest / (1.0 + epsilon * np.pi * np.cos(np.pi * z) * np.cosh(np.pi * x))
        return x

    def phi(x: np.ndarray) -> np.ndarray:
        return x[:, 1] + epsilon * np.sin(np.pi * x[:, 1]) * np.cosh(np.pi * x[:, 0])

    def j(x: np.ndarray) -> np.ndarray:
        turn, reach = np.pi * x[:, 1], np.pi * x[:, 0]
        across = -epsilon * np.pi * np.sin(turn) * np.sinh(reach)
        return np.stack([across, -1.0 - epsilon * np.pi * np.cos(turn) * np.cosh(reach)], axis=1)

    found = []
    for n in (8, 16, 32):
        straight = box(2, n)
        points = straight.points.copy()
        points[:, 0] = side(width * points[:, 0], points[:, 1])
        mesh = plain_mesh(points, straight.cells, straight.kind, straight.z_electrodes)
        found.append(errors_of(mesh, np.ones(len(mesh.cells)), phi, j, width))
    sizes = [1.0 / 8, 1.0 / 16, 1.0 / 32]
    orders = [fitted_order(sizes, [getattr(e, name) for e in found]) for name in ("phi", "j", "current")]
    print(f"measured: orders of φ, J, I {np.round(orders, 2).tolist()}")
    assert orders[0] == pytest.approx(2.0, abs=0.2)
    assert orders[1] > 0.9
    assert orders[2] == pytest.approx(2.0, abs=0.2)
