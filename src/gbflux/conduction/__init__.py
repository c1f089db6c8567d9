"""Ohmic conduction on the layered mesh: conductivities in, potential, current density and reactions out.

`ConductionSolver` solves between two `Electrode`s (a patch of the mesh and the law of its contact) for the
conductivities of a `Material`, and returns a `Solution` with `Fields`. The only room that knows DOLFINx,
PETSc and UFL: `ConductionSolver` and `solve` load them on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gbflux.conduction.electrodes import (
    ButlerVolmer,
    Electrode,
    Plane,
    Resistance,
    bottom_electrode,
    top_electrode,
)
from gbflux.conduction.records import Bracket, Fields, LocalCurrent, Solution, SolverSettings

if TYPE_CHECKING:
    from gbflux.conduction.materials import Material
    from gbflux.conduction.solver import ConductionSolver, solve

__all__ = [
    "Bracket",
    "ButlerVolmer",
    "ConductionSolver",
    "Electrode",
    "Fields",
    "LocalCurrent",
    "Material",
    "Plane",
    "Resistance",
    "Solution",
    "SolverSettings",
    "bottom_electrode",
    "solve",
    "top_electrode",
]


_FILE_OF = {"ConductionSolver": "solver", "solve": "solver", "Material": "materials"}


def __getattr__(name: str) -> Any:
    """Load on first use what takes DOLFINx or the cases."""
    if name in _FILE_OF:
        return getattr(import_module(f"gbflux.conduction.{_FILE_OF[name]}"), name)
    raise AttributeError(f"module 'gbflux.conduction' has no attribute {name!r}")
