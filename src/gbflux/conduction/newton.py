r"""Newton's method for electrodes whose current is a nonlinear, rising function of the potential drop.

With j the current density at the points of a quadrature on the electrodes' facets, the problem is the pair

    A φ = b + Σ_e ∫_e j v ds          the current is conserved
    V_e − φ = E_e(j)                  the law of each electrode, at every point

E_e(j) is the drop that a current density takes (`butler_volmer.drop`). The current is an unknown of its own
because E grows as a logarithm where j(φ) grows as an exponential: no iterate overflows, and none is cut off.
The pair is the stationary point of the strictly convex energy

    E*(j) = ½ ∫∫ j A⁻¹ j + Σ_e ∫_e [∫₀ʲ E_e − V_e j] ds

and Newton's step is that of E*. Eliminating δj = (V − φ − E − δφ)/E' leaves one symmetric positive definite
system for δφ, A + ∫ v v/E' ds: conjugate gradients with BoomerAMG as ever. A full step is taken where it
halves the smallest residual so far. Elsewhere the step is shortened to the minimum of E* along it, which
costs no solve: so E* falls until it is at its minimum, from any start.

Where that nevertheless takes more than `MOST_STEPS`, the load is ramped: all potentials, or the current, are
halved until Newton's method converges, and raised from there, each load starting from the last converged
state; twice the increment after a success, half after a failure, `MOST_HALVINGS` at most. A residual
that stands still below `_CLOSE` is the work of round-off, which a ramp does not help.

A nearly ideal electrode has drops far below φ, which V − φ would lose to round-off. So the potential is
φ = u + Σ_e (V_e − d_e) χ_e, χ_e one at the nodes of an electrode and zero at all others, d_e the drop at the
current density one starts with; the drop is then d_e − u.

With an applied current the potential of one such electrode is unknown, and its total current given: a border
of the linear system, so a second right-hand side for it. Every iterate but the first has the applied current.

Residual: ‖b + ∫ j v ds − A φ‖ + ‖∫ |V − φ − E(j)|/E' v ds‖, the second being the currents that the drops are
wrong by, over ‖∫ j v ds‖, the currents of the nodes on nonlinear electrodes. All current passes those.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from gbflux.conduction.nonlinear import Array, Defects, Equations, Iterate, NonlinearElectrode
from gbflux.conduction.records import SolverSettings
from gbflux.conduction.system import LinearSystem
from gbflux.errors import SolverError

log = logging.getLogger(__name__)

#: Most linear problems for one load, and those in a row that may pass without a smaller residual.
MOST_STEPS = 100
_IDLE_STEPS = 20
#: Most times that the increment of the load is halved.
MOST_HALVINGS = 10
#: Below this residual only round-off stands in the way.
_CLOSE = 1.0e-6


@dataclass(frozen=True)
class NewtonSolution:
    """A converged solution.

    Attributes
    ----------
    phi : (n,) float64 array
        Potential less the lift of the system at the local dofs, ghosts included.
    potentials : tuple of float
        Scaled potentials of the electrodes.
    newton_iterations, iterations : int
        Linear problems, and iterations of CG for all of them, those of loads that were too much included.
    load_steps : int
        Loads that Newton's method converged for, 1 without a ramp.
    relative_residual : float
        See the head of this module.
    """

    phi: Array
    potentials: tuple[float, ...]
    newton_iterations: int
    iterations: int
    load_steps: int
    relative_residual: float


@dataclass(frozen=True)
class _Attempt:
    """Outcome of Newton's method at one load: the last iterate, its defects, and the work.

    `hopeless`: it did not converge, and at less load it would not either.
    """

    now: Iterate
    defects: Defects
    made: int
    iterations: int
    converged: bool = False
    hopeless: bool = False


def solve_nonlinear(
    system: LinearSystem, electrodes: tuple[NonlinearElectrode, ...], settings: SolverSettings
) -> NewtonSolution:
    """Solve the conduction problem with nonlinear electrodes; *collective*.

    Parameters
    ----------
    system : LinearSystem
        The problem with those electrodes as walls.
    electrodes : tuple of NonlinearElectrode
        One or two.
    settings : SolverSettings
        `rtol` holds for the nonlinear residual, and for the balance of currents as far as round-off lets it;
        `max_iterations` for each linear problem.

    Raises
    ------
    SolverError
        On all ranks, if the residual does not get there.
    """
    reached, increment, halvings, loads = 0.0, 1.0, 0, 0
    made, iterations, state = 0, 0, None
    while reached < 1.0:
        load = min(1.0, reached + increment)
        equations = Equations(system, electrodes, settings, load)
        try:
            attempt = _attempt(equations, equations.start(state, reached), settings)
        finally:
            equations.matrix.destroy()
        made, iterations = made + attempt.made, iterations + attempt.iterations
        if attempt.converged:
            reached, increment, loads, state = load, 2.0 * increment, loads + 1, attempt.now
        elif halvings == MOST_HALVINGS or attempt.hopeless:
            raise _stopped(made, iterations, load, attempt.defects, settings)
        else:
            increment, halvings = 0.5 * (load - reached), halvings + 1
        if reached < 1.0 or loads > 1:
            said = "converged" if attempt.converged else "stopped"
            log.info("Newton's method %s at %.4g of the load after %d steps", said, load, attempt.made)
    return NewtonSolution(
        equations.phi(state),
        equations.potentials(state),
        made,
        iterations,
        loads,
        attempt.defects.relative,
    )


def _attempt(equations: Equations, now: Iterate, settings: SolverSettings) -> _Attempt:
    """Make steps until the residual is small enough."""
    defects = equations.defects(now)
    best, best_at, iterations, made = np.inf, 0, 0, 0
    while not (defects.relative <= settings.rtol and defects.imbalance <= settings.rtol and made):
        idle = made - best_at
        if made and idle and defects.relative <= settings.rtol:
            log.warning("solver: converged, but currents out of balance by %.1e", defects.imbalance)
            break
        if made >= MOST_STEPS or idle > _IDLE_STEPS:
            still = idle > _IDLE_STEPS and defects.relative <= _CLOSE
            return _Attempt(now, defects, made, iterations, hopeless=still)
        step, count = equations.step(now, defects)
        iterations, made = iterations + count, made + 1
        # where the law is met better than charge is conserved, only the linear solver has work left
        searched = made > 1 and defects.law > defects.conservation
        now, defects, share = equations.moved(now, step, 0.5 * best if searched else np.inf)
        if defects.relative < 0.5 * best:
            best, best_at = defects.relative, made
        log.debug(
            "Newton %d: residual %.2e, imbalance %.1e, share %.3g, potentials %s",
            *(made, defects.relative, defects.imbalance, share, equations.potentials(now)),
        )
    return _Attempt(now, defects, made, iterations, converged=True)


def _stopped(
    steps: int, iterations: int, load: float, defects: Defects, settings: SolverSettings
) -> SolverError:
    """Return the error that reports how far Newton's method came."""
    message = (
        f"solver: Newton's method for the electrodes' kinetics stopped after {steps} steps and {iterations} "
        f"CG iterations at {load:.4g} of the load, relative residual {defects.relative:.1e} "
        f"(asked {settings.rtol:.1e}). "
        "Raise solver.rtol, or look for a misplaced unit in electrodes.kinetics."
    )
    return SolverError(message, iterations, defects.relative, settings.rtol)
