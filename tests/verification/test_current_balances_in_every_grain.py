"""Currents in = out to 1e-9; what enters a grain through its surface leaves through its surface to 1e-8."""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.conduction import Fields
from gbflux.mesh import CellKind, LayeredMesh
from small_cases import FLAT, LAYERS, solved

BLOCKING = {"grain_boundary.conductivity_S_per_cm": 5.0e-8}
# A grain that all but the current's 1e-4 pass by needs a residual to match.
ALMOST_INSULATING = {"grain_boundary.conductivity_S_per_cm": 5.0e-9, "solver.rtol": 1.0e-12}
CASES = {
    "3D cut": {},
    "3D cut, blocking": BLOCKING,
    "3D mirror with layers": {**LAYERS, "grains.boundary": "mirror"},
    "3D almost insulating": ALMOST_INSULATING,
    "3D cut, irregular": {"grains.relaxation_steps": 0, "grain_boundary.variation": {"sigma": 1.0}},
    "3D columns": {"grains.arrangement": "columnar"},
    "2D cut": {**FLAT, "geometry.size_um": [60, 40]},
    "2D 38 grains cut": {**FLAT, "geometry.size_um": [50, 50]},
    "2D 38 grains cut, blocking": {**FLAT, **BLOCKING, "geometry.size_um": [50, 50]},
    "2D cut, layers": {**FLAT, **LAYERS, "homogenizing_layer.contact_asr_ohm_cm2": 5.0},
    "2D almost insulating": {**FLAT, **ALMOST_INSULATING},
    "2D resistive electrodes": {**FLAT, "electrodes.asr_ohm_cm2": 100.0},
}


@pytest.mark.parametrize("name", CASES)
def test_balance(name: str) -> None:
    outcome = solved(CASES[name])
    assert outcome.result.solver.current_imbalance <= 1.0e-9
    assert outcome.result.solver.grain_imbalance <= 1.0e-8
    gain, inflow = surface_currents(outcome.snapshot.mesh, outcome.snapshot.fields)
    assert (inflow > 0).all()
    assert (np.abs(gain) / inflow).max() <= 1.0e-8


def surface_currents(mesh: LayeredMesh, fields: Fields) -> tuple[np.ndarray, np.ndarray]:
    """For each grain the sum of the reactions of its own cells over its surface nodes, and the inflow there.

    Worked out here from cell means: the reaction of a hat λ is −Σ V j·∇λ. Inflow is what enters, grain
    boundary by grain boundary and end by end: nodes on a surface are told apart by the cells that touch them
    from outside.
    """
    mine = np.flatnonzero(mesh.kind == CellKind.GRAIN)
    edges = mesh.points[mesh.cells[mine, 1:]] - mesh.points[mesh.cells[mine, :1]]
    volume = np.linalg.det(edges) / (2 if mesh.dimension == 2 else 6)
    gradient = np.linalg.inv(edges).transpose(0, 2, 1)
    gradient = np.concatenate([-gradient.sum(axis=1, keepdims=True), gradient], axis=1)
    through = -np.einsum("m,mk,mik->mi", volume, fields.j[mine], gradient)
    reaction = np.bincount(mesh.cells[mine].ravel(), through.ravel(), minlength=len(mesh.points))
    owner = np.full(len(mesh.points), -1)
    owner[mesh.cells[mine]] = mesh.region[mine, None]
    # a label for each part of a grain's surface: one of the boundaries, contacts or ends that touch the node
    part = np.full(len(mesh.points), -1)
    for layer in np.flatnonzero(mesh.kind != CellKind.GRAIN):
        part[mesh.cells[layer]] = (
            mesh.boundary[layer] + 3 if mesh.boundary[layer] >= 0 else mesh.region[layer] % 2
        )
    for k, z in enumerate(mesh.z_electrodes):
        part[(mesh.points[:, -1] == z) & (part < 0)] = k
    surface = (owner >= 0) & (part >= 0)
    label = owner[surface] * (part.max() + 1) + part[surface]
    net = np.bincount(label, reaction[surface], minlength=mesh.n_grains * (part.max() + 1))
    net = net.reshape(mesh.n_grains, -1)
    return net.sum(axis=1), np.maximum(net, 0.0).sum(axis=1)
