"""Cells around singularities of the field: at the ends of grain boundaries and at junctions of layers.

Where a grain boundary ends on an electrode or a homogenizing layer the field is singular across the line (in
2D around the point) and smooth along it. So edges that lead away from such a line are cut at distances that
fall geometrically, all shells of a cell at once: cells become thin across the line and stay long along it, as
in the graded meshes of Băcuţă, Nistor & Zikatanov (Numer. Funct. Anal. Optim. 28 (2007) 775,
doi:10.1080/01630560701493263). Small cells of equal edges would need many times as many. Every node on the
line has a ratio of its own, so that innermost cells are alike where those around it are not. Cuts of a cell
are parallel to its corners off the line, or to the edge or face between them: planes, which neighbours share.

A layer is one cell thick, which serves but at junctions: there the field changes over δ. In 2D longest-edge
bisection (M.-C. Rivara, Int. J. Numer. Meth. Eng. 20 (1984) 745, doi:10.1002/nme.1620200412) brings triangles
down to a share of δ around each junction, growing away from it. The geometry stays exactly as it is: new
points are midpoints of edges. Layer cells should be no more than a few δ long before, or many slivers follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.mesh import SOLID, ConformingMesh, Mesh, is_kind, mesh_hash
from gbflux.mesh.simplices import Integers, Mask, smallest_heights, split_prisms, split_quads
from gbflux.units import cuts

# Distance of a cut from the line over the distance of the next, at most. It holds where edges are hardly
# longer than the length asked for.
_GENTLEST = 0.75
# Innermost cells are never so thin that layers would crush them: of the length asked for, their shortest edge
# is half and their height a quarter.
_SHORT, _FLAT = 2.0, 4.0
FINEST = 0.5  # longest edge at a junction, in thicknesses
GROWTH = 0.5  # of longest edges, per distance
REACH = 8.0  # thicknesses around a junction beyond which nothing is asked for
_MOST_PASSES = 40


def end_nodes(mesh: ConformingMesh, n_grains: int, planes: tuple[float, ...]) -> NDArray[np.bool_]:
    """Nodes of a mesh where boundaries between grains end on planes of given z (µm), (n,)."""
    between = mesh.facets[np.all(mesh.facet_regions < n_grains, axis=1)]
    found = np.zeros(len(mesh.points), dtype=bool)
    found[between] = True
    height = mesh.points[:, -1]
    on_plane: Mask = np.abs(height[:, None] - planes).min(axis=1) <= 1e-9 * np.ptp(height)
    return found & on_plane


def cut_towards(
    mesh: ConformingMesh, on_line: NDArray[np.bool_], end_um: float
) -> tuple[ConformingMesh, NDArray[np.int64]]:
    """Cut the cells around lines, in 2D around points, into shells.

    Parameters
    ----------
    mesh : ConformingMesh
    on_line : (n,) bool array
        Nodes on lines.
    end_um : float
        Length of the innermost edges (µm), a mean around each node; more where cells there are flat.

    Returns
    -------
    ConformingMesh
        Old nodes come first.
    (n',) int array
        For each node itself, or for a new one −1 less the node on the line it was cut towards.
    """
    itself = np.arange(len(mesh.points))
    edges = _Edges.of(mesh, on_line, end_um) if end_um > 0 else None
    if edges is None or edges.levels < 1:
        return mesh, itself
    flat = mesh.points.shape[1] == 2
    cells, parent = _shells(mesh.cells, on_line, edges, _FACETS if flat else _CELLS)
    facets, of_facet = (_segments if flat else _shells)(mesh.facets, on_line, edges, _FACETS)
    start, span = mesh.points[edges.near], mesh.points[edges.far] - mesh.points[edges.near]
    points = [start + (edges.ratio**level)[:, None] * span for level in range(1, edges.levels + 1)]
    cut = replace(
        mesh,
        points=np.vstack([mesh.points, *points]),
        cells=cells,
        region=mesh.region[parent],
        facets=facets,
        facet_regions=mesh.facet_regions[of_facet],
        facet_normal=mesh.facet_normal[of_facet],
    )
    return cut, np.concatenate([itself, np.tile(-1 - edges.near, edges.levels)])


@dataclass(frozen=True)
class _Edges:
    """Edges with one end on a line, in the order of their keys, near end · `nodes` + far end.

    Attributes
    ----------
    nodes : int
        Of the mesh.
    key : (k,) int array
    levels : int
        Cuts of each edge.
    ratio : (k,) float array
        Distance of a cut from the line over the distance of the next; the same for all edges of a node.
    """

    nodes: int
    key: NDArray[np.int64]
    levels: int
    ratio: NDArray[np.float64]

    @classmethod
    def of(cls, mesh: ConformingMesh, on_line: NDArray[np.bool_], end_um: float) -> _Edges:
        """Edges of a mesh, with as many cuts as lead to innermost edges of length `end_um`."""
        cells = mesh.cells[on_line[mesh.cells].any(axis=1)].astype(np.int64)
        corners = range(cells.shape[1])
        pairs = np.vstack([cells[:, [i, j]] for i in corners for j in corners if i != j])
        pairs = pairs[on_line[pairs[:, 0]] & ~on_line[pairs[:, 1]]]
        count = len(mesh.points)
        key = np.unique(pairs @ np.array([count, 1]))
        near, far = np.divmod(key, count)
        length = np.linalg.norm(mesh.points[near] - mesh.points[far], axis=1)
        if not len(key) or end_um >= length.mean():
            return cls(count, key, 0, np.ones(len(key)))
        first = np.flatnonzero(np.diff(near, prepend=-1))
        number = np.diff(first, append=len(near))
        mean, shortest = np.add.reduceat(length, first) / number, np.minimum.reduceat(length, first)
        flattest = np.full(count, np.inf)
        np.minimum.at(flattest, cells, smallest_heights(mesh.points, cells)[:, None])
        reach = np.minimum.reduce([mean, _SHORT * shortest, _FLAT * flattest[near[first]]])
        levels = cuts(float(length.mean()), end_um)
        # equal ratios by which the innermost of `levels` cuts lies about `end_um` from the line
        ratio = np.minimum((end_um / reach) ** (1 / levels), _GENTLEST)
        return cls(count, key, levels, np.repeat(ratio, number))

    @property
    def near(self) -> NDArray[np.int64]:
        """Ends of the edges on the line."""
        return self.key // self.nodes

    @property
    def far(self) -> NDArray[np.int64]:
        """Ends of the edges off the line."""
        return self.key % self.nodes

    def cut(self, near: Integers, far: Integers, level: int) -> NDArray[np.int64]:
        """Nodes of the cuts of a level, 1 the outermost, on edges given by their ends."""
        place = np.searchsorted(self.key, near.astype(np.int64) * self.nodes + far)
        return self.nodes + (level - 1) * len(self.key) + place


def line_first(simplices: Integers, on_line: Mask) -> Integers:
    """Simplices with their corners on lines first, of the same orientation.

    Parameters
    ----------
    simplices : (m, k) int array
        Cells or facets.
    on_line : (n,) bool array
        Nodes on lines.
    """
    width = simplices.shape[1]
    order = np.argsort(~on_line[simplices], axis=1, kind="stable")
    # sorting by an odd permutation turns a simplex over: two corners of the same kind are swapped back
    odd = sum(order[:, i] > order[:, j] for i in range(width) for j in range(i + 1, width)) % 2 == 1
    found = np.take_along_axis(simplices, order, axis=1)
    swap = np.where(on_line[found].sum(axis=1) >= 2, 0, width - 2)[odd, None]
    rows = np.flatnonzero(odd)[:, None]
    pair = np.hstack([swap, swap + 1])
    found[rows, pair] = found[rows, pair[:, ::-1]]
    return found


def _segments(
    segments: Integers, on_line: Mask, edges: _Edges, _: dict[int, _Subdivision]
) -> tuple[Integers, Integers]:
    """All parts of segments, of the same direction, and the segment each is part of."""
    on = on_line[segments]
    mine = np.flatnonzero(on[:, 0] != on[:, 1])
    whole = np.flatnonzero(on[:, 0] == on[:, 1])
    turned = on[mine, 1]
    near, far = np.where(turned, segments[mine].T[::-1], segments[mine].T)
    nodes = [near, *(edges.cut(near, far, level) for level in range(edges.levels, 0, -1)), far]
    parts = [np.where(turned, [b, a], [a, b]).T for a, b in pairwise(nodes)]
    return np.vstack([segments[whole], *parts]), np.concatenate([whole, np.tile(mine, len(parts))])


def _shells(
    simplices: Integers, on_line: Mask, edges: _Edges, table: dict[int, _Subdivision]
) -> tuple[Integers, Integers]:
    """All parts of simplices, and the simplex each is part of."""
    levels = edges.levels
    ordered = line_first(simplices, on_line)
    on = on_line[ordered].sum(axis=1)
    whole = np.flatnonzero((on == 0) | (on == simplices.shape[1]))
    parts, parent = [ordered[whole]], [whole]
    for k, shapes in table.items():
        mine = np.flatnonzero(on == k)
        if not len(mine):
            continue
        shells = [(shapes.inner, levels, 0), (shapes.outer, 0, 1)]
        shells += [(shapes.between, level + 1, level) for level in range(1, levels)]
        for pieces, inner, outer in shells:
            for split, names in pieces:
                found = split(_corners(ordered[mine], names, edges, inner, outer))
                parts.append(found)
                parent.append(np.repeat(mine, len(found) // len(mine)))
    return np.vstack(parts), np.concatenate(parent)


def _corners(simplices: Integers, names: str, edges: _Edges, inner: int, outer: int) -> Integers:
    """Nodes by name: "2" is a corner, "02" the inner cut between corners 0 and 2, "02+" the outer one."""
    columns = []
    for name in names.split():
        ends = [simplices[:, int(corner)] for corner in name.rstrip("+")]
        level = outer if name[-1] == "+" or not inner else inner
        columns.append(ends[0] if len(ends) == 1 else edges.cut(ends[0], ends[1], level))
    return np.stack(columns, axis=1)


def _itself(simplices: Integers) -> Integers:
    """A part that is a simplex already."""
    return simplices


def _split_hexahedra(corners: Integers) -> Integers:
    """Six tetrahedra: the inner quadrilateral, then the outer one, cut at the smallest number into prisms."""
    even = (np.argmin(corners[:, :4], axis=1) % 2 == 0)[:, None]
    one = np.where(even, corners[:, [0, 1, 2, 4, 5, 6]], corners[:, [0, 1, 3, 4, 5, 7]])
    other = np.where(even, corners[:, [0, 2, 3, 4, 6, 7]], corners[:, [1, 2, 3, 5, 6, 7]])
    return np.hstack([split_prisms(one), split_prisms(other)]).reshape(-1, 4)


_Pieces = list[tuple[Callable[[Integers], Integers], str]]


@dataclass(frozen=True)
class _Subdivision:
    """Pieces that a simplex is cut into: at the line, between two cuts, and beyond the outermost."""

    inner: _Pieces
    between: _Pieces
    outer: _Pieces


# By the number of corners on lines, which come first in a simplex.
_CELLS = {
    1: _Subdivision(
        [(_itself, "0 01 02 03")],
        [(split_prisms, "01 02 03 01+ 02+ 03+")],
        [(split_prisms, "01+ 02+ 03+ 1 2 3")],
    ),
    2: _Subdivision(
        [(split_prisms, "0 02 03 1 12 13")],
        [(_split_hexahedra, "02 03 13 12 02+ 03+ 13+ 12+")],
        [(split_prisms, "02+ 12+ 2 03+ 13+ 3")],
    ),
    3: _Subdivision(
        [(split_prisms, "0 1 2 03 13 23")],
        [(split_prisms, "03 13 23 03+ 13+ 23+")],
        [(_itself, "03+ 13+ 23+ 3")],
    ),
}


_FACETS = {
    1: _Subdivision([(_itself, "0 01 02")], [(split_quads, "01 01+ 02+ 02")], [(split_quads, "01+ 1 2 02+")]),
    2: _Subdivision([(split_quads, "0 1 12 02")], [(split_quads, "02 12 12+ 02+")], [(_itself, "02+ 12+ 2")]),
}


def is_junction(mesh: Mesh) -> NDArray[np.bool_]:
    """Cells of a 2D mesh, as it was filled, between three grains or slabs, (m,)."""
    solid = is_kind(mesh.kind, SOLID)
    owner = np.full(len(mesh.points), -1)
    owner[mesh.cells[solid]] = mesh.region[solid, None]
    a, b, c = np.sort(owner[mesh.cells], axis=1).T
    found: Mask = (a >= 0) & (a != b) & (b != c)
    return found


def resolve_junctions(mesh: Mesh) -> Mesh:
    """A 2D mesh whose junctions are resolved; quality, areas and normals stay as they were."""
    from scipy.spatial import cKDTree

    delta = mesh.layer_thickness_um
    core = mesh.points[mesh.cells[is_junction(mesh)]]
    if not len(core):
        return mesh
    near = cKDTree(core.mean(axis=1))
    points, node = mesh.points, mesh.known_node
    cells: Integers = mesh.cells
    parent = np.arange(len(cells))
    for _ in range(_MOST_PASSES):
        corners = points[cells]
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
        away = near.query(corners.mean(axis=1), distance_upper_bound=REACH * delta)[0]
        marked = longest > np.maximum(FINEST * delta, GROWTH * away)
        if not marked.any():
            break
        ends, cells, origin = bisected(points, cells, marked)
        points = np.vstack([points, points[ends].mean(axis=1)])
        node = np.concatenate([node, _nodes_between(node[ends], int(node.max()) + 1)])
        parent = parent[origin]
    inherited = {name: getattr(mesh, name)[parent] for name in ("kind", "region", "boundary")}
    triangles = cells.astype(np.int32)
    found = mesh_hash(points, triangles, *inherited.values())
    return replace(mesh, points=points, cells=triangles, node=node, hash=found, **inherited)


def _nodes_between(ends: Integers, first: int) -> NDArray[np.int32]:
    """Nodes of midpoints: the one of both ends, where the edge crosses a layer; else one for each pair."""
    low, high = ends.min(axis=1), ends.max(axis=1)
    apart = low != high
    _, pair = np.unique(low.astype(np.int64) * first + high, return_inverse=True)
    new = first + np.cumsum(np.bincount(pair[apart], minlength=pair.max() + 1) > 0) - 1
    return np.where(apart, new[pair], low).astype(np.int32)


def bisected(
    points: NDArray[np.float64], cells: Integers, marked: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Bisect triangles at their longest edge, and others until the mesh is conforming.

    Parameters
    ----------
    points : (n, 2) float array
        Nodes (µm).
    cells : (m, 3) int array
        Positively oriented triangles.
    marked : (m,) bool array
        True for the triangles that must be bisected.

    Returns
    -------
    ends : (k, 2) int array
        Ends of the edges whose midpoints are the new points n, n + 1, ...
    children : (m', 3) int array
        Positively oriented triangles.
    parent : (m',) int array
        The triangle that each lies in.
    """
    cells = cells.astype(np.int64)
    sides = np.stack([cells[:, [1, 2]], cells[:, [2, 0]], cells[:, [0, 1]]], axis=1)  # opposite each corner
    keys = sides.min(axis=2) * len(points) + sides.max(axis=2)
    key, edge = np.unique(keys, return_inverse=True)
    edge = edge.reshape(-1, 3)
    ends = np.stack(np.divmod(key, len(points)), axis=1)
    length = np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1)
    rank = np.empty(len(key), dtype=np.int64)
    rank[np.lexsort((key, length))] = np.arange(len(key))  # both sides of an edge see the same order
    turn = np.argmax(rank[edge], axis=1)[:, None]
    order = (turn + np.arange(1, 4)) % 3  # a, b, c with the longest edge between a and b
    cells, edge = np.take_along_axis(cells, order, axis=1), np.take_along_axis(edge, order, axis=1)
    cut = np.zeros(len(key), dtype=bool)
    cut[edge[marked, 2]] = True
    while True:  # a triangle with any edge cut gets its longest edge cut too, until no more follow
        late = cut[edge].any(axis=1) & ~cut[edge[:, 2]]
        if not late.any():
            break
        cut[edge[late, 2]] = True
    number = np.where(cut, len(points) + np.cumsum(cut) - 1, -1)
    children, parent = _children(cells, number[edge])
    return ends[cut], children, parent


def _children(cells: Integers, middle: Integers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Triangles a, b, c with new points (or −1) at bc, ca, ab; ab is cut before the others."""
    whole = middle[:, 2] < 0
    parts, parent = [cells[whole]], [np.flatnonzero(whole)]
    a, b, c = cells.T
    at_a, at_b, m = middle[:, 0], middle[:, 1], middle[:, 2]  # on bc, on ca, on ab
    for tip, left, right, side in ((a, m, c, at_b), (b, c, m, at_a)):
        uncut, halved = ~whole & (side < 0), ~whole & (side >= 0)
        parts.append(np.stack([tip, left, right], axis=1)[uncut])
        far = np.where(left == m, right, left)  # c: the side from the tip to it is cut
        first = np.stack([tip, left, side] if tip is a else [tip, side, right], axis=1)
        second = np.stack([side, m, far] if tip is a else [side, far, m], axis=1)
        parts += [first[halved], second[halved]]
        parent += [np.flatnonzero(uncut), np.flatnonzero(halved), np.flatnonzero(halved)]
    return np.vstack(parts), np.concatenate(parent)
