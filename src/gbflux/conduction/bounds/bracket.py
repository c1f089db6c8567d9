"""The conductance of the cell between two certified bounds.

The conductance is the least power at unit voltage,

    G = min ∫ σ|∇φ|² dx + Σ_e ∫_e κ_e (φ − V_e)² ds

over potentials φ with φ = V_e at ideal electrodes (there is no κ_e then). Let σ be constant in each cell.

Upper bound: the power of any admissible potential, hence of the one that was computed, converged or not.

Lower bound: the least discrete power over Crouzeix–Raviart potentials, linear in each cell and continuous at
the centres of facets, with V_e at the centres of an ideal electrode's facets and the midpoint rule on the
others. Proof. Let φ be the minimiser and v the Crouzeix–Raviart function that has at each facet's centre the
mean of φ over the facet. By Gauss' theorem ∇v is in each cell the mean of ∇φ, so that ∫_K σ|∇v|² ≤ ∫_K σ|∇φ|²
(Jensen). On a facet F of an electrode v(centre) − V is the mean of φ − V, so that |F| κ (v(centre) − V)² ≤
∫_F κ (φ − V)² (Jensen again). So v, which is admissible, has no more discrete power than G, and the minimum
has no more than v. No constant enters, and neither the shape of cells nor the contrast of σ matters.
The flux σ∇v of the minimiser is an equilibrated Raviart–Thomas field: L. D. Marini, SIAM J. Numer. Anal. 22
(1985) 493, doi:10.1137/0722029.

With elements of order 2 the lower bound is the least power of potentials that are linear on each facet, in
the sense of `moments`. Proof. Let λ be on each facet the linear function nearest to φ. For linear τ without
sources ∫_∂K λ τ·n = ∫_∂K φ τ·n = ∫_K ∇φ·τ, and 2 ∫_K ∇φ·τ − ∫_K |τ|²/σ ≤ ∫_K σ|∇φ|²; on electrodes λ − V
is the linear function nearest to φ − V.

Where the gap is. With φ_h the potential of the upper bound and v the minimiser of the lower, the gap is
∫ σ|∇(φ_h − v)|² + Σ_e Σ_F ∫_F κ_e (φ_h − v(centre of F))², for facet means of φ_h are an admissible v, and
the minimiser is orthogonal to its distance from them. The terms, one a cell, say where to refine. With order
2 it is ∫ σ|∇φ_h − τ/σ|² + Σ_e ∫_e κ_e (φ_h − λ)².

A potential that is not quite the minimiser has too much power; `minimum` says how much at most, and that is
taken off. Both bounds are widened by `ROUND_OFF`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.bounds.crouzeix_raviart import Discrete, constant_moments, linear_moments, potentials
from gbflux.conduction.bounds.minimum import Minimum, minimise
from gbflux.conduction.bounds.power import Applied, Power
from gbflux.conduction.bounds.two_level import TwoLevel
from gbflux.conduction.fluxes import cell_values, set_cell_values
from gbflux.conduction.krylov import conjugate_gradients
from gbflux.conduction.records import Bracket, SolverSettings
from gbflux.conduction.system import Electrodes, LinearSystem, assemble

log = logging.getLogger(__name__)

#: The algebraic error is at most this share of the bracket's width, or of the conductance `ROUND_OFF`.
SHARE = 1.0e-4
#: Relative error of a sum over cells a few nanometres thin.
ROUND_OFF = 1.0e-11


@dataclass(frozen=True)
class TwoBounds:
    """Both potentials of the bracket, and all that was made to find them, for further data on one mesh.

    Attributes
    ----------
    sigma : dolfinx.fem.Function
        Scaled conductivity, zero beyond electrodes.
    electrodes : pair of ScaledElectrode
        Bottom and top.
    settings : SolverSettings
    upper, lower : Applied
        The potential of either bound, and the potential of the metal.
    above : Power
        The power of potentials of the upper bound.
    highest, lowest : float
        The powers of both.
    discrete : Discrete
        The minimisation that gives the lower bound.
    levels : TwoLevel
        The preconditioner for that.
    found : Minimum
        Distance of `lower` from that minimum.
    matrix, fixed, preconditioner : PETSc.Mat, int32 array, PETSc.PC
        System, fixed local dofs and preconditioner of `upper`; the matrix is not freed with the rest.
    """

    sigma: compat.fem.Function
    electrodes: Electrodes
    settings: SolverSettings
    upper: Applied
    lower: Applied
    above: Power
    highest: float
    lowest: float
    discrete: Discrete
    levels: TwoLevel
    found: Minimum
    matrix: PETSc.Mat
    fixed: NDArray[np.int32]
    preconditioner: PETSc.PC

    def bracket(self) -> Bracket | None:
        """Return the bracket on the conductance; *collective*.

        Returns
        -------
        Bracket or None
            In scaled units, the gap by local cell; None, and a warning, if round-off spoils the
            preconditioner.
        """
        upper, lowest, found = self.highest, self.lowest, self.found
        is_root = self.sigma.function_space.mesh.comm.rank == 0
        if not np.isfinite(found.excess):
            if is_root:
                log.warning("bracket: the preconditioner must be positive; it is not. No bounds are given.")
            return None
        lower = max(0.0, lowest - found.excess) * (1.0 - ROUND_OFF)
        if is_root and found.excess > max(SHARE * (upper - lower), ROUND_OFF * upper):
            log.warning("bracket: wider than need be; %d iterations did not suffice", found.iterations)
        gap = self.discrete.gap(self.upper, self.lower)
        return Bracket(lower, upper * (1.0 + ROUND_OFF), found.excess, found.iterations, gap)

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        self.levels.destroy()
        self.discrete.destroy()
        self.preconditioner.destroy()


def two_bounds(
    phi: compat.fem.Function,
    sigma: compat.fem.Function,
    thin: NDArray[np.bool_],
    electrodes: Electrodes,
    settings: SolverSettings,
    system: LinearSystem,
    ksp: PETSc.KSP,
) -> TwoBounds:
    """Bound the scaled conductance from both sides; *collective*.

    Parameters
    ----------
    phi : dolfinx.fem.Function
        The computed potential, ghosts up to date.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell.
    thin : (m_local,) bool array
        Local cells that belong to layers.
    electrodes : pair of ScaledElectrode
        Bottom and top.
    settings : SolverSettings
        Preconditioner, iteration limit and order of `phi`.
    system : LinearSystem
        Of `phi`.
    ksp : PETSc.KSP
        Its solver, whose preconditioner serves again where `phi` is of order 1. The matrix must outlive what
        is returned.

    Returns
    -------
    TwoBounds
        To be destroyed by the caller.
    """
    sigma = _between(electrodes, sigma)
    space, values = phi.function_space, phi.x.array.copy()
    above = Power(space, sigma, electrodes)
    upper = values, above.applied(potentials(electrodes))
    highest = above.mutual(upper, upper)
    coarse_space, coarse = _coarse(space, sigma, electrodes, settings, ksp)
    kind = constant_moments if settings.order == 1 else linear_moments
    discrete = kind(space, sigma, thin, electrodes, coarse_space, values)
    corners = space.mesh.topology.dim + 1
    levels = TwoLevel(discrete.matrix, discrete.inverse, discrete.prolongation, coarse, corners)
    lowest, found, v = least(discrete, levels, highest, SHARE, settings)
    return TwoBounds(
        sigma, electrodes, settings, upper, (v, discrete.applied), above, highest, lowest, discrete, levels,
        found, system.matrix, system.fixed, ksp.getPC(),
    )  # fmt: skip


def _between(electrodes: Electrodes, sigma: compat.fem.Function) -> compat.fem.Function:
    """Return the conductivity of the cells between the electrodes, zero in those beyond."""
    nodes = compat.cell_nodes(sigma.function_space.mesh)
    beyond = np.logical_or.reduce([one.covered[nodes].all(axis=1) for one in electrodes])
    function = compat.fem.Function(sigma.function_space)
    set_cell_values(function, np.where(beyond, 0.0, cell_values(sigma)))
    return function


def _coarse(
    space: compat.fem.FunctionSpace,
    sigma: compat.fem.Function,
    electrodes: Electrodes,
    settings: SolverSettings,
    ksp: PETSc.KSP,
) -> tuple[compat.fem.FunctionSpace, PETSc.PC]:
    """Return the P1 space and a preconditioner for its system; *collective*."""
    if settings.order == 1:
        return space, ksp.getPC()
    space = compat.scalar_space(space.mesh, "Lagrange", 1)
    system = assemble(space, sigma, electrodes)
    solver = conjugate_gradients(system.matrix, settings)
    coarse = solver.getPC()  # outlives both
    solver.destroy()
    system.destroy()
    return space, coarse


def least(
    discrete: Discrete, levels: TwoLevel, upper: float, share: float, settings: SolverSettings
) -> tuple[float, Minimum, NDArray[np.float64]]:
    """Return the power of an admissible potential, its excess over the least, and itself; *collective*.

    Parameters
    ----------
    discrete : Discrete
    levels : TwoLevel
    upper : float
        Upper bound on the least power.
    share : float
        The excess may be this share of the gap below `upper`.
    settings : SolverSettings
    """
    solution, residual = discrete.rhs.duplicate(), discrete.rhs.duplicate()
    owned = solution.getLocalSize()
    solution.array[:] = (discrete.start - discrete.lift)[:owned]
    solution.array[discrete.fixed[discrete.fixed < owned]] = 0.0
    discrete.matrix.mult(solution, residual)
    residual.aypx(-1.0, discrete.rhs)
    start = discrete.power(with_lift(solution, discrete.lift))

    def allowed(lowered: float) -> float:
        return max(share * (upper - start + lowered), ROUND_OFF * upper)

    found = minimise(discrete.matrix, residual, solution, levels.apply, allowed, settings.max_iterations)
    v = with_lift(solution, discrete.lift)
    solution.destroy()
    residual.destroy()
    return discrete.power(v), found, v


def with_lift(solution: PETSc.Vec, lift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a solution plus the lift, which has the electrodes' potentials, with ghosts; *collective*."""
    solution.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
    with solution.localForm() as local:
        return lift + local.array_r
