"""Plan of a study: its cases, the units of work that share a mesh, and what they will cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from gbflux.case import Case, Estimate, estimate
from gbflux.case.cost import MESH_PER_CELL_S, REPRODUCIBLE_FACTOR, START_S, certifies
from gbflux.case.model import canonical
from gbflux.mesh.gmsh_model import cores
from gbflux.simulation.shared_mesh import Unit, units
from gbflux.study.folder import StudyFolder
from gbflux.study.study import Point, Study

#: Share of its own time that a further case on the same mesh takes, measured on 3D cases
#: of 0.15 to 0.9 million cells: another thickness with the same materials, no kinetics; anything else.
MORE_OF_A_LAYER, MORE = 0.25, 0.7
MEMORY_PER_RANK_MIB = 150.0  # what each further rank takes, measured on small cases


@dataclass(frozen=True)
class Entry:
    """One row of a study's table: a case at a point. Equal cases of several points are computed once."""

    point: Point
    seed: int | None  # of the grains
    case: Case
    key: str  # sha256 (hex) of the case as it is solved; the first 16 digits name its folder


@dataclass(frozen=True)
class UnitOfWork:
    """Cases that share a mesh, and their cost."""

    unit: Unit
    key: str  # sha256 (hex) of what the mesh is made of
    cases: dict[str, Case]  # by key, in the order in which they are solved
    seconds: dict[str, float]  # expected time by key (s); making the mesh counts to the first
    largest: Estimate  # expected cost of the largest case
    memory_MiB: float  # expected peak of all its ranks together (MiB)


@dataclass(frozen=True)
class Plan:
    """A study worked out."""

    study: Study
    entries: tuple[Entry, ...]  # rows of the table
    units: tuple[UnitOfWork, ...]  # units of work to compute

    @property
    def keys(self) -> list[str]:
        """Keys of all cases to compute, each once."""
        return [key for unit in self.units for key in unit.cases]

    def unit(self, key: str) -> UnitOfWork | None:
        """The unit whose key begins so; None if there is none."""
        return next((unit for unit in self.units if unit.key.startswith(key)), None)

    def time_s(self) -> float:
        """Expected time of the whole study (s)."""
        return elapsed_s([sum(unit.seconds.values()) for unit in self.units], at_a_time(self.study))


def plan(study: Study) -> Plan:
    """Sort the cases of a study into units of work and estimate them."""
    made = [_costed(unit, study.run.ranks) for unit in units(study.cases)]
    key_of = {case.physics_hash: key for unit in made for key, case in unit.cases.items()}
    entries = tuple(
        Entry(point, seed, case, key_of[case.physics_hash])
        for point in study.points
        for seed, case in zip(point.seeds, point.cases, strict=True)
    )
    return Plan(study, entries, tuple(made))


def at_a_time(study: Study) -> int:
    """Units of work that run side by side: as many as asked for, but no more than the cores allow."""
    allowed = max(1, cores() // study.run.ranks)
    return min(allowed, study.run.jobs or allowed)


def elapsed_s(seconds: Sequence[float], at_once: int) -> float:
    """Time that units take, so many at a time, none shared among several (s).

    >>> elapsed_s([4.0, 1.0, 1.0], 2), elapsed_s([2.0, 2.0, 2.0, 2.0], 2)
    (4.0, 4.0)
    """
    return max(max(seconds, default=0.0), sum(seconds) / at_once)


def _costed(unit: Unit, ranks: int) -> UnitOfWork:
    """A unit with its expected cost: one mesh, and a solve for each case."""
    expected = [estimate(case) for case in unit.cases]
    largest = max(expected, key=lambda e: e.memory_MiB)
    mesher = MESH_PER_CELL_S * (REPRODUCIBLE_FACTOR if unit.cases[0].mesh.reproducible else 1.0)
    shared = START_S + mesher * largest.cells
    keys = [unit.case_key(case) for case in unit.cases]
    shares = [1.0, *(_share(case, before) for before, case in pairwise(unit.cases))]
    seconds = {
        key: (e.time_s - START_S - mesher * e.cells) * share
        for key, e, share in zip(keys, expected, shares, strict=True)
    }
    seconds[keys[0]] += shared
    return UnitOfWork(
        unit,
        unit.key,
        dict(zip(keys, unit.cases, strict=True)),
        seconds,
        largest,
        largest.memory_MiB + (ranks - 1) * MEMORY_PER_RANK_MIB,
    )


def _share(case: Case, before: Case) -> float:
    """Share of its own time that a case takes after another on the same mesh."""
    if certifies(case):  # the bracket begins afresh
        return 1.0
    linear = not any(case.electrode_kinetics)
    layered = any(case.hl_um) and case.hl_um != before.hl_um
    return MORE_OF_A_LAYER if layered and linear and _materials(case) == _materials(before) else MORE


def _materials(case: Case) -> dict[str, Any]:
    """Return a case as canonical data without the thickness and sides of its homogenizing layers."""
    data = canonical(case)
    layer = data.get("homogenizing_layer") or {}
    return {
        **data,
        "homogenizing_layer": {k: v for k, v in layer.items() if k not in ("thickness_um", "sides")},
    }


def labels(plan: Plan) -> dict[str, str]:
    """Name of each case by its key; a case of several points has the name of the first."""
    last = Counter(key.split(".")[-1] for key in plan.study.keys)
    short = {key: name if last[name := key.split(".")[-1]] == 1 else key for key in plan.study.keys}
    several = any(len(point.cases) > 1 for point in plan.study.points)
    found: dict[str, str] = {}
    for entry in plan.entries:
        words = [f"{short[key]}={shown(value)}" for key, value in entry.point.values.items()]
        words += [f"seed={entry.seed}"] if several and entry.seed is not None else []
        found.setdefault(entry.key, " ".join(words) or entry.case.name)
    return found


def shown(value: object) -> str:
    """A swept value as a study file has it.

    >>> shown(5.0), shown(None), shown(True), shown([20, 20])
    ('5', 'null', 'true', '[20, 20]')
    """
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Tally:
    """Numbers of a study's cases by state."""

    done: int
    failed: int  # timeouts too
    missing: int

    @property
    def total(self) -> int:
        """All cases."""
        return self.done + self.failed + self.missing


@dataclass(frozen=True)
class Unused:
    """Results in the folder of a study that are not of the study as it is now."""

    results: int  # number of such results
    physics_versions: tuple[int, ...]  # they were computed by, where that is written down


def unused(plan: Plan, folder: StudyFolder) -> Unused:
    """Results that a changed study, a changed case or another version of the physics has left behind."""
    own = {folder.case(key) for key in plan.keys}
    left = [path.parent for path in (folder.path / "cases").glob("*/result.json") if path.parent not in own]
    return Unused(len(left), tuple(sorted({v for path in left if (v := _physics_version(path)) is not None})))


def _physics_version(case: Path) -> int | None:
    """Version of the physics that a case was computed by; None where it is not written down."""
    try:
        found = json.loads((case / "provenance.json").read_text(encoding="utf-8"))["physics_version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None


def tally(plan: Plan, folder: StudyFolder) -> Tally:
    """Count the cases of a study by their state."""
    states = [folder.state(key) for key in plan.keys]
    done, missing = states.count("done"), states.count("missing")
    return Tally(done, len(states) - done - missing, missing)


def open_cases(plan: Plan, folder: StudyFolder, retry_failed: bool) -> dict[str, list[str]]:
    """Keys of cases that are to be computed, by the key of their unit; units without are left out.

    What has failed for good is taken too with `retry_failed`.
    """
    wanted: dict[str, list[str]] = {}
    for unit in plan.units:
        for key in unit.cases:
            if folder.result(key) is not None:
                continue
            failure = folder.failure(key)
            if failure is not None and not retry_failed and failure.attempts > plan.study.run.retries:
                continue
            wanted.setdefault(unit.key, []).append(key)
    return wanted


def forget_failures(folder: StudyFolder, wanted: Mapping[str, Sequence[str]]) -> None:
    """Begin afresh with cases that are repeated: their attempts count from none."""
    for keys in wanted.values():
        for key in keys:
            folder.forget_failure(key)
