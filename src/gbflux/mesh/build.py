"""Get the mesh of a recipe: from the cache, or made by a worker process and then cached.

A cached mesh is one NumPy archive in ``$GBFLUX_CACHE`` or the user's cache folder, named after its
recipe's key.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gbflux.errors import InputError, MeshError
from gbflux.mesh import guard
from gbflux.mesh.gmsh_model import gmsh_version
from gbflux.mesh.mesh import MESH_ARRAYS, Mesh, mesh_facts, mesh_of
from gbflux.mesh.recipe import Recipe

logger = logging.getLogger(__name__)

#: Raise it when the same recipe gives another mesh.
MESHER = 6
# Variables by which MPI launchers know their own processes; a child that is none of them must not see them.
_LAUNCHERS = ("OMPI_", "PMIX_", "PRTE_", "PMI_", "PMI2_", "HYDI_", "HYDRA_", "MPI_LOCAL", "SLURM_PMI")


@dataclass(frozen=True)
class BuiltMesh:
    """A mesh and how it came about.

    Attributes
    ----------
    mesh : Mesh
        The mesh.
    timings : dict
        Seconds for ``grains``, ``mesh`` and ``layers``; in these, reading it from the cache counts as
        ``mesh``.
    from_cache : bool
        Whether it was made before.
    worker_peak_MiB : float
        Largest memory of the process that made it (MiB), 0 from the cache.
    """

    mesh: Mesh
    timings: dict[str, float]
    from_cache: bool
    worker_peak_MiB: float


def build_mesh(recipe: Recipe, meanwhile: Callable[[], object] = lambda: None) -> BuiltMesh:
    """The layered mesh of a recipe.

    Two processes that make the same mesh at once end up with the same one: the first to finish wins.

    Parameters
    ----------
    recipe : Recipe
        All that determines the mesh.
    meanwhile : callable
        Called while another process makes the mesh; not if it is in the cache.

    Raises
    ------
    MeshError
        If no valid mesh can be made.
    MissingLibrary
        If gmsh is missing.
    """
    path = mesh_file(mesh_key(recipe))
    began = time.perf_counter()
    mesh = _cached(path)
    if mesh is not None:
        return BuiltMesh(mesh, {"grains": 0.0, "mesh": time.perf_counter() - began, "layers": 0.0}, True, 0.0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=path.parent, prefix="making-")
    except OSError as error:
        logger.warning("cache: %s cannot be written (%s); the mesh is not kept.", path.parent, error.strerror)
        folder = tempfile.TemporaryDirectory(prefix="gbflux-")
    with folder as name:
        draft = Path(name) / "mesh.npz"
        _run_worker(recipe, draft, meanwhile)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        mesh, timings = load_mesh(_store(draft, path))
    return BuiltMesh(mesh, timings, False, peak)


def _cached(path: Path) -> Mesh | None:
    """The mesh in the cache, None if there is none to be read; others may own the file and its folder."""
    if not os.path.isfile(path):
        return None
    try:
        mesh, _ = load_mesh(path)
    except MeshError as error:
        logger.warning("%s It is made anew.", error)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return mesh


def _store(draft: Path, path: Path) -> Path:
    """Move a draft into the cache unless the mesh is there by now; where the mesh can be read."""
    try:
        os.link(draft, path)  # unlike a rename it fails where a mesh is: others may be reading it
    except FileExistsError:  # another process was faster, or another user keeps it to himself
        return path if os.access(path, os.R_OK) else draft
    except OSError:
        return draft
    return path


def _run_worker(recipe: Recipe, out: Path, meanwhile: Callable[[], object]) -> None:
    """Make the mesh in a process of its own; its last words become the error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_LAUNCHERS)}
    environment.pop("OMP_NUM_THREADS", None)  # gmsh may use every core it is given
    command = guard.guarded([sys.executable, "-m", "gbflux.mesh.worker", str(out)])
    if recipe.size.field is not None:
        sizes = out.with_name("sizes.npz")
        with disk_errors_as_mesh_errors(out.parent):
            recipe.size.field.save(sizes)
        command.append(str(sizes))
    asked = out.with_name("recipe.json")
    with disk_errors_as_mesh_errors(out.parent):
        asked.write_text(recipe.to_json())
    code, words = _run(command, environment, asked, meanwhile)
    if code == 0:
        for line in words.splitlines():
            logger.warning("%s", line)
        return
    if code < 0:
        words = (
            f"mesh: the mesher must finish; it was ended by signal {-code}. "
            "If memory ran out, raise mesh.size_um."
        )
    raise MeshError(words.splitlines()[-1] if words else f"mesh: the mesher failed with exit code {code}.")


def _run(
    command: list[str], environment: dict[str, str], asked: Path, meanwhile: Callable[[], object]
) -> tuple[int, str]:
    """Run a command on a file while something else is done; its exit code and last words."""
    with (
        asked.open() as stdin,
        subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        ) as process,
    ):
        try:
            meanwhile()
            words = process.communicate()[1].strip()
        except BaseException:
            process.kill()
            raise
    return process.returncode, words


@dataclass(frozen=True)
class CachedMesh:
    """A cached mesh: its recipe's key, file, size (bytes) and time of last use (s since 1970)."""

    key: str
    path: Path
    bytes: int
    used: float


def cache_folder() -> Path:
    """``$GBFLUX_CACHE``, else ``$XDG_CACHE_HOME/gbflux``, else ``~/.cache/gbflux``."""
    given = os.environ.get("GBFLUX_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "gbflux"


def mesh_key(recipe: Recipe) -> str:
    """SHA-256 (hex) of a recipe, of gmsh's version and of the mesher's own."""
    text = f"{recipe.to_json()} gmsh {gmsh_version()} mesher {MESHER}"
    return hashlib.sha256(text.encode()).hexdigest()


def mesh_file(key: str) -> Path:
    """Path where the mesh of a recipe's key is stored, or would be."""
    return cache_folder() / "meshes" / f"{key}.npz"


def cache_entries() -> list[CachedMesh]:
    """Meshes in the cache, last used first."""
    found = []
    for path in (cache_folder() / "meshes").glob("*.npz"):
        facts = path.stat()
        found.append(CachedMesh(path.stem, path, facts.st_size, facts.st_mtime))
    return sorted(found, key=lambda entry: -entry.used)


def empty_cache() -> int:
    """Delete all cached meshes, and drafts left behind; returns the bytes freed.

    Raises
    ------
    InputError
        If a file cannot be deleted.
    """
    folder = cache_folder() / "meshes"
    drafts = [path for path in folder.glob("making-*") if path.is_dir()]
    files = [*folder.glob("*.npz"), *(path for draft in drafts for path in draft.iterdir())]
    freed = 0
    try:
        for path in files:
            freed += path.stat().st_size
            path.unlink(missing_ok=True)
        for draft in drafts:
            draft.rmdir()
    except OSError as error:
        raise InputError(
            f"cache: {error.filename} must be deletable; got {error.strerror}. Check its permissions."
        ) from error
    return freed


def save_mesh(path: Path, mesh: Mesh, timings: dict[str, float]) -> None:
    """Write a mesh and the seconds its making took; a file already there is replaced in one step.

    Raises
    ------
    MeshError
        If it cannot be written.
    """
    about = np.array(json.dumps({"facts": mesh_facts(mesh), "timings": timings}))
    draft = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part")  # not tempfile's: others may read a cache
    try:
        with disk_errors_as_mesh_errors(path.parent):
            with draft.open("xb") as stream:
                np.savez(stream, about=about, **{name: getattr(mesh, name) for name in MESH_ARRAYS})
            os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def disk_errors_as_mesh_errors(folder: Path) -> Iterator[None]:
    """Turn errors of a block that writes NumPy archives into one that says where, and what to do.

    Raises
    ------
    MeshError
        In place of an OSError, and of the ValueError that an archive makes of one when it is closed.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        fault: BaseException | None = error
        while fault is not None and not isinstance(fault, OSError):
            fault = fault.__context__
        if fault is None:
            raise
        raise MeshError(
            f"mesh: {folder} must have room for a mesh; got '{fault.strerror or fault}'. "
            "Free some space (`gbflux cache --empty`), or let GBFLUX_CACHE name a folder on another disk."
        ) from error


def load_mesh(path: Path) -> tuple[Mesh, dict[str, float]]:
    """Read what `save_mesh` wrote.

    Raises
    ------
    MeshError
        If the file is not whole.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            about = json.loads(str(archive["about"]))
            arrays = {name: archive[name] for name in MESH_ARRAYS}
        return mesh_of(about["facts"], arrays), about["timings"]
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise MeshError(f"mesh: {path} must be a whole mesh archive; got {error!r}. Delete it.") from error
