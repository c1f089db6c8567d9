"""Split: every region gets its own copy of each node on its surface, moved inwards to make room for layers.

A copy has to lie half a layer thickness behind each boundary plane it touches, and to stay on the box planes
it is on: a small least-squares problem per copy, one plane on a face, two on a triple line, three at a
quadruple point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.conforming import ConformingMesh


@dataclass(frozen=True)
class Copies:
    """The copies of interface nodes; nodes inside a region keep one copy and come first in the new numbering.

    Attributes
    ----------
    key : (k,) int array
        Sorted ``region · n_nodes + node`` of each copy.
    n_nodes : int
        Nodes of the conforming mesh.
    first : int
        New number of the first copy.
    inner : (n_nodes,) int32 array
        New number of each node inside a region, −1 on interfaces.
    """

    key: NDArray[np.int64]
    n_nodes: int
    first: int
    inner: NDArray[np.int32]

    @property
    def node(self) -> NDArray[np.int64]:
        """Node of the conforming mesh behind each copy, (k,)."""
        return self.key % self.n_nodes

    @property
    def region(self) -> NDArray[np.int64]:
        """Region that owns each copy, (k,)."""
        return self.key // self.n_nodes

    def local(self, region: NDArray, node: NDArray) -> NDArray[np.int64]:
        """Position among the copies of the copies of `node` that belong to `region`."""
        return np.searchsorted(self.key, region * self.n_nodes + node)

    def number(self, region: NDArray, node: NDArray) -> NDArray[np.int32]:
        """`local` in the new numbering of all points."""
        return (self.first + self.local(region, node)).astype(np.int32)


def make_copies(mesh: ConformingMesh) -> Copies:
    """One copy per region and node on a face between two regions."""
    n = len(mesh.points)
    key = np.unique(mesh.facet_regions[:, :, None] * n + mesh.facets[:, None, :])
    on_interface = np.zeros(n, dtype=bool)
    on_interface[key % n] = True
    inner = np.where(on_interface, -1, np.cumsum(~on_interface) - 1).astype(np.int32)
    return Copies(key, n, int(n - on_interface.sum()), inner)


def split_cells(mesh: ConformingMesh, copies: Copies) -> NDArray[np.int32]:
    """Cells of the conforming mesh in the new numbering, (m, d + 1).

    Cells of a region follow one another, and so do its copies: one table of new numbers serves all regions
    in turn.
    """
    cells = copies.inner[mesh.cells]
    table, node = np.empty(copies.n_nodes, dtype=np.int32), copies.node
    starts = np.flatnonzero(np.diff(mesh.region, prepend=-1))
    regions = mesh.region[starts].astype(np.int64)
    first, last = (np.searchsorted(copies.key, (regions + k) * copies.n_nodes) for k in (0, 1))
    for start, end, low, high in zip(starts, [*starts[1:], len(cells)], first, last, strict=True):
        table[node[low:high]] = copies.first + np.arange(low, high)
        block = cells[start:end]
        on_interface = block < 0
        block[on_interface] = table[mesh.cells[start:end][on_interface]]
    return cells


def displacements(
    mesh: ConformingMesh, copies: Copies, depth: NDArray, box_planes: list[tuple[int, float]]
) -> NDArray[np.float64]:
    """Displacement of each copy (µm), shape (k, d).

    Parameters
    ----------
    mesh : ConformingMesh
        The conforming mesh.
    copies : Copies
        Its copies.
    depth : (nf, 2) float array
        Depth by which the first and the second region of each facet withdraw behind it (µm).
    box_planes : list of (axis, position)
        Planes that the copies on them must not leave (µm).
    """
    d = mesh.points.shape[1]
    copy, normal, rhs = [], [], []
    for side, sign in ((0, 1.0), (1, -1.0)):
        local = copies.local(mesh.facet_regions[:, side, None], mesh.facets)
        other = np.repeat(mesh.facet_regions[:, 1 - side], d)
        # facets between the same two regions share a plane: one condition for each copy and region beside it
        _, first = np.unique(local.ravel() * (1 + other.max(initial=0)) + other, return_index=True)
        copy.append(local.ravel()[first])
        normal.append(sign * np.repeat(mesh.facet_normal, d, axis=0)[first])
        rhs.append(-np.repeat(depth[:, side], d)[first])
    position = mesh.points[copies.node]
    for axis, value in box_planes:
        on_plane = np.flatnonzero(position[:, axis] == value)
        copy.append(on_plane)
        normal.append(np.tile(np.eye(d)[axis], (len(on_plane), 1)))
        rhs.append(np.zeros(len(on_plane)))
    move = _least_squares(np.concatenate(copy), np.vstack(normal), np.concatenate(rhs), len(copies.key))
    for axis, value in box_planes:
        move[position[:, axis] == value, axis] = 0.0  # exactly: so far to rounding only
    return move


def _least_squares(copy: NDArray, normal: NDArray, rhs: NDArray, n_copies: int) -> NDArray:
    """Shortest ``move`` with ``normal · move = rhs`` for all planes of each copy."""
    order = np.argsort(copy, kind="stable")
    normal, rhs = normal[order], rhs[order]
    count = np.bincount(copy, minlength=n_copies)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    move = np.zeros((n_copies, normal.shape[1]))
    for planes in range(1, count.max(initial=0) + 1):
        mine = np.flatnonzero(count == planes)
        rows = start[mine, None] + np.arange(planes)
        move[mine] = _shortest(normal[rows], rhs[rows])
    return move


def _shortest(normals: NDArray, rhs: NDArray) -> NDArray:
    """Minimum-norm solutions of many small systems, (m, p, d) and (m, p) to (m, d)."""
    if normals.shape[1] == 1:
        return rhs * normals[:, 0]
    gram = normals @ normals.transpose(0, 2, 1)
    move = np.empty((len(normals), normals.shape[2]))
    regular = np.linalg.det(gram) > 1e-8  # else planes are dependent, nearly: the pseudo-inverse copes
    weights = np.linalg.solve(gram[regular], rhs[regular, :, None])
    move[regular] = (normals[regular].transpose(0, 2, 1) @ weights)[:, :, 0]
    inverse = np.linalg.pinv(normals[~regular], rcond=1e-5)
    move[~regular] = (inverse @ rhs[~regular, :, None])[:, :, 0]
    return move
