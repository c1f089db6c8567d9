"""Targets of refinement: how far a round is from one, and where its mesh has to become finer.

A target answers three questions about a round: how far it is from what was asked for (`standing`), what each
cell contributes to that (`indicator`), and what is said of it (`words`). `refinement` knows no more of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gbflux.case import Case
from gbflux.conduction import Bracket, LocalCurrent, Solution
from gbflux.errors import SolverError
from gbflux.measure import HotSpots, Measurement
from gbflux.measure.estimated_errors import indicator
from gbflux.mesh import BuiltMesh
from gbflux.results.certificate import LocalCertificate
from gbflux.results.fields import Snapshot

#: Measures whose estimated errors count, by name; of windows those of these diameters.
MEASURES = (
    "p95_over_mean",
    "p99_over_mean",
    "rms_over_mean",
    "gini",
    "grain_max_over_mean",
    "grain_max_over_median",
    "grain_max_over_mean_area_cut",
)
WINDOWS = ("1_um", "3_um")
#: A Gini coefficient below this counts as this: an even current needs no more digits.
EVEN = 0.02
#: Cells over those of an earlier mesh from which on a change between the two says something.
GROWN = 1.2


@dataclass(frozen=True)
class Solved:
    """A case solved on one mesh; all but the solution on rank 0 only.

    Attributes
    ----------
    built : BuiltMesh or None
    solution : Solution
    snapshot : Snapshot or None
    certificates : tuple of LocalCertificate
        Of the local currents that were bounded.
    local_currents : tuple of LocalCurrent or None
        The bounds of each that was tried.
    """

    built: BuiltMesh | None
    solution: Solution
    snapshot: Snapshot | None
    certificates: tuple[LocalCertificate, ...] = ()
    local_currents: tuple[LocalCurrent | None, ...] = ()

    @property
    def root_mesh(self) -> BuiltMesh:
        """The mesh, on rank 0."""
        assert self.built is not None
        return self.built

    @property
    def root_snapshot(self) -> Snapshot:
        """The snapshot, on rank 0."""
        assert self.snapshot is not None
        return self.snapshot

    @property
    def root_bracket(self) -> Bracket:
        """The bracket of a target that requires one."""
        assert self.solution.bracket is not None
        return self.solution.bracket


@dataclass(frozen=True)
class Standing:
    """Error of a round against a target.

    Attributes
    ----------
    asked : float
        Largest error asked for (1).
    error : float
        Error reached (1).
    worst : str or None
        The measure with this error, where a target has several.
    """

    asked: float
    error: float
    worst: str | None = None

    @property
    def reached(self) -> bool:
        """True if the error is no larger than was asked for."""
        return self.excess <= 1.0

    @property
    def excess(self) -> float:
        """Error over what was asked for."""
        return self.error / self.asked


class Target(Protocol):
    """One thing to refine for. All methods but `require` are called on rank 0.

    Attributes
    ----------
    name : str
        Its key in the case's accuracy.
    asked : float
        Largest error asked for (1).
    patience : int
        Rounds in vain, one after the other, that end the refining.
    """

    name: str
    asked: float
    patience: int

    def require(self, solution: Solution) -> None:
        """Raise a `SolverError` on all ranks if the target cannot be judged."""

    def standing(self, solved: Solved, measurements: Sequence[Measurement], cells: Sequence[int]) -> Standing:
        """Return how far the last round is from the target, by measurements and cells of all rounds."""

    def indicator(self, solved: Solved) -> NDArray[np.float64]:
        """Contribution of each cell to the error, (m,)."""

    def words(self, standing: Standing) -> str:
        """The error reached, for the line of a round."""

    def missed(self, standing: Mapping[str, Any], reason: str) -> str:
        """The warning of a run that ended short of the target."""


def targets(case: Case) -> tuple[Target, ...]:
    """The targets of a case's accuracy."""
    return tuple(_KINDS[name](asked) for name, asked in case.accuracy.asked.items())


@dataclass(frozen=True)
class Conductance:
    """A certified bracket around the conductance that is narrow enough."""

    asked: float
    name = "conductance"
    patience = 2

    def require(self, solution: Solution) -> None:
        """Raise where there are no bounds."""
        if solution.bracket is None:
            raise SolverError(
                "accuracy: the conductance must have certified bounds to refine by; none were found. "
                "Leave accuracy out."
            )

    def standing(self, solved: Solved, measurements: Sequence[Measurement], cells: Sequence[int]) -> Standing:
        """The relative width of the bracket."""
        return Standing(self.asked, solved.solution.bracket.relative_width)

    def indicator(self, solved: Solved) -> NDArray[np.float64]:
        """Contribution of each cell to the gap between the bounds, over the upper bound, (m,)."""
        bracket = solved.solution.bracket
        return bracket.gap / bracket.upper

    def words(self, standing: Standing) -> str:
        """The width, for the line of a round."""
        return f"conductance certified to {_per_cent(standing.error)} of {_per_cent(self.asked)} asked for"

    def missed(self, standing: Mapping[str, Any], reason: str) -> str:
        """The warning of a run that ended short of the target."""
        return (
            f"accuracy: the conductance is certified to {_per_cent(standing['error'])}, not to the "
            f"{_per_cent(self.asked)} asked for: {reason}. The numbers hold within that bracket."
        )


@dataclass(frozen=True)
class HotSpotMeasures:
    """Estimated errors of the hot-spot measures of all planes that are small enough, each over its measure.

    They are those of a single run (`flux.estimated_errors`), or, where that is more, what the change from an
    earlier mesh leaves if errors go with 1/cells. Measures that are null or marked divergent do not count.
    """

    asked: float
    name = "hot_spots"
    patience = 3  # estimates scatter

    def require(self, solution: Solution) -> None:
        """Nothing: any solution has a distribution on its planes."""

    def standing(self, solved: Solved, measurements: Sequence[Measurement], cells: Sequence[int]) -> Standing:
        """The largest error of the measures that count."""
        now, before, share = measurements[-1], *_before(measurements, cells)
        worst, largest = None, 0.0
        for part in ("hot_spots", "hot_spots_electrolyte"):
            for side, values in getattr(now, part).items():
                earlier = None if before is None else _values(getattr(before, part)[side])
                for name, value, error in _counting(values, now.errors[part][side]):
                    if earlier is not None and earlier[name] is not None:
                        error = max(error, share * abs(value - earlier[name]))
                    relative = error / max(abs(value), EVEN if name == "gini" else 0.0)
                    if worst is None or relative > largest:
                        worst, largest = f"{part}.{side}.{name}", relative
        return Standing(self.asked, largest, worst)

    def indicator(self, solved: Solved) -> NDArray[np.float64]:
        """Contribution of each cell to errors of the distributions, (m,)."""
        return indicator(solved.snapshot.mesh, solved.snapshot.fields)

    def words(self, standing: Standing) -> str:
        """The largest error, for the line of a round."""
        return f"hot spots to {_reached(standing.error, standing.worst)} of {_per_cent(self.asked)} asked for"

    def missed(self, standing: Mapping[str, Any], reason: str) -> str:
        """The warning of a run that ended short of the target."""
        reached = _reached(standing["error"], standing["worst"])
        return (
            f"accuracy: the hot-spot measures are known to {reached}, not to the {_per_cent(self.asked)} "
            f"asked for: {reason}. Their estimated errors say which of them are."
        )


@dataclass(frozen=True)
class LocalCurrents:
    """Certified intervals of local currents that are narrow enough: half the width over the computed value.

    A window of less than two facets has none yet, and counts as known to no better than 100 %; refined for
    is then the current through the cone that there is in its place.
    """

    asked: float
    name = "hot_spot"
    patience = 2

    def require(self, solution: Solution) -> None:
        """Raise where there are no bounds."""
        if solution.bracket is None:
            raise SolverError(
                "accuracy: local currents must have certified bounds to refine by; none were found. "
                "Leave accuracy.hot_spot out."
            )

    def standing(self, solved: Solved, measurements: Sequence[Measurement], cells: Sequence[int]) -> Standing:
        """The widest interval."""
        parts = [_part_name(one) for one in solved.certificates]
        error, worst = max(zip(_half_widths(solved), parts, strict=True), default=(0.0, None))
        return Standing(self.asked, error, worst)

    def indicator(self, solved: Solved) -> NDArray[np.float64]:
        """Contribution of each cell to the relative half-widths that are too large, (m,)."""
        pairs = zip(_half_widths(solved), solved.local_currents, strict=True)
        wide = [found for width, found in pairs if found is not None and width > self.asked]
        return sum(found.gap / (2.0 * found.value) for found in wide)

    def words(self, standing: Standing) -> str:
        """The widest interval, for the line of a round."""
        reached = _reached(standing.error, standing.worst)
        return f"local currents certified to {reached} of {_per_cent(self.asked)} asked for"

    def missed(self, standing: Mapping[str, Any], reason: str) -> str:
        """The warning of a run that ended short of the target."""
        reached = _reached(standing["error"], standing["worst"])
        return (
            f"accuracy: local currents are certified to {reached}, not to the {_per_cent(self.asked)} "
            f"asked for: {reason}. Each holds within its own bounds."
        )


_KINDS: dict[str, type] = {
    "conductance": Conductance,
    "hot_spots": HotSpotMeasures,
    "hot_spot": LocalCurrents,
}


def _half_widths(solved: Solved) -> list[float]:
    """Half the width of each interval over the computed value; at least 1 for a missing interval."""
    pairs = zip(solved.certificates, solved.local_currents, strict=True)
    return [
        max(1.0, 0.0 if found is None else found.half_width) if one.half_width is None else one.half_width
        for one, found in pairs
    ]


def _part_name(one: LocalCertificate) -> str:
    """Return the name of the part of an electrode whose current a certificate bounds."""
    part = f"grain {one.grain}" if one.kind == "grain" else f"window of {one.diameter_um:g} µm"
    return f"{one.electrode} {part}"


def _before(measurements: Sequence[Measurement], cells: Sequence[int]) -> tuple[Measurement | None, float]:
    """The last round of clearly fewer cells, and which share of a change from it is left; None, 0 without."""
    for measured, count in zip(measurements[-2::-1], cells[-2::-1], strict=True):
        if cells[-1] >= GROWN * count:
            return measured, count / (cells[-1] - count)
    return None, 0.0


def _values(spots: HotSpots) -> dict[str, float | None]:
    """The measures that may count, by name."""
    windows = spots.window_max_over_mean
    found = {name: getattr(spots, name) for name in MEASURES}
    return {**found, **{f"window_max_over_mean.{size}": windows[size] for size in WINDOWS}}


def _counting(spots: HotSpots, errors: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Name, value and estimated error of each measure that counts."""
    found = {**errors, **{f"window_max_over_mean.{k}": e for k, e in errors["window_max_over_mean"].items()}}
    return [
        (name, float(value), float(found[name]["estimated_error"]))
        for name, value in _values(spots).items()
        if value is not None and not found[name].get("divergent")
    ]


def _reached(error: float, worst: str | None) -> str:
    """The error reached, and the measure or the current that it is of."""
    return f"{_per_cent(error)} ({worst})"


def _per_cent(share: float) -> str:
    """A share in per cent.

    >>> _per_cent(0.00123)
    '0.123 %'
    """
    return f"{100 * share:.3g} %"
