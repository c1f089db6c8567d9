"""Statistics over realizations, against numbers worked out by hand and against draws of a known law."""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.study import spread


def test_mean_spread_and_percentiles_by_hand():
    found = spread([1.0, 2.0, 3.0, 4.0, 10.0])
    assert found.n == 5
    assert found.mean == pytest.approx(4.0)
    assert found.std == pytest.approx(np.sqrt((9 + 4 + 1 + 0 + 36) / 4))
    assert (found.p10, found.p90) == pytest.approx((1.4, 7.6))
    # (1.96 · 3.5355/(0.05 · 4))² = 1200.4
    assert found.realizations_for_5_percent == 1201


@pytest.mark.parametrize(("n", "given"), [(0, ()), (1, ("mean",)), (2, ("mean", "std"))])
def test_few_realizations_have_no_interval(n, given):
    found = spread([5.0, 6.0][:n])
    assert [
        name for name in ("mean", "std", "ci95_low", "ci95_high") if getattr(found, name) is not None
    ] == [*given]
    assert found.realizations_for_5_percent is None


def test_equal_numbers_have_an_interval_without_width():
    found = spread([2.5] * 4)
    assert (found.ci95_low, found.ci95_high, found.std) == (2.5, 2.5, 0.0)
    assert found.realizations_for_5_percent == 1
    assert spread([0.0] * 4).realizations_for_5_percent is None


def test_the_interval_is_the_same_at_every_call():
    values = np.random.default_rng(3).normal(size=8)
    assert spread(values) == spread(values)


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says():
    """400 samples of 20 normal draws: BCa with 20 draws covers a little less than 95 %."""
    draws = np.random.default_rng(7).normal(10.0, 2.0, (400, 20))
    held = sum(s.ci95_low <= 10.0 <= s.ci95_high for s in map(spread, draws))
    assert 0.88 <= held / 400 <= 0.97


def test_so_many_realizations_do_give_five_percent():
    """With as many draws as asked for, the interval of the mean is ± 5 % wide."""
    rng = np.random.default_rng(11)
    n = spread(rng.normal(10.0, 3.0, 4000)).realizations_for_5_percent
    assert n == pytest.approx((1.96 * 3.0 / 0.5) ** 2, rel=0.1)
    widths = [(s.ci95_high - s.ci95_low) / 2 / s.mean for s in map(spread, rng.normal(10.0, 3.0, (50, n)))]
    assert np.mean(widths) == pytest.approx(0.05, rel=0.1)
