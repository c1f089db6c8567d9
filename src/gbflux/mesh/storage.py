"""Layered meshes on disk: one NumPy archive, written under another name and moved into place whole."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from gbflux.errors import MeshError
from gbflux.mesh.records import LayeredMesh, MeshQuality

_ARRAYS = (
    "points",
    "cells",
    "kind",
    "region",
    "boundary",
    "boundaries",
    "boundary_area",
    "boundary_normal",
    "size_um",
    "node",
)


def save_mesh(path: Path, mesh: LayeredMesh, timings: dict[str, float]) -> None:
    """Write a mesh and the seconds its making took; a file already there is replaced in one step."""
    facts = {field.name: getattr(mesh, field.name) for field in fields(mesh) if field.name not in _ARRAYS}
    facts["quality"] = asdict(mesh.quality)
    about = np.array(json.dumps({"facts": facts, "timings": timings}))
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, about=about, **{name: getattr(mesh, name) for name in _ARRAYS})
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


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
            arrays = {name: archive[name] for name in _ARRAYS}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MeshError(f"mesh: {path} must be a whole mesh archive; got {error!r}. Delete it.") from error
    facts = about["facts"]
    facts["quality"] = MeshQuality(**facts["quality"])
    facts["slabs"] = tuple(facts["slabs"])
    for name in ("z_electrolyte", "z_electrodes"):
        facts[name] = tuple(facts[name])
    return LayeredMesh(**arrays, **facts), about["timings"]
