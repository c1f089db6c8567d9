"""What the verification of conduction shares: one conductivity for each kind of cell, a solve on one rank."""

from __future__ import annotations

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbflux.conduction import Electrode, Solution, SolverSettings, bottom_electrode, solve, top_electrode
from gbflux.mesh import CellKind, Mesh

#: Conductivities of the field (S/m): grain 5e-4 S/cm, grain boundary 2.5e-7 S/cm, layer 1e-4 S/cm.
SIGMA = {
    CellKind.GRAIN: 5.0e-2,
    CellKind.HL: 1.0e-2,
    CellKind.GB: 2.5e-5,
    CellKind.GB_JUNCTION: 2.5e-5,
    CellKind.CONTACT: 3.0e-6,
}


def sigma_by_kind(mesh: Mesh) -> NDArray[np.float64]:
    """Return (m,) conductivities (S/m)."""
    return np.array([SIGMA[kind] for kind in CellKind])[mesh.kind]


def solved(
    mesh: Mesh,
    sigma: NDArray[np.float64],
    bottom: Electrode = bottom_electrode(0.0),  # noqa: B008  (frozen)
    top: Electrode = top_electrode(0.1),  # noqa: B008  (frozen)
    **settings: object,
) -> Solution:
    """Solve on this rank alone."""
    return solve(MPI.COMM_SELF, mesh, sigma, (bottom, top), SolverSettings(**settings))


def electrode_currents(mesh: Mesh, solution: Solution) -> tuple[float, float]:
    """Return the currents that enter at the bottom and the top electrode (A; in 2D A/m)."""
    z, residual = mesh.points[:, -1], solution.fields.residual
    return tuple(float(residual[z == plane].sum()) for plane in mesh.z_electrodes)


def currents_into(
    mesh: Mesh, solution: Solution, cells: NDArray[np.integer] | NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the current that enters the chosen cells at each mesh point, from cell means (A; in 2D A/m)."""
    corners = mesh.points[mesh.cells[cells]] * 1.0e-6
    edges = corners[:, 1:] - corners[:, :1]
    volume = np.linalg.det(edges) / (2 if mesh.dimension == 2 else 6)
    gradients = np.linalg.inv(edges).transpose(0, 2, 1)
    gradients = np.concatenate([-gradients.sum(axis=1, keepdims=True), gradients], axis=1)
    through = -np.einsum("m,mk,mik->mi", volume, solution.fields.j[cells], gradients)
    return np.bincount(mesh.cells[cells].ravel(), through.ravel(), minlength=len(mesh.points))
