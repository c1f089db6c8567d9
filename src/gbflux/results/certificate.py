"""Certified bounds on conductance and local currents, as records for ``result.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gbflux.case import Case
from gbflux.case.cost import certifies
from gbflux.conduction.records import Bracket, LocalCurrent, Solution
from gbflux.measure import ElectrodePart
from gbflux.measure.metrics import metric
from gbflux.measure.transport import BracketFacts, Interval, cross_section
from gbflux.mesh import Mesh
from gbflux.units import OHM_M2_TO_OHM_CM2, S_PER_M_TO_S_PER_CM, UM_TO_M

_IN_SERIES = (
    "sigma_eff is of the electrolyte alone; homogenizing layers or electrode resistances are in series with "
    "it, and the bounds hold for the cell as a whole."
)
_SPOILT = "round-off spoilt the bounds; run.log says more."
_BOUNDS = (
    "what the true one lies between. Both currents, the local one and the mean, are at their worst in it"
)
_NONLINEAR = (
    "electrodes.kinetics make the current a nonlinear function of the voltage; what is bounded is the "
    "conductance of a linear cell."
)


def bracket_facts(bracket: Bracket, mesh: Mesh, case: Case) -> BracketFacts:
    """Bounds on conductance, resistance and conductivity.

    σ_eff = G L/A where the electrolyte lies bare between ideal electrodes. Elsewhere it is defined by the
    power in the electrolyte, which bounds on the power of the whole cell do not enclose.

    Parameters
    ----------
    bracket : Bracket
        Bounds on the conductance (S; in 2D S/m).
    """
    area = cross_section(mesh)
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
    """Certified bounds on the current through a part of an electrode; None where there are none."""

    kind: str = metric(
        definition="`grain`: w = 1 on the nodes the grain owns, so that the current is the sum of their "
        "reactions. `window`: a cone, w = max(0, 1 − 2|x − x₀|/ℓ) at the nodes, x₀ the node whose disc of "
        "diameter ℓ has the largest mean; not the disc itself, whose sharp rim has no finite energy"
    )
    electrode: str = metric(definition="`bottom` or `top`")
    grain: int | None = metric(definition="id; null for a window")
    centre_um: tuple[float, ...] | None = metric(unit="µm", definition="x₀ (x, y; in 2D x); null for a grain")
    diameter_um: float | None = metric(unit="µm", definition="ℓ; null for a grain")
    value: float = metric(
        kind="mean",
        definition="∫ w j ds/∫ w ds over the mean current density of the electrode, as computed from "
        "reactions",
    )
    lower: float | None = metric(kind="bound", definition=_BOUNDS)
    upper: float | None = metric(kind="bound", definition=_BOUNDS)
    current_A: Interval = metric(
        unit="A",
        per_depth=True,
        definition="bounds on ∫ w j ds; where a current is applied, on the part's share of it",
    )
    reason: str | None = metric(default=None, definition="why there are no bounds; null where there are")

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval over the computed value; None without bounds."""
        if self.lower is None or self.upper is None:
            return None
        return (self.upper - self.lower) / (2.0 * self.value)


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
    solution : Solution
        With the bracket on the conductance, where there is one.
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
    whole = solution.bracket
    if found is None or whole is None:
        nonlinear = _NONLINEAR if any(case.electrode_kinetics) else _SPOILT
        return LocalCertificate(*place, None, None, Interval(None, None), part.reason or nonlinear)
    shares = found.lower / whole.upper, min(1.0, found.upper / whole.lower) if whole.lower > 0.0 else 1.0
    bottom, top = solution.potentials
    bounds = [abs(top - bottom) * bound for bound in (found.lower, found.upper)]
    if case.applied_current_density is not None:
        bounds = [current * share for share in shares]
    lower, upper = (share / part.area_share for share in shares)
    return LocalCertificate(*place, lower, upper, Interval(*bounds))
