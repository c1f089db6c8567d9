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
from gbflux.units import crowded

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
        Sizes to mesh with.
    cells : float
        Cells that the next mesh will have, layers included.
    gap : float
        Gap that it will have if the gap goes with the power `FALL` of sizes.
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
        Contribution of each cell.
    goal : float
        Gap to reach, in the same unit.
    most_cells : float
        Cells, layers included, that the next mesh may have, besides those that resolving junctions adds.
    before : SizeField, optional
        Sizes this mesh was made with. Where its junctions are resolved or its cells cut, those of the next
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
    fixed = float(gap[mesh.kind == CellKind.GB_JUNCTION].sum()) if mesh.dimension == 3 else 0.0
    goal = max(goal - fixed, _LEAST_GOAL * goal)
    junctions = _Junctions.of(mesh, now, gap, goal, before, room)
    most_cells = min(most_cells, room - junctions.added)
    plan = _Plan(
        _Local.of(mesh, now, ends.gap, FALL[order]),
        ends,
        junctions,
        layers=(len(mesh.cells) - ends.cut_cells) / len(now.cells),
        least_um=_least(mesh, now, before),
    )
    asked = plan.sizes(plan.contribution(goal, most_cells))
    field = graded(plan.field(now, asked), GROWTH)
    promised = plan.local.gap(field.size_um) + fixed
    if junctions.resolved:
        return NextSizes(field, plan.cells(asked) + junctions.added, promised)
    cells = field.cells_by_gmsh(mesh.n_grains) * plan.layers + ends.cells(now.size_um, field.size_um)
    if cells <= most_cells:
        return NextSizes(field, cells, promised)
    field = field.scaled((cells / most_cells) ** (1 / mesh.dimension))
    return NextSizes(field, float(most_cells), plan.local.gap(field.size_um) + fixed)


def _least(mesh: LayeredMesh, now: SizeField, before: SizeField | None) -> NDArray[np.float64]:
    """Smallest size to ask for at each node (µm): some layer thicknesses, or the present size if less.

    A limit of sizes is no reason to make cells larger. Cells around resolved junctions are smaller than what
    was asked for, and no measure: layers are put in before junctions are resolved.
    """
    least = SMALLEST * mesh.layer_thickness_um
    if before is None or not before.junctions_resolved:
        return np.minimum(least, now.size_um)
    return np.full(len(now.size_um), min(least, before.size_um.min()))


@dataclass(frozen=True)
class _Junctions:
    """Junctions of the next mesh: whether it has them resolved, nodes around them, cells that this adds."""

    resolved: bool
    core: NDArray[np.bool_]
    added: float

    @classmethod
    def of(
        cls,
        mesh: LayeredMesh,
        now: SizeField,
        gap: NDArray[np.float64],
        goal: float,
        before: SizeField | None,
        room: float,
    ) -> _Junctions:
        """In 2D resolve junctions once the goal needs it and there is room, then always; see `next_sizes`."""
        if before is not None and before.junctions_resolved:
            return cls(True, now.size_um < mesh.layer_thickness_um, 0.0)
        core = np.zeros(len(now.points), dtype=bool)
        if mesh.dimension == 3:
            return cls(False, core, 0.0)
        junction = is_junction(mesh)
        nodes = np.unique(mesh.node[mesh.cells[junction]])
        added = _CELLS_PER_JUNCTION * len(nodes)
        if float(gap[junction].sum()) <= AT_JUNCTIONS * goal or len(mesh.cells) + added > room:
            return cls(False, core, 0.0)
        core[nodes] = True
        return cls(True, core, added)


@dataclass(frozen=True)
class _Plan:
    """Plan of the next mesh: its sizes and cells by the contribution asked of every cell.

    Attributes
    ----------
    local : _Local
    ends : Ends
    junctions : _Junctions
    layers : float
        Cells of the layered mesh for each of the closed one.
    least_um : (n,) float array
        Smallest size to ask for at each node (µm).
    """

    local: _Local
    ends: Ends
    junctions: _Junctions
    layers: float
    least_um: NDArray[np.float64]

    def contribution(self, goal: float, most_cells: float) -> float:
        """The largest contribution of a cell that meets the goal, or the smallest with not too many cells."""
        positive, slope = self.local.eta[self.local.eta > 0], self.local.dimension + self.local.power
        low = math.log(positive.min()) - slope * math.log(FINER)
        high = math.log(positive.max()) + slope * math.log(COARSER)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            asked = self.sizes(math.exp(middle))
            if self.local.gap(asked) > goal and self.cells(asked) < most_cells:
                high = middle
            else:
                low = middle
        return math.exp(high)

    def sizes(self, eta: float) -> NDArray[np.float64]:
        """Sizes at the nodes (µm) at which every cell contributes `eta`, as far as they may change."""
        asked = np.maximum(self.local.sizes(eta), self.least_um)
        return np.where(self.junctions.core, np.minimum(self.local.size_um, self.least_um), asked)

    def cells(self, asked: NDArray[np.float64]) -> float:
        """Cells of a mesh of these sizes (µm), layers and cuts included."""
        # few cells are that small around a junction
        elsewhere = np.where(self.junctions.core, self.local.size_um, asked)
        return self.local.cells(elsewhere) * self.layers + self.ends.cells(self.local.size_um, asked)

    def field(self, now: SizeField, asked: NDArray[np.float64]) -> SizeField:
        """Return the size field to mesh with: these sizes, rounded, on the closed mesh."""
        rounded = 2.0 ** (np.round(np.log2(asked) * _STEPS) / _STEPS)
        rounded = np.where(asked <= self.local.size_um, np.minimum(rounded, self.local.size_um), rounded)
        return replace(
            now,
            size_um=np.maximum(rounded, self.least_um),
            junctions_resolved=self.junctions.resolved,
            end_um=0.0 if self.ends.end_um == np.inf else self.ends.end_um,
        )


@dataclass(frozen=True)
class _Local:
    """Size (µm), number of cells, of cells in grains, and share of the gap at each node of a closed mesh."""

    dimension: int
    n_grains: int
    size_um: NDArray[np.float64]
    count: NDArray[np.float64]
    in_grains: NDArray[np.float64]
    share: NDArray[np.float64]
    power: float

    @classmethod
    def of(cls, mesh: LayeredMesh, now: SizeField, gap: NDArray[np.float64], power: float) -> _Local:
        """Distribute the cells' contributions `gap`, which go with sizes to this power, over the nodes."""
        corners, nodes = mesh.dimension + 1, len(now.points)
        node = uncut_nodes(mesh)[0][mesh.cells]
        share = np.bincount(node.ravel(), np.repeat(gap / corners, corners), nodes)
        count = np.bincount(now.cells.ravel(), minlength=nodes) / corners
        grains = now.cells[now.region < mesh.n_grains]
        in_grains = np.bincount(grains.ravel(), minlength=nodes) / corners
        return cls(mesh.dimension, mesh.n_grains, now.size_um, count, in_grains, share, power)

    @property
    def eta(self) -> NDArray[np.float64]:
        """Contribution of one cell at each node."""
        return self.share / np.maximum(self.count, 1 / (self.dimension + 1))

    def sizes(self, eta: float) -> NDArray[np.float64]:
        """Sizes at which every cell contributes `eta`, as far as they may change."""
        with np.errstate(divide="ignore"):
            factor = (eta / self.eta) ** (1 / (self.dimension + self.power))
        return self.size_um * np.clip(factor, 1 / FINER, COARSER)

    def cells(self, sizes: NDArray[np.float64]) -> float:
        """Cells of a closed mesh of other sizes (µm)."""
        times = (self.size_um / sizes) ** self.dimension
        in_grains = float(np.sum(self.in_grains * times))
        in_slabs = float(np.sum(self.count * times)) - in_grains
        return crowded(in_grains, self.n_grains, self.dimension) + in_slabs

    def gap(self, sizes: NDArray[np.float64]) -> float:
        """The gap of a mesh of other sizes (µm)."""
        return float(np.sum(self.share * (sizes / self.size_um) ** self.power))
