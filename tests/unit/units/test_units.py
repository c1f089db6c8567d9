"""Units: every factor against another library's, the constants against CODATA, the Arrhenius law by hand."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

from gbflux import units
from gbflux.errors import InputError

# What one unit is in SI; in scipy's words where it has them.
IN_SI = {
    "NM": constants.nano,
    "UM": constants.micron,
    "CM": constants.centi,
    "M": 1.0,
    "UM2": constants.micron**2,
    "CM2": constants.centi**2,
    "M2": 1.0,
    "S_PER_CM": 1 / constants.centi,
    "S_PER_M": 1.0,
    "OHM_CM2": constants.centi**2,
    "OHM_M2": 1.0,
    "MA_PER_CM2": constants.milli / constants.centi**2,
    "A_PER_M2": 1.0,
    "KIB": constants.kibi,
    "MIB": constants.mebi,
}
FACTORS = sorted(name for name in vars(units) if "_TO_" in name)


@pytest.mark.parametrize("name", FACTORS)
def test_factor_is_the_ratio_of_its_units(name):
    source, target = name.split("_TO_")
    assert getattr(units, name) == pytest.approx(IN_SI[source] / IN_SI[target], rel=4e-16)


@pytest.mark.parametrize("name", FACTORS)
def test_factor_agrees_with_pint(name):
    pint = pytest.importorskip("pint")
    spelling = {
        "NM": "nm",
        "UM": "um",
        "CM": "cm",
        "M": "m",
        "UM2": "um**2",
        "CM2": "cm**2",
        "M2": "m**2",
        "S_PER_CM": "S/cm",
        "S_PER_M": "S/m",
        "OHM_CM2": "ohm*cm**2",
        "OHM_M2": "ohm*m**2",
        "MA_PER_CM2": "mA/cm**2",
        "A_PER_M2": "A/m**2",
        "KIB": "KiB",
        "MIB": "MiB",
    }
    source, target = (spelling[unit] for unit in name.split("_TO_"))
    expected = pint.UnitRegistry().Quantity(1.0, source).to(target).magnitude
    assert getattr(units, name) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (units.BOLTZMANN_J_PER_K, constants.Boltzmann),
        (units.ELEMENTARY_CHARGE_C, constants.elementary_charge),
        (units.AVOGADRO_PER_MOL, constants.Avogadro),
        (units.FARADAY_C_PER_MOL, constants.physical_constants["Faraday constant"][0]),
        (units.GAS_CONSTANT_J_PER_MOL_K, constants.gas_constant),
        (units.BOLTZMANN_EV_PER_K, constants.physical_constants["Boltzmann constant in eV/K"][0]),
        (units.ICE_POINT_K, constants.zero_Celsius),
    ],
)
def test_constant_is_codata(ours, theirs):
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_arrhenius_by_hand():
    # 0.30 eV from 25 °C to 100 °C: 1/298.15 - 1/373.15 = 6.74130e-4 /K, times 0.30/8.617333e-5 = 3481.36 K
    assert units.arrhenius(1.0, 0.30, 100, 25) == pytest.approx(math.exp(2.34689), rel=1e-4)


@given(st.floats(0, 2), st.floats(-150, 1000), st.floats(-150, 1000))
def test_arrhenius_there_and_back_is_the_same(energy, first, second):
    there = units.arrhenius(1.0, energy, first, second)
    back = units.arrhenius(1.0, energy, second, first)
    assert (
        there == 0 or math.isinf(there) or there * back == pytest.approx(1, rel=1e-9) or back in (0, math.inf)
    )


def test_arrhenius_overflows_to_infinity_and_refuses_absolute_zero():
    assert math.isinf(units.arrhenius(1.0, 1e3, 25, -200))
    with pytest.raises(InputError, match=r"-273\.15"):
        units.arrhenius(1.0, 0.3, -273.15, 25)


def test_examples_in_docstrings():
    assert doctest.testmod(units).failed == 0
