"""Three layers, the middle one 5 nm thin and blocking: one lateral mode, exact in each, slopes fitted.

The mode's potential and current density are continuous at both faces of the layer (see `lateral_modes`).
Transfer through a layer δ: J₊ + J₋ = σ_gb k coth(kδ/2) [φ], J₊ − J₋ = −2 σ_gb k tanh(kδ/2) ⟨φ⟩.
"""

from __future__ import annotations

import numpy as np
import pytest
from lateral_modes import SWING, Driven, Sheet, driven, exact_mode, exact_potential
from orders import fitted_order

from gbflux.mesh import CellKind
from meshes_by_hand import GB_UM

SIGMA_GB = 2.5e-5
#: Dimension, half waves along the sides, intervals across.
CASES = {
    "2D": (2, (1,), (8, 16, 32)),
    "2D, third mode": (2, (3,), (16, 32, 64)),
    "3D": (3, (1, 1), (8, 12, 16)),
}
PLANES = (0.0, 2.0, 2.0 + GB_UM, 5.0 + GB_UM)


def sheets(across: int) -> tuple[Sheet, ...]:
    """Two grains and the boundary between, squares on a width of 4 µm."""
    return (
        Sheet(CellKind.GRAIN, 2.0, 0.05, across // 2),
        Sheet(CellKind.GB, GB_UM, SIGMA_GB),
        Sheet(CellKind.GRAIN, 3.0, 0.02, 3 * across // 4),
    )


def stacks(name: str) -> list[tuple[tuple[Sheet, ...], Driven]]:
    """The same on finer and finer meshes."""
    dimension, half_waves, across = CASES[name]
    return [(sheets(n), driven(sheets(n), dimension, n, 4.0, half_waves)) for n in across]


@pytest.mark.parametrize("name", CASES)
def test_potential_and_currents_converge_with_the_square_of_the_mesh_size(name: str) -> None:
    errors, planes = [], []
    for layers, stack in stacks(name):
        exact = exact_potential(layers, stack)
        inside = ~np.isnan(exact)
        swing = np.ptp(exact[inside])
        errors.append(np.sqrt(np.mean((stack.solution.fields.phi - exact)[inside] ** 2)) / swing)
        _, current = exact_mode(layers, stack.k, np.array(PLANES))
        found = np.array([stack.amplitude(z) for z in PLANES]) / (stack.mean * SWING)
        planes.append(np.abs(found - current))
    sizes = [1.0 / n for n in CASES[name][2]]
    order, flows = fitted_order(sizes, errors), [fitted_order(sizes, p) for p in np.transpose(planes)]
    print(f"measured: orders {order:.2f}, of currents {np.round(flows, 2).tolist()}")
    assert 1.8 < order < 2.4
    assert min(flows) > 1.7
    assert errors[-1] < 2.0e-3
    assert max(planes[-1]) < 0.02


def test_transfer_through_the_layer() -> None:
    """The jump of the mode's potential is δ/σ_gb times its mean current, to (kδ)²/12."""
    _, stack = stacks("2D")[-1]
    z, phi = stack.mesh.points[:, -1], stack.solution.fields.phi
    below, above = (np.abs(z - plane) < 1.0e-6 for plane in PLANES[1:3])
    weight = np.ones(below.sum())
    x = stack.mesh.points[below, 0]
    weight[(x == 0.0) | (x == x.max())] = 0.5
    jump = 2.0 * np.average((phi[above] - phi[below]) * stack.mode[below], weights=weight)
    current = (stack.amplitude(PLANES[1]) + stack.amplitude(PLANES[2])) / 2.0
    print(f"measured: ρJ/[φ] {-current / jump * GB_UM * 1.0e-6 / SIGMA_GB:.5f}")
    assert -current == pytest.approx(SIGMA_GB / (GB_UM * 1.0e-6) * jump, rel=1.0e-2)
