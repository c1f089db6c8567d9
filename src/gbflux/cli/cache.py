"""`gbflux cache`: show the mesh cache, or empty it."""

from __future__ import annotations

import time
from typing import Annotated

import typer


def cache(empty: Annotated[bool, typer.Option("--empty", help="Delete all cached meshes.")] = False) -> None:
    """Show the cached meshes (folder: $GBFLUX_CACHE, else the user's cache), or delete them.

    Raises
    ------
    InputError
        If a file cannot be deleted.
    """
    from gbflux.mesh import build as store

    typer.echo(f"{store.cache_folder()}")
    if empty:
        typer.echo(f"freed {store.empty_cache() / 2**20:,.1f} MiB")
        return
    found = store.cache_entries()
    for entry in found:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        typer.echo(f"  {entry.key[:16]}  {entry.bytes / 2**20:10,.1f} MiB  last used {day}")
    typer.echo(
        f"  {len(found)} meshes, {sum(entry.bytes for entry in found) / 2**20:,.1f} MiB; --empty deletes them"
    )
