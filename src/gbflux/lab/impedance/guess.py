"""A first guess for the parameters of a circuit, from the spectrum alone.

With time constants and exponents fixed, most circuits are linear in what is left: resistances, inductances,
the reciprocals of capacitances. Time constants are tried on a grid, what is left comes from non-negative
least squares, and the best combinations are handed to the fit. Circuits that are not so (nested ones) draw
from a seeded generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from gbflux.lab.impedance.circuit import Circuit, Element, Parallel, Part, Series, elements_of
from gbflux.lab.impedance.spectrum import Spectrum

_FIRST_EXPONENT = 0.9
_MOST_COMBINATIONS = 3000
_DRAWS = 400  # for circuits without time constants to search
_SMALLEST_SHARE = 1e-4  # of |Z|: logarithms cannot start at zero

Build = Callable[[float], dict[str, float]]


@dataclass(frozen=True)
class _Block:
    """One block of the circuit: its impedance at amplitude 1, and the parameters that an amplitude means."""

    timed: bool
    shape: Callable[[NDArray[np.float64], float], NDArray[np.complex128]]
    values: Callable[[float, float], dict[str, float]]  # of amplitude and time constant


def first_guesses(
    circuit: Circuit, spectrum: Spectrum, weight: NDArray, wanted: int = 4
) -> list[dict[str, float]]:
    """Starting values for a fit, the most promising first.

    Parameters
    ----------
    circuit : Circuit
    spectrum : Spectrum
    weight : (n,) complex array
        Factors of the real and the imaginary part of the residual.
    wanted : int, optional
        How many at most.

    Returns
    -------
    list of dict
        A positive value for every parameter.
    """
    blocks = [_block(part) for part in circuit.blocks]
    if any(block is None for block in blocks):
        return _drawn(circuit, spectrum, weight, wanted)
    return _separable(blocks, spectrum, weight, wanted)


def _separable(
    blocks: list[_Block], spectrum: Spectrum, weight: NDArray, wanted: int
) -> list[dict[str, float]]:
    """Combinations of time constants on a grid, amplitudes by non-negative least squares."""
    omega = 2 * np.pi * spectrum.frequency
    timed = [k for k, block in enumerate(blocks) if block.timed]
    grid = _time_grid(omega, len(timed))
    target = np.concatenate([spectrum.impedance.real * weight.real, spectrum.impedance.imag * weight.imag])
    fixed = {k: _column(block.shape(omega, 1.0), weight) for k, block in enumerate(blocks) if not block.timed}
    moving = {k: [_column(blocks[k].shape(omega, tau), weight) for tau in grid] for k in timed}
    alike = len({blocks[k].shape for k in timed}) <= 1
    found = []
    for choice in _choices(len(grid), len(timed), alike):
        columns = [None] * len(blocks)
        for k, column in fixed.items():
            columns[k] = column
        for k, place in zip(timed, choice, strict=True):
            columns[k] = moving[k][place]
        amplitudes, misfit = nnls(np.column_stack(columns), target)
        found.append((misfit, choice, amplitudes))
    found.sort(key=lambda entry: entry[0])
    modulus = float(np.abs(spectrum.impedance).max())
    guesses = []
    for _, choice, amplitudes in found[:wanted]:
        times = dict(zip(timed, (grid[place] for place in choice), strict=True))
        guesses.append(_values(blocks, amplitudes, times, modulus, omega))
    return guesses


def _values(blocks, amplitudes, times, modulus, omega) -> dict[str, float]:
    """Parameters of one combination; what came out as zero becomes small instead."""
    guess: dict[str, float] = {}
    for k, block in enumerate(blocks):
        scale = modulus / float(np.abs(block.shape(omega, times.get(k, 1.0))).max())
        amplitude = max(float(amplitudes[k]), _SMALLEST_SHARE * scale)
        guess |= block.values(amplitude, times.get(k, 1.0))
    return guess


def _choices(points: int, count: int, alike: bool):
    """Places on the grid for `count` time constants, increasing where the blocks are alike."""
    if alike:
        return combinations(range(points), count)
    from itertools import product

    return (choice for choice in product(range(points), repeat=count) if len(set(choice)) == count)


def _time_grid(omega: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Time constants (s) to try: three a decade, or fewer if there were too many combinations."""
    low, high = 0.3 / omega.max(), 3 / omega.min()
    points = max(count + 1, int(3 * np.log10(high / low)) + 1)
    while points > count + 2 and points**count > _MOST_COMBINATIONS * (6 if count > 2 else 1):
        points -= 1
    return np.geomspace(low, high, points)


def _column(shape: NDArray[np.complex128], weight: NDArray) -> NDArray[np.float64]:
    """Weighted real parts above weighted imaginary ones (2n,)."""
    return np.concatenate([shape.real * weight.real, shape.imag * weight.imag])


def _block(part: Part) -> _Block | None:
    """Block as a law of one amplitude and one time constant; None if it is no such law."""
    if isinstance(part, Element):
        return _element_block(part)
    if isinstance(part, Parallel) and all(isinstance(branch, Element) for branch in part.branches):
        kinds = sorted(branch.kind for branch in part.branches)
        if kinds in (["C", "R"], ["CPE", "R"]):
            return _arc_block(part)
    return None


def _element_block(element: Element) -> _Block:
    """Law of a single element; only finite diffusion has a time constant."""
    name = element.name
    one = {"R": _resistor, "L": _inductor, "W": _warburg}
    if element.kind in one:
        return _Block(False, one[element.kind], lambda amplitude, tau: {name: amplitude})
    if element.kind == "C":
        return _Block(False, _capacitor, lambda amplitude, tau: {name: 1 / amplitude})
    if element.kind == "CPE":
        return _Block(
            False,
            _constant_phase,
            lambda amplitude, tau: {f"{name}_Q": 1 / amplitude, f"{name}_n": _FIRST_EXPONENT},
        )

    def diffusion(omega, tau):
        return element.impedance(omega, {f"{name}_R": 1.0, f"{name}_tau": tau})

    return _Block(True, diffusion, lambda amplitude, tau: {f"{name}_R": amplitude, f"{name}_tau": tau})


def _arc_block(part: Parallel) -> _Block:
    """Law of a resistor beside a capacitor (Debye) or CPE (Cole–Cole)."""
    resistor = next(branch.name for branch in part.branches if branch.kind == "R")
    other = next(branch for branch in part.branches if branch.kind != "R")
    if other.kind == "C":
        return _Block(True, _debye, lambda r, tau: {resistor: r, other.name: tau / r})
    return _Block(
        True,
        _cole_cole,
        lambda r, tau: {
            resistor: r,
            f"{other.name}_Q": tau**_FIRST_EXPONENT / r,
            f"{other.name}_n": _FIRST_EXPONENT,
        },
    )


def _resistor(omega, tau):
    """Impedance of 1 Ω."""
    return np.ones(omega.shape, complex)


def _inductor(omega, tau):
    """Impedance of 1 H."""
    return 1j * omega


def _warburg(omega, tau):
    """Impedance of diffusion without end, A = 1 Ω s^-½."""
    return (1 - 1j) / np.sqrt(omega)


def _capacitor(omega, tau):
    """Impedance of 1 F."""
    return 1 / (1j * omega)


def _constant_phase(omega, tau):
    """Impedance of a CPE, Q = 1."""
    return (1j * omega) ** -_FIRST_EXPONENT


def _debye(omega, tau):
    """Impedance of an RC arc, R = 1 Ω."""
    return 1 / (1 + 1j * omega * tau)


def _cole_cole(omega, tau):
    """Impedance of a depressed arc, R = 1 Ω."""
    return 1 / (1 + (1j * omega * tau) ** _FIRST_EXPONENT)


def _drawn(circuit: Circuit, spectrum: Spectrum, weight: NDArray, wanted: int) -> list[dict[str, float]]:
    """The best of many draws over the scales of the spectrum."""
    rng = np.random.default_rng(len(circuit.text))  # any fixed seed: equal circuits are fitted alike
    omega, modulus = 2 * np.pi * spectrum.frequency, np.abs(spectrum.impedance)
    low_z, high_z = float(modulus.min()) / 5, float(modulus.max()) * 2
    found = []
    for _ in range(_DRAWS):
        guess = {}
        for element in elements_of(Series(circuit.blocks)):
            guess |= _draw(element, rng, (low_z, high_z), (float(omega.min()), float(omega.max())))
        difference = circuit.impedance(spectrum.frequency, guess) - spectrum.impedance
        misfit = np.sum((difference.real * weight.real) ** 2 + (difference.imag * weight.imag) ** 2)
        found.append((float(misfit) if np.isfinite(misfit) else np.inf, guess))
    found.sort(key=lambda entry: entry[0])
    return [guess for _, guess in found[: 3 * wanted]]


def _draw(element: Element, rng, impedances, omegas) -> dict[str, float]:
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
