"""Arcs of a fitted spectrum: resistance, capacitance, and what usually has such a capacitance."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gbflux.errors import InputError
from gbflux.lab.impedance.brick_layer import Interval
from gbflux.lab.impedance.circuit import arc_elements, arc_time
from gbflux.lab.impedance.fit import BLOCK_PRESENT, EisFit, block_probabilities

F_PER_M_TO_F_PER_CM = 1e-2
#: Capacitance of an arc times thickness over area (F/cm), and what usually has so much: after J. T. S.
#: Irvine, D. C. Sinclair, A. R. West, Adv. Mater. 2, 132 (1990), table 1.
_ORIGINS = ((2e-11, "grain"), (2e-8, "grain boundary"), (math.inf, "electrode"))


@dataclass(frozen=True)
class Cell:
    """The sample.

    Parameters
    ----------
    area : float
        Of an electrode (m²).
    thickness : float, optional
        Of the electrolyte (m).

    Raises
    ------
    InputError
        If one is not positive.
    """

    area: float
    thickness: float | None = None

    def __post_init__(self) -> None:
        for name, value, unit in (("area", self.area, "m²"), ("thickness", self.thickness, "m")):
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise InputError(f"cell: {name} must be > 0; got {value:g} {unit}. Give a positive number.")


@dataclass(frozen=True)
class Arc:
    """One R‖C or R‖CPE of a fitted circuit.

    Parameters
    ----------
    name : str
        Of its resistor.
    resistance : Interval
        Ω.
    asr : Interval or None
        Resistance times area (Ω m²).
    capacitance : float
        Effective: C, or (Q R^(1−n))^(1/n) (F).
    specific_capacitance : float or None
        Capacitance × thickness / area (F/m).
    frequency : float
        Of the top of the arc (Hz).
    exponent : float
        n; 1 with a capacitor.
    probability : float
        Chance that noise alone would make the arc improve the fit so much.
    present : bool
        `probability` < 1e-4 and the data determine its resistance.
    origin : str
        What usually has such a capacitance: ``grain``, ``grain boundary``, ``electrode``; empty where
        unknown.
    """

    name: str
    resistance: Interval
    asr: Interval | None
    capacitance: float
    specific_capacitance: float | None
    frequency: float
    exponent: float
    probability: float
    present: bool
    origin: str


def find_arcs(fit: EisFit, cell: Cell | None = None) -> tuple[Arc, ...]:
    """Arcs of a fitted circuit, in its order."""
    probabilities = block_probabilities(fit)
    arcs = []
    for place, block in enumerate(fit.circuit.blocks):
        pair = arc_elements(block)
        if pair is None:
            continue
        resistance, time = interval_of(fit, pair[0].name), arc_time(block, fit.values)
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
                origin_of(specific),
            )
        )
    return tuple(arcs)


def origin_of(specific_capacitance: float | None) -> str:
    """What usually has such a capacitance (capacitance × thickness / area, F/m); empty where it is not known.

    >>> origin_of(4e-10), origin_of(8.9e-7), origin_of(1e-4)
    ('grain', 'grain boundary', 'electrode')
    """
    if specific_capacitance is None:
        return ""
    in_f_per_cm = specific_capacitance * F_PER_M_TO_F_PER_CM
    return next(origin for most, origin in _ORIGINS if in_f_per_cm <= most)


def interval_of(fit: EisFit, name: str) -> Interval:
    """A fitted parameter with its limits."""
    return Interval(fit[name].value, fit[name].low, fit[name].high)
