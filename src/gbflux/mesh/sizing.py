"""Sizes of cells that vary in space: given at the nodes of an earlier mesh, linear in its cells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.records import CellKind, LayeredMesh
from gbflux.mesh.simplices import signed_volumes
from gbflux.units import CELLS_PER_VOLUME, crowded


@dataclass(frozen=True)
class SizeField:
    """Edge lengths asked for, continuous and linear in each cell of a mesh without layers.

    Attributes
    ----------
    points : (n, d) float array
        Nodes (µm).
    cells : (m, d + 1) int array
        Simplices that fill the box and its slabs.
    region : (m,) int array
        Grain or slab that each lies in.
    size_um : (n,) float array
        Edge length at each node (µm).
    junctions_resolved : bool
        In 2D: whether the cells at junctions of layers are made smaller than these are thick.
    end_um : float
        In 3D: mean length of the innermost edges away from the lines where grain boundaries end (µm), to
        which cells are cut there; 0 for no cuts.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int32]
    region: NDArray[np.int32]
    size_um: NDArray[np.float64]
    junctions_resolved: bool = False
    end_um: float = 0.0

    def digest(self) -> str:
        """SHA-256 (hex) of all that a mesh depends on."""
        found = hashlib.sha256(b"resolved" if self.junctions_resolved else b"")
        found.update(f"{self.end_um:.17g}".encode() if self.end_um else b"")
        for array, kind in ((self.points, "<f8"), (self.cells, "<i4"), (self.size_um, "<f8")):
            found.update(str(array.shape).encode())
            found.update(np.ascontiguousarray(array, dtype=kind).data)
        return found.hexdigest()

    def scaled(self, factor: float) -> SizeField:
        """The field with all sizes multiplied."""
        return replace(self, size_um=factor * self.size_um)

    def expected_cells(self) -> NDArray[np.float64]:
        """Cells that a mesh of these sizes will have in each cell of this one, (m,)."""
        d = self.points.shape[1]
        density = np.mean(self.size_um[self.cells] ** -d, axis=1)
        return CELLS_PER_VOLUME[d] * np.abs(signed_volumes(self.points, self.cells)) * density

    def cells_by_gmsh(self, n_grains: int) -> float:
        """Cells that a mesh of these sizes will have, with what `crowded` adds in the grains."""
        expected = self.expected_cells()
        in_grains = float(expected[self.region < n_grains].sum())
        return float(expected.sum()) + crowded(in_grains, n_grains, self.points.shape[1]) - in_grains

    def save(self, path: Path) -> None:
        """Write an archive that `load` reads."""
        np.savez(path, **{name: getattr(self, name) for name in _STORED})

    @classmethod
    def load(cls, path: Path) -> SizeField:
        """The field in an archive."""
        with np.load(path) as archive:
            facts = {name: archive[name].item() for name in ("junctions_resolved", "end_um")}
            return cls(**{name: archive[name] for name in _STORED if name not in facts}, **facts)


_STORED = ("points", "cells", "region", "size_um", "junctions_resolved", "end_um")


def closed(mesh: LayeredMesh) -> SizeField:
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
    solid = np.flatnonzero((mesh.kind == CellKind.GRAIN) | (mesh.kind == CellKind.HL))
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


def uncut_nodes(mesh: LayeredMesh) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The node that each point has when layers are closed and cells uncut, and which points cuts put in."""
    put_in = mesh.node < 0
    return np.where(put_in, -1 - mesh.node, mesh.node), put_in


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
