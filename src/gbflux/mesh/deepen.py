"""Depth of the next mesh's cuts towards lines where boundaries end, from the cells' contributions there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.records import CellKind, LayeredMesh
from gbflux.mesh.sizing import SizeField, uncut_nodes
from gbflux.units import CUT_RATIO, SHORTEST_END, expected_cuts

SMALLEST = 4.0  # size, in thicknesses of the layers
AT_ENDS = 0.1  # share of the goal that may be left in cells that touch the lines
_AT_END = 0.54  # power of the distance from such a line that the energy within goes with, at least
_IN_SHELLS = 0.15  # of the gap of a cell, what its shells have together
_CELLS_PER_CUT = 65.0  # cells, layers included, that a cut adds on each side of a line for each node on it
_EDGES = 1.2  # mean length of edges at such a node, over the size there
_AT_OUTSIDE = 0.8  # what they add at an outer plane, over that
_MOST_CUTS = 3  # more than the mesh has
_SOLID = (CellKind.GRAIN, CellKind.HL)


@dataclass(frozen=True)
class Ends:
    """Lines where grain boundaries end, in 3D.

    Attributes
    ----------
    nodes : int array
        Nodes of the closed mesh on them.
    sides : (k,) float array
        Cells that cuts add there, over those added on one side of a plane with cells on both: 2; at a bare
        electrode `_AT_OUTSIDE`.
    end_um : float
        Length that cells are to be cut to towards the lines (µm); infinite for no cuts.
    cut_cells : int
        Cells that cuts added to the mesh, about.
    gap : (m,) float array
        Contributions of the cells with these cuts; 0 at junctions of layers, which sizes do not change.
    """

    nodes: NDArray[np.int64]
    sides: NDArray[np.float64]
    end_um: float
    cut_cells: int
    gap: NDArray[np.float64]

    @classmethod
    def of(
        cls, mesh: LayeredMesh, now: SizeField, gap: NDArray, goal: float, before: SizeField | None
    ) -> Ends:
        """Return the lines, and how deep the next mesh is to be cut towards them.

        Parameters
        ----------
        mesh : LayeredMesh
            As gbflux made it: with `LayeredMesh.node`.
        now : SizeField
            The mesh closed.
        gap : (m,) float array
            Contribution of each cell.
        goal : float
            Gap to reach, in the same unit.
        before : SizeField or None
            Sizes that the mesh was made with.
        """
        node, put_in = uncut_nodes(mesh)
        new = put_in[mesh.cells].any(axis=1)
        whole = now.cells.shape[0] - np.count_nonzero(~new & np.isin(mesh.kind, _SOLID))
        cut_cells = int(np.count_nonzero(new)) - whole
        if mesh.dimension == 2:
            return cls(np.zeros(0, dtype=np.int64), np.zeros(0), np.inf, cut_cells, gap)
        gb = np.unique(mesh.cells[mesh.kind == CellKind.GB])
        gb = gb[np.isin(mesh.points[gb, -1], mesh.z_electrolyte) & ~put_in[gb]]
        nodes, first = np.unique(node[gb], return_index=True)
        sides = np.where(np.isin(mesh.points[gb[first], -1], mesh.z_electrodes), _AT_OUTSIDE, 2.0)
        on_line = np.zeros(len(now.points), dtype=bool)
        on_line[nodes] = True
        touching = (on_line[node] & ~put_in)[mesh.cells].any(axis=1)
        share = float(gap[touching].sum())
        end_um = (before.end_um if before is not None else mesh.end_um) or np.inf
        gap = np.where(mesh.kind == CellKind.GB_JUNCTION, 0.0, gap)
        if share > AT_ENDS * goal:
            reach = min(end_um, float(now.size_um[nodes].mean()))
            # the share goes with the innermost length to this power: how much shorter leaves it AT_ENDS
            deeper = max((AT_ENDS * goal / share) ** (1 / _AT_END), CUT_RATIO**_MOST_CUTS)
            end_um = max(reach * deeper, min(SHORTEST_END * mesh.layer_thickness_um, reach))
            gap[touching] *= max((end_um / reach) ** _AT_END, _IN_SHELLS)
        return cls(nodes, sides, end_um, cut_cells, gap)

    def cells(self, now_um: NDArray, asked_um: NDArray) -> float:
        """Cells that cuts will add to a mesh of other sizes, given at the nodes (µm)."""
        if self.end_um == np.inf or not len(self.nodes):
            return 0.0
        asked = asked_um[self.nodes]
        levels = expected_cuts(_EDGES * float(asked.mean()), self.end_um)
        return _CELLS_PER_CUT * levels * float(np.sum(self.sides * now_um[self.nodes] / asked))
