"""Study: runs cases, on any number of MPI ranks, and keeps what they leave.

Imports the rooms up to `flux`; DOLFINx is loaded only when a case is solved.
"""

from gbflux.study.folder import RunFolder
from gbflux.study.progress import Progress
from gbflux.study.result import MeshFacts, Result, SolverFacts, TransportFacts
from gbflux.study.snapshot import Snapshot

__all__ = ["MeshFacts", "Progress", "Result", "RunFolder", "Snapshot", "SolverFacts", "TransportFacts"]
