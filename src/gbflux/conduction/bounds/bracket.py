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
the sense of `linear_facets`. Proof. Let λ be on each facet the linear function nearest to φ. For linear τ
without sources ∫_∂K λ τ·n = ∫_∂K φ τ·n = ∫_K ∇φ·τ, and 2 ∫_K ∇φ·τ − ∫_K |τ|²/σ ≤ ∫_K σ|∇φ|²; on electrodes λ
− V is the linear function nearest to φ − V.

Where the gap is. With φ_h the potential of the upper bound and v the minimiser of the lower, the gap is
∫ σ|∇(φ_h − v)|² + Σ_e Σ_F ∫_F κ_e (φ_h − v(centre of F))², for facet means of φ_h are an admissible v, and
the minimiser is orthogonal to its distance from them. The terms, one a cell, say where to refine. With order
2 it is ∫ σ|∇φ_h − τ/σ|² + Σ_e ∫_e κ_e (φ_h − λ)².

A potential that is not quite the minimiser has too much power; `minimise` says how much at most, and that is
taken off. Both bounds are widened by `ROUND_OFF`.

The excess. For the energy E(x) = xᵀAx − 2bᵀx + c, E(x) − E_min = rᵀA⁻¹r ≤ rᵀM⁻¹r/λ, λ the smallest eigenvalue
of M⁻¹A. CG has rᵀM⁻¹r at hand, and its coefficients make up the Lanczos matrix, whose smallest eigenvalue θ
approaches λ from above. λ is taken to be θ/`SAFETY` after at least `LEAST` iterations: an estimate on the
safe side, not a theorem. Run to the end on polycrystals with layers of 1 to 50 nm and σ_gb/σ_g from 1e-6 to
1, λ was at least θ/45. Where conductivities scatter a thousandfold from one boundary to the next λ may be far
smaller, along potentials that hardly take part: the true error was then a third of the bound or less.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.bounds.clusters import TwoLevel
from gbflux.conduction.bounds.crouzeix_raviart import (
    Applied,
    FacetProblem,
    Power,
    crouzeix_raviart_problem,
    metal_potentials,
)
from gbflux.conduction.bounds.linear_facets import linear_facet_problem
from gbflux.conduction.compat import Function, FunctionSpace
from gbflux.conduction.fluxes import cell_values, set_cell_values
from gbflux.conduction.krylov import conjugate_gradients
from gbflux.conduction.records import Array, Bracket, IntArray, Mask, SolverSettings
from gbflux.conduction.system import Electrodes, LinearSystem, assemble

log = logging.getLogger(__name__)

#: The algebraic error is at most this share of the bracket's width, or of the conductance `ROUND_OFF`.
SHARE = 1.0e-4
#: Relative error of a sum over cells a few nanometres thin.
ROUND_OFF = 1.0e-11
#: θ over the λ that is relied on, and iterations before θ counts.
SAFETY = 50.0
LEAST = 4


@dataclass(frozen=True)
class ConductanceBounds:
    """Both potentials of the bracket, and all that was made to find them, for further data on one mesh.

    Attributes
    ----------
    electrodes : sequence of ScaledElectrode
    settings : SolverSettings
    power : Power
        The power of potentials of the upper bound.
    upper, lower : Applied
        The potential of either bound, and the potential of the metal.
    highest, lowest : float
        The powers of both.
    problem : FacetProblem
        The minimisation that gives the lower bound.
    preconditioner : TwoLevel
        For that.
    minimum : Minimum
        Distance of `lower` from that minimum.
    upper_matrix, upper_fixed, upper_preconditioner : PETSc.Mat, int32 array, PETSc.PC
        System, fixed local dofs and preconditioner of `upper`; the matrix is not freed with the rest.
    """

    electrodes: Electrodes
    settings: SolverSettings
    power: Power
    upper: Applied
    lower: Applied
    highest: float
    lowest: float
    problem: FacetProblem
    preconditioner: TwoLevel
    minimum: Minimum
    upper_matrix: PETSc.Mat
    upper_fixed: IntArray
    upper_preconditioner: PETSc.PC

    def bracket(self) -> Bracket | None:
        """Return the bracket on the conductance; *collective*.

        Returns
        -------
        Bracket or None
            In scaled units, the gap by local cell; None, and a warning, if round-off spoils the
            preconditioner.
        """
        upper, lowest, found = self.highest, self.lowest, self.minimum
        is_root = self.power.space.mesh.comm.rank == 0
        if not np.isfinite(found.excess):
            if is_root:
                log.warning("bracket: the preconditioner must be positive; it is not. No bounds are given.")
            return None
        lower = max(0.0, lowest - found.excess) * (1.0 - ROUND_OFF)
        if is_root and found.excess > max(SHARE * (upper - lower), ROUND_OFF * upper):
            log.warning("bracket: wider than need be; %d iterations did not suffice", found.iterations)
        gap = self.problem.form.gap(self.upper, self.lower)
        return Bracket(lower, upper * (1.0 + ROUND_OFF), found.excess, found.iterations, gap)

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        self.preconditioner.destroy()
        self.problem.destroy()
        self.upper_preconditioner.destroy()


def bound_conductance(
    phi: Function,
    sigma: Function,
    thin: Mask,
    electrodes: Electrodes,
    settings: SolverSettings,
    system: LinearSystem,
    ksp: PETSc.KSP,
) -> ConductanceBounds:
    """Bound the scaled conductance from both sides; *collective*.

    Parameters
    ----------
    phi : dolfinx.fem.Function
        The computed potential, ghosts up to date.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell.
    thin : (m_local,) bool array
        Local cells that belong to layers.
    electrodes : sequence of ScaledElectrode
    settings : SolverSettings
        Preconditioner, iteration limit and order of `phi`.
    system : LinearSystem
        Of `phi`.
    ksp : PETSc.KSP
        Its solver, whose preconditioner serves again where `phi` is of order 1. The matrix must outlive what
        is returned.

    Returns
    -------
    ConductanceBounds
        To be destroyed by the caller.
    """
    sigma = _between(electrodes, sigma)
    power = Power(phi.function_space, sigma, electrodes)
    upper = phi.x.array.copy(), power.applied(metal_potentials(electrodes))
    highest = power.mutual(upper, upper)
    coarse_space, coarse = _coarse(phi.function_space, sigma, electrodes, settings, ksp)
    problem_of = crouzeix_raviart_problem if settings.order == 1 else linear_facet_problem
    problem = problem_of(phi, sigma, thin, electrodes, coarse_space)
    corners = coarse_space.mesh.topology.dim + 1
    levels = TwoLevel(problem.matrix, problem.inverse, problem.prolongation, coarse, corners)
    lowest, minimum, v = least_power(problem, levels, highest, SHARE, settings)
    return ConductanceBounds(
        electrodes,
        settings,
        power,
        upper,
        lower=(v, problem.applied),
        highest=highest,
        lowest=lowest,
        problem=problem,
        preconditioner=levels,
        minimum=minimum,
        upper_matrix=system.matrix,
        upper_fixed=system.fixed,
        upper_preconditioner=ksp.getPC(),
    )


def _between(electrodes: Electrodes, sigma: Function) -> Function:
    """Return the conductivity of the cells between the electrodes, zero in those beyond."""
    nodes = compat.cell_nodes(sigma.function_space.mesh)
    beyond = np.logical_or.reduce([one.covered[nodes].all(axis=1) for one in electrodes])
    function = Function(sigma.function_space)
    set_cell_values(function, np.where(beyond, 0.0, cell_values(sigma)))
    return function


def _coarse(
    space: FunctionSpace, sigma: Function, electrodes: Electrodes, settings: SolverSettings, ksp: PETSc.KSP
) -> tuple[FunctionSpace, PETSc.PC]:
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


def least_power(
    problem: FacetProblem, preconditioner: TwoLevel, upper: float, share: float, settings: SolverSettings
) -> tuple[float, Minimum, Array]:
    """Return the power of an admissible potential, its excess over the least, and itself; *collective*.

    Parameters
    ----------
    problem : FacetProblem
    preconditioner : TwoLevel
    upper : float
        Upper bound on the least power.
    share : float
        The excess may be this share of the gap below `upper`.
    settings : SolverSettings
    """
    solution, residual = problem.rhs.duplicate(), problem.rhs.duplicate()
    owned = solution.getLocalSize()
    solution.array[:] = (problem.start - problem.lift)[:owned]
    solution.array[problem.fixed[problem.fixed < owned]] = 0.0
    problem.matrix.mult(solution, residual)
    residual.aypx(-1.0, problem.rhs)
    start = problem.power(with_lift(solution, problem.lift))

    def allowed(lowered: float) -> float:
        return max(share * (upper - start + lowered), ROUND_OFF * upper)

    found = minimise(
        problem.matrix, residual, solution, preconditioner.apply, allowed, settings.max_iterations
    )
    v = with_lift(solution, problem.lift)
    solution.destroy()
    residual.destroy()
    return problem.power(v), found, v


def with_lift(solution: PETSc.Vec, lift: Array) -> Array:
    """Return a solution plus the lift, which has the electrodes' potentials, with ghosts; *collective*."""
    solution.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
    with solution.localForm() as local:
        return lift + local.array_r


@dataclass(frozen=True)
class Minimum:
    """Distance of an energy from its minimum, after so many iterations.

    Attributes
    ----------
    excess : float
        E(x) − E_min is at most this.
    iterations : int
        Iterations made.
    """

    excess: float
    iterations: int


def minimise(
    matrix: PETSc.Mat,
    residual: PETSc.Vec,
    solution: PETSc.Vec,
    precondition: Callable[[PETSc.Vec, PETSc.Vec], None],
    allowed: Callable[[float], float],
    max_iterations: int,
) -> Minimum:
    """Lower the energy by conjugate gradients; *collective*.

    Parameters
    ----------
    matrix : PETSc.Mat
        A, symmetric and positive definite.
    residual : PETSc.Vec
        b − Ax; kept up to date.
    solution : PETSc.Vec
        x; improved.
    precondition : callable
        Takes r and a vector to be set to M⁻¹r, M⁻¹ symmetric and positive definite.
    allowed : callable
        Takes the amount by which the energy was lowered so far and returns the excess to stop at.
    max_iterations : int
        Most iterations.

    Returns
    -------
    Minimum
        With the excess of the solution, whether the iterations sufficed or not; infinite where M⁻¹A turned
        out not to be positive.
    """
    step, direction, product = (residual.duplicate() for _ in range(3))
    diagonal, coupling = [], []
    lowered, previous, smallest = 0.0, (0.0, 1.0), 1.0
    precondition(residual, step)
    step.copy(direction)
    size = residual.dot(step)
    iterations = 0
    while True:
        excess = size * SAFETY / smallest if size >= 0.0 else np.inf
        # θ does not count before `LEAST` iterations: only an excess `SAFETY` times smaller ends them sooner
        enough = iterations >= LEAST or excess * SAFETY <= allowed(lowered)
        if (enough and excess <= allowed(lowered)) or iterations >= max_iterations or not size > 0.0:
            break
        matrix.mult(direction, product)
        curvature = direction.dot(product)
        if not curvature > 0.0:
            excess = np.inf
            break
        alpha = size / curvature
        solution.axpy(alpha, direction)
        residual.axpy(-alpha, product)
        lowered += alpha * size
        precondition(residual, step)
        former, size = size, residual.dot(step)
        beta = size / former
        direction.aypx(beta, step)
        # entries of the Lanczos matrix: 1/α_k + β_(k−1)/α_(k−1), and √β_k/α_k beside the diagonal
        diagonal.append(1.0 / alpha + previous[0] / previous[1])
        coupling.append(np.sqrt(max(beta, 0.0)) / alpha)
        previous = beta, alpha
        smallest = _smallest_eigenvalue(diagonal, coupling)
        iterations += 1
        log.debug("minimum: %d iterations, r·z %.3e, smallest Ritz value %.3e", iterations, size, smallest)
    for vector in (step, direction, product):
        vector.destroy()
    return Minimum(float(excess), iterations)


def _smallest_eigenvalue(diagonal: list[float], coupling: list[float]) -> float:
    """Return the smallest eigenvalue of the Lanczos matrix of CG (Golub & Van Loan, section 10.2)."""
    count = len(diagonal)
    lanczos = np.diag(diagonal)
    for row in range(count - 1):
        lanczos[row, row + 1] = lanczos[row + 1, row] = coupling[row]
    return float(np.linalg.eigvalsh(lanczos)[0])
