"""Meshing the volumes of a gmsh model on several cores.

Once the faces are meshed the volumes are independent of each other, so each core meshes its own share of them
in a forked copy of this process. gmsh's own threads share a single triangulation and gain much less.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MeshError

FEWEST_CELLS = 100_000  # below these a fork does not pay


@dataclass(frozen=True)
class Volumes:
    """Simplices of some entities, with nodes numbered from zero.

    Attributes
    ----------
    points : (n, 3) float array
        Nodes (µm).
    cells : (m, d + 1) int32 array
        Simplices.
    region : (m,) int32 array
        Entity of each, its tag minus one.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int32]
    region: NDArray[np.int32]


def mesh_volumes(gmsh, shares: list[NDArray[np.int64]]) -> Volumes:
    """Mesh volumes of a model whose faces are meshed; each share of them by a process of its own.

    Nodes on faces come first and keep the order of their tags.

    Parameters
    ----------
    gmsh : module
        With the model.
    shares : list of int arrays
        Volumes, by their tag minus one. The first share is meshed here.

    Raises
    ------
    MeshError
        If one of the processes fails.
    """
    gmsh.option.setNumber("General.NumThreads", 1)
    on_faces = _nodes(gmsh)
    with tempfile.TemporaryDirectory(prefix="gbflux-") as name:
        drafts = [Path(name) / f"{k}.npz" for k in range(1, len(shares))]
        children = [_fork(gmsh, shares, k, len(on_faces), draft) for k, draft in enumerate(drafts, start=1)]
        try:
            parts = [_share(gmsh, shares, 0, len(on_faces))]
        finally:
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        if any(codes):
            raise MeshError(
                f"mesh: gmsh must mesh every grain; one of its processes ended with code "
                f"{max(codes, key=abs)}."
            )
        parts += [Volumes(**np.load(draft)) for draft in drafts]
    return _joined(on_faces, parts)


def _fork(gmsh, shares: list[NDArray], k: int, faces: int, draft: Path) -> int:
    """Start a copy of this process that meshes share k, writes it and ends; its process number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # on forking with threads: the copy uses none
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        part = _share(gmsh, shares, k, faces)
        np.savez(draft, points=part.points, cells=part.cells, region=part.region)
        code = 0
    finally:
        os._exit(code)


def _share(gmsh, shares: list[NDArray], k: int, faces: int) -> Volumes:
    """Mesh share k alone; its points are those inside the volumes, numbered after those on faces."""
    others = [(3, int(volume) + 1) for j, share in enumerate(shares) if j != k for volume in share]
    if others:
        gmsh.model.removeEntities(others)
    gmsh.model.mesh.generate(3)
    points = _nodes(gmsh)
    cells, region = simplices(gmsh, 3, shares[k])
    return Volumes(points[faces:], cells, region)


def _nodes(gmsh) -> NDArray[np.float64]:
    """Nodes in the order of their tags, which run from one without gaps, (n, 3)."""
    tags, xyz, _ = gmsh.model.mesh.getNodes()
    points = np.full((int(tags.max()), 3), np.nan)
    points[tags.astype(np.int64) - 1] = xyz.reshape(-1, 3)
    return points


def surface(gmsh, entities) -> Volumes:
    """The mesh of 2D cells."""
    cells, region = simplices(gmsh, 2, entities)
    return Volumes(_nodes(gmsh), cells, region)


def simplices(gmsh, dimension: int, entities) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Nodes, by their tag minus one, of all simplices of the given entities, and the entity of each."""
    blocks, owner = [np.zeros((0, dimension + 1), dtype=np.int32)], [np.zeros(0, dtype=np.int32)]
    for entity in entities:
        _, _, nodes = gmsh.model.mesh.getElements(dimension, int(entity) + 1)
        if nodes:
            block = nodes[0].astype(np.int32).reshape(-1, dimension + 1) - 1
            blocks.append(block)
            owner.append(np.full(len(block), entity, dtype=np.int32))
    return np.vstack(blocks), np.concatenate(owner)


def _joined(on_faces: NDArray, parts: list[Volumes]) -> Volumes:
    """All shares in one numbering, put into theirs: the nodes on faces, then those inside each share."""
    first = 0
    for part in parts:
        if first:
            inside = part.cells >= len(on_faces)
            part.cells[inside] += first
        first += len(part.points)
    points = np.vstack([on_faces, *(part.points for part in parts)])
    return Volumes(
        points, np.vstack([part.cells for part in parts]), np.concatenate([part.region for part in parts])
    )
