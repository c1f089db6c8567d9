"""Weighted quantiles against their definition."""

import numpy as np
import pytest

from gbflux.measure.distribution import weighted_quantiles


def test_quantiles_of_a_linear_distribution():
    edges = np.sort(np.concatenate([[0.0, 1.0], np.random.default_rng(0).random(19_999)]))
    order = np.random.default_rng(1).permutation(20_000)
    values, weights = (edges[1:] + edges[:-1])[order], np.diff(edges)[order]
    found = weighted_quantiles(values, weights, [0.5, 0.95, 0.99, 0.999])
    assert found == pytest.approx([1.0, 1.9, 1.98, 1.998], abs=1e-3)


def test_quantile_is_the_smallest_value_that_leaves_no_more_than_its_share_above():
    values, weights = np.array([5.0, 1.0, 3.0]), np.array([0.05, 0.9, 0.05])
    assert weighted_quantiles(values, weights, [0.9, 0.95, 0.951, 1.0]).tolist() == [1.0, 3.0, 5.0, 5.0]


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
            assert weighted_quantiles(values, weights, [share]).tolist() == [least]
