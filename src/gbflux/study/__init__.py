"""Study: many cases: planned, run by one of several engines, resumed, gathered into one table.

Imports the rooms up to `simulation`; loads no DOLFINx, MPI or matplotlib.
"""

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
