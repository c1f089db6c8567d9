"""Regression: (1/σ_eff − 1)/Bi of polycrystals, σ in units of σ_g, against earlier voxel calculations.

Bi = (δ/d)(σ_g/σ_gb). The brick layer has 1. Voxels gave, for one realisation each and to a few per cent,
0.955, 0.90, 0.89 (Bi = 1, 10, 100) for Poisson–Voronoi grains in 2D and 0.98, 0.94, 0.93 for relaxed ones,
both periodic. In 3D a slab cut four grains thick between its electrodes had σ_eff/σ_g = 0.53, 0.12, 0.015:
more than the periodic 0.50, 0.099, 0.011, which a slab cannot repeat, because electrodes short-circuit the
grains they touch. Their staircases resist too much, by 3 % at Bi = 1.
"""

from __future__ import annotations

import numpy as np
import pytest

from small_cases import solved

BI = (1.0, 10.0, 100.0)
FLAT = {"geometry.size_um": [120, 120], "mesh.size_um": 1.0, "mesh.electrode_size_um": 1.0}
SOLID = {"geometry.size_um": [40, 40, 40], "mesh.size_um": 1.5, "mesh.electrode_size_um": 1.5}
CASES = {
    "2D Poisson": ({**FLAT, "grains.relaxation_steps": 0}, (0.955, 0.90, 0.89), 0.05),
    "2D relaxed": ({**FLAT, "grains.relaxation_steps": 20}, (0.98, 0.94, 0.93), 0.08),
    "3D Poisson": (
        {**SOLID, "grains.relaxation_steps": 0},
        tuple((1.0 / s - 1.0) / bi for s, bi in zip((0.53, 0.12, 0.015), BI, strict=True)),
        0.10,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_against_voxels(name: str) -> None:
    grains, expected, tolerance = CASES[name]
    found = []
    for bi in BI:
        case = {"grain_boundary.conductivity_S_per_cm": 5.0e-4 * 5.0e-4 / bi}
        sigma = solved(grains, case).result.transport.sigma_eff_S_per_cm
        found.append((5.0e-4 / sigma - 1.0) / bi)
    print("measured:", name, np.round(found, 3).tolist(), "expected", np.round(expected, 3).tolist())
    assert found == pytest.approx(expected, rel=tolerance)
    assert found == sorted(found, reverse=True)
