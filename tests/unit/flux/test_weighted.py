"""Weighted statistics against distributions whose measures are known in closed form."""

import numpy as np
import pytest

from gbflux.flux.weighted import complementary_distribution, gini, quantiles, root_mean_square, share_above


@pytest.fixture
def linear():
    """J from 0 to 2 across a plane, in 20,000 facets of random width: mean 1."""
    edges = np.sort(np.concatenate([[0.0, 1.0], np.random.default_rng(0).random(19_999)]))
    order = np.random.default_rng(1).permutation(20_000)
    return (edges[1:] + edges[:-1])[order], np.diff(edges)[order]


def test_gini_of_a_linear_distribution_is_a_third(linear):
    assert gini(*linear) == pytest.approx(1 / 3, abs=1e-7)


def test_gini_of_equal_values_is_zero_and_of_a_single_carrier_nearly_one():
    assert gini(np.full(5, 2.0), np.arange(1.0, 6.0)) == pytest.approx(0.0, abs=1e-15)
    assert gini(np.array([0.0, 1.0]), np.array([0.99, 0.01])) == pytest.approx(0.99)


def test_quantiles_of_a_linear_distribution(linear):
    assert quantiles(*linear, [0.5, 0.95, 0.99, 0.999]) == pytest.approx([1.0, 1.9, 1.98, 1.998], abs=1e-3)


def test_quantile_is_the_smallest_value_that_leaves_no_more_than_its_share_above():
    values, weights = np.array([5.0, 1.0, 3.0]), np.array([0.05, 0.9, 0.05])
    assert quantiles(values, weights, [0.9, 0.95, 0.951, 1.0]).tolist() == [1.0, 3.0, 5.0, 5.0]


def test_rms_of_a_linear_distribution(linear):
    assert root_mean_square(*linear) == pytest.approx(np.sqrt(4 / 3), abs=1e-7)


def test_share_above_is_strict():
    assert share_above(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0]), 2.0) == 0.5


def test_complementary_distribution_falls_from_one_to_the_share_of_the_largest():
    values, share = complementary_distribution(np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0]))
    assert values.tolist() == [1.0, 2.0, 3.0]
    assert share.tolist() == [1.0, 0.5, 0.25]


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])
def test_quantiles_are_those_of_all_values_in_order(share):
    """Few heavy values, many light ones, and ties, by the definition itself."""
    random = np.random.default_rng(7)
    for count in (1, 3, 40, 1000):
        values = random.integers(0, 30, count).astype(float)
        for weights in (random.random(count), random.random(count) ** 20, (values == values.max()) + 1e-6):
            least = min(
                v for v in values if weights[values <= v].sum() >= share * weights.sum() * (1 - 1e-12)
            )
            assert quantiles(values, weights, [share]).tolist() == [least]
