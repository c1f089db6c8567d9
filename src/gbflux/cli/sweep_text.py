"""Texts of `gbflux sweep` about a study: its plan, how it stands, what has failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gbflux.cli.analysis import table_text
from gbflux.cli.check import duration

if TYPE_CHECKING:
    from gbflux.study import Plan, Study, StudyFolder

MOST_UNITS = 40
MOST_FAILURES = 20


def plan_lines(plan: Plan, folder: StudyFolder) -> Iterator[str]:
    """Cases, shared meshes, expected cost."""
    from gbflux.case.cost import in_gib
    from gbflux.study.folder import KEY_DIGITS
    from gbflux.study.labels import labels, shown
    from gbflux.study.planning import at_a_time

    study, names = plan.study, labels(plan)
    points, cases = _count(len(study.points), "point"), _count(len(plan.entries), "case")
    yield f"{study.name}: {points}, {cases}, {_computed(plan)}"
    for key in study.keys:
        values = dict.fromkeys(shown(point.values[key]) for point in study.points)
        yield f"  {key}: {', '.join(values)}"
    rows = [("unit", "cases", "cells", "memory", "time", "first case")]
    for unit in plan.units[:MOST_UNITS]:
        rows.append(
            (
                unit.key[:KEY_DIGITS],
                str(len(unit.cases)),
                f"{unit.largest.cells:,}",
                in_gib(unit.memory_MiB),
                duration(sum(unit.seconds.values())),
                names[next(iter(unit.cases))],
            )
        )
    yield from ("", table_text(rows))
    if len(plan.units) > MOST_UNITS:
        yield f"… and {len(plan.units) - MOST_UNITS} more units"
    yield ""
    jobs = min(at_a_time(study), len(plan.units))
    memory = sum(sorted(unit.memory_MiB for unit in plan.units)[-jobs:])
    yield (
        f"about {duration(plan.time_s())} with {jobs} at a time on {study.run.ranks} "
        f"rank{'s' if study.run.ranks > 1 else ''} each, {in_gib(memory)}; folder {folder.path}"
    )
    yield from unused_lines(plan, folder)
    yield from core_warnings(study)


def core_warnings(study: Study) -> Iterator[str]:
    """Yield a warning where more ranks or jobs are asked for than this machine has cores."""
    from gbflux.mesh.gmsh_model import cores
    from gbflux.study.planning import at_a_time

    run, here = study.run, cores()
    if run.ranks > here:
        yield f"warning: run.ranks is {run.ranks}, but {_count(here, 'core')} may be used here: they share"
    elif run.jobs and at_a_time(study) < run.jobs:
        yield f"warning: run.jobs is {run.jobs}, but the cores here are enough for {at_a_time(study)}"


def _computed(plan: Plan) -> str:
    """Return how many computations the cases come to, as text."""
    count, units = len(plan.keys), len(plan.units)
    equal = f"{count} different, " if count != len(plan.entries) else ""
    return f"{equal}{_count(units, 'unit')} of work, one mesh each"


def _count(number: int, what: str) -> str:
    """Return a number and the noun it counts, in the plural where that is due."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def status_lines(plan: Plan, folder: StudyFolder) -> Iterator[str]:
    """Yield lines on how many cases are in which state."""
    states = Counter(folder.state(key) for key in plan.keys)
    running = sum(folder.is_running(unit.key) for unit in plan.units)
    total = len(plan.keys)
    yield f"{plan.study.name} in {folder.path}: {states['done']} of {total} cases done"
    for state, text in (("failed", "failed"), ("timeout", "stopped for time"), ("missing", "not run")):
        if states[state]:
            yield f"  {states[state]:6,} {text}"
    if running:
        yield f"  {running:6,} unit{'s' if running > 1 else ''} of work running"
    if driver := folder.driver():
        yield f"  {driver} runs it"
    if states["done"] == total:
        yield "  finished"
    yield from unused_lines(plan, folder)


def unused_lines(plan: Plan, folder: StudyFolder) -> Iterator[str]:
    """Yield a line on results of other cases in the folder, and why; nothing where it holds none."""
    from gbflux.case.model import PHYSICS_VERSION
    from gbflux.study import unused

    found = unused(plan, folder)
    if not found.results:
        return
    others = [version for version in found.physics_versions if version != PHYSICS_VERSION]
    why = "the study or its case has changed since, or the physics has"
    if others:
        why = (
            f"computed by physics version {', '.join(map(str, others))}, and this is {PHYSICS_VERSION}: "
            "the same case gives other numbers now"
        )
    what = f"{_count(found.results, 'result')} here {'is' if found.results == 1 else 'are'} of other cases"
    yield f"  {what} ({why}); kept, not used"


def failure_lines(plan: Plan, folder: StudyFolder) -> Iterator[str]:
    """Yield what went wrong, a line a case."""
    from gbflux.study.folder import KEY_DIGITS
    from gbflux.study.labels import labels

    names = labels(plan)
    failed = [(key, found) for key in plan.keys if (found := folder.failure(key)) and not folder.result(key)]
    for key, failure in failed[:MOST_FAILURES]:
        message = failure.message.splitlines()[0] if failure.message else ""
        yield f"  failed {key[:KEY_DIGITS]} ({names[key]}): {failure.error}: {message}"
    if len(failed) > MOST_FAILURES:
        yield f"  … and {len(failed) - MOST_FAILURES} more"
