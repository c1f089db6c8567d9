"""Ohm's law through the whole pipeline: V and σ scale currents in proportion and leave hot spots alone."""

from __future__ import annotations

import pytest
from test_mirror_images_conduct_alike import assert_alike

from small_cases import FLAT, LAYERS, solved

GRAINS = {**FLAT, **LAYERS}
# CG stops at 1e-10 of ‖b‖, at iterates that are the same up to round-off: bounded as in a comparison of two
# solves.
SAME = 1.0e-8


@pytest.mark.parametrize("factor", [1.0e-3, 50.0])
def test_potential(factor: float) -> None:
    base, scaled = solved(GRAINS).result, solved(GRAINS, {"electrodes.top_V": 0.1 * factor}).result
    assert scaled.transport.current_A_per_m == pytest.approx(
        factor * base.transport.current_A_per_m, rel=SAME
    )
    assert scaled.transport.sigma_eff_S_per_cm == pytest.approx(base.transport.sigma_eff_S_per_cm, rel=SAME)
    assert scaled.transport.asr_ohm_cm2 == pytest.approx(base.transport.asr_ohm_cm2, rel=SAME)
    assert_same_spots(base, scaled)


@pytest.mark.parametrize("factor", [1.0e-4, 200.0])
def test_conductivity(factor: float) -> None:
    base = solved(GRAINS).result
    changes = {
        "grains.conductivity_S_per_cm": 5.0e-4 * factor,
        "grain_boundary.conductivity_S_per_cm": 2.5e-7 * factor,
        "homogenizing_layer.conductivity_S_per_cm": 1.0e-4 * factor,
    }
    scaled = solved(GRAINS, changes).result
    for name in ("current_A_per_m", "sigma_eff_S_per_cm", "brick_layer_S_per_cm", "wiener_lower_S_per_cm"):
        expected = factor * getattr(base.transport, name)
        assert getattr(scaled.transport, name) == pytest.approx(expected, rel=SAME)
    assert scaled.transport.asr_ohm_cm2 == pytest.approx(base.transport.asr_ohm_cm2 / factor, rel=SAME)
    assert_same_spots(base, scaled)


@pytest.mark.parametrize("dimension", [2, 3])
def test_length(dimension: int) -> None:
    """All lengths ×1000: σ_eff stays, ASR follows; meshed anew: to the mesh's error (0.5 %, seen 0.1 %)."""
    lengths = {
        "geometry.size_um": [20] * dimension,
        "grains.mean_size_um": 10,
        "grain_boundary.thickness_nm": 5,
        "mesh.size_um": 2.0,
        "mesh.electrode_size_um": 2.0,
        "grains.boundary": "mirror",
    }
    large = {key: [1000 * x for x in v] if isinstance(v, list) else v for key, v in lengths.items()}
    for key in (
        "grains.mean_size_um",
        "grain_boundary.thickness_nm",
        "mesh.size_um",
        "mesh.electrode_size_um",
    ):
        large[key] = 1000 * lengths[key]
    base, scaled = solved(lengths).result, solved(large).result
    assert scaled.mesh.grains == base.mesh.grains
    assert scaled.transport.sigma_eff_S_per_cm == pytest.approx(base.transport.sigma_eff_S_per_cm, rel=5e-3)
    assert scaled.transport.asr_ohm_cm2 == pytest.approx(1000 * base.transport.asr_ohm_cm2, rel=5e-3)


def assert_same_spots(base, scaled) -> None:
    """Assert the same hot spots and profiles."""
    one, other = base.as_dict(), scaled.as_dict()
    for part in ("hot_spots", "hot_spots_electrolyte"):
        assert_alike(one[part], other[part])
    for side in ("bottom", "top"):
        expected = one["homogenizing_layer"][side]["std_over_mean"]
        assert other["homogenizing_layer"][side]["std_over_mean"] == pytest.approx(
            expected, rel=1e-5, abs=SAME
        )
