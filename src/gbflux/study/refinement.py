"""Refining a case until its conductance is certified as closely as was asked for.

Each round makes a mesh, solves on it, and looks where the gap between the bounds lies; rank 0 decides from
that how fine the next mesh has to be where. Rounds end when the bracket is narrow enough, or with the reason
why it is not: the next mesh would not fit into memory, refining no longer helps, no finer mesh could be made,
or there were `MOST_ROUNDS`.
"""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from gbflux.case import Case, Memory, machine_memory
from gbflux.case.estimate import element_order, memory_MiB
from gbflux.conduction.records import Bracket, Solution
from gbflux.errors import MeshError, SolverError
from gbflux.mesh import BuiltMesh, SizeField
from gbflux.mesh.refine import NextSizes, next_sizes
from gbflux.study.progress import Progress
from gbflux.study.snapshot import Snapshot

logger = logging.getLogger(__name__)

MOST_ROUNDS = 10
#: Cells of a mesh over those of the one before, at most: more would fix sizes before they are known well.
MOST_GROWTH = 3.0
#: Aim below the target by so much, for the next gap is only estimated.
MARGIN = 0.9
#: What a round may make of a promised fall of the gap: fall^p with p in this range, as the last round did.
POWERS = 0.3, 1.0
#: A mesh that memory limits must still have so many times the cells of the last to be worth a round.
WORTHWHILE = 1.3
#: A round that narrows the bracket by less than this factor is one in vain; two of them end the refining.
PROGRESS = 0.9
#: Cells of a mesh over those expected of its sizes, at most as a rule.
EXCESS = 1.2
#: Share of the memory that was free at the beginning that a round may plan with; estimates are rough.
MEMORY_SHARE = 0.7

#: Why refining ended short of the target.
REASONS = {
    "memory": "the next mesh would not fit into memory",
    "mesh": "no finer mesh could be made",
    "stalled": "finer meshes no longer narrow the bracket",
    "rounds": f"{MOST_ROUNDS} rounds were not enough",
}


class MeshTooLarge(MeshError):
    """A mesh that turned out larger than memory has room for.

    Attributes
    ----------
    cells : int
        What it has.
    room : float
        The most it may have.
    """

    def __init__(self, cells: int, room: float):
        super().__init__(
            f"mesh: the next mesh must have at most {room:,.0f} cells to fit into memory; got {cells:,}. "
            "Ask for less accuracy, or give more memory."
        )
        self.cells, self.room = cells, room

    def __reduce__(self):
        return type(self), (self.cells, self.room)


@dataclass(frozen=True)
class Round:
    """One mesh on the way; in 2D the keys of the conductance end in ``_S_per_m``, here always in ``_S``.

    Attributes
    ----------
    cells, nodes : int
        Of the layered mesh.
    mesh_hash : str
        SHA-256 of the mesh.
    lower_S, upper_S : float
        Bounds on the conductance (S; 2D S/m).
    relative_width : float
        (upper − lower)/upper.
    seconds : float
        Mesh, solution and measuring.
    """

    cells: int
    nodes: int
    mesh_hash: str
    lower_S: float
    upper_S: float
    relative_width: float
    seconds: float

    def as_dict(self, dimension: int) -> dict[str, Any]:
        """The tree of ``result.json``."""
        ending = "_per_m" if dimension == 2 else ""
        return {key + ending if key.endswith("_S") else key: value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Round:
        """The record that `as_dict` described."""
        return cls(**{key.removesuffix("_per_m"): value for key, value in tree.items()})


@dataclass(frozen=True)
class Solved:
    """A case solved on one mesh; mesh and snapshot on rank 0 only."""

    built: BuiltMesh | None
    solution: Solution
    snapshot: Snapshot | None


@dataclass(frozen=True)
class History:
    """How a case was refined; the same on all ranks but for `snapshots`.

    Attributes
    ----------
    rounds : tuple of Round
        In order; the last is the one the result is from.
    stopped_by : str or None
        A key of `REASONS`; None where the target was reached.
    measurements : tuple of Measurement
        One for each round, on rank 0.
    """

    rounds: tuple[Round, ...]
    stopped_by: str | None
    measurements: tuple[Any, ...]


def refined(
    case: Case, comm: Any, stage: Callable[[SizeField | None, float], Solved], progress: Progress
) -> tuple[Solved, History]:
    """Solve a case on finer and finer meshes; *collective*.

    Parameters
    ----------
    case : Case
        With an accuracy.
    comm : MPI.Intracomm
        The ranks.
    stage : callable
        Solves the case on a mesh of given sizes (None: those of the case) unless it has more cells than the
        second argument allows, which is a `MeshTooLarge`; *collective*. Both are looked at on rank 0.
    progress : Progress
        Told of each round.

    Returns
    -------
    Solved
        On the last mesh.
    History
        Of all meshes.

    Raises
    ------
    SolverError
        On all ranks, where no bounds were found.
    MeshError
        On all ranks, if the first mesh cannot be made.
    """
    rounds: list[Round] = []
    measurements: list[Any] = []
    sizes, solved, reason, room = None, None, None, math.inf
    memory = machine_memory()  # before there is a mesh: what rounds hold is theirs to use again
    while True:
        began = time.perf_counter()
        try:
            finer = stage(None if sizes is None else sizes.field, room)
        except MeshError as error:
            if solved is None:
                raise
            progress.note("refine", str(error))
            reason = "memory" if isinstance(error, MeshTooLarge) else "mesh"
            break
        solved = finer
        _require_bounds(solved.solution.bracket)
        if comm.rank == 0:
            rounds.append(_round(solved, time.perf_counter() - began))
            measurements.append(replace(solved.snapshot.measurement, electrodes={}))  # numbers alone
            room = _cells_that_fit(case, solved, memory)
            sizes, reason = _decided(case, solved, rounds, sizes, room)
            progress.note("refine", _line(case, rounds, sizes, reason))
        go_on, reason = comm.bcast((sizes is not None and reason is None, reason))
        if not go_on:
            break
    history = History(tuple(comm.bcast(rounds)), reason, tuple(measurements))
    return solved, history


def _require_bounds(bracket: Bracket | None) -> None:
    """Raise where there are no bounds to refine by."""
    if bracket is None:
        raise SolverError(
            "accuracy: the conductance must have certified bounds to refine by; none were found. "
            "Leave accuracy out."
        )


def _round(solved: Solved, seconds: float) -> Round:
    """The record of a round."""
    mesh, bracket = solved.built.mesh, solved.solution.bracket
    return Round(
        cells=len(mesh.cells),
        nodes=len(mesh.points),
        mesh_hash=mesh.hash,
        lower_S=bracket.lower,
        upper_S=bracket.upper,
        relative_width=bracket.relative_width,
        seconds=seconds,
    )


def _decided(
    case: Case, solved: Solved, rounds: list[Round], before: NextSizes | None, room: float
) -> tuple[NextSizes | None, str | None]:
    """Sizes of the next round, or None and why there is none (None too where the target is reached)."""
    width, target = rounds[-1].relative_width, case.accuracy.conductance
    if width <= target:
        return None, None
    if len(rounds) >= MOST_ROUNDS:
        return None, "rounds"
    if _in_vain(rounds):
        return None, "stalled"
    mesh, bracket = solved.built.mesh, solved.solution.bracket
    goal = width * bracket.upper * (MARGIN * target / width) ** (1 / _power(rounds, before))
    room /= EXCESS
    most = min(MOST_GROWTH * len(mesh.cells), room)
    if most < len(mesh.cells):
        return None, "memory"
    field = None if before is None else before.field
    sizes = next_sizes(mesh, bracket.gap, goal, most, field, element_order(case), room)
    if sizes.cells >= 0.99 * most and most < WORTHWHILE * len(mesh.cells):
        return None, "memory"
    return sizes, None


def _power(rounds: list[Round], last: NextSizes | None) -> float:
    """p in fall of the gap = (promised fall)^p, as the last round had it."""
    if last is None:
        return POWERS[1]
    before, after = (one.relative_width for one in rounds[-2:])
    promised = last.gap / rounds[-2].upper_S / before
    return min(max(math.log(after / before) / math.log(promised), POWERS[0]), POWERS[1])


def _in_vain(rounds: list[Round]) -> bool:
    """Whether the last two rounds hardly narrowed the bracket."""
    widths = [r.relative_width for r in rounds[-3:]]
    return len(widths) == 3 and all(after > PROGRESS * before for before, after in itertools.pairwise(widths))


def _cells_that_fit(case: Case, solved: Solved, memory: Memory | None) -> float:
    """Cells of the largest mesh that fits into free memory; without limit where that is unknown."""
    if memory is None:
        return math.inf
    cells, nodes = len(solved.built.mesh.cells), len(solved.built.mesh.points)
    fixed = memory_MiB(case, 0.0, 0.0)
    share = MEMORY_SHARE * memory.available_MiB - fixed
    low, high = 0.0, 64.0
    while high - low > 1e-3:  # of the present mesh, for what a factorisation needs is not linear
        factor = (low + high) / 2
        if memory_MiB(case, factor * cells, factor * nodes) - fixed <= share:
            low = factor
        else:
            high = factor
    return low * cells


def _line(case: Case, rounds: list[Round], sizes: NextSizes | None, reason: str | None) -> str:
    """What to say of a round."""
    width, target = rounds[-1].relative_width, case.accuracy.conductance
    text = f"round {len(rounds)}: certified to {100 * width:.3g} % of {100 * target:.3g} % asked for"
    if sizes is not None:
        return f"{text}; next about {sizes.cells:,.0f} cells"
    return text if reason is None else f"{text}; {REASONS[reason]}"


def missed(width: float, target: float, reason: str) -> str:
    """The warning of a run that ended short of its target."""
    return (
        f"accuracy: the conductance is certified to {100 * width:.3g} %, not to the {100 * target:.3g} % "
        f"asked for: {REASONS[reason]}. The numbers hold within that bracket."
    )
