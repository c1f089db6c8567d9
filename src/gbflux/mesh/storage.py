"""Layered meshes on disk: one NumPy archive, written under another name and moved into place whole."""

from __future__ import annotations

import json
import os
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from gbflux.errors import MeshError
from gbflux.mesh.records import MESH_ARRAYS, LayeredMesh, mesh_facts, mesh_of


def save_mesh(path: Path, mesh: LayeredMesh, timings: dict[str, float]) -> None:
    """Write a mesh and the seconds its making took; a file already there is replaced in one step.

    Raises
    ------
    MeshError
        If it cannot be written.
    """
    about = np.array(json.dumps({"facts": mesh_facts(mesh), "timings": timings}))
    draft = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part")  # not tempfile's: others may read a cache
    try:
        with faults_told(path.parent):
            with draft.open("xb") as stream:
                np.savez(stream, about=about, **{name: getattr(mesh, name) for name in MESH_ARRAYS})
            os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def faults_told(folder: Path) -> Iterator[None]:
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


def load_mesh(path: Path) -> tuple[LayeredMesh, dict[str, float]]:
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
