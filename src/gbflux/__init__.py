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


def _installed_version() -> str:
    """Version from the installed metadata; from the source tree where gbflux is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gbflux")
    except PackageNotFoundError:
        from gbflux._version import __version__

        return __version__


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'gbflux' has no attribute {name!r}")
    value = globals()[name] = _installed_version() if name == "__version__" else getattr(_room_of(name), name)
    return value


def _room_of(name: str) -> Any:
    """Return the room that a public name comes from."""
    if name == "run":
        import gbflux.api

        return gbflux.api
    if name in ("Case", "load_case", "parse_case"):
        import gbflux.case

        return gbflux.case
    if name == "Tessellation":
        import gbflux.grains

        return gbflux.grains
    if name == "Mesh":
        import gbflux.mesh

        return gbflux.mesh
    if name in ("ConductionSolver", "Electrode", "Fields", "Material"):
        import gbflux.conduction

        return gbflux.conduction
    if name == "Result":
        import gbflux.results

        return gbflux.results
    import gbflux.errors

    return gbflux.errors


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
