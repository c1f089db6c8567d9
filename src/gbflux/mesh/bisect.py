"""Junctions of layers in 2D, resolved: triangles around them are bisected until they are smaller than δ.

A layer is one cell thick, which serves but at its ends: there the field changes over δ. Longest-edge
bisection (M.-C. Rivara, Int. J. Numer. Meth. Eng. 20 (1984) 745, doi:10.1002/nme.1620200412) brings triangles
down to a share of δ around each junction, growing away from it. The geometry stays exactly as it is: new
points are midpoints of edges. Layer cells should be no more than a few δ long before, or many slivers follow.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.records import CellKind, LayeredMesh, mesh_hash

FINEST = 0.5  # longest edge at a junction, in thicknesses
GROWTH = 0.5  # of longest edges, per distance
REACH = 8.0  # thicknesses around a junction beyond which nothing is asked for
_MOST_PASSES = 40


def is_junction(mesh: LayeredMesh) -> NDArray[np.bool_]:
    """Cells of a 2D mesh, as it was filled, between three grains or slabs, (m,)."""
    solid = (mesh.kind == CellKind.GRAIN) | (mesh.kind == CellKind.HL)
    owner = np.full(len(mesh.points), -1)
    owner[mesh.cells[solid]] = mesh.region[solid, None]
    a, b, c = np.sort(owner[mesh.cells], axis=1).T
    return (a >= 0) & (a != b) & (b != c)


def resolve_junctions(mesh: LayeredMesh) -> LayeredMesh:
    """A 2D mesh whose junctions are resolved; quality, areas and normals stay as they were."""
    from scipy.spatial import cKDTree

    delta = mesh.layer_thickness_um
    core = mesh.points[mesh.cells[is_junction(mesh)]]
    if not len(core):
        return mesh
    near = cKDTree(core.mean(axis=1))
    points, cells, node = mesh.points, mesh.cells, mesh.node
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
    cells = cells.astype(np.int32)
    found = mesh_hash(points, cells, *inherited.values())
    return replace(mesh, points=points, cells=cells, node=node, hash=found, **inherited)


def _nodes_between(ends: NDArray, first: int) -> NDArray[np.int32]:
    """Nodes of midpoints: the one of both ends, where the edge crosses a layer; else one for each pair."""
    low, high = ends.min(axis=1), ends.max(axis=1)
    apart = low != high
    _, pair = np.unique(low.astype(np.int64) * first + high, return_inverse=True)
    new = first + np.cumsum(np.bincount(pair[apart], minlength=pair.max() + 1) > 0) - 1
    return np.where(apart, new[pair], low).astype(np.int32)


def bisected(
    points: NDArray[np.float64], cells: NDArray[np.integer], marked: NDArray[np.bool_]
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


def _children(cells: NDArray, middle: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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
