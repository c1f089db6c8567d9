"""Iterative refinement that keeps the correction apart, so that currents balance in every grain.

A grain behind boundaries a million times as resistive has one potential but for some 1e-7 of it, and a sliver
passes 1e-5 of the current. There the rounding of φ, and that of A φ, are currents as large as its own. So φ
is a sum that is never added up,

    φ = φ₁ + w,  φ₁ linear in each cell, w small,

and currents are the sums of those of φ₁ and of w. Those of φ₁ come from its differences in each cell, which
are exact for neighbouring values. At first w is zero; for elements of order 2 it is how far the values at
edges lie above the means of their ends, differences too. A correction solves A δ = −r, r the currents of
φ₁ + w at the nodes, and is added to w. The dofs on the electrodes keep what they have, whatever law holds
there: nothing but the inside is corrected.

Where the solver's tolerance is enough for every grain, nothing of this is done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.cache import SolverCache
from gbflux.conduction.compat import Function, FunctionSpace
from gbflux.conduction.fluxes import CellCurrents, Currents, FormCurrents
from gbflux.conduction.krylov import ConjugateGradients
from gbflux.conduction.problem import Problem
from gbflux.conduction.records import Fields
from gbflux.conduction.system import Electrodes, LinearSystem

#: Share of the residual that a correction should leave.
LEFT = 1.0e-6


@dataclass(frozen=True)
class Balanced:
    """Fields, on rank 0, and how far their currents are from balance: of the cell, and of the worst grain."""

    fields: Fields | None
    cell: float
    grain: float

    @property
    def worst(self) -> float:
        """Return the larger one."""
        return max(self.cell, self.grain)


class SplitPotential:
    """The potential of a cache as the sum φ₁ + w; *collective*, as are its methods.

    Parameters
    ----------
    cache : SolverCache
        Holds the converged potential, which stays as it is.
    system : LinearSystem
        The system that the potential was solved from; only its matrix is used.
    problem : Problem

    Attributes
    ----------
    parts : tuple of Currents
        Those of φ₁ and of w.
    """

    def __init__(self, cache: SolverCache, system: LinearSystem, problem: Problem):
        self._cache, self._sigma, self._settings = cache, problem.sigma, problem.settings
        self._whole = system.matrix
        self._held = _without_electrodes(system, problem.scaled, cache.space)
        self._ksp: PETSc.KSP | None = None
        p1, cells = cache.currents.space, cache.sigma.function_space
        self._rest = Function(cache.space)
        rest = _currents(self._rest, cache)
        if cache.space is p1:
            self.parts = (Currents(cache.currents, cache.cell_currents), rest)
            self._by_dof = (cache.currents, rest.nodal)
            return
        linear = _linear(cache.phi, p1)
        _rise_above_ends(cache.phi, self._rest)
        self.parts = (_currents(linear, cache), rest)
        self._by_dof = (
            FormCurrents(linear, cache.space, cells),
            FormCurrents(self._rest, cache.space, cells),
        )

    def correct(self) -> int:
        """Add a correction to w; return the iterations it took.

        Raises
        ------
        SolverError
            On all ranks, if the residual does not fall.
        """
        rhs, other = (part.by_dof(self._sigma) for part in self._by_dof)
        rhs.axpy(1.0, other)
        other.destroy()
        rhs.scale(-1.0)
        rhs.array[self._held.fixed[self._held.fixed < rhs.getLocalSize()]] = 0.0
        held = replace(self._held, rhs=rhs, reference=rhs.norm())
        if self._ksp is None:
            self._ksp = self._cache.preconditioner.ksp(held, self._settings)
        cg = ConjugateGradients(self._ksp, held, self._settings)
        try:
            state = cg.reduce(LEFT)
            if not state.residual < 1.0:
                raise state.error(self._settings)
            with cg.solution.localForm() as local:
                values = local.array_r
                self._rest.x.array[: len(values)] += values
        finally:
            cg.destroy()
            rhs.destroy()
        return state.iterations

    def destroy(self) -> None:
        """Free what PETSc holds."""
        if self._held.matrix is not self._whole:
            self._held.matrix.destroy()


def _currents(phi: Function, cache: SolverCache) -> Currents:
    """Return the currents of a part of the potential."""
    nodal = FormCurrents(phi, cache.currents.space, cache.sigma.function_space)
    return Currents(nodal, CellCurrents(cache.sigma, phi))


def _linear(phi: Function, p1: FunctionSpace) -> Function:
    """Return the P1 function with the values of a potential at the vertices."""
    linear = Function(p1)
    linear.x.array[compat.vertex_dofs(p1)] = phi.x.array[compat.vertex_dofs(phi.function_space)]
    return linear


def _rise_above_ends(phi: Function, rest: Function) -> None:
    """Give `rest`, of the same space, the values at edges less the means of their ends; zero at vertices."""
    dofs = compat.cell_dofs(phi.function_space)
    for column, vertices in compat.dof_vertices(phi.function_space).items():
        if len(vertices) == 2:
            at = dofs[:, column]
            ends = compat.vertex_dofs(phi.function_space)[:, list(vertices)]
            rest.x.array[at] = 0.5 * (phi.x.array[at, None] - phi.x.array[ends]).sum(axis=1)


def _without_electrodes(system: LinearSystem, electrodes: Electrodes, space: FunctionSpace) -> LinearSystem:
    """Return the system with all dofs on electrodes fixed; its matrix is a new one if some were not."""
    if all(electrode.ideal for electrode in electrodes):
        return system
    fixed = np.unique(np.concatenate([electrode.dofs(space) for electrode in electrodes]))
    matrix = system.matrix.duplicate(copy=True)
    first, last = matrix.getOwnershipRange()
    matrix.zeroRowsColumns((fixed[fixed < last - first] + first).astype(PETSc.IntType))
    return replace(system, matrix=matrix, fixed=fixed)
