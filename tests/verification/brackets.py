"""What the verification of the bracket shares: brackets on one rank, straight meshes, a direct solve."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from gbflux.conduction import Bracket, Electrode, SolverSettings, bottom_electrode, solve, top_electrode
from gbflux.conduction.bounds import bracket
from gbflux.mesh import CellKind, Mesh
from meshes_by_hand import Layer, stack, volumes

ZERO, TOP = bottom_electrode(0.0), top_electrode(0.1)
UM = 1.0e-6


def bracketed(
    mesh: Mesh,
    sigma: NDArray[np.float64],
    bottom: Electrode = ZERO,
    top: Electrode = TOP,
    **settings: object,
) -> Bracket:
    """The bracket of one problem."""
    return solve(MPI.COMM_SELF, mesh, sigma, (bottom, top), SolverSettings(bracket=True, **settings)).bracket


def bracketed_to_the_end(monkeypatch: pytest.MonkeyPatch, *problem: object, **settings: object) -> Bracket:
    """The same with the lower bound iterated down to round-off."""
    with monkeypatch.context() as patch:
        patch.setattr(bracket, "SHARE", 0.0)
        return bracketed(*problem, **settings)


def straight_box(intervals: int, dimension: int = 2, width_um: float = 1.0) -> Mesh:
    """A cube of one grain on a regular grid, nested in that of twice the intervals."""
    mesh = stack([Layer(CellKind.GRAIN, width_um, intervals)], dimension, intervals, width_um)
    spacing = width_um / intervals
    return replace(mesh, points=np.round(mesh.points / spacing) * spacing, z_electrodes=(0.0, width_um))


def checkerboard(mesh: Mesh, light: float, dark: float) -> NDArray[np.float64]:
    """Conductivities of 2 × 2 (× 2) fields over the box (S/m)."""
    centre = mesh.points[mesh.cells].mean(axis=1)
    odd = np.sum(centre > centre.max() / 2, axis=1) % 2 == 1
    return np.where(odd, dark, light)


def least_power(mesh: Mesh, sigma: NDArray[np.float64], asr: tuple[float, float] = (0.0, 0.0)) -> float:
    """The least Crouzeix–Raviart power at 1 V by NumPy and a direct solve in SciPy (S; in 2D S/m)."""
    dimension, cells = mesh.dimension, mesh.cells.astype(np.int64)
    points = mesh.points * UM
    corners = points[cells]
    gradients = np.empty(corners.shape)
    gradients[:, 1:] = np.swapaxes(np.linalg.inv(corners[:, 1:] - corners[:, :1]), 1, 2)
    gradients[:, 0] = -gradients[:, 1:].sum(axis=1)
    weight = dimension**2 * sigma * volumes(mesh) * UM**dimension
    local = np.einsum("cid,cjd->cij", gradients, gradients) * weight[:, None, None]
    all_facets = np.concatenate([np.delete(cells, k, axis=1) for k in range(dimension + 1)])
    facets, number = np.unique(np.sort(all_facets, axis=1), axis=0, return_inverse=True)
    dof = number.reshape(dimension + 1, -1).T
    rows, columns = (np.stack(x, axis=-1) for x in zip(*itertools.product(dof.T, dof.T), strict=True))
    matrix = coo_matrix((local.reshape(len(cells), -1).ravel(), (rows.ravel(), columns.ravel()))).tolil()
    rhs, potential, fixed = np.zeros(len(facets)), np.zeros(len(facets)), np.zeros(len(facets), dtype=bool)
    power = 0.0
    for z, volt, resistance in zip(mesh.z_electrodes, (0.0, 1.0), asr, strict=True):
        on = np.flatnonzero((mesh.points[facets, -1] == z).all(axis=1))
        if resistance == 0.0:
            fixed[on], potential[on] = True, volt
            continue
        sides = np.diff(points[facets[on]], axis=1)
        area = np.linalg.norm(sides[:, 0], axis=1)
        if dimension == 3:
            area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
        for facet, conductance in zip(on, area / resistance, strict=True):
            matrix[facet, facet] += conductance
        rhs[on] += volt * area / resistance
        power += volt**2 * area.sum() / resistance
    matrix = matrix.tocsr()
    free = ~fixed
    potential[free] = spsolve(matrix[free][:, free].tocsc(), (rhs - matrix @ potential)[free])
    return float(potential @ (matrix @ potential) - 2 * rhs @ potential + power)
