"""Certified bounds on conductance and local currents, as records for ``result.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gbflux.case import Case
from gbflux.case.cost import certifies
from gbflux.conduction.records import Bracket, LocalCurrent, Solution
from gbflux.measure import ElectrodePart
from gbflux.mesh.records import LayeredMesh
from gbflux.units import OHM_M2_TO_OHM_CM2, S_PER_M_TO_S_PER_CM, UM_TO_M

_IN_SERIES = (
    "sigma_eff is of the electrolyte alone; homogenizing layers or electrode resistances are in series with "
    "it, and the bounds hold for the cell as a whole."
)
_SPOILT = "round-off spoilt the bounds; run.log says more."
_NONLINEAR = (
    "electrodes.kinetics make the current a nonlinear function of the voltage; what is bounded is the "
    "conductance of a linear cell."
)


@dataclass(frozen=True)
class Interval:
    """Two numbers that the true value lies between; None where there are no bounds."""

    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class BracketFacts:
    """Certified bounds; in 2D the keys of the conductance end in ``_S_per_m``, here always in ``_S``.

    Attributes
    ----------
    lower_S, upper_S : float
        Conductance I/ΔV of the whole cell (2D: S/m).
    relative_width : float
        (upper − lower)/upper.
    algebraic_error : float
        Largest error of the iterative solution for the lower bound (S; 2D S/m); taken off already.
    asr_ohm_cm2 : Interval
        Resistance of the whole cell (Ω cm²).
    sigma_eff_S_per_cm : Interval
        Of the electrolyte alone; None where something is in series with it.
    sigma_eff_reason : str or None
        Why there are no bounds on sigma_eff.
    """

    lower_S: float
    upper_S: float
    relative_width: float
    algebraic_error: float
    asr_ohm_cm2: Interval
    sigma_eff_S_per_cm: Interval
    sigma_eff_reason: str | None = None

    def as_dict(self, dimension: int) -> dict[str, Any]:
        """The tree of ``result.json``."""
        tree = asdict(self)
        if dimension == 2:
            tree = {f"{key}_per_m" if key in _CONDUCTANCES else key: value for key, value in tree.items()}
        return tree

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> BracketFacts:
        """The record that `as_dict` described."""
        values = {key.removesuffix("_per_m"): value for key, value in tree.items()}
        for key in ("asr_ohm_cm2", "sigma_eff_S_per_cm"):
            values[key] = Interval(**values[key])
        return cls(**values)


_CONDUCTANCES = ("lower_S", "upper_S")


def bracket_facts(bracket: Bracket, mesh: LayeredMesh, case: Case) -> BracketFacts:
    """Bounds on conductance, resistance and conductivity.

    σ_eff = G L/A where the electrolyte lies bare between ideal electrodes. Elsewhere it is defined by the
    power in the electrolyte, which bounds on the power of the whole cell do not enclose.

    Parameters
    ----------
    bracket : Bracket
        Bounds on the conductance (S; in 2D S/m).
    mesh : LayeredMesh
    case : Case

    Returns
    -------
    BracketFacts
    """
    area = float(np.prod(mesh.size_um[:-1])) * UM_TO_M ** (mesh.dimension - 1)
    length = float(mesh.size_um[-1]) * UM_TO_M
    bare = not mesh.slabs and all(case.ideal_electrodes)
    to_sigma = length / area * S_PER_M_TO_S_PER_CM
    to_asr = area * OHM_M2_TO_OHM_CM2
    return BracketFacts(
        lower_S=bracket.lower,
        upper_S=bracket.upper,
        relative_width=bracket.relative_width,
        algebraic_error=bracket.algebraic_error,
        asr_ohm_cm2=Interval(to_asr / bracket.upper, to_asr / bracket.lower if bracket.lower > 0 else None),
        sigma_eff_S_per_cm=Interval(
            *(g * to_sigma if bare else None for g in (bracket.lower, bracket.upper))
        ),
        sigma_eff_reason=None if bare else _IN_SERIES,
    )


def bracket_reason(case: Case) -> str | None:
    """Return why there can be no bounds on a case that asks for them; None where there can be."""
    return _NONLINEAR if certifies(case) and any(case.electrode_kinetics) else None


@dataclass(frozen=True)
class LocalCertificate:
    """Certified bounds on the current through a part of an electrode; None where there are none.

    Attributes
    ----------
    kind : str
        ``"grain"`` or ``"window"``, a cone about the hottest place.
    electrode : str
        ``"bottom"`` or ``"top"``.
    grain : int or None
        Id of the grain.
    centre_um : tuple of float or None
        Where the window is on the electrode: x, y (2D: x; µm).
    diameter_um : float or None
        Of the window's foot (µm).
    value, lower, upper : float or None
        Weighted mean current density over the electrode's mean: as computed, and its bounds.
    current_A : Interval
        Bounds on the weighted current (A; 2D A/m, where the key ends in ``_A_per_m``).
    reason : str or None
        Why there are no bounds.
    """

    kind: str
    electrode: str
    grain: int | None
    centre_um: tuple[float, ...] | None
    diameter_um: float | None
    value: float
    lower: float | None
    upper: float | None
    current_A: Interval
    reason: str | None = None

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval over the computed value; None without bounds."""
        return None if self.lower is None else (self.upper - self.lower) / (2.0 * self.value)

    def as_dict(self, dimension: int) -> dict[str, Any]:
        """The tree of ``result.json``."""
        ending = "_per_m" if dimension == 2 else ""
        return {key + ending if key == "current_A" else key: value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> LocalCertificate:
        """The record that `as_dict` described."""
        values = {key.removesuffix("_per_m"): value for key, value in tree.items()}
        values["current_A"] = Interval(**values["current_A"])
        if values["centre_um"] is not None:
            values["centre_um"] = tuple(values["centre_um"])
        return cls(**values)


def local_certificates(
    case: Case,
    solution: Solution,
    parts: Sequence[ElectrodePart],
    found: Sequence[LocalCurrent | None],
    current: float,
) -> tuple[LocalCertificate, ...]:
    """Return the certificates of the currents through parts of the electrodes.

    Parameters
    ----------
    case : Case
    solution : Solution
        With the bracket on the conductance, where there is one.
    parts : sequence of ElectrodePart
    found : sequence of LocalCurrent or None
        Bounds for each part; of one with a reason against them they are not looked at.
    current : float
        Through the cell (A; in 2D A/m).
    """
    return tuple(
        _local_certificate(case, solution, part, None if part.reason else bounds, abs(current))
        for part, bounds in zip(parts, found, strict=True)
    )


def _local_certificate(
    case: Case, solution: Solution, part: ElectrodePart, found: LocalCurrent | None, current: float
) -> LocalCertificate:
    """The record of one part.

    Over the mean, what is uncertain is the local and the whole current both; so it is for the local current
    itself where the whole one is applied.
    """
    place = part.kind, part.electrode, part.grain, part.centre_um, part.diameter_um, part.over_mean
    if found is None:
        nonlinear = _NONLINEAR if any(case.electrode_kinetics) else _SPOILT
        return LocalCertificate(*place, None, None, Interval(None, None), part.reason or nonlinear)
    whole = solution.bracket
    shares = found.lower / whole.upper, min(1.0, found.upper / whole.lower) if whole.lower > 0.0 else 1.0
    bottom, top = solution.potentials
    bounds = [abs(top - bottom) * bound for bound in (found.lower, found.upper)]
    if case.applied_current_density is not None:
        bounds = [current * share for share in shares]
    return LocalCertificate(*place, *(share / part.area_share for share in shares), Interval(*bounds))
