"""Simulation: one case from its file to its numbers, on any number of MPI ranks.

Imports the rooms up to `results`; DOLFINx is loaded only when a case is solved.
"""

from gbflux.simulation.progress import Progress

__all__ = ["Progress"]
