"""Conjugate gradients with algebraic multigrid that converge to a true residual or raise.

The recurrence of CG drifts from b − Ax in a stiff system. So the residual is computed afresh when the
recurrence claims convergence, and CG starts again from the current iterate where the claim was wrong.

BoomerAMG runs with HMIS coarsening, ext+i interpolation, threshold 0.25 and no aggressive coarsening: the
layers couple strongly across a few nanometres and must not be coarsened blindly. Its smoother is symmetric,
as CG needs. De Sterck, Yang, Heys, SIAM J. Matrix Anal. Appl. 27 (2006) 1019, doi:10.1137/040615729; De
Sterck et al., Numer. Linear Algebra Appl. 15 (2008) 115, doi:10.1002/nla.559.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable

from petsc4py import PETSc

from gbflux.conduction.records import SolverSettings
from gbflux.errors import SolverError

log = logging.getLogger(__name__)

#: PETSc options of each preconditioner.
OPTIONS: dict[str, dict[str, str | float | int]] = {
    "hypre": {
        "pc_type": "hypre",
        "pc_hypre_type": "boomeramg",
        "pc_hypre_boomeramg_coarsen_type": "HMIS",
        "pc_hypre_boomeramg_interp_type": "ext+i",
        "pc_hypre_boomeramg_P_max": 4,
        "pc_hypre_boomeramg_strong_threshold": 0.25,
        "pc_hypre_boomeramg_agg_nl": 0,
        "pc_hypre_boomeramg_relax_type_all": "symmetric-SOR/Jacobi",
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

#: Share of the tolerance at which the recurrence stops, so that a small drift costs no restart.
_MARGIN = 0.8
#: A restart must at least halve the true residual.
_PROGRESS = 0.5

_prefixes = (f"gbflux_conduction_{number}_" for number in itertools.count())


def solve_system(
    matrix: PETSc.Mat, rhs: PETSc.Vec, settings: SolverSettings, current: Callable[[PETSc.Vec], float]
) -> tuple[PETSc.Vec, int, float]:
    """Solve A u = b from a zero guess; *collective*.

    ‖b‖ can be large beside the current of a resistive cell. So CG goes on until currents balance too, or as far
    as round-off allows: the sum of the residual, by which the electrodes' currents differ, is at most
    `settings.rtol` of the current, and the sum of its absolute values, which bounds the imbalance of any grain,
    100 times that.

    Parameters
    ----------
    matrix : PETSc.Mat
        Symmetric and positive definite.
    rhs : PETSc.Vec
        b, not zero.
    settings : SolverSettings
        Tolerance, iteration limit and preconditioner.
    current : callable
        Gives the current through the cell for a u whose ghosts are up to date, in the unit of b;
        *collective*.

    Returns
    -------
    solution : PETSc.Vec
        u, ghosts up to date.
    iterations : int
        CG iterations, restarts included.
    relative_residual : float
        ‖b − Au‖/‖b‖, not larger than `settings.rtol`.

    Raises
    ------
    SolverError
        On all ranks, if the iterations run out, the residual stagnates or CG breaks down.
    """
    ksp = _conjugate_gradients(matrix, settings)
    solution, residual = rhs.duplicate(), rhs.duplicate()
    solution.set(0.0)
    try:
        iterations, relative = _converge(ksp, rhs, solution, residual, settings, 0, settings.rtol)
        scale = current(solution)
        while (excess := _unbalanced(residual, scale)) > settings.rtol:
            target = relative * max(1.0e-3, min(0.1, settings.rtol / excess))
            try:
                iterations, relative = _converge(ksp, rhs, solution, residual, settings, iterations, target)
            except SolverError as short:
                if not short.relative_residual <= settings.rtol:
                    raise
                iterations, relative = short.iterations, short.relative_residual
                excess = _unbalanced(residual, scale)
                if excess > settings.rtol:
                    log.warning("solver: round-off leaves the currents out of balance by %.1e", excess)
                break
    except SolverError:
        solution.destroy()
        raise
    finally:
        residual.destroy()
        ksp.destroy()
    return solution, iterations, relative


def _unbalanced(residual: PETSc.Vec, current: float) -> float:
    """Return the imbalance of currents over the current, that of single grains weighed by 1/100."""
    return max(abs(residual.sum()), 0.01 * residual.norm(PETSc.NormType.NORM_1)) / current


def _converge(
    ksp: PETSc.KSP,
    rhs: PETSc.Vec,
    solution: PETSc.Vec,
    residual: PETSc.Vec,
    settings: SolverSettings,
    iterations: int,
    rtol: float,
) -> tuple[int, float]:
    """Improve a solution that took `iterations` so far until its true relative residual is at most `rtol`."""
    scale = rhs.norm()
    relative = math.inf
    while True:
        ksp.setTolerances(rtol=_MARGIN * rtol, atol=0.0, max_it=settings.max_iterations - iterations)
        ksp.setInitialGuessNonzero(iterations > 0)
        ksp.solve(rhs, solution)
        iterations += ksp.getIterationNumber()
        solution.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
        previous, relative = relative, _relative_residual(ksp, rhs, solution, residual, scale)
        reason = ksp.getConvergedReason()
        log.debug("CG: %d iterations, relative residual %.3e, PETSc reason %d", iterations, relative, reason)
        if relative <= rtol:
            return iterations, relative
        if iterations >= settings.max_iterations:
            raise _stopped(
                iterations, relative, settings, "Raise solver.max_iterations or change solver.preconditioner."
            )
        if reason < 0 or not relative <= _PROGRESS * previous:
            raise _stopped(
                iterations, relative, settings, "Raise solver.rtol or change solver.preconditioner."
            )


def _relative_residual(
    ksp: PETSc.KSP, rhs: PETSc.Vec, solution: PETSc.Vec, residual: PETSc.Vec, scale: float
) -> float:
    """Return the true ‖b − Au‖/‖b‖ and leave b − Au in `residual`."""
    matrix, _ = ksp.getOperators()
    matrix.mult(solution, residual)
    residual.aypx(-1.0, rhs)
    return residual.norm() / scale


def _stopped(iterations: int, relative: float, settings: SolverSettings, remedy: str) -> SolverError:
    """Return the error that tells how far the solver came."""
    message = (
        f"solver: CG with {settings.preconditioner} stopped after {iterations} iterations, "
        f"relative residual {relative:.1e} (asked {settings.rtol:.1e}). {remedy}"
    )
    return SolverError(message, iterations, relative, settings.rtol)


def _conjugate_gradients(matrix: PETSc.Mat, settings: SolverSettings) -> PETSc.KSP:
    """Return CG with its preconditioner set up."""
    ksp = PETSc.KSP().create(matrix.getComm())
    ksp.setOperators(matrix)
    ksp.setType(PETSc.KSP.Type.CG)
    ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
    prefix = next(_prefixes)
    ksp.setOptionsPrefix(prefix)
    chosen = dict(OPTIONS[settings.preconditioner])
    if settings.preconditioner == "lu" and matrix.getComm().getSize() > 1:
        chosen["pc_factor_mat_solver_type"] = "mumps"
    options = PETSc.Options(prefix)
    for name, value in chosen.items():
        options[name] = value
    try:
        ksp.setFromOptions()
        ksp.setUp()
    finally:
        for name in chosen:
            options.delValue(name)
    return ksp
