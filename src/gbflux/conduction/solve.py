"""Ohmic conduction between two electrodes, once or many times on one mesh: what runs on all ranks."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.bracket import conductance_bracket
from gbflux.conduction.distribute import DistributedMesh, distribute
from gbflux.conduction.fluxes import CellCurrents, NodalCurrents, cell_values, set_cell_values
from gbflux.conduction.parallel import errors_of_root
from gbflux.conduction.records import Bracket, Electrode, Fields, Solution, SolverSettings
from gbflux.conduction.scaling import Scaling, scaling_of
from gbflux.conduction.solver import best_guess, conjugate_gradients, restricted, solve_system
from gbflux.conduction.system import Assembler, LinearSystem, ScaledElectrode
from gbflux.conduction.validate import check_cut, check_input, check_mesh
from gbflux.errors import SolverError
from gbflux.mesh.cut import Cut
from gbflux.mesh.records import ELECTROLYTE, CellKind, LayeredMesh

log = logging.getLogger(__name__)

#: Potentials kept for the first guess of the next solve.
PAST = 4
#: A preconditioner is made anew after so many times the iterations it took when it was new.
STRAINED = 1.7

_LAYERS = (CellKind.GB, CellKind.GB_JUNCTION, CellKind.CONTACT)


@dataclass
class _Stopwatch:
    """Wall time by stage (s)."""

    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("distribute", "assemble", "solve", "bracket"), 0.0)
    )

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - start


def solve(
    comm: MPI.Intracomm,
    mesh: LayeredMesh | None,
    sigma: NDArray[np.float64] | None,
    bottom: Electrode,
    top: Electrode,
    settings: SolverSettings,
) -> Solution:
    """Solve ∇·(σ∇φ) = 0 between two electrodes, once; *collective*.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks that share the work.
    mesh : LayeredMesh or None
        The mesh; looked at on rank 0 only.
    sigma : (m,) float64 array or None
        Conductivity of each cell (S/m); looked at on rank 0 only.
    bottom, top : Electrode
        The electrodes, the same on all ranks.
    settings : SolverSettings
        The same on all ranks.

    Returns
    -------
    Solution
        Fields on rank 0, the rest on all ranks.

    Raises
    ------
    InputError
        On all ranks, if the input cannot be solved (fewer cells than ranks among it).
    SolverError
        On all ranks, if the true residual does not reach `settings.rtol`.
    """
    with errors_of_root(comm) as is_root:
        if is_root:
            check_input(mesh, sigma, bottom, top, settings)
    with Conductor(comm, mesh) as conductor:
        return conductor.solve(sigma, bottom, top, settings)


class Conductor:
    """A mesh over all ranks, for one solve after the other; *collective*, as are its methods.

    The distribution of the mesh, function spaces, forms and the pattern of the matrix are made once. A solve
    starts from the potential of the last one; when it ends is up to the true residual alone. As a context it
    is closed at the end.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks that share the work.
    mesh : LayeredMesh or None
        The mesh; looked at on rank 0 only.
    many : bool
        Keep what solves can share, at the price of memory.

    Raises
    ------
    InputError
        On all ranks, if the mesh cannot be solved on or has fewer cells than ranks.
    """

    def __init__(self, comm: MPI.Intracomm, mesh: LayeredMesh | None, many: bool = False):
        self._many = many
        self._watch = _Stopwatch()
        with errors_of_root(comm) as is_root:
            if is_root:
                check_mesh(mesh)
        self._comm, self._mesh = comm, mesh
        self._sigma: NDArray[np.float64] | None = None
        with self._watch("distribute"):
            self._dealt = distribute(comm, mesh)
            self._z_electrodes = comm.bcast(mesh.z_electrodes if comm.rank == 0 else None)
            self._kind = self._dealt.deal(mesh.kind if comm.rank == 0 else None)
        self._elements: dict[int, _Elements] = {}

    def __enter__(self) -> Conductor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what PETSc holds."""
        for elements in self._elements.values():
            elements.destroy()
        self._elements.clear()

    def solve(
        self,
        sigma: NDArray[np.float64] | None,
        bottom: Electrode,
        top: Electrode,
        settings: SolverSettings,
        cut: Cut | None = None,
    ) -> Solution:
        """Solve ∇·(σ∇φ) = 0 between two electrodes.

        Parameters
        ----------
        sigma : (m,) float64 array or None
            Conductivity of each cell (S/m), with a cut of those that are left; looked at on rank 0 only.
        bottom, top : Electrode
            The electrodes, the same on all ranks.
        settings : SolverSettings
            The same on all ranks.
        cut : Cut, optional
            On rank 0, where slabs are to end. What is cut off takes the potential of its electrode, which
            must be ideal.

        Returns
        -------
        Solution
            Fields on rank 0, in the numbering of the cut mesh; the rest on all ranks.

        Raises
        ------
        InputError
            On all ranks, if the input cannot be solved.
        SolverError
            On all ranks, if the true residual does not reach `settings.rtol`.
        """
        comm, dealt = self._comm, self._dealt
        watch, self._watch = self._watch, _Stopwatch()
        with errors_of_root(comm) as is_root:
            if is_root:
                check_input(self._mesh if cut is None else cut.mesh, sigma, bottom, top, settings)
                check_cut(cut, bottom, top)
                sigma = np.asarray(sigma, dtype=np.float64)
        with watch("distribute"):
            largest = comm.bcast(float(np.max(sigma)) if comm.rank == 0 else None)
            scaling = scaling_of(dealt.domain.topology.dim, largest, bottom, top)
            sigma_hat = dealt.deal(self._whole(sigma, cut)) / scaling.sigma
            covered = self._covered(cut)
        electrodes = tuple(
            _scaled(*of_side, scaling)
            for of_side in zip((bottom, top), self._z_electrodes, covered, strict=True)
        )
        with watch("assemble"), compat.quiet_compiler():
            if settings.order not in self._elements:
                self._elements[settings.order] = _Elements(dealt.domain, settings.order, self._many)
            elements = self._elements[settings.order]
            set_cell_values(elements.sigma, sigma_hat)
            system = elements.assembler.system(electrodes)
        iterations, relative_residual, bracket = self._solved(
            elements, system, sigma_hat, electrodes, settings, watch
        )
        with watch("assemble"), compat.quiet_compiler():
            local = _local_fields(elements, np.isin(self._kind, ELECTROLYTE), scaling)
        with watch("distribute"):
            fields = _collected(dealt, local, sigma, cut)
        dofs = compat.dof_count(elements.space)
        log.debug("conduction: %d dofs, %d iterations, %s", dofs, iterations, watch.seconds)
        bracket = _in_si(bracket, scaling)
        return Solution(fields, dofs, iterations, relative_residual, watch.seconds, bracket)

    def _whole(self, sigma: NDArray[np.float64] | None, cut: Cut | None) -> NDArray[np.float64] | None:
        """Return on rank 0 the conductivity of all cells (S/m).

        What is cut off keeps its conductivity: no current flows in it, and the matrix can stay as it is.
        """
        if self._comm.rank != 0 or cut is None:
            return sigma
        if self._sigma is None:
            self._sigma = np.full(len(self._mesh.cells), np.min(sigma))
        self._sigma[cut.cells] = sigma
        return self._sigma

    def _covered(self, cut: Cut | None) -> list[NDArray[np.bool_] | None]:
        """Return for each electrode the local nodes it covers where something was cut off, else None."""
        on_root = self._comm.rank == 0
        covered = (None, None) if cut is None else cut.covered
        wanted = self._comm.bcast([nodes is not None for nodes in covered] if on_root else None)
        return [
            self._dealt.deal_points(nodes) if is_cut else None
            for nodes, is_cut in zip(covered, wanted, strict=True)
        ]

    def _solved(
        self,
        elements: _Elements,
        system: LinearSystem,
        sigma_hat: NDArray[np.float64],
        electrodes: tuple[ScaledElectrode, ScaledElectrode],
        settings: SolverSettings,
        watch: _Stopwatch,
    ) -> tuple[int, float, Bracket | None]:
        """Solve for the potential of `elements`; return iterations, residual, and bracket if asked for."""
        bracket = ksp = None
        try:
            with watch("solve"):
                ksp = elements.preconditioned(system, settings)
                try:
                    iterations, relative_residual = _potential(system, ksp, elements, sigma_hat, settings)
                except SolverError:
                    if ksp is elements.ksp:
                        raise
                    ksp.destroy()
                    elements.forget()  # what served the last system did not serve this one
                    ksp = elements.preconditioned(system, settings)
                    iterations, relative_residual = _potential(system, ksp, elements, sigma_hat, settings)
                elements.took(iterations)
            if settings.bracket:
                with watch("bracket"), compat.quiet_compiler():
                    phi, thin = elements.currents.phi, np.isin(self._kind, _LAYERS)
                    bracket = conductance_bracket(phi, elements.sigma, thin, electrodes, settings, ksp)
        finally:
            system.rhs.destroy()
            if ksp is not None and ksp is not elements.ksp:
                ksp.destroy()
        return iterations, relative_residual, bracket


class _Elements:
    """What all solves with elements of one order share: spaces, potential, forms and matrix."""

    def __init__(self, domain: compat.mesh.Mesh, order: int, many: bool):
        self.space = compat.scalar_space(domain, "Lagrange", order)
        self.sigma = compat.fem.Function(compat.scalar_space(domain, "DG", 0))
        hats = self.space if order == 1 else compat.scalar_space(domain, "Lagrange", 1)
        phi = compat.fem.Function(self.space)
        self.assembler = Assembler(self.space, self.sigma, many=many)
        self.currents = NodalCurrents(phi, self.sigma.function_space, hats)
        self.cell_currents = CellCurrents(self.sigma, phi)
        self.node_dofs = compat.node_dofs(self.space)
        self.past: deque[NDArray[np.float64]] = deque(maxlen=PAST if many else 0)
        self.ksp: PETSc.KSP | None = None
        self._fixed = np.zeros(len(phi.x.array), dtype=bool)
        self._made_with = ""
        self._iterations_at_first = self.iterations = 0

    def preconditioned(self, system: LinearSystem, settings: SolverSettings) -> PETSc.KSP:
        """Return CG for a system, with the preconditioner of the last where that will do; *collective*."""
        fixed = np.zeros_like(self._fixed)
        fixed[system.fixed] = True
        fits = system.same and self._made_with == settings.preconditioner != "lu" and fixed[self._fixed].all()
        fits = fits and self.iterations <= STRAINED * self._iterations_at_first
        if self.space.mesh.comm.allreduce(bool(fits), MPI.LAND):
            return restricted(self.ksp, system.matrix, system.fixed)
        self.forget()
        self.ksp = conjugate_gradients(system.matrix, settings)
        self._fixed, self._made_with = fixed, settings.preconditioner
        return self.ksp

    def took(self, iterations: int) -> None:
        """Note how many iterations the last system took."""
        self.iterations = iterations
        self._iterations_at_first = self._iterations_at_first or iterations

    def forget(self) -> None:
        """Free the preconditioner; *collective*."""
        if self.ksp is not None:
            self.ksp.destroy()
        self.ksp, self._made_with, self._iterations_at_first = None, "", 0

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        self.forget()
        self.assembler.destroy()


def _scaled(
    electrode: Electrode, z: float, inside: NDArray[np.bool_] | None, scaling: Scaling
) -> ScaledElectrode:
    """Return an electrode at plane `z` (µm), or on the nodes `inside`, in scaled quantities."""
    kappa = None if electrode.ideal else scaling.exchange_hat(electrode.asr)
    return ScaledElectrode(z, scaling.potential_hat(electrode.potential), kappa, inside)


def _in_si(bracket: Bracket | None, scaling: Scaling) -> Bracket | None:
    """Return a scaled bracket in S (2D: S/m)."""
    if bracket is None:
        return None
    unit = abs(scaling.current / scaling.potential)
    return Bracket(
        bracket.lower * unit, bracket.upper * unit, bracket.algebraic_error * unit, bracket.iterations
    )


def _potential(
    system: LinearSystem,
    ksp: PETSc.KSP,
    elements: _Elements,
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


def _local_fields(
    elements: _Elements, in_electrolyte: NDArray[np.bool_], scaling: Scaling
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


def _collected(
    dealt: DistributedMesh,
    local: dict[str, NDArray[np.float64]],
    sigma: NDArray[np.float64] | None,
    cut: Cut | None,
) -> Fields | None:
    """Bring the local fields, of what is left by a cut, to rank 0; *collective*."""
    whole = {
        name: dealt.collect_cells(values) if name == "j" else dealt.collect_points(values)
        for name, values in local.items()
    }
    if dealt.comm.rank != 0:
        return None
    if cut is not None:
        whole = {n: values[cut.cells if n == "j" else cut.points] for n, values in whole.items()}
    whole.setdefault("residual_electrolyte", whole["residual"])
    return Fields(sigma=sigma, **whole)
