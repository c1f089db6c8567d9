"""`gbflux mesh`, `cache`: the mesh of a case, written for other programs; meshes made before."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gbflux.cli.case_file import CaseFile


def mesh(
    case_file: CaseFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="File to write (default: NAME with the format's ending)."
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="msh (gmsh 2.2), vtu, xdmf, or another name that meshio writes "
            "(default: what FILE's ending stands for, else msh).",
        ),
    ] = None,
) -> None:
    """Mesh a case and write it: coordinates in µm, physical groups, a tag for each grain and boundary.

    Beside it go tables of the boundaries and of the conductivity behind each tag.

    Raises
    ------
    MeshError
        If no valid mesh can be made.
    InputError
        If the format is unknown or cannot hold the mesh, or the file cannot be written.
    """
    from gbflux.case import estimate, load_case, machine_memory, require_memory
    from gbflux.conduction.materials import conductivities
    from gbflux.mesh import build_mesh, recipe
    from gbflux.mesh.export import (
        check_format,
        export_conductivities,
        export_mesh,
        format_of,
        quality_rows,
        suffix,
    )

    case = load_case(case_file)
    file_format = file_format or format_of(output)
    check_format(file_format)
    require_memory(estimate(case), machine_memory())
    built = build_mesh(recipe(case))
    path = output or Path(f"{case.name}{suffix(file_format)}")
    paths = export_mesh(built.mesh, path, file_format)
    paths.append(export_conductivities(built.mesh, conductivities(built.mesh, case), path))
    unit = "µm³" if case.dimension == 3 else "µm²"
    typer.echo(f"{'cells':12} {'count':>12} {'volume ' + unit:>14} {'edge µm':>9} {'smallest ' + unit:>14}")
    for name, count, volume, edge, smallest in quality_rows(built.mesh):
        typer.echo(f"{name:12} {count:12,} {volume:14.6g} {edge:9.3g} {smallest:14.3g}")
    q = built.mesh.quality
    typer.echo(
        f"{built.mesh.n_grains:,} grains; box volume off by {q.volume_error:.1e}, "
        f"layer volume by {q.layer_volume_error:.1e}; layer limited on {q.gb_area_limited_fraction:.2%} "
        f"of {q.gb_area_um2:,.6g} µm{'²' if case.dimension == 3 else ''}"
    )
    typer.echo("wrote " + ", ".join(map(str, paths)))


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
