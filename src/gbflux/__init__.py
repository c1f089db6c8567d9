"""gbflux: current density at a Li|solid-electrolyte interface, with grain boundaries a few nanometres thick.

Public names load on first use, so that ``import gbflux`` is instant and needs neither gmsh nor DOLFINx:
`load_case` and `parse_case` make a `Case`, `run` computes it; every error is a `GbfluxError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gbflux.api import run
    from gbflux.case import Case, load_case, parse_case
    from gbflux.errors import CaseError, GbfluxError, InputError, MeshError, MissingLibrary, SolverError

    __version__: str

__all__ = [
    "Case",
    "CaseError",
    "GbfluxError",
    "InputError",
    "MeshError",
    "MissingLibrary",
    "SolverError",
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
    if name == "__version__":
        value = _installed_version()
    elif name in ("Case", "load_case", "parse_case"):
        import gbflux.case

        value = getattr(gbflux.case, name)
    elif name == "run":
        import gbflux.api

        value = gbflux.api.run
    elif name in __all__:
        import gbflux.errors

        value = getattr(gbflux.errors, name)
    else:
        raise AttributeError(f"module 'gbflux' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
