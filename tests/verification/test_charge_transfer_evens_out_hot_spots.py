"""A charge-transfer resistance of d/σ_g = 2 Ω cm² takes the largest current density to 1.6 times the mean.

A trial with another code (2D, 120 × 40 µm, Bi = 1, linear elements of 6 nm at the electrodes) gave 1.6 with
2, 1.1 with 20 and 1.0 with 1000 Ω cm², and a maximum that only the mesh limits without. The grains here are
others (cut from a larger body), so 1.6 stands for 1.4 to 1.75, the range over samples. What enters an
electrode is taken from its law, j = (V − φ)/R at the mesh points.
"""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.conduction import ButlerVolmer
from gbflux.conduction.electrodes import current_density
from small_cases import solved

CELL = {
    "geometry.size_um": [120, 40],
    "mesh.size_um": 1.0,
    "mesh.electrode_size_um": 0.2,
    "output": {"figures": False, "fields": False},
}
R_CT = 2.0  # Ω cm²
I0 = 25.69258 / (R_CT * 1.0)  # mA/cm²: RT/F in mV over (α_a + α_c) R_ct


def entering(outcome, j_of_drop) -> list[float]:
    """Largest density of the current at each electrode, over its mean."""
    mesh, phi = outcome.snapshot.mesh, outcome.snapshot.fields.phi
    mean = outcome.result.transport.mean_current_density_mA_per_cm2 * 10.0
    metal = (0.0, outcome.result.transport.voltage_V)
    planes = zip(mesh.z_electrodes, metal, strict=True)
    return [float(np.abs(j_of_drop(v - phi[mesh.points[:, -1] == z])).max()) / mean for z, v in planes]


def resistive(asr: float) -> list[float]:
    return entering(solved(CELL, {"electrodes.asr_ohm_cm2": asr}), lambda drop: drop / (asr * 1e-4))


def kinetic(voltage: float) -> list[float]:
    law = ButlerVolmer(I0 * 10.0, 0.5, 0.5, 298.15)
    electrodes = {"top_V": voltage, "kinetics": {"exchange_current_density_mA_per_cm2": I0}}
    return entering(solved(CELL, {"electrodes": electrodes}), lambda eta: current_density(law, eta))


@pytest.mark.parametrize(("asr", "low", "high"), [(2.0, 1.4, 1.75), (20.0, 1.04, 1.15), (1000.0, 1.0, 1.01)])
def test_a_resistance(asr: float, low: float, high: float) -> None:
    for found in resistive(asr):
        assert low < found < high


def test_without_one_the_largest_is_beyond() -> None:
    for spots in solved(CELL).result.hot_spots.values():
        assert spots.max_over_mean > 3.0


def test_kinetics_of_the_same_resistance() -> None:
    assert kinetic(1e-4) == pytest.approx(resistive(R_CT), rel=1e-4)


def test_large_overpotentials_wear_the_resistance_out() -> None:
    """The slope of the law falls as 1/j, and with it what evens the current out."""
    found = np.array([kinetic(voltage) for voltage in (1e-4, 0.1, 0.5, 5.0)])
    assert np.all(np.diff(found, axis=0) > 0.0)
    assert np.all(found[1] < 1.05 * found[0])
    assert np.all(found[3] > 2.0 * found[0])
