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
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from petsc4py import PETSc

from gbflux.conduction.cache import Converged
from gbflux.conduction.compat import Function
from gbflux.conduction.facets import ElectrodeFacets
from gbflux.conduction.krylov import ConjugateGradients, conjugate_gradients
from gbflux.conduction.problem import Problem, potentials_under
from gbflux.conduction.records import Array, SolverSettings
from gbflux.conduction.system import LinearSystem, add_local
from gbflux.errors import SolverError

log = logging.getLogger(__name__)

#: Most linear problems for one load, and those in a row that may pass without a smaller residual.
MOST_STEPS = 100
_IDLE_STEPS = 20
#: Most times that the increment of the load is halved.
MOST_HALVINGS = 10
#: Below this residual only round-off stands in the way.
_CLOSE = 1.0e-6
#: Relative residuals of the linear problems.
_TIGHT, _LOOSE = 1.0e-8, 1.0e-3
#: A step goes where the slope of the energy along it has fallen to this share.
_FLAT = 0.1
_MOST_TRIALS = 60


@dataclass(frozen=True)
class NonlinearElectrode:
    """An electrode with kinetics in scaled quantities.

    Attributes
    ----------
    facets : ElectrodeFacets
        Its quadrature.
    law : callable
        Takes densities of the current that enters the cell; returns the drops V − φ and their derivatives.
    start : callable
        Takes a share of the load; returns a current density to start with there.
    potential : float
        Scaled potential of the metal; a guess if `current` is given.
    current : float or None
        Total current to have instead; of one electrode at most.
    """

    facets: ElectrodeFacets
    law: Callable[[Array], tuple[Array, Array]]
    start: Callable[[float], float]
    potential: float
    current: float | None = None


@dataclass(frozen=True)
class Iterate:
    """u, current densities, and V_e − d_e of the electrodes, or a step of all three."""

    u: Array
    j: tuple[Array, ...]
    beside: Array

    def moved(self, step: Iterate, share: float) -> Iterate:
        """Return this iterate with a share of a step made."""
        j = tuple(now + share * by for now, by in zip(self.j, step.j, strict=True))
        return Iterate(self.u + share * step.u, j, self.beside + share * step.beside)


@dataclass(frozen=True)
class Defects:
    """Residuals of the equations at an iterate, and their norms."""

    right_hand_side: Array
    drops: tuple[Array, ...]
    slopes: tuple[Array, ...]
    conservation: float
    law: float
    imbalance: float

    @property
    def relative(self) -> float:
        """Return the residual."""
        return self.conservation + self.law


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


@dataclass(frozen=True)
class _Ramp:
    """The last iterate at the full load, and the work of all loads, those that were too much included."""

    equations: Equations
    state: Iterate
    residual: float
    newton_iterations: int
    iterations: int
    loads: int


def solve_kinetics(system: LinearSystem, phi: Function, problem: Problem) -> Converged:
    """Solve for the potential between electrodes of which one or both are nonlinear; *collective*.

    Parameters
    ----------
    system : LinearSystem
        The problem with those electrodes as walls.
    phi : dolfinx.fem.Function
        Is given the scaled potential.
    problem : Problem
        Its settings: `rtol` holds for the nonlinear residual, and for the balance of currents as far as
        round-off lets it; `max_iterations` for each linear problem.

    Raises
    ------
    SolverError
        On all ranks, if the residual does not get there.
    """
    sides, scaling = problem.electrodes, problem.scaling
    nonlinear = [k for k in (0, 1) if not sides[k].law.linear]
    potentials = list(potentials_under(sides, scaling))
    driven = None if sides[1].current_density is None else nonlinear[-1]
    electrodes = tuple(
        NonlinearElectrode(
            facets=problem.scaled[k].facets(phi.function_space),
            law=partial(problem.scaled_drop, sides[k].law),
            start=partial(problem.estimated_density, k),
            potential=scaling.potential_hat(potentials[k]),
            current=problem.estimated_density(k, 1.0) * problem.section if k == driven else None,
        )
        for k in nonlinear
    )
    found = _ramp(system, electrodes, problem.settings)
    u = found.equations.phi(found.state)
    phi.x.array[: len(u)] = u
    phi.x.array[:] += system.lift.x.array
    for k, potential in zip(nonlinear, found.equations.potentials(found.state), strict=True):
        potentials[k] = scaling.offset + scaling.voltage * potential
    shift = 0.0
    if driven is not None and sides[0].potential is not None:
        # all potentials move together until the first electrode has its own
        shift = sides[0].potential - potentials[0]
    return Converged(
        found.iterations,
        found.residual,
        found.newton_iterations,
        found.loads,
        replace(scaling, offset=scaling.offset + shift),
        (potentials[0] + shift, potentials[1] + shift),
    )


def _ramp(
    system: LinearSystem, electrodes: tuple[NonlinearElectrode, ...], settings: SolverSettings
) -> _Ramp:
    """Raise the load, all of it at once at first, until Newton's method has converged for all of it."""
    reached, increment, halvings, loads = 0.0, 1.0, 0, 0
    made, iterations, state = 0, 0, None
    while True:
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
            outcome = "converged" if attempt.converged else "stopped"
            log.info("Newton's method %s at %.4g of the load after %d steps", outcome, load, attempt.made)
        if reached == 1.0:
            return _Ramp(equations, attempt.now, attempt.defects.relative, made, iterations, loads)


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


class Equations:
    """The equations at a share `load` of potentials and currents, linearised. Methods are *collective*."""

    def __init__(
        self,
        system: LinearSystem,
        electrodes: tuple[NonlinearElectrode, ...],
        settings: SolverSettings,
        load: float = 1.0,
    ):
        self.matrix = system.matrix.duplicate(copy=True)
        self._system = system
        self._load = load
        self._electrodes = electrodes
        self._settings = settings
        self._comm = system.matrix.getComm().tompi4py()
        self._first = [e.start(load) for e in electrodes]
        self._first_drop = [
            float(e.law(np.array(j))[0]) for e, j in zip(electrodes, self._first, strict=True)
        ]

    def start(self, state: Iterate | None = None, load: float = 1.0) -> Iterate:
        """Return the iterate to begin with: uniform currents, the drops they take, no potential elsewhere.

        Or a state of another load, its currents grown as those to start with.
        """
        pairs = tuple(zip(self._electrodes, self._first, strict=True))
        if state is None:
            j = tuple(np.full_like(e.facets.weights, first) for e, first in pairs)
        else:
            j = tuple(j * (first / e.start(load)) for j, (e, first) in zip(state.j, pairs, strict=True))
        beside = [
            self._load * e.potential - drop
            for e, drop in zip(self._electrodes, self._first_drop, strict=True)
        ]
        return Iterate(np.zeros(self._electrodes[0].facets.count), j, np.array(beside))

    def phi(self, at: Iterate) -> Array:
        """Return the potential, but for the lift of the system."""
        phi = at.u.copy()
        for e, beside in zip(self._electrodes, at.beside, strict=True):
            phi[e.facets.plane] += beside
        return phi

    def potentials(self, at: Iterate) -> tuple[float, ...]:
        """Return the potentials of the electrodes."""
        return tuple(float(b + drop) for b, drop in zip(at.beside, self._first_drop, strict=True))

    def moved(self, at: Iterate, step: Iterate, most: float) -> tuple[Iterate, Defects, float]:
        """Return the iterate after a step, its defects, and the share of the step made.

        The share is 1 if that leaves a residual of at most `most`.
        """
        then = at.moved(step, 1.0)
        defects = self.defects(then)
        share = 1.0 if defects.relative <= most else self.share(at, step)
        if share < 1.0:
            then = at.moved(step, share)
            defects = self.defects(then)
        return then, defects, share

    def defects(self, at: Iterate) -> Defects:
        """Return the residuals of the equations at an iterate."""
        laws = [e.law(j) for e, j in zip(self._electrodes, at.j, strict=True)]
        drops = tuple(
            first - e.facets.at_points(at.u) - law[0]
            for e, first, law in zip(self._electrodes, self._first_drop, laws, strict=True)
        )
        slopes = tuple(law[1] for law in laws)
        currents = self._nodal(at.j)
        wrong = self._nodal([np.abs(drop) / slope for drop, slope in zip(drops, slopes, strict=True)])
        rest = self._vector(self.phi(at))
        product = self._system.rhs.duplicate()
        self._system.matrix.mult(rest, product)
        product.scale(-1.0)
        product.axpy(self._load, self._system.rhs)
        product.axpy(1.0, currents)
        flow = self._total(at.j)
        size = currents.norm() or 1.0
        conservation, law = product.norm() / size, wrong.norm() / size
        excess = max(abs(product.sum()), 0.1 * product.norm(PETSc.NormType.NORM_1)) + wrong.sum()
        law_part = self._nodal([drop / slope for drop, slope in zip(drops, slopes, strict=True)])
        product.axpy(1.0, law_part)
        right_hand_side = product.array.copy()
        for vector in (currents, wrong, rest, product, law_part):
            vector.destroy()
        return Defects(right_hand_side, drops, slopes, conservation, law, float(excess / (flow or 1.0)))

    def step(self, at: Iterate, defects: Defects) -> tuple[Iterate, int]:
        """Return Newton's step from an iterate, and the iterations it took."""
        self._system.matrix.copy(self.matrix, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        for electrode, slope in zip(self._electrodes, defects.slopes, strict=True):
            add_local(self.matrix, electrode.facets.mass(1.0 / slope))
        ksp = conjugate_gradients(self.matrix, self._settings)
        try:
            ahead = 0.1 * self._settings.rtol / max(defects.relative, 1e-300)
            rhs = self._system.rhs.duplicate()
            rhs.array[:] = defects.right_hand_side
            du, iterations = self._solved(ksp, rhs, float(np.clip(ahead, _TIGHT, _LOOSE)))
            beside = np.zeros(len(self._electrodes))
            for k, electrode in enumerate(self._electrodes):
                if electrode.current is not None:
                    du, beside[k], more = self._border(ksp, k, du, at, defects)
                    iterations += more
        finally:
            ksp.destroy()
        j = tuple(
            (drop - e.facets.at_points(du)) / slope
            for e, drop, slope in zip(self._electrodes, defects.drops, defects.slopes, strict=True)
        )
        return Iterate(du, j, beside), iterations

    def share(self, at: Iterate, step: Iterate) -> float:
        """Return the share of a step that takes the energy along it to about its minimum, 1 at most."""
        first = self._slope(at, step, 0.0)
        if first >= 0.0 or self._slope(at, step, 1.0) <= 0.0:
            return 1.0  # round-off, or downhill all the way
        low, high = 0.0, 1.0
        for _ in range(_MOST_TRIALS):
            middle = 0.5 * (low + high)
            slope = self._slope(at, step, middle)
            if abs(slope) <= _FLAT * abs(first):
                return middle
            low, high = (middle, high) if slope < 0.0 else (low, middle)
        return low or high  # a share of 0 would be no step

    def _border(
        self, ksp: PETSc.KSP, k: int, du: Array, at: Iterate, defects: Defects
    ) -> tuple[Array, float, int]:
        """Return the step with the change of potential k that brings its current to the one applied."""
        facets, drop, slope = self._electrodes[k].facets, defects.drops[k], defects.slopes[k]
        # response of u to a unit rise e of the electrode's potential, which enters the equations as −A e
        raised = np.zeros(facets.count)
        raised[facets.plane] = -1.0
        metal, rhs = self._vector(raised), self._system.rhs.duplicate()
        self._system.matrix.mult(metal, rhs)
        metal.destroy()
        response, iterations = self._solved(ksp, rhs, _TIGHT)
        have = facets.integral(at.j[k] + (drop - facets.at_points(du)) / slope)
        gain = facets.integral(-facets.at_points(response) / slope)
        have, gain = self._comm.allreduce(np.array([have, gain]))
        change = (self._load * self._electrodes[k].current - have) / gain
        return du + change * response, float(change), iterations

    def _solved(self, ksp: PETSc.KSP, rhs: PETSc.Vec, rtol: float) -> tuple[Array, int]:
        """Solve with the present matrix; destroys the right-hand side."""
        system = LinearSystem(self.matrix, rhs, rhs.norm(), self._system.lift, self._system.fixed)
        cg = ConjugateGradients(ksp, system, self._settings)
        try:
            state = cg.reduce(rtol)
            if not state.reached:
                raise state.error(self._settings)
            with cg.solution.localForm() as local:
                return local.array_r.copy(), state.iterations
        finally:
            cg.destroy()
            rhs.destroy()

    def _slope(self, at: Iterate, step: Iterate, share: float) -> float:
        """Return the derivative of the energy along a step."""
        there = at.moved(step, share)
        total = 0.0
        for e, j, dj, first in zip(self._electrodes, there.j, step.j, self._first_drop, strict=True):
            drop = first - e.facets.at_points(there.u) - e.law(j)[0]
            total -= e.facets.integral(dj * drop)
        return float(self._comm.allreduce(total))

    def _total(self, j: tuple[Array, ...]) -> float:
        """Return the current through the cell."""
        through = [
            abs(self._comm.allreduce(e.facets.integral(d))) for e, d in zip(self._electrodes, j, strict=True)
        ]
        return max(through)

    def _nodal(self, densities: Iterable[Array]) -> PETSc.Vec:
        """Return the nodal currents of current densities on the electrodes."""
        pairs = zip(self._electrodes, densities, strict=True)
        return self._vector(sum(e.facets.load(density) for e, density in pairs), add=True)

    def _vector(self, values: Array, add: bool = False) -> PETSc.Vec:
        """Return a vector of values at the local dofs; `add`: what ghosts hold goes to their owners."""
        vector = self._system.rhs.duplicate()
        with vector.localForm() as local:
            local.array[:] = values
        if add:
            vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        return vector
