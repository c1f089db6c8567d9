"""Charge balance grain by grain.

A grain's balance is the sum of the reactions over its interior nodes: those that only its own cells touch and
that lie on no electrode. The reactions of a grain's own cells sum to zero over all its nodes whatever the
potential, so the same number with the other sign is what its surface gains: the current that appears or
vanishes inside. It is related to the grain's inflow, half the sum of the sizes of the net currents through
its boundaries and its ends on the planes where the electrolyte ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gbflux.conduction.records import Array, Fields, IntArray, Mask
from gbflux.mesh import CellKind, Mesh, contiguous_slice, points_on_plane
from gbflux.mesh.cut import Cut
from gbflux.mesh.simplices import signed_volumes
from gbflux.units import UM_TO_M

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Grains:
    """Points and boundary cells of a mesh that the balance of its grains is computed from.

    Attributes
    ----------
    owner : (n,) int32 array
        The grain that owns each point, or −1.
    inside : (n,) bool array
        True where all cells that touch the point are cells of its grain.
    between : slice or (k,) int array
        The cells of grain boundaries, junctions left out, ascending.
    volume : (k,) float64 array
        Volumes of those cells (µm³; in 2D µm²).
    """

    owner: IntArray
    inside: Mask
    between: slice | IntArray
    volume: Array

    def of(self, cut: Cut) -> Grains:
        """Return the same for the mesh that a cut leaves, which keeps all cells of grains and boundaries."""
        between = self.between
        if not isinstance(cut.cells, slice):
            between = np.arange(cut.cells[-1] + 1)[between] if isinstance(between, slice) else between
            between = np.searchsorted(cut.cells, between)
        return Grains(self.owner[cut.points], self.inside[cut.points], between, self.volume)


def grains_of(mesh: Mesh) -> Grains:
    """Return the points and boundary cells that the balance of a mesh's grains is computed from.

    Parameters
    ----------
    mesh : Mesh

    Returns
    -------
    Grains
    """
    owner = np.full(len(mesh.points), -1, dtype=np.int32)
    inside = np.ones(len(mesh.points), dtype=bool)
    for start in range(0, len(mesh.cells), _BLOCK):
        block = slice(start, start + _BLOCK)
        cells, in_grain = mesh.cells[block], mesh.kind[block] == CellKind.GRAIN
        for corner in range(mesh.dimension + 1):
            owner[cells[in_grain, corner]] = mesh.region[block][in_grain]
        inside[cells[~in_grain]] = False
    between = contiguous_slice(mesh.kind == CellKind.GB)
    return Grains(owner, inside & (owner >= 0), between, signed_volumes(mesh.points, mesh.cells[between]))


def imbalances(mesh: Mesh, fields: Fields, grains: Grains | None = None) -> tuple[float, float]:
    """Return the charge imbalance: current in less current out, over the current; and of the worst grain.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
    grains : Grains, optional
        `grains_of(mesh)`, where it is known.

    Returns
    -------
    float, float
        Dimensionless.
    """
    entering = [float(fields.residual[points_on_plane(mesh, z)].sum()) for z in mesh.z_electrodes]
    current = 0.5 * sum(map(abs, entering))
    return abs(sum(entering)) / (current or 1.0), worst_grain_imbalance(mesh, fields, grains)


def worst_grain_imbalance(mesh: Mesh, fields: Fields, grains: Grains | None = None) -> float:
    """Largest charge imbalance of a grain relative to its inflow.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
    grains : Grains, optional
        `grains_of(mesh)`, where it is known.

    Returns
    -------
    float
        Dimensionless; grains without inflow are left out.
    """
    grains = grains_of(mesh) if grains is None else grains
    owner, inside = grains.owner, grains.inside.copy()
    for z in mesh.z_electrodes:
        inside &= ~points_on_plane(mesh, z)
    gain = np.abs(np.bincount(owner[inside], fields.residual[inside], minlength=mesh.n_grains))
    inflow = np.zeros(mesh.n_grains)
    for z in mesh.z_electrolyte:
        end = np.flatnonzero((owner >= 0) & points_on_plane(mesh, z))
        inflow += np.abs(np.bincount(owner[end], fields.residual_electrolyte[end], minlength=mesh.n_grains))
    across = np.abs(boundary_currents(mesh, fields, grains.between, grains.volume))
    for column in range(2):
        inflow += np.bincount(mesh.boundaries[:, column], across, minlength=mesh.n_grains)
    fed = inflow > 0
    return float(np.max(2 * gain[fed] / inflow[fed], initial=0.0))


def boundary_currents(mesh: Mesh, fields: Fields, cells: slice | IntArray, volume: Array) -> Array:
    """Net current through each grain boundary, positive from grain a to grain b.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
    cells : slice or (k,) int array
        The cells of all grain boundaries, junctions left out.
    volume : (k,) array
        Their volumes (µm³; in 2D µm²).

    Returns
    -------
    (nb,) array
        Area × mean of J·n over the layer, n from a to b (A; in 2D A/m).
    """
    pair, count = mesh.boundary[cells], len(mesh.boundaries)
    normal_flux = np.einsum("ci,ci->c", fields.j[cells], mesh.boundary_normal.take(pair, axis=0))
    layer = np.bincount(pair, volume, minlength=count)
    flux = np.bincount(pair, volume * normal_flux, minlength=count)
    area = np.asarray(mesh.boundary_area, dtype=float)
    return area * UM_TO_M ** (mesh.dimension - 1) * flux / np.where(layer > 0, layer, 1.0)
