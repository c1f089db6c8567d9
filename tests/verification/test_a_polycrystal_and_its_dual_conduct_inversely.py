"""Keller's theorem in 2D, with boundaries: σ_z(σ) · σ_x(1/σ) = 1 for any arrangement of conductivities.

A resistive boundary, ρ = δ/σ_gb, becomes a conducting one of sheet conductance ρ when its cells take 1/σ. So
the tangential current in the layers counts too (J. B. Keller, J. Math. Phys. 5 (1964) 548,
doi:10.1063/1.1704146). Both computed values are too high, so that their product Π falls to 1 from above.
"""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import electrode_currents
from conduction_cases import solved as solved_on_one_rank
from test_crouzeix_raviart_is_dual_to_linear_elements import turned

from gbflux.mesh import Mesh
from small_cases import TINY, solved

ROUND_OFF = 1.0e-8


def excess(mesh_um: float, ratio: float, order: int) -> float:
    """Π − 1 with grains of 0.5 to 2, boundaries of `ratio` (S/m), boundaries' ends twice as fine."""
    mesh = solved({**TINY, "mesh.size_um": mesh_um, "mesh.electrode_size_um": mesh_um / 2}).snapshot.mesh
    grains = np.random.default_rng(3).uniform(0.5, 2.0, mesh.n_grains)
    sigma = np.where(mesh.region < 0, ratio, grains[mesh.region])
    return conductance(mesh, sigma, order) * conductance(turned(mesh), 1.0 / sigma, order) - 1.0


def conductance(mesh: Mesh, sigma: np.ndarray, order: int) -> float:
    """G (S/m): of a square, also its effective conductivity."""
    return electrode_currents(mesh, solved_on_one_rank(mesh, sigma, order=order))[1] / 0.1


@pytest.mark.parametrize("ratio", [5.0e-3, 5.0e-4], ids=["Bi 0.1", "Bi 1"])
def test_product_is_one(ratio: float) -> None:
    found = excess(0.5, ratio, 2)
    print(f"measured: Π − 1 = {found:.1e}")
    assert -ROUND_OFF <= found <= 1.0e-3


@pytest.mark.parametrize("ratio", [5.0e-3, 5.0e-4, 5.0e-5, 1.0e-6], ids=["Bi 0.1", "Bi 1", "Bi 10", "Bi 500"])
@pytest.mark.parametrize("order", [1, 2])
def test_product_falls_to_one_under_refinement(order: int, ratio: float) -> None:
    found = np.array([excess(h, ratio, order) for h in (2.0, 1.0, 0.5)])
    assert (found > -ROUND_OFF).all()
    assert (found[1:] < 0.8 * found[:-1]).all()
    assert found[-1] < (6.0e-3 if order == 1 else 2.5e-3)


def test_a_dual_without_the_layers_is_none() -> None:
    """Were the conducting boundaries of the dual lost, Π would be off by what they carry: by half at Bi 1."""
    mesh = solved(TINY).snapshot.mesh
    layer = mesh.region < 0
    lost = conductance(turned(mesh), np.ones(len(mesh.cells)), 1)
    assert conductance(mesh, np.where(layer, 5.0e-4, 1.0), 1) * lost < 0.7
