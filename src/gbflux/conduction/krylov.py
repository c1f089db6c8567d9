"""Conjugate gradients with algebraic multigrid that converge to a true residual or raise.

The recurrence of CG drifts from b − Ax in a stiff system. So the residual is computed afresh when the
recurrence claims convergence, and CG starts again from the current iterate where the claim was wrong.

BoomerAMG runs with PMIS coarsening, ext+i interpolation and threshold 0.25. The layers couple strongly across
a few nanometres and must not be coarsened blindly; aggressive coarsening of the finest level, by two paths,
does take more iterations, but pays for large systems, where the set-up is what costs. The smoother is
Chebyshev: symmetric, as CG needs, and cheaper than symmetric SOR at the same number of iterations.
De Sterck, Yang, Heys, SIAM J. Matrix Anal. Appl. 27 (2006) 1019, doi:10.1137/040615729; De Sterck et al.,
Numer. Linear Algebra Appl. 15 (2008) 115, doi:10.1002/nla.559.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable
from functools import partial

from petsc4py import PETSc

from gbflux.conduction.records import SolverSettings
from gbflux.conduction.system import LinearSystem
from gbflux.errors import MissingLibrary, SolverError

log = logging.getLogger(__name__)

#: PETSc options of each preconditioner.
OPTIONS: dict[str, dict[str, str | float | int]] = {
    "hypre": {
        "pc_type": "hypre",
        "pc_hypre_type": "boomeramg",
        "pc_hypre_boomeramg_coarsen_type": "PMIS",
        "pc_hypre_boomeramg_interp_type": "ext+i",
        "pc_hypre_boomeramg_P_max": 4,
        "pc_hypre_boomeramg_strong_threshold": 0.25,
        "pc_hypre_boomeramg_agg_nl": 0,
        "pc_hypre_boomeramg_relax_type_all": "Chebyshev",
    },
    "gamg": {
        "pc_type": "gamg",
        "pc_gamg_threshold": 0.02,
        "pc_gamg_aggressive_coarsening": 0,
        "mg_levels_ksp_type": "chebyshev",
        "mg_levels_pc_type": "jacobi",
    },
    "lu": {"pc_type": "lu"},
}

#: Rows from which on the finest level of a matrix of order 1 is coarsened aggressively: CG then takes half as
#: many iterations again, each at two thirds of the cost, and the set-up takes less than half the time.
LARGE = 300_000
_LARGE_OPTIONS = {"pc_hypre_boomeramg_agg_nl": 1, "pc_hypre_boomeramg_agg_num_paths": 2}

#: Share of the tolerance at which the recurrence stops, so that a small drift costs no restart.
_MARGIN = 0.8
#: A restart must at least halve the true residual.
_PROGRESS = 0.5

#: PETSc's options are global: with a prefix of its own no solver reads another's.
_prefixes = (f"gbflux_conduction_{number}_" for number in itertools.count())


def solve_system(
    system: LinearSystem,
    ksp: PETSc.KSP,
    settings: SolverSettings,
    current: Callable[[PETSc.Vec], float],
    guess: PETSc.Vec | None = None,
    target: float = 1.0,
) -> tuple[PETSc.Vec, int, float, float]:
    """Solve A u = b; *collective*.

    Residuals can be small beside b and large beside the current of a resistive cell. So CG goes on until
    currents balance too, or as far as round-off allows: the sum of the residual, by which the electrodes'
    currents differ, is at most `settings.rtol` of the current, and the sum of its absolute values, which
    bounds the imbalance of any grain, 10 times that. What round-off leaves is up to `correction`.

    Parameters
    ----------
    system : LinearSystem
        A, symmetric and positive definite, b, not zero, and the norm that residuals are divided by.
    ksp : PETSc.KSP
        From `conjugate_gradients`, for A.
    settings : SolverSettings
        Tolerance, iteration limit and preconditioner.
    current : callable
        Gives the current through the cell for a u whose ghosts are up to date, in the unit of b;
        *collective*.
    guess : PETSc.Vec, optional
        Where to start from, zero at the fixed dofs; by default zero. It saves iterations and changes nothing
        about when they end.
    target : float
        Relative residual at which currents are expected to balance: CG goes on to there at once, if it is
        below `settings.rtol`.

    Returns
    -------
    solution : PETSc.Vec
        u, ghosts up to date.
    iterations : int
        CG iterations, restarts included.
    relative_residual : float
        ‖b − Au‖/‖b‖ (see `system` for ‖b‖ beside resistive electrodes), at most `settings.rtol`.
    balanced_at : float
        Relative residual at which currents would just balance, for the next problem of this kind.

    Raises
    ------
    SolverError
        On all ranks, if the iterations run out, the residual stagnates or CG breaks down.
    """
    solution, residual = system.rhs.duplicate(), system.rhs.duplicate()
    solution.set(0.0)
    if guess is not None:
        guess.copy(solution)
    ksp.setInitialGuessNonzero(guess is not None)
    iterate = partial(_closest, partial(converge, ksp, system, solution, residual, settings), settings)
    try:
        iterations, relative, _ = iterate(0, min(target, settings.rtol))
        flow = current(solution)  # further iterations change it by no more than rtol
        while (excess := _imbalance(residual, flow)) > settings.rtol:
            # the imbalance goes about with the residual, which each attempt lowers tenfold to a thousandfold
            target = relative * max(1.0e-3, min(0.1, settings.rtol / excess))
            iterations, relative, reached = iterate(iterations, target)
            if not reached:
                excess = _imbalance(residual, flow)
                break
    except SolverError:
        solution.destroy()
        raise
    finally:
        residual.destroy()
    return solution, iterations, relative, relative * settings.rtol / excess if excess else 1.0


def _closest(
    iterate: Callable[[int, float], tuple[int, float]], settings: SolverSettings, iterations: int, rtol: float
) -> tuple[int, float, bool]:
    """Go on to a relative residual, or as close to it as round-off allows; raise above `settings.rtol`."""
    try:
        return *iterate(iterations, rtol), True
    except SolverError as short:
        if not short.relative_residual <= settings.rtol:
            raise
        return short.iterations, short.relative_residual, False


def _imbalance(residual: PETSc.Vec, current: float) -> float:
    """Return the imbalance of currents over the current; the imbalance of single grains counts by 1/10."""
    excess = max(abs(residual.sum()), 0.1 * residual.norm(PETSc.NormType.NORM_1))
    return excess / current if current > 0.0 else math.inf


def converge(
    ksp: PETSc.KSP,
    system: LinearSystem,
    solution: PETSc.Vec,
    residual: PETSc.Vec,
    settings: SolverSettings,
    iterations: int,
    rtol: float,
) -> tuple[int, float]:
    """Improve a solution that took `iterations` so far until its true relative residual is at most `rtol`."""
    relative = math.inf
    while True:
        allowed = settings.max_iterations - iterations
        ksp.setTolerances(rtol=0.0, atol=_MARGIN * rtol * system.reference, divtol=1.0e30, max_it=allowed)
        ksp.solve(system.rhs, solution)
        ksp.setInitialGuessNonzero(True)
        iterations += ksp.getIterationNumber()
        solution.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
        system.matrix.mult(solution, residual)
        residual.aypx(-1.0, system.rhs)
        previous, relative = relative, residual.norm() / (system.reference or 1.0)  # 0: no free node
        reason = ksp.getConvergedReason()
        log.debug("CG: %d iterations, relative residual %.3e, PETSc reason %d", iterations, relative, reason)
        if relative <= rtol:
            return iterations, relative
        if iterations >= settings.max_iterations:
            remedy = "Raise solver.max_iterations or change solver.preconditioner."
            raise _stopped(iterations, relative, settings, remedy)
        if reason < 0 or not relative <= _PROGRESS * previous:
            remedy = "Raise solver.rtol or change solver.preconditioner."
            raise _stopped(iterations, relative, settings, remedy)


def _stopped(iterations: int, relative: float, settings: SolverSettings, remedy: str) -> SolverError:
    """Return the error that reports how far the solver came."""
    message = (
        f"solver: CG with {settings.preconditioner} stopped after {iterations} iterations, "
        f"relative residual {relative:.1e} (asked {settings.rtol:.1e}). {remedy}"
    )
    return SolverError(message, iterations, relative, settings.rtol)


def conjugate_gradients(matrix: PETSc.Mat, settings: SolverSettings) -> PETSc.KSP:
    """Return CG with its preconditioner set up, to be destroyed by the caller; *collective*.

    Parameters
    ----------
    matrix : PETSc.Mat
        Symmetric and positive definite.
    settings : SolverSettings
        Preconditioner; tolerances are those of `solve_system`.

    Raises
    ------
    MissingLibrary
        If PETSc was built without that preconditioner.
    """
    ksp = PETSc.KSP().create(matrix.getComm())
    ksp.setOperators(matrix)
    ksp.setType(PETSc.KSP.Type.CG)
    ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)  # of b − Ax, as `converge` checks it
    prefix = next(_prefixes)
    ksp.setOptionsPrefix(prefix)
    chosen = dict(OPTIONS[settings.preconditioner])
    if settings.preconditioner == "hypre" and settings.order == 1 and matrix.getSize()[0] >= LARGE:
        chosen |= _LARGE_OPTIONS
    if settings.preconditioner == "lu" and matrix.getComm().getSize() > 1:
        chosen["pc_factor_mat_solver_type"] = "mumps"
    options = PETSc.Options(prefix)
    for name, value in chosen.items():
        options[name] = value
    try:
        ksp.setFromOptions()
        ksp.setUp()
    except PETSc.Error as missing:
        raise MissingLibrary(
            f"solver.preconditioner: {settings.preconditioner} must be part of this PETSc; got: {missing}. "
            "Choose another one."
        ) from missing
    finally:
        for name in chosen:
            options.delValue(name)
    return ksp
