"""The equations of a cell with nonlinear electrodes, and their linearisation; see `newton` for the method."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction.facets import ElectrodeFacets
from gbflux.conduction.krylov import conjugate_gradients, converge
from gbflux.conduction.records import SolverSettings
from gbflux.conduction.system import LinearSystem, add_local

Array = NDArray[np.float64]

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
        solution, residual = rhs.duplicate(), rhs.duplicate()
        solution.set(0.0)
        try:
            iterations, _ = converge(ksp, system, solution, residual, self._settings, 0, rtol)
            with solution.localForm() as local:
                return local.array_r.copy(), iterations
        finally:
            for vector in (rhs, solution, residual):
                vector.destroy()

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
