"""How a study stands: cases by state, and those that are to be computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gbflux.sweep.folder import StudyFolder
from gbflux.sweep.planning import Plan


@dataclass(frozen=True)
class Tally:
    """How many cases of a study are in which state.

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
