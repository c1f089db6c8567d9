"""The cells of a homogenizing layer, sorted so that those a plane cuts are found among few."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.records import CellKind, LayeredMesh

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
    tallest : float
        Largest difference of the two (µm).
    """

    sign: float
    start: float
    cell: NDArray[np.int32]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    tallest: float

    def until(self, electrode: float, number: NDArray[np.int32] | None = None) -> SlabCells:
        """The same of a layer cut off at a mesh plane.

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
            end=np.where(end > height - near, height, end),
        )

    def cut_by(self, height: float, beyond: bool) -> NDArray[np.int32]:
        """Numbers of the cells that a plane cuts.

        Parameters
        ----------
        height : float
            The plane (µm).
        beyond : bool
            Where the plane runs along a facet, take the cell beyond it, rather than the one before.
        """
        first = np.searchsorted(self.begin, height - self.tallest * (1 + _NEAR))
        last = np.searchsorted(self.begin, height, "right" if beyond else "left")
        near = slice(first, last)
        end = self.end[near]
        return self.cell[near][end > height if beyond else end >= height]

    def reaching(self, electrode: float) -> NDArray[np.int32]:
        """Numbers of the cells with a point on the layer's last plane, at z = `electrode` (µm)."""
        return self.cell[self.end == self.sign * electrode]


def slab_cells(mesh: LayeredMesh, side: str) -> SlabCells:
    """Sort the cells of one homogenizing layer.

    Parameters
    ----------
    mesh : LayeredMesh
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
    begin, end = np.empty(len(cell)), np.empty(len(cell))
    for first in range(0, len(cell), _BLOCK):
        block = slice(first, first + _BLOCK)
        corners = [heights.take(corner) for corner in mesh.cells[cell[block]].T]
        begin[block], end[block] = np.minimum.reduce(corners), np.maximum.reduce(corners)
    order = np.argsort(begin, kind="stable")
    return SlabCells(
        sign=sign,
        start=float(np.max(heights[mesh.cells[contact]], initial=face)),
        cell=cell[order],
        begin=begin[order],
        end=end[order],
        tallest=float(np.max(end - begin, initial=0.0)),
    )
