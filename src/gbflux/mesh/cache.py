"""The mesh cache: one file per recipe, in ``$GBFLUX_CACHE`` or the user's cache folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gbflux.errors import InputError


@dataclass(frozen=True)
class Entry:
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


def mesh_file(key: str) -> Path:
    """Path where the mesh of a recipe's key is stored, or would be."""
    return cache_folder() / "meshes" / f"{key}.npz"


def entries() -> list[Entry]:
    """Meshes in the cache, last used first."""
    found = []
    for path in (cache_folder() / "meshes").glob("*.npz"):
        facts = path.stat()
        found.append(Entry(path.stem, path, facts.st_size, facts.st_mtime))
    return sorted(found, key=lambda entry: -entry.used)


def empty() -> int:
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
