"""Geometry of a mesh's cells that measures need, independent of the current; and averages over cells.

Cells are visited in blocks small enough for the processor's cache; the pass costs about 0.2 s per million
cells.

The cells of a homogenizing layer are sorted so that those a plane cuts are found among few. Where a layer is
made of prisms, cells between two mesh planes have all corners on these. A plane then leaves the same share of
the volume of all cells with as many corners on the outer one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.measure.planes import cells_touching
from gbflux.measure.section import cut_areas
from gbflux.mesh import CellKind, Mesh
from gbflux.mesh.cut import Cut
from gbflux.mesh.simplices import ascending
from gbflux.units import SIDES

_BLOCK = 1 << 16
_NEAR = 1e-9  # of a homogenizing layer's thickness: what lies on a plane


@dataclass(frozen=True)
class SlabCells:
    """Cells of one homogenizing layer, its contact left out, from the electrolyte outwards.

    Heights are ``sign · z``: they grow outwards.

    Attributes
    ----------
    sign : float
        1 above the electrolyte, −1 below.
    start : float
        Height from which on the layer is free of its contact (µm).
    cell : (k,) int32 array
        Cell numbers, in the order of `begin`.
    begin, end : (k,) float64 arrays
        Heights of the innermost and the outermost corner of each cell (µm).
    outer : (k,) uint8 array
        Corners at `end` of cells that have all others at `begin`; 0 for other cells.
    tallest : float
        Largest difference of `begin` and `end` (µm).
    """

    sign: float
    start: float
    cell: NDArray[np.int32]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    outer: NDArray[np.uint8]
    tallest: float

    def until(self, electrode: float, number: NDArray[np.int32] | None = None) -> SlabCells:
        """Return the same for the layer cut off at a mesh plane.

        Parameters
        ----------
        electrode : float
            z of the plane (µm).
        number : int32 array, optional
            New numbers of the cells by their old ones, where they have changed.
        """
        height = self.sign * electrode
        near = _NEAR * abs(height - self.start)
        kept = slice(np.searchsorted(self.begin, height - near))
        cell, end = self.cell[kept], self.end[kept]
        return replace(
            self,
            cell=cell if number is None else number[cell],
            begin=self.begin[kept],
            outer=self.outer[kept],
            end=np.where(end > height - near, height, end),
        )

    def cut_by(self, height: float, beyond: bool) -> NDArray[np.intp]:
        """Find the cells that a plane cuts, as places in `cell`.

        Parameters
        ----------
        height : float
            The plane (µm).
        beyond : bool
            Where the plane runs along a facet, take the cell beyond it, rather than the one before.
        """
        first = np.searchsorted(self.begin, height - self.tallest * (1 + _NEAR))
        last = np.searchsorted(self.begin, height, "right" if beyond else "left")
        end = self.end[first:last]
        return first + np.flatnonzero(end > height if beyond else end >= height)

    def shares(
        self,
        corners: NDArray[np.int32],
        heights: NDArray[np.float64],
        places: NDArray[np.intp],
        height: float,
        beyond: bool,
    ) -> NDArray[np.float64]:
        """Areas that cells leave on a plane, over their volumes (1/µm).

        Parameters
        ----------
        corners : (m, dimension + 1) int32 array
            Corners of all cells of the mesh.
        heights : (n,) array
            Heights of all its points (µm).
        places : (k,) int array
            Places of the cells, from `cut_by`.
        height, beyond
            As for `cut_by`.
        """
        begin, end, outer = self.begin[places], self.end[places], self.outer[places]
        count = corners.shape[1]
        if len(places) and outer.all() and begin.min() == begin.max() and end.min() == end.max():
            is_outer = np.arange(count)[:, None] + np.arange(1, count) >= count
            knots = np.where(is_outer, end[0], begin[0])  # with one corner on the outer plane, two, …
            by_corners = cut_areas(np.ones(count - 1), knots, height, beyond)
            return by_corners.take(outer - 1)
        rows = ascending([heights.take(corner) for corner in corners.take(self.cell[places], axis=0).T])
        return cut_areas(np.ones(len(places)), np.stack(rows), height, beyond)

    def reaching(self, electrode: float) -> NDArray[np.int32]:
        """Numbers of the cells with a point on the layer's last plane, at z = `electrode` (µm)."""
        cells: NDArray[np.int32] = self.cell[self.end == self.sign * electrode]
        return cells


@dataclass(frozen=True)
class CellGeometry:
    """Volumes of cells and of grains, and which cells lie where.

    Attributes
    ----------
    volume : (m,) float64 array
        Cell volume (µm³; in 2D the area, µm²).
    grain_volume : (n_grains,) float64 array
        Volume of each grain's cells (µm³; µm²).
    grain_centroid : (n_grains, dimension) float64 array
        Centre of volume of each grain (µm).
    at_ends : dict of (k,) int arrays
        For each side the cells with at least one point on the plane where the electrolyte ends, ascending.
    slabs : dict of SlabCells
        The cells of each homogenizing layer.
    """

    volume: NDArray[np.float64]
    grain_volume: NDArray[np.float64]
    grain_centroid: NDArray[np.float64]
    at_ends: Mapping[str, NDArray[np.integer[Any]]]
    slabs: Mapping[str, SlabCells]

    def of(self, cut: Cut) -> CellGeometry:
        """Return the same for the mesh that a cut leaves."""
        if isinstance(cut.cells, slice):
            number = None
            at_ends = {
                side: cells[: np.searchsorted(cells, cut.cells.stop)] for side, cells in self.at_ends.items()
            }
        else:
            number = np.full(len(self.volume), -1, dtype=np.int32)
            number[cut.cells] = np.arange(len(cut.cells), dtype=np.int32)
            renumbered = {side: number[cells] for side, cells in self.at_ends.items()}
            at_ends = {side: cells[cells >= 0] for side, cells in renumbered.items()}
        slabs = {
            side: self.slabs[side].until(cut.mesh.z_electrodes[SIDES.index(side)], number)
            for side in cut.mesh.slabs
        }
        return CellGeometry(self.volume[cut.cells], self.grain_volume, self.grain_centroid, at_ends, slabs)

    def at_electrode(self, mesh: Mesh, side: str) -> NDArray[np.integer[Any]]:
        """Cells with at least one point on an electrode, ascending.

        Parameters
        ----------
        mesh : Mesh
            The mesh this is of.
        side : str
            ``"bottom"`` or ``"top"``.
        """
        if side not in self.slabs:
            return self.at_ends[side]
        return np.sort(self.slabs[side].reaching(mesh.z_electrodes[SIDES.index(side)]))


def cell_geometry(mesh: Mesh) -> CellGeometry:
    """Volumes of all cells, volume and centroid of every grain, and which cells lie where."""
    axes = [np.ascontiguousarray(mesh.points[:, axis]) for axis in range(mesh.dimension)]
    volume = np.empty(len(mesh.cells))
    sums = np.zeros((mesh.dimension + 1, mesh.n_grains))
    for start in range(0, len(mesh.cells), _BLOCK):
        block = slice(start, start + _BLOCK)
        corners = [[x.take(mesh.cells[block, k]) for x in axes] for k in range(mesh.dimension + 1)]
        volume[block] = v = _simplex_volume(corners)
        weights = [v] + [v * sum(corner[axis] for corner in corners) for axis in range(mesh.dimension)]
        for row, weight in zip(sums, weights, strict=True):
            row += _grain_sums(mesh, block, weight)
    total, *moments = sums
    filled = np.where(total > 0, total, 1.0)
    centroid = np.stack(moments, axis=1) / ((mesh.dimension + 1) * filled[:, None])
    slabs = {side: slab_cells(mesh, side) for side in mesh.slabs}
    at_ends = {side: cells_touching(mesh, [z]) for side, z in zip(SIDES, mesh.z_electrolyte, strict=True)}
    return CellGeometry(volume, total.copy(), centroid, at_ends, slabs)


def grain_mean_j(mesh: Mesh, fields: Fields, geometry: CellGeometry) -> NDArray[np.float64]:
    """Volume mean of |J| in each grain (A/m²).

    Returns
    -------
    (n_grains,) array
    """
    total = np.zeros(mesh.n_grains)
    for start in range(0, len(mesh.cells), _BLOCK):
        block = slice(start, start + _BLOCK)
        if mesh.kind[block].min() > CellKind.GRAIN:
            continue
        j = fields.j[block]
        total += _grain_sums(mesh, block, geometry.volume[block] * np.sqrt(np.einsum("ci,ci->c", j, j)))
    mean: NDArray[np.float64] = total / np.where(geometry.grain_volume > 0, geometry.grain_volume, 1.0)
    return mean


def _grain_sums(mesh: Mesh, block: slice, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over the cells of each grain in a block; cells between grains are region −1, slabs come after."""
    count = mesh.n_grains + len(mesh.slabs) + 1
    sums = np.bincount(mesh.region[block] + 1, weight, minlength=count)[1 : mesh.n_grains + 1]
    return sums  # type: ignore[return-value]  # with weights it sums floats


def _simplex_volume(corners: list[list[NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Signed volumes from corners[k][axis], each an array over cells."""
    edges = [[x - x0 for x, x0 in zip(corner, corners[0], strict=True)] for corner in corners[1:]]
    if len(edges) == 2:
        (ax, ay), (bx, by) = edges
        area: NDArray[np.float64] = (ax * by - ay * bx) / 2
        return area
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = edges
    six = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    volume: NDArray[np.float64] = six / 6
    return volume


def slab_cells(mesh: Mesh, side: str) -> SlabCells:
    """Sort the cells of one homogenizing layer.

    Parameters
    ----------
    mesh : Mesh
    side : str
        ``"bottom"`` or ``"top"``, one of ``mesh.slabs``.

    Returns
    -------
    SlabCells
    """
    sign = 1.0 if side == "top" else -1.0
    heights = sign * mesh.points[:, -1]
    in_slab = np.flatnonzero(mesh.region == mesh.n_grains + mesh.slabs.index(side))
    is_contact = mesh.kind[in_slab] == CellKind.CONTACT
    contact, cell = in_slab[is_contact], in_slab[~is_contact].astype(np.int32)
    face = sign * mesh.z_electrolyte[side == "top"]
    begin, end, outer = np.empty(len(cell)), np.empty(len(cell)), np.empty(len(cell), dtype=np.uint8)
    for first in range(0, len(cell), _BLOCK):
        block = slice(first, first + _BLOCK)
        corners = [heights.take(corner) for corner in mesh.cells[cell[block]].T]
        low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
        at_low, at_high = (
            np.add.reduce([(corner == plane).view(np.uint8) for corner in corners]) for plane in (low, high)
        )
        begin[block], end[block] = low, high
        outer[block] = np.where(at_low + at_high == len(corners), at_high, 0)
    order = np.argsort(begin, kind="stable")
    return SlabCells(
        sign=sign,
        start=float(np.max(heights[mesh.cells[contact]], initial=face)),
        cell=cell[order],
        begin=begin[order],
        end=end[order],
        outer=outer[order],
        tallest=float(np.max(end - begin, initial=0.0)),
    )
