"""The files of a run, but for its pictures and its result: tables, electrode surfaces, fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.flux import write_boundaries, write_grains
from gbflux.flux.measure import electrode_plane
from gbflux.flux.planes import cells_touching
from gbflux.study.folder import RunFolder
from gbflux.study.snapshot import Snapshot
from gbflux.study.vtkhdf import write_fields
from gbflux.study.vtp import write_polydata
from gbflux.units import SIDES


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
    among = cells_touching(snapshot.mesh, snapshot.mesh.z_electrodes)
    for side in SIDES:
        _write_electrode(folder.path / f"electrode_{side}.vtp", snapshot, side, among)


def _write_electrode(path: Path, snapshot: Snapshot, side: str, among: NDArray[np.integer]) -> None:
    """Current density on the facets of one electrode, whose cells are `among` these."""
    facets, _ = electrode_plane(snapshot.mesh, snapshot.fields, side, among)
    nodes, numbers = np.unique(facets.nodes, return_inverse=True)
    points = snapshot.mesh.points[nodes]
    if points.shape[1] == 2:
        points = np.column_stack([points, np.zeros(len(points))])
    data = {"J_magnitude": facets.j_abs, "J_z": facets.j_z, "grain": facets.grain}
    write_polydata(path, points, numbers.reshape(facets.nodes.shape), data)
