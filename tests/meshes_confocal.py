"""Meshes of half an ellipse or spheroid in a box, made by hand: core, confocal shells, what is outside.

The body sits in a corner of the box, its middle at the origin: a quarter in 2D, an octant in 3D, the rest by
symmetry. Its axes are those of the box; z is the direction of the field. The core is a warped cube; all
further layers are stacked on its surface, one cell thick each, so that a shell may be as thin as it likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh import CellKind, Mesh
from gbflux.mesh.simplices import split_prisms, split_quads
from meshes_by_hand import kuhn_cells, oriented, plain_mesh


@dataclass(frozen=True)
class Confocal:
    """A mesh and where its cells and points belong.

    Attributes
    ----------
    mesh : Mesh
        From the plane z = 0 to the top of the box.
    layer : (m,) int array
        0 in the core, 1 to k in the shells, k + 1 outside.
    level : (n,) int array
        0 inside the core, 1 on its surface, counted outwards.
    axis : (l,) int array
        The points on the z axis from the core's surface outwards.
    """

    mesh: Mesh
    layer: NDArray[np.int64]
    level: NDArray[np.int64]
    axis: NDArray[np.int64]


def confocal(
    dimension: int,
    semi_axes: tuple[float, float],
    shells: Sequence[float],
    intervals: int,
    outside: int,
    box_um: float,
    insulated_surface: bool = False,
    grading: float = 1.0,
) -> Confocal:
    """Mesh a core, its shells and the box around.

    Parameters
    ----------
    dimension : int
        2 or 3.
    semi_axes : pair of float
        Of the core, across the field and along it (µm).
    shells : sequence of float
        λ > 0 (µm²), ascending: shell k ends on the confocal surface x²/(a² + λ) + z²/(b² + λ) = 1.
    intervals : int
        Along each edge of the warped cube.
    outside : int
        Layers of cells between the last shell and the box.
    box_um : float
        Edge of the box.
    insulated_surface : bool
        The plane z = 0 is an electrode under the core alone: points of it elsewhere go down by 1e-9 µm.
    grading : float
        1 for equal angles; larger draws points towards the axes, where a slender body ends.
    """
    lattice = np.stack(np.meshgrid(*[np.arange(intervals + 1)] * dimension, indexing="ij"), axis=-1)
    lattice = lattice.reshape(-1, dimension)
    level = lattice.max(axis=1)
    surface = np.flatnonzero(level == intervals)
    even = np.tan(lattice / np.maximum(level, 1)[:, None] * np.pi / 4) ** grading
    even[(lattice == level[:, None]) & (lattice > 0)] = 1.0  # the tangent of π/4 need not be
    direction = even / np.maximum(np.linalg.norm(even, axis=1), 1.0e-300)[:, None]
    share = (level / intervals)[:, None]
    axes = np.array([semi_axes[0]] * (dimension - 1) + [semi_axes[1]])
    core = axes * share * ((1.0 - share) * even / np.sqrt(dimension) + share * direction)
    rings = [np.sqrt(axes**2 + lam) * direction[surface] for lam in (0.0, *shells)]
    box = box_um * even[surface]
    for share in np.linspace(0.0, 1.0, outside + 1)[1:]:
        rings.append((1.0 - share) * rings[len(shells)] + share * box)
    points = np.concatenate([core, *rings[1:]])
    stacked_numbers = len(core) + np.arange((len(rings) - 1) * len(surface)).reshape(-1, len(surface))
    number = np.concatenate([surface[None, :], stacked_numbers])

    cells, _ = kuhn_cells([intervals] * dimension)
    facets = np.searchsorted(surface, _facets_within(cells, surface))
    stacked = [_between(number[k][facets], number[k + 1][facets]) for k in range(len(rings) - 1)]
    layer = np.minimum(np.arange(1, len(rings)), len(shells) + 1)
    of_cell = np.concatenate([np.zeros(len(cells), int), np.repeat(layer, [len(c) for c in stacked])])
    of_point = np.repeat(np.arange(2, len(rings) + 1), len(surface))
    of_point = np.concatenate([np.where(level == intervals, 1, 0), of_point])
    if insulated_surface:
        points[(points[:, -1] == 0.0) & (of_point > 1), -1] = -1.0e-9
    cells = oriented(points, np.concatenate([cells, *stacked]))
    kind = np.where((of_cell > 0) & (of_cell <= len(shells)), CellKind.GB, CellKind.GRAIN)
    on_axis = np.flatnonzero((lattice[surface, :-1] == 0).all(axis=1))[0]
    return Confocal(plain_mesh(points, cells, kind, (0.0, box_um)), of_cell, of_point, number[:, on_axis])


def shells_between(
    semi_axes: tuple[float, float], reach: float, count: int, grading: float = 1.0
) -> NDArray[np.float64]:
    """Return λ (µm²) of `count` confocal shells up to `reach`, for `confocal`.

    The shells are equally far apart in the elliptic coordinate, or for `grading` > 1 closer at the core.
    """
    a, b = semi_axes
    u = np.linspace(0.0, 1.0, count + 1)[1:] ** grading
    if a == b:
        return a**2 * ((1.0 + reach / a**2) ** u - 1.0)
    short, focus = min(a, b), np.sqrt(abs(b**2 - a**2))
    first, last = np.arcsinh(short / focus), np.arcsinh(np.sqrt(short**2 + reach) / focus)
    return (focus * np.sinh(first + (last - first) * u)) ** 2 - short**2


def _facets_within(cells: NDArray, nodes: NDArray) -> NDArray[np.int64]:
    """Facets of cells all of whose corners are among `nodes`; none has two."""
    among = np.zeros(cells.max() + 1, dtype=bool)
    among[nodes] = True
    width = cells.shape[1]
    chosen = cells[among[cells].sum(axis=1) == width - 1]
    return chosen[among[chosen]].reshape(-1, width - 1)


def _between(inner: NDArray, outer: NDArray) -> NDArray[np.int64]:
    """Simplices between two copies of facets, orientation aside."""
    if inner.shape[1] == 2:
        return split_quads(np.hstack([inner, outer[:, ::-1]]))
    return split_prisms(np.hstack([inner, outer]))
