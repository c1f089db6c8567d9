"""Fill: the cells of the layers between the copies.

A facet between two regions becomes a prism (2D: a quadrilateral), a mesh edge on a triple line a wedge (2D: a
triple point a triangle), a node at a quadruple point a tetrahedron; where more regions meet, their copies
span a fan around the copy of the smallest region. Quadrilaterals and prisms are cut into simplices from their
smallest node numbers (`prisms`), so that neighbours always agree. All cells come out positively oriented by
construction, so that a negative volume is an inverted cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.conforming import ConformingMesh
from gbflux.mesh.junctions import Junctions
from gbflux.mesh.prisms import split_prisms
from gbflux.mesh.split import Copies


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

    cells: NDArray[np.int32]
    regions: NDArray[np.int64]
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


def _facet_cells(mesh: ConformingMesh, copies: Copies) -> tuple[NDArray, NDArray]:
    """Prisms (2D: quadrilaterals) on the facets, cut into simplices."""
    first = copies.number(mesh.facet_regions[:, [0]], mesh.facets)
    second = copies.number(mesh.facet_regions[:, [1]], mesh.facets)
    if mesh.points.shape[1] == 3:
        return split_prisms(np.hstack([first, second])), np.repeat(mesh.facet_regions, 3, axis=0)
    return split_quads(np.hstack([second, first[:, ::-1]])), np.repeat(mesh.facet_regions, 2, axis=0)


def _fan(k: int) -> list[list[int]]:
    """Triangles of a k-gon around its first corner."""
    return [[0, j, j + 1] for j in range(1, k - 1)]


def _wedges(group: Junctions, copies: Copies, triangle: list[int]) -> tuple[NDArray, NDArray]:
    """One triangle of each junction's ring, run along the edge and cut into tetrahedra; 2D: the triangle."""
    regions = group.ring[:, triangle]
    ends = [copies.number(regions, group.nodes[:, [k]]) for k in range(group.nodes.shape[1])]
    if len(ends) == 1:
        return ends[0], regions
    return split_prisms(np.hstack(ends)), np.repeat(regions, 3, axis=0)


def _corners(
    group: Junctions, copies: Copies, smallest: NDArray, triangle: list[int]
) -> tuple[NDArray, NDArray]:
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


def _smallest_region(copies: Copies) -> NDArray:
    """Smallest region at each node of the conforming mesh, −1 inside regions."""
    smallest = np.full(copies.n_nodes, -1)
    smallest[copies.node[::-1]] = copies.region[::-1]  # keys are sorted by region: the first one stays
    return smallest


def _padded(regions: NDArray, width: int) -> NDArray:
    """Rows filled up with their last entry."""
    return np.hstack([regions, np.repeat(regions[:, -1:], width - regions.shape[1], axis=1)])


def split_quads(quads: NDArray) -> NDArray:
    """Two triangles each, (m, 4) counter-clockwise to (2 m, 3); the diagonal at the smallest number."""
    even = np.argmin(quads, axis=1) % 2 == 0
    one = quads[:, [[0, 1, 2], [0, 2, 3]]]
    other = quads[:, [[0, 1, 3], [1, 2, 3]]]
    return np.where(even[:, None, None], one, other).reshape(-1, 3)
