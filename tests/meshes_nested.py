"""A mesh with every cell cut into n² (3D: n³) cells: what is linear on the one is linear on the other.

Kuhn's triangulation of the lattice in a simplex: H. W. Kuhn, IBM J. Res. Dev. 4 (1960) 518. Vertices of a
cell are taken in the order of their numbers, so that cells side by side cut their common facet alike.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh import Mesh
from meshes_by_hand import oriented


@dataclass(frozen=True)
class Nested:
    """The finer mesh; `parent` is the cell of the mesh each of its cells lies in."""

    mesh: Mesh
    parent: NDArray[np.int64]
    _vertices: NDArray[np.int64]  # (n_fine, dimension + 1) points of the mesh around each point, and
    _shares: NDArray[np.float64]  # barycentric coordinates

    def interpolated(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at the points of the finer mesh of what is linear on the mesh, given those at its points."""
        return np.einsum("pv,pv->p", values[self._vertices], self._shares)


def subdivided(mesh: Mesh, n: int) -> Nested:
    """Cut every edge into n parts."""
    d = mesh.dimension
    corners = np.sort(mesh.cells.astype(np.int64), axis=1)
    lattice = np.array([y for y in itertools.product(range(n + 1), repeat=d) if (np.diff(y) <= 0).all()])
    number = {tuple(y): k for k, y in enumerate(lattice)}
    small = []
    for corner in itertools.product(range(n), repeat=d):
        for order in itertools.permutations(range(d)):
            path = [np.array(corner)]
            for axis in order:
                path.append(path[-1] + np.eye(d, dtype=int)[axis])
            if all(tuple(y) in number for y in path):
                small.append([number[tuple(y)] for y in path])
    small = np.array(small)
    padded = np.column_stack([np.full(len(lattice), n), lattice, np.zeros(len(lattice), dtype=int)])
    weights = -np.diff(padded, axis=1)
    vertices = np.repeat(corners[:, None, :], len(lattice), axis=1).reshape(-1, d + 1)
    weights = np.tile(weights, (len(corners), 1))
    key = np.hstack([np.where(weights > 0, vertices, -1), weights])
    order = np.argsort(key[:, : d + 1], axis=1)  # the same point has the same key in all its cells
    key = np.hstack([np.take_along_axis(part, order, axis=1) for part in (key[:, : d + 1], key[:, d + 1 :])])
    key, inverse = np.unique(key, axis=0, return_inverse=True)
    around, shares = np.maximum(key[:, : d + 1], 0), key[:, d + 1 :] / n
    at = mesh.points[around]
    points = np.einsum("pvc,pv->pc", at, shares)
    counts = (shares > 0)[:, :, None]
    low, high = np.where(counts, at, np.inf).min(axis=1), np.where(counts, at, -np.inf).max(axis=1)
    points = np.where(low == high, low, points)  # planes stay planes to the last bit
    cells = inverse.reshape(len(corners), -1)[:, small].reshape(-1, d + 1)
    parent = np.repeat(np.arange(len(corners)), n**d)
    finer = replace(
        mesh,
        points=points,
        cells=oriented(points, cells).astype(np.int32),
        kind=mesh.kind[parent],
        region=mesh.region[parent],
        boundary=mesh.boundary[parent],
    )
    return Nested(finer, parent, around, shares)
