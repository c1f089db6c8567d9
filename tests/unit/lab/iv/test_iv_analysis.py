"""I–V curves one by one: sweeps, noise, compliance, trigger, back scan, flags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gbflux.errors import InputError
from gbflux.lab.contact.filament import diameter
from gbflux.lab.demo import iv as demo_iv
from gbflux.lab.demo.iv import SweepTruth, simulate
from gbflux.lab.iv import trigger
from gbflux.lab.iv.analyse import analyse_iv, find_compliance, fit_ohmic
from gbflux.lab.iv.sweeps import curves_of
from gbflux.lab.readers.tables import Column, Table
from gbflux.lab.stats.uncertainty import Measured, propagate


def table(v, i, *more: Column, breaks=()) -> Table:
    columns = (Column("V", "V", np.asarray(v, float), "V", "voltage"),)
    columns += (Column("I", "A", np.asarray(i, float), "I", "current"), *more)
    return Table(columns, (), "made-up", (), breaks)


def analysed(truth: SweepTruth, seed: int = 1, **options):
    return analyse_iv(table(*simulate(truth, np.random.default_rng(seed))), **options).curves[0]


def test_diameter_carries_the_errors_of_length_and_conductivity():
    pytest.importorskip("uncertainties")
    length, sigma = Measured(300e-6, 15e-6), Measured(1.1e7, 0.06e7)
    found = analysed(demo_iv.GRAIN_BOUNDARY, thickness=length, sigma=sigma)
    resistance = Measured(found.ohmic.resistance, found.ohmic.resistance_error)
    expected = propagate(diameter, resistance=resistance, length=length, sigma=sigma)
    assert found.diameter_error == pytest.approx(expected.error, rel=1e-3)
    assert found.diameter_error > 0.03 * found.diameter  # √(5² + 5.5²)/2 %
    with pytest.raises(InputError, match="thickness must be > 0"):
        analysed(demo_iv.GRAIN_BOUNDARY, thickness=-1.0)


def test_an_inverting_amplifier_is_noticed():
    v, i = simulate(demo_iv.GRAIN_BOUNDARY, np.random.default_rng(1))
    plain, inverted = analyse_iv(table(v, i)), analyse_iv(table(v, -i))
    assert inverted.curves[0].as_dict() == plain.curves[0].as_dict()
    assert any("sign is reversed" in note for note in inverted.notes)
    for truth in (demo_iv.PURE_NOISE, demo_iv.NOT_TRIGGERED):
        for seed in range(5):
            v, i = simulate(replace(truth, offset=5e-11), np.random.default_rng(seed))
            assert not any("reversed" in note for note in analyse_iv(table(v, i)).notes)


def test_the_papers_grain_boundary():
    found = analysed(demo_iv.GRAIN_BOUNDARY, thickness=300e-6)
    assert found.trigger.bias == pytest.approx(-0.12, abs=0.002)
    assert found.ohmic.resistance == pytest.approx(116, abs=3 * found.ohmic.resistance_error)
    assert found.diameter == pytest.approx(547e-9, rel=2e-3)
    assert found.compliance.current == pytest.approx(1e-3, rel=1e-6)
    assert any("triggering bias / compliance" in flag for flag in found.flags)


def test_the_papers_interior_and_its_limit():
    assert analysed(demo_iv.INTERIOR).trigger.bias == pytest.approx(-9, abs=0.04)
    found = analysed(demo_iv.NOT_TRIGGERED)
    assert found.trigger.outcome == trigger.NOT_TRIGGERED
    assert found.trigger.censored
    assert found.trigger.limit == pytest.approx(-10)


def test_nothing_comes_from_pure_noise():
    for seed in range(20):
        found = analysed(demo_iv.PURE_NOISE, seed)
        assert found.trigger.outcome == trigger.NOT_TRIGGERED
        assert (found.trigger.bias, found.ohmic, found.compliance, found.diameter) == (None,) * 4


def test_another_limit_takes_the_flag_away():
    assert analysed(replace(demo_iv.GRAIN_BOUNDARY, compliance=5e-4)).flags == ()


def test_a_grown_dendrite_conducts_from_the_start():
    v, i = demo_iv.conducting(demo_iv.DENDRITE, np.random.default_rng(1))
    result = analyse_iv(table(v, i), thickness=1.2e-3)
    assert [c.trigger.outcome for c in result.curves] == [trigger.FROM_START] * 2
    assert [c.curve.polarity for c in result.curves] == [1, -1]
    for found in result.curves:
        assert found.ohmic.resistance == pytest.approx(440, rel=2e-3)
        assert found.diameter == pytest.approx(562e-9, rel=2e-3)


@pytest.mark.parametrize("reset", [0.08, 0.2, 0.5])
def test_a_filament_that_is_reset_is_no_untriggered_curve(reset):
    v = np.linspace(0, 1, 101)
    i = np.where(v < reset, v / 116, 0) + 1e-10 * np.random.default_rng(1).normal(size=101)
    found = analyse_iv(table(v, i)).curves[0]
    assert found.trigger.outcome == trigger.FROM_START
    assert not found.trigger.censored


def test_leakage_of_the_electrolyte_is_no_filament():
    """6 nA at 10 V, as a tip's contact would let spread: a line far above the noise, and not triggered."""
    v = -np.linspace(0, 10, 501)
    i = v * 6e-10 + 1e-11 * np.random.default_rng(1).normal(size=501)
    found = analyse_iv(table(v, i)).curves[0]
    assert found.trigger.outcome == trigger.NOT_TRIGGERED
    assert found.trigger.noise.leakage == pytest.approx(6e-10, rel=0.01)
    i[450:] = -1e-3
    assert analyse_iv(table(v, i)).curves[0].trigger.bias == pytest.approx(-8.99, abs=0.02)


def test_smooth_growth_is_no_surge():
    v = -np.linspace(0, 10, 1001)
    i = -1e-12 * np.expm1(-v / 1.0) + 1e-11 * np.random.default_rng(1).normal(size=len(v))
    found = analyse_iv(table(v, i)).curves[0]
    assert found.trigger.outcome == trigger.GRADUAL
    assert found.trigger.censored


def test_a_surge_after_smooth_growth_is_found():
    v = -np.linspace(0, 10, 1001)
    i = -1e-12 * np.expm1(-v / 1.5) + 1e-11 * np.random.default_rng(1).normal(size=len(v))
    i[800:] = -1e-3
    assert analyse_iv(table(v, i)).curves[0].trigger.bias == pytest.approx(-8, abs=0.02)


def test_spikes_do_not_trigger():
    rng = np.random.default_rng(1)
    v = -np.linspace(0, 10, 501)
    i = 1e-11 * rng.normal(size=501)
    i[[100, 101, 300, 499, 500]] = -1e-7
    assert analyse_iv(table(v, i)).curves[0].trigger.outcome == trigger.NOT_TRIGGERED


def test_few_and_equal_points_say_so():
    short = analyse_iv(table([0, -1, -2, -3, -2, -1, 0], [0, 1e-11, -1e-3, -1e-3, -1e-3, -5e-4, 0])).curves[0]
    assert short.trigger.outcome == trigger.TOO_FEW
    flat = analyse_iv(table(np.linspace(0, -1, 50), np.zeros(50))).curves[0]
    assert flat.trigger.outcome == trigger.NO_SIGNAL
    assert not flat.trigger.censored


def test_a_branch_back_alone_has_a_resistance_and_no_bias():
    v = np.linspace(-0.5, 0, 101)
    found = analyse_iv(table(v, np.clip(v / 1000, -4e-4, 0))).curves[0]
    assert found.trigger.outcome == trigger.NO_BRANCH
    assert found.ohmic.resistance == pytest.approx(1000)


def test_a_filament_that_dissolves_on_the_way_back_is_fitted_while_it_lasts():
    v, i = simulate(replace(demo_iv.GRAIN_BOUNDARY, missing_share=0), np.random.default_rng(1))
    gone = (np.arange(len(v)) > 500) & (np.abs(v) < 0.06)
    i[gone] = 1e-11 * np.random.default_rng(2).normal(size=int(gone.sum()))
    found = analyse_iv(table(v, i)).curves[0]
    assert found.ohmic.resistance == pytest.approx(116, rel=5e-3)
    assert abs(found.ohmic.interval[0]) >= 0.058


def test_a_bent_back_scan_is_called_not_ohmic():
    v = np.linspace(-1, 0, 200)
    i = v * (1 + 0.2 * np.abs(v)) / 1000 + 1e-7 * np.random.default_rng(1).normal(size=200)
    fit = fit_ohmic(v, i, 1e-11)
    assert fit.curvature_p < 1e-6
    assert not fit.ohmic


def test_a_line_back_within_noise_has_no_resistance():
    v = np.linspace(-1, 0, 200)
    assert fit_ohmic(v, 1e-11 * np.random.default_rng(1).normal(size=200), 1e-11) is None


def test_compliance_is_a_plateau_and_no_ohmic_line():
    v = np.linspace(0, 1, 101)
    assert find_compliance(v, v / 1000)[0] is None
    found, at = find_compliance(v, np.minimum(v / 1000, 6e-4))
    assert found.current == pytest.approx(6e-4)
    assert at.sum() == pytest.approx(41, abs=1)
    assert find_compliance(v, v / 1000, limit=1e-3)[0].given


def test_sweeps_of_a_cycle_through_both_polarities():
    leg = np.linspace(0, 1, 51)
    v = np.concatenate([leg, leg[-2::-1], -leg[1:], -leg[-2::-1], leg[1:], leg[-2::-1]])
    curves, _ = curves_of(table(v, np.arange(len(v))))
    assert [c.polarity for c in curves] == [1, -1, 1]
    assert curves[0].turn == 51
    assert sum(len(c.voltage) for c in curves) == len(v)
    np.testing.assert_array_equal(np.concatenate([c.current for c in curves]), np.arange(len(v)))


def test_noise_of_a_measured_voltage_makes_no_sweeps():
    rng = np.random.default_rng(1)
    leg = np.linspace(0, 1, 201)
    v = -np.concatenate([leg, leg[::-1]]) + 1e-3 * rng.normal(size=402)
    curves, _ = curves_of(table(v, np.zeros(402)))
    assert len(curves) == 1
    assert curves[0].turn == pytest.approx(201, abs=4)


def test_holds_and_duplicates_belong_to_one_sweep():
    v = np.repeat(np.concatenate([np.linspace(0, -1, 21), np.linspace(-0.95, 0, 20)]), 4)
    curves, _ = curves_of(table(v, np.zeros(len(v))))
    assert [(len(c.voltage), c.turn) for c in curves] == [(164, 84)]


def test_breaks_and_sweep_numbers_part_sweeps():
    leg = np.linspace(0, -1, 20)
    v = np.tile(leg, 3)
    assert len(curves_of(table(v, v, breaks=(20, 40)))[0]) == 3
    number = Column("sweep", "1", np.repeat([1.0, 2, 3], 20), "sweep", "sweep")
    assert len(curves_of(table(v, v, number))[0]) == 3


def test_rows_out_of_order_are_sorted_by_time_or_refused():
    v, i = simulate(replace(demo_iv.GRAIN_BOUNDARY, missing_share=0), np.random.default_rng(1))
    shuffled = np.random.default_rng(2).permutation(len(v))
    time = Column("t", "s", shuffled.astype(float), "t (s)", "time")
    result = analyse_iv(table(v[shuffled], i[shuffled], time))
    assert result.curves[0].trigger.bias == pytest.approx(-0.12, abs=0.002)
    assert any("order of time" in note for note in result.notes)
    with pytest.raises(InputError, match="order of a sweep"):
        analyse_iv(table(v[shuffled], i[shuffled]))


def test_a_clock_that_begins_anew_with_each_sweep_leaves_the_rows_in_their_order():
    v, i = simulate(replace(demo_iv.GRAIN_BOUNDARY, missing_share=0), np.random.default_rng(1))
    time = Column("t", "s", np.tile(np.arange(float(len(v))), 3), "t (s)", "time")
    result = analyse_iv(table(np.tile(v, 3), np.tile(i, 3), time))
    assert [found.trigger.bias for found in result.curves] == pytest.approx([-0.12] * 3, abs=0.002)
    assert not any("order of time" in note for note in result.notes)


def test_wrong_polarity_says_what_there_is():
    v, i = simulate(demo_iv.GRAIN_BOUNDARY, np.random.default_rng(1))
    with pytest.raises(InputError, match="all 1 found are negative"):
        analyse_iv(table(v, i), polarity=1)
    assert analyse_iv(table(-v, -i), polarity=1).curves[0].trigger.bias == pytest.approx(0.12, abs=0.002)


@pytest.mark.parametrize("option", ["compliance", "thickness", "sigma"])
def test_options_must_be_positive(option):
    v, i = simulate(demo_iv.GRAIN_BOUNDARY, np.random.default_rng(1))
    with pytest.raises(InputError, match=f"{option} must be > 0"):
        analyse_iv(table(v, i), **{option: -1.0})


def test_columns_that_are_no_curve_are_listed():
    column = Column("x", "m", np.arange(9.0), "x (m)", "position")
    with pytest.raises(InputError, match=r"found no voltage among 'x \(m\)'"):
        analyse_iv(Table((column,), (), "made-up", ()))


def test_same_seed_same_numbers():
    assert analysed(demo_iv.INTERIOR).as_dict() == analysed(demo_iv.INTERIOR).as_dict()


@pytest.mark.parametrize(("constant", "share"), [(1e-6, 0.0), (0.0, 2e-3), (1e-6, 2e-3), (1e-7, 1e-2)])
def test_errors_of_the_line_hold_for_any_mixture_of_noise(constant, share):
    """The floor handed over, 10 pA, is that of another range of the instrument."""
    good = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        v = np.linspace(-0.12, 0, 60)
        i = v / 116 * (1 + share * rng.normal(size=60)) + constant * rng.normal(size=60)
        fit = fit_ohmic(v, i, 1e-11)
        good.append(abs(fit.resistance - 116) <= 3 * fit.resistance_error)
        good.append(abs(fit.intercept) <= 3 * fit.intercept_error)
    assert np.mean(good) >= 0.98
