"""With order 2 both bounds are nearer on the same mesh, and still contain the exact value."""

from __future__ import annotations

import numpy as np
import pytest
from brackets import bracketed, checkerboard, straight_box

from gbflux.conduction import Resistance, bottom_electrode, top_electrode
from gbflux.conduction.materials import conductivities
from gbflux.mesh import build_mesh, recipe
from small_cases import FLAT, LAYERS, case

IDEAL, RESISTIVE = (0.0, 0.0), (1.0e-4, 2.0e-4)  # Ω m²


@pytest.mark.parametrize("ratio", [0.5, 0.1, 1.0e-3])
@pytest.mark.parametrize("intervals", [4, 16])
def test_checkerboard(intervals: int, ratio: float) -> None:
    """σ_eff = √(σ₁σ₂) (Keller 1964, Dykhne 1970); the flux is singular at the corner."""
    mesh = straight_box(intervals)
    sigma = checkerboard(mesh, 1.0, ratio)
    one, two = (bracketed(mesh, sigma, order=order) for order in (1, 2))
    assert two.lower <= np.sqrt(ratio) <= two.upper
    assert one.lower < two.lower
    assert two.upper < one.upper
    # the flux turned by 90° is the gradient of a quadratic potential of the dual board, which is the board
    assert two.lower * two.upper == pytest.approx(ratio, rel=1.0e-10 + 2.0 * two.algebraic_error / two.lower)


@pytest.mark.parametrize("asr", [IDEAL, RESISTIVE], ids=["ideal", "ASR"])
@pytest.mark.parametrize("grains", [{}, FLAT], ids=["3D", "2D"])
def test_polycrystal(grains: dict, asr: tuple[float, float]) -> None:
    chosen = case(grains, LAYERS)
    mesh = build_mesh(recipe(chosen)).mesh
    sigma = conductivities(mesh, chosen)
    electrodes = bottom_electrode(0.0, Resistance(asr[0])), top_electrode(0.1, Resistance(asr[1]))
    one, two = (bracketed(mesh, sigma, *electrodes, order=order) for order in (1, 2))
    assert one.lower < two.lower < two.upper < one.upper
    assert two.relative_width < 0.5 * one.relative_width
