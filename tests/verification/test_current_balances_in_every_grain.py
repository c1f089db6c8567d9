"""Currents in = out to 1e-9; what enters a grain through its surface leaves through its surface to 1e-8.

Also where boundaries are 1e-5 or 1e-6 as conductive as grains and cut grains pass 1e-5 of the current: there
it takes a correction beyond the precision of the potential, and is up to 1e-7 without.
"""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.conduction import Fields, correction, solver
from gbflux.conduction.krylov import ConjugateGradients, Convergence
from gbflux.mesh import CellKind, Mesh
from gbflux.simulation.run import run_case
from small_cases import FLAT, LAYERS, case, solved

BLOCKING = {"grain_boundary.conductivity_S_per_cm": 5.0e-8}
ALMOST_INSULATING = {"grain_boundary.conductivity_S_per_cm": 5.0e-9}
SLIVERS = {**FLAT, "geometry.size_um": [50, 50], "grains.seed": 4}
SLIVERS_3D = {
    "geometry.size_um": [30, 30, 30],
    "grains.relaxation_steps": 0,
}
NEARLY_IDEAL = {"electrodes.kinetics": {"exchange_current_density_mA_per_cm2": 1.0e6}}


def blocked(ratio: float) -> dict[str, float]:
    """σ_gb/σ_g."""
    return {"grain_boundary.conductivity_S_per_cm": 5.0e-4 * ratio}


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
    "2D slivers, 1e-5": {**SLIVERS, **blocked(1e-5)},
    "2D slivers, 1e-6": {**SLIVERS, **blocked(1e-6)},
    "2D slivers, 1e-10": {**SLIVERS, **blocked(1e-10)},
    "2D slivers, 1e-12, order 2": {**SLIVERS, **blocked(1e-12), "solver.order": 2},
    "2D slivers, order 2": {**SLIVERS, **blocked(1e-6), "solver.order": 2},
    "2D slivers, other seed": {**SLIVERS, **blocked(1e-6), "grains.seed": 1},
    "2D slivers, scattered": {**SLIVERS, **blocked(1e-6), "grain_boundary.variation": {"sigma": 1.0}},
    "2D slivers behind layers": {**SLIVERS, **blocked(1e-6), **LAYERS},
    "2D slivers, resistive electrodes": {**SLIVERS, **blocked(1e-6), "electrodes.asr_ohm_cm2": 1e-6},
    "2D slivers, kinetics": {**SLIVERS, **blocked(1e-6), **NEARLY_IDEAL, "solver.order": 2},
    "2D slivers, current": {**SLIVERS, **blocked(1e-6), "electrodes.current_density_mA_per_cm2": 0.1},
    "3D slivers, 1e-5": {**SLIVERS_3D, **blocked(1e-5)},
    "3D slivers, 1e-6": {**SLIVERS_3D, **blocked(1e-6)},
}


@pytest.mark.parametrize("name", CASES)
def test_balance(name: str) -> None:
    outcome = solved(CASES[name])
    print(f"measured: {name}: worst grain {outcome.result.solver.grain_imbalance:.1e}")
    assert outcome.result.solver.current_imbalance <= 1.0e-9
    assert outcome.result.solver.grain_imbalance <= 1.0e-8
    gain, inflow = surface_currents(outcome.snapshot.mesh, outcome.snapshot.fields)
    assert (inflow > 0).all()
    assert (np.abs(gain) / inflow).max() <= 1.0e-8


@pytest.mark.parametrize("order", [1, 2])
def test_it_is_the_correction_that_balances(
    order: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At 1e-8 a potential in double precision loses 1e-4 of a sliver's current; uncorrected, one is told."""
    chosen = case(SLIVERS, blocked(1e-8), {"solver.order": order})
    corrected = run_case(chosen).result
    monkeypatch.setattr(solver, "MOST_CORRECTIONS", 0)
    plain = run_case(chosen).result
    assert corrected.solver.grain_imbalance <= 1e-8 < 1e-6 < plain.solver.grain_imbalance
    assert "out of balance" in caplog.text
    assert corrected.transport.current_A_per_m == pytest.approx(plain.transport.current_A_per_m, rel=1e-6)


def test_a_correction_that_fails_leaves_the_potential(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Diverging(ConjugateGradients):
        def reduce(self, target: float) -> Convergence:
            return Convergence(1, 2.0, reached=False)

    monkeypatch.setattr(correction, "ConjugateGradients", Diverging)
    found = run_case(case(SLIVERS, blocked(1e-6))).result
    assert found.solver.grain_imbalance > 1e-9
    assert "out of balance" in caplog.text


def surface_currents(mesh: Mesh, fields: Fields) -> tuple[np.ndarray, np.ndarray]:
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
