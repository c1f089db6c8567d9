"""Ohmic conduction on the layered mesh: conductivities in, potential, current density and reactions out.

May import errors, case and mesh; the only room that knows DOLFINx, PETSc and UFL (import `solve.solve` where
they are needed).
"""

from gbflux.conduction.records import (
    Bracket,
    ButlerVolmer,
    Electrode,
    Fields,
    LocalCurrent,
    Solution,
    SolverSettings,
)

__all__ = ["Bracket", "ButlerVolmer", "Electrode", "Fields", "LocalCurrent", "Solution", "SolverSettings"]
