"""A mean current density applied instead of a voltage: it flows, and takes the voltage that makes it flow."""

from __future__ import annotations

import pytest

from small_cases import FLAT, LAYERS, solved

KINETICS = {
    "electrodes.kinetics": {
        "bottom": {"exchange_current_density_mA_per_cm2": 0.3, "anodic_transfer_coefficient": 0.3},
        "top": {"exchange_current_density_mA_per_cm2": 2.0, "cathodic_transfer_coefficient": 0.7},
    }
}
ONE_SIDE = {"electrodes.kinetics": {"bottom": {"exchange_current_density_mA_per_cm2": 0.3}}}
FILM = {"electrodes.asr_ohm_cm2": {"bottom": 3.0, "top": 0.0}}
CELLS = {
    "2D ideal": [FLAT],
    "3D ideal": [{}],
    "2D resistive, layers": [FLAT, LAYERS, FILM],
    "2D kinetics": [FLAT, KINETICS],
    "3D kinetics, film, layers": [LAYERS, KINETICS, FILM],
    "2D kinetics on one side": [FLAT, ONE_SIDE],
    "2D kinetics, order 2": [FLAT, KINETICS, {"solver.order": 2}],
}


def applied(cell: str, density: float):
    """The cell with a mean current density (mA/cm²)."""
    return solved(*CELLS[cell], {"electrodes.current_density_mA_per_cm2": density}).result.transport


@pytest.mark.parametrize("density", [0.2, -2.0])
@pytest.mark.parametrize("cell", CELLS)
def test_current_measured_is_the_one_applied(cell: str, density: float) -> None:
    found = applied(cell, density)
    assert found.mean_current_density_mA_per_cm2 == pytest.approx(abs(density), rel=1e-10)
    assert found.voltage_V * density > 0.0
    assert found.asr_ohm_cm2 == pytest.approx(found.voltage_V / density * 1e3, rel=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_its_voltage_applied_gives_the_same_numbers(cell: str) -> None:
    found = applied(cell, -2.0)
    same = solved(*CELLS[cell], {"electrodes.top_V": found.voltage_V}).result.transport
    for key in ("mean_current_density_mA_per_cm2", "sigma_eff_S_per_cm", "asr_ohm_cm2", "voltage_V"):
        assert getattr(same, key) == pytest.approx(getattr(found, key), rel=1e-9), key


def test_bottom_potential_is_the_reference() -> None:
    changed = {"electrodes.current_density_mA_per_cm2": 1.0, "electrodes.bottom_V": 0.7}
    for cell in ("2D ideal", "2D kinetics", "2D kinetics on one side"):
        at_zero, raised = applied(cell, 1.0), solved(*CELLS[cell], changed)
        assert raised.result.transport.voltage_V == pytest.approx(at_zero.voltage_V, rel=1e-9)
        low = raised.snapshot.fields.phi.min()
        assert 0.7 - 1e-12 <= low < 0.7 + at_zero.voltage_V
