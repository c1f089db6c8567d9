"""Complex non-linear least squares: a circuit's parameters from a spectrum, with intervals.

Residuals are weighted, several starts are tried (`first_guesses`), and lmfit does the fit
(Levenberg-Marquardt). Positive parameters are fitted as logarithms, so that their intervals are factors and
never reach zero. The scatter is taken from the residuals (reduced χ² = 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import fdtrc, stdtrit

from gbflux.errors import InputError, MissingLibrary, SolverError
from gbflux.lab.impedance.circuit import (
    BlockLaw,
    Circuit,
    Element,
    Parallel,
    block_law,
    in_order,
    parse_circuit,
)
from gbflux.lab.impedance.spectrum import LEAST_LIKELY, Spectrum, pattern_probability

_UNDETERMINED = 0.5  # relative standard error above which the data do not determine a parameter
_CONFIDENCE = 0.95
#: Chance below which a block of the circuit is taken to be there; small, for its frequency was searched for.
BLOCK_PRESENT = 1e-4
_AT_LIMIT = 0.9995  # exponent from which a CPE is a capacitor
_WEIGHTINGS = ("modulus", "proportional", "unit")
_LEAST_EXPONENT = 0.3
_FLOOR = 0.01  # of |Z|: a part that passes through zero has no relative noise
_SAME = 1e-6  # relative difference of sums of squares of one minimum
_FAR = 9.0  # of a logarithm from its start: a factor of 8000
_FLAT = 1e-5  # relative change at which a fit with an undetermined parameter stops
_NO_BETTER = (6, 7, 8)  # MINPACK: the sum of squares cannot fall any further in this arithmetic
_LARGEST_LOGARITHM = 200.0  # of a parameter that noise drives away
_MOST_COMBINATIONS = 3000
_DRAWS = 400  # for circuits without time constants to search
_SMALLEST_SHARE = 1e-4  # of |Z|: logarithms cannot start at zero

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Values = dict[str, float]  # of parameters, by name


@dataclass(frozen=True)
class FittedParameter:
    """A parameter with its interval of 95 %."""

    name: str
    unit: str
    # value, low, high: in `unit`; low and high are `value` where it was fixed
    value: float
    low: float
    high: float
    stderr: float  # standard error (in `unit`); 0 where fixed
    state: str  # ``fitted``, ``fixed``, ``at limit`` (an exponent of 1) or ``undetermined``


@dataclass(frozen=True)
class EisFit:
    """A fitted circuit."""

    # circuit, spectrum, weighting: as given
    circuit: Circuit
    spectrum: Spectrum
    weighting: str
    parameters: tuple[FittedParameter, ...]
    fitted: Complex  # (n,): impedance of the fitted circuit at the spectrum's frequencies (Ω)
    residual: Complex  # (n,): (measured − fitted)/|measured|
    rms: float  # root mean square of the parts of `residual`
    rss: float  # weighted sum of squares that was minimised
    degrees_of_freedom: int
    free: tuple[str, ...]  # fitted parameters, in the order of `covariance`
    covariance: Array  # (k, k): of the logarithms of positive parameters, and of exponents
    systematic: bool  # True if neighbouring residuals are correlated more than chance allows (1 in 1000)

    @property
    def values(self) -> Values:
        """Value of every parameter, by name."""
        return {parameter.name: parameter.value for parameter in self.parameters}

    def __getitem__(self, name: str) -> FittedParameter:
        """A parameter by name."""
        return next(parameter for parameter in self.parameters if parameter.name == name)


def fit_circuit(
    spectrum: Spectrum,
    circuit: Circuit | str,
    weighting: str = "modulus",
    fixed: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
) -> EisFit:
    """Fit a circuit to a spectrum.

    Parameters
    ----------
    spectrum, circuit
        A circuit may be given as text.
    weighting : str, optional
        ``modulus``: residuals over |Z|; ``proportional``: each part over itself (at least 1 % of |Z|);
        ``unit``: as they are.
    fixed, start : mapping, optional
        Values to keep and values to start from, by parameter name; the others are guessed.

    Returns
    -------
    EisFit
        Alike arcs are numbered from the highest frequency down.

    Raises
    ------
    InputError
        If the circuit, a name or a value cannot be used, or there are too few points.
    SolverError
        If the fit does not converge.
    MissingLibrary
        If lmfit is not installed.
    """
    circuit = parse_circuit(circuit) if isinstance(circuit, str) else circuit
    fixed, start = dict(fixed or {}), dict(start or {})
    _check(circuit, spectrum, weighting, fixed, start)
    weight = _weights(spectrum, weighting)
    best = _best_fit(circuit, spectrum, weight, fixed, start)
    at_limit = [name for name in best.free if name.endswith("_n") and best.values[name] > _AT_LIMIT]
    if at_limit:
        kept = fixed | dict.fromkeys(at_limit, 1.0)
        best = _minimise(circuit, spectrum, weight, kept, best.values | kept)
    values, renamed = in_order(circuit, best.values, fixed)
    free = tuple(renamed.get(name, name) for name in best.free)
    best = _Minimum(values, best.rss, free, best.covariance)
    return _result(circuit, spectrum, weighting, best, {renamed.get(name, name) for name in at_limit})


def block_probabilities(fit: EisFit) -> dict[int, float]:
    """Chance that noise alone makes each parallel block fit so well: F test, one block left out.

    By place in ``fit.circuit.blocks``; compare with `BLOCK_PRESENT`.
    """
    weight, found = _weights(fit.spectrum, fit.weighting), {}
    fixed_names = {p.name for p in fit.parameters if p.state == "fixed"}
    for k, block in enumerate(fit.circuit.blocks):
        if not isinstance(block, Parallel):
            continue
        rest = tuple(other for place, other in enumerate(fit.circuit.blocks) if place != k)
        extra = len(fit.circuit.parameters) - len(Circuit("", rest).parameters)
        if not rest:
            found[k] = 0.0
            continue
        smaller = Circuit(f"{fit.circuit.text} without block {k + 1}", rest)
        fixed = {name: fit.values[name] for name in smaller.parameters if name in fixed_names}
        try:
            without = _best_fit(smaller, fit.spectrum, weight, fixed, {}).rss
        except SolverError:
            found[k] = 0.0
            continue
        ratio = (without - fit.rss) / extra / max(fit.rss / fit.degrees_of_freedom, 1e-300)
        found[k] = float(fdtrc(extra, fit.degrees_of_freedom, max(ratio, 0.0)))
    return found


def _check(circuit: Circuit, spectrum: Spectrum, weighting: str, fixed: Values, start: Values) -> None:
    """Raise unless everything asked for can be done."""
    if weighting not in _WEIGHTINGS:
        raise InputError(
            f"weighting: must be one of {', '.join(_WEIGHTINGS)}; got '{weighting}'. Choose one."
        )
    for name, value in [*fixed.items(), *start.items()]:
        if name not in circuit.parameters:
            raise InputError(
                f"parameter {name}: must be one of {', '.join(circuit.parameters)}; circuit {circuit.text} "
                "has no such. Name one of these."
            )
        highest = 1.0 if name.endswith("_n") else np.inf
        if not (0 < value <= highest) or not np.isfinite(value):
            limit = " and ≤ 1" if name.endswith("_n") else ""
            raise InputError(f"parameter {name}: must be > 0{limit}; got {value:g}. Give another value.")
    free = len(circuit.parameters) - len(fixed)
    if 2 * len(spectrum.frequency) < free + 4:
        raise InputError(
            f"{spectrum.source}: must have more numbers than circuit {circuit.text} has parameters "
            f"({free}), by 4 at least; got {len(spectrum.frequency)} points. "
            "Use a smaller circuit or fix parameters."
        )


def _result(
    circuit: Circuit, spectrum: Spectrum, weighting: str, best: _Minimum, at_limit: set[str]
) -> EisFit:
    """Values, intervals and residuals."""
    dof = 2 * len(spectrum.frequency) - len(best.free)
    reach = float(stdtrit(dof, (1 + _CONFIDENCE) / 2))
    deviations = dict(zip(best.free, np.sqrt(np.abs(np.diag(best.covariance))), strict=True))
    parameters = []
    for name in circuit.parameters:
        value, unit = best.values[name], circuit.unit(name)
        blank = FittedParameter(
            name, unit, value, value, value, 0.0, "at limit" if name in at_limit else "fixed"
        )
        parameters.append(_with_interval(blank, deviations[name], reach) if name in deviations else blank)
    fitted = circuit.impedance(spectrum.frequency, best.values)
    residual = (spectrum.impedance - fitted) / np.abs(spectrum.impedance)
    order = np.argsort(spectrum.frequency, kind="stable")
    systematic = pattern_probability(residual.real[order], residual.imag[order]) < LEAST_LIKELY
    rms = float(np.sqrt(np.mean(np.concatenate([residual.real, residual.imag]) ** 2)))
    numbers = best.rss, dof, best.free, best.covariance, systematic
    return EisFit(circuit, spectrum, weighting, tuple(parameters), fitted, residual, rms, *numbers)


def _with_interval(parameter: FittedParameter, deviation: float, reach: float) -> FittedParameter:
    """A parameter with standard error and interval."""
    value = parameter.value
    if parameter.name.endswith("_n"):
        low, high, error = value - reach * deviation, value + reach * deviation, deviation
        known = np.isfinite(deviation) and deviation < _UNDETERMINED / 2
    else:
        with np.errstate(over="ignore"):
            low, high = value * np.exp(-reach * deviation), value * np.exp(reach * deviation)
        error, known = value * deviation, np.isfinite(deviation) and deviation < _UNDETERMINED
    state = "fitted" if known else "undetermined"
    return replace(parameter, low=float(low), high=float(high), stderr=float(error), state=state)


def _weights(spectrum: Spectrum, weighting: str) -> Complex:
    """Factors of the residuals (1/Ω): real part for the real part, imaginary part for the imaginary one."""
    z = spectrum.impedance
    if weighting == "modulus":
        return (1 + 1j) / np.abs(z)
    if weighting == "proportional":
        floor = _FLOOR * np.abs(z)
        return 1 / np.maximum(np.abs(z.real), floor) + 1j / np.maximum(np.abs(z.imag), floor)
    return np.full(z.shape, (1 + 1j) / float(np.median(np.abs(z))))


@dataclass(frozen=True)
class _Minimum:
    """End of a minimisation: parameters, weighted sum of squares, free parameters and their covariance."""

    values: Values
    rss: float
    free: tuple[str, ...]
    covariance: Array


def _best_fit(
    circuit: Circuit, spectrum: Spectrum, weight: Complex, fixed: Values, start: Values
) -> _Minimum:
    """The lowest of the minima reached from several starts; stops when two agree."""
    guesses = first_guesses(circuit, spectrum, weight)
    if start:
        guesses = [guesses[0] | start, *guesses]
    found: list[_Minimum] = []
    for guess in guesses:
        try:
            found.append(_minimise(circuit, spectrum, weight, fixed, guess | fixed))
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


def _minimise(
    circuit: Circuit, spectrum: Spectrum, weight: Complex, fixed: Values, guess: Values
) -> _Minimum:
    """One run of Levenberg-Marquardt."""
    try:
        import lmfit
    except ImportError as error:
        raise MissingLibrary(
            f"fitting a circuit needs lmfit ({error}). Install it: pip install 'gbflux[eis]'."
        ) from error
    parameters = lmfit.Parameters()
    for name in circuit.parameters:
        if not name.endswith("_n"):
            parameters.add(name, value=np.log(guess[name]), vary=name not in fixed)
        elif name in fixed:
            parameters.add(name, value=guess[name], vary=False)
        else:
            value = min(max(guess[name], _LEAST_EXPONENT + 0.01), 0.995)
            parameters.add(name, value=value, min=_LEAST_EXPONENT, max=1.0)
    free = tuple(name for name in circuit.parameters if name not in fixed)
    frequency, measured = spectrum.frequency, spectrum.impedance

    def residual(trial: Any) -> Array:
        difference = circuit.impedance(frequency, _plain(trial.valuesdict())) - measured
        found: Array = np.nan_to_num(_column(difference, weight), nan=1e30, posinf=1e30, neginf=-1e30)
        return found

    if not free:
        return _Minimum(dict(fixed), float(np.sum(residual(parameters) ** 2)), (), np.zeros((0, 0)))
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
    return _Minimum(values, float(outcome.chisqr), free, np.asarray(covariance))


def _plain(logarithms: Mapping[str, float]) -> Values:
    """Parameters from what is fitted: exponents as they are, the others from their logarithms."""
    return {
        name: float(
            value if name.endswith("_n") else np.exp(np.clip(value, -_LARGEST_LOGARITHM, _LARGEST_LOGARITHM))
        )
        for name, value in logarithms.items()
    }


def first_guesses(circuit: Circuit, spectrum: Spectrum, weight: Complex, wanted: int = 4) -> list[Values]:
    """Starting values for a fit, the most promising first.

    With time constants and exponents fixed, most circuits are linear in what is left: resistances,
    inductances, the reciprocals of capacitances. Time constants are tried on a grid, what is left comes from
    non-negative least squares. Circuits that are not so (nested ones) draw from a seeded generator.
    """
    blocks = [block for block in map(block_law, circuit.blocks) if block is not None]
    if len(blocks) < len(circuit.blocks):
        return _drawn(circuit, spectrum, weight, wanted)
    omega = 2 * np.pi * spectrum.frequency
    timed = [k for k, block in enumerate(blocks) if block.timed]
    grid = _time_grid(omega, len(timed))
    target = _column(spectrum.impedance, weight)
    columns = [_column(block.shape(omega, 1.0), weight) for block in blocks]
    moving = {k: [_column(blocks[k].shape(omega, tau), weight) for tau in grid] for k in timed}
    # alike blocks change places freely: one order of their time constants will do
    alike = len({blocks[k].kind for k in timed}) <= 1
    choices = (combinations if alike else permutations)(range(len(grid)), len(timed))
    found = []
    for choice in choices:
        for k, place in zip(timed, choice, strict=True):
            columns[k] = moving[k][place]
        amplitudes, misfit = nnls(np.column_stack(columns), target)
        found.append((misfit, choice, amplitudes))
    found.sort(key=lambda entry: entry[0])
    return [
        _with_amplitudes(blocks, amplitudes, dict(zip(timed, grid[list(choice)], strict=True)), spectrum)
        for _, choice, amplitudes in found[:wanted]
    ]


def _with_amplitudes(
    blocks: list[BlockLaw], amplitudes: Array, times: dict[int, float], spectrum: Spectrum
) -> Values:
    """Parameters of one combination; what came out as zero becomes small instead."""
    omega, modulus = 2 * np.pi * spectrum.frequency, float(np.abs(spectrum.impedance).max())
    guess: Values = {}
    for k, block in enumerate(blocks):
        time = float(times.get(k, 1.0))
        scale = modulus / float(np.abs(block.shape(omega, time)).max())
        guess |= block.values(max(float(amplitudes[k]), _SMALLEST_SHARE * scale), time)
    return guess


def _time_grid(omega: Array, count: int) -> Array:
    """Time constants (s) to try: three a decade, or fewer if there were too many combinations."""
    low, high = 0.3 / omega.max(), 3 / omega.min()
    points = max(count + 1, int(3 * np.log10(high / low)) + 1)
    while points > count + 2 and points**count > _MOST_COMBINATIONS * (6 if count > 2 else 1):
        points -= 1
    return np.geomspace(low, high, points)


def _column(z: Complex, weight: Complex) -> Array:
    """Weighted real parts above weighted imaginary ones (2n,)."""
    return np.concatenate([z.real * weight.real, z.imag * weight.imag])


def _drawn(circuit: Circuit, spectrum: Spectrum, weight: Complex, wanted: int) -> list[Values]:
    """The best of many draws over the scales of the spectrum."""
    rng = np.random.default_rng(len(circuit.text))  # any fixed seed: equal circuits are fitted alike
    omega, modulus = 2 * np.pi * spectrum.frequency, np.abs(spectrum.impedance)
    low_z, high_z = float(modulus.min()) / 5, float(modulus.max()) * 2
    found = []
    for _ in range(_DRAWS):
        guess: Values = {}
        for element in circuit.elements:
            guess |= _draw(element, rng, (low_z, high_z), (float(omega.min()), float(omega.max())))
        difference = circuit.impedance(spectrum.frequency, guess) - spectrum.impedance
        misfit = np.sum((difference.real * weight.real) ** 2 + (difference.imag * weight.imag) ** 2)
        found.append((float(misfit) if np.isfinite(misfit) else np.inf, guess))
    found.sort(key=lambda entry: entry[0])
    return [guess for _, guess in found[: 3 * wanted]]


def _draw(
    element: Element, rng: np.random.Generator, impedances: tuple[float, float], omegas: tuple[float, float]
) -> Values:
    """Parameters of one element such that its impedance lies on the scale of the spectrum."""
    z = float(np.exp(rng.uniform(*np.log(impedances))))
    omega = float(np.exp(rng.uniform(*np.log(omegas))))
    name = element.name
    if element.kind == "CPE":
        n = float(rng.uniform(0.6, 1.0))
        return {f"{name}_Q": omega**-n / z, f"{name}_n": n}
    if element.kind in ("Ws", "Wo"):
        return {f"{name}_R": z, f"{name}_tau": 1 / omega}
    return {name: {"R": z, "C": 1 / (omega * z), "L": z / omega, "W": z * omega**0.5}[element.kind]}
