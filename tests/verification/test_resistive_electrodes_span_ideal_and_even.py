"""Electrodes with a charge-transfer resistance b: b → 0 is the ideal contact, b → ∞ an even current.

With b on both sides R(b) ≥ R(0) + 2b/A, for the ideal cell's potential, scaled, is admissible; and R(b) −
2b/A, what the cell itself resists, rises with b towards the value for an even current.
"""

from __future__ import annotations

import numpy as np
import pytest

from small_cases import FLAT, LAYERS, solved

CASES = {
    "2D": {**FLAT, "geometry.size_um": [40, 20]},
    "2D HL": {**FLAT, **LAYERS, "geometry.size_um": [40, 20]},
    "3D": {},
}
ASR = (1.0e-3, 1.0e-1, 2.0, 20.0, 1.0e3, 1.0e5)  # Ω cm²


def result_at(name: str, asr: float):
    """The case with an area-specific resistance at both electrodes (Ω cm²)."""
    return solved(CASES[name], {"electrodes.asr_ohm_cm2": asr}).result


@pytest.mark.parametrize("name", CASES)
def test_resistance_of_the_cell(name: str) -> None:
    ideal = result_at(name, 0.0).transport.asr_ohm_cm2
    found = np.array([result_at(name, asr).transport.asr_ohm_cm2 for asr in ASR])
    inside = found - 2.0 * np.array(ASR)
    round_off = 1.0e-8 * found
    assert (inside >= ideal - round_off).all()
    assert (np.diff(inside) >= -round_off[1:]).all()
    assert inside[0] == pytest.approx(ideal, rel=2.0e-3)


def current_over_mean(name: str, asr: float, top: bool) -> np.ndarray:
    """J over its mean at the points of an electrode, J = (V − φ)/b."""
    snapshot = solved(CASES[name], {"electrodes.asr_ohm_cm2": asr}).snapshot
    mesh = snapshot.mesh
    on = np.flatnonzero(mesh.points[:, -1] == mesh.z_electrodes[top])
    density = ((0.1 if top else 0.0) - snapshot.fields.phi[on]) / (asr * 1.0e-4)
    mean = 10.0 * snapshot.measurement.transport.mean_current_density_mA_per_cm2 * (1 if top else -1)
    return density / mean


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("top", [False, True], ids=["bottom", "top"])
def test_current_evens_out(name: str, top: bool) -> None:
    """More even the larger b; in the end what is left goes like 1/b."""
    largest = np.array([np.abs(current_over_mean(name, asr, top) - 1.0).max() for asr in ASR])
    assert (np.diff(largest) < 0.0).all()
    print(f"measured: max|J/J̄ − 1| {np.array2string(largest, precision=2)} at {ASR} Ω cm²")
    assert largest[-2] < 0.02
    assert largest[-2] / largest[-1] == pytest.approx(100.0, rel=0.02)


@pytest.mark.parametrize("name", CASES)
def test_vanishing_resistance_is_the_ideal_contact(name: str) -> None:
    """Currents of all grains at b = 1e-5 Ω cm², a grain's own resistance being 2 Ω cm²."""
    ideal, nearly = (solved(CASES[name], {"electrodes.asr_ohm_cm2": asr}).snapshot for asr in (0.0, 1.0e-5))
    one, other = (s.measurement.grains.current for s in (ideal, nearly))
    assert other == pytest.approx(one, rel=1.0e-2, abs=1.0e-4 * np.abs(one).max())
