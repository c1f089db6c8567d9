"""Results: what a run leaves behind: its numbers, its folder and its fields.

Imports the rooms up to `measure`; loads no DOLFINx.
"""

from gbflux.results.folder import RunFolder
from gbflux.results.result import METRICS, MeshFacts, Result, SolverFacts
from gbflux.results.snapshot import Snapshot

__all__ = ["METRICS", "MeshFacts", "Result", "RunFolder", "Snapshot", "SolverFacts"]
