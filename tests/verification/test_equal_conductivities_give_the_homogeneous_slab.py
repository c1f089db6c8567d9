"""σ_gb = σ_g, and σ_HL too: a polycrystal with all its layers conducts like a slab without any."""

from __future__ import annotations

import numpy as np
import pytest

from small_cases import FLAT, solved

# P1 contains the linear potential, so only round-off and the solver's 1e-10 are left.
EXACT = 1.0e-9
SIGMA = 5.0e-4
SAME_LAYERS = {"homogenizing_layer": {"thickness_um": 5, "conductivity_S_per_cm": SIGMA}}
GRAINS = {
    "voronoi cut": {},
    "voronoi mirror": {"grains.boundary": "mirror"},
    "2D voronoi cut": FLAT,
    "2D voronoi mirror": {**FLAT, "grains.boundary": "mirror"},
}


@pytest.mark.parametrize("layers", [{}, SAME_LAYERS], ids=["bare", "hl"])
@pytest.mark.parametrize("grains", GRAINS)
def test_slab(grains: str, layers: dict) -> None:
    outcome = solved(GRAINS[grains], {"grain_boundary.conductivity_S_per_cm": SIGMA}, layers)
    mesh, fields = outcome.snapshot.mesh, outcome.snapshot.fields
    bottom, top = mesh.z_electrodes
    assert outcome.result.mesh.grains > 5
    assert outcome.result.transport.sigma_eff_S_per_cm == pytest.approx(SIGMA, rel=EXACT)
    asr = (top - bottom) * 1.0e-4 / SIGMA
    assert outcome.result.transport.asr_ohm_cm2 == pytest.approx(asr, rel=EXACT)
    assert fields.phi == pytest.approx(0.1 * (mesh.points[:, -1] - bottom) / (top - bottom), abs=EXACT * 0.1)
    # everywhere the mean current density: no hot spot, no cold one
    for spots in outcome.result.hot_spots.values():
        assert spots.max_over_mean == pytest.approx(1.0, abs=1e-5)
        assert spots.gini == pytest.approx(0.0, abs=1e-5)
    assert np.isclose(outcome.result.transport.wiener_lower_S_per_cm, SIGMA, rtol=1e-12)
