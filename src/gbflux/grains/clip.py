"""Cut a tessellation by an axis-aligned plane, keeping one half.

Each cut edge gets one new vertex, shared by all faces around it; each cut cell gets one new face on the
plane. So the result conforms exactly, without comparing coordinates.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gbflux.grains.tessellation import Tessellation, outer_side, pack_loops


def clip_to_box(tessellation: Tessellation) -> Tessellation:
    """Keep what lies inside the box ``[0, size_um]``; cells outside lose all their faces."""
    for axis in range(tessellation.dimension):
        tessellation = clip(tessellation, axis, 0.0, upper=False)
        tessellation = clip(tessellation, axis, float(tessellation.size_um[axis]), upper=True)
    return tessellation


def clip(tessellation: Tessellation, axis: int, position: float, *, upper: bool) -> Tessellation:
    """Keep the half below ``position`` if `upper`, else the half above (µm)."""
    distance = tessellation.vertices[:, axis] - position
    distance = -distance if upper else distance
    inside = distance >= 0
    kept_corners = np.add.reduceat(inside[tessellation.loops].astype(np.int64), tessellation.starts[:-1])
    corners = np.diff(tessellation.starts)
    whole = kept_corners == corners
    cut = (kept_corners > 0) & ~whole
    knife = _Knife(tessellation, distance, inside, axis, position)
    side = outer_side(axis, upper)
    faces, cells = [], tessellation.face_cells[cut].tolist()
    for index, pair in zip(np.flatnonzero(cut), cells, strict=True):
        loop, crossings = knife.trim(tessellation.face(index).tolist())
        faces.append(loop)
        knife.note(pair, crossings)
    for cell, loop in knife.new_faces():
        faces.append(loop)
        cells.append([cell, side])
    loops, starts = pack_loops(faces)
    return _assemble(tessellation, whole, knife.vertices(), loops, starts, cells)


class _Knife:
    """New vertices on the cutting plane, one per cut edge, and the segments they form in each cell."""

    def __init__(
        self, tessellation: Tessellation, distance: NDArray, inside: NDArray, axis: int, position: float
    ) -> None:
        self._old, self._distance = tessellation.vertices, distance
        self._inside = inside.tolist()
        self._axis, self._position = axis, position
        self._by_edge: dict[tuple[int, int], int] = {}
        self._segments: dict[int, list[list[int]]] = {}

    def crossing(self, a: int, b: int) -> int:
        """Vertex number of the point where edge (a, b) meets the plane."""
        key = (a, b) if a < b else (b, a)
        return self._by_edge.setdefault(key, len(self._old) + len(self._by_edge))

    def trim(self, loop: list[int]) -> tuple[list[int], list[int]]:
        """The part of a face inside, and the new vertices on its rim."""
        closed, inside = len(loop) > 2, self._inside
        kept, crossings = [], []
        following = loop[1:] + loop[:1]
        for k, (a, b) in enumerate(zip(loop, following, strict=True)):
            if inside[a]:
                kept.append(a)
            if inside[a] != inside[b] and (closed or k == 0):
                crossings.append(self.crossing(a, b))
                kept.append(crossings[-1])
        return kept, crossings

    def note(self, cells: list[int], crossings: list[int]) -> None:
        """Remember that a face of these cells meets the plane in these vertices."""
        for cell in cells:
            if cell >= 0:
                self._segments.setdefault(cell, []).append(crossings)

    def new_faces(self) -> list[tuple[int, list[int]]]:
        """A face on the plane for each cut cell: its segments, chained."""
        return [(cell, _chain(pieces)) for cell, pieces in sorted(self._segments.items())]

    def vertices(self) -> NDArray:
        """Old and new vertices."""
        a, b = np.reshape(list(self._by_edge), (-1, 2)).astype(np.int64).T
        weight = self._distance[a] / (self._distance[a] - self._distance[b])
        points = self._old[a] + weight[:, None] * (self._old[b] - self._old[a])  # exact where both ends agree
        points[:, self._axis] = self._position
        return np.concatenate([self._old, points])


def _chain(pieces: list[list[int]]) -> list[int]:
    """Loop through segments given in any order; in 2D the two end points."""
    if len(pieces[0]) == 1:
        return [piece[0] for piece in pieces]
    neighbours: dict[int, list[int]] = {}
    for a, b in pieces:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    loop, previous, here = [], -1, pieces[0][0]
    while not loop or here != loop[0]:
        loop.append(here)
        one, other = neighbours[here]
        previous, here = here, (other if one == previous else one)
    return loop


def _assemble(
    old: Tessellation, whole: NDArray, vertices: NDArray, loops: NDArray, starts: NDArray, cells: list
) -> Tessellation:
    """Whole faces of `old` and the new ones, with unused vertices dropped."""
    kept = old.loops[whole[old.loop_faces]]
    kept_starts = np.concatenate([[0], np.cumsum(np.diff(old.starts)[whole])])
    loops = np.concatenate([kept, loops])
    starts = np.concatenate([kept_starts, kept_starts[-1] + starts[1:]])
    face_cells = np.concatenate([old.face_cells[whole], np.reshape(cells, (-1, 2)).astype(np.int64)])
    used = np.zeros(len(vertices), dtype=bool)
    used[loops] = True
    compact = np.cumsum(used) - 1
    return replace(old, vertices=vertices[used], loops=compact[loops], starts=starts, face_cells=face_cells)
