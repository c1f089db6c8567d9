"""Layers in series on meshes of the mesher: ASR = Σ t/σ + contacts + electrodes, true thickness."""

from __future__ import annotations

import pytest

from small_cases import FLAT, solved

EXACT = 1.0e-9  # P1 is exact for one-dimensional potentials; the solver stops at 1e-10
NM = 1.0e-7  # cm
UM = 1.0e-4  # cm
RESISTANCES = {
    "homogenizing_layer": {
        "thickness_um": 5,
        "conductivity_S_per_cm": 1.0e-4,
        "contact_asr_ohm_cm2": 3.0,
    },
    "electrodes": {"top_V": 0.1, "asr_ohm_cm2": {"bottom": 20.0, "top": 0.5}},
}
# Flat boundaries across the field: bricks one grain wide. Two, at a third and two thirds of the height.
SANDWICH_3D = {
    "geometry.size_um": [10, 10, 30],
    "grains.arrangement": "brick",
    "grains.boundary": "mirror",
    "grains.mean_size_um": 10,
}
SANDWICH_2D = {**SANDWICH_3D, "geometry.size_um": [10, 30]}


@pytest.mark.parametrize("grains", [{}, FLAT], ids=["3D", "2D"])
def test_irregular_grains_without_resistive_boundaries(grains: dict) -> None:
    outcome = solved(grains, {"grain_boundary.conductivity_S_per_cm": 5.0e-4}, RESISTANCES)
    height = 20 if grains is not FLAT else 40
    exact = height * UM / 5.0e-4 + 2 * (5 * UM / 1.0e-4) + 2 * 3.0 + 20.5
    assert outcome.result.transport.asr_ohm_cm2 == pytest.approx(exact, rel=EXACT)
    assert outcome.result.transport.sigma_eff_S_per_cm == pytest.approx(5.0e-4, rel=EXACT)


@pytest.mark.parametrize("sides", ["both", "bottom", "top"])
@pytest.mark.parametrize("grains", [SANDWICH_3D, SANDWICH_2D], ids=["3D", "2D"])
def test_flat_resistive_boundaries(grains: dict, sides: str) -> None:
    outcome = solved(grains, RESISTANCES, {"homogenizing_layer.sides": sides})
    electrolyte = (30 * UM - 10 * NM) / 5.0e-4 + 10 * NM / 2.5e-7
    count = 2 if sides == "both" else 1
    exact = electrolyte + count * (5 * UM / 1.0e-4 + 3.0) + 20.5
    assert outcome.result.mesh.grains == 3
    assert outcome.result.transport.asr_ohm_cm2 == pytest.approx(exact, rel=EXACT)
    assert outcome.result.transport.sigma_eff_S_per_cm == pytest.approx(30 * UM / electrolyte, rel=EXACT)


@pytest.mark.parametrize("thickness_nm", [1.0, 50.0])
def test_thickness_counts(thickness_nm: float) -> None:
    outcome = solved(SANDWICH_3D, {"grain_boundary.thickness_nm": thickness_nm})
    layers = 2 * thickness_nm * NM
    exact = (30 * UM - layers) / 5.0e-4 + layers / 2.5e-7
    assert outcome.result.transport.asr_ohm_cm2 == pytest.approx(exact, rel=EXACT)


def test_polarity_and_offset_do_not_count() -> None:
    for bottom, top in ((0.1, 0.0), (-3.0, 2.0)):
        changed = {"electrodes.bottom_V": bottom, "electrodes.top_V": top}
        outcome = solved(SANDWICH_3D, RESISTANCES, changed)
        reference = solved(SANDWICH_3D, RESISTANCES)
        assert outcome.result.transport.asr_ohm_cm2 == pytest.approx(
            reference.result.transport.asr_ohm_cm2, rel=EXACT
        )
