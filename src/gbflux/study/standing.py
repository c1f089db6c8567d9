"""State of a study: cases by state, and the cases still to be computed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gbflux.study.folder import StudyFolder
from gbflux.study.planning import Plan


@dataclass(frozen=True)
class Tally:
    """Numbers of a study's cases by state.

    Attributes
    ----------
    done, failed, missing : int
        Cases; timeouts count as failed.
    """

    done: int
    failed: int
    missing: int

    @property
    def total(self) -> int:
        """All cases."""
        return self.done + self.failed + self.missing


@dataclass(frozen=True)
class Unused:
    """Results in the folder of a study that are not of the study as it is now.

    Attributes
    ----------
    results : int
        Number of such results.
    physics_versions : tuple of int
        Versions of the physics they were computed by, as far as that is written down.
    """

    results: int
    physics_versions: tuple[int, ...]


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

    Parameters
    ----------
    plan : Plan
        The study.
    folder : StudyFolder
        Its folder.
    retry_failed : bool
        Take what has failed for good too.
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
