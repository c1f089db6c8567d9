"""Conductance never falls when any conductivity rises, and by no more than its own cells' power allows.

G is the least power at 1 V, a minimum of functions linear in σ: it rises with every σ and is concave. So a
change dσ ≥ 0 raises G by at least Σ dσ |∇φ|² V of the field after the change, and at most that before. Both
hold for the discrete minimum on one mesh, to the solver's tolerance.
"""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import electrode_currents
from conduction_cases import solved as solved_on_one_rank

from gbflux.conduction import Resistance, bottom_electrode, top_electrode
from gbflux.mesh import CellKind, Mesh
from meshes_by_hand import volumes
from small_cases import LAYERS, TINY, solved

ROUND_OFF = 1.0e-8
POLYCRYSTALS = {
    "2D": TINY,
    "2D HL": {**TINY, **LAYERS},
    "3D": {"mesh.size_um": 4.0, "mesh.electrode_size_um": 4.0},
    "3D HL": {**LAYERS, "mesh.size_um": 4.0, "mesh.electrode_size_um": 4.0},
}
BASE = {
    CellKind.GRAIN: 1.0,
    CellKind.HL: 0.2,
    CellKind.GB: 5.0e-4,
    CellKind.GB_JUNCTION: 5.0e-4,
    CellKind.CONTACT: 1e-3,
}


def conductance_and_slope(mesh: Mesh, sigma: np.ndarray) -> tuple[float, np.ndarray]:
    """G (S; 2D: S/m), and ∂G/∂σ of each cell: |∇φ|² V at 1 V."""
    solution = solved_on_one_rank(
        mesh, sigma, bottom_electrode(0.0), top_electrode(0.1, Resistance(1.0e-6)), rtol=1.0e-11
    )
    field = solution.fields.j / sigma[:, None] / 0.1
    volume = volumes(mesh) * 1.0e-6**mesh.dimension
    return electrode_currents(mesh, solution)[1] / 0.1, np.einsum("ci,ci->c", field, field) * volume


def regions(mesh: Mesh) -> dict[str, np.ndarray]:
    """Each grain, slab and boundary, and each kind of cell."""
    parts = {f"region {g}": mesh.region == g for g in np.unique(mesh.region[mesh.region >= 0])}
    parts |= {f"boundary {b}": mesh.boundary == b for b in np.unique(mesh.boundary[mesh.boundary >= 0])}
    parts |= {kind.name: mesh.kind == kind for kind in CellKind if (mesh.kind == kind).any()}
    return parts


@pytest.mark.parametrize("name", POLYCRYSTALS)
def test_every_region(name: str) -> None:
    mesh = solved(POLYCRYSTALS[name]).snapshot.mesh
    generator = np.random.default_rng(11)
    spread = np.exp(generator.normal(0.0, 0.5, len(mesh.cells)))
    sigma = np.array([BASE[kind] for kind in CellKind])[mesh.kind] * spread
    before, slope_before = conductance_and_slope(mesh, sigma)
    # G is homogeneous of degree 1 in σ but for the electrode: its slopes account for all but that
    assert 0.0 < slope_before @ sigma < before
    parts = regions(mesh)
    chosen = generator.permutation(list(parts))[:25] if len(parts) > 25 else list(parts)
    for part in {*chosen, *(kind.name for kind in CellKind if kind.name in parts)}:
        factor = float(np.exp(generator.uniform(0.1, 3.0)))
        change = np.where(parts[part], (factor - 1.0) * sigma, 0.0)
        after, slope_after = conductance_and_slope(mesh, sigma + change)
        gain = after - before
        assert gain >= -ROUND_OFF * before, part
        assert change @ slope_after - ROUND_OFF * before <= gain <= change @ slope_before + ROUND_OFF * before


@pytest.mark.parametrize("name", ["2D HL", "3D"])
def test_cells_at_random(name: str) -> None:
    mesh = solved(POLYCRYSTALS[name]).snapshot.mesh
    generator = np.random.default_rng(12)
    sigma = np.array([BASE[kind] for kind in CellKind])[mesh.kind]
    values = []
    for _ in range(8):
        values.append(conductance_and_slope(mesh, sigma)[0])
        sigma = sigma * np.exp(generator.exponential(0.3, len(sigma)) * (generator.random(len(sigma)) < 0.2))
    assert (np.diff(values) > 0.0).all()


def test_the_slope_is_the_derivative() -> None:
    """Central differences of G by σ of one boundary: 1e-3 steps, so 1e-6 of the slope."""
    mesh = solved(POLYCRYSTALS["2D HL"]).snapshot.mesh
    sigma = np.array([BASE[kind] for kind in CellKind])[mesh.kind]
    _, slope = conductance_and_slope(mesh, sigma)
    for part in regions(mesh).values():
        step = 1.0e-3 * np.where(part, sigma, 0.0)
        difference = (
            conductance_and_slope(mesh, sigma + step)[0] - conductance_and_slope(mesh, sigma - step)[0]
        )
        if step @ slope > 1.0e-6 * (sigma @ slope):
            assert difference / 2.0 == pytest.approx(step @ slope, rel=1.0e-4)
