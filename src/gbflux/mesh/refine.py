"""The sizes of the next mesh, from where the gap between the bounds on the conductance lies in this one.

A cell of size h contributes η to the gap. Among meshes of as many cells the gap is least where all cells
contribute alike. With linear elements cells within grains contribute as h^(d + 2), those along layers as
h^(d + 1), those at singular ends less steeply; sizes go with η^(−1/(d + 2)), the cautious choice, and the
whole with h². With quadratic elements it is h⁴ within grains and h³ around junctions of layers; here h³.
Where fields are singular that promises too much: the caller compares and corrects.

In 3D, cells are cut (`singularities`) towards lines where boundaries end from when what touches these lines
contributes too much, and the deeper the more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.mesh import SOLID, CellKind, Mesh, is_kind
from gbflux.mesh.recipe import SizeField
from gbflux.mesh.simplices import Floats, Mask, signed_volumes
from gbflux.mesh.singularities import is_junction
from gbflux.units import CELLS_PER_VOLUME, CUT_RATIO, SHORTEST_END, crowded, expected_cuts

FINER, COARSER = 4.0, 2.0  # most that a size changes from one mesh to the next
GROWTH = 0.5  # of sizes, per distance
FALL = {1: 2.0, 2: 3.0}  # power of sizes that the gap goes with, by order of the elements
AT_JUNCTIONS = 0.15  # share of the goal from which on junctions are worth resolving
_CELLS_PER_JUNCTION = 900.0  # cells that resolving one in 2D adds
_LEAST_GOAL = 0.3  # share of the goal aimed at, where what sizes cannot change takes up more
_STEPS = 8  # sizes are rounded, to so many in each doubling, so that noise rarely makes another mesh
_BISECTIONS = 50
SMALLEST = 4.0  # size, in thicknesses of the layers
AT_ENDS = 0.1  # share of the goal that may be left in cells that touch the lines
_AT_END = 0.54  # power of the distance from such a line that the energy within goes with, at least
_IN_SHELLS = 0.15  # of the gap of a cell, what its shells have together
_CELLS_PER_CUT = 65.0  # cells, layers included, that a cut adds on each side of a line for each node on it
_EDGES = 1.2  # mean length of edges at such a node, over the size there
_AT_OUTSIDE = 0.8  # what they add at an outer plane, over that
_MOST_CUTS = 3  # more than the mesh has


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
    mesh: Mesh,
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
    mesh : Mesh
        As gbflux made it: with `Mesh.node`.
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
    ends = _BoundaryEnds.of(mesh, now, gap, goal, before)
    fixed = float(gap[mesh.kind == CellKind.GB_JUNCTION].sum()) if mesh.dimension == 3 else 0.0
    goal = max(goal - fixed, _LEAST_GOAL * goal)
    junctions = _Junctions.of(mesh, now, gap, goal, before, room)
    most_cells = min(most_cells, room - junctions.added)
    plan = _Plan(
        _NodalShares.of(mesh, now, ends.gap, FALL[order]),
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


def _least(mesh: Mesh, now: SizeField, before: SizeField | None) -> NDArray[np.float64]:
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
        mesh: Mesh,
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
        nodes = np.unique(mesh.known_node[mesh.cells[junction]])
        added = _CELLS_PER_JUNCTION * len(nodes)
        if float(gap[junction].sum()) <= AT_JUNCTIONS * goal or len(mesh.cells) + added > room:
            return cls(False, core, 0.0)
        core[nodes] = True
        return cls(True, core, added)


@dataclass(frozen=True)
class _Plan:
    """Plan of the next mesh: its sizes and cells by the contribution asked of every cell.

    `layers` are the cells of the layered mesh for each of the closed one, `least_um` the smallest size to ask
    for at each node, (n,) (µm).
    """

    local: _NodalShares
    ends: _BoundaryEnds
    junctions: _Junctions
    layers: float
    least_um: NDArray[np.float64]

    def contribution(self, goal: float, most_cells: float) -> float:
        """The largest contribution of a cell that meets the goal, or the smallest with not too many cells."""
        positive, slope = self.local.eta[self.local.eta > 0], self.local.dimension + self.local.power
        low = math.log(positive.min()) - slope * math.log(FINER)
        high = math.log(positive.max()) + slope * math.log(COARSER)
        for _ in range(_BISECTIONS):  # of the logarithm: contributions span many decades
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
        """Size field to mesh with: these sizes, rounded, on the closed mesh."""
        rounded = 2.0 ** (np.round(np.log2(asked) * _STEPS) / _STEPS)
        # rounding makes no cell larger that is to be smaller
        rounded = np.where(asked <= self.local.size_um, np.minimum(rounded, self.local.size_um), rounded)
        return replace(
            now,
            size_um=np.maximum(rounded, self.least_um),
            junctions_resolved=self.junctions.resolved,
            end_um=0.0 if self.ends.end_um == np.inf else self.ends.end_um,
        )


@dataclass(frozen=True)
class _NodalShares:
    """Size (µm), number of cells, of cells in grains, and share of the gap at each node of a closed mesh."""

    dimension: int
    n_grains: int
    size_um: NDArray[np.float64]
    count: NDArray[np.float64]
    in_grains: NDArray[np.float64]
    share: NDArray[np.float64]
    power: float

    @classmethod
    def of(cls, mesh: Mesh, now: SizeField, gap: NDArray[np.float64], power: float) -> _NodalShares:
        """Distribute the cells' contributions `gap`, which go with sizes to this power, over the nodes."""
        corners, nodes = mesh.dimension + 1, len(now.points)
        node = uncut_nodes(mesh)[0][mesh.cells]
        # weighted sums are floats, which NumPy's types do not know
        share: Any = np.bincount(node.ravel(), np.repeat(gap / corners, corners), nodes)
        count = np.bincount(now.cells.ravel(), minlength=nodes) / corners
        grains = now.cells[now.region < mesh.n_grains]
        in_grains = np.bincount(grains.ravel(), minlength=nodes) / corners
        return cls(mesh.dimension, mesh.n_grains, now.size_um, count, in_grains, share, power)

    @property
    def eta(self) -> NDArray[np.float64]:
        """Contribution of one cell at each node."""
        eta: Floats = self.share / np.maximum(self.count, 1 / (self.dimension + 1))
        return eta

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


@dataclass(frozen=True)
class _BoundaryEnds:
    """Lines where grain boundaries end, in 3D, and the depth of the next mesh's cuts towards them.

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
        cls, mesh: Mesh, now: SizeField, gap: Floats, goal: float, before: SizeField | None
    ) -> _BoundaryEnds:
        """Lines of a mesh, and how deep the next is to be cut towards them."""
        node, put_in = uncut_nodes(mesh)
        new = put_in[mesh.cells].any(axis=1)
        whole = now.cells.shape[0] - np.count_nonzero(~new & is_kind(mesh.kind, SOLID))
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

    def cells(self, now_um: Floats, asked_um: Floats) -> float:
        """Cells that cuts will add to a mesh of other sizes, given at the nodes (µm)."""
        if self.end_um == np.inf or not len(self.nodes):
            return 0.0
        asked = asked_um[self.nodes]
        levels = expected_cuts(_EDGES * float(asked.mean()), self.end_um)
        return _CELLS_PER_CUT * levels * float(np.sum(self.sides * now_um[self.nodes] / asked))


def closed(mesh: Mesh) -> SizeField:
    """A layered mesh with its layers closed and its cells whole, and the sizes it has.

    Each node lies in the middle of its copies; cells smaller than the layers may be turned over by that. The
    size at a node is that of cells of the mean volume around it.
    """
    d = mesh.dimension
    node, put_in = uncut_nodes(mesh)
    count = int(node.max()) + 1
    copies = np.bincount(node[~put_in], minlength=count)
    axes = np.ascontiguousarray(mesh.points[~put_in].T)
    points = np.stack([np.bincount(node[~put_in], axis, count) / copies for axis in axes], axis=1)
    solid = np.flatnonzero(is_kind(mesh.kind, SOLID))
    cells = node[mesh.cells[solid]]
    if put_in.any():  # of each cell that was cut one part spans it again, the others have no volume
        ordered = np.sort(cells, axis=1)
        spanning = (ordered[:, 1:] > ordered[:, :-1]).all(axis=1)
        solid, cells = solid[spanning], cells[spanning]
        volume = np.abs(signed_volumes(points, cells))
    else:
        volume = signed_volumes(mesh.points, mesh.cells[solid])
    volume = np.repeat(volume, d + 1)
    around = np.bincount(cells.ravel(), minlength=count)  # none at nodes that only layers have
    mean = np.bincount(cells.ravel(), volume, count) / np.maximum(around, 1)
    mean[around == 0] = mean[around > 0].min()
    size = (CELLS_PER_VOLUME[d] * mean) ** (1 / d)
    return SizeField(points, cells, mesh.region[solid], size)


def uncut_nodes(mesh: Mesh) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The node that each point has when layers are closed and cells uncut, and which points cuts put in."""
    node = mesh.known_node
    put_in: Mask = node < 0
    return np.where(put_in, -1 - node, node), put_in


def graded(field: SizeField, growth: float) -> SizeField:
    """The field with sizes lowered until none exceeds a neighbour's by more than `growth` times the distance.

    Parameters
    ----------
    field : SizeField
        Sizes of any gradient.
    growth : float
        Largest gradient (1).
    """
    d = field.points.shape[1]
    pairs = [field.cells[:, [i, j]] for i in range(d + 1) for j in range(i)]
    key = np.vstack(pairs).astype(np.int64)
    key = np.unique(np.concatenate([key @ [len(field.points), 1], key @ [1, len(field.points)]]))
    here, there = np.divmod(key, len(field.points))  # every edge in both directions, sorted by `here`
    reach = growth * np.linalg.norm(field.points[here] - field.points[there], axis=1)
    first = np.flatnonzero(np.diff(here, prepend=-1))
    size, change = field.size_um, np.inf
    while change > 1e-3:
        lower = size.copy()
        lower[here[first]] = np.minimum(size[here[first]], np.minimum.reduceat(size[there] + reach, first))
        size, change = lower, float(np.max((size - lower) / lower))
    return replace(field, size_um=size)
