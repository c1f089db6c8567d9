"""Ohmic conduction between two electrodes: the one entry of this room that runs on all ranks."""

from __future__ import annotations

import logging
import time
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
from gbflux.conduction.fluxes import NodalCurrents, cell_currents, cell_values, node_values, set_cell_values
from gbflux.conduction.kinetics import Converged, guessed_potentials, rescaled, solve_kinetics
from gbflux.conduction.parallel import errors_of_root
from gbflux.conduction.records import Bracket, Electrode, Fields, Solution, SolverSettings
from gbflux.conduction.scaling import Scaling, is_nonlinear, scaling_of
from gbflux.conduction.solver import conjugate_gradients, solve_system
from gbflux.conduction.system import LinearSystem, ScaledElectrode, assemble
from gbflux.conduction.validate import check_input
from gbflux.mesh.records import ELECTROLYTE, CellKind, LayeredMesh

log = logging.getLogger(__name__)

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
    """Solve ∇·(σ∇φ) = 0 between two electrodes; *collective*.

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
            sigma = np.asarray(sigma, dtype=np.float64)
    watch = _Stopwatch()
    with watch("distribute"):
        dealt = distribute(comm, mesh)
        z_electrodes, section, largest = comm.bcast(
            (mesh.z_electrodes, float(np.prod(mesh.size_um[:-1])), float(np.max(sigma)))
            if comm.rank == 0
            else None
        )
        height = z_electrodes[1] - z_electrodes[0]
        scaling = scaling_of(dealt.domain.topology.dim, largest, bottom, top, height)
        sigma_hat = dealt.deal(sigma) / scaling.sigma
        kind = dealt.deal(mesh.kind if comm.rank == 0 else None)
    with watch("assemble"), compat.quiet_compiler():
        electrodes = _scaled((bottom, top), z_electrodes, scaling)
        space = compat.scalar_space(dealt.domain, "Lagrange", settings.order)
        cell_sigma = compat.fem.Function(compat.scalar_space(dealt.domain, "DG", 0))
        set_cell_values(cell_sigma, sigma_hat)
        system = assemble(space, cell_sigma, electrodes)
        hats = space if settings.order == 1 else compat.scalar_space(dealt.domain, "Lagrange", 1)
        currents = NodalCurrents(compat.fem.Function(space), cell_sigma.function_space, hats)
    bracket = ksp = None
    try:
        with watch("solve"):
            if is_nonlinear(bottom, top):
                converged = solve_kinetics(
                    system, currents.phi, z_electrodes, (bottom, top), scaling, section, settings
                )
            else:
                ksp = conjugate_gradients(system.matrix, settings)
                iterations, relative_residual = _potential(system, ksp, currents, sigma_hat, settings)
                sides = bottom, top
                scaling = rescaled(sides, scaling, currents, sigma_hat, z_electrodes, section)
                potentials = guessed_potentials(sides, scaling)
                converged = Converged(iterations, relative_residual, 0, scaling, potentials)
        if settings.bracket and ksp is not None:
            with watch("bracket"), compat.quiet_compiler():
                thin = np.isin(kind, _LAYERS)
                bracket = conductance_bracket(currents.phi, cell_sigma, thin, electrodes, settings, ksp)
    finally:
        system.destroy()
        if ksp is not None:
            ksp.destroy()
    with watch("assemble"), compat.quiet_compiler():
        local = _local_fields(currents, cell_sigma, np.isin(kind, ELECTROLYTE), converged.scaling)
    with watch("distribute"):
        fields = _collected(dealt, local, sigma)
    dofs = compat.dof_count(space)
    log.debug("conduction: %d dofs, %d iterations, %s", dofs, converged.iterations, watch.seconds)
    return Solution(
        fields,
        dofs,
        converged.iterations,
        converged.relative_residual,
        watch.seconds,
        bracket=_in_si(dealt, bracket, converged.scaling),
        potentials=converged.potentials,
        newton_iterations=converged.newton_iterations,
    )


def _scaled(
    sides: tuple[Electrode, Electrode], planes: tuple[float, float], scaling: Scaling
) -> tuple[ScaledElectrode, ScaledElectrode]:
    """Return the electrodes at their planes (µm) in scaled quantities."""
    potentials = guessed_potentials(sides, scaling)
    return tuple(
        ScaledElectrode(
            z,
            scaling.potential_hat(potential),
            scaling.exchange_hat(side.asr) if side.asr > 0.0 and side.kinetics is None else None,
            nonlinear=side.kinetics is not None,
        )
        for side, z, potential in zip(sides, planes, potentials, strict=True)
    )


def _in_si(dealt: DistributedMesh, bracket: Bracket | None, scaling: Scaling) -> Bracket | None:
    """Return a scaled bracket in S (2D: S/m), the gap by cell on rank 0; *collective*."""
    if bracket is None:
        return None
    unit = abs(scaling.current / scaling.potential)
    return Bracket(
        bracket.lower * unit,
        bracket.upper * unit,
        bracket.algebraic_error * unit,
        bracket.iterations,
        dealt.collect_cells(bracket.gap * unit),
    )


def _potential(
    system: LinearSystem,
    ksp: PETSc.KSP,
    currents: NodalCurrents,
    sigma_hat: NDArray[np.float64],
    settings: SolverSettings,
) -> tuple[int, float]:
    """Solve for the potential of `currents`; return iterations and relative residual."""
    phi = currents.phi

    def update(solution: PETSc.Vec) -> None:
        compat.copy_to_function(solution, phi)
        phi.x.array[:] += system.lift.x.array

    def current(solution: PETSc.Vec) -> float:
        update(solution)
        return currents.through(sigma_hat)

    solution, iterations, relative_residual = solve_system(system, ksp, settings, current)
    update(solution)
    solution.destroy()
    return iterations, relative_residual


def _local_fields(
    currents: NodalCurrents,
    cell_sigma: compat.fem.Function,
    in_electrolyte: NDArray[np.bool_],
    scaling: Scaling,
) -> dict[str, NDArray[np.float64]]:
    """Return the fields in SI at the local geometry nodes and cells; *collective*.

    The residual of the electrolyte is left out where it equals that of all cells.
    """
    phi = currents.phi
    space = phi.function_space
    sigma_hat = cell_values(cell_sigma)
    fields = {
        "phi": scaling.offset + scaling.potential * node_values(space, phi.x.array),
        "j": scaling.current_density * cell_currents(cell_sigma, phi),
        "residual": scaling.current * currents.at_nodes(sigma_hat),
    }
    if not space.mesh.comm.allreduce(bool(in_electrolyte.all()), MPI.LAND):
        electrolyte = np.where(in_electrolyte, sigma_hat, 0.0)
        fields["residual_electrolyte"] = scaling.current * currents.at_nodes(electrolyte)
    return fields


def _collected(
    dealt: DistributedMesh, local: dict[str, NDArray[np.float64]], sigma: NDArray[np.float64] | None
) -> Fields | None:
    """Bring the local fields to rank 0; *collective*."""
    whole = {
        name: dealt.collect_cells(values) if name == "j" else dealt.collect_points(values)
        for name, values in local.items()
    }
    if dealt.comm.rank != 0:
        return None
    whole.setdefault("residual_electrolyte", whole["residual"])
    return Fields(sigma=sigma, **whole)
