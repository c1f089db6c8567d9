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

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.cache import Elements, Parts, Problem
from gbflux.conduction.fluxes import CellCurrents, FormCurrents, NodalCurrents
from gbflux.conduction.krylov import converge
from gbflux.conduction.mpi import errors_of_root
from gbflux.conduction.records import Fields, SolverSettings
from gbflux.conduction.system import Electrodes, LinearSystem
from gbflux.errors import SolverError

log = logging.getLogger(__name__)

#: A potential is corrected where currents are out of balance by more than so many times the solver's `rtol`:
#: those in and out, over the current, or those of a grain, over its inflow.
BALANCE = 10.0
#: Most corrections, and the share of the residual that each should leave.
MOST, LEFT = 3, 1.0e-6


def balanced(
    elements: Elements,
    system: LinearSystem,
    problem: Problem,
    fields_of: Callable[[Parts], Fields | None],
    imbalances: Callable[[Fields], tuple[float, float]],
    watch: Callable[[str], AbstractContextManager],
) -> tuple[Fields | None, float]:
    """Return the fields whose currents balance best in every grain; *collective*.

    Parameters
    ----------
    elements : Elements
        Hold the converged potential, which stays as it is.
    system : LinearSystem
        The system it was solved from; its right-hand side is not used.
    problem : Problem
    fields_of : callable
        Takes the parts of the potential; returns the fields on rank 0, None elsewhere.
    imbalances : callable
        Takes the fields, on rank 0; returns how far currents are from balance, of the cell and of the worst
        grain.
    watch : callable
        Keeps the time of a stage.

    Returns
    -------
    Fields or None
        On rank 0.
    float
        Imbalance of the worst grain.
    """
    comm = elements.space.mesh.comm
    parts: Parts = ((elements.currents, elements.cell_currents),)
    best, split = None, None
    try:
        for made in range(MOST + 1):
            fields = fields_of(parts)
            with watch("solve"), errors_of_root(comm) as is_root:
                found = imbalances(fields) if is_root else None
            found = comm.bcast(found)
            if best is None or max(found) < max(best[1]):
                best = fields, found
            if max(found) <= BALANCE * problem.settings.rtol or made == MOST:
                break
            with watch("solve"), compat.quiet_compiler():
                split = split or SplitPotential(elements, system, problem)
                try:
                    iterations = split.correct()
                except SolverError:  # the potential as it is has converged
                    break
            parts = split.parts
            log.debug("out of balance by %.1e, a grain by %.1e; corrected: %d iterations", *found, iterations)
    finally:
        if split is not None:
            split.destroy()
    fields, (whole, grain) = best
    if max(whole, grain) > BALANCE * problem.settings.rtol and comm.rank == 0:
        log.warning("solver: converged, but currents out of balance by %.1e, in a grain %.1e", whole, grain)
    return fields, grain


class SplitPotential:
    """The potential of `elements` as the sum φ₁ + w; *collective*, as are its methods.

    Parameters
    ----------
    elements : Elements
    system : LinearSystem
        The system that the potential was solved from; only its matrix is used.
    problem : Problem

    Attributes
    ----------
    parts : Parts
        Currents of φ₁ and of w.
    """

    def __init__(self, elements: Elements, system: LinearSystem, problem: Problem):
        self._elements, self._sigma, self._settings = elements, problem.sigma, problem.settings
        self._whole = system.matrix
        self._held = _without_electrodes(system, problem.electrodes, elements.space)
        self._ksp: PETSc.KSP | None = None
        space, sigma = elements.space, elements.sigma
        hats = elements.currents.hats
        self._rest = compat.fem.Function(space)
        rest = _currents(self._rest, elements)
        if space is hats:
            self.parts: Parts = ((elements.currents, elements.cell_currents), rest)
            self._by_dof = (elements.currents, rest[0])
            return
        linear = _linear(elements.currents.phi, hats)
        _rise_above_ends(elements.currents.phi, self._rest)
        self.parts = (_currents(linear, elements), rest)
        self._by_dof = tuple(FormCurrents(part, space, sigma.function_space) for part in (linear, self._rest))

    def correct(self) -> int:
        """Add a correction to w; return the iterations it took.

        Raises
        ------
        SolverError
            On all ranks, if the residual does not fall.
        """
        rhs, product = (part.by_dof(self._sigma) for part in self._by_dof)
        rhs.axpy(1.0, product)
        rhs.scale(-1.0)
        rhs.array[self._held.fixed[self._held.fixed < rhs.getLocalSize()]] = 0.0
        held = replace(self._held, rhs=rhs, reference=rhs.norm())
        if self._ksp is None:
            self._ksp = self._elements.preconditioned(held, self._settings)
        step = rhs.duplicate()
        step.set(0.0)
        self._ksp.setInitialGuessNonzero(False)
        try:
            iterations = _solved(self._ksp, held, step, product, self._settings)
            with step.localForm() as local:
                values = local.array_r
                self._rest.x.array[: len(values)] += values
        finally:
            for vector in (rhs, product, step):
                vector.destroy()
        return iterations

    def destroy(self) -> None:
        """Free what PETSc holds."""
        if self._held.matrix is not self._whole:
            self._held.matrix.destroy()
        if self._ksp is not None and self._ksp is not self._elements.ksp:
            self._ksp.destroy()


def _solved(
    ksp: PETSc.KSP, system: LinearSystem, step: PETSc.Vec, residual: PETSc.Vec, settings: SolverSettings
) -> int:
    """Solve for a correction, as far as round-off allows; return the iterations."""
    try:
        return converge(ksp, system, step, residual, settings, 0, LEFT)[0]
    except SolverError as short:
        if not short.relative_residual < 1.0:
            raise
        return short.iterations


def _currents(phi: compat.fem.Function, elements: Elements) -> tuple[NodalCurrents, CellCurrents]:
    """Return what gives the currents of a part of the potential."""
    sigma = elements.sigma
    return FormCurrents(phi, elements.currents.hats, sigma.function_space), CellCurrents(sigma, phi)


def _linear(phi: compat.fem.Function, hats: compat.fem.FunctionSpace) -> compat.fem.Function:
    """Return the P1 function with the values of a potential at the vertices."""
    linear = compat.fem.Function(hats)
    linear.x.array[compat.vertex_dofs(hats)] = phi.x.array[compat.vertex_dofs(phi.function_space)]
    return linear


def _rise_above_ends(phi: compat.fem.Function, rest: compat.fem.Function) -> None:
    """Give `rest`, of the same space, the values at edges less the means of their ends; zero at vertices."""
    dofs = compat.cell_dofs(phi.function_space)
    for column, vertices in compat.dof_vertices(phi.function_space).items():
        if len(vertices) == 2:
            at = dofs[:, column]
            ends = compat.vertex_dofs(phi.function_space)[:, list(vertices)]
            rest.x.array[at] = 0.5 * (phi.x.array[at, None] - phi.x.array[ends]).sum(axis=1)


def _without_electrodes(
    system: LinearSystem,
    electrodes: Electrodes,
    space: compat.fem.FunctionSpace,
) -> LinearSystem:
    """Return the system with all dofs on electrodes fixed; its matrix is a new one if some were not."""
    fixed = np.unique(np.concatenate([electrode.dofs(space) for electrode in electrodes]))
    if all(electrode.ideal for electrode in electrodes):
        return system
    matrix = system.matrix.duplicate(copy=True)
    first, last = matrix.getOwnershipRange()
    matrix.zeroRowsColumns((fixed[fixed < last - first] + first).astype(PETSc.IntType))
    return replace(system, matrix=matrix, fixed=fixed)
