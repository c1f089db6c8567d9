"""A tessellation of a box into convex cells, stored face by face.

Invariant: every face is planar and convex, bounds exactly two cells (or a cell and an outer side), and
neighbouring faces share vertex numbers, so that a mesh built face by face conforms.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def outer_side(axis: int, upper: bool) -> int:
    """Number of the outer side ``axis = lower`` or ``axis = upper`` in `Tessellation.face_cells`.

    >>> outer_side(0, False), outer_side(2, True)
    (-1, -6)
    """
    return -1 - (2 * axis + int(upper))


@dataclass(frozen=True)
class Tessellation:
    """Convex cells that fill a box.

    Attributes
    ----------
    size_um : (d,) float array
        Box from the origin (µm), d = 2 or 3.
    vertices : (nv, d) float array
        Corners of the cells (µm).
    loops : (k,) int array
        Vertex numbers of all faces, one after the other: a closed polygon per face in 3D, two ends in 2D.
    starts : (nf + 1,) int array
        Face f owns ``loops[starts[f]:starts[f + 1]]``.
    face_cells : (nf, 2) int array
        The cells on the two sides of each face; an outer side is negative, see `outer_side`.
    seeds : (n, d) float array
        A point for each cell, from which the cell is seen whole (µm). It may lie outside the box.
    """

    size_um: NDArray[np.float64]
    vertices: NDArray[np.float64]
    loops: NDArray[np.int64]
    starts: NDArray[np.int64]
    face_cells: NDArray[np.int64]
    seeds: NDArray[np.float64]

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return self.vertices.shape[1]

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.seeds)

    def face(self, index: int) -> NDArray[np.int64]:
        """Vertex numbers of one face."""
        return self.loops[self.starts[index] : self.starts[index + 1]]

    @property
    def loop_faces(self) -> NDArray[np.int64]:
        """Face that each entry of `loops` belongs to."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def pack_loops(faces: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flatten a list of vertex loops into ``(loops, starts)``."""
    starts = np.zeros(len(faces) + 1, dtype=np.int64)
    np.cumsum(list(map(len, faces)), out=starts[1:])
    loops = np.fromiter(itertools.chain.from_iterable(faces), np.int64, int(starts[-1]))
    return loops, starts


def edges(tessellation: Tessellation) -> NDArray[np.int64]:
    """Unique edges as sorted vertex pairs, (ne, 2); in 2D the faces themselves."""
    loops, starts = tessellation.loops, tessellation.starts
    if tessellation.dimension == 2:
        pairs = loops.reshape(-1, 2)
    else:
        following = np.arange(1, len(loops) + 1)
        following[starts[1:] - 1] = starts[:-1]
        pairs = np.stack([loops, loops[following]], axis=1)
    n = len(tessellation.vertices)
    keys = np.unique(pairs.min(axis=1) * n + pairs.max(axis=1))
    return np.stack([keys // n, keys % n], axis=1)


def edge_lengths(tessellation: Tessellation) -> NDArray[np.float64]:
    """Lengths of the unique edges (µm), shape (ne,)."""
    pairs = edges(tessellation)
    ends = tessellation.vertices[pairs]
    return np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)


def face_simplices(tessellation: Tessellation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Faces cut into fans: vertex numbers (k, d) and the face of each, (k,)."""
    if tessellation.dimension == 2:
        return tessellation.loops.reshape(-1, 2), np.arange(len(tessellation.face_cells))
    owner = tessellation.loop_faces
    first = tessellation.starts[owner]
    position = np.arange(len(owner))
    inner = (position > first) & (position < tessellation.starts[owner + 1] - 1)
    p = position[inner]
    fan = np.stack(
        [tessellation.loops[first[inner]], tessellation.loops[p], tessellation.loops[p + 1]], axis=1
    )
    return fan, owner[inner]


def volumes_and_centroids(tessellation: Tessellation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Volume (µm³; area in 2D, µm²) and centroid (µm) of each cell, shapes (n,) and (n, d).

    Each face spans simplices with a point inside the cell: the mean of the cell's face corners.
    """
    d, n = tessellation.dimension, tessellation.n_cells
    simplices, owner = face_simplices(tessellation)
    pairs = tessellation.face_cells[owner]
    cell = np.concatenate([pairs[:, 0], pairs[:, 1]])
    simplices = np.concatenate([simplices, simplices])
    inside = cell >= 0
    cell, corners = cell[inside], tessellation.vertices[simplices[inside]]
    count = np.bincount(cell, minlength=n)
    middle = np.stack([np.bincount(cell, corners[:, :, k].mean(1), n) for k in range(d)], axis=1)
    middle /= np.maximum(count, 1)[:, None]
    spans = corners - middle[cell][:, None, :]
    volume = np.abs(np.linalg.det(spans)) / (2 if d == 2 else 6)
    centroid = (corners.sum(1) + middle[cell]) / (d + 1)
    total = np.bincount(cell, volume, n)
    moment = np.stack([np.bincount(cell, volume * centroid[:, k], n) for k in range(d)], axis=1)
    return total, moment / np.where(total > 0, total, 1.0)[:, None]
