"""Ohmic conduction between two electrodes, once or many times on one mesh: the part that runs on all ranks.

    ∇·(σ∇φ) = 0,   j = −σ∇φ,

with no current through the walls, and at each electrode the law of its contact. `ConductionSolver.solve`
takes six steps: check, pose, assemble, converge, bound, balance.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
from mpi4py import MPI

from gbflux.conduction import compat
from gbflux.conduction.balance import Grains, grains_of, imbalances
from gbflux.conduction.bounds.bracket import ConductanceBounds, bound_conductance
from gbflux.conduction.bounds.local_currents import local_current
from gbflux.conduction.cache import Converged, SolverCache
from gbflux.conduction.correction import Balanced, SplitPotential
from gbflux.conduction.distribute import distribute
from gbflux.conduction.electrodes import Electrodes
from gbflux.conduction.facets import ScaledElectrode
from gbflux.conduction.fluxes import Currents, ElectrolyteBoundary, cell_values
from gbflux.conduction.mpi import errors_of_root
from gbflux.conduction.newton import solve_kinetics
from gbflux.conduction.problem import (
    Problem,
    Scaling,
    mesh_faults,
    patch_faults,
    potentials_under,
    problem_faults,
    raise_faults,
    scaling_of,
)
from gbflux.conduction.records import (
    Array,
    Bracket,
    Fields,
    IntArray,
    LocalCurrent,
    Mask,
    Solution,
    SolverSettings,
)
from gbflux.conduction.system import LinearSystem
from gbflux.errors import SolverError
from gbflux.mesh import ELECTROLYTE, LAYERS, Mesh, is_kind
from gbflux.mesh.cut import Cut
from gbflux.units import SIDES

log = logging.getLogger(__name__)

#: A potential is corrected where currents are out of balance by more than so many times the solver's `rtol`:
#: those in and out, over the current, or those of a grain, over its inflow.
BALANCE = 10.0
MOST_CORRECTIONS = 3


@dataclass(frozen=True)
class _Kept:
    """Bounds of the last solve, kept to certify local currents with."""

    bounds: ConductanceBounds
    gap: Array  # of the bracket, by local cell
    unit: float  # of the scaled conductance (S; in 2D S/m)
    names: list[str]  # of the electrodes
    cut: Cut | None


@dataclass(frozen=True)
class _Assembled:
    """A problem, its linear system with nonlinear electrodes as walls, and what is shared to solve it."""

    problem: Problem
    system: LinearSystem
    cache: SolverCache


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


class ConductionSolver:
    """A mesh over all ranks, for one solve after the other; *collective*, as are its methods.

    The distribution of the mesh, function spaces, forms and the pattern of the matrix are made once. A solve
    starts from the potential of the last one; when it ends is up to the true residual alone. As a context it
    is closed at the end.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks that share the work.
    mesh : Mesh or None
        The mesh; looked at on rank 0 only.
    many : bool
        Keep what solves can share, at the price of memory.

    Raises
    ------
    InputError
        On all ranks, if the mesh cannot be solved on or has fewer cells than ranks.
    """

    def __init__(self, comm: MPI.Intracomm, mesh: Mesh | None, many: bool = False):
        self._comm, self._many = comm, many
        self._watch = _Stopwatch()
        with errors_of_root(comm) as is_root:
            if is_root:
                raise_faults(mesh_faults(mesh))
        # None on the other ranks: what is asked of it is asked on rank 0 alone
        self._mesh: Any = mesh
        with self._watch("distribute"):
            self._parts = distribute(comm, mesh)
            self._kind = self._parts.scatter_cells(None if mesh is None else mesh.kind)
        self._last_sigma: Array | None = None
        self._grains: Grains | None = None
        self._boundary: ElectrolyteBoundary | None = None
        self._caches: dict[int, SolverCache] = {}  # by order of the elements
        self._kept: _Kept | None = None

    def __enter__(self) -> ConductionSolver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what PETSc holds."""
        self._forget_bounds()
        for cache in self._caches.values():
            cache.destroy()
        self._caches.clear()

    def solve(
        self,
        sigma: Array | None,
        electrodes: Electrodes,
        settings: SolverSettings,
        cut: Cut | None = None,
    ) -> Solution:
        """Solve ∇·(σ∇φ) = 0 between two electrodes.

        Parameters
        ----------
        sigma : (m,) float64 array or None
            Conductivity of each cell (S/m), with a cut of those that are left; looked at on rank 0 only.
        electrodes : (Electrode, Electrode)
            The same on all ranks; the first has a potential, the second a potential or a current.
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
        self._forget_bounds()  # they stand on the matrix of the last solve
        self._check(sigma, electrodes, settings, cut)
        problem = self._pose(sigma, electrodes, settings, cut)
        assembled = self._assemble(problem)
        try:
            converged = self._converge(assembled)
            bracket = self._bound(assembled, converged)
        finally:
            assembled.system.rhs.destroy()
        balanced = self._balance(assembled, converged)
        # the first solve pays for the distribution of the mesh
        seconds, self._watch = self._watch.seconds, _Stopwatch()
        dofs = compat.dof_count(assembled.cache.space)
        log.debug("conduction: %d dofs, %d iterations, %s", dofs, converged.iterations, seconds)
        return Solution(
            balanced.fields,
            dofs,
            converged.iterations,
            converged.relative_residual,
            seconds,
            bracket=bracket,
            potentials=converged.potentials,
            newton_iterations=converged.newton_iterations,
            load_steps=converged.load_steps,
            grain_imbalance=balanced.grain,
        )

    def _check(
        self, sigma: Array | None, electrodes: Electrodes, settings: SolverSettings, cut: Cut | None
    ) -> None:
        """Raise an `InputError` on all ranks if the input cannot be solved."""
        with errors_of_root(self._comm) as is_root:
            if is_root:
                left = self._left(cut)
                raise_faults(patch_faults(left, electrodes))
                raise_faults(problem_faults(left, sigma, electrodes, settings))

    def _pose(
        self, sigma: Array | None, electrodes: Electrodes, settings: SolverSettings, cut: Cut | None
    ) -> Problem:
        """Scale the problem, and scatter its conductivities and electrodes over the ranks."""
        parts, given = self._parts, None
        sigma = None if sigma is None else np.asarray(sigma, dtype=np.float64)
        with self._watch("distribute"):
            if sigma is not None and self._comm.rank == 0:
                section = float(np.prod(self._mesh.size_um[:-1]))
                given = self._left(cut).z_electrodes, section, float(np.max(sigma))
            planes, section, largest = self._comm.bcast(given)
            height = planes[1] - planes[0]
            scaling = scaling_of(parts.domain.topology.dim, largest, electrodes, height)
            sigma_hat = parts.scatter_cells(self._sigma_of_all(sigma, cut)) / scaling.sigma
            scaled = _scaled(electrodes, self._covered(electrodes, cut), scaling)
        return Problem(electrodes, scaled, sigma_hat, scaling, height, section, settings, sigma, cut)

    def _sigma_of_all(self, sigma: Array | None, cut: Cut | None) -> Array | None:
        """Return on rank 0 the conductivity of all cells (S/m).

        Cells that are cut off keep their conductivity, so that the matrix can stay as it is.
        """
        if sigma is None or cut is None:
            return sigma
        if self._last_sigma is None:
            self._last_sigma = np.full(len(self._mesh.cells), np.min(sigma))
        self._last_sigma[cut.cells] = sigma
        return self._last_sigma

    def _covered(self, electrodes: Electrodes, cut: Cut | None) -> list[Mask]:
        """Return for each electrode the local nodes on its patch, and beyond it where the mesh goes on."""
        beyond = {} if cut is None else dict(zip(SIDES, cut.covered, strict=True))
        covered = []
        for electrode in electrodes:
            nodes = beyond.get(electrode.name)
            if nodes is None and self._comm.rank == 0:
                nodes = electrode.patch.points(self._mesh)
            covered.append(self._parts.scatter_points(nodes))
        return covered

    def _assemble(self, problem: Problem) -> _Assembled:
        """Assemble the linear system; from here on σ is zero in cells that do not count."""
        order = problem.settings.order
        with self._watch("assemble"), compat.quiet_compiler():
            if order not in self._caches:
                self._caches[order] = SolverCache(self._parts.domain, order, self._many)
            cache = self._caches[order]
            system, sigma = cache.system(problem.sigma, problem.scaled)
        return _Assembled(replace(problem, sigma=sigma), system, cache)

    def _converge(self, assembled: _Assembled) -> Converged:
        """Solve for the potential, which the cache holds then."""
        problem, system, cache = assembled.problem, assembled.system, assembled.cache
        with self._watch("solve"):
            if problem.linear:
                return cache.solve(system, problem)
            return solve_kinetics(system, cache.phi, problem)

    def _bound(self, assembled: _Assembled, converged: Converged) -> Bracket | None:
        """Bound the conductance of a linear problem (S; in 2D S/m), where that is asked for.

        The gap is by cell of the mesh as cut, on rank 0. The bounds are kept for `certify` or freed.
        """
        problem, cache = assembled.problem, assembled.cache
        if converged.ksp is None or not problem.settings.bracket:
            return None
        with self._watch("bracket"), compat.quiet_compiler():
            bounds = bound_conductance(
                cache.phi,
                cache.sigma,
                is_kind(self._kind, LAYERS),
                problem.scaled,
                problem.settings,
                assembled.system,
                converged.ksp,
            )
            bracket = bounds.bracket()
            unit = abs(converged.scaling.current / converged.scaling.voltage)
            if bracket is None or bracket.gap is None or not problem.settings.certify:
                bounds.destroy()
            else:
                names = [electrode.name for electrode in problem.electrodes]
                self._kept = _Kept(bounds, bracket.gap, unit, names, problem.cut)
            if bracket is None:
                return None
            return Bracket(
                bracket.lower * unit,
                bracket.upper * unit,
                bracket.algebraic_error * unit,
                bracket.iterations,
                self._gap_of_cells(bracket.gap, unit, problem.cut),
            )

    def _gap_of_cells(self, gap: Array | None, unit: float, cut: Cut | None) -> Array | None:
        """Return on rank 0 a gap given by local cell, by cell of the mesh as cut, in a unit."""
        return None if gap is None else self._parts.collect_cells(gap * unit, _cells_left(cut))

    def _balance(self, assembled: _Assembled, converged: Converged) -> Balanced:
        """Collect the fields, the potential corrected until currents balance in every grain."""
        problem, cache = assembled.problem, assembled.cache
        enough = BALANCE * problem.settings.rtol
        best = self._balanced((Currents(cache.currents, cache.cell_currents),), assembled, converged.scaling)
        if best.worst > enough:
            with self._watch("solve"), compat.quiet_compiler():
                split = SplitPotential(cache, assembled.system, problem)
            try:
                for _ in range(MOST_CORRECTIONS):
                    with self._watch("solve"), compat.quiet_compiler():
                        split.correct()
                    found = self._balanced(split.parts, assembled, converged.scaling)
                    best = min(best, found, key=lambda state: state.worst)
                    if found.worst <= enough:
                        break
            except SolverError as stopped:  # the potential as it is has converged
                log.debug("no further correction: %s", stopped)
            finally:
                split.destroy()
        if best.worst > enough and self._comm.rank == 0:
            found = best.cell, best.grain
            log.warning("solver: converged, but currents out of balance by %.1e, in a grain %.1e", *found)
        return best

    def _balanced(self, parts: tuple[Currents, ...], assembled: _Assembled, scaling: Scaling) -> Balanced:
        """Collect the fields of a potential in parts, and measure how its currents balance."""
        problem = assembled.problem
        with self._watch("assemble"), compat.quiet_compiler():
            local = self._local_fields(parts, assembled.cache, scaling)
        with self._watch("distribute"):
            fields = self._collected(local, problem)
        with self._watch("solve"), errors_of_root(self._comm) as is_root:
            found = None
            if is_root and fields is not None:
                self._grains = self._grains or grains_of(self._mesh)
                grains = self._grains if problem.cut is None else self._grains.of(problem.cut)
                found = imbalances(self._left(problem.cut), fields, grains)
        return Balanced(fields, *self._comm.bcast(found))

    def _local_fields(
        self, parts: tuple[Currents, ...], cache: SolverCache, scaling: Scaling
    ) -> dict[str, Array]:
        """Return the fields in SI at the local geometry nodes and cells.

        The residual of the electrolyte is left out where it equals that of all cells.
        """
        if self._boundary is None:
            p1, in_electrolyte = cache.currents.space, is_kind(self._kind, ELECTROLYTE)
            self._boundary = ElectrolyteBoundary(p1, cache.currents.node_dofs, in_electrolyte)
        sigma = cell_values(cache.sigma)
        fields = {
            "phi": scaling.offset + scaling.voltage * cache.phi.x.array[cache.node_dofs],
            "j": scaling.current_density * reduce(np.add, [part.in_cells() for part in parts]),
            "residual": scaling.current * _nodal(parts, sigma),
        }
        if self._boundary.anywhere:
            beside = scaling.current * _nodal(parts, self._boundary.beside(sigma))
            fields["residual_electrolyte"] = self._boundary.currents(fields["residual"], beside)
        return fields

    def _collected(self, local: dict[str, Array], problem: Problem) -> Fields | None:
        """Bring local fields to rank 0, on the mesh that a cut leaves."""
        parts, cut = self._parts, problem.cut
        points = slice(None) if cut is None else cut.points
        found = {}
        for name, values in local.items():
            if name == "j":
                found[name] = parts.collect_cells(values, _cells_left(cut))
            else:
                whole = parts.collect_points(values)
                found[name] = None if whole is None else whole[points]
        if self._comm.rank != 0:
            return None
        found.setdefault("residual_electrolyte", found["residual"])
        return Fields(sigma=problem.given_sigma, **found)

    def _left(self, cut: Cut | None) -> Mesh:
        """Return on rank 0 the mesh that a cut leaves."""
        mesh: Mesh = self._mesh if cut is None else cut.mesh
        return mesh

    def certify(self, weights: Sequence[tuple[str, Array]] | None) -> list[LocalCurrent | None]:
        """Bound the current through parts of an electrode, of the potential solved for last.

        The bounds that the solve kept for this are freed.

        Parameters
        ----------
        weights : sequence of (str, (n,) float64 array), or None
            The name of the electrode and a weight at each mesh point of its patch, from 0 to 1, linear in
            between; other points do not count. Looked at on rank 0 only.

        Returns
        -------
        list of LocalCurrent or None
            One for each weight, the gap by cell on rank 0; None without a bracket on the conductance, or
            where round-off spoilt a preconditioner.
        """
        names = self._comm.bcast(None if weights is None else [name for name, _ in weights])
        kept = self._kept
        if kept is None:
            return [None] * len(names)
        found = []
        with compat.quiet_compiler():
            for number, name in enumerate(names):
                weight = None if weights is None else weights[number][1]
                found.append(self._certified(kept, kept.names.index(name), weight))
        self._forget_bounds()
        return found

    def _certified(self, kept: _Kept, electrode: int, weight: Array | None) -> LocalCurrent | None:
        """Bound the current through a part of one electrode."""
        if weight is not None and kept.cut is not None:
            whole = np.zeros(len(self._mesh.points))
            whole[kept.cut.points] = weight
            weight = whole
        local = self._parts.scatter_points(weight)
        local[~kept.bounds.electrodes[electrode].covered] = 0.0
        scaled = local_current(kept.bounds, local, electrode == 1, kept.gap)
        if scaled is None:
            return None
        return LocalCurrent(
            scaled.value * kept.unit,
            scaled.lower * kept.unit,
            scaled.upper * kept.unit,
            scaled.iterations,
            self._gap_of_cells(scaled.gap, kept.unit, kept.cut),
        )

    def _forget_bounds(self) -> None:
        """Free the bounds kept for `certify`."""
        if self._kept is not None:
            self._kept.bounds.destroy()
        self._kept = None


def solve(
    comm: MPI.Intracomm,
    mesh: Mesh | None,
    sigma: Array | None,
    electrodes: Electrodes,
    settings: SolverSettings,
) -> Solution:
    """Solve ∇·(σ∇φ) = 0 between two electrodes, once; *collective*. See `ConductionSolver`."""
    with ConductionSolver(comm, mesh) as solver:
        return solver.solve(sigma, electrodes, settings)


def _nodal(parts: tuple[Currents, ...], sigma: Array) -> Array:
    """Return (n_nodes,) scaled nodal currents of a potential in parts; σ of zero leaves a cell out."""
    return reduce(np.add, [part.nodal.at_nodes(sigma) for part in parts])


def _cells_left(cut: Cut | None) -> IntArray | slice:
    """Return the cells of the whole mesh that a cut leaves."""
    return slice(None) if cut is None else cut.cells


def _scaled(
    electrodes: Electrodes, covered: Sequence[Mask], scaling: Scaling
) -> tuple[ScaledElectrode, ScaledElectrode]:
    """Return the electrodes on the local nodes `covered` in scaled quantities."""
    first, second = (
        ScaledElectrode(
            nodes,
            scaling.potential_hat(potential),
            scaling.exchange_hat(one.law.asr) if one.law.linear and not one.ideal else None,
            nonlinear=not one.law.linear,
        )
        for one, nodes, potential in zip(
            electrodes, covered, potentials_under(electrodes, scaling), strict=True
        )
    )
    return first, second
