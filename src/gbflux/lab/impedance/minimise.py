"""Least squares for the parameters of a circuit: weights, several starts, lmfit's Levenberg-Marquardt.

Positive parameters are varied as logarithms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MissingLibrary, SolverError
from gbflux.lab.impedance.circuit import Circuit
from gbflux.lab.impedance.guess import first_guesses
from gbflux.lab.impedance.spectrum import Spectrum

WEIGHTINGS = ("modulus", "proportional", "unit")
LEAST_EXPONENT = 0.3
_FLOOR = 0.01
_SAME = 1e-6
_FAR = 9.0  # of a logarithm from its start: a factor of 8000
_FLAT = 1e-5
_NO_BETTER = (6, 7, 8)  # MINPACK: the sum of squares cannot fall any further in this arithmetic
_LARGEST_LOGARITHM = 200.0  # of a parameter that noise drives away


def weights(spectrum: Spectrum, weighting: str) -> NDArray[np.complex128]:
    """Factors of the residuals (1/Ω): real part for the real part, imaginary part for the imaginary one."""
    z = spectrum.impedance
    if weighting == "modulus":
        return (1 + 1j) / np.abs(z)
    if weighting == "proportional":
        floor = _FLOOR * np.abs(z)
        return 1 / np.maximum(np.abs(z.real), floor) + 1j / np.maximum(np.abs(z.imag), floor)
    return np.full(z.shape, (1 + 1j) / float(np.median(np.abs(z))))


@dataclass(frozen=True)
class Found:
    """Where a minimisation ended."""

    values: dict[str, float]
    rss: float
    free: tuple[str, ...]
    covariance: NDArray[np.float64]


def best_fit(circuit: Circuit, spectrum: Spectrum, weight: NDArray, fixed: dict, start: dict) -> Found:
    """The lowest of the minima reached from several starts; stops when two agree."""
    guesses = first_guesses(circuit, spectrum, weight)
    if start:
        guesses = [guesses[0] | start, *guesses]
    found: list[Found] = []
    for guess in guesses:
        try:
            found.append(minimise(circuit, spectrum, weight, fixed, guess | fixed))
        except SolverError:
            continue
        sums = sorted(one.rss for one in found)
        if len(sums) > 1 and sums[1] - sums[0] <= _SAME * sums[0]:
            break
    if not found:
        raise SolverError(
            f"circuit {circuit.text}: the fit did not converge from {len(guesses)} starts. "
            "Give starting values, fix a parameter, or use a smaller circuit."
        )
    return min(found, key=lambda one: one.rss)


def minimise(circuit: Circuit, spectrum: Spectrum, weight: NDArray, fixed: dict, guess: dict) -> Found:
    """One run of Levenberg-Marquardt."""
    lmfit = _lmfit()
    parameters = lmfit.Parameters()
    for name in circuit.parameters:
        vary = name not in fixed
        if name.endswith("_n"):
            value = guess[name] if not vary else min(max(guess[name], LEAST_EXPONENT + 0.01), 0.995)
            parameters.add(
                name,
                value=value,
                min=LEAST_EXPONENT if vary else -np.inf,
                max=1.0 if vary else np.inf,
                vary=vary,
            )
        else:
            parameters.add(name, value=np.log(guess[name]), vary=vary)
    free = tuple(name for name in circuit.parameters if name not in fixed)
    frequency, measured = spectrum.frequency, spectrum.impedance

    def residual(trial) -> NDArray[np.float64]:
        difference = circuit.impedance(frequency, _plain(trial.valuesdict())) - measured
        parts = np.concatenate([difference.real * weight.real, difference.imag * weight.imag])
        return np.nan_to_num(parts, nan=1e30, posinf=1e30, neginf=-1e30)

    if not free:
        return Found(dict(fixed), float(np.sum(residual(parameters) ** 2)), (), np.zeros((0, 0)))
    with np.errstate(all="ignore"):
        outcome = lmfit.minimize(residual, parameters, method="leastsq", max_nfev=60 * (len(free) + 1))
        if not outcome.success and outcome.ier not in _NO_BETTER:
            # A parameter that the data leave open wanders for ever: keep it within bounds, and stop where the
            # sum of squares falls by less than 1e-5 of itself, far below its scatter.
            for name in free:
                if not name.endswith("_n"):
                    start = parameters[name].value
                    parameters[name].set(min=start - _FAR, max=start + _FAR)
            outcome = lmfit.minimize(
                residual,
                parameters,
                method="least_squares",
                max_nfev=300 * (len(free) + 1),
                ftol=_FLAT,
                xtol=_FLAT,
            )
    converged = outcome.success or getattr(outcome, "ier", 0) in _NO_BETTER
    if not converged or not np.isfinite(outcome.chisqr):
        raise SolverError(f"circuit {circuit.text}: {outcome.message}", iterations=outcome.nfev)
    covariance = getattr(outcome, "covar", None)
    if covariance is None or not np.all(np.isfinite(covariance)):
        covariance = np.full((len(free), len(free)), np.nan)
    values = _plain(outcome.params.valuesdict())
    return Found(values, float(outcome.chisqr), free, np.asarray(covariance))


def _plain(logarithms: Mapping[str, float]) -> dict[str, float]:
    """Parameters from what is fitted: exponents as they are, the others from their logarithms."""
    return {
        name: float(
            value if name.endswith("_n") else np.exp(np.clip(value, -_LARGEST_LOGARITHM, _LARGEST_LOGARITHM))
        )
        for name, value in logarithms.items()
    }


def _lmfit():
    """The library that fits."""
    try:
        import lmfit
    except ImportError as error:
        raise MissingLibrary(
            f"fitting a circuit needs lmfit ({error}). Install it: pip install 'gbflux[eis]'."
        ) from error
    return lmfit
