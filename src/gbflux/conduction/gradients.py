"""Gradients of functions that are linear or quadratic in each cell.

Invariant: everything is made of differences of the values at a cell's corners and edges, so that a constant
has no gradient to the last bit, and round-off is that of the differences.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction import compat

#: Cells worked on at a time: few enough for the processor's cache.
_BLOCK = 1 << 15
#: Slopes of a block's hats by corner, the first left out, and by axis; and volumes of its cells.
_Hats = tuple[NDArray[np.float64], NDArray[np.float64]]


class MeanGradient:
    """The mean gradient of a function in each cell; its values may change between calls.

    The geometry of the cells is kept, at the price of some 80 bytes for each.

    Parameters
    ----------
    phi : dolfinx.fem.Function
        Of a Lagrange space of order 1 or 2.
    """

    def __init__(self, phi: compat.fem.Function):
        space = phi.function_space
        self.phi = phi
        self._dofs = compat.cell_dofs(space)
        self._weights = _midpoint_slopes(space)
        self._kept: list[_Hats] | None = None
        self._values: NDArray[np.float64] | None = None
        self._mean: NDArray[np.float64] | None = None

    def __call__(self) -> NDArray[np.float64]:
        """Return (dimension, m_local) gradients, not to be written to.

        A gradient is linear at most (order 2), so its value at the midpoint is its mean.
        """
        values = self.phi.x.array
        if self._values is None or not np.array_equal(values, self._values):
            self._mean = self._computed(values)
            self._values = values.copy()
        return self._mean

    def hats(self) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.float64]]]:
        """Yield blocks of cells: which, (d, d, k) slopes of the hats of corners 1 … d by axis, volumes."""
        domain = self.phi.function_space.mesh
        count = len(self._dofs)
        blocks = [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
        if self._kept is not None:
            for block, (slopes, volume) in zip(blocks, self._kept, strict=True):
                yield block, slopes, volume
            return
        nodes, x = compat.cell_nodes(domain), domain.geometry.x[:, : domain.topology.dim]
        made = []
        for block in blocks:
            slopes, volume = _hats(x[nodes[block]])
            made.append((slopes, volume))
            yield block, slopes, volume
        self._kept = made

    def _computed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the gradients of a function with these values at the local dofs."""
        mean = np.empty((len(self._weights), len(self._dofs)))
        for block, slopes, _ in self.hats():
            at = [values.take(column) for column in self._dofs[block].T]
            rises = [_combined(row, at) for row in self._weights]
            if not any(rise.any() for rise in rises):
                mean[:, block] = 0.0
                continue
            for axis, component in enumerate(mean[:, block]):
                np.multiply(rises[0], slopes[0, axis], out=component)
                for rise, slope in zip(rises[1:], slopes[1:, axis], strict=True):
                    component += rise * slope
        return mean


def _combined(weights: NDArray[np.float64], values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return a linear combination, terms of weight 0 left out."""
    total = 0.0
    for k in np.flatnonzero(weights):
        total = total + (values[k] if weights[k] == 1.0 else weights[k] * values[k])
    return total


def _midpoint_slopes(space: compat.fem.FunctionSpace) -> NDArray[np.float64]:
    """Return (d, dofs per cell) derivatives of the shape functions at the midpoint, by λ_1 … λ_d."""
    dimension = space.mesh.topology.dim
    vertices = compat.dof_vertices(space)
    rise = np.eye(dimension + 1)[1:] - np.eye(dimension + 1)[0]  # of each λ, by λ_1 … λ_d
    if len(vertices) == dimension + 1:
        return np.stack([rise[:, corner] for _, (corner,) in sorted(vertices.items())], axis=1)
    middle = 1.0 / (dimension + 1)
    return np.stack(
        [
            (4.0 * middle - 1.0) * rise[:, at[0]] if len(at) == 1 else 4.0 * middle * rise[:, at].sum(axis=1)
            for _, at in sorted(vertices.items())
        ],
        axis=1,
    )


def _hats(corners: NDArray[np.float64]) -> _Hats:
    """Return slopes and volumes of cells given by (k, d + 1, d) corners."""
    edges = np.ascontiguousarray(np.moveaxis(corners[:, 1:] - corners[:, :1], 0, -1))
    if len(edges) == 2:
        (ax, ay), (bx, by) = edges
        turned = np.array([[by, -bx], [-ay, ax]])
    else:
        turned = np.stack([_cross(edges[k - 2], edges[k - 1]) for k in range(3)])
    twice = np.einsum("ak,ak->k", edges[0], turned[0])
    return turned / twice, np.abs(twice) / (2.0 if len(edges) == 2 else 6.0)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a × b of (3, k) vectors."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
