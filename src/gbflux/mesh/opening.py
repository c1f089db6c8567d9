"""Boundaries opened: copies of the nodes on them move apart, and layers of cells fill the room between.

1. Every region gets its own copy of each node on its surface (`make_copies`). A copy has to lie half a layer
   thickness behind each boundary plane it touches, and to stay on the box planes it is on: a small
   least-squares problem per copy, one plane on a face, two on a triple line, three at a quadruple point
   (`displacements`).
2. At acute junctions the copies travel far, and a few cells are smaller than the layer is thick. There the
   displacement is scaled down, copy by copy, until every cell keeps a set share of its volume (`limit`).
   Scaling keeps copies on their box planes.
3. A facet between two regions becomes a prism (2D: a quadrilateral), a mesh edge on a triple line a wedge
   (2D: a triple point a triangle), a node at a quadruple point a tetrahedron; where more regions meet, their
   copies span a fan around the copy of the smallest region (`fill_layers`). Quadrilaterals and prisms are
   cut into simplices from their smallest node numbers (`split_prisms`), so that neighbours always agree. All
   cells come out positively oriented by construction, so that a negative volume is an inverted cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.mesh import ConformingMesh
from gbflux.mesh.simplices import Floats, Integers, signed_volumes, split_prisms, split_quads

KEPT_SHARE = 0.3  # of the volume of every grain and slab cell
_HALVINGS = 20


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

    def local(self, region: Integers, node: Integers) -> NDArray[np.int64]:
        """Position among the copies of the copies of `node` that belong to `region`."""
        return np.searchsorted(self.key, region * self.n_nodes + node)

    def number(self, region: Integers, node: Integers) -> NDArray[np.int32]:
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
    cells: NDArray[np.int32] = copies.inner[mesh.cells]
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
    mesh: ConformingMesh, copies: Copies, depth: Floats, box_planes: list[tuple[int, float]]
) -> NDArray[np.float64]:
    """Displacement of each copy (µm), shape (k, d).

    Parameters
    ----------
    mesh, copies
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


def _least_squares(copy: Integers, normal: Floats, rhs: Floats, n_copies: int) -> Floats:
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


def _shortest(normals: Floats, rhs: Floats) -> Floats:
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


def volumes_to_keep(points: Floats, cells: Integers, copies: Copies) -> tuple[Integers, Floats]:
    """Cells of grains and slabs with a copy among their corners, and the volumes `limit` must leave (µm³)."""
    solid = cells[np.any(cells >= copies.first, axis=1)]
    return solid, KEPT_SHARE * signed_volumes(points, solid)


def limit(
    points: Floats, kept: tuple[Integers, Floats], layer_cells: Integers, copies: Copies, move: Floats
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Points with the copies moved as far as they can go.

    Parameters
    ----------
    points : (n, d) float array
        New points before the displacement, copies last (µm).
    kept : pair of arrays
        Grain and slab cells, (m, d + 1), and the volume that each must keep (µm³), from `volumes_to_keep`.
    layer_cells : (ml, d + 1) int array
        Cells of the layers.
    copies : Copies
    move : (k, d) float array
        Full displacement of each copy (µm).

    Returns
    -------
    moved : (n, d) float array
        Points of the layered mesh (µm).
    limited : (k,) bool array
        Copies that did not go all the way.
    """
    every = np.vstack([kept[0], layer_cells])
    least = np.concatenate([kept[1], np.zeros(len(layer_cells))])
    scale = np.ones(len(move))
    moved = points.copy()
    moved[copies.first :] += move
    bad = np.flatnonzero(signed_volumes(moved, every) <= least)
    for _ in range(_HALVINGS):
        if not len(bad):
            break
        # every copy of a crushed cell is held back: which of them is to blame depends on all the others
        held = np.unique(every[bad]) - copies.first
        held = held[held >= 0]
        scale[held] *= 0.5
        changed = np.zeros(len(points), dtype=bool)
        changed[copies.first + held] = True
        suspects = np.flatnonzero(changed[every].any(axis=1))
        moved[copies.first :] = points[copies.first :] + scale[:, None] * move
        bad = suspects[signed_volumes(moved, every[suspects]) <= least[suspects]]
    return moved, scale < 1


@dataclass(frozen=True)
class Junctions:
    """Junctions at which the same number k of regions meet.

    Attributes
    ----------
    nodes : (m, d − 1) int array
        The edge from its first node to its second; in 2D the node.
    ring : (m, k) int array
        Regions in counter-clockwise order about the edge's direction, the smallest first.
    angle : (m, k) float array
        Angle that each of these regions takes up (rad).
    """

    nodes: Integers
    ring: Integers
    angle: NDArray[np.float64]


def find_junctions(mesh: ConformingMesh) -> list[Junctions]:
    """Junctions of the mesh, grouped by the number of regions that meet, three or more."""
    d, count = mesh.points.shape[1], len(mesh.facets)
    if d == 2:
        ridge, opposite = mesh.facets.reshape(-1, 1), mesh.facets[:, ::-1].reshape(-1)
        facet = np.repeat(np.arange(count), 2)
    else:
        ridge = np.sort(mesh.facets[:, [[1, 2], [2, 0], [0, 1]]], axis=2).reshape(-1, 2)
        opposite, facet = mesh.facets.reshape(-1), np.repeat(np.arange(count), 3)
    key = ridge[:, 0] * len(mesh.points) + ridge[:, -1]
    order = np.argsort(key, kind="stable")
    _, start, number = np.unique(key[order], return_index=True, return_counts=True)
    found = []
    for k in np.unique(number[number > 2]):
        rows = order[start[number == k, None] + np.arange(k)]
        found.append(_ordered(mesh, ridge[rows[:, 0]], opposite[rows], facet[rows]))
    return found


def _ordered(mesh: ConformingMesh, nodes: Integers, opposite: Integers, facet: Integers) -> Junctions:
    """Turn once around each junction and note the regions passed."""
    x = mesh.points
    spoke = x[opposite] - x[nodes[:, 0]][:, None, :]
    if x.shape[1] == 3:
        along = x[nodes[:, 1]] - x[nodes[:, 0]]
        along /= np.linalg.norm(along, axis=1)[:, None]
        spoke -= np.einsum("ijk,ik->ij", spoke, along)[:, :, None] * along[:, None, :]
        turned = np.cross(along[:, None, :], spoke)
    else:
        turned = np.stack([-spoke[:, :, 1], spoke[:, :, 0]], axis=2)
    sine = np.einsum("ijk,ik->ij", spoke, turned[:, 0])
    cosine = np.einsum("ijk,ik->ij", spoke, spoke[:, 0])
    angle = np.mod(np.arctan2(sine, cosine), 2 * np.pi)
    angle[:, 0] = 0.0
    order = np.argsort(angle, axis=1)
    angle = np.take_along_axis(angle, order, axis=1)
    ahead = np.einsum("ijk,ijk->ij", mesh.facet_normal[facet], turned) > 0
    behind = np.where(ahead, mesh.facet_regions[facet, 1], mesh.facet_regions[facet, 0])
    ring = np.take_along_axis(behind, order, axis=1)
    gap = np.diff(np.hstack([angle, np.full((len(angle), 1), 2 * np.pi)]), axis=1)
    roll = (np.argmin(ring, axis=1)[:, None] + np.arange(ring.shape[1])) % ring.shape[1]
    return Junctions(nodes, np.take_along_axis(ring, roll, axis=1), np.take_along_axis(gap, roll, axis=1))


@dataclass(frozen=True)
class LayerCells:
    """Cells of the layers.

    Attributes
    ----------
    cells : (m, d + 1) int32 array
        Points in the new numbering.
    regions : (m, d + 1) int array
        The regions that each cell lies between, repeated to fill the row.
    junction : (m,) bool array
        Whether more than two regions meet in the cell.
    """

    cells: Integers
    regions: Integers
    junction: NDArray[np.bool_]


def fill_layers(mesh: ConformingMesh, copies: Copies, junctions: list[Junctions]) -> LayerCells:
    """Cells between all copies."""
    d = mesh.points.shape[1]
    blocks = [_facet_cells(mesh, copies)]
    for group in junctions:
        blocks += [_wedges(group, copies, triangle) for triangle in _fan(group.ring.shape[1])]
        if d == 3:
            smallest = _smallest_region(copies)
            blocks += [_corners(group, copies, smallest, triangle) for triangle in _fan(group.ring.shape[1])]
    cells = np.vstack([cells for cells, _ in blocks])
    regions = np.vstack([_padded(regions, d + 1) for _, regions in blocks])
    junction = np.arange(len(cells)) >= len(blocks[0][0])
    return LayerCells(cells, regions, junction)


def _facet_cells(mesh: ConformingMesh, copies: Copies) -> tuple[Integers, Integers]:
    """Prisms (2D: quadrilaterals) on the facets, cut into simplices."""
    first = copies.number(mesh.facet_regions[:, [0]], mesh.facets)
    second = copies.number(mesh.facet_regions[:, [1]], mesh.facets)
    if mesh.points.shape[1] == 3:
        return split_prisms(np.hstack([first, second])), np.repeat(mesh.facet_regions, 3, axis=0)
    return split_quads(np.hstack([second, first[:, ::-1]])), np.repeat(mesh.facet_regions, 2, axis=0)


def _fan(k: int) -> list[list[int]]:
    """Triangles of a k-gon around its first corner."""
    return [[0, j, j + 1] for j in range(1, k - 1)]


def _wedges(group: Junctions, copies: Copies, triangle: list[int]) -> tuple[Integers, Integers]:
    """One triangle of each junction's ring, run along the edge and cut into tetrahedra; 2D: the triangle."""
    regions = group.ring[:, triangle]
    ends = [copies.number(regions, group.nodes[:, [k]]) for k in range(group.nodes.shape[1])]
    if len(ends) == 1:
        return ends[0], regions
    return split_prisms(np.hstack(ends)), np.repeat(regions, 3, axis=0)


def _corners(
    group: Junctions, copies: Copies, smallest: Integers, triangle: list[int]
) -> tuple[Integers, Integers]:
    """Tetrahedra where four or more regions meet: wedges' ends joined to the copy of the smallest region.

    A wedge whose end triangle has that copy as a corner already needs none.
    """
    cells, regions = [], []
    for end, order in ((0, [0, 2, 1]), (1, [0, 1, 2])):
        node = group.nodes[:, end]
        apart = group.ring[:, 0] != smallest[node]
        ring, node = group.ring[apart][:, triangle][:, order], node[apart]
        four = np.hstack([ring, smallest[node][:, None]])
        cells.append(copies.number(four, node[:, None]))
        regions.append(four)
    return np.vstack(cells), np.vstack(regions)


def _smallest_region(copies: Copies) -> Integers:
    """Smallest region at each node of the conforming mesh, −1 inside regions."""
    smallest = np.full(copies.n_nodes, -1)
    smallest[copies.node[::-1]] = copies.region[::-1]  # keys are sorted by region: the first one stays
    return smallest


def _padded(regions: Integers, width: int) -> Integers:
    """Rows filled up with their last entry."""
    return np.hstack([regions, np.repeat(regions[:, -1:], width - regions.shape[1], axis=1)])
