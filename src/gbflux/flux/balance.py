"""Charge balance grain by grain.

A grain's balance is the sum of the reactions over its interior nodes: those that only its own cells touch and
that lie on no electrode. The reactions of a grain's own cells sum to zero over all its nodes whatever the
potential, so the same number with the other sign is what its surface gains: the current that appears or
vanishes inside. It is related to the grain's inflow, half the sum of the sizes of the net currents through
its boundaries and its ends on the planes where the electrolyte ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.mesh.records import CellKind, LayeredMesh

_BLOCK = 1 << 18


def worst_grain_imbalance(
    mesh: LayeredMesh,
    fields: Fields,
    boundary_current: NDArray[np.float64],
    end_currents: NDArray[np.float64],
) -> float:
    """Largest charge imbalance of a grain relative to its inflow.

    Parameters
    ----------
    mesh : LayeredMesh
    fields : Fields
    boundary_current : (nb,) array
        Net current through each grain boundary (A; in 2D A/m).
    end_currents : (2, n_grains) array
        Current of each grain through the planes where the electrolyte ends (A; in 2D A/m).

    Returns
    -------
    float
        Dimensionless; grains without inflow are left out.
    """
    gain = np.abs(_interior_sums(mesh, fields.residual))
    inflow = np.abs(end_currents).sum(axis=0)
    for column in range(2):
        inflow += np.bincount(mesh.boundaries[:, column], np.abs(boundary_current), minlength=mesh.n_grains)
    fed = inflow > 0
    return float(np.max(2 * gain[fed] / inflow[fed], initial=0.0))


def _interior_sums(mesh: LayeredMesh, residual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the reactions over the interior nodes of each grain (A; in 2D A/m)."""
    owner = np.full(len(mesh.points), -1, dtype=np.int32)
    inside = np.ones(len(mesh.points), dtype=bool)
    for start in range(0, len(mesh.cells), _BLOCK):
        block = slice(start, start + _BLOCK)
        cells, in_grain = mesh.cells[block], mesh.kind[block] == CellKind.GRAIN
        for corner in range(mesh.dimension + 1):
            owner[cells[in_grain, corner]] = mesh.region[block][in_grain]
        inside[cells[~in_grain]] = False
    inside &= owner >= 0
    for z in mesh.z_electrodes:
        inside &= np.abs(mesh.points[:, -1] - z) > 1e-12 * max(1.0, abs(z))
    return np.bincount(owner[inside], residual[inside], minlength=mesh.n_grains)
