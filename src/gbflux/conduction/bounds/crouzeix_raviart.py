"""Discrete problem whose minimum is the lower bound: least power of potentials given facet by facet.

For linear elements they are Crouzeix–Raviart's, for quadratic ones those linear on facets; `bracket` has the
proofs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.bounds.clusters import cluster_inverse
from gbflux.conduction.bounds.linear_facets import LinearFacets, quadratic
from gbflux.conduction.bounds.moments import Quadratic
from gbflux.conduction.bounds.power import Applied, Power, gap_by_cell
from gbflux.conduction.bounds.two_level import prolongation
from gbflux.conduction.planes import touched_dofs
from gbflux.conduction.system import Electrodes, assemble


@dataclass(frozen=True)
class Discrete:
    """Minimisation that gives the lower bound; arrays hold local unknowns, ghosts last.

    Attributes
    ----------
    matrix, rhs : PETSc.Mat, PETSc.Vec
        With identity rows at fixed unknowns; the vector has ghosts.
    inverse, prolongation : PETSc.Mat
        For the preconditioner: inverse on clusters of facets, and prolongation from P1.
    fixed : int array
        Local unknowns at ideal electrodes and beyond any.
    lift, start : float arrays
        The potentials of the ideal electrodes, zero elsewhere; the first guess.
    form : Power or LinearFacets
        The power.
    applied : float array
        The metal's potential at unknowns on electrodes.
    begin, gap : callable
        `begin` makes a first guess from a potential of the upper bound; `gap` gives the gap in each local
        cell between that potential and one of this kind, each with the metal's potential; *collective*.
    """

    matrix: PETSc.Mat
    rhs: PETSc.Vec
    inverse: PETSc.Mat
    prolongation: PETSc.Mat
    fixed: NDArray[np.int64]
    lift: NDArray[np.float64]
    start: NDArray[np.float64]
    form: Power | LinearFacets
    applied: NDArray[np.float64]
    begin: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    gap: Callable[[Applied, Applied], NDArray[np.float64]]

    def power(self, v: NDArray[np.float64]) -> float:
        """Return the power of a potential; *collective*."""
        return self.form.mutual((v, self.applied), (v, self.applied))

    def with_metal(self, metal: NDArray[np.float64], phi: NDArray[np.float64]) -> Discrete:
        """Return the problem for other potentials of the metal; *collective*. Its `rhs` is the caller's.

        Parameters
        ----------
        metal : (n_nodes,) float64 array
            At the local geometry nodes of the electrodes, linear in between.
        phi : (n_local,) float64 array
            The potential of the upper bound for it.
        """
        applied = self.form.applied(metal)
        lift = np.zeros(len(applied))
        lift[self.fixed] = applied[self.fixed]
        return replace(
            self,
            rhs=self.form.load(applied, self.fixed),
            lift=lift,
            start=self.begin(phi),
            applied=applied,
        )

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        for held in (self.matrix, self.rhs, self.inverse, self.prolongation):
            held.destroy()


def constant_moments(
    space: compat.fem.FunctionSpace,
    sigma: compat.fem.Function,
    thin: NDArray[np.bool_],
    electrodes: Electrodes,
    coarse: compat.fem.FunctionSpace,
    phi: NDArray[np.float64],
) -> Discrete:
    """Return the problem of Crouzeix–Raviart potentials; *collective*.

    Parameters
    ----------
    space, coarse : dolfinx.fem.FunctionSpace
        Of the upper bound, and P1.
    sigma : dolfinx.fem.Function
        Scaled conductivity, zero beyond electrodes.
    thin : (m_local,) bool array
        Local cells that belong to layers.
    electrodes : pair of ScaledElectrode
        Bottom and top.
    phi : (n_local,) float64 array
        The potential of the upper bound.
    """
    fine = compat.scalar_space(space.mesh, "CR", 1)
    system = assemble(fine, sigma, electrodes)
    above, below = compat.fem.Function(space), compat.fem.Function(fine)
    form = Power(fine, sigma, electrodes)

    def begin(values: NDArray[np.float64]) -> NDArray[np.float64]:
        above.x.array[:] = values
        return _facet_means(above, fine)

    def gap(upper: Applied, lower: Applied) -> NDArray[np.float64]:
        above.x.array[:], below.x.array[:] = upper[0], lower[0]
        return gap_by_cell(above, below, sigma, electrodes, (upper[1], lower[1]))

    return Discrete(
        system.matrix,
        system.rhs,
        cluster_inverse(system.matrix, touched_dofs(fine, thin)[: system.rhs.getLocalSize()]),
        prolongation(fine, coarse, system.fixed, _fixed(coarse, electrodes)),
        system.fixed,
        system.lift.x.array,
        begin(phi),
        form,
        form.applied(potentials(electrodes)),
        begin,
        gap,
    )


def linear_moments(
    space: compat.fem.FunctionSpace,
    sigma: compat.fem.Function,
    thin: NDArray[np.bool_],
    electrodes: Electrodes,
    coarse: compat.fem.FunctionSpace,
    phi: NDArray[np.float64],
) -> Discrete:
    """Return the problem of potentials linear on facets; arguments as above; *collective*."""
    fine = compat.scalar_space(space.mesh, "CR", 1)
    lowest = assemble(fine, sigma, electrodes)
    facets, above = LinearFacets(fine, sigma, electrodes), compat.fem.Function(space)
    matrix, rhs, lift, fixed = facets.system(lowest)
    inverse = cluster_inverse(matrix, touched_dofs(fine, thin)[: lowest.rhs.getLocalSize()], lowest.matrix)
    lowest.destroy()

    def at_cells(values: NDArray[np.float64]) -> Quadratic:
        above.x.array[:] = values
        return quadratic(above)

    def begin(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return facets.start(at_cells(values))

    def gap(upper: Applied, lower: Applied) -> NDArray[np.float64]:
        return facets.gap(lower, at_cells(upper[0]))

    return Discrete(
        matrix,
        rhs,
        inverse,
        facets.prolongation(coarse, fixed, _fixed(coarse, electrodes)),
        fixed,
        lift,
        begin(phi),
        facets,
        facets.applied(potentials(electrodes)),
        begin,
        gap,
    )


def potentials(electrodes: Electrodes) -> NDArray[np.float64]:
    """Return (n_nodes,) the potential of the metal at the local geometry nodes it covers, zero elsewhere."""
    metal = np.zeros(len(electrodes[0].covered))
    for electrode in electrodes:
        metal[electrode.covered] = electrode.potential
    return metal


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
