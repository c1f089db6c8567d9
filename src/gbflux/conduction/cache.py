"""Objects that the solves on one mesh share, and the solve of one linear system with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.compat import Function
from gbflux.conduction.fluxes import (
    CellCurrents,
    FormCurrents,
    KeptCellCurrents,
    KeptCurrents,
    MeanGradient,
    NodalCurrents,
    set_cell_values,
)
from gbflux.conduction.krylov import ConjugateGradients, Convergence
from gbflux.conduction.problem import Problem, Scaling, potentials_under
from gbflux.conduction.records import Array, SolverSettings
from gbflux.conduction.recycling import PREVIOUS, GuessCache, PreconditionerCache, free_count
from gbflux.conduction.system import Assembler, Electrodes, LinearSystem
from gbflux.errors import SolverError


@dataclass(frozen=True)
class Converged:
    """Convergence of a solve, the scaling under which its potential holds, and CG of a linear problem.

    CG belongs to the cache and lives until the next solve.
    """

    iterations: int
    relative_residual: float
    newton_iterations: int
    load_steps: int
    scaling: Scaling
    potentials: tuple[float, float]
    ksp: PETSc.KSP | None = None


class SolverCache:
    """Objects shared by all solves with elements of one order: spaces, potential, forms and matrix.

    Parameters
    ----------
    domain : dolfinx.mesh.Mesh
    order : int
        1 or 2.
    many : bool
        Keep geometry, matrix and former potentials from solve to solve, at the price of memory.

    Attributes
    ----------
    space : dolfinx.fem.FunctionSpace
        Of the potential.
    phi, sigma : dolfinx.fem.Function
        Scaled potential; scaled conductivity, constant in each cell.
    currents : NodalCurrents
        Of `phi` through the shape functions of P1.
    cell_currents : callable
        Gives the (m_local, dimension) cell means of −σ∇φ.
    node_dofs : (n_nodes,) int32 array
        Dof of `space` at each local geometry node.
    assembler : Assembler
        Owner of the matrices.
    preconditioner : PreconditionerCache
        Owner of CG and its preconditioner.
    guesses : GuessCache
        Owner of former potentials.
    """

    def __init__(self, domain: compat.mesh.Mesh, order: int, many: bool):
        self.space = compat.scalar_space(domain, "Lagrange", order)
        self.sigma = Function(compat.scalar_space(domain, "DG", 0))
        p1 = self.space if order == 1 else compat.scalar_space(domain, "Lagrange", 1)
        self.phi = Function(self.space)
        self.assembler = Assembler(self.space, self.sigma, many=many)
        self.currents: NodalCurrents
        self.cell_currents: Callable[[], Array]
        if many:
            gradient = MeanGradient(self.phi)
            self.currents = KeptCurrents(gradient, p1)
            self.cell_currents = KeptCellCurrents(self.sigma, gradient)
        else:
            self.currents = FormCurrents(self.phi, p1, self.sigma.function_space)
            self.cell_currents = CellCurrents(self.sigma, self.phi)
        self.node_dofs = self.currents.node_dofs if order == 1 else compat.node_dofs(self.space)
        self.preconditioner = PreconditionerCache(self.assembler)
        self.guesses = GuessCache(self.assembler, PREVIOUS if many else 0)
        self._balanced_at = 1.0  # relative residual at which the currents of the last system balanced

    def system(self, sigma: Array, electrodes: Electrodes) -> tuple[LinearSystem, Array]:
        """Return the system of a problem, and the conductivities that count in it; *collective*.

        Conductivities are zero beyond electrodes that current can cross, also in `self.sigma`. Its matrix is
        made from that of all cells, which can stay as it is.

        Parameters
        ----------
        sigma : (m_local,) float64 array
            Scaled conductivity of all local cells.
        electrodes : sequence of ScaledElectrode
        """
        set_cell_values(self.sigma, sigma)
        system = self.assembler.system(electrodes)
        if system.beyond is not None:
            sigma = np.where(system.beyond, 0.0, sigma)
            set_cell_values(self.sigma, sigma)
        return system, sigma

    def solve(self, system: LinearSystem, problem: Problem) -> Converged:
        """Solve a linear problem, its potential being given to `phi`; *collective*.

        Raises
        ------
        SolverError
            On all ranks, if the residual does not fall with a preconditioner made for this system.
        """
        while True:
            ksp = self.preconditioner.ksp(system, problem.settings)
            most = min(problem.settings.max_iterations, self.preconditioner.patience)
            settings = replace(problem.settings, max_iterations=int(most))
            try:
                found = self._potential(system, ksp, problem.sigma, settings)
                break
            except SolverError:
                if self.preconditioner.fresh:
                    raise
                self.preconditioner.forget()  # what served former systems did not serve this one
        self.preconditioner.record(found.iterations, free_count(system))
        self.guesses.keep(self.phi.x.array, system, found.residual)
        dofs = [electrode.dofs(self.currents.space) for electrode in problem.scaled]
        scaling = problem.scaling
        if problem.electrodes[1].current_density is not None:
            scaling = problem.rescaled(self.currents.entering(problem.sigma, dofs))
        potentials = potentials_under(problem.electrodes, scaling)
        return Converged(found.iterations, found.residual, 0, 0, scaling, potentials, ksp)

    def _potential(
        self, system: LinearSystem, ksp: PETSc.KSP, sigma: Array, settings: SolverSettings
    ) -> Convergence:
        """Solve for `phi` until currents balance, or as far as round-off allows."""
        guess = self.guesses.guess(system)
        cg = ConjugateGradients(ksp, system, settings, guess)
        # where the last system had the same laws, its currents balanced at the same residual
        target = self._balanced_at if system.same else 1.0
        try:
            state = cg.solve(min(target, settings.rtol))
            self._set_potential(cg.solution, system)
            state, self._balanced_at = cg.balance(state, self.currents.through(sigma))
            self._set_potential(cg.solution, system)
        finally:
            cg.destroy()
            if guess is not None:
                guess.destroy()
        return state

    def _set_potential(self, u: PETSc.Vec, system: LinearSystem) -> None:
        """Set the potential to that of a solution, ghosts included."""
        compat.copy_to_function(u, self.phi)
        self.phi.x.array[:] += system.lift.x.array

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        self.preconditioner.forget()
        self.assembler.destroy()
