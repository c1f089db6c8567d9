"""Conforming meshes without gmsh: a box grid cut into simplices, cells labelled by where they lie."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh import Mesh
from gbflux.mesh.layers import insert_layers
from gbflux.mesh.mesh import ConformingMesh


def grid(planes: Sequence[Sequence[float]], region_of: Callable[[NDArray], NDArray]) -> ConformingMesh:
    """Simplices of the grid with these planes; `region_of` labels their centroids, (m, d) to (m,)."""
    d = len(planes)
    points = np.stack(np.meshgrid(*planes, indexing="ij"), axis=-1).reshape(-1, d).astype(float)
    number = np.arange(len(points)).reshape([len(p) for p in planes])
    corner = np.meshgrid(*(np.arange(len(p) - 1) for p in planes), indexing="ij")
    blocks = []
    for path in itertools.permutations(range(d)):
        offset, row = np.zeros(d, dtype=int), [number[tuple(corner)]]
        for axis in path:
            offset[axis] += 1
            row.append(number[tuple(c + o for c, o in zip(corner, offset, strict=True))])
        blocks.append(np.stack([v.ravel() for v in row], axis=1))
    cells = oriented(points, np.concatenate(blocks))
    region = np.asarray(region_of(points[cells].mean(axis=1)), dtype=np.int64)
    return ConformingMesh(points, cells, region, *_facets(points, cells, region))


def oriented(points: NDArray, cells: NDArray) -> NDArray:
    """Cells with positive volumes."""
    corners = points[cells]
    negative = np.linalg.det(corners[:, 1:] - corners[:, :1]) < 0
    cells[negative, :2] = cells[negative, 1::-1]
    return cells


def _facets(points: NDArray, cells: NDArray, region: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Faces between regions, their regions, and normals from the first to the second."""
    d = points.shape[1]
    owners: dict[tuple[int, ...], list[int]] = {}
    for cell, nodes in enumerate(cells):
        for face in itertools.combinations(sorted(nodes.tolist()), d):
            owners.setdefault(face, []).append(cell)
    facets, regions, normals = [], [], []
    for face, pair in owners.items():
        if len(pair) == 2 and region[pair[0]] != region[pair[1]]:
            nodes = list(face)
            x = points[nodes]
            turn = (
                np.cross(x[1] - x[0], x[2] - x[0]) if d == 3 else np.array([x[1] - x[0]])[0][::-1] * [1, -1]
            )
            ahead = turn @ (points[cells[pair[1]]].mean(axis=0) - x[0]) > 0
            if not ahead:
                nodes[:2] = nodes[1::-1]
                turn = -turn
            facets.append(nodes)
            regions.append([region[pair[0]], region[pair[1]]])
            normals.append(turn / np.linalg.norm(turn))
    numbers = (
        np.array(facets, dtype=np.int64).reshape(-1, d),
        np.array(regions, dtype=np.int64).reshape(-1, 2),
    )
    return *numbers, np.array(normals).reshape(-1, d)


def bricks(
    dimension: int, cuts: Sequence[int], delta_um: float, *, slabs: dict[str, float] | None = None
) -> Mesh:
    """Grains 2 µm wide, `cuts[axis]` boundaries along each axis, one mesh node between two planes."""
    slabs = slabs or {}
    counts = [cuts[axis] + 1 for axis in range(dimension)]
    planes = [np.arange(2 * n + 1, dtype=float) for n in counts]
    height, n_grains = 2.0 * counts[-1], int(np.prod(counts))
    below = [-slabs["bottom"]] if "bottom" in slabs else []
    above = [height + slabs["top"]] if "top" in slabs else []
    planes[-1] = np.concatenate([below, planes[-1], above])

    def region_of(x: NDArray) -> NDArray:
        grain = np.zeros(len(x), dtype=int)
        for axis in range(dimension):
            grain = grain * counts[axis] + np.clip(x[:, axis] // 2, 0, counts[axis] - 1).astype(int)
        grain[x[:, -1] < 0] = n_grains
        grain[x[:, -1] > height] = n_grains + ("bottom" in slabs)
        return grain

    return insert_layers(
        grid(planes, region_of),
        n_grains=n_grains,
        slabs={side: (um,) for side, um in slabs.items()},
        size_um=np.array([2.0 * n for n in counts]),
        delta_um=delta_um,
    )
