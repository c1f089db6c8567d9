"""Objects that the solves on one mesh share, and the record of one problem."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.ends import Ends
from gbflux.conduction.fluxes import (
    CellCurrents,
    FormCurrents,
    KeptCellCurrents,
    KeptCurrents,
    NodalCurrents,
    cell_values,
    set_cell_values,
)
from gbflux.conduction.gradients import MeanGradient
from gbflux.conduction.guess import Past, least_energy, least_residual
from gbflux.conduction.kinetics import Converged, guessed_potentials, rescaled, solve_kinetics
from gbflux.conduction.krylov import solve_system
from gbflux.conduction.problem import Scaling
from gbflux.conduction.records import Electrode, SolverSettings
from gbflux.conduction.recycling import LAYERS, Base, diagonal_of, free_count, made_for, reused
from gbflux.conduction.system import Assembler, Electrodes, LinearSystem
from gbflux.errors import SolverError

#: Potentials kept for the first guess of the next solve.
PAST = 8
#: Making a preconditioner costs about as much as so many iterations: it is made anew when it has cost more
#: than that beyond what one made for each system would have.
SET_UP = 18
#: For each part of a potential, its nodal currents and a function that gives its cell currents.
Parts = Sequence[tuple[NodalCurrents, Callable[[], NDArray[np.float64]]]]


class Elements:
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
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell.
    assembler : Assembler
    currents : NodalCurrents
        Of the scaled potential, `currents.phi`.
    cell_currents : callable
        Gives the (m_local, dimension) cell means of −σ∇φ.
    node_dofs : (n_nodes,) int32 array
        Dof of `space` at each local geometry node.
    past : deque of Past
        The last potentials.
    balanced_at : float
        Relative residual at which the currents of the last system balanced.
    fresh : bool
        True if the last preconditioner was made for the very system to be solved.
    """

    def __init__(self, domain: compat.mesh.Mesh, order: int, many: bool):
        self.space = compat.scalar_space(domain, "Lagrange", order)
        self.sigma = compat.fem.Function(compat.scalar_space(domain, "DG", 0))
        hats = self.space if order == 1 else compat.scalar_space(domain, "Lagrange", 1)
        phi = compat.fem.Function(self.space)
        self.assembler = Assembler(self.space, self.sigma, many=many)
        if many:
            gradient = MeanGradient(phi)
            self.currents: NodalCurrents = KeptCurrents(gradient, hats)
            self.cell_currents: Callable[[], NDArray[np.float64]] = KeptCellCurrents(self.sigma, gradient)
        else:
            self.currents = FormCurrents(phi, hats, self.sigma.function_space)
            self.cell_currents = CellCurrents(self.sigma, phi)
        self.node_dofs = self.currents.node_dofs if order == 1 else compat.node_dofs(self.space)
        self.past: deque[Past] = deque(maxlen=PAST if many else 0)
        self.balanced_at = 1.0
        self._base: Base | None = None
        self._made_with: tuple[str, int] | None = None  # preconditioner, matrix of all cells
        self._fewest, self._excess = 0, 0.0
        self.fresh = False

    def system(
        self, sigma: NDArray[np.float64], electrodes: Electrodes
    ) -> tuple[LinearSystem, NDArray[np.float64]]:
        """Return the system of a problem, and the conductivities that count in it; *collective*.

        Conductivities are zero beyond electrodes that current can cross, also in `self.sigma`. Its matrix is
        made from that of all cells, which can stay as it is.

        Parameters
        ----------
        sigma : (m_local,) float64 array
            Scaled conductivity of all local cells.
        electrodes : pair of ScaledElectrode
        """
        set_cell_values(self.sigma, sigma)
        system = self.assembler.system(electrodes)
        if system.beyond is not None:
            sigma = np.where(system.beyond, 0.0, sigma)
            set_cell_values(self.sigma, sigma)
        return system, sigma

    def preconditioned(self, system: LinearSystem, settings: SolverSettings) -> PETSc.KSP:
        """Return CG for a system, with the preconditioner of a former one where that will do; *collective*.

        It is the caller's if it is not `ksp`.
        """
        self.fresh = False
        fixed, base, comm = self._fixed(system), self._base, self.space.mesh.comm
        kept = base is not None and self._made_with == (settings.preconditioner, self.assembler.made)
        changed = diagonal_of(system.matrix)
        changed = changed != base.diagonal if kept else None
        if comm.allreduce(bool(kept and not changed.any() and np.array_equal(fixed, base.fixed)), MPI.LAND):
            base.ksp.getPC().setReusePreconditioner(True)
            return self.ksp if base.dofs is None else reused(base, system, np.zeros(0, dtype=np.intp))
        fits = kept and settings.preconditioner != "lu" and fixed[base.fixed].all()
        if comm.allreduce(bool(fits), MPI.LAND):
            share = free_count(system) / base.size
            if self._excess <= SET_UP * share:
                owned = system.rhs.getLocalSize()
                beside = self.assembler.around((fixed & ~base.fixed)[:owned], 1)
                seam = self.assembler.around(beside | changed, LAYERS - 1) & ~fixed[:owned]
                return reused(base, system, np.flatnonzero(seam))
        self.forget()
        self._base, self.fresh = made_for(system, fixed, settings), True
        self._made_with = settings.preconditioner, self.assembler.made
        return self.ksp if self._base.dofs is None else reused(self._base, system, np.zeros(0, dtype=np.intp))

    def guess(self, system: LinearSystem) -> PETSc.Vec | None:
        """Return a first guess, the caller's to destroy, or None without former potentials; *collective*."""
        if not self.past:
            return None
        fixed, comm = self._fixed(system), self.space.mesh.comm
        here = [one for one in self.past if one.matrix == self.assembler.made]
        here = [one for one in here if comm.allreduce(bool(fixed[one.altered].all()), MPI.LAND)]
        beside = self.assembler.beside(system.fixed) if here else None
        if beside is None:
            return least_energy(system, list(self.past))
        guess = least_residual(system, beside, here)
        beside.destroy()
        return guess

    def _fixed(self, system: LinearSystem) -> NDArray[np.bool_]:
        """Return (n_local,) which dofs are fixed in a system."""
        fixed = np.zeros(len(self.currents.phi.x.array), dtype=bool)
        fixed[system.fixed] = True
        return fixed

    @property
    def ksp(self) -> PETSc.KSP | None:
        """CG with the preconditioner kept from an earlier solve; None without one."""
        return None if self._base is None else self._base.ksp

    @property
    def patience(self) -> float:
        """Iterations beyond which a preconditioner that was made for another system is given up."""
        return math.inf if self.fresh else 2 * self._fewest + SET_UP

    def took(self, iterations: int, free: int) -> None:
        """Note how many iterations the last system took, and how many dofs were free in it."""
        self._fewest = min(self._fewest or iterations, iterations)
        self._excess += iterations - self._fewest * free / self._base.size

    def forget(self) -> None:
        """Free the preconditioner; *collective*."""
        if self._base is not None:
            self._base.destroy()
        self._base = self._made_with = None
        self._fewest, self._excess = 0, 0.0

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        self.forget()
        self.assembler.destroy()


@dataclass(frozen=True)
class Problem:
    """One problem to solve on a mesh.

    Attributes
    ----------
    sides : (Electrode, Electrode)
        Bottom and top.
    electrodes : (ScaledElectrode, ScaledElectrode)
        The same, scaled.
    height : float
        Distance between them (µm).
    section : float
        Area of an electrode (µm²; in 2D its length, µm).
    scaling : Scaling
    sigma : (m_local,) float64 array
        Scaled conductivity of the local cells, zero beyond electrodes that are not ideal.
    settings : SolverSettings
    """

    sides: tuple[Electrode, Electrode]
    electrodes: Electrodes
    height: float
    section: float
    scaling: Scaling
    sigma: NDArray[np.float64]
    settings: SolverSettings

    def nonlinear(self, system: LinearSystem, phi: compat.fem.Function) -> Converged:
        """Solve with kinetics, the potential being given to `phi`; *collective*."""
        return solve_kinetics(
            system,
            phi,
            self.electrodes,
            self.sides,
            self.scaling,
            self.height,
            self.section,
            self.settings,
        )

    def linear(self, system: LinearSystem, elements: Elements) -> tuple[PETSc.KSP, Converged]:
        """Solve without kinetics; *collective*.

        Returns
        -------
        PETSc.KSP
            CG; the caller's unless it is that of `elements`.
        Converged

        Raises
        ------
        SolverError
            On all ranks, if the residual does not fall with a preconditioner made for this system.
        """
        while True:
            ksp = elements.preconditioned(system, self.settings)
            most = min(self.settings.max_iterations, elements.patience)
            try:
                settings = replace(self.settings, max_iterations=most)
                iterations, relative = _potential(system, ksp, elements, self.sigma, settings)
                break
            except SolverError:
                if ksp is not elements.ksp:
                    ksp.destroy()
                if elements.fresh:
                    raise
                elements.forget()  # what served former systems did not serve this one
        elements.took(iterations, free_count(system))
        scaling = rescaled(
            self.sides, self.scaling, elements.currents, self.sigma, self.electrodes, self.section
        )
        potentials = guessed_potentials(self.sides, scaling)
        return ksp, Converged(iterations, relative, 0, 0, scaling, potentials)


def _potential(
    system: LinearSystem,
    ksp: PETSc.KSP,
    elements: Elements,
    sigma_hat: NDArray[np.float64],
    settings: SolverSettings,
) -> tuple[int, float]:
    """Solve for the potential of `elements`, from the one it has; return iterations and relative residual."""
    phi, currents = elements.currents.phi, elements.currents

    def update(solution: PETSc.Vec) -> None:
        compat.copy_to_function(solution, phi)
        phi.x.array[:] += system.lift.x.array

    def current(solution: PETSc.Vec) -> float:
        update(solution)
        return currents.through(sigma_hat)

    guess = elements.guess(system)
    try:
        solution, iterations, relative, elements.balanced_at = solve_system(
            system, ksp, settings, current, guess, elements.balanced_at if system.same else 1.0
        )
    finally:
        if guess is not None:
            guess.destroy()
    update(solution)
    solution.destroy()
    if elements.past.maxlen:
        left = relative * system.reference
        altered = system.fixed if system.plane is None else np.concatenate([system.fixed, system.plane])
        elements.past.append(Past(phi.x.array.copy(), left, elements.assembler.made, altered))
    return iterations, relative


def local_fields(
    elements: Elements,
    parts: Parts,
    ends: Ends,
    scaling: Scaling,
) -> dict[str, NDArray[np.float64]]:
    """Return the fields in SI at the local geometry nodes and cells; *collective*.

    Currents are the sums of those of the parts of the potential. The residual of the electrolyte is left out
    where it equals that of all cells.
    """
    sigma_hat = cell_values(elements.sigma)

    def entering(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
        return scaling.current * reduce(np.add, [nodal.at_nodes(sigma) for nodal, _ in parts])

    fields = {
        "phi": scaling.offset + scaling.potential * elements.currents.phi.x.array[elements.node_dofs],
        "j": scaling.current_density * reduce(np.add, [mean() for _, mean in parts]),
        "residual": entering(sigma_hat),
    }
    if ends.anywhere:
        fields["residual_electrolyte"] = ends.electrolyte(fields["residual"], sigma_hat, entering)
    return fields
