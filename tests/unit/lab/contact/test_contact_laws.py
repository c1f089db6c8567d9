"""Laws of contacts: their doctests, limits, exact relations, and what they refuse."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from gbflux.errors import InputError
from gbflux.lab.contact import filament, mechanics, spreading
from gbflux.lab.stats.uncertainty import Measured, parse_measured, propagate

PRESS = {"force": 400e-9, "radius": 20e-9, "modulus": 60e9}
decades = st.floats(-3, 3).map(lambda x: 10.0**x)


@settings(deadline=None)
@given(decades, decades, decades)
def test_hertz_scales(force, radius, modulus):
    """a³ is proportional to P, r and 1/E*; P = 4 E* a³ / (3 r)."""
    a = mechanics.contact_radius(PRESS["force"] * force, PRESS["radius"] * radius, PRESS["modulus"] * modulus)
    load = 4 * PRESS["modulus"] * modulus * a**3 / (3 * PRESS["radius"] * radius)
    assert load == pytest.approx(PRESS["force"] * force, rel=1e-12)


def test_hertz_inverses_agree():
    area = mechanics.contact_area(**PRESS)
    assert mechanics.modulus_for_area(PRESS["force"], PRESS["radius"], area) == pytest.approx(60e9)
    assert mechanics.force_for_area(area, PRESS["radius"], PRESS["modulus"]) == pytest.approx(400e-9)
    assert mechanics.radius_for_area(area, PRESS["force"], PRESS["modulus"]) == pytest.approx(20e-9)


def test_rigid_body_leaves_the_modulus_of_the_other():
    assert mechanics.effective_modulus(math.inf, 0.3, 100e9, 0.0) == pytest.approx(100e9)


def test_warning_says_both_numbers_and_only_above_the_limit():
    assert mechanics.yield_warning(0.39 * 6.3e9, 6.3e9) is None
    assert "2.6 GPa" in mechanics.yield_warning(2.6e9, 6.3e9)
    assert "2.52 GPa" in mechanics.yield_warning(2.6e9, 6.3e9)


def test_ellipse_with_equal_radii_is_hertz():
    for ratio in (1.0, 1 + 1e-7, 1 + 1e-5):
        found = mechanics.elliptic_contact(400e-9, 20e-9 * ratio, 20e-9, 60e9)
        assert found.area == pytest.approx(mechanics.contact_area(**PRESS), rel=2e-5)
        assert found.approach == pytest.approx(mechanics.approach(**PRESS), rel=2e-5)


@pytest.mark.parametrize("ratio", [1.5, 4.0, 50.0])
def test_ellipse_fulfils_the_contact_condition(ratio):
    """Johnson (4.26): δ − x²/2R' is the displacement of Hertz' pressure on the major axis.

    The potential of an ellipsoidal pressure along the axes is given by integrals over w of
    3P/(4πE*)·(1 − x²/(a²+w)) / √((a²+w)(b²+w)w), w from 0 to ∞ (H. Hertz 1881).
    """
    e = mechanics.elliptic_contact(400e-9, 20e-9 * ratio, 20e-9, 60e9)
    a, k = e.major, e.minor / e.major

    def integral(power: float) -> float:  # w = a² t², so that the root at 0 is gone
        return quad(lambda t: 2 / ((1 + t * t) ** (0.5 + power) * math.sqrt(k * k + t * t)), 0, math.inf)[0]

    scale = 3 * 400e-9 / (4 * math.pi * 60e9)
    assert e.approach == pytest.approx(scale * integral(0) / a, rel=1e-6)
    assert 1 / (2 * 20e-9 * ratio) == pytest.approx(scale * integral(1) / a**3, rel=1e-6)


def test_without_adhesion_jkr_and_dmt_are_hertz():
    for radius in (mechanics.jkr_radius, mechanics.dmt_radius):
        assert radius(**PRESS, adhesion=0.0) == pytest.approx(mechanics.contact_radius(**PRESS))
    for depth in (mechanics.jkr_approach, mechanics.dmt_approach):
        assert depth(**PRESS, adhesion=0.0) == pytest.approx(mechanics.approach(**PRESS))


def test_jkr_at_zero_force_and_at_pull_off():
    """a₀³ = 9πwr²/(2E*); at pull-off a is a₀/4^(1/3)."""
    r, star, w = 20e-9, 60e9, 0.1
    a0 = (9 * math.pi * w * r**2 / (2 * star)) ** (1 / 3)
    assert mechanics.jkr_radius(0.0, r, star, w) == pytest.approx(a0)
    assert mechanics.jkr_radius(-mechanics.jkr_pull_off(r, w), r, star, w) == pytest.approx(a0 / 4 ** (1 / 3))
    with pytest.raises(InputError, match="pull-off force"):
        mechanics.jkr_radius(-1.01 * mechanics.jkr_pull_off(r, w), r, star, w)
    assert mechanics.dmt_radius(-mechanics.dmt_pull_off(r, w), r, star, w) == 0


def test_spheroid_runs_from_disc_to_hemisphere_without_a_step():
    assert spreading.spheroid_resistance(1, 1, 0) == pytest.approx(spreading.disc_resistance(1, 1))
    for depth in (1 - 1e-5, 1 + 1e-5):
        found = spreading.spheroid_resistance(1, 1, depth)
        assert found == pytest.approx(spreading.hemisphere_resistance(1, 1), rel=1e-4)


def test_slab_and_tube_tend_to_the_half_space():
    disc = spreading.disc_resistance(1, 1)
    assert spreading.slab_resistance(1, 1, 1e6) == pytest.approx(disc, rel=1e-6)
    assert spreading.tube_resistance(1, 1, 1e6) == pytest.approx(disc, rel=2e-6)
    with pytest.raises(InputError, match="one-dimensional"):
        spreading.slab_resistance(1, 1, 1)
    with pytest.raises(InputError, match="constriction"):
        spreading.tube_resistance(1, 1, 1)


def test_ionic_current_has_both_limits():
    area = 30e-18
    assert spreading.ionic_current(0.05, area, 10) == pytest.approx(
        spreading.spreading_current(0.05, area, 10)
    )
    limited = spreading.ionic_current(0.05, area, 10, asr=1.0)
    assert limited == pytest.approx(spreading.charge_transfer_current(1.0, area, 10), rel=1e-6)


def test_filament_relations_invert_each_other():
    d = filament.diameter(116, 300e-6)
    assert filament.resistance(d, 300e-6) == pytest.approx(116)
    assert filament.length(116, d) == pytest.approx(300e-6)
    assert filament.conductivity(116, d, 300e-6) == pytest.approx(filament.LITHIUM_CONDUCTIVITY_S_PER_M)
    # 1 µm³ of lithium: 0.534 pg, 0.534e-12/6.94 mol, times Faraday's constant
    assert pytest.approx(7.42e-9, rel=1e-3) == filament.LITHIUM_CHARGE_C_PER_M3 * 1e-18


def test_area_and_resistance_invert_each_other():
    assert spreading.resistance(spreading.asr(50.0, 2e-4), 2e-4) == pytest.approx(50.0)
    assert spreading.contact_area(1e-2, 50.0) == pytest.approx(2e-4)
    with pytest.raises(InputError, match="measured_asr"):
        spreading.touching_share(2.0, 1.0)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_what_is_not_positive_is_refused(bad):
    with pytest.raises(InputError, match="must be > 0; got"):
        mechanics.contact_area(bad, 20e-9, 60e9)
    with pytest.raises(InputError, match="must be > 0; got"):
        filament.diameter(bad, 300e-6)


def test_propagation_of_powers_is_exact():
    """a ~ P^(1/3) r^(1/3) E^(-1/3): relative variances add, each divided by 9."""
    pytest.importorskip("uncertainties")
    values = {name: Measured(value, 0.03 * value) for name, value in PRESS.items()}
    found = propagate(mechanics.contact_radius, **values)
    assert found.error / found.value == pytest.approx(0.03 * math.sqrt(3) / 3, rel=1e-6)


def test_propagation_without_uncertainty_needs_no_library():
    assert propagate(filament.diameter, resistance=116, length=300e-6).error == 0.0


@pytest.mark.parametrize(
    ("text", "value", "error"),
    [("400±20", 400, 20), ("4e2+/-5%", 400, 20), ("-0.12 ± 0.01", -0.12, 0.01), ("1.1e5", 1.1e5, 0)],
)
def test_numbers_with_uncertainty_are_read(text, value, error):
    assert parse_measured(text) == Measured(value, pytest.approx(error))


@pytest.mark.parametrize("text", ["", "abc", "1±", "±1", "1±-2", "nan", "1±inf", "1,5"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError, match="must be a number"):
        parse_measured(text, "force")


def test_measured_prints_two_digits_of_its_error():
    assert str(Measured(547.1, 2.36)) == "547.1 ± 2.4"
    assert str(Measured(0.0, 0.1)) == "0 ± 0.1"
