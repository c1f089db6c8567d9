"""Powers of potentials, and the least power of Crouzeix–Raviart potentials: the lower bound for order 1.

    P(φ) = ∫ σ|∇φ|² dx + Σ_e ∫_e κ_e (φ − h)² ds,    h the potential of the metal.

Crouzeix–Raviart potentials are linear in each cell and continuous at the centres of facets only. `bracket`
proves that their least power is no more than that of all potentials, and that the gap between a potential and
their minimiser is a sum over cells, `gap_by_cell`. What a `FacetProblem` minimises may also be the power of
potentials linear on facets (`linear_facets`), the lower bound for order 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import ufl
from petsc4py import PETSc

from gbflux.conduction import compat, forms
from gbflux.conduction.bounds.clusters import cluster_inverse, prolongation
from gbflux.conduction.compat import Function, FunctionSpace
from gbflux.conduction.facets import touched_dofs
from gbflux.conduction.records import Array, IntArray, Mask
from gbflux.conduction.system import Electrodes, assemble

#: Values of a potential, and of the metal's potential where it touches electrodes, at the local unknowns.
Applied = tuple[Array, Array]


class Power:
    """∫ σ|∇φ|² dx + Σ ∫ κ(φ − h)² ds of potentials in one space, h that of the metal; *collective*.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        Lagrange elements; or Crouzeix–Raviart's, where the midpoint rule holds at electrodes.
    sigma : dolfinx.fem.Function
        Scaled conductivity, zero beyond electrodes.
    electrodes : sequence of ScaledElectrode
        Their potentials are not looked at.
    """

    def __init__(self, space: FunctionSpace, sigma: Function, electrodes: Electrodes):
        self.space = space
        self._first, self._second = Function(space), Function(space)
        self._mutual = compat.fem.form(forms.conduction(sigma, self._first, self._second))
        self._currents = compat.fem.form(forms.conduction(sigma, self._first, ufl.TestFunction(space)))
        facets = [(electrode, electrode.facets(space)) for electrode in electrodes]
        self._plane = np.concatenate([at.plane for _, at in facets])
        self._exchanges = [(e.kappa, at) for e, at in facets if e.kappa is not None]

    def applied(self, metal: Array) -> Array:
        """Return (n_local,) the metal's potential at unknowns on electrodes, zero elsewhere.

        That is its mean at the vertices of each unknown's vertex, edge or facet.

        Parameters
        ----------
        metal : (n_nodes,) float64 array
            Its potential at the local geometry nodes of the electrodes, linear in between.
        """
        nodes, dofs = compat.cell_nodes(self.space.mesh), compat.cell_dofs(self.space)
        means = np.zeros(len(self._first.x.array))
        for column, vertices in compat.dof_vertices(self.space).items():
            means[dofs[:, column]] = metal[nodes[:, vertices]].mean(axis=1)
        found = np.zeros(len(means))
        found[self._plane] = means[self._plane]
        return found

    def load(self, applied: Array, fixed: IntArray) -> PETSc.Vec:
        """Return the right-hand side of the minimum, zero at the `fixed` unknowns, which have `applied`."""
        self._first.x.array[:] = 0.0
        self._first.x.array[fixed] = applied[fixed]
        rhs = compat.fem.petsc.assemble_vector(self._currents)
        with rhs.localForm() as local:
            local.scale(-1.0)  # ghosts too: they are not summed yet
            for kappa, facets in self._exchanges:
                local.array[:] += facets.load(kappa * facets.at_points(applied))
        rhs.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        rhs.array[fixed[fixed < rhs.getLocalSize()]] = 0.0
        return rhs

    def mutual(self, first: Applied, second: Applied) -> float:
        """Return ∫ σ∇φ·∇ψ dx + Σ ∫ κ(φ − h)(ψ − k) ds of φ, h and ψ, k."""
        self._first.x.array[:], self._second.x.array[:] = first[0], second[0]
        found = compat.fem.assemble_scalar(self._mutual)
        for kappa, facets in self._exchanges:
            drops = [facets.at_points(values - applied) for values, applied in (first, second)]
            found += kappa * facets.integral(drops[0] * drops[1])
        return float(self.space.mesh.comm.allreduce(found))


class FacetForm(Protocol):
    """The power of potentials given facet by facet, beside potentials of the upper bound; *collective*."""

    def applied(self, metal: Array) -> Array:
        """Return the metal's potential at unknowns on electrodes; see `Power.applied`."""

    def load(self, applied: Array, fixed: IntArray) -> PETSc.Vec:
        """Return the right-hand side of the minimum; see `Power.load`."""

    def mutual(self, first: Applied, second: Applied) -> float:
        """Return the power as a form of two potentials; see `Power.mutual`."""

    def interpolated(self, phi: Array) -> Array:
        """Return the potential facet by facet that is nearest to a potential of the upper bound."""

    def gap(self, upper: Applied, lower: Applied) -> Array:
        """Return (m_local,) contributions of the cells to the gap between both kinds of potential."""


@dataclass(frozen=True)
class FacetProblem:
    """Minimisation that gives the lower bound; arrays hold local unknowns, ghosts last.

    Attributes
    ----------
    form : FacetForm
        The power that is minimised.
    matrix, rhs : PETSc.Mat, PETSc.Vec
        With identity rows at fixed unknowns; the vector has ghosts.
    inverse, prolongation : PETSc.Mat
        For the preconditioner: inverse on clusters of facets, and prolongation from P1.
    fixed : int array
        Local unknowns at ideal electrodes and beyond any.
    lift, start, applied : float arrays
        The potentials of the ideal electrodes, zero elsewhere; the first guess; the metal's potential at
        unknowns on electrodes.
    """

    form: FacetForm
    matrix: PETSc.Mat
    rhs: PETSc.Vec
    inverse: PETSc.Mat
    prolongation: PETSc.Mat
    fixed: IntArray
    lift: Array
    start: Array
    applied: Array

    def power(self, v: Array) -> float:
        """Return the power of a potential; *collective*."""
        return self.form.mutual((v, self.applied), (v, self.applied))

    def with_metal(self, metal: Array, phi: Array) -> FacetProblem:
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
        rhs, start = self.form.load(applied, self.fixed), self.form.interpolated(phi)
        return replace(self, rhs=rhs, lift=lift, start=start, applied=applied)

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        for held in (self.matrix, self.rhs, self.inverse, self.prolongation):
            held.destroy()


class CrouzeixRaviart(Power):
    """The power of Crouzeix–Raviart potentials on the mesh of `space`, that of the upper bound."""

    def __init__(self, space: FunctionSpace, sigma: Function, electrodes: Electrodes):
        super().__init__(compat.scalar_space(space.mesh, "CR", 1), sigma, electrodes)
        self._sigma, self._electrodes = sigma, electrodes
        self._phi, self._v = Function(space), Function(self.space)

    def interpolated(self, phi: Array) -> Array:
        """Return the means of the vertices' potentials at the facets."""
        at_vertices = phi[compat.vertex_dofs(self._phi.function_space)]
        facets = compat.facet_dofs(self.space)
        mean: Array = Function(self.space).x.array
        count = facets.shape[1] - 1
        for opposite in range(count + 1):
            mean[facets[:, opposite]] = np.delete(at_vertices, opposite, axis=1).sum(axis=1) / count
        return mean

    def gap(self, upper: Applied, lower: Applied) -> Array:
        """Return (m_local,) contributions of the cells to the gap; see `gap_by_cell`."""
        self._phi.x.array[:], self._v.x.array[:] = upper[0], lower[0]
        return gap_by_cell(self._phi, self._v, self._sigma, self._electrodes, (upper[1], lower[1]))


def gap_by_cell(
    phi: Function, v: Function, sigma: Function, electrodes: Electrodes, applied: Applied
) -> Array:
    """Return ∫_K σ|∇(φ − v)|² dx + Σ_F ∫_F κ(φ − h − (v − h)(centre of F))² ds of each local cell K.

    *Collective*.

    Parameters
    ----------
    phi, v : dolfinx.fem.Function
        Scaled potentials of Lagrange elements and of Crouzeix–Raviart's.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell, zero beyond electrodes.
    electrodes : sequence of ScaledElectrode
        Their potentials are not looked at.
    applied : pair of (n_local,) float64 arrays
        h, the metal's potential at the unknowns of `phi` and of `v` on electrodes.
    """
    space = sigma.function_space
    form = forms.conduction(ufl.TestFunction(space) * sigma, phi - v, phi - v)
    vector = compat.fem.petsc.assemble_vector(compat.fem.form(form))
    gap: Array = vector.array_r[compat.cell_dofs(space)[:, 0]]
    vector.destroy()
    for electrode in electrodes:
        if electrode.kappa is not None:
            facets, centres = (electrode.facets(one.function_space) for one in (phi, v))
            off = facets.at_points(phi.x.array - applied[0]) - centres.at_points(v.x.array - applied[1])
            gap[facets.cells] += electrode.kappa * np.sum(facets.weights * off**2, axis=1)
    return gap


def crouzeix_raviart_problem(
    phi: Function, sigma: Function, thin: Mask, electrodes: Electrodes, coarse: FunctionSpace
) -> FacetProblem:
    """Return the minimisation over Crouzeix–Raviart potentials; *collective*.

    Parameters
    ----------
    phi : dolfinx.fem.Function
        The potential of the upper bound.
    sigma : dolfinx.fem.Function
        Scaled conductivity, zero beyond electrodes.
    thin : (m_local,) bool array
        Local cells that belong to layers.
    electrodes : sequence of ScaledElectrode
    coarse : dolfinx.fem.FunctionSpace
        P1.
    """
    form = CrouzeixRaviart(phi.function_space, sigma, electrodes)
    system = assemble(form.space, sigma, electrodes)
    return FacetProblem(
        form,
        system.matrix,
        system.rhs,
        cluster_inverse(system.matrix, touched_dofs(form.space, thin)[: system.rhs.getLocalSize()]),
        prolongation(form.space, coarse, system.fixed, fixed_dofs(coarse, electrodes)),
        system.fixed,
        lift=system.lift.x.array,
        start=form.interpolated(phi.x.array),
        applied=form.applied(metal_potentials(electrodes)),
    )


def metal_potentials(electrodes: Electrodes) -> Array:
    """Return (n_nodes,) the potential of the metal at the local geometry nodes it covers, zero elsewhere."""
    metal = np.zeros(len(electrodes[0].covered))
    for electrode in electrodes:
        metal[electrode.covered] = electrode.potential
    return metal


def fixed_dofs(space: FunctionSpace, electrodes: Electrodes) -> IntArray:
    """Return the local dofs on ideal electrodes and beyond any; *collective*."""
    return np.concatenate([e.dofs(space) if e.ideal else e.facets(space).beyond for e in electrodes])
