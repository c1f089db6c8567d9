"""Electrodes with kinetics, and applied currents: from SI to the scaled problem and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction import compat
from gbflux.conduction.electrodes import drop, series_current
from gbflux.conduction.fluxes import NodalCurrents
from gbflux.conduction.newton import solve_nonlinear
from gbflux.conduction.nonlinear import NonlinearElectrode
from gbflux.conduction.problem import MICROMETRE, Scaling
from gbflux.conduction.records import Electrode, SolverSettings
from gbflux.conduction.system import Electrodes, LinearSystem

Sides = tuple[Electrode, Electrode]
_DIRECTIONS = (-1.0, 1.0)  # a current from top to bottom enters at the top


@dataclass(frozen=True)
class Converged:
    """Convergence of a solve, and the scaling under which its potential holds."""

    iterations: int
    relative_residual: float
    newton_iterations: int
    load_steps: int
    scaling: Scaling
    potentials: tuple[float, float]


def solve_kinetics(
    system: LinearSystem,
    phi: compat.fem.Function,
    electrodes: Electrodes,
    sides: Sides,
    scaling: Scaling,
    height: float,
    section: float,
    settings: SolverSettings,
) -> Converged:
    """Solve for the potential between electrodes of which one or both have kinetics; *collective*.

    Parameters
    ----------
    system : LinearSystem
        The problem with those electrodes as walls.
    phi : dolfinx.fem.Function
        Is given the scaled potential.
    electrodes : pair of ScaledElectrode
        Bottom and top.
    sides : (Electrode, Electrode)
        The same, in SI.
    scaling : Scaling
    height : float
        Distance between them (µm).
    section : float
        Area of an electrode (µm²; in 2D its length, µm).
    settings : SolverSettings

    Raises
    ------
    SolverError
        On all ranks, if Newton's method does not converge.
    """
    nonlinear = [k for k in (0, 1) if sides[k].kinetics is not None]
    potentials = list(guessed_potentials(sides, scaling))
    applied = sides[1].current_density
    driven = None if applied is None else nonlinear[-1]
    with_kinetics = []
    estimate = partial(_estimate, sides, scaling, height)
    for k in nonlinear:
        with_kinetics.append(
            NonlinearElectrode(
                facets=electrodes[k].facets(phi.function_space),
                law=partial(_scaled_drop, sides[k], scaling),
                start=partial(estimate, _DIRECTIONS[k]),
                potential=scaling.potential_hat(potentials[k]),
                current=estimate(_DIRECTIONS[k], 1.0) * section if k == driven else None,
            )
        )
    found = solve_nonlinear(system, tuple(with_kinetics), settings)
    phi.x.array[: len(found.phi)] = found.phi
    phi.x.array[:] += system.lift.x.array
    for k, potential in zip(nonlinear, found.potentials, strict=True):
        potentials[k] = scaling.offset + scaling.potential * potential
    shift = 0.0 if driven is None else sides[0].potential - potentials[0]
    return Converged(
        iterations=found.iterations,
        relative_residual=found.relative_residual,
        newton_iterations=found.newton_iterations,
        load_steps=found.load_steps,
        scaling=replace(scaling, offset=scaling.offset + shift),
        potentials=(potentials[0] + shift, potentials[1] + shift),
    )


def _estimate(sides: Sides, scaling: Scaling, height_um: float, direction: float, load: float) -> float:
    """Return a rough scaled current density into the cell at a share of the load."""
    current = load * scaling.estimate
    if load != 1.0 and sides[1].current_density is None:
        asr = height_um * MICROMETRE / scaling.sigma
        current = series_current(*sides, asr, load * scaling.voltage)
    return direction * current / scaling.current_density


def guessed_potentials(sides: Sides, scaling: Scaling) -> tuple[float, float]:
    """Return the potentials of both electrodes (V); of one with a current as the scale has it."""
    bottom, top = sides
    return bottom.potential, bottom.potential + scaling.voltage if top.potential is None else top.potential


def rescaled(
    sides: Sides,
    scaling: Scaling,
    currents: NodalCurrents,
    sigma: NDArray[np.float64],
    electrodes: Electrodes,
    section: float,
) -> Scaling:
    """Return the scaling under which a linear solution has the applied current, if one is; *collective*.

    Parameters
    ----------
    sides : (Electrode, Electrode)
        Bottom and top.
    scaling : Scaling
        Scaling of the solution, in which the electrodes' potentials differ by 1.
    currents : NodalCurrents
        Of the solution.
    sigma : (m_local,) float64 array
        Scaled conductivity of the local cells.
    electrodes : pair of ScaledElectrode
        Bottom and top.
    section : float
        Area of an electrode (µm²; in 2D its length, µm).
    """
    if sides[1].current_density is None:
        return scaling
    entering = currents.entering(sigma, [electrode.dofs(currents.hats) for electrode in electrodes])
    current = 0.5 * (abs(entering[0]) + abs(entering[1]))
    wanted = abs(sides[1].current_density) * section / (scaling.sigma / MICROMETRE)
    factor = wanted / (current * abs(scaling.voltage))
    bottom = sides[0].potential
    offset = bottom + factor * (scaling.offset - bottom)
    return replace(scaling, voltage=factor * scaling.voltage, offset=offset)


def _scaled_drop(
    electrode: Electrode, scaling: Scaling, j: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the drop of potential, and its derivative, of a current density, all scaled."""
    value, slope = drop(electrode, j * scaling.current_density)
    return value / scaling.voltage, slope * (scaling.current_density / scaling.voltage)
