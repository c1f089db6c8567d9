"""Targets of refinement: how far a round is from one, and where its mesh has to become finer.

A target says of a round how far it is from what was asked for (`standing`) and what each cell contributes to
that (`indicator`). `refinement` knows no more of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

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
    """A case solved on one mesh; all but the solution on rank 0 only."""

    built: BuiltMesh | None
    solution: Solution
    snapshot: Snapshot | None
    certificates: tuple[LocalCertificate, ...] = ()  # of the local currents that were bounded
    local_currents: tuple[LocalCurrent | None, ...] = ()  # the bounds of each that was tried

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


@dataclass(frozen=True)
class Standing:
    """Error of a round against a target."""

    asked: float  # largest error asked for (1)
    error: float  # reached (1)
    worst: str | None = None  # the measure with this error, where a target has several

    @property
    def reached(self) -> bool:
        """True if the error is no larger than was asked for."""
        return self.excess <= 1.0

    @property
    def excess(self) -> float:
        """Error over what was asked for."""
        return self.error / self.asked


@dataclass(frozen=True)
class Target(ABC):
    """One thing to refine for. All methods but `require` are called on rank 0."""

    asked: float  # largest error asked for (1)
    name: ClassVar[str]  # its key in the case's accuracy
    patience: ClassVar[int]  # rounds in vain, one after the other, that end the refining
    known: ClassVar[str]  # subject of a round's line
    missed_known: ClassVar[str]  # subject of the warning of a run that ended short of it
    advice: ClassVar[str]  # and what to make of it

    def require(self, solution: Solution) -> None:  # noqa: B027 - most have nothing to require
        """Raise a `SolverError` on all ranks if the target cannot be judged."""

    @abstractmethod
    def standing(self, solved: Solved, measurements: Sequence[Measurement], cells: Sequence[int]) -> Standing:
        """Return how far the last round is from the target, by measurements and cells of all rounds."""

    @abstractmethod
    def indicator(self, solved: Solved) -> NDArray[np.float64]:
        """Contribution of each cell to the error, (m,)."""

    def words(self, standing: Standing) -> str:
        """The error reached, for the line of a round."""
        reached = _reached(standing.error, standing.worst)
        return f"{self.known} to {reached} of {_per_cent(self.asked)} asked for"

    def missed(self, standing: Mapping[str, Any], reason: str) -> str:
        """The warning of a run that ended short of the target."""
        reached = _reached(standing["error"], standing["worst"])
        asked = _per_cent(self.asked)
        said = f"{self.missed_known} to {reached}, not to the {asked} asked for: {reason}."
        return f"accuracy: {said} {self.advice}"


class Conductance(Target):
    """A certified bracket around the conductance that is narrow enough."""

    name = "conductance"
    patience = 2
    known = "conductance certified"
    missed_known = "the conductance is certified"
    advice = "The numbers hold within that bracket."

    def require(self, solution: Solution) -> None:
        """Raise where there are no bounds."""
        _require_bounds(solution, of="the conductance", key="accuracy")

    def standing(self, solved: Solved, measurements: Sequence[Measurement], cells: Sequence[int]) -> Standing:
        """The relative width of the bracket."""
        return Standing(self.asked, _bracket(solved).relative_width)

    def indicator(self, solved: Solved) -> NDArray[np.float64]:
        """Contribution of each cell to the relative width, (m,)."""
        bracket = _bracket(solved)
        assert bracket.gap is not None  # on rank 0
        share: NDArray[np.float64] = bracket.gap / bracket.upper
        return share


class HotSpotMeasures(Target):
    """Estimated errors of the hot-spot measures of all planes that are small enough, each over its measure.

    They are those of a single run (`measure.estimated_errors`), or, where that is more, what the change from
    an earlier mesh leaves if errors go with 1/cells. Measures that are null or marked divergent do not count.
    """

    name = "hot_spots"
    patience = 3  # estimates scatter
    known = "hot spots"
    missed_known = "the hot-spot measures are known"
    advice = "Their estimated errors say which of them are."

    def standing(self, solved: Solved, measurements: Sequence[Measurement], cells: Sequence[int]) -> Standing:
        """The largest error of the measures that count."""
        now, before, share = measurements[-1], *_before(measurements, cells)
        worst, largest = None, 0.0
        for part in ("hot_spots", "hot_spots_electrolyte"):
            for side, values in getattr(now, part).items():
                earlier = {} if before is None else _values(getattr(before, part)[side])
                for name, value, error in _counting(values, now.errors[part][side]):
                    other = earlier.get(name)
                    if other is not None:
                        error = max(error, share * abs(value - other))
                    relative = error / max(abs(value), EVEN if name == "gini" else 0.0)
                    if worst is None or relative > largest:
                        worst, largest = f"{part}.{side}.{name}", relative
        return Standing(self.asked, largest, worst)

    def indicator(self, solved: Solved) -> NDArray[np.float64]:
        """Contribution of each cell to errors of the distributions, (m,)."""
        return indicator(solved.root_snapshot.mesh, solved.root_snapshot.fields)


class LocalCurrents(Target):
    """Certified intervals of local currents that are narrow enough: half the width over the computed value.

    A window of less than two facets has none yet, and counts as known to no better than 100 %; refined for
    is then the current through the cone that there is in its place.
    """

    name = "hot_spot"
    patience = 2
    known = "local currents certified"
    missed_known = "local currents are certified"
    advice = "Each holds within its own bounds."

    def require(self, solution: Solution) -> None:
        """Raise where there are no bounds."""
        _require_bounds(solution, of="local currents", key="accuracy.hot_spot")

    def standing(self, solved: Solved, measurements: Sequence[Measurement], cells: Sequence[int]) -> Standing:
        """The widest interval."""
        parts = [_part_name(one) for one in solved.certificates]
        error, worst = max(zip(_half_widths(solved), parts, strict=True), default=(0.0, None))
        return Standing(self.asked, error, worst)

    def indicator(self, solved: Solved) -> NDArray[np.float64]:
        """Contribution of each cell to the relative half-widths that are too large, (m,)."""
        share = np.zeros(len(solved.root_mesh.mesh.cells))
        for width, found in zip(_half_widths(solved), solved.local_currents, strict=True):
            if found is not None and found.gap is not None and width > self.asked:
                share += found.gap / (2.0 * found.value)
        return share


_KINDS = {kind.name: kind for kind in (Conductance, HotSpotMeasures, LocalCurrents)}


def targets(case: Case) -> tuple[Target, ...]:
    """The targets of a case's accuracy; none without one."""
    asked = {} if case.accuracy is None else case.accuracy.asked
    return tuple(_KINDS[name](share) for name, share in asked.items())


def _require_bounds(solution: Solution, of: str, key: str) -> None:
    """Raise a `SolverError` if a solution has no bounds to refine by; `key` asked for that."""
    if solution.bracket is None:
        raise SolverError(
            f"accuracy: {of} must have certified bounds to refine by; none were found. Leave {key} out."
        )


def _bracket(solved: Solved) -> Bracket:
    """The bracket that `Conductance.require` has found."""
    assert solved.solution.bracket is not None
    return solved.solution.bracket


def _half_widths(solved: Solved) -> list[float]:
    """Half the width of each interval over the computed value; at least 1 for a missing interval."""
    pairs = zip(solved.certificates, solved.local_currents, strict=True)
    return [
        max(1.0, 0.0 if found is None else found.half_width) if one.half_width is None else one.half_width
        for one, found in pairs
    ]


def _part_name(one: LocalCertificate) -> str:
    """Name of the part of an electrode whose current a certificate bounds."""
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


def _counting(spots: HotSpots, errors: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Name, value and estimated error of each measure that counts."""
    found = {**errors, **{f"window_max_over_mean.{k}": e for k, e in errors["window_max_over_mean"].items()}}
    for name, value in _values(spots).items():
        if value is not None and not found[name].get("divergent"):
            yield name, float(value), float(found[name]["estimated_error"])


def _reached(error: float, worst: str | None) -> str:
    """The error reached, and the measure or the current that it is of, where there are several."""
    return _per_cent(error) + (f" ({worst})" if worst else "")


def _per_cent(share: float) -> str:
    """A share in per cent.

    >>> _per_cent(0.00123)
    '0.123 %'
    """
    return f"{100 * share:.3g} %"
