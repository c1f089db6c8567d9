"""Ohmic conduction between two electrodes, many times on one mesh: the part that runs on all ranks."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbflux.conduction import compat
from gbflux.conduction.balance import Grains, grains_of, imbalances
from gbflux.conduction.bounds.bracket import TwoBounds, two_bounds
from gbflux.conduction.bounds.local_currents import local_current
from gbflux.conduction.cache import Elements, Parts, Problem, local_fields
from gbflux.conduction.correction import balanced
from gbflux.conduction.distribute import DistributedMesh, distribute
from gbflux.conduction.ends import Ends
from gbflux.conduction.facets import ScaledElectrode
from gbflux.conduction.kinetics import Converged, guessed_potentials
from gbflux.conduction.mpi import errors_of_root
from gbflux.conduction.planes import plane_nodes
from gbflux.conduction.problem import Scaling, is_nonlinear, scaling_of
from gbflux.conduction.records import (
    Bracket,
    Electrode,
    Fields,
    LocalCurrent,
    Solution,
    SolverSettings,
)
from gbflux.conduction.system import Electrodes, LinearSystem
from gbflux.conduction.validate import check_mesh, check_planes, check_problem
from gbflux.mesh.cut import Cut
from gbflux.mesh.records import ELECTROLYTE, LAYERS, LayeredMesh, is_kind
from gbflux.units import SIDES

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Kept:
    """Bounds of the last solve, kept to certify local currents with."""

    bounds: TwoBounds
    gap: NDArray[np.float64]  # of the bracket, by local cell
    unit: float  # of the scaled conductance (S; in 2D S/m)
    cut: Cut | None


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
        self._grains: Grains | None = None
        self._ends: Ends | None = None
        with self._watch("distribute"):
            self._dealt = distribute(comm, mesh)
            self._planes = comm.bcast(mesh.z_electrodes if comm.rank == 0 else None)
            self._section = comm.bcast(float(np.prod(mesh.size_um[:-1])) if comm.rank == 0 else None)
            self._kind = self._dealt.deal(mesh.kind if comm.rank == 0 else None)
        self._elements: dict[int, Elements] = {}
        self._kept: _Kept | None = None

    def __enter__(self) -> Conductor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what PETSc holds."""
        self._forget()
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
            On rank 0, where slabs are to end: what is cut off counts for nothing.

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
        self._forget()  # what was kept stands on the matrix of the last solve
        comm, dealt = self._comm, self._dealt
        watch, self._watch = self._watch, _Stopwatch()
        with errors_of_root(comm) as is_root:
            if is_root:
                if cut is not None:
                    check_planes(cut.mesh)
                check_problem(self._mesh if cut is None else cut.mesh, sigma, bottom, top, settings)
                sigma = np.asarray(sigma, dtype=np.float64)
        with watch("distribute"):
            left = self._mesh if cut is None else cut.mesh  # None on ranks other than 0
            planes, largest = comm.bcast(
                (left.z_electrodes, float(np.max(sigma))) if comm.rank == 0 else None
            )
            height = planes[1] - planes[0]
            scaling = scaling_of(dealt.domain.topology.dim, largest, bottom, top, height)
            sigma_hat = dealt.deal(self._whole(sigma, cut)) / scaling.sigma
            covered = self._covered(cut)
        electrodes = _scaled((bottom, top), covered, scaling)
        with watch("assemble"), compat.quiet_compiler():
            if settings.order not in self._elements:
                self._elements[settings.order] = Elements(dealt.domain, settings.order, self._many)
            elements = self._elements[settings.order]
            system, sigma_hat = elements.system(sigma_hat, electrodes)
        problem = Problem((bottom, top), electrodes, height, self._section, scaling, sigma_hat, settings)
        converged, bounds = self._solved(elements, system, problem, watch)
        with watch("bracket"), compat.quiet_compiler():
            bracket = self._bracket(bounds, converged.scaling, settings, cut)

        def fields_of(parts: Parts) -> Fields | None:
            with watch("assemble"), compat.quiet_compiler():
                local = local_fields(elements, parts, self._ends_of(elements), converged.scaling)
            with watch("distribute"):
                return _collected(dealt, local, sigma, cut)

        def imbalance_of(fields: Fields) -> tuple[float, float]:
            self._grains = self._grains or grains_of(self._mesh)
            return imbalances(left, fields, self._grains if cut is None else self._grains.of(cut))

        fields, imbalance = balanced(elements, system, problem, fields_of, imbalance_of, watch)
        dofs = compat.dof_count(elements.space)
        log.debug("conduction: %d dofs, %d iterations, %s", dofs, converged.iterations, watch.seconds)
        return Solution(
            fields,
            dofs,
            converged.iterations,
            converged.relative_residual,
            watch.seconds,
            bracket=bracket,
            potentials=converged.potentials,
            newton_iterations=converged.newton_iterations,
            load_steps=converged.load_steps,
            grain_imbalance=imbalance,
        )

    def _whole(self, sigma: NDArray[np.float64] | None, cut: Cut | None) -> NDArray[np.float64] | None:
        """Return on rank 0 the conductivity of all cells (S/m).

        Cells that are cut off keep their conductivity, so that the matrix can stay as it is.
        """
        if self._comm.rank != 0 or cut is None:
            return sigma
        if self._sigma is None:
            self._sigma = np.full(len(self._mesh.cells), np.min(sigma))
        self._sigma[cut.cells] = sigma
        return self._sigma

    def _ends_of(self, elements: Elements) -> Ends:
        """Return where the electrolyte ends, by local geometry nodes, the same for elements of any order."""
        if self._ends is None:
            currents = elements.currents
            self._ends = Ends(currents.hats, currents.node_dofs, is_kind(self._kind, ELECTROLYTE))
        return self._ends

    def _covered(self, cut: Cut | None) -> list[NDArray[np.bool_]]:
        """Return for each electrode the local nodes on its plane and beyond."""
        on_root = self._comm.rank == 0
        covered = (None, None) if cut is None else cut.covered
        wanted = self._comm.bcast([nodes is not None for nodes in covered] if on_root else None)
        return [
            self._dealt.deal_points(nodes) if is_cut else plane_nodes(self._dealt.domain, z)
            for nodes, is_cut, z in zip(covered, wanted, self._planes, strict=True)
        ]

    def _solved(
        self,
        elements: Elements,
        system: LinearSystem,
        problem: Problem,
        watch: _Stopwatch,
    ) -> tuple[Converged, TwoBounds | None]:
        """Solve for the potential of `elements`; return how that went, and bounds if asked for."""
        settings = problem.settings
        bounds = ksp = None
        try:
            with watch("solve"):
                if is_nonlinear(*problem.sides):
                    return problem.nonlinear(system, elements.currents.phi), None
                ksp, converged = problem.linear(system, elements)
            if settings.bracket:
                with watch("bracket"), compat.quiet_compiler():
                    phi, thin = elements.currents.phi, is_kind(self._kind, LAYERS)
                    bounds = two_bounds(phi, elements.sigma, thin, problem.electrodes, settings, system, ksp)
        finally:
            system.rhs.destroy()
            if ksp is not None and ksp is not elements.ksp:
                ksp.destroy()
        return converged, bounds

    def _bracket(
        self, bounds: TwoBounds | None, scaling: Scaling, settings: SolverSettings, cut: Cut | None
    ) -> Bracket | None:
        """Return the bracket in S (2D: S/m), and keep or free the bounds it was found with."""
        scaled = None if bounds is None else bounds.bracket()
        if scaled is None or not settings.certify:
            if bounds is not None:
                bounds.destroy()
        else:
            self._kept = _Kept(bounds, scaled.gap, abs(scaling.current / scaling.potential), cut)
        return _in_si(self._dealt, scaled, scaling, cut)

    def certify(self, weights: Sequence[tuple[str, NDArray[np.float64]]] | None) -> list[LocalCurrent | None]:
        """Bound the current through parts of an electrode, of the potential solved for last.

        The bounds that the solve kept for this are freed.

        Parameters
        ----------
        weights : sequence of (str, (n,) float64 array), or None
            The side of the electrode and a weight at each mesh point of its plane, from 0 to 1, linear in
            between; other points do not count. Looked at on rank 0 only.

        Returns
        -------
        list of LocalCurrent or None
            One for each weight, the gap by cell on rank 0; None without a bracket on the conductance, or
            where round-off spoilt a preconditioner.
        """
        comm, kept = self._comm, self._kept
        sides = comm.bcast([side for side, _ in weights] if comm.rank == 0 else None)
        if kept is None:
            return [None] * len(sides)
        found = []
        with compat.quiet_compiler():
            for number, side in enumerate(sides):
                weight = weights[number][1] if comm.rank == 0 else None
                found.append(self._certified(kept, SIDES.index(side), weight))
        self._forget()
        return found

    def _certified(self, kept: _Kept, side: int, weight: NDArray[np.float64] | None) -> LocalCurrent | None:
        """Bound the current through a part of one electrode."""
        if weight is not None and kept.cut is not None:
            whole = np.zeros(len(self._mesh.points))
            whole[kept.cut.points] = weight
            weight = whole
        local = self._dealt.deal_points(weight)
        local[~kept.bounds.electrodes[side].covered] = 0.0
        scaled = local_current(kept.bounds, local, side == 1, kept.gap)
        if scaled is None:
            return None
        cells = slice(None) if kept.cut is None else kept.cut.cells
        return LocalCurrent(
            scaled.value * kept.unit,
            scaled.lower * kept.unit,
            scaled.upper * kept.unit,
            scaled.iterations,
            self._dealt.collect_cells(scaled.gap * kept.unit, cells),
        )

    def _forget(self) -> None:
        """Free the bounds kept for `certify`."""
        if self._kept is not None:
            self._kept.bounds.destroy()
        self._kept = None


def _scaled(
    sides: tuple[Electrode, Electrode],
    covered: list[NDArray[np.bool_]],
    scaling: Scaling,
) -> Electrodes:
    """Return the electrodes on the nodes `covered` in scaled quantities."""
    potentials = guessed_potentials(sides, scaling)
    return tuple(
        ScaledElectrode(
            nodes,
            scaling.potential_hat(potential),
            scaling.exchange_hat(side.asr) if side.asr > 0.0 and side.kinetics is None else None,
            nonlinear=side.kinetics is not None,
        )
        for side, nodes, potential in zip(sides, covered, potentials, strict=True)
    )


def _in_si(
    dealt: DistributedMesh, bracket: Bracket | None, scaling: Scaling, cut: Cut | None
) -> Bracket | None:
    """Return a scaled bracket in S (2D: S/m), its gap on rank 0 by cell of the mesh as cut; *collective*."""
    if bracket is None:
        return None
    unit = abs(scaling.current / scaling.potential)
    gap = dealt.collect_cells(bracket.gap * unit, slice(None) if cut is None else cut.cells)
    return Bracket(
        bracket.lower * unit,
        bracket.upper * unit,
        bracket.algebraic_error * unit,
        bracket.iterations,
        gap,
    )


def _collected(
    dealt: DistributedMesh,
    local: dict[str, NDArray[np.float64]],
    sigma: NDArray[np.float64] | None,
    cut: Cut | None,
) -> Fields | None:
    """Bring the local fields, on the mesh that a cut leaves, to rank 0; *collective*."""
    cells, points = (slice(None), slice(None)) if cut is None else (cut.cells, cut.points)
    whole = {
        name: dealt.collect_cells(values, cells) if name == "j" else dealt.collect_points(values)
        for name, values in local.items()
    }
    if dealt.comm.rank != 0:
        return None
    left = {name: values if name == "j" else values[points] for name, values in whole.items()}
    left.setdefault("residual_electrolyte", left["residual"])
    return Fields(sigma=sigma, **left)
