"""An impedance spectrum from fit to material: arcs, resistances per area, grain boundaries.

An arc has a resistance R, a time constant τ and a capacitance τ/R. Times thickness over area, the capacitance
says what the arc comes from: grains, grain boundaries or electrodes (J. T. S. Irvine, D. C. Sinclair, A. R.
West, Adv. Mater. 2, 132 (1990), doi:10.1002/adma.19900020304, table 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gbflux import units
from gbflux.errors import InputError
from gbflux.lab.impedance.brick_layer import LEAST_FACTOR, BrickLayer, brick_layer
from gbflux.lab.impedance.circuit import Element, arc_elements, arc_time
from gbflux.lab.impedance.fit import BLOCK_PRESENT, EisFit, block_probabilities, fit_circuit
from gbflux.lab.impedance.spectrum import DEFAULT_LIMIT, FEWEST_FOR_TEST, KKTest, Spectrum, kramers_kronig
from gbflux.lab.stats.uncertainty import Interval

F_PER_M_TO_F_PER_CM = 1e-2
#: Largest capacitance of an arc times thickness over area (F/cm), and where such an arc comes from.
_ORIGINS = ((2e-11, "grain"), (2e-8, "grain boundary"), (math.inf, "electrode"))


@dataclass(frozen=True)
class Cell:
    """The sample.

    Raises
    ------
    InputError
        If one is not positive.
    """

    area: float  # of an electrode (m²)
    thickness: float | None = None  # of the electrolyte (m)

    def __post_init__(self) -> None:
        for name, value, unit in (("area", self.area, "m²"), ("thickness", self.thickness, "m")):
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise InputError(f"cell: {name} must be > 0; got {value:g} {unit}. Give a positive number.")


@dataclass(frozen=True)
class Arc:
    """One R‖C or R‖CPE of a fitted circuit."""

    name: str  # of its resistor
    resistance: Interval  # Ω
    asr: Interval | None  # resistance times area (Ω m²)
    capacitance: float  # effective: C, or (Q R^(1−n))^(1/n) (F)
    specific_capacitance: float | None  # capacitance × thickness / area (F/m)
    frequency: float  # of the top of the arc (Hz)
    exponent: float  # n; 1 with a capacitor
    probability: float  # chance that noise alone would make the arc improve the fit so much
    present: bool  # `probability` < 1e-4 and the data determine its resistance
    # what usually has such a capacitance: ``grain``, ``grain boundary``, ``electrode``; empty where unknown
    origin: str


def find_arcs(fit: EisFit, cell: Cell | None = None) -> tuple[Arc, ...]:
    """Arcs of a fitted circuit, in its order."""
    probabilities = block_probabilities(fit)
    arcs = []
    for place, block in enumerate(fit.circuit.blocks):
        pair = arc_elements(block)
        if pair is None:
            continue
        resistance, time = _interval_of(fit, pair[0].name), arc_time(pair[0], pair[1], fit.values)
        exponent = 1.0 if pair[1].kind == "C" else fit.values[f"{pair[1].name}_n"]
        capacitance = time / resistance.value
        specific = None
        if cell is not None and cell.thickness is not None:
            specific = capacitance * cell.thickness / cell.area
        probability = probabilities[place]
        present = probability < BLOCK_PRESENT and fit[pair[0].name].state != "undetermined"
        arcs.append(
            Arc(
                pair[0].name,
                resistance,
                None if cell is None else resistance.times(cell.area),
                capacitance,
                specific,
                1 / (2 * math.pi * time),
                exponent,
                probability,
                present,
                _origin_of(specific),
            )
        )
    return tuple(arcs)


def _origin_of(specific_capacitance: float | None) -> str:
    """Origin of an arc with such a capacitance (capacitance × thickness / area, F/m); empty if not known.

    >>> _origin_of(4e-10), _origin_of(8.9e-7), _origin_of(1e-4)
    ('grain', 'grain boundary', 'electrode')
    """
    if specific_capacitance is None:
        return ""
    in_f_per_cm = specific_capacitance * F_PER_M_TO_F_PER_CM
    return next(origin for most, origin in _ORIGINS if in_f_per_cm <= most)


def _interval_of(fit: EisFit, name: str) -> Interval:
    """A fitted parameter with its limits."""
    return Interval(fit[name].value, fit[name].low, fit[name].high)


@dataclass(frozen=True)
class EisResult:
    """Fit, arcs, resistances and material of a spectrum."""

    fit: EisFit
    kk: KKTest | None  # None with fewer than 8 points
    arcs: tuple[Arc, ...]  # as in the circuit
    resistors: dict[str, Interval]  # series resistors by name (Ω)
    total: Interval  # sum of all resistances (Ω): the value with limits from the fit's covariance
    cell: Cell | None
    brick_layer: BrickLayer | None
    # names of the resistances taken for grains and grain boundaries; empty without a brick layer
    assigned: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Bricks:
    """Given numbers for the brick-layer inversion."""

    # delta, grain_size: thickness of a boundary, mean size of a grain (m)
    delta: float
    grain_size: float
    # grain, gb: names of the resistances of grains and boundaries; found by their capacitance if left out
    grain: str = ""
    gb: str = ""
    factor: float = LEAST_FACTOR  # uncertainty for the microstructure


def analyse_spectrum(
    spectrum: Spectrum,
    circuit: str = "R0-p(R1,CPE1)-p(R2,CPE2)",
    weighting: str = "modulus",
    cell: Cell | None = None,
    bricks: Bricks | None = None,
    fixed: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    kk_limit: float = DEFAULT_LIMIT,
) -> EisResult:
    """Fit a circuit, test the spectrum, and turn resistances into material.

    Parameters
    ----------
    spectrum : Spectrum
    circuit, weighting, fixed, start
        As for `fit_circuit`.
    cell : Cell, optional
        For resistances per area and conductivities.
    bricks : Bricks, optional
        For the conductivity of the grain boundaries; needs a cell with thickness.
    kk_limit : float, optional
        As for `kramers_kronig`.

    Raises
    ------
    InputError, SolverError, MissingLibrary
        As `fit_circuit`; InputError also if capacitances leave open which arc is which.
    """
    size = None if bricks is None else _size_of(cell)
    fit = fit_circuit(spectrum, circuit, weighting, fixed, start)
    kk = kramers_kronig(spectrum, kk_limit) if len(spectrum.frequency) >= FEWEST_FOR_TEST else None
    arcs = find_arcs(fit, cell)
    resistors = {
        block.name: _interval_of(fit, block.name)
        for block in fit.circuit.blocks
        if isinstance(block, Element) and block.kind == "R"
    }
    found: BrickLayer | None = None
    assigned: tuple[str, ...] = ()
    if bricks is not None and size is not None:
        assigned = _assign(arcs, resistors, bricks)
        found = _bricks(arcs, resistors, size, bricks, assigned)
    warnings = _warnings(fit, kk, arcs, found)
    return EisResult(fit, kk, arcs, resistors, _total_resistance(fit), cell, found, assigned, warnings)


def _size_of(cell: Cell | None) -> tuple[float, float]:
    """Area (m²) and thickness (m) of the sample; raise where one is not given."""
    if cell is None or cell.thickness is None:
        raise InputError("brick layer: needs area and thickness of the sample; got none. Give both.")
    return cell.area, cell.thickness


def _assign(arcs: tuple[Arc, ...], resistors: Mapping[str, Interval], bricks: Bricks) -> tuple[str, str]:
    """Names of the resistances of grains and boundaries: as asked for, or by capacitance.

    Raises
    ------
    InputError
        If a name does not exist, or the capacitances leave it open.
    """
    known = {**{arc.name: arc.origin for arc in arcs}, **dict.fromkeys(resistors, "")}
    for name in (bricks.grain, bricks.gb):
        if name and name not in known:
            raise InputError(
                f"brick layer: must name one of {', '.join(known)}; got '{name}'. Name one of these."
            )
    gb = bricks.gb or _only(
        [arc.name for arc in arcs if arc.origin == "grain boundary" and arc.name != bricks.grain]
    )
    grain = bricks.grain or _only([arc.name for arc in arcs if arc.origin == "grain" and arc.name != gb])
    if not grain and not any(arc.origin == "grain" for arc in arcs):
        grain = _only(
            [name for name in resistors if name != gb]
        )  # the grains' arc lies beyond the frequencies
    if not grain or not gb or grain == gb:
        listed = "; ".join(f"{arc.name} {_capacitance_text(arc)}" for arc in arcs) or "no arcs"
        raise InputError(
            "brick layer: capacitances must show one arc of grains and one of grain boundaries; got "
            f"{listed}. Say which resistance is which (--grain, --gb)."
        )
    return grain, gb


def _total_resistance(fit: EisFit) -> Interval:
    """Sum of all resistances R of a circuit, with limits from the fit's covariance (Ω)."""
    names = [element.name for element in fit.circuit.elements if element.kind == "R"]
    names += [f"{element.name}_R" for element in fit.circuit.elements if element.kind == "Ws"]
    value = sum(fit.values[name] for name in names)
    slopes = np.array([fit.values[name] if name in names else 0.0 for name in fit.free])
    spread = float(np.sqrt(max(slopes @ fit.covariance @ slopes, 0.0))) if len(slopes) else 0.0
    if not np.isfinite(spread):
        return Interval(value, 0.0, math.inf)
    reach = float(stdtrit(fit.degrees_of_freedom, 0.975)) * spread
    return Interval(value, max(value - reach, 0.0), value + reach)


def _only(names: list[str]) -> str:
    """The one name of a list; empty if it has none or several."""
    return names[0] if len(names) == 1 else ""


def _capacitance_text(arc: Arc) -> str:
    """Specific capacitance of an arc and its origin, for messages."""
    specific = (
        f"{arc.specific_capacitance * F_PER_M_TO_F_PER_CM:.2g} F/cm" if arc.specific_capacitance else "?"
    )
    return f"{specific} ({arc.origin or 'unknown'})"


def _bricks(
    arcs: tuple[Arc, ...],
    resistors: Mapping[str, Interval],
    size: tuple[float, float],
    bricks: Bricks,
    assigned: tuple[str, ...],
) -> BrickLayer:
    """The inversion of two named resistances."""
    by_name = {arc.name: arc for arc in arcs}
    resistances = {name: arc.resistance for name, arc in by_name.items()} | dict(resistors)
    for name in assigned:
        if name in by_name and not by_name[name].present:
            raise InputError(
                f"brick layer: the arc of {name} must stand out of the noise; its chance is "
                f"{by_name[name].probability:.2g}. Measure more precisely or use another circuit."
            )
    both = all(name in by_name for name in assigned)
    capacitances = tuple(by_name[name].capacitance for name in assigned) if both else None
    grain, gb = (resistances[name] for name in assigned)
    return brick_layer(grain, gb, *size, bricks.delta, bricks.grain_size, bricks.factor, capacitances)


def _warnings(
    fit: EisFit, kk: KKTest | None, arcs: tuple[Arc, ...], found: BrickLayer | None
) -> tuple[str, ...]:
    """Warnings about the spectrum, its fit and the numbers taken from it."""
    texts = []
    if kk is None:
        texts.append(f"Kramers-Kronig test left out: it needs {FEWEST_FOR_TEST} points")
    elif not kk.consistent:
        texts.append(
            f"the spectrum breaks the Kramers-Kronig relations (residuals of {kk.rms * 100:.2g} % rms, "
            f"{kk.largest * 100:.2g} % at most): the sample drifted, or answered non-linearly; do not trust "
            "the fit"
        )
    if fit.systematic and kk is not None and fit.rms > 1.2 * kk.rms:
        texts.append(
            f"residuals of the fit ({fit.rms * 100:.2g} % rms) follow a pattern: the circuit does not "
            "describe the spectrum"
        )
    undetermined = [p.name for p in fit.parameters if p.state == "undetermined"]
    if undetermined:
        texts.append(
            f"the data do not determine {', '.join(undetermined)}: use a smaller circuit or fix a parameter"
        )
    texts += [
        f"arc {arc.name} does not stand out of the noise (chance {arc.probability:.2g})"
        for arc in arcs
        if arc.probability >= BLOCK_PRESENT
    ]
    low, high = fit.spectrum.frequency.min(), fit.spectrum.frequency.max()
    texts += [
        f"the top of arc {arc.name} ({arc.frequency:.2g} Hz) lies outside the measured frequencies: it is "
        "extrapolated"
        for arc in arcs
        if not low <= arc.frequency <= high
    ]
    if found is None or found.delta_over_d_from_capacitance is None:
        return tuple(texts)
    share, given = found.delta_over_d_from_capacitance, found.delta / found.grain_size
    if not 1 / 4 < share / given < 4:
        sigma = found.sigma_gb_total.value * share * units.S_PER_M_TO_S_PER_CM
        texts.append(
            f"capacitances say δ/d = {share:.2g} (equal permittivities), given is {given:.2g}: "
            f"with the former σ_gb would be {sigma:.2g} S/cm"
        )
    return tuple(texts)
