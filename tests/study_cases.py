"""Studies of seconds, and a stand-in for the work of a unit that takes milliseconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.small_cases import BASE, TINY, case_text, solved

from gbflux.study import Plan, StudyFolder, load_study, plan

STAND_IN = Path(__file__).parent / "stand_in_for_a_unit.py"
TINY_CASE = json.loads(case_text(TINY))


def study_data(sweep: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A study of the smallest case."""
    return {"name": "tiny", "case": TINY_CASE, "sweep": dict(sweep), **more}


def study_file(folder: Path, sweep: Mapping[str, Any], **more: Any) -> Path:
    """The file of `study_data`; JSON is YAML."""
    path = folder / "tiny.yaml"
    path.write_text(json.dumps(study_data(sweep, **more)), encoding="utf-8")
    return path


def made(folder: Path, sweep: Mapping[str, Any], **more: Any) -> tuple[Plan, StudyFolder]:
    """A study of the smallest case worked out, and its folder made ready."""
    worked_out = plan(load_study(study_file(folder, sweep, **more)))
    ready = StudyFolder(folder / "out")
    ready.make()
    ready.prepare(worked_out.study)
    return worked_out, ready


class StandIn:
    """Gives commands that write a stored result for each case, or misbehave as they are told.

    Parameters
    ----------
    folder : Path
        For its own notes.
    behaviour : mapping
        By the beginning of a case's key: ``fail``, ``kill``, ``exit``, ``hang``; ``once`` after it: the first
        time only.
    """

    def __init__(self, folder: Path, behaviour: Mapping[str, str] | None = None):
        self.notes = folder / "notes"
        self.notes.mkdir(exist_ok=True)
        tree = {**solved(TINY).result.as_dict(), "case_hash": ""}
        (self.notes / "result.json").write_text(json.dumps(tree), encoding="utf-8")
        self.behave(behaviour or {})

    def behave(self, behaviour: Mapping[str, str]) -> None:
        """Change what is done from now on."""
        (self.notes / "behaviour.json").write_text(json.dumps(dict(behaviour)), encoding="utf-8")

    def __call__(self, folder: Path, unit_key: str, keys: Sequence[str], ranks: int) -> list[str]:
        return [sys.executable, "-S", str(STAND_IN), str(self.notes), str(folder), *keys]

    def times(self, key: str) -> int:
        """How often a case was begun."""
        count = self.notes / key[:16]
        return len(count.read_text(encoding="ascii")) if count.exists() else 0


__all__ = ["BASE", "StandIn", "made", "study_data", "study_file"]
