"""A tessellation of a box into convex cells, stored face by face; its measures, and cuts by planes.

Invariant: every face is planar and convex, bounds exactly two cells (or a cell and an outer side), and
neighbouring faces share vertex numbers, so that a mesh built face by face conforms.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


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

    size_um: Floats
    vertices: Floats
    loops: Ints
    starts: Ints
    face_cells: Ints
    seeds: Floats

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return self.vertices.shape[1]

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.seeds)

    def face(self, index: int) -> Ints:
        """Vertex numbers of one face."""
        return self.loops[self.starts[index] : self.starts[index + 1]]

    @property
    def loop_faces(self) -> Ints:
        """Face that each entry of `loops` belongs to."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def pack_loops(faces: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Flatten a list of vertex loops into ``(loops, starts)``."""
    starts = np.zeros(len(faces) + 1, dtype=np.int64)
    np.cumsum(list(map(len, faces)), out=starts[1:])
    loops = np.fromiter(itertools.chain.from_iterable(faces), np.int64, int(starts[-1]))
    return loops, starts


def edges(tessellation: Tessellation) -> Ints:
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


def edge_lengths(tessellation: Tessellation) -> Floats:
    """Lengths of the unique edges (µm), shape (ne,)."""
    pairs = edges(tessellation)
    ends = tessellation.vertices[pairs]
    lengths: Floats = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    return lengths


def face_simplices(tessellation: Tessellation) -> tuple[Ints, Ints]:
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


def volumes_and_centroids(tessellation: Tessellation) -> tuple[Floats, Floats]:
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
    sums = np.stack([np.bincount(cell, corners[:, :, k].mean(1), n) for k in range(d)], axis=1)
    middle = sums / np.maximum(count, 1)[:, None]
    spans = corners - middle[cell][:, None, :]
    volume = np.abs(np.linalg.det(spans)) / (2 if d == 2 else 6)
    centroid = (corners.sum(1) + middle[cell]) / (d + 1)
    total = np.bincount(cell, volume, n).astype(np.float64)
    moment = np.stack([np.bincount(cell, volume * centroid[:, k], n) for k in range(d)], axis=1)
    centroids: Floats = moment / np.where(total > 0, total, 1.0)[:, None]
    return total, centroids


def clip_to_box(tessellation: Tessellation) -> Tessellation:
    """Keep what lies inside the box ``[0, size_um]``; cells outside lose all their faces."""
    for axis in range(tessellation.dimension):
        tessellation = clip(tessellation, axis, 0.0, upper=False)
        tessellation = clip(tessellation, axis, float(tessellation.size_um[axis]), upper=True)
    return tessellation


def clip(tessellation: Tessellation, axis: int, position: float, *, upper: bool) -> Tessellation:
    """Keep the half below ``position`` if `upper`, else the half above (µm).

    Each cut edge gets one new vertex, shared by all faces around it; each cut cell gets one new face on the
    plane. So the result conforms exactly, without comparing coordinates.
    """
    distance = tessellation.vertices[:, axis] - position
    distance = -distance if upper else distance
    inside = distance >= 0
    kept = np.add.reduceat(inside[tessellation.loops].astype(np.int64), tessellation.starts[:-1])
    whole = kept == np.diff(tessellation.starts)
    cut = (kept > 0) & ~whole
    crossing: dict[tuple[int, int], int] = {}  # number of the new vertex on each cut edge
    segments: dict[int, list[list[int]]] = {}  # of each cut cell: where its faces meet the plane
    faces: list[list[int]] = []
    cells: list[list[int]] = tessellation.face_cells[cut].tolist()
    corner_inside = inside.tolist()
    for index, pair in zip(np.flatnonzero(cut).tolist(), cells, strict=True):
        loop, rim = _trim(tessellation.face(index).tolist(), corner_inside, crossing)
        faces.append(loop)
        for cell in pair:
            if cell >= 0:
                segments.setdefault(cell, []).append(rim)
    for cell, pieces in sorted(segments.items()):
        faces.append(_chain(pieces))
        cells.append([cell, outer_side(axis, upper)])
    a, b = np.reshape(list(crossing), (-1, 2)).astype(np.int64).T
    weight = distance[a] / (distance[a] - distance[b])
    old = tessellation.vertices
    new = old[a] + weight[:, None] * (old[b] - old[a])  # exact where both ends agree
    new[:, axis] = position
    return _assemble(tessellation, whole, np.concatenate([old, new]), faces, cells)


def _trim(
    loop: list[int], inside: list[bool], crossing: dict[tuple[int, int], int]
) -> tuple[list[int], list[int]]:
    """The part of a face inside, and the new vertices on its rim, numbered by the edge they cut."""
    kept: list[int] = []
    rim: list[int] = []
    polygon = len(loop) > 2  # in 2D a face is one edge, which a round along it would meet twice
    for k, (a, b) in enumerate(zip(loop, loop[1:] + loop[:1], strict=True)):
        if inside[a]:
            kept.append(a)
        if inside[a] != inside[b] and (polygon or k == 0):
            rim.append(crossing.setdefault((min(a, b), max(a, b)), len(inside) + len(crossing)))
            kept.append(rim[-1])
    return kept, rim


def _chain(pieces: list[list[int]]) -> list[int]:
    """Loop through segments given in any order; in 2D the two end points."""
    if len(pieces[0]) == 1:
        return [piece[0] for piece in pieces]
    neighbours: dict[int, list[int]] = {}
    for a, b in pieces:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    loop: list[int] = []
    previous, here = -1, pieces[0][0]
    while not loop or here != loop[0]:
        loop.append(here)
        one, other = neighbours[here]
        previous, here = here, (other if one == previous else one)
    return loop


def _assemble(
    old: Tessellation, whole: Mask, vertices: Floats, faces: list[list[int]], cells: list[list[int]]
) -> Tessellation:
    """Whole faces of `old` and the new ones, with unused vertices dropped."""
    loops, starts = pack_loops(faces)
    loops = np.concatenate([old.loops[whole[old.loop_faces]], loops])
    lengths = np.concatenate([np.diff(old.starts)[whole], np.diff(starts)])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    face_cells = np.concatenate([old.face_cells[whole], np.reshape(cells, (-1, 2)).astype(np.int64)])
    used = np.zeros(len(vertices), dtype=bool)
    used[loops] = True
    compact = np.cumsum(used) - 1
    return replace(old, vertices=vertices[used], loops=compact[loops], starts=starts, face_cells=face_cells)
