"""Many curves: Kaplan–Meier, the change with distance, and covering a grain boundary."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gbflux.errors import InputError
from gbflux.lab.iv.many import find_rise, survival
from gbflux.lab.stats.covering import PLANAR_VORONOI, coverage_of_lines, inner_edges, simulated_coverage


def biases(rng: np.random.Generator, n: int = 40):
    """Curves of the paper: 0.12 V within 100 nm of the boundary, about 9.5 V beyond, the limit 10 V."""
    distance = np.sort(10 ** rng.uniform(0.7, 3.0, n))
    near = distance < 100
    bias = np.where(near, 0.12 * np.exp(0.25 * rng.normal(size=n)), 9.5 * np.exp(0.15 * rng.normal(size=n)))
    return distance, np.minimum(bias, 10.0), bias < 10


def test_without_censoring_the_share_is_the_empirical_one():
    found = survival([3.0, 1.0, 2.0, 4.0], [True] * 4)
    np.testing.assert_allclose(found.share, [0.75, 0.5, 0.25, 0])
    assert found.median == 2.0


def test_censored_curves_move_the_median_up():
    bias, triggered = [1.0, 2.0, 10, 10, 10], [True, True, False, False, False]
    assert survival(bias, triggered).median is None
    assert survival(bias, [True] * 5).median == 10
    assert survival([1.0, 2.0, 10], [True, True, False]).median == 2.0


def test_signs_do_not_matter_and_nothing_is_refused():
    assert survival([-1.0, -2.0], [True, True]).median == survival([1.0, 2.0], [True, True]).median
    with pytest.raises(InputError, match="at least one"):
        survival([], [])


def test_interval_of_the_median_covers():
    """Exponential biases, a third censored: the median is ln 2."""
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        bias, limit = rng.exponential(size=60), rng.exponential(2.0, size=60)
        low, high = survival(np.minimum(bias, limit), bias <= limit).median_interval
        hits += low <= math.log(2) <= (high or math.inf)
    assert 88 <= hits <= 100


def test_the_rise_is_found_with_its_distance():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rise = find_rise(*biases(rng), rng)
        assert rise.interval[0] <= 100 <= rise.interval[1]
        assert rise.distance == pytest.approx(100, rel=0.4)
        assert rise.p_value < 0.02
        assert rise.near.median == pytest.approx(0.12, rel=0.4)


def test_no_rise_has_no_small_p():
    values = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        bias = 5 * np.exp(0.8 * rng.normal(size=30))
        values.append(find_rise(np.arange(30.0), np.minimum(bias, 10), bias < 10, rng, 60).p_value)
    assert np.median(values) > 0.1


def test_too_few_or_untriggered_curves_have_no_rise():
    rng = np.random.default_rng(1)
    assert find_rise([1, 2, 3], [1, 2, 3], [True] * 3, rng) is None
    assert find_rise(range(8), [10.0] * 8, [False] * 8, rng) is None
    assert find_rise([5.0] * 8, range(1, 9), [True] * 8, rng) is None


def test_small_electrodes_cover_as_lines_do():
    for shape in ("disc", "square"):
        found = simulated_coverage(1.0, 10.0, shape=shape, positions=4000, grains=200)
        assert found.probability == pytest.approx(coverage_of_lines(1.0, 10.0, shape), abs=5 * found.error)


def test_voronoi_edges_have_the_length_density_taken():
    from gbflux.grains import Arrangement, tessellate

    edges = inner_edges(tessellate(Arrangement((400.0, 400.0), 10.0, boundary="cut", relaxation_steps=0)))
    length = np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1).sum()
    assert length / 400**2 * 10 == pytest.approx(PLANAR_VORONOI, rel=0.05)


def test_coverage_has_its_limits():
    assert coverage_of_lines(1e-6, 10) == pytest.approx(PLANAR_VORONOI * 1e-7, rel=1e-6)
    assert coverage_of_lines(1e4, 10) == 1.0
    assert simulated_coverage(30.0, 10.0, positions=300).probability == 1.0
    with pytest.raises(InputError, match="more grains"):
        simulated_coverage(1e4, 10.0)
