"""Get the mesh of a case: from the cache, or made by a worker process and then cached."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gbflux.errors import MeshError
from gbflux.mesh import guard
from gbflux.mesh.cache import mesh_file
from gbflux.mesh.recipe import Recipe
from gbflux.mesh.records import LayeredMesh
from gbflux.mesh.storage import faults_told, load_mesh

logger = logging.getLogger(__name__)

# Variables by which MPI launchers know their own processes; a child that is none of them must not see them.
_LAUNCHERS = ("OMPI_", "PMIX_", "PRTE_", "PMI_", "PMI2_", "HYDI_", "HYDRA_", "MPI_LOCAL", "SLURM_PMI")


@dataclass(frozen=True)
class BuiltMesh:
    """A mesh and how it came about.

    Attributes
    ----------
    mesh : LayeredMesh
        The mesh.
    timings : dict
        Seconds for ``grains``, ``mesh`` and ``layers``; in these, reading it from the cache counts as
        ``mesh``.
    from_cache : bool
        Whether it was made before.
    worker_peak_MiB : float
        Largest memory of the process that made it (MiB), 0 from the cache.
    """

    mesh: LayeredMesh
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
    path = mesh_file(recipe.key())
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
        mesh, timings = load_mesh(_keep(draft, path))
    return BuiltMesh(mesh, timings, False, peak)


def _cached(path: Path) -> LayeredMesh | None:
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


def _keep(draft: Path, path: Path) -> Path:
    """Move a draft into the cache unless the mesh is there by now; where the mesh can be read."""
    try:
        os.link(draft, path)
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
        with faults_told(out.parent):
            recipe.size.field.save(sizes)
        command.append(str(sizes))
    asked = out.with_name("recipe.json")
    with faults_told(out.parent):
        asked.write_text(recipe.to_json())
    code, words = _ended(command, environment, asked, meanwhile)
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


def _ended(
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
