"""What solves on one mesh share, and one problem among them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.fluxes import CellCurrents, NodalCurrents, cell_values
from gbflux.conduction.gradients import MeanGradient
from gbflux.conduction.kinetics import Converged, guessed_potentials, rescaled, solve_kinetics
from gbflux.conduction.records import Electrode, SolverSettings
from gbflux.conduction.scaling import Scaling
from gbflux.conduction.solver import best_guess, conjugate_gradients, restricted, solve_system
from gbflux.conduction.system import Assembler, LinearSystem, ScaledElectrode
from gbflux.errors import SolverError

#: Potentials kept for the first guess of the next solve.
PAST = 4
#: Making a preconditioner costs about as much as so many iterations: it is made anew when it has cost more
#: than that beyond what it took when it was new.
SET_UP = 13


class Elements:
    """What all solves with elements of one order share: spaces, potential, forms and matrix."""

    def __init__(self, domain: compat.mesh.Mesh, order: int, many: bool):
        self.space = compat.scalar_space(domain, "Lagrange", order)
        self.sigma = compat.fem.Function(compat.scalar_space(domain, "DG", 0))
        hats = self.space if order == 1 else compat.scalar_space(domain, "Lagrange", 1)
        phi = compat.fem.Function(self.space)
        self.assembler = Assembler(self.space, self.sigma, many=many)
        gradient = MeanGradient(phi, many)
        self.currents = NodalCurrents(gradient, hats)
        self.cell_currents = CellCurrents(self.sigma, gradient)
        self.node_dofs = self.currents.node_dofs if order == 1 else compat.node_dofs(self.space)
        self.past: deque[NDArray[np.float64]] = deque(maxlen=PAST if many else 0)
        self.ksp: PETSc.KSP | None = None
        self._fixed = np.zeros(len(phi.x.array), dtype=bool)
        self._made_with = ""
        self._fewest = self._excess = 0

    def preconditioned(self, system: LinearSystem, settings: SolverSettings) -> PETSc.KSP:
        """Return CG for a system, with the preconditioner of the last where that will do; *collective*."""
        fixed = np.zeros_like(self._fixed)
        fixed[system.fixed] = True
        fits = system.same and self._made_with == settings.preconditioner != "lu" and fixed[self._fixed].all()
        fits = fits and self._excess <= SET_UP
        if self.space.mesh.comm.allreduce(bool(fits), MPI.LAND):
            return restricted(self.ksp, system.matrix, system.fixed)
        self.forget()
        self.ksp = conjugate_gradients(system.matrix, settings)
        self._fixed, self._made_with = fixed, settings.preconditioner
        return self.ksp

    def took(self, iterations: int) -> None:
        """Note how many iterations the last system took."""
        self._fewest = min(self._fewest or iterations, iterations)
        self._excess += iterations - self._fewest

    def forget(self) -> None:
        """Free the preconditioner; *collective*."""
        if self.ksp is not None:
            self.ksp.destroy()
        self.ksp, self._made_with, self._fewest = None, "", 0
        self._excess = 0

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
    section : float
        Area of an electrode (µm²; in 2D its length, µm).
    scaling : Scaling
    sigma : (m_local,) float64 array
        Scaled conductivity of the local cells.
    settings : SolverSettings
    """

    sides: tuple[Electrode, Electrode]
    electrodes: tuple[ScaledElectrode, ScaledElectrode]
    section: float
    scaling: Scaling
    sigma: NDArray[np.float64]
    settings: SolverSettings

    def nonlinear(self, system: LinearSystem, phi: compat.fem.Function) -> Converged:
        """Solve with kinetics, the potential being given to `phi`; *collective*."""
        planes = tuple(electrode.z for electrode in self.electrodes)
        return solve_kinetics(system, phi, planes, self.sides, self.scaling, self.section, self.settings)

    def linear(self, system: LinearSystem, elements: Elements) -> tuple[PETSc.KSP, Converged]:
        """Solve without kinetics; return CG too, which is the caller's unless it is that of `elements`."""
        ksp = elements.preconditioned(system, self.settings)
        try:
            iterations, relative = _potential(system, ksp, elements, self.sigma, self.settings)
        except SolverError:
            if ksp is elements.ksp:
                raise
            ksp.destroy()
            elements.forget()  # what served the last system did not serve this one
            ksp = elements.preconditioned(system, self.settings)
            iterations, relative = _potential(system, ksp, elements, self.sigma, self.settings)
        elements.took(iterations)
        scaling = rescaled(
            self.sides, self.scaling, elements.currents, self.sigma, self.electrodes, self.section
        )
        potentials = guessed_potentials(self.sides, scaling)
        return ksp, Converged(iterations, relative, 0, scaling, potentials)


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

    guess = best_guess(system, elements.past)
    try:
        solution, iterations, relative = solve_system(system, ksp, settings, current, guess)
    finally:
        if guess is not None:
            guess.destroy()
    update(solution)
    solution.destroy()
    if elements.past.maxlen:
        elements.past.append(phi.x.array.copy())
    return iterations, relative


def local_fields(
    elements: Elements, in_electrolyte: NDArray[np.bool_], scaling: Scaling
) -> dict[str, NDArray[np.float64]]:
    """Return the fields in SI at the local geometry nodes and cells; *collective*.

    The residual of the electrolyte is left out where it equals that of all cells.
    """
    currents = elements.currents
    sigma_hat = cell_values(elements.sigma)
    fields = {
        "phi": scaling.offset + scaling.potential * currents.phi.x.array[elements.node_dofs],
        "j": scaling.current_density * elements.cell_currents(),
        "residual": scaling.current * currents.at_nodes(sigma_hat),
    }
    electrolyte = np.where(in_electrolyte, sigma_hat, 0.0)
    if not elements.space.mesh.comm.allreduce(bool((electrolyte == sigma_hat).all()), MPI.LAND):
        fields["residual_electrolyte"] = scaling.current * currents.at_nodes(electrolyte)
    return fields
