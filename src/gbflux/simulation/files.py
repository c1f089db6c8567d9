"""The files of a run: tables, electrode surfaces, fields and pictures, then its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gbflux.measure import write_boundaries, write_grains
from gbflux.measure.planes import PlaneFacets, PlaneNodes, numbered
from gbflux.mesh import LayeredMesh
from gbflux.results.disk import disk_faults_told, require_room
from gbflux.results.folder import RunFolder
from gbflux.results.result import Result
from gbflux.results.snapshot import Snapshot
from gbflux.results.vtkhdf import fields_bytes, write_fields
from gbflux.results.vtp import write_polydata
from gbflux.units import SIDES


@dataclass(frozen=True)
class Pictures:
    """Recipe of a case's pictures, in two steps so that another rank can do the second.

    Attributes
    ----------
    look : callable
        Takes a `Snapshot` and returns the views that the pictures show; small, and fit for pickling.
    draw : callable
        Takes a folder and these views, and draws.
    prepare : callable
        Loads what drawing needs; called while the mesh is made.
    """

    look: Callable[[Snapshot], Any]
    draw: Callable[[Path, Any], Any]
    prepare: Callable[[], Any] = lambda: None


def leave_files(folder: RunFolder, snapshot: Snapshot | None, pictures: Pictures | None, comm: Any) -> None:
    """Leave the files of a run, but for its result; *collective*. The last rank draws while rank 0 writes.

    Parameters
    ----------
    folder : RunFolder
        The folder, made ready.
    snapshot : Snapshot or None
        The solved case, on rank 0.
    pictures : Pictures or None
        Makes the pictures, if the case asks for them.
    comm : MPI.Intracomm

    Raises
    ------
    InputError
        On all ranks together, if the disk has no room for them.
    """
    from gbflux.conduction.mpi import errors_of_root, raise_together, wait_asleep

    artist = comm.size - 1
    views = error = None
    size = 0
    with errors_of_root(comm) as is_root:
        if is_root:
            views = pictures.look(snapshot) if pictures and snapshot.case.output.figures else None
            # nearly all that a run leaves
            size = fields_bytes(snapshot.mesh) if snapshot.case.output.fields else 0
            require_room(folder.path, size)
    wanted, size = comm.bcast((views is not None, size))
    if wanted and artist != 0:
        if comm.rank == 0:
            comm.send(views, artist)
        elif comm.rank == artist:
            views = comm.recv(source=0)
    try:
        with disk_faults_told(folder.path, size):
            if comm.rank == 0:
                write_files(folder, snapshot)
            if comm.rank == artist and wanted:
                folder.figures.mkdir(exist_ok=True)
                pictures.draw(folder.figures, views)
    except Exception as caught:
        error = caught
    wait_asleep(comm)
    raise_together(comm, error)


def leave_result(folder: RunFolder, result: Result, facts: dict[str, Any]) -> None:
    """Write ``provenance.json`` and, last of all, ``result.json``.

    Raises
    ------
    InputError
        If the disk has no room for them.
    """
    with disk_faults_told(folder.path):
        folder.write_json("provenance.json", facts)
        folder.write_json("result.json", result.as_dict())


def write_files(folder: RunFolder, snapshot: Snapshot) -> None:
    """Write what a case asks for into its folder.

    Parameters
    ----------
    folder : RunFolder
        The folder, made ready.
    snapshot : Snapshot
        The solved case.
    """
    write_tables(folder, snapshot)
    if snapshot.case.output.fields:
        write_fields(folder.fields_file, snapshot.mesh, snapshot.fields)


def write_tables(folder: RunFolder, snapshot: Snapshot) -> None:
    """Write ``grains.csv``, ``boundaries.csv`` and the electrode surfaces."""
    measured = snapshot.measurement
    write_grains(folder.path / "grains.csv", measured.grains)
    write_boundaries(folder.path / "boundaries.csv", measured.boundaries, snapshot.mesh.dimension)
    for side in SIDES:
        path = folder.path / f"electrode_{side}.vtp"
        _write_electrode(path, snapshot.mesh, *measured.electrodes[side])


def _write_electrode(path: Path, mesh: LayeredMesh, facets: PlaneFacets, at: PlaneNodes) -> None:
    """Current density on the facets of one electrode."""
    nodes, numbers = numbered(facets.nodes, len(mesh.points))
    points = mesh.points[nodes]
    if points.shape[1] == 2:
        points = np.column_stack([points, np.zeros(len(points))])
    normal = at.at_corners(facets).mean(axis=1)
    data = {"J_normal": normal, "J_magnitude": facets.j_abs, "J_z": facets.j_z, "grain": facets.grain}
    write_polydata(path, points, numbers, data)
