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
costs no solve: so E* falls until it is at its minimum, from any start, and no ramp of the load is needed.

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

from gbflux.conduction.nonlinear import Array, Defects, Equations, NonlinearElectrode
from gbflux.conduction.records import SolverSettings
from gbflux.conduction.system import LinearSystem
from gbflux.errors import SolverError

log = logging.getLogger(__name__)

#: Most linear problems, and those in a row that may pass without a smaller residual.
MOST_STEPS = 100
_IDLE_STEPS = 20


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
        Linear problems, and iterations of CG for all of them.
    relative_residual : float
        See the head of this module.
    """

    phi: Array
    potentials: tuple[float, ...]
    newton_iterations: int
    iterations: int
    relative_residual: float


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
    equations = Equations(system, electrodes, settings)
    try:
        return _converged(equations, settings)
    finally:
        equations.matrix.destroy()


def _converged(equations: Equations, settings: SolverSettings) -> NewtonSolution:
    """Make steps until the residual is small enough."""
    now = equations.start()
    defects = equations.defects(now)
    best, best_at, iterations, made = np.inf, 0, 0, 0
    while not (defects.relative <= settings.rtol and defects.imbalance <= settings.rtol and made):
        idle = made - best_at
        if made and idle and defects.relative <= settings.rtol:
            log.warning("solver: converged, but currents out of balance by %.1e", defects.imbalance)
            break
        if made >= MOST_STEPS or idle > _IDLE_STEPS:
            raise _stopped(made, iterations, defects, settings)
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
    return NewtonSolution(equations.phi(now), equations.potentials(now), made, iterations, defects.relative)


def _stopped(steps: int, iterations: int, defects: Defects, settings: SolverSettings) -> SolverError:
    """Return the error that tells how far Newton's method came."""
    message = (
        f"solver: Newton's method for the electrodes' kinetics stopped after {steps} steps and {iterations} "
        f"CG iterations, relative residual {defects.relative:.1e} (asked {settings.rtol:.1e}). "
        "Raise solver.rtol, or look for a misplaced unit in electrodes.kinetics."
    )
    return SolverError(message, iterations, defects.relative, settings.rtol)
