"""Butler–Volmer's law and its inverse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gbflux.conduction import ButlerVolmer, bottom_electrode, top_electrode
from gbflux.conduction.electrodes import (
    current_density,
    overpotential,
    series_current,
)

COEFFICIENTS = [(0.5, 0.5), (0.3, 0.7), (1.0, 0.01), (0.01, 1.0), (1.0, 1.0)]
SIZES = np.logspace(-20, 15, 71)
DENSITIES = np.concatenate([-SIZES[::-1], [0.0], SIZES])


def law(anodic: float = 0.5, cathodic: float = 0.5, i0: float = 10.0) -> ButlerVolmer:
    return ButlerVolmer(i0, anodic, cathodic, 298.15)


def test_thermal_voltage() -> None:
    """RT/F at 25 °C is 25.693 mV."""
    assert law().thermal_voltage == pytest.approx(25.6926e-3, rel=1e-5)


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
def test_inverse(coefficients: tuple[float, float]) -> None:
    """35 decades of either sign; an exponent of 60 leaves 60 eps of the potential's round-off."""
    eta, _ = overpotential(law(*coefficients), DENSITIES)
    assert np.all(np.diff(eta) > 0.0)
    assert current_density(law(*coefficients), eta) == pytest.approx(DENSITIES, rel=1e-13, abs=0.0)


def test_inverse_with_equal_coefficients_is_an_inverse_hyperbolic_sine() -> None:
    eta, _ = overpotential(law(), DENSITIES)
    exact = 2 * law().thermal_voltage * np.arcsinh(DENSITIES / 20.0)
    assert eta == pytest.approx(exact, rel=4e-15, abs=0.0)


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
def test_slope(coefficients: tuple[float, float]) -> None:
    """dη/dj against a central difference in log j."""
    for sign in (1.0, -1.0):
        j = sign * SIZES
        h = 1e-5
        ends = (overpotential(law(*coefficients), j * factor)[0] for factor in (1 + h, 1 - h))
        above, below = ends
        slope = overpotential(law(*coefficients), j)[1]
        assert (above - below) / (2 * h * j) == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
def test_charge_transfer_resistance(coefficients: tuple[float, float]) -> None:
    """R = RT/((α_a + α_c) F i₀) at rest."""
    expected = law().thermal_voltage / (sum(coefficients) * 10.0)
    assert overpotential(law(*coefficients), 0.0)[1] == pytest.approx(expected, rel=1e-14)


def test_an_exponential_that_overflows_is_infinite_and_not_cut_off() -> None:
    assert current_density(law(), 50.0) == np.inf
    assert current_density(law(), -50.0) == -np.inf


def test_a_film_is_in_series() -> None:
    value, slope = replace(law(0.3, 0.7), asr=2.0).drop(np.array([-3.0, 4.0]))
    eta, d_eta = overpotential(law(0.3, 0.7), np.array([-3.0, 4.0]))
    assert value == pytest.approx(eta + np.array([-6.0, 8.0]))
    assert slope == pytest.approx(d_eta + 2.0)


@pytest.mark.parametrize("voltage", [1e-6, 0.1, -0.1, -1e3])
def test_currents_in_series(voltage: float) -> None:
    ends = bottom_electrode(None, replace(law(0.3, 0.7), asr=1e-3)), top_electrode(None, law(0.5, 0.5, 1e-6))
    j = series_current(ends, 1e-2, voltage)
    assert ends[1].law.drop(j)[0] - ends[0].law.drop(-j)[0] + 1e-2 * j == pytest.approx(voltage, rel=1e-9)
