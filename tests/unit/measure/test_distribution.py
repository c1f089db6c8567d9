"""The distribution of fields linear on facets: closed forms, samples, and what can never be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gbflux.measure.distribution import equal_parts, gini, mean, quantiles, root_mean_square, share_above

ONE = np.ones(1)
SHARES = (0.05, 0.5, 0.95, 0.99, 0.999)


def ramp(pieces):
    """J from 0 to 2 along a line, in pieces of random length."""
    edges = np.sort(np.concatenate([[0.0, 1.0], np.random.default_rng(0).random(pieces - 1)]))
    return 2.0 * np.stack([edges[:-1], edges[1:]], axis=1), np.diff(edges)


@pytest.mark.parametrize("pieces", [1, 7, 500])
def test_a_ramp_has_its_distribution_however_it_is_cut(pieces):
    field = ramp(pieces)
    assert mean(*field) == pytest.approx(1.0, rel=1e-12)
    assert root_mean_square(*field) == pytest.approx(np.sqrt(4 / 3), rel=1e-12)
    assert quantiles(*field, SHARES) == pytest.approx(2 * np.array(SHARES), rel=1e-9)
    assert share_above(*field, [0.5, 1.5, 3.0, -1.0]) == pytest.approx([0.75, 0.25, 0.0, 1.0], abs=1e-12)
    assert gini(*field) == pytest.approx(1 / 3, abs=1e-6)


def test_a_triangle_with_one_hot_corner():
    """λ of a corner exceeds t on (1 − t)² of the triangle."""
    field = np.array([[0.0, 1.0, 0.0]]), ONE
    assert share_above(*field, [0.5, 0.9]) == pytest.approx([0.25, 0.01], rel=1e-12)
    assert quantiles(*field, [0.99]) == pytest.approx([0.9], rel=1e-9)
    assert root_mean_square(*field) == pytest.approx(np.sqrt(1 / 6), rel=1e-12)
    assert gini(*field) == pytest.approx(0.4, abs=1e-5)  # ∫ (1 − t)² (1 − (1 − t)²) dt over 1/3


def test_triangles_of_all_shapes_agree_with_samples():
    random = np.random.default_rng(3)
    corners = np.exp(random.normal(size=(300, 3)))
    corners[:60] = corners[:60, :1]  # constant ones, and ones with two equal corners
    corners[60:120, 1] = corners[60:120, 2]
    area = random.random(300)
    facet = random.choice(300, p=area / area.sum(), size=400_000)
    sample = np.sum(corners[facet] * random.dirichlet(np.ones(3), size=len(facet)), axis=1)
    above = share_above(corners, area, [1, 2, 4])
    assert above == pytest.approx([(sample > t).mean() for t in (1, 2, 4)], abs=4e-3)
    assert quantiles(corners, area, SHARES) == pytest.approx(np.quantile(sample, SHARES), rel=2e-2)
    assert root_mean_square(corners, area) == pytest.approx(np.sqrt(np.mean(sample**2)), rel=5e-3)
    sample.sort()
    rank = np.arange(1, len(sample) + 1)
    by_rank = 2 * np.sum(rank * sample) / (len(sample) * sample.sum()) - 1
    assert gini(corners, area) == pytest.approx(by_rank, abs=3e-3)


def test_a_uniform_field_is_uniform_and_a_single_carrier_has_it_all():
    even = np.full((5, 3), 2.0), np.arange(1.0, 6.0)
    assert quantiles(*even, SHARES) == pytest.approx(2.0)
    assert gini(*even) == pytest.approx(0.0, abs=1e-12)
    assert share_above(*even, [2.0, 1.999]).tolist() == [0.0, 1.0]
    assert gini(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0.99, 0.01])) == pytest.approx(0.99)


def test_equal_parts_are_equal_and_cover_the_facet():
    for cuts in (1, 2, 5):
        assert equal_parts(3, cuts).shape == (cuts**2, 3)
        assert equal_parts(3, cuts).mean(axis=0) == pytest.approx([1 / 3] * 3)
        assert equal_parts(3, cuts).sum(axis=1) == pytest.approx(1.0)


@st.composite
def fields(draw):
    d, count = draw(st.sampled_from([2, 3])), draw(st.integers(1, 12))
    values = st.floats(-0.2, 50.0).map(lambda v: round(v, 6))
    corners = draw(arrays(np.float64, (count, d), elements=values))
    area = draw(arrays(np.float64, count, elements=st.floats(1e-6, 10.0)))
    return corners - min(0.0, corners.min()) + 1e-3, area


@settings(deadline=None)
@given(fields())
def test_impossible_values_are_impossible(field):
    centre = mean(*field)
    assert root_mean_square(*field) >= centre * (1 - 1e-12)
    assert 0.0 <= gini(*field) <= 1.0
    found = quantiles(*field, SHARES)
    assert (np.diff(found) >= -1e-9 * centre).all()
    assert field[0].min() <= found[0]
    assert found[-1] <= field[0].max() * (1 + 1e-12)
    above = share_above(*field, centre * np.array([0.5, 1, 2, 3, 5, 10]))
    assert ((above >= 0) & (above <= 1)).all()
    assert (np.diff(above) <= 1e-12).all()
    assert (share_above(*field, found) <= 1 - np.array(SHARES) + 1e-6).all()
