"""The sizes of the next mesh, from where the gap between the bounds on the conductance lies in this one.

A cell of size h contributes η to the gap. Among meshes of as many cells the gap is least where all cells
contribute alike. Cells within grains contribute as h^(d + 2), those along layers as h^(d + 1), those at
singular ends less steeply; sizes go with η^(−1/(d + 2)), the cautious choice, and the whole with h². Where
fields are singular that promises too much: the caller compares and corrects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.bisect import is_junction
from gbflux.mesh.records import LayeredMesh
from gbflux.mesh.sizing import SizeField, closed, graded

FINER, COARSER = 4.0, 2.0  # most that a size changes from one mesh to the next
GROWTH = 0.5  # of sizes, per distance
SMALLEST = 4.0  # size, in thicknesses of the layers
AT_JUNCTIONS = 0.15  # share of the goal from which on junctions are worth resolving
_STEPS = 8  # sizes are rounded, to so many in each doubling, so that noise rarely makes another mesh
_BISECTIONS = 50


@dataclass(frozen=True)
class NextSizes:
    """Sizes for the next mesh.

    Attributes
    ----------
    field : SizeField
        What to mesh with.
    cells : float
        Cells that mesh will have, layers included.
    gap : float
        Gap it will have if all goes with h².
    """

    field: SizeField
    cells: float
    gap: float


def next_sizes(
    mesh: LayeredMesh, gap: NDArray[np.float64], goal: float, most_cells: float, resolved: bool = False
) -> NextSizes:
    """Sizes of the smallest mesh that meets a goal, or of the best that is not too large.

    Parameters
    ----------
    mesh : LayeredMesh
        As gbflux made it: with `LayeredMesh.node`.
    gap : (m,) float array
        What each cell contributes.
    goal : float
        Gap to reach, in the same unit.
    most_cells : float
        Cells, layers included, that the next mesh may have.
    resolved : bool
        Whether the junctions of this mesh are resolved; those of the next then are, too. In 2D they are from
        when they contribute more than `AT_JUNCTIONS` of the goal, for nothing else makes that less.

    Returns
    -------
    NextSizes
    """
    now = closed(mesh)
    local = _Local.of(mesh, now, gap)
    layers = len(mesh.cells) / len(now.cells)
    least_um = SMALLEST * mesh.layer_thickness_um
    core = now.size_um < mesh.layer_thickness_um if resolved else np.zeros(len(now.points), dtype=bool)
    if mesh.dimension == 2 and not resolved:
        junction = is_junction(mesh)
        resolved = float(gap[junction].sum()) > AT_JUNCTIONS * goal
        core[mesh.node[mesh.cells[junction]]] = resolved

    def sizes(level: float) -> NDArray[np.float64]:
        asked = np.maximum(local.sizes(math.exp(level)), least_um)
        return np.where(core, np.minimum(now.size_um, least_um), asked)

    positive, power = local.eta[local.eta > 0], mesh.dimension + 2
    low = math.log(positive.min()) - power * math.log(FINER)
    high = math.log(positive.max()) + power * math.log(COARSER)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        asked = sizes(middle)
        elsewhere = np.where(core, now.size_um, asked)  # few cells are that small around a junction
        if local.gap(asked) > goal and local.cells(elsewhere) * layers < most_cells:
            high = middle
        else:
            low = middle
    asked = sizes(high)
    rounded = 2.0 ** (np.round(np.log2(asked) * _STEPS) / _STEPS)
    field = replace(now, size_um=np.maximum(rounded, least_um), junctions_resolved=resolved)
    field = graded(field, GROWTH)
    cells = float(field.expected_cells().sum()) * layers
    if cells > most_cells and not resolved:
        field = field.scaled((cells / most_cells) ** (1 / mesh.dimension))
        cells = float(most_cells)
    return NextSizes(field, cells, local.gap(field.size_um))


@dataclass(frozen=True)
class _Local:
    """What is known at the nodes of a closed mesh: size (µm), cells, gap, and gap for each cell."""

    dimension: int
    size_um: NDArray[np.float64]
    count: NDArray[np.float64]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, mesh: LayeredMesh, now: SizeField, gap: NDArray[np.float64]) -> _Local:
        corners, nodes = mesh.dimension + 1, len(now.points)
        share = np.bincount(mesh.node[mesh.cells].ravel(), np.repeat(gap / corners, corners), nodes)
        count = np.bincount(now.cells.ravel(), minlength=nodes) / corners
        return cls(mesh.dimension, now.size_um, count, share)

    @property
    def eta(self) -> NDArray[np.float64]:
        return self.share / np.maximum(self.count, 1 / (self.dimension + 1))

    def sizes(self, eta: float) -> NDArray[np.float64]:
        """Sizes at which every cell contributes `eta`, as far as they may change."""
        with np.errstate(divide="ignore"):
            factor = (eta / self.eta) ** (1 / (self.dimension + 2))
        return self.size_um * np.clip(factor, 1 / FINER, COARSER)

    def cells(self, sizes: NDArray[np.float64]) -> float:
        return float(np.sum(self.count * (self.size_um / sizes) ** self.dimension))

    def gap(self, sizes: NDArray[np.float64]) -> float:
        return float(np.sum(self.share * (sizes / self.size_um) ** 2))
