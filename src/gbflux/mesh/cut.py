"""A layered mesh with its homogenizing layers cut off at a mesh plane, as if meshed that thin."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.case.sides import SIDES
from gbflux.errors import MeshError
from gbflux.mesh.records import LayeredMesh

_NEAR = 1e-9  # of the mesh's extent: what lies on a plane


@dataclass(frozen=True)
class Cut:
    """What is left of a mesh between two electrode planes.

    Attributes
    ----------
    mesh : LayeredMesh
        What is left; a side cut off at the electrolyte has no slab. `quality` is that of the whole mesh.
    cells : (m,) int64 array
        Its cells in the whole mesh, ascending.
    points : (n,) int64 array
        Its points in the whole mesh, ascending.
    covered : pair of (n_whole,) bool arrays or None
        For the bottom and the top, the points of the whole mesh on the electrode plane or beyond it; None
        where nothing is cut off.
    """

    mesh: LayeredMesh
    cells: NDArray[np.int64]
    points: NDArray[np.int64]
    covered: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]


def cut_slabs(mesh: LayeredMesh, hl_um: tuple[float, float]) -> Cut:
    """Cut the homogenizing layers of a mesh to a smaller thickness.

    Parameters
    ----------
    mesh : LayeredMesh
        With a mesh plane at each thickness.
    hl_um : (float, float)
        Thickness of the bottom and the top layer (µm), at most that of the mesh; 0.0 takes the layer off, its
        contact with the electrolyte too.

    Returns
    -------
    Cut

    Raises
    ------
    MeshError
        If there is no mesh plane at a thickness.
    """
    electrodes = (mesh.z_electrolyte[0] - hl_um[0], mesh.z_electrolyte[1] + hl_um[1])
    beyond = [_beyond(mesh, side, electrodes[side]) for side in (0, 1)]
    kept = np.ones(len(mesh.cells), dtype=bool)
    covered = []
    for cells in beyond:
        if not cells.any():
            covered.append(None)
            continue
        kept &= ~cells
        nodes = np.zeros(len(mesh.points), dtype=bool)
        nodes[mesh.cells[cells]] = True
        covered.append(nodes)
    used = np.zeros(len(mesh.points), dtype=bool)
    used[mesh.cells[kept]] = True
    left = _left(mesh, hl_um, electrodes, kept, used, covered)
    return Cut(left, np.flatnonzero(kept), np.flatnonzero(used), tuple(covered))


def _beyond(mesh: LayeredMesh, side: int, electrode: float) -> NDArray[np.bool_]:
    """Cells beyond the plane of an electrode; no cell may cross it."""
    beyond = np.zeros(len(mesh.cells), dtype=bool)
    if electrode == mesh.z_electrodes[side]:
        return beyond
    slab = mesh.n_grains + mesh.slabs.index(SIDES[side])
    cells = np.flatnonzero(mesh.region == slab)
    depth = (mesh.points[:, -1] - electrode) * (1 if side else -1)
    near = _NEAR * float(np.ptp(mesh.points[:, -1]))
    corners = mesh.cells[cells].T  # corner by corner: much faster than by rows of four
    outside = (depth > near)[corners].any(axis=0)
    if np.any(outside & (depth < -near)[corners].any(axis=0)):
        raise MeshError(
            f"mesh: the {SIDES[side]} homogenizing layer must have a mesh plane at z = {electrode:g} µm; "
            "got cells across it. Mesh this thickness by itself."
        )
    beyond[cells[outside]] = True
    return beyond


def _left(
    mesh: LayeredMesh,
    hl_um: tuple[float, float],
    electrodes: tuple[float, float],
    kept: NDArray[np.bool_],
    used: NDArray[np.bool_],
    covered: list[NDArray[np.bool_] | None],
) -> LayeredMesh:
    """The kept cells as a mesh of their own, points on the new electrodes exactly there."""
    slabs = tuple(side for side, um in zip(SIDES, hl_um, strict=True) if side in mesh.slabs and um > 0)
    number = np.cumsum(used, dtype=np.int32) - 1
    points = mesh.points[used]
    for nodes, z in zip(covered, electrodes, strict=True):
        if nodes is not None:
            points[nodes[used], -1] = z
    region = mesh.region[kept]
    for old, side in enumerate(mesh.slabs):
        if side in slabs and slabs.index(side) != old:
            region[region == mesh.n_grains + old] = mesh.n_grains + slabs.index(side)
    return replace(
        mesh,
        points=points,
        cells=number[mesh.cells[kept]],
        kind=mesh.kind[kept],
        region=region,
        boundary=mesh.boundary[kept],
        node=None if mesh.node is None else mesh.node[used],
        slabs=slabs,
        z_electrodes=electrodes,
        hash=hashlib.sha256(f"{mesh.hash} {electrodes}".encode()).hexdigest(),
    )
