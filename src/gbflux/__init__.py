"""gbflux: current density at a Li|solid-electrolyte interface, with grain boundaries a few nanometres thick.

Eight nouns carry it. A `Case` is what a user writes. Its grains are a `Tessellation`; its `Mesh` gives them
boundaries of true thickness. A `ConductionSolver` takes the conductivities of a `Material` and two
`Electrode`s to `Fields`. A `Result` holds what is measured on them. `load_case` and `parse_case` make a
`Case`, `run` computes it; every error is a `GbfluxError`.

Public names load on first use, so that ``import gbflux`` is instant and needs neither gmsh nor DOLFINx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gbflux.api import run
    from gbflux.case import Case, load_case, parse_case
    from gbflux.conduction import ConductionSolver, Electrode, Fields, Material
    from gbflux.errors import CaseError, GbfluxError, InputError, MeshError, MissingLibrary, SolverError
    from gbflux.grains import Tessellation
    from gbflux.mesh import Mesh
    from gbflux.results import Result

    __version__: str

__all__ = [
    "Case",
    "CaseError",
    "ConductionSolver",
    "Electrode",
    "Fields",
    "GbfluxError",
    "InputError",
    "Material",
    "Mesh",
    "MeshError",
    "MissingLibrary",
    "Result",
    "SolverError",
    "Tessellation",
    "__version__",
    "load_case",
    "parse_case",
    "run",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'gbflux' has no attribute {name!r}")
    value = globals()[name] = _loaded(name)
    return value


def _loaded(name: str) -> Any:
    """A public name, from the room that makes it."""
    room: Any
    match name:
        case "__version__":
            return _installed_version()
        case "Case" | "load_case" | "parse_case":
            import gbflux.case as room
        case "ConductionSolver" | "Electrode" | "Fields" | "Material":
            import gbflux.conduction as room
        case "Tessellation":
            import gbflux.grains as room
        case "Mesh":
            import gbflux.mesh as room
        case "Result":
            import gbflux.results as room
        case "run":
            import gbflux.api as room
        case _:
            import gbflux.errors as room
    return getattr(room, name)


def _installed_version() -> str:
    """Version from the installed metadata; from the source tree where gbflux is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gbflux")
    except PackageNotFoundError:
        from gbflux._version import __version__

        return __version__


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
