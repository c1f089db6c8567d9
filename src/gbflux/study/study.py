"""A study: a case, axes, realizations; read from a file, every mistake at once, every case of it made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gbflux.case import Case, CaseSource, Output, read_case
from gbflux.case.grain_files import near_miss
from gbflux.case.load import apply_overrides, name_from, read_text
from gbflux.case.rules import Finding
from gbflux.case.text import findings_of, shown
from gbflux.case.yaml import Document, read_document
from gbflux.errors import CaseError, Problem
from gbflux.study.blocks import Axis, Cluster, Run, StudyBlocks, axes_of, points_of

LARGEST_STUDY = 100_000  # cases: beyond it a range was mistyped
#: Seeds of scatter are those of the grains plus this, so that no two random quantities share a stream.
VARIATION_SEEDS = {"grains": 1_000_000, "grain_boundary": 2_000_000}


@dataclass(frozen=True)
class Point:
    """One point of a study."""

    number: int  # from 1, in the order of the axes, the last changing first
    values: dict[str, Any]  # of the swept keys, as written
    seeds: tuple[int | None, ...]  # of the grains, for each realization; None where grains come from a file
    cases: tuple[Case, ...]  # one for each realization


@dataclass(frozen=True)
class Study:
    """A study, complete and checked."""

    name: str
    keys: tuple[str, ...]  # swept, dotted
    points: tuple[Point, ...]  # all points with their cases
    run: Run  # settings for running cases on this machine
    cluster: Cluster  # settings of job scripts
    case: CaseSource  # as written
    data: dict[str, Any]  # the study file as plain data

    @property
    def cases(self) -> list[Case]:
        """All cases, point after point."""
        return [case for point in self.points for case in point.cases]


def load_study(path: str | Path) -> Study:
    """Load a study file, with every case made and checked.

    A study without ``name`` takes the file's; ``case`` is relative to the file.

    Raises
    ------
    CaseError
        With every mistake of the study and of its cases, each with file, line and column.
    """
    path = Path(path)
    remedy = "A study has `case: FILE` and `sweep:` with axes; configs/studies has some."
    document = read_document(read_text(path, "study"), str(path), remedy)
    data = {"name": name_from(path), **document.data}
    blocks, found = _blocks(data)
    sweep = data.get("sweep")
    axes, more = axes_of(sweep) if isinstance(sweep, Mapping) else ([], [])
    problems = [*document.problems, *(_located(document, finding) for finding in [*found, *more])]
    source = None
    try:
        source = _case_source(document, data, path)
    except CaseError as error:
        problems += error.problems
    points: list[Point] = []
    if blocks is not None and source is not None and not problems:
        points, problems = _Maker(document, source, axes, blocks).points()
    if problems or blocks is None or source is None:
        raise CaseError(sorted(dict.fromkeys(problems), key=_position))
    keys = tuple(key for axis in axes for key in axis.keys)
    return Study(blocks.name, keys, tuple(points), blocks.run, blocks.cluster, source, data)


def _position(problem: Problem) -> tuple[Any, ...]:
    return problem.source, problem.line is None, problem.line or 0, problem.column or 0


def _blocks(data: Mapping[str, Any]) -> tuple[StudyBlocks | None, list[Finding]]:
    given = {key: value for key, value in data.items() if value is not None}
    try:
        return StudyBlocks.model_validate(given), []
    except ValidationError as error:
        return None, findings_of(error, StudyBlocks)


def _located(document: Document, finding: Finding) -> Problem:
    return Problem(document.source, *document.mark(finding.place), ".".join(finding.place), finding.message)


def _case_source(document: Document, data: Mapping[str, Any], path: Path) -> CaseSource | None:
    """The case as written: a file, or the study's own block; None where the key is wrong and reported."""
    case = data.get("case")
    if isinstance(case, Mapping):
        return CaseSource(document.below("case"), path.absolute().parent, name_from(path))
    if not isinstance(case, str):
        return None
    file = Path(path.parent, Path(case).expanduser())
    if not file.is_file():
        what = "must be a file, not the folder" if file.is_dir() else "no such file:"
        message = f"{what} {file}{near_miss(file)}. It is looked for beside the study file."
        raise CaseError([_located(document, Finding(("case",), message))])
    return read_case(file)


@dataclass(frozen=True)
class _Maker:
    """Makes the cases of a study, and gathers what is wrong with them."""

    document: Document
    source: CaseSource
    axes: Sequence[Axis]
    blocks: StudyBlocks

    def points(self) -> tuple[list[Point], list[Problem]]:
        problems = [_located(self.document, finding) for finding in self._too_many()]
        points: list[Point] = []
        known = set(_problems_of(self.source, {}))
        brought: dict[Problem, list[dict[str, Any]]] = {}
        for number, values in enumerate(points_of(self.axes) if not problems else (), start=1):
            try:
                points.append(self._point(number, values))
            except CaseError as error:
                for problem in error.problems:
                    placed = problem if problem in known else self._placed(problem, values)
                    brought.setdefault(placed or problem, []).extend([values] if placed is None else [])
        return points, [*problems, *_each_once(brought)]

    def _too_many(self) -> Iterator[Finding]:
        count = self.blocks.realizations or 1
        for axis in self.axes:
            count *= len(axis.rows)
        if count > LARGEST_STUDY:
            yield Finding(
                ("sweep",), f"must give <= {LARGEST_STUDY:,} cases; got {count:,}. Take fewer values."
            )
        seeds = {"grains.seed", *(f"{block}.variation.seed" for block in VARIATION_SEEDS)}
        for axis in self.axes if self.blocks.realizations else ():
            for key, place in zip(axis.keys, axis.places, strict=True):
                if key in seeds:
                    yield Finding(place, "clashes with realizations, which set the seeds. Keep one of them.")

    def _point(self, number: int, values: dict[str, Any]) -> Point:
        output = Output(**self.blocks.output.model_dump()).model_dump()
        own = {**values, "output": output}
        first = self.source.case(own)
        from_file = first.grains.file is not None
        if self.blocks.realizations is None:
            return Point(number, values, (None if from_file else first.grains.seed,), (first,))
        if from_file and self.blocks.realizations > 1 and not _varied(first):
            message = "must be 1 or left out: grains come from a file and nothing else is random."
            raise CaseError([_located(self.document, Finding(("realizations",), message))])
        seeds = range(1, self.blocks.realizations + 1)
        cases = tuple(self.source.case({**own, **_seeds(first, k)}) for k in seeds)
        return Point(number, values, tuple(None if from_file else k for k in seeds), cases)

    def _placed(self, problem: Problem, values: Mapping[str, Any]) -> Problem | None:
        """A problem of a case at the value that brings it; None if it takes more than one key to bring it."""
        if problem.source == self.document.source and problem.line is not None:
            return problem
        for axis in self.axes:
            for key, place in zip(axis.keys, axis.places, strict=True):
                if f"{problem.place}.".startswith(f"{key}."):
                    return self._at(place, values[key], problem)
                if key.startswith(f"{problem.place}.") and not self._is_written(problem.place):
                    line, column = self.document.mark(place)
                    return replace(problem, source=self.document.source, line=line, column=column)
        return None

    def _is_written(self, place: str) -> bool:
        """Test whether the case file itself has a key."""
        node: Any = self.source.document.data
        for part in place.split("."):
            if not isinstance(node, Mapping) or part not in node:
                return False
            node = node[part]
        return True

    def _at(self, place: tuple[str, ...], value: Any, problem: Problem) -> Problem:
        written = self.document.data
        for part in place:
            written = written[int(part)] if isinstance(written, list) else written[part]
        if isinstance(written, list) and value in written:
            place = (*place, str(written.index(value)))
        return Problem(self.document.source, *self.document.mark(place), problem.place, problem.message)


def _each_once(brought: Mapping[Problem, Sequence[Mapping[str, Any]]]) -> list[Problem]:
    """Problems by the points that bring them: one of each, which names the first of its points."""
    found: dict[tuple[str, str, str], Problem] = {}
    for problem, points in brought.items():
        if points:
            first = ", ".join(f"{key} = {_in_full(value)}" for key, value in points[0].items())
            more = len(points) - 1
            others = f", and at {more:,} more point{'s' if more > 1 else ''}" if more else ""
            problem = replace(problem, message=f"{problem.message} (where {first}{others})")
        found.setdefault((problem.source, problem.place, problem.message), problem)
    return list(found.values())


def _in_full(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (list, dict)) else shown(value)


def _problems_of(source: CaseSource, overrides: Mapping[str, Any]) -> tuple[Problem, ...]:
    try:
        source.case(overrides)
    except CaseError as error:
        return error.problems
    return ()


def _varied(case: Case) -> list[str]:
    """Blocks whose conductivity varies."""
    return [name for name in VARIATION_SEEDS if getattr(case, name).variation is not None]


def _seeds(case: Case, number: int) -> dict[str, int]:
    """The seeds of a realization."""
    seeds = {} if case.grains.file is not None else {"grains.seed": number}
    return {**seeds, **{f"{name}.variation.seed": VARIATION_SEEDS[name] + number for name in _varied(case)}}


def case_data(study: Study) -> dict[str, Any]:
    """The case of a study as it is written, with its name."""
    return {"name": study.case.name, **apply_overrides(study.case.document.data, {})[0]}
