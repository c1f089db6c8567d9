"""What the verification of local currents shares: certificates of any weight, least powers by NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from brackets import UM
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from gbflux.conduction import (
    Bracket,
    ConductionSolver,
    LocalCurrent,
    Resistance,
    SolverSettings,
    bottom_electrode,
    top_electrode,
)
from gbflux.conduction.records import Fields
from gbflux.mesh import Mesh
from gbflux.units import SIDES
from meshes_by_hand import volumes

Weight = tuple[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Certified:
    """A solved problem at 1 V with certificates: currents are conductances (S; in 2D S/m)."""

    fields: Fields
    bracket: Bracket
    local: list[LocalCurrent]
    mesh: Mesh

    def reactions(self, weight: Weight) -> float:
        """The weighted sum of reactions, along the mean current."""
        side, at_points = weight
        on = on_electrode(self.mesh, side)
        current = float(at_points[on] @ self.fields.residual[on])
        return current if side == "top" else -current


def certified(
    mesh: Mesh,
    sigma: NDArray[np.float64],
    weights: Sequence[Weight] = (),
    asr: tuple[float, float] = (0.0, 0.0),
    **settings: object,
) -> Certified:
    """Solve and certify on this rank alone."""
    with ConductionSolver(MPI.COMM_SELF, mesh) as conductor:
        electrodes = bottom_electrode(0.0, Resistance(asr[0])), top_electrode(1.0, Resistance(asr[1]))
        asked = SolverSettings(bracket=True, certify=True, **settings)
        solution = conductor.solve(sigma, electrodes, asked)
        return Certified(solution.fields, solution.bracket, conductor.certify(weights), mesh)


def on_electrode(mesh: Mesh, side: str) -> NDArray[np.bool_]:
    """The points of an electrode."""
    return mesh.points[:, -1] == mesh.z_electrodes[SIDES.index(side)]


def cone(mesh: Mesh, side: str, centre_um: float, diameter_um: float) -> Weight:
    """1 at a centre, all its lateral coordinates the same, 0 from half a diameter on, linear in between."""
    distance = np.linalg.norm(mesh.points[:, :-1] - centre_um, axis=1)
    weight = np.maximum(0.0, 1.0 - 2.0 * distance / diameter_um)
    return side, np.where(on_electrode(mesh, side), weight, 0.0)


def whole(mesh: Mesh, side: str) -> Weight:
    """1 on an electrode."""
    return side, on_electrode(mesh, side).astype(np.float64)


def integral(mesh: Mesh, weight: Weight) -> float:
    """∫ w ds over the electrode (m²; in 2D m)."""
    side, at_points = weight
    facets, areas = _plane(mesh, side)
    return float(areas @ at_points[facets].mean(axis=1))


def least_power(
    mesh: Mesh,
    sigma: NDArray[np.float64],
    metal: NDArray[np.float64],
    asr: tuple[float, float],
    kind: str,
) -> float:
    """The least power for potentials of the metal given at the points of the electrodes (S V²; in 2D S V²/m).

    By NumPy and a direct solve in SciPy; `kind` is ``"P1"`` or ``"CR"`` (Crouzeix–Raviart).
    """
    d, cells = mesh.dimension, mesh.cells.astype(np.int64)
    corners = mesh.points[cells] * UM
    gradients = np.empty(corners.shape)
    gradients[:, 1:] = np.swapaxes(np.linalg.inv(corners[:, 1:] - corners[:, :1]), 1, 2)
    gradients[:, 0] = -gradients[:, 1:].sum(axis=1)
    weight = sigma * volumes(mesh) * UM**d
    all_facets = np.concatenate([np.delete(cells, k, axis=1) for k in range(d + 1)])
    facets, number = np.unique(np.sort(all_facets, axis=1), axis=0, return_inverse=True)
    dof = cells if kind == "P1" else number.reshape(d + 1, -1).T
    gradients = gradients if kind == "P1" else -d * gradients
    local = np.einsum("cid,cjd->cij", gradients, gradients) * weight[:, None, None]
    rows, columns = (np.stack(x, axis=-1) for x in zip(*itertools.product(dof.T, dof.T), strict=True))
    count = dof.max() + 1
    matrix = coo_matrix((local.ravel(), (rows.ravel(), columns.ravel())), shape=(count, count)).tolil()
    rhs, potential, fixed, constant = np.zeros(count), np.zeros(count), np.zeros(count, dtype=bool), 0.0
    number_of = {tuple(facet): k for k, facet in enumerate(facets)}
    for side, resistance in zip(SIDES, asr, strict=True):
        on, areas = _plane(mesh, side)
        for facet, area in zip(np.sort(on, axis=1), areas, strict=True):
            has = metal[facet]
            at = facet if kind == "P1" else np.array([number_of[tuple(facet)]])
            has = has if kind == "P1" else np.array([has.mean()])
            if resistance == 0.0:
                fixed[at], potential[at] = True, has
                continue
            k = len(at)  # ∫ λ_i λ_j on a facet; with one unknown the midpoint rule
            mass = area / resistance * (np.ones((k, k)) + np.eye(k)) / (k * (k + 1))
            matrix[np.ix_(at, at)] += mass
            rhs[at] += mass @ has
            constant += has @ mass @ has
    matrix, free = matrix.tocsr(), ~fixed
    potential[free] = spsolve(matrix[free][:, free].tocsc(), (rhs - matrix @ potential)[free])
    return float(potential @ (matrix @ potential) - 2.0 * rhs @ potential + constant)


def _plane(mesh: Mesh, side: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The facets of an electrode and their areas (m²; in 2D m)."""
    on, cells = on_electrode(mesh, side), mesh.cells.astype(np.int64)
    facets = np.concatenate([np.delete(cells, k, axis=1) for k in range(mesh.dimension + 1)])
    facets = facets[on[facets].all(axis=1)]
    sides = np.diff(mesh.points[facets], axis=1) * UM
    if mesh.dimension == 2:
        return facets, np.linalg.norm(sides[:, 0], axis=1)
    return facets, np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2.0
