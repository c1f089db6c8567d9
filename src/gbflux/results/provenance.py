"""Provenance of a result: versions, machine, ranks; and how much memory it took."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import resource
import sys
from datetime import UTC, datetime
from typing import Any

from gbflux.case.model import PHYSICS_VERSION
from gbflux.mesh import BuiltMesh

_LIBRARIES = ("numpy", "scipy", "mpi4py", "petsc4py", "fenics-dolfinx", "h5py", "matplotlib", "pydantic")


def provenance(case_hash: str, built: BuiltMesh, ranks: int, mpi_library: str) -> dict[str, Any]:
    """Return what one must know, besides the case, to do a run again."""
    import gbflux

    return {
        "gbflux": gbflux.__version__,
        "physics_version": PHYSICS_VERSION,
        "case_hash": case_hash,
        "mesh_hash": built.mesh.hash,
        "mesh_from_cache": built.from_cache,
        "gmsh": gmsh_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "python": sys.version.split()[0],
        "mpi": mpi_library.splitlines()[0].strip("\0 ") if mpi_library else None,
        "ranks": ranks,
        "machine": {"host": platform.node(), "system": platform.platform(), "processor": platform.machine()},
        "finished_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def gmsh_version() -> str:
    """Version of gmsh."""
    from gbflux.mesh.gmsh_model import gmsh_version as found

    return found()


@functools.cache
def version(distribution: str) -> str | None:
    """Installed version of a library; None where neither its distribution nor the loaded module has one."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return getattr(sys.modules.get(distribution), "__version__", None)


def peak_MiB() -> float:
    """Largest memory of this process so far (MiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
