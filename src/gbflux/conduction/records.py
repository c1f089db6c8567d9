"""Input and output of a conduction solve: plain frozen records, no live DOLFINx objects.

Sign convention: j = −σ∇φ; a nodal current (residual) is positive where current *enters* the domain, which is
at the electrode of higher potential.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IntArray = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SolverSettings:
    """Settings of the linear solver.

    Attributes
    ----------
    rtol : float
        Largest true relative residual ‖b − Ax‖/‖b‖ of the eliminated system; currents balance as closely.
    max_iterations : int
        Most CG iterations, restarts included.
    preconditioner : str
        ``"hypre"`` (BoomerAMG), ``"gamg"`` or ``"lu"`` (a direct solve: small meshes and tests).
    order : int
        Polynomial degree of the potential, 1 or 2.
    bracket : bool
        Certify the conductance from both sides, too.
    certify : bool
        With a bracket, keep what `ConductionSolver.certify` takes to bound local currents.
    """

    rtol: float = 1.0e-10
    max_iterations: int = 500
    preconditioner: str = "hypre"
    order: int = 1
    bracket: bool = False
    certify: bool = False


@dataclass(frozen=True)
class Fields:
    """The solved fields in the numbering of the `Mesh`; they exist on MPI rank 0 only.

    Attributes ---------- phi : (n,) float64 array Potential at the mesh points (V). j : (m, dimension)
    float64 array Cell mean of −σ∇φ (A/m²). sigma : (m,) float64 array Conductivity of each cell (S/m).
    residual : (n,) float64 array ∫ σ∇φ·∇λ_i over all cells, λ_i the P1 shape function of mesh point i also
    when the potential is of order 2: the current that enters the domain at the point, zero to solver
    tolerance away from the electrodes (A; in 2D A/m). residual_electrolyte : (n,) float64 array The same
    integral over the cells of grains and grain boundaries: the current that enters the electrolyte. Equals
    `residual` where there is no homogenizing layer (A; in 2D A/m).
    """

    phi: Array
    j: Array
    sigma: Array
    residual: Array
    residual_electrolyte: Array


@dataclass(frozen=True)
class Bracket:
    """Two numbers that the conductance of the cell, electrodes included, lies between (S; in 2D S/m).

    The conductance is that of the mesh as a body, its layers and junctions included, with conductivities
    constant in each cell; geometry that the mesh does not resolve is not accounted for.

    Attributes
    ----------
    lower, upper : float
        The conductance I/ΔV is at least `lower` and at most `upper`.
    algebraic_error : float
        Amount by which `lower` was lowered because its minimum is known only so closely.
    iterations : int
        Iterations spent on `lower`.
    gap : (m,) float64 array or None
        Contribution of each cell to upper − lower; None on ranks other than 0.
    """

    lower: float
    upper: float
    algebraic_error: float
    iterations: int
    gap: Array | None = None

    @property
    def relative_width(self) -> float:
        """Return (upper − lower)/upper."""
        return (self.upper - self.lower) / self.upper


@dataclass(frozen=True)
class LocalCurrent:
    """The current through part of an electrode, for 1 V between the electrodes (S; in 2D S/m).

    It counts along the mean current, weighted with numbers from 0 to 1; see `local_currents`.

    Attributes
    ----------
    value : float
        Weighted sum of the reactions, between `lower` and `upper`.
    lower, upper : float
        Certified bounds, as are those of `Bracket`.
    iterations : int
        Iterations spent on `lower`.
    gap : (m,) float64 array or None
        Contribution of each cell to upper − lower; None on ranks other than 0.
    """

    value: float
    lower: float
    upper: float
    iterations: int
    gap: Array | None = None

    @property
    def half_width(self) -> float:
        """Half the width of the interval over the computed value."""
        return (self.upper - self.lower) / (2.0 * self.value)


@dataclass(frozen=True)
class Solution:
    """A converged solve; everything but `fields` is the same on all ranks.

    Attributes
    ----------
    fields : Fields or None
        The fields on rank 0, None on the other ranks.
    dofs : int
        Degrees of freedom, those on the electrodes included.
    iterations : int
        CG iterations, restarts included.
    relative_residual : float
        True ‖b − Ax‖/‖b‖ of the eliminated system; with kinetics that of the nonlinear one, see `newton`.
    timings : mapping of str to float
        Wall time by stage on rank 0: ``distribute`` (mesh out to the ranks, results back), ``assemble``
        (matrix, reactions, fluxes), ``solve``, ``bracket`` (s).
    bracket : Bracket or None
        The conductance between two bounds, where it was asked for and both electrodes are linear.
    potentials : (float, float)
        Of the first and the second electrode (V): as applied, or what the applied current takes.
    newton_iterations : int
        Linear problems solved one after the other because an electrode is nonlinear; 0 where none is.
    load_steps : int
        Loads they were solved for on the way to the full one, 1 without a ramp; 0 where none is nonlinear.
    grain_imbalance : float
        Worst charge imbalance of a grain, relative to its inflow; see `balance`.
    """

    fields: Fields | None
    dofs: int
    iterations: int
    relative_residual: float
    timings: Mapping[str, float]
    bracket: Bracket | None = None
    potentials: tuple[float, float] = (math.nan, math.nan)
    newton_iterations: int = 0
    load_steps: int = 0
    grain_imbalance: float = 0.0
