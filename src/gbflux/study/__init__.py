"""Study: many cases: planned, run by one of several engines, resumed, gathered into one table.

Imports the rooms up to `simulation`; names load on first use, nothing here loads DOLFINx or MPI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gbflux.study.engine import Engine, Event
    from gbflux.study.folder import Failure, StudyFolder
    from gbflux.study.planning import Entry, Plan, UnitOfWork, plan
    from gbflux.study.standing import Tally, Unused, forget_failures, open_cases, tally, unused
    from gbflux.study.statistics import Spread, spread
    from gbflux.study.study import Point, Study, load_study
    from gbflux.study.table import Collection, collect, write_collection

_FILE_OF = {
    "Engine": "engine",
    "Event": "engine",
    "Tally": "standing",
    "Unused": "standing",
    "forget_failures": "standing",
    "open_cases": "standing",
    "tally": "standing",
    "unused": "standing",
    "Failure": "folder",
    "StudyFolder": "folder",
    "Entry": "planning",
    "Plan": "planning",
    "UnitOfWork": "planning",
    "plan": "planning",
    "Spread": "statistics",
    "spread": "statistics",
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
