"""Study: many cases: planned, run by one of several engines, resumed, gathered into one table.

Imports the rooms up to `simulation`; names load on first use, nothing here loads DOLFINx or MPI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gbflux.study.engine import Engine, Event
    from gbflux.study.folder import Failure, StudyFolder
    from gbflux.study.planning import (
        Entry,
        Plan,
        Tally,
        UnitOfWork,
        Unused,
        forget_failures,
        open_cases,
        plan,
        tally,
        unused,
    )
    from gbflux.study.study import Point, Study, load_study
    from gbflux.study.table import Collection, Spread, collect, spread, write_collection

_FILE_OF = {
    "Engine": "engine",
    "Event": "engine",
    "Tally": "planning",
    "Unused": "planning",
    "forget_failures": "planning",
    "open_cases": "planning",
    "tally": "planning",
    "unused": "planning",
    "Failure": "folder",
    "StudyFolder": "folder",
    "Entry": "planning",
    "Plan": "planning",
    "UnitOfWork": "planning",
    "plan": "planning",
    "Spread": "table",
    "spread": "table",
    "Point": "study",
    "Study": "study",
    "load_study": "study",
    "Collection": "table",
    "collect": "table",
    "write_collection": "table",
}

__all__ = [
    "Collection",
    "Engine",
    "Entry",
    "Event",
    "Failure",
    "Plan",
    "Point",
    "Spread",
    "Study",
    "StudyFolder",
    "Tally",
    "UnitOfWork",
    "Unused",
    "collect",
    "forget_failures",
    "load_study",
    "open_cases",
    "plan",
    "spread",
    "tally",
    "unused",
    "write_collection",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _FILE_OF:
        raise AttributeError(f"module 'gbflux.study' has no attribute {name!r}")
    value = getattr(import_module(f"gbflux.study.{_FILE_OF[name]}"), name)
    globals()[name] = value
    return value
