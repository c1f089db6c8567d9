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
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction.electrode_facets import ElectrodeFacets
from gbflux.conduction.records import SolverSettings
from gbflux.conduction.solver import conjugate_gradients, converge
from gbflux.conduction.system import LinearSystem
from gbflux.errors import SolverError

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

#: Most linear problems, and those in a row that may pass without a smaller residual.
MOST_STEPS = 100
_IDLE_STEPS = 20
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
    start : float
        Current density to start with.
    potential : float
        Scaled potential of the metal; a guess if `current` is given.
    current : float or None
        Total current to have instead; of one electrode at most.
    """

    facets: ElectrodeFacets
    law: Callable[[Array], tuple[Array, Array]]
    start: float
    potential: float
    current: float | None = None


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


@dataclass(frozen=True)
class _Iterate:
    """u, current densities, and V_e − d_e of the electrodes, or a step of all three."""

    u: Array
    j: tuple[Array, ...]
    beside: Array

    def moved(self, step: _Iterate, share: float) -> _Iterate:
        """Return this iterate with a share of a step made."""
        j = tuple(now + share * by for now, by in zip(self.j, step.j, strict=True))
        return _Iterate(self.u + share * step.u, j, self.beside + share * step.beside)


@dataclass(frozen=True)
class _Defects:
    """What is left of the equations at an iterate, and how much that is."""

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
    problem = _Problem(system, electrodes, settings)
    try:
        return _converged(problem, settings)
    finally:
        problem.matrix.destroy()


def _converged(problem: _Problem, settings: SolverSettings) -> NewtonSolution:
    """Make steps until the residual is small enough."""
    now = problem.start()
    defects = problem.defects(now)
    best, best_at, iterations, made = np.inf, 0, 0, 0
    while not (defects.relative <= settings.rtol and defects.imbalance <= settings.rtol and made):
        idle = made - best_at
        if made and defects.relative <= settings.rtol and idle:
            log.warning("solver: converged, but currents out of balance by %.1e", defects.imbalance)
            break
        if made >= MOST_STEPS or idle > _IDLE_STEPS:
            raise _stopped(made, iterations, defects, settings)
        step, count = problem.step(now, defects)
        iterations, made = iterations + count, made + 1
        searched = (
            made > 1 and defects.law > defects.conservation
        )  # else only the linear solver has work left
        now, defects, share = problem.moved(now, step, 0.5 * best if searched else np.inf)
        if defects.relative < 0.5 * best:
            best, best_at = defects.relative, made
        log.debug(
            "Newton %d: residual %.2e, imbalance %.1e, share %.3g, potentials %s",
            *(made, defects.relative, defects.imbalance, share, problem.potentials(now)),
        )
    return NewtonSolution(problem.phi(now), problem.potentials(now), made, iterations, defects.relative)


def _stopped(steps: int, iterations: int, defects: _Defects, settings: SolverSettings) -> SolverError:
    """Return the error that tells how far Newton's method came."""
    message = (
        f"solver: Newton's method for the electrodes' kinetics stopped after {steps} steps and {iterations} "
        f"CG iterations, relative residual {defects.relative:.1e} (asked {settings.rtol:.1e}). "
        "Raise solver.rtol, or look for a misplaced unit in electrodes.kinetics."
    )
    return SolverError(message, iterations, defects.relative, settings.rtol)


class _Problem:
    """The equations and their linearisation. Methods are *collective*."""

    def __init__(
        self, system: LinearSystem, electrodes: tuple[NonlinearElectrode, ...], settings: SolverSettings
    ):
        self.matrix = system.matrix.duplicate(copy=True)
        self._system = system
        self._electrodes = electrodes
        self._settings = settings
        self._comm = system.matrix.getComm().tompi4py()
        self._first_drop = [float(e.law(np.array(e.start))[0]) for e in electrodes]

    def start(self) -> _Iterate:
        """Return the iterate to begin with: uniform currents, the drops they take, no potential elsewhere."""
        j = tuple(np.full_like(e.facets.weights, e.start) for e in self._electrodes)
        beside = [e.potential - drop for e, drop in zip(self._electrodes, self._first_drop, strict=True)]
        return _Iterate(np.zeros(self._electrodes[0].facets.count), j, np.array(beside))

    def phi(self, at: _Iterate) -> Array:
        """Return the potential, but for the lift of the system."""
        phi = at.u.copy()
        for e, beside in zip(self._electrodes, at.beside, strict=True):
            phi[e.facets.plane] += beside
        return phi

    def potentials(self, at: _Iterate) -> tuple[float, ...]:
        """Return the potentials of the electrodes."""
        return tuple(float(b + drop) for b, drop in zip(at.beside, self._first_drop, strict=True))

    def moved(self, at: _Iterate, step: _Iterate, most: float) -> tuple[_Iterate, _Defects, float]:
        """Return an iterate after a step, what it lacks, and the share made.

        The share is 1 if that leaves a residual of at most `most`.
        """
        then = at.moved(step, 1.0)
        defects = self.defects(then)
        share = 1.0 if defects.relative <= most else self.share(at, step)
        if share < 1.0:
            then = at.moved(step, share)
            defects = self.defects(then)
        return then, defects, share

    def defects(self, at: _Iterate) -> _Defects:
        """Return what the equations lack at an iterate."""
        laws = [e.law(j) for e, j in zip(self._electrodes, at.j, strict=True)]
        drops = tuple(
            first - e.facets.at_points(at.u) - law[0]
            for e, first, law in zip(self._electrodes, self._first_drop, laws, strict=True)
        )
        slopes = tuple(law[1] for law in laws)
        currents = self._load(at.j)
        wrong = self._load([np.abs(drop) / slope for drop, slope in zip(drops, slopes, strict=True)])
        rest = self._vector(self.phi(at))
        product = self._system.rhs.duplicate()
        self._system.matrix.mult(rest, product)
        product.aypx(-1.0, self._system.rhs)
        product.axpy(1.0, currents)
        flow = self._total(currents, at.j)
        size = currents.norm() or 1.0
        conservation, law = product.norm() / size, wrong.norm() / size
        excess = max(abs(product.sum()), 0.1 * product.norm(PETSc.NormType.NORM_1)) + wrong.sum()
        law_part = self._load([drop / slope for drop, slope in zip(drops, slopes, strict=True)])
        product.axpy(1.0, law_part)
        right_hand_side = product.array.copy()
        for vector in (currents, wrong, rest, product, law_part):
            vector.destroy()
        return _Defects(right_hand_side, drops, slopes, conservation, law, float(excess / (flow or 1.0)))

    def step(self, at: _Iterate, defects: _Defects) -> tuple[_Iterate, int]:
        """Return Newton's step from an iterate, and the iterations it took."""
        self._system.matrix.copy(self.matrix, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        for electrode, slope in zip(self._electrodes, defects.slopes, strict=True):
            mass = electrode.facets.mass(1.0 / slope)
            self.matrix.setValuesLocalCSR(
                mass.indptr.astype(PETSc.IntType), mass.indices.astype(PETSc.IntType), mass.data,
                addv=PETSc.InsertMode.ADD,
            )  # fmt: skip
        self.matrix.assemble()
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
        return _Iterate(du, j, beside), iterations

    def share(self, at: _Iterate, step: _Iterate) -> float:
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
        return low or high

    def _border(
        self, ksp: PETSc.KSP, k: int, du: Array, at: _Iterate, defects: _Defects
    ) -> tuple[Array, float, int]:
        """Return the step with the change of potential k that brings its current to the one applied."""
        facets, drop, slope = self._electrodes[k].facets, defects.drops[k], defects.slopes[k]
        raised = np.zeros(facets.count)
        raised[facets.plane] = -1.0
        metal, rhs = self._vector(raised), self._system.rhs.duplicate()
        self._system.matrix.mult(metal, rhs)
        metal.destroy()
        response, iterations = self._solved(ksp, rhs, _TIGHT)
        have = facets.integral(at.j[k] + (drop - facets.at_points(du)) / slope)
        gain = facets.integral(-facets.at_points(response) / slope)
        have, gain = self._comm.allreduce(np.array([have, gain]))
        change = (self._electrodes[k].current - have) / gain
        return du + change * response, float(change), iterations

    def _solved(self, ksp: PETSc.KSP, rhs: PETSc.Vec, rtol: float) -> tuple[Array, int]:
        """Solve with the present matrix; destroys the right-hand side."""
        system = LinearSystem(self.matrix, rhs, rhs.norm(), self._system.lift)
        solution, residual = rhs.duplicate(), rhs.duplicate()
        solution.set(0.0)
        try:
            iterations, _ = converge(ksp, system, solution, residual, self._settings, 0, rtol)
            with solution.localForm() as local:
                return local.array_r.copy(), iterations
        finally:
            for vector in (rhs, solution, residual):
                vector.destroy()

    def _slope(self, at: _Iterate, step: _Iterate, share: float) -> float:
        """Return the derivative of the energy along a step."""
        there = at.moved(step, share)
        total = 0.0
        for e, j, dj, first in zip(self._electrodes, there.j, step.j, self._first_drop, strict=True):
            drop = first - e.facets.at_points(there.u) - e.law(j)[0]
            total -= e.facets.integral(dj * drop)
        return float(self._comm.allreduce(total))

    def _total(self, currents: PETSc.Vec, j: tuple[Array, ...]) -> float:
        """Return the current through the cell."""
        through = [
            abs(self._comm.allreduce(e.facets.integral(d))) for e, d in zip(self._electrodes, j, strict=True)
        ]
        return max(through)

    def _load(self, densities) -> PETSc.Vec:
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
