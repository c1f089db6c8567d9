"""Conjugate gradients with algebraic multigrid that converge to a true residual or say that they did not.

The recurrence of CG drifts from b − Ax in a stiff system. So the residual is computed afresh when the
recurrence claims convergence, and CG starts again from the current iterate where the claim was wrong.

Residuals can be small beside b and large beside the current of a resistive cell. So CG goes on until currents
balance too, or as far as round-off allows: the sum of the residual, by which the electrodes' currents differ,
is at most `rtol` of the current, and the sum of its absolute values, which bounds the imbalance of any grain,
10 times that. What round-off leaves is up to `correction`.

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
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Convergence:
    """Outcome of conjugate gradients.

    Attributes
    ----------
    iterations : int
        CG iterations so far, restarts included.
    residual : float
        True relative residual ‖b − Au‖/‖b‖; see `system` for ‖b‖ beside resistive electrodes.
    reached : bool
        True if the residual is as small as it was asked for.
    out_of_iterations : bool
        Whether the limit of iterations ended them; otherwise the residual stagnated or CG broke down.
    """

    iterations: int
    residual: float
    reached: bool
    out_of_iterations: bool = False

    def error(self, settings: SolverSettings) -> SolverError:
        """Return the error that reports how far the solver came."""
        first = "Raise solver.max_iterations" if self.out_of_iterations else "Raise solver.rtol"
        message = (
            f"solver: CG with {settings.preconditioner} stopped after {self.iterations} iterations, "
            f"relative residual {self.residual:.1e} (asked {settings.rtol:.1e}). "
            f"{first} or change solver.preconditioner."
        )
        return SolverError(message, self.iterations, self.residual, settings.rtol)


class ConjugateGradients:
    """CG on one system A u = b, its iterate and its true residual; *collective*, as are its methods.

    Parameters
    ----------
    ksp : PETSc.KSP
        From `conjugate_gradients`, for A; the caller's.
    system : LinearSystem
        A, symmetric and positive definite, b, and the norm that residuals are divided by.
    settings : SolverSettings
        Tolerance, iteration limit and preconditioner.
    guess : PETSc.Vec, optional
        Where to start from, zero at the fixed dofs; by default zero. It saves iterations and changes nothing
        about when they end.

    Attributes
    ----------
    solution : PETSc.Vec
        u, ghosts up to date after each call; freed by `destroy`.
    """

    def __init__(
        self,
        ksp: PETSc.KSP,
        system: LinearSystem,
        settings: SolverSettings,
        guess: PETSc.Vec | None = None,
    ):
        self._ksp, self._system, self._settings = ksp, system, settings
        self.solution, self._residual = system.rhs.duplicate(), system.rhs.duplicate()
        self.solution.set(0.0)
        if guess is not None:
            guess.copy(self.solution)
        ksp.setInitialGuessNonzero(guess is not None)
        self._iterations = 0

    def reduce(self, target: float) -> Convergence:
        """Go on until the true relative residual is at most `target`, or as far as it goes."""
        ksp, system, most = self._ksp, self._system, self._settings.max_iterations
        relative = math.inf
        while True:
            allowed = most - self._iterations
            ksp.setTolerances(
                rtol=0.0, atol=_MARGIN * target * system.reference, divtol=1.0e30, max_it=allowed
            )
            ksp.solve(system.rhs, self.solution)
            ksp.setInitialGuessNonzero(True)
            self._iterations += ksp.getIterationNumber()
            self.solution.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
            system.matrix.mult(self.solution, self._residual)
            self._residual.aypx(-1.0, system.rhs)
            # without a free node the reference is 0
            previous, relative = relative, self._residual.norm() / (system.reference or 1.0)
            reason = ksp.getConvergedReason()
            done = self._iterations
            log.debug("CG: %d iterations, relative residual %.3e, PETSc reason %d", done, relative, reason)
            if relative <= target:
                return Convergence(done, relative, reached=True)
            if done >= most:
                return Convergence(done, relative, reached=False, out_of_iterations=True)
            if reason < 0 or not relative <= _PROGRESS * previous:
                return Convergence(done, relative, reached=False)

    def solve(self, target: float) -> Convergence:
        """Go on to `target` or as close to it as round-off allows.

        Raises
        ------
        SolverError
            On all ranks, if the residual stays above `settings.rtol`.
        """
        state = self.reduce(target)
        if not state.residual <= self._settings.rtol:
            raise state.error(self._settings)
        return state

    def balance(self, state: Convergence, current: float) -> tuple[Convergence, float]:
        """Go on from a converged state until currents balance; see the head of this module.

        Parameters
        ----------
        state : Convergence
        current : float
            The current through the cell, in the unit of b; iterations change it by no more than `rtol`.

        Returns
        -------
        Convergence
        float
            Relative residual at which currents would just balance, for the next problem of this kind.

        Raises
        ------
        SolverError
            As for `solve`.
        """
        rtol = self._settings.rtol
        while (excess := self._imbalance(current)) > rtol:
            # the imbalance goes about with the residual, which each attempt lowers tenfold to a thousandfold
            state = self.solve(state.residual * max(1.0e-3, min(0.1, rtol / excess)))
            if not state.reached:
                excess = self._imbalance(current)
                break
        return state, state.residual * rtol / excess if excess else 1.0

    def _imbalance(self, current: float) -> float:
        """Return the imbalance of currents over the current; that of single grains counts by 1/10."""
        excess = max(abs(self._residual.sum()), 0.1 * self._residual.norm(PETSc.NormType.NORM_1))
        return excess / current if current > 0.0 else math.inf

    def destroy(self) -> None:
        """Free the vectors."""
        self.solution.destroy()
        self._residual.destroy()


def conjugate_gradients(matrix: PETSc.Mat, settings: SolverSettings) -> PETSc.KSP:
    """Return CG with its preconditioner set up, to be destroyed by the caller; *collective*.

    Parameters
    ----------
    matrix : PETSc.Mat
        Symmetric and positive definite.
    settings : SolverSettings
        Preconditioner; tolerances are those of `ConjugateGradients`.

    Raises
    ------
    MissingLibrary
        If PETSc was built without that preconditioner.
    """
    ksp = PETSc.KSP().create(matrix.getComm())
    ksp.setOperators(matrix)
    ksp.setType(PETSc.KSP.Type.CG)
    ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)  # of b − Ax, as `reduce` checks it
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
