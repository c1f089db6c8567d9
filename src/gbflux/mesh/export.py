"""Layered meshes for other programs: gmsh's own format, and whatever meshio writes.

Coordinates are in micrometres, in 2D with y = z. Every cell carries a physical tag (``PHYSICAL``: what it is)
and an elementary tag (which one it is): grain g is ``g + 1``, slab k follows the grains, boundary b follows
the slabs, the contact of slab k follows the boundaries; `boundary_rows` lists the boundaries' tags,
`conductivity_rows` all.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError, MissingLibrary
from gbflux.mesh.mesh import CellKind, Mesh
from gbflux.mesh.simplices import longest_edges, signed_volumes
from gbflux.units import S_PER_M_TO_S_PER_CM

#: Physical groups: name to (tag, codimension).
PHYSICAL = {
    "grains": (1, 0),
    "gb": (2, 0),
    "hl": (3, 0),
    "contact": (4, 0),
    "electrode_bottom": (5, 1),
    "electrode_top": (6, 1),
}
_GROUP = {
    CellKind.GRAIN: "grains",
    CellKind.HL: "hl",
    CellKind.GB: "gb",
    CellKind.GB_JUNCTION: "gb",
    CellKind.CONTACT: "contact",
}
_FORMATS = {
    "msh": ("gmsh22", ".msh"),
    "vtu": ("vtu", ".vtu"),
    "xdmf": ("xdmf", ".xdmf"),
    "vtk": ("vtk42", ".vtk"),  # in that of 5.1 VTK does not know meshio's name of 32-bit integers
}


def check_format(file_format: str) -> None:
    """Refuse a format that cannot be written, before anything is computed.

    Raises
    ------
    InputError
        If meshio cannot write it.
    MissingLibrary
        If meshio is missing.
    """
    known = sorted({*_FORMATS, *_load_meshio()._helpers._writer_map})
    if file_format not in known:
        raise InputError(f"mesh: --format must be one of {', '.join(known)}; got {file_format}.")


def format_of(path: Path | None) -> str:
    """The format that a file's ending stands for; ``"msh"`` without a file or where it stands for none."""
    ending = "" if path is None else path.suffix.lower()
    own = {mine: name for name, (_, mine) in _FORMATS.items()}
    return own.get(ending) or _load_meshio().extension_to_filetypes.get(ending, ["msh"])[0]


def _load_meshio() -> Any:
    try:
        import meshio
    except ImportError as error:
        raise MissingLibrary(
            f"mesh: exporting needs meshio; got {error}. Install it with `pip install meshio`."
        ) from error
    return meshio


def export_mesh(mesh: Mesh, path: Path, file_format: str = "msh") -> list[Path]:
    """Write a mesh, and beside it a table of its boundaries.

    Parameters
    ----------
    mesh : Mesh
        The mesh.
    path : Path
        File to write, replaced if it exists; its folder is made where there is none.
    file_format : str
        ``"msh"`` (gmsh 2.2, binary), ``"vtu"``, ``"xdmf"``, ``"vtk"``, or any other name meshio knows.

    Returns
    -------
    list of Path
        The mesh file and the table ``<stem>_boundaries.csv``.

    Raises
    ------
    InputError
        If the format is unknown or cannot hold the mesh, or the file cannot be written.
    MissingLibrary
        If meshio, or what it needs for the format, is missing.
    """
    meshio = _load_meshio()
    name = _FORMATS.get(file_format, (file_format, ""))[0]
    options: dict[str, Any] = {"binary": True} if name == "gmsh22" else {}
    table = path.with_name(f"{path.stem}_boundaries.csv")
    try:
        with _all_or_nothing(path, path.with_suffix(".h5"), table):
            if shutil.disk_usage(path.parent).free < mesh.points.nbytes + mesh.cells.nbytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # HDF5 would crash later
            meshio.write(path, meshio_mesh(mesh, meshio), file_format=name, **options)
            with table.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows(boundary_rows(mesh))
    except KeyError as error:
        raise InputError(
            f"mesh: --format must be a format meshio can write; got {file_format}. Try msh, vtu or xdmf."
        ) from error
    except meshio.WriteError as error:
        raise InputError(
            f"mesh: --format must be one that can hold the mesh; got {file_format}: {error} "
            "Try msh, vtu or xdmf."
        ) from error
    except ImportError as error:
        raise MissingLibrary(
            f"mesh: meshio needs one more library for --format {file_format}; got {error}. "
            "Install it, or try msh, vtu or xdmf."
        ) from error
    return [path, table]


def export_conductivities(mesh: Mesh, sigma: NDArray[np.float64], path: Path) -> Path:
    """Write the table ``<stem>_conductivities.csv`` beside an exported mesh: a row for each elementary tag.

    Parameters
    ----------
    mesh : Mesh
        The mesh.
    sigma : (m,) float64 array
        Conductivity of each cell, one value a tag (S/m).
    path : Path
        The mesh file.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    table = path.with_name(f"{path.stem}_conductivities.csv")
    with _all_or_nothing(table), table.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(conductivity_rows(mesh, sigma))
    return table


@contextmanager
def _all_or_nothing(*paths: Path) -> Iterator[None]:
    """Write files in the folder of the first, made where there is none; after an error none of them is left.

    A file that was there before stays where nothing has been written to it.
    """
    folder = paths[0].parent
    made = [above for above in (folder, *folder.parents) if not above.exists()]
    before = {path: path.stat().st_mtime_ns for path in paths if path.is_file()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        refusal = _refusal(paths[0], error) if isinstance(error, OSError) else None
        with contextlib.suppress(OSError):
            for path in paths:
                if path.is_file() and path.stat().st_mtime_ns != before.get(path):
                    path.unlink()
            for above in made:
                above.rmdir()
        if refusal is not None:
            raise refusal from error
        raise


def _refusal(path: Path, error: OSError) -> InputError:
    """The error of a file that cannot be written, with the room on its disk where the system reports it."""
    try:
        room = f", {shutil.disk_usage(path.parent).free / 2**20:,.1f} MiB free"
    except OSError:
        room = ""
    words = error.strerror or error
    return InputError(f"mesh: {path} must be writable; got '{words}'{room}. Choose another place.")


def suffix(file_format: str) -> str:
    """File ending for a format, ``".msh"`` for ``"msh"``."""
    return _FORMATS.get(file_format, (file_format, f".{file_format}"))[1]


def meshio_mesh(mesh: Mesh, meshio: Any) -> Any:
    """The mesh as meshio's record: cells, then the facets on the electrodes."""
    solid, flat = ("tetra", "triangle") if mesh.dimension == 3 else ("triangle", "line")
    facets = [plane_facets(mesh, z) for z in mesh.z_electrodes]
    physical = [physical_tags(mesh)]
    elementary = [elementary_tags(mesh)]
    for k, side in enumerate(("electrode_bottom", "electrode_top")):
        tag = PHYSICAL[side][0]
        physical.append(np.full(len(facets[k]), tag, dtype=np.int32))
        elementary.append(np.full(len(facets[k]), k + 1, dtype=np.int32))
    points = mesh.points if mesh.dimension == 3 else np.insert(mesh.points, 1, 0.0, axis=1)[:, [0, 2, 1]]
    return meshio.Mesh(
        points,
        [(solid, mesh.cells), (flat, facets[0]), (flat, facets[1])],
        cell_data={"gmsh:physical": physical, "gmsh:geometrical": elementary},
        field_data={name: np.array([tag, mesh.dimension - drop]) for name, (tag, drop) in PHYSICAL.items()},
    )


def physical_tags(mesh: Mesh) -> NDArray[np.int32]:
    """Physical tag of each cell, (m,)."""
    tags = np.zeros(len(CellKind), dtype=np.int32)
    for kind, name in _GROUP.items():
        tags[kind] = PHYSICAL[name][0]
    return tags[mesh.kind]


def elementary_tags(mesh: Mesh) -> NDArray[np.int32]:
    """Elementary tag of each cell, (m,)."""
    first_boundary = mesh.n_grains + len(mesh.slabs) + 1
    tags = np.where(mesh.boundary >= 0, first_boundary + mesh.boundary, mesh.region + 1)
    contact = mesh.kind == CellKind.CONTACT
    # gmsh puts all cells of an entity into the same groups: contacts must not share the tag of their slab
    tags[contact] += len(mesh.slabs) + len(mesh.boundaries)
    return tags.astype(np.int32)


def plane_facets(mesh: Mesh, z: float) -> NDArray[np.int32]:
    """Faces of cells that lie on an outer plane z (µm), as node numbers, (k, d)."""
    on_plane = mesh.points[:, -1] == z
    width = mesh.cells.shape[1]
    touched = mesh.cells[on_plane[mesh.cells].sum(axis=1) == width - 1]
    facets: NDArray[np.int32] = touched[on_plane[touched]].reshape(-1, width - 1)
    return facets


def boundary_rows(mesh: Mesh) -> list[list[Any]]:
    """Header and one row per boundary: its elementary tag, grain tags and area."""
    unit = "area_um2" if mesh.dimension == 3 else "length_um"
    first = mesh.n_grains + len(mesh.slabs) + 1
    rows = zip(mesh.boundaries.tolist(), mesh.boundary_area.tolist(), strict=True)
    return [
        ["tag", "grain_a", "grain_b", unit],
        *[[first + k, a + 1, b + 1, area] for k, ((a, b), area) in enumerate(rows)],
    ]


def conductivity_rows(mesh: Mesh, sigma: NDArray[np.float64]) -> list[list[Any]]:
    """Header and one row per elementary tag of cells: the tag, its physical group, its conductivity."""
    tags, first = np.unique(elementary_tags(mesh), return_index=True)
    names = [_GROUP[CellKind(kind)] for kind in mesh.kind[first].tolist()]
    values = (sigma[first] * S_PER_M_TO_S_PER_CM).tolist()
    rows = zip(tags.tolist(), names, values, strict=True)
    return [["tag", "group", "conductivity_S_per_cm"], *map(list, rows)]


def quality_rows(mesh: Mesh) -> list[tuple[str, int, float, float, float]]:
    """Of each kind of cell: name, count, volume (µm³; 2D: µm²), median longest edge (µm), least volume."""
    volume, edge = signed_volumes(mesh.points, mesh.cells), longest_edges(mesh.points, mesh.cells)
    rows = []
    for kind in CellKind:
        mine = mesh.kind == kind
        if mine.any():
            v, name = volume[mine], kind.name.lower()
            rows.append((name, len(v), float(v.sum()), float(np.median(edge[mine])), float(v.min())))
    return rows
