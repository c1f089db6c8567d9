"""The cells of a homogenizing layer, sorted so that those a plane cuts are found among few.

Where a layer is made of prisms, cells between two mesh planes have all corners on these. A plane then leaves
the same share of the volume of all cells with as many corners on the outer one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.measure.area import cut_areas
from gbflux.mesh import CellKind, Mesh
from gbflux.mesh.simplices import ascending

_BLOCK = 1 << 16
_NEAR = 1e-9  # of the layer's thickness: what lies on a plane


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
            return cut_areas(np.ones(count - 1), knots, height, beyond)[outer - 1]
        knots = ascending([heights.take(corner) for corner in corners.take(self.cell[places], axis=0).T])
        return cut_areas(np.ones(len(places)), np.stack(knots), height, beyond)

    def reaching(self, electrode: float) -> NDArray[np.int32]:
        """Numbers of the cells with a point on the layer's last plane, at z = `electrode` (µm)."""
        return self.cell[self.end == self.sign * electrode]


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
