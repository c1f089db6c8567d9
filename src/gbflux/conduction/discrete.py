"""What the lower bound on the conductance is the minimum of: potentials that facets have each for itself.

For linear elements they are Crouzeix–Raviart's, for quadratic ones those linear on facets; `bracket` has the
proofs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.clusters import cluster_inverse
from gbflux.conduction.linear_facets import LinearFacets, quadratic
from gbflux.conduction.planes import touched_dofs
from gbflux.conduction.power import gap_by_cell, power
from gbflux.conduction.system import Electrodes, assemble
from gbflux.conduction.two_level import prolongation


@dataclass(frozen=True)
class Discrete:
    """What the lower bound is the minimum of; arrays hold local unknowns, ghosts last.

    Attributes
    ----------
    matrix, rhs : PETSc.Mat, PETSc.Vec
        With identity rows at fixed unknowns; the vector has ghosts.
    inverse, prolongation : PETSc.Mat
        For the preconditioner.
    fixed : int array
        Local unknowns at ideal electrodes and beyond any.
    lift, start : float arrays
        The potentials of the ideal electrodes, zero elsewhere; where to start from.
    power, gap : callable
        The power of a potential (*collective*), and what the gap below `phi` is in each local cell.
    """

    matrix: PETSc.Mat
    rhs: PETSc.Vec
    inverse: PETSc.Mat
    prolongation: PETSc.Mat
    fixed: NDArray[np.int64]
    lift: NDArray[np.float64]
    start: NDArray[np.float64]
    power: Callable[[NDArray[np.float64]], float]
    gap: Callable[[NDArray[np.float64]], NDArray[np.float64]]

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        for held in (self.matrix, self.rhs, self.inverse, self.prolongation):
            held.destroy()


def constant_moments(
    phi: compat.fem.Function,
    sigma: compat.fem.Function,
    thin: NDArray[np.bool_],
    electrodes: Electrodes,
    coarse: compat.fem.FunctionSpace,
) -> Discrete:
    """Return the problem of Crouzeix–Raviart potentials; *collective*."""
    space = compat.scalar_space(phi.function_space.mesh, "CR", 1)
    system = assemble(space, sigma, electrodes)
    v = compat.fem.Function(space)

    def function(values: NDArray) -> compat.fem.Function:
        v.x.array[:] = values
        return v

    return Discrete(
        system.matrix,
        system.rhs,
        cluster_inverse(system.matrix, touched_dofs(space, thin)[: system.rhs.getLocalSize()]),
        prolongation(space, coarse, system.fixed, _fixed(coarse, electrodes)),
        system.fixed,
        system.lift.x.array,
        _facet_means(phi, space),
        lambda values: power(function(values), sigma, electrodes),
        lambda values: gap_by_cell(phi, function(values), sigma, electrodes),
    )


def linear_moments(
    phi: compat.fem.Function,
    sigma: compat.fem.Function,
    thin: NDArray[np.bool_],
    electrodes: Electrodes,
    coarse: compat.fem.FunctionSpace,
) -> Discrete:
    """Return the problem of potentials linear on facets; *collective*."""
    space = compat.scalar_space(phi.function_space.mesh, "CR", 1)
    lowest = assemble(space, sigma, electrodes)
    facets, at_cells = LinearFacets(space, sigma, electrodes), quadratic(phi)
    matrix, rhs, lift, fixed = facets.system(lowest)
    inverse = cluster_inverse(matrix, touched_dofs(space, thin)[: lowest.rhs.getLocalSize()], lowest.matrix)
    lowest.destroy()
    return Discrete(
        matrix,
        rhs,
        inverse,
        facets.prolongation(coarse, fixed, _fixed(coarse, electrodes)),
        fixed,
        lift,
        facets.start(at_cells),
        facets.power,
        lambda values: facets.gap(values, at_cells),
    )


def _fixed(space: compat.fem.FunctionSpace, electrodes: Electrodes) -> NDArray[np.int32]:
    """Return the local dofs on ideal electrodes and beyond any; *collective*."""
    fixed = [e.dofs(space) if e.ideal else e.facets(space).beyond for e in electrodes]
    return np.concatenate(fixed)


def _facet_means(phi: compat.fem.Function, space: compat.fem.FunctionSpace) -> NDArray[np.float64]:
    """Return the means of the vertices' potentials at the facets."""
    at_vertices = phi.x.array[compat.vertex_dofs(phi.function_space)]
    mean = compat.fem.Function(space).x.array
    facets = compat.facet_dofs(space)
    count = facets.shape[1] - 1
    for opposite in range(count + 1):
        mean[facets[:, opposite]] = np.delete(at_vertices, opposite, axis=1).sum(axis=1) / count
    return mean
