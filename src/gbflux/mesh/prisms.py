"""Prisms between two equal triangulations, cut into tetrahedra.

The diagonal of each quadrilateral starts at its smallest node number (Dompierre, Labbé, Vallet & Camarero,
8th International Meshing Roundtable, 1999): neighbours always agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MeshError
from gbflux.mesh.volumes import Volumes

# Vertex orders that bring each of the six corners of a prism to the front, all of the same handedness.
_TO_FRONT = np.array(
    [
        [0, 1, 2, 3, 4, 5],
        [1, 2, 0, 4, 5, 3],
        [2, 0, 1, 5, 3, 4],
        [3, 5, 4, 0, 2, 1],
        [4, 3, 5, 1, 0, 2],
        [5, 4, 3, 2, 1, 0],
    ]
)
_SAME = 1e-9  # of the extent of a plane: how closely its nodes lie above those of its copy


@dataclass(frozen=True)
class Stacked:
    """A layer between two planes that are meshed alike.

    Attributes
    ----------
    cell : int
        The layer, a cell of the tessellation.
    faces : (int, int)
        Its two planes.
    """

    cell: int
    faces: tuple[int, int]


def with_prisms(
    volumes: Volumes, stacked: Sequence[Stacked], triangles: Mapping[int, NDArray[np.int32]]
) -> Volumes:
    """Some volumes and the layers between planes, three tetrahedra for each pair of triangles.

    Parameters
    ----------
    volumes : Volumes
        The other cells; its points include those on faces.
    stacked : sequence of Stacked
    triangles : mapping of int to (k, 3) int32 arrays
        Nodes of the triangles of each plane.

    Raises
    ------
    MeshError
        If two planes are not meshed alike.
    """
    cells, region = [volumes.cells], [volumes.region]
    for layer in stacked:
        inner, outer = (triangles[face] for face in layer.faces)
        above = _above(volumes.points, inner, outer)
        tetrahedra = split_prisms(np.hstack([inner, above[inner]]))
        cells.append(tetrahedra)
        region.append(np.full(len(tetrahedra), layer.cell, dtype=np.int32))
    return Volumes(volumes.points, np.vstack(cells), np.concatenate(region))


def _above(points: NDArray[np.float64], inner: NDArray, outer: NDArray) -> NDArray[np.int32]:
    """For each node of the inner triangles the node of the outer ones above it; elsewhere −1."""
    from scipy.spatial import cKDTree

    here, there = np.unique(inner), np.unique(outer)
    apart, nearest = cKDTree(points[there, :2]).query(points[here, :2])
    extent = float(np.ptp(points[here, :2], axis=0).max())
    if len(here) != len(there) or len(inner) != len(outer) or apart.max() > _SAME * extent:
        raise MeshError(
            f"mesh: planes of a layer must be meshed alike; got {len(here)} and {len(there)} nodes, up to "
            f"{apart.max():.1e} µm apart. Try another mesh.size_um."
        )
    above = np.full(len(points), -1, dtype=np.int32)
    above[here] = there[nearest]
    return above


def split_prisms(prisms: NDArray) -> NDArray:
    """Three tetrahedra for each prism.

    Parameters
    ----------
    prisms : (m, 6) int array
        A triangle, then the opposite one corner by corner, counter-clockwise seen from the latter.

    Returns
    -------
    (3 m, 4) int array
        The three cells of a prism follow one another.
    """
    q = np.take_along_axis(prisms, _TO_FRONT[np.argmin(prisms, axis=1)], axis=1)
    rising = np.minimum(q[:, 1], q[:, 5]) < np.minimum(q[:, 2], q[:, 4])
    one = q[:, [[0, 1, 2, 5], [0, 1, 5, 4], [0, 4, 5, 3]]]
    other = q[:, [[0, 1, 2, 4], [0, 4, 2, 5], [0, 4, 5, 3]]]
    return np.where(rising[:, None, None], one, other).reshape(-1, 4)
