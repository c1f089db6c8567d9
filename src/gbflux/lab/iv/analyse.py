"""Numbers of the I–V curves of one file."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.lab.contact import filament
from gbflux.lab.iv.ohmic import Compliance, OhmicFit, find_compliance, fit_branches
from gbflux.lab.iv.sweeps import Curve, curves_of
from gbflux.lab.iv.trigger import FROM_START, NO_BRANCH, TRIGGERED, Trigger, find_triggers
from gbflux.lab.readers.tables import Table
from gbflux.lab.stats.noise import quantisation
from gbflux.lab.stats.uncertainty import Measured

_SAME_RESISTANCE = 0.10  # relative difference
_LARGE_OFFSET = 100.0  # standard deviations of the noise
_CONDUCTING = (TRIGGERED, FROM_START, NO_BRANCH)
#: Conductivity of the filament by default (S/m).
SIGMA = filament.LITHIUM_CONDUCTIVITY_S_PER_M


@dataclass(frozen=True)
class CurveResult:
    """Numbers of one curve.

    Attributes
    ----------
    curve : Curve
    trigger : Trigger
    compliance : Compliance or None
        The current limit that was reached.
    ohmic : OhmicFit or None
        Of the branch that comes back; None without one that conducts.
    diameter, diameter_error : float or None
        Of the filament, from resistance, length and conductivity, and the errors of all three (m).
    flags : tuple of str
        What a reader must know before using the numbers.
    """

    curve: Curve
    trigger: Trigger
    compliance: Compliance | None
    ohmic: OhmicFit | None
    diameter: float | None
    diameter_error: float | None
    flags: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON, in SI with the unit in the key."""
        trigger, noise = self.trigger, self.trigger.noise
        low, high = trigger.interval or (None, None)
        return {
            "curve": self.curve.number,
            "polarity": "negative" if self.curve.polarity < 0 else "positive",
            "points": len(self.curve.voltage),
            "limit_V": trigger.limit,
            "step_V": self.curve.step,
            "outcome": trigger.outcome,
            "triggering_bias_V": trigger.bias,
            "triggering_bias_low_V": low,
            "triggering_bias_high_V": high,
            "noise_A": noise.sigma if noise else None,
            "offset_A": noise.offset if noise else None,
            "leakage_S": noise.leakage if noise else None,
            "compliance_A": self.compliance.current if self.compliance else None,
            "ohmic": asdict(self.ohmic) if self.ohmic else None,
            "filament_diameter_m": self.diameter,
            "filament_diameter_error_m": self.diameter_error,
            "flags": list(self.flags),
        }


@dataclass(frozen=True)
class IVResult:
    """Numbers of one file.

    Attributes
    ----------
    source : str
    notes : tuple of str
        What was taken for what.
    curves : tuple of CurveResult
    """

    source: str
    notes: tuple[str, ...]
    curves: tuple[CurveResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return {
            "source": self.source,
            "notes": list(self.notes),
            "curves": [c.as_dict() for c in self.curves],
        }


def analyse_iv(
    table: Table,
    *,
    polarity: int | None = None,
    compliance: float | None = None,
    thickness: float | Measured | None = None,
    sigma: float | Measured = SIGMA,
    area: float | None = None,
    seed: int = 0,
) -> IVResult:
    """Triggering bias, compliance, back-scan resistance and filament diameter of every curve of a file.

    Parameters
    ----------
    table : Table
        From `gbflux.lab.readers.tables.read_table`.
    polarity : int, optional
        −1 or 1 for the curves of that sign alone.
    compliance : float, optional
        Current limit of the instrument (A); found from the plateau if left out.
    thickness : float or Measured, optional
        Length of the filament: thickness of the electrolyte (m). Without it no diameter.
    sigma : float or Measured, optional
        Conductivity of the filament (S/m).
    area : float, optional
        Of the electrode (m²); needed where the file has current densities.
    seed : int, optional
        Of the bootstrap.

    Returns
    -------
    IVResult

    Raises
    ------
    InputError
        If the file holds no curve of that polarity, or a number is not positive.
    """
    length = Measured(thickness) if isinstance(thickness, int | float) else thickness
    sigma = sigma if isinstance(sigma, Measured) else Measured(sigma)
    for name, value in (
        ("compliance", compliance),
        ("thickness", length and length.value),
        ("sigma", sigma.value),
    ):
        if value is not None and not (value > 0 and np.isfinite(value)):
            raise InputError(f"iv: {name} must be > 0; got {value:g}. Give a positive number.")
    table = table if area is None else table.of_area(area)
    curves, notes = curves_of(table, polarity)
    rng = np.random.default_rng(seed)
    triggers = find_triggers(curves, rng)
    limits = [_limit(curve, trigger, compliance) for curve, trigger in zip(curves, triggers, strict=True)]
    fits = _back_fits(curves, triggers, [at_limit for _, at_limit in limits])
    results = tuple(
        _result(*numbers, length, sigma) for numbers in zip(curves, triggers, limits, fits, strict=True)
    )
    return IVResult(table.source, (*table.notes, *notes), results)


def _limit(
    curve: Curve, trigger: Trigger, given: float | None
) -> tuple[Compliance | None, NDArray[np.bool_]]:
    """Current limit, and the points at it; without a filament only a given one counts."""
    found, at_limit = find_compliance(curve.voltage, curve.current, given)
    if found is not None and not found.given and trigger.outcome not in _CONDUCTING:
        return None, np.zeros(len(at_limit), dtype=bool)
    return found, at_limit


def _result(
    curve: Curve,
    trigger: Trigger,
    limit: tuple[Compliance | None, NDArray[np.bool_]],
    fit: OhmicFit | None,
    length: Measured | None,
    sigma: Measured,
) -> CurveResult:
    """Numbers of one curve, with the filament's diameter."""
    diameter = error = None
    if fit is not None and length is not None:
        diameter = filament.diameter(fit.resistance, length.value, sigma.value)
        relative = [fit.resistance_error / fit.resistance]
        relative += [part.error / part.value for part in (length, sigma)]
        error = diameter / 2 * math.hypot(*relative)  # d ~ √(L/(σR))
    flags = _flags(curve, trigger, *limit, fit)
    return CurveResult(curve, trigger, limit[0], fit, diameter, error, flags)


def _back_fits(
    curves: tuple[Curve, ...], triggers: tuple[Trigger, ...], at_limits: list[NDArray[np.bool_]]
) -> list[OhmicFit | None]:
    """Fits of the branches that come back, without the current limit; none where nothing conducts."""
    rows, branches, floors = [], [], []
    for row, (curve, trigger, limited) in enumerate(zip(curves, triggers, at_limits, strict=True)):
        if trigger.outcome not in _CONDUCTING:
            continue
        begin = curve.turn
        if limited[begin:].any():  # nothing before the limit is left for good
            begin += int(np.flatnonzero(limited[begin:])[-1]) + 1
        rows.append(row)
        branches.append((curve.voltage[begin:], curve.current[begin:]))
        floors.append(trigger.noise.sigma if trigger.noise else quantisation(curve.current))
    fits: list[OhmicFit | None] = [None] * len(curves)
    for row, fit in zip(rows, fit_branches(branches, floors), strict=True):
        fits[row] = fit
    return fits


def _flags(
    curve: Curve,
    trigger: Trigger,
    compliance: Compliance | None,
    at_limit: NDArray[np.bool_],
    fit: OhmicFit | None,
) -> tuple[str, ...]:
    """Doubts about the numbers of a curve, in words."""
    flags = []
    if trigger.index is not None and trigger.index >= curve.turn:
        flags.append("triggered after the turning point: the bias is the limit of the sweep")
    if fit is not None and not fit.ohmic:
        flags.append(
            f"the back scan is not ohmic: R² {fit.r_squared:.4f}, runs p {fit.runs_p:.1g}, "
            f"curvature p {fit.curvature_p:.1g}"
        )
    if fit is not None and compliance is not None:
        flags += _limit_flags(curve, trigger, compliance, fit)
    noise = trigger.noise
    if noise is not None and abs(noise.offset) > _LARGE_OFFSET * noise.sigma:
        flags.append(f"current at 0 V is {noise.offset:.3g} A, far above the noise: check the offset")
    back = at_limit[curve.turn :]
    if fit is None and len(back) and back.mean() > 0.5:
        flags.append("the back scan stays at the current limit: no resistance can be read from it")
    return tuple(flags)


def _limit_flags(curve: Curve, trigger: Trigger, compliance: Compliance, fit: OhmicFit) -> list[str]:
    """Doubts about a resistance that is no more than a voltage of the sweep over the current limit."""
    voltages = {"triggering bias": trigger.bias, "limit of the sweep": curve.limit}
    flags = []
    for name, voltage in voltages.items():
        ratio = abs(voltage) / compliance.current if voltage else 0.0
        if ratio and abs(fit.resistance / ratio - 1) <= _SAME_RESISTANCE:
            flags.append(
                f"resistance {fit.resistance:.4g} Ω equals {name} / compliance = {ratio:.4g} Ω within "
                f"{_SAME_RESISTANCE:.0%}: the instrument may have set it; repeat with another limit"
            )
    return flags
