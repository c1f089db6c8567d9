"""The sizes of the next mesh, from where the gap between the bounds on the conductance lies in this one.

A cell of size h contributes η to the gap. Among meshes of as many cells the gap is least where all cells
contribute alike. With linear elements cells within grains contribute as h^(d + 2), those along layers as
h^(d + 1), those at singular ends less steeply; sizes go with η^(−1/(d + 2)), the cautious choice, and the
whole with h². With quadratic elements it is h⁴ within grains and h³ around junctions of layers; here h³.
Where fields are singular that promises too much: the caller compares and corrects.

In 3D, cells are cut (`ends`) towards lines where boundaries end from when what touches these lines
contributes too much, and the deeper the more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.bisect import is_junction
from gbflux.mesh.deepen import SMALLEST, Ends
from gbflux.mesh.records import CellKind, LayeredMesh
from gbflux.mesh.sizing import SizeField, closed, graded, uncut_nodes

FINER, COARSER = 4.0, 2.0  # most that a size changes from one mesh to the next
GROWTH = 0.5  # of sizes, per distance
FALL = {1: 2.0, 2: 3.0}  # power of sizes that the gap goes with, by order of the elements
AT_JUNCTIONS = 0.15  # share of the goal from which on junctions are worth resolving
_CELLS_PER_JUNCTION = 900.0  # cells that resolving one in 2D adds
_LEAST_GOAL = 0.3  # share of the goal aimed at, where what sizes cannot change takes up more
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
        Gap it will have if all goes with the power `FALL` of sizes.
    """

    field: SizeField
    cells: float
    gap: float


def next_sizes(
    mesh: LayeredMesh,
    gap: NDArray[np.float64],
    goal: float,
    most_cells: float,
    before: SizeField | None = None,
    order: int = 1,
    room: float = math.inf,
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
        Cells, layers included, that the next mesh may have, besides those that resolving junctions adds.
    before : SizeField, optional
        What this mesh was made with. Where its junctions are resolved or its cells cut, those of the next
        are, too. In 2D junctions are from when they contribute more than `AT_JUNCTIONS` of the goal, for
        nothing else makes that less.
    order : int
        Of the elements that the gap is of.
    room : float
        Cells that the next mesh may have in all. Junctions that it has no room for are not resolved.

    Returns
    -------
    NextSizes
    """
    now = closed(mesh)
    ends = Ends.of(mesh, now, gap, goal, before)
    power = FALL[order]
    fixed = gap[mesh.kind == CellKind.GB_JUNCTION].sum() if mesh.dimension == 3 else 0.0
    local = _Local.of(mesh, now, ends.gap, power)
    goal = max(goal - fixed, _LEAST_GOAL * goal)
    layers = (len(mesh.cells) - ends.cut_cells) / len(now.cells)
    least_um = SMALLEST * mesh.layer_thickness_um
    resolved = before is not None and before.junctions_resolved
    core = now.size_um < mesh.layer_thickness_um if resolved else np.zeros(len(now.points), dtype=bool)
    added = 0.0
    if mesh.dimension == 2 and not resolved:
        junction = is_junction(mesh)
        around = _CELLS_PER_JUNCTION * len(np.unique(mesh.node[mesh.cells[junction]]))
        resolved = float(gap[junction].sum()) > AT_JUNCTIONS * goal and len(mesh.cells) + around <= room
        core[mesh.node[mesh.cells[junction]]] = resolved
        added = around if resolved else 0.0
    most_cells = min(most_cells, room - added)

    def sizes(level: float) -> NDArray[np.float64]:
        asked = np.maximum(local.sizes(math.exp(level)), least_um)
        return np.where(core, np.minimum(now.size_um, least_um), asked)

    def expected(asked: NDArray) -> float:
        elsewhere = np.where(core, now.size_um, asked)  # few cells are that small around a junction
        return local.cells(elsewhere) * layers + ends.cells(now.size_um, asked)

    positive, slope = local.eta[local.eta > 0], mesh.dimension + power
    low = math.log(positive.min()) - slope * math.log(FINER)
    high = math.log(positive.max()) + slope * math.log(COARSER)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        asked = sizes(middle)
        if local.gap(asked) > goal and expected(asked) < most_cells:
            high = middle
        else:
            low = middle
    asked = sizes(high)
    rounded = 2.0 ** (np.round(np.log2(asked) * _STEPS) / _STEPS)
    field = replace(
        now,
        size_um=np.maximum(rounded, least_um),
        junctions_resolved=resolved,
        end_um=0.0 if ends.end_um == np.inf else ends.end_um,
    )
    field = graded(field, GROWTH)
    if resolved:
        return NextSizes(field, expected(asked) + added, local.gap(field.size_um))
    cells = float(field.expected_cells().sum()) * layers + ends.cells(now.size_um, field.size_um)
    if cells > most_cells:
        field = field.scaled((cells / most_cells) ** (1 / mesh.dimension))
        cells = float(most_cells)
    return NextSizes(field, cells, local.gap(field.size_um) + fixed)


@dataclass(frozen=True)
class _Local:
    """What is known at the nodes of a closed mesh: size (µm), cells, gap, and gap for each cell."""

    dimension: int
    size_um: NDArray[np.float64]
    count: NDArray[np.float64]
    share: NDArray[np.float64]
    power: float

    @classmethod
    def of(cls, mesh: LayeredMesh, now: SizeField, gap: NDArray[np.float64], power: float) -> _Local:
        corners, nodes = mesh.dimension + 1, len(now.points)
        node = uncut_nodes(mesh)[0][mesh.cells]
        share = np.bincount(node.ravel(), np.repeat(gap / corners, corners), nodes)
        count = np.bincount(now.cells.ravel(), minlength=nodes) / corners
        return cls(mesh.dimension, now.size_um, count, share, power)

    @property
    def eta(self) -> NDArray[np.float64]:
        return self.share / np.maximum(self.count, 1 / (self.dimension + 1))

    def sizes(self, eta: float) -> NDArray[np.float64]:
        """Sizes at which every cell contributes `eta`, as far as they may change."""
        with np.errstate(divide="ignore"):
            factor = (eta / self.eta) ** (1 / (self.dimension + self.power))
        return self.size_um * np.clip(factor, 1 / FINER, COARSER)

    def cells(self, sizes: NDArray[np.float64]) -> float:
        return float(np.sum(self.count * (self.size_um / sizes) ** self.dimension))

    def gap(self, sizes: NDArray[np.float64]) -> float:
        return float(np.sum(self.share * (sizes / self.size_um) ** self.power))
