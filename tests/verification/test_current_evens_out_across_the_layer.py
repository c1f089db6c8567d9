"""Across a homogenizing layer the variance of J_z falls at least as fast as its longest mode.

J_z is harmonic there, so each lateral mode k falls like cosh(k(h − z))/cosh(kh), and with insulating sides no
k is below π/W, W the width of the box: Var(h) ≤ Var(z₀)/cosh²(π (h − z₀)/W) from any plane z₀ on.
"""

from __future__ import annotations

import numpy as np
import pytest

from small_cases import FLAT, LAYERS, solved

CASES = {
    "2D": {
        **FLAT,
        **LAYERS,
        "homogenizing_layer.thickness_um": 10,
        "grain_boundary.conductivity_S_per_cm": 5e-8,
    },
    "3D": {
        **LAYERS,
        "mesh.size_um": 1.5,
        "mesh.electrode_size_um": 1.5,
        "grain_boundary.conductivity_S_per_cm": 5e-8,
    },
}
WIDTH_UM = {"2D": 40.0, "3D": 20.0}
# J is constant in a cell of size h: one mode's J_z at the middle of cells that a plane cuts differs from that
# on the plane by up to k h/2, so that standard deviations are compared to within 15 %.
CELLS = 0.15
# Near the electrode cosh is flat, and planes half a cell apart cut much the same cells: a step up of 5 % is
# their noise.
STEP = 0.05


@pytest.mark.parametrize("side", ["bottom", "top"])
@pytest.mark.parametrize("name", CASES)
def test_variance(name: str, side: str) -> None:
    profile = solved(CASES[name]).result.homogenizing_layer[side]
    std, distance = np.array(profile.std_over_mean), np.array(profile.distance_um)
    assert len(std) >= 5
    assert std[-1] < 0.7 * std[0] < 0.7
    assert (std[1:] <= std[:-1] * (1 + STEP)).all()
    k = np.pi / WIDTH_UM[name]
    h = distance[-1]
    for z0 in range(1, len(std) - 1):
        assert std[-1] <= std[z0] / np.cosh(k * (h - distance[z0])) * (1 + CELLS)


@pytest.mark.parametrize("name", CASES)
def test_maximum_falls_and_the_mean_stays(name: str) -> None:
    outcome = solved(CASES[name])
    for side in ("bottom", "top"):
        profile = outcome.result.homogenizing_layer[side]
        assert profile.max_over_mean[0] > profile.max_over_mean[-1] >= 1.0
        on_electrolyte = outcome.result.hot_spots_electrolyte[side]
        assert on_electrolyte.rms_over_mean > outcome.result.hot_spots[side].rms_over_mean
