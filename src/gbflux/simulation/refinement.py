"""Refining a case until it is as accurate as was asked for.

Each round makes a mesh, solves on it, and looks where the error lies of the target that is farthest off.
Rank 0 decides from that how fine the next mesh has to be where. Rounds end when all targets are reached, or
with the reason why they are not: the next mesh would not fit into memory, refining no longer helps, no finer
mesh could be made, or there were `MOST_ROUNDS`. The result is that of the best round.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gbflux.case import Case, Memory, estimate, machine_memory
from gbflux.case.cost import element_order, in_gib, memory_MiB
from gbflux.errors import MeshError
from gbflux.measure import Measurement
from gbflux.mesh import SizeField
from gbflux.mesh.refine import NextSizes, next_sizes
from gbflux.results.result import Round
from gbflux.simulation.progress import Progress
from gbflux.simulation.targets import Solved, Standing, Target, targets

logger = logging.getLogger(__name__)

MOST_ROUNDS = 10
#: Cells of a mesh over those of the one before, at most: more would fix sizes before they are known well.
MOST_GROWTH = 3.0
#: Aim below the target by so much, for the next error is only estimated.
MARGIN = 0.9
#: What a round may make of a promised fall of the error: fall^p with p in this range, as the last round did.
POWERS = 0.3, 1.0
#: A mesh that memory limits must still have so many times the cells of the last to be worth a round.
WORTHWHILE = 1.3
#: A round that lowers the error by less than this factor is one in vain; `Target.patience` ends the refining.
PROGRESS = 0.9
#: Cells of a mesh over those expected of its sizes, at most as a rule.
EXCESS = 1.2
#: Share of the memory that was free at the beginning that a round may plan with; estimates are rough.
MEMORY_SHARE = 0.7

#: Why refining ended short of a target.
REASONS = {
    "memory": "the next mesh would not fit into memory",
    "mesh": "no finer mesh could be made",
    "stalled": "finer meshes no longer help",
    "rounds": f"{MOST_ROUNDS} rounds were not enough",
}


class MeshTooLarge(MeshError):
    """A mesh that turned out larger than memory has room for: its cells, and the most it may have."""

    def __init__(self, cells: int, room: float):
        super().__init__(
            f"mesh: the next mesh must have at most {room:,.0f} cells to fit into memory; got {cells:,}. "
            "Ask for less accuracy, or give more memory."
        )
        self.cells, self.room = cells, room

    def __reduce__(self) -> tuple[type[MeshTooLarge], tuple[int, float]]:
        return type(self), (self.cells, self.room)


@dataclass(frozen=True)
class History:
    """Course of a refinement; the same on all ranks but for the measurements."""

    rounds: tuple[Round, ...]  # in order
    best: int  # number of the round that the result is from, counted from 0
    standings: Mapping[str, Standing]  # of the best round, by target
    stopped_by: str | None  # a key of `REASONS`; None where all targets were reached
    measurements: tuple[Measurement, ...]  # of the rounds up to the best, on rank 0

    def accuracy(self) -> dict[str, dict[str, Any]]:
        """Return the accuracies asked for and reached by target, as in ``result.json``."""
        return {
            name: {
                "asked": one.asked,
                "error": one.error,
                "worst": one.worst,
                "reached": one.reached,
                "stopped_by": None if one.reached else self.stopped_by,
            }
            for name, one in self.standings.items()
        }


def refined(
    case: Case, comm: Any, stage: Callable[[SizeField | None, float], Solved], progress: Progress
) -> tuple[Solved, History]:
    """Solve a case on finer and finer meshes; *collective*.

    Parameters
    ----------
    case : Case
        With an accuracy.
    comm : MPI.Intracomm
    stage : callable
        Solves the case on a mesh of given sizes (None: those of the case) unless it has more cells than the
        second argument allows, which is a `MeshTooLarge`; *collective*. Both are looked at on rank 0.
    progress : Progress
        Gets a line on each round.

    Returns
    -------
    Solved
        On the best mesh.
    History

    Raises
    ------
    SolverError
        On all ranks, where a target cannot be judged.
    MeshError
        On all ranks, if the first mesh cannot be made.
    """
    memory = machine_memory()  # before there is a mesh: what rounds hold is theirs to use again
    story = _Story(case, targets(case), memory)
    if comm.rank == 0:
        progress.note("refine", _first_line(story))
    best: Solved | None = None
    next_mesh: _Next | None = None
    reason: str | None = None
    while True:
        began = time.perf_counter()
        try:
            solved = stage(None if next_mesh is None else next_mesh.sizes.field, story.room)
        except MeshError as error:
            if best is None:
                raise
            progress.note("refine", str(error))
            reason = "memory" if isinstance(error, MeshTooLarge) else "mesh"
            break
        for target in story.targets:
            target.require(solved.solution)
        is_best = False
        if comm.rank == 0:
            story.add(solved, time.perf_counter() - began, next_mesh)
            is_best = story.best == len(story.rounds) - 1
            next_mesh, reason = _decided(story, solved)
            progress.note("refine", _line(story, next_mesh, reason))
        is_best, go_on, reason = comm.bcast((is_best, next_mesh is not None, reason))
        best = solved if is_best or best is None else best
        if not go_on:
            break
    if comm.rank == 0 and story.best < len(story.rounds) - 1:
        progress.note("refine", f"round {story.best + 1} was the best: it is the result")
    rounds, chosen, standings = comm.bcast((story.rounds, story.best, story.standings))
    measured = tuple(story.measurements[: chosen + 1])
    return best, History(tuple(rounds), chosen, standings[chosen], reason, measured)


@dataclass(frozen=True)
class _Next:
    """The next mesh: its sizes, for which target, and what its error falls to if all goes as promised (1)."""

    sizes: NextSizes
    target: str
    promised: float


@dataclass
class _Story:
    """Record of the rounds so far, kept on rank 0; empty on other ranks."""

    case: Case
    targets: tuple[Target, ...]
    memory: Memory | None
    room: float = math.inf
    rounds: list[Round] = field(default_factory=list)
    standings: list[dict[str, Standing]] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    plans: list[_Next | None] = field(default_factory=list)
    best: int = 0

    def add(self, solved: Solved, seconds: float, plan: _Next | None) -> None:
        """Take a round in."""
        mesh, bracket = solved.root_mesh.mesh, solved.solution.bracket
        self.measurements.append(replace(solved.root_snapshot.measurement, electrodes={}))  # numbers alone
        judged = self.measurements, [*(one.cells for one in self.rounds), len(mesh.cells)]
        self.standings.append({one.name: one.standing(solved, *judged) for one in self.targets})
        self.rounds.append(
            Round(
                cells=len(mesh.cells),
                nodes=len(mesh.points),
                mesh_hash=mesh.hash,
                lower_S=None if bracket is None else bracket.lower,
                upper_S=None if bracket is None else bracket.upper,
                relative_width=None if bracket is None else bracket.relative_width,
                seconds=seconds,
                errors={name: one.error for name, one in self.standings[-1].items()},
            )
        )
        self.plans.append(plan)
        self.room = _cells_that_fit(self.case, len(mesh.cells), len(mesh.points), self.memory)
        if _excess(self.standings[-1]) <= _excess(self.standings[self.best]):
            self.best = len(self.rounds) - 1

    @property
    def farthest(self) -> Target:
        """The target that the last round is farthest from."""
        return max(self.targets, key=lambda one: self.standings[-1][one.name].excess)

    def power(self, target: Target) -> float:
        """p in fall of the error = (promised fall)^p, as the last round had it."""
        plan = self.plans[-1]
        if plan is None or plan.target != target.name or len(self.standings) < 2:
            return POWERS[1]
        before, after = (one[target.name].error for one in self.standings[-2:])
        if not 0 < plan.promised < 1 or after <= 0:
            return POWERS[1]
        return min(max(math.log(after / before) / math.log(plan.promised), POWERS[0]), POWERS[1])

    def in_vain(self, target: Target) -> bool:
        """Test whether the last `patience` rounds hardly lowered the error of a target."""
        tried = range(max(len(self.rounds) - target.patience, 1), len(self.rounds))
        return len(tried) == target.patience and all(self._was_vain(target, k) for k in tried)

    def _was_vain(self, target: Target, k: int) -> bool:
        """Test whether round k hardly lowered the error of a target."""
        before, after = (self.standings[number][target.name].excess for number in (k - 1, k))
        return after > PROGRESS * before


def _excess(standings: Mapping[str, Standing]) -> float:
    """Return the largest error of all targets, each over the error asked for (1)."""
    return max(one.excess for one in standings.values())


def _decided(story: _Story, solved: Solved) -> tuple[_Next | None, str | None]:
    """The next mesh, or None and why there is none (None too where all targets are reached)."""
    if _excess(story.standings[-1]) <= 1.0:
        return None, None
    target = story.farthest
    if len(story.rounds) >= MOST_ROUNDS:
        return None, "rounds"
    if story.in_vain(target):
        return None, "stalled"
    mesh, standing = solved.root_mesh.mesh, story.standings[-1][target.name]
    cells = len(mesh.cells)
    share = target.indicator(solved)
    total = float(share.sum())
    wanted = (MARGIN / standing.excess) ** (1 / story.power(target))
    room = story.room / EXCESS
    most = min(MOST_GROWTH * cells, room)
    if most < cells:
        return None, "memory"
    plan = story.plans[-1]
    before = None if plan is None else plan.sizes.field
    order = element_order(story.case)
    sizes = next_sizes(mesh, share, wanted * total, most, before, order, room)
    if sizes.cells >= 0.99 * most and most < WORTHWHILE * cells:
        return None, "memory"
    return _Next(sizes, target.name, sizes.gap / total), None


def _cells_that_fit(case: Case, cells: int, nodes: int, memory: Memory | None) -> float:
    """Cells of the largest mesh, like one of given cells, that fits into memory; infinite where unknown."""
    if memory is None:
        return math.inf
    fixed = memory_MiB(case, 0.0, 0.0)
    share = MEMORY_SHARE * memory.available_MiB - fixed
    low, high = 0.0, 2.0**20
    while high - low > 1e-3 * max(low, 1.0):  # of the mesh; what a factorisation needs is not linear
        factor = (low + high) / 2
        if memory_MiB(case, factor * cells, factor * nodes) - fixed <= share:
            low = factor
        else:
            high = factor
    return low * cells


def _first_line(story: _Story) -> str:
    """Return the line on what to expect, before any mesh is made."""
    first = estimate(story.case)
    asked = ", ".join(f"{one.name} to {100 * one.asked:.3g} %" for one in story.targets)
    room = _cells_that_fit(story.case, first.cells, first.nodes, story.memory)
    most = "" if room == math.inf else f"; memory has room for about {room:,.0f}"
    return (
        f"{asked}; first mesh about {first.cells:,} cells, {in_gib(first.memory_MiB)}, {first.time_s:.0f} s, "
        f"up to {MOST_ROUNDS} meshes of up to {MOST_GROWTH:g} times the cells of the last{most}"
    )


def _line(story: _Story, plan: _Next | None, reason: str | None) -> str:
    """Return the line on the last round."""
    last, standings = story.rounds[-1], story.standings[-1]
    words = ", ".join(one.words(standings[one.name]) for one in story.targets)
    text = f"round {len(story.rounds)}: {last.cells:,} cells, {words}, {last.seconds:.1f} s"
    if plan is not None:
        cells = plan.sizes.cells
        factor = cells / last.cells
        memory = memory_MiB(story.case, cells, factor * last.nodes)
        return f"{text}; next about {cells:,.0f} cells, {in_gib(memory)}, {factor * last.seconds:.0f} s"
    return text if reason is None else f"{text}; {REASONS[reason]}"


def missed(case: Case, accuracy: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The warnings of a run that ended short of some targets, by what `History.accuracy` says."""
    facts = [(one, accuracy[one.name]) for one in targets(case) if one.name in accuracy]
    return [one.missed(tree, REASONS[tree["stopped_by"]]) for one, tree in facts if not tree["reached"]]
