"""Results: what a run leaves behind: its numbers, its folder and its fields.

Imports the rooms up to `measure`; loads no DOLFINx.
"""

from gbflux.results.fields import Snapshot
from gbflux.results.folder import RunFolder
from gbflux.results.result import METRICS, MeshFacts, Result, SolverFacts

__all__ = ["METRICS", "MeshFacts", "Result", "RunFolder", "Snapshot", "SolverFacts"]
