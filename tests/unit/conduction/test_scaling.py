"""Scaled quantities and the way back to SI."""

from __future__ import annotations

import pytest

from gbflux.conduction import Resistance, bottom_electrode, top_electrode
from gbflux.conduction.problem import scaling_of


def test_factors_in_si() -> None:
    scaling = scaling_of(3, 0.05, (bottom_electrode(1.0), top_electrode(1.1)))
    # 0.05 S/m · 0.1 V / 1e-6 m = 5000 A/m²; 0.05 S/m · 0.1 V · 1e-6 m = 5e-9 A
    assert scaling.current_density == pytest.approx(5.0e3)
    assert scaling.current == pytest.approx(5.0e-9)
    # in 2D a current per depth: 0.05 S/m · 0.1 V = 5e-3 A/m
    assert scaling_of(2, 0.05, (bottom_electrode(1.0), top_electrode(1.1))).current == pytest.approx(5.0e-3)


def test_potentials_and_exchange() -> None:
    scaling = scaling_of(3, 0.05, (bottom_electrode(0.2), top_electrode(0.0)))
    assert scaling.potential_hat(0.2) == pytest.approx(-0.5)
    assert scaling.potential_hat(0.0) == pytest.approx(0.5)
    # 1e-6 m / (0.05 S/m · 2e-4 Ω m²) = 0.1
    assert scaling.exchange_hat(2.0e-4) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("bottom", "top", "offset"), [(0.0, 0.0, 0.5), (1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 3.0, 0.25)]
)
def test_zero_lies_where_resistances_divide_the_potential(bottom: float, top: float, offset: float) -> None:
    assert scaling_of(
        2, 1.0, (bottom_electrode(0.0, Resistance(bottom)), top_electrode(1.0, Resistance(top)))
    ).offset == pytest.approx(offset)
