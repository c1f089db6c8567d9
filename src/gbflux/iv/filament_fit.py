"""The filament model of `gbflux.iv.filament_model` fitted to a measured cycle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.iv.filament_model import PARAMETERS, SOFTNESS_V, FilamentModel, FilamentTrace, simulate

Array = NDArray[np.float64]
_GOOD = 1e-3  # mean square of residuals, about a tenth of a decade, with which a fit is left


@dataclass(frozen=True)
class FilamentFit:
    """The model fitted to a measured cycle.

    Parameters
    ----------
    model : FilamentModel
    relative_errors : dict
        Standard error of ln(parameter) from the curvature where the fit stopped, by name; infinite where the
        cycle does not determine it. No interval: the misfit jumps where the model sets or resets one sample
        earlier, the fit may stop beside the minimum, and the truth then lies many of these errors away.
    trace : FilamentTrace
    rms_decades : float
        Root mean square of log10(measured/model) where the current stands out of the noise.
    """

    model: FilamentModel
    relative_errors: dict[str, float]
    trace: FilamentTrace
    rms_decades: float


def fit_cycle(
    time: Array, bias: Array, current: Array, start: FilamentModel, noise: float = 1e-11
) -> FilamentFit:
    """Fit the model to one cycle, on a scale of logarithms of the current.

    Parameters
    ----------
    time, bias, current : (n,) arrays
        s, V, A.
    start : FilamentModel
        Where the fit starts; its compliance is kept. `start_from_cycle` makes one.
    noise : float, optional
        Of the current; smaller ones do not count (A).

    Returns
    -------
    FilamentFit

    Raises
    ------
    SolverError
        If the model cannot be integrated near the start.
    """
    from scipy.optimize import least_squares

    floor = 5 * noise
    target = np.arcsinh(np.abs(current) / floor)

    def residual(logarithms: Array) -> Array:
        trial = replace(start, **dict(zip(PARAMETERS, np.exp(logarithms).tolist(), strict=True)))
        return np.arcsinh(np.abs(simulate(trial, time, bias).current) / floor) - target

    start = _set_where_measured(start, time, bias, target, floor)
    first = np.log([getattr(start, name) for name in PARAMETERS])
    best = None
    for shift in (0.0, 1.5, -1.5):  # of the charge, which moves the reset
        guess = first + np.array([0.0, 0.0, shift, 0.0, 0.0, 0.0])
        for loss in ("soft_l1", "linear"):
            outcome = least_squares(
                residual, guess, bounds=(first - 7, first + 7), loss=loss, diff_step=1e-3, max_nfev=15
            )
            guess = outcome.x
        if best is None or outcome.cost < best.cost:
            best = outcome
        if best.cost < _GOOD * len(target):
            break
    model = replace(start, **dict(zip(PARAMETERS, np.exp(best.x).tolist(), strict=True)))
    trace = simulate(model, time, bias)
    seen = (np.abs(current) > floor) & (np.abs(trace.current) > floor)
    misfit = (
        np.log10(np.abs(current[seen]) / np.abs(trace.current[seen])) if seen.any() else np.array([np.inf])
    )
    scatter = float(np.mean(best.fun**2))
    covariance = np.linalg.pinv(best.jac.T @ best.jac) * scatter
    sensitivity = np.linalg.norm(best.jac, axis=0)
    errors = [
        float(np.sqrt(variance)) if size > 1e-6 else math.inf
        for variance, size in zip(np.diag(covariance), sensitivity, strict=True)
    ]
    rms = float(np.sqrt(np.mean(misfit**2)))
    return FilamentFit(model, dict(zip(PARAMETERS, errors, strict=True)), trace, rms)


def _set_where_measured(
    start: FilamentModel, time: Array, bias: Array, target: Array, floor: float
) -> FilamentModel:
    """The start with a nucleation bias such that the current rises where it was measured to rise.

    Derivatives do not see a jump that lies elsewhere; the fit could not find it.
    """
    wanted = _rise(bias, target)
    for _ in range(4):
        found = _rise(bias, np.arcsinh(np.abs(simulate(start, time, bias).current) / floor))
        if wanted is None or found is None or abs(found - wanted) < 1e-9:
            break
        start = replace(start, nucleation_bias=max(start.nucleation_bias + wanted - found, SOFTNESS_V))
    return start


def _rise(bias: Array, scaled: Array) -> float | None:
    """Size of the negative bias at which a scaled current rises most; None if there is no such bias."""
    negative = np.flatnonzero((bias[1:] < 0) & (np.diff(np.abs(bias)) >= 0)) + 1
    if len(negative) == 0:
        return None
    return float(-bias[negative[np.argmax(scaled[negative] - scaled[negative - 1])]])


def start_from_cycle(
    hrs: float, lrs: float, set_bias: float, time: Array, bias: Array, compliance: float
) -> FilamentModel:
    """A model to start a fit from: resistances as read, a charge that the set plates in a tenth of its curve.

    Parameters
    ----------
    hrs, lrs : float
        Ω.
    set_bias : float
        V.
    time, bias : (n,) arrays
        Of the cycle.
    compliance : float
        A.
    """
    steps = np.diff(time)
    seconds = float(steps[bias[1:] <= -abs(set_bias)].sum()) or float(steps.sum()) / 10
    plated = abs(set_bias) / hrs * seconds
    return FilamentModel(1 / hrs, 1 / hrs, plated / 5, 2 * lrs, max(lrs / 5, 1e-3), abs(set_bias), compliance)
