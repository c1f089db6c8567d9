"""Sliding windows against integrals by hand and against brute force."""

import numpy as np
import pytest
from scipy.spatial import Delaunay

from gbflux.measure.parts import hottest_window
from gbflux.measure.planes import PlaneFacets, PlaneNodes


def plane(lateral, facets, density):
    """A plane of facets with given current densities (A/m²) at its nodes (µm)."""
    lateral, facets = np.asarray(lateral, float), np.asarray(facets)
    points, d = lateral[facets], facets.shape[1]
    sides = points[:, 1:] - points[:, :1]
    area = np.abs(sides[:, 0, 0]) if d == 2 else np.abs(np.linalg.det(sides)) / 2
    k = len(facets)
    zero, none = np.zeros(k), np.zeros(k, bool)
    share = np.bincount(facets.ravel(), np.repeat(area / d, d), len(lateral))
    current = np.asarray(density, float) * share * 1e-6 ** (d - 1)
    region = np.zeros(len(lateral), int)
    return (
        PlaneFacets(0.0, facets, points, area, np.arange(k), zero, zero, np.zeros(k, int), none),
        PlaneNodes(np.arange(len(lateral)), lateral, current, share, region),
    )


def line(x, density):
    """Segments between places on a line."""
    return plane(
        np.asarray(x, float)[:, None], np.stack([np.arange(len(x) - 1), np.arange(1, len(x))], 1), density
    )


def test_a_window_on_a_line_is_an_integral_and_is_clipped_at_the_box():
    found = hottest_window(*line([0, 1, 2, 3, 4], [8, 2, 2, 2, 2]), 2.0)
    assert found.mean == pytest.approx((8 + 2) / 2)  # 0 … 1 of −1 … 1
    assert found.node == 0
    assert hottest_window(*line([0, 1, 2, 3, 4], [8, 2, 2, 2, 2]), 100.0).mean == pytest.approx(11 / 4)


def test_a_window_ends_within_facets():
    # a tent of height 4 on −2 … 2; the middle 3 µm hold ∫ = 2 (4·1.5 − 1.5²)
    found = hottest_window(*line([-4, -3, -2, -1, 0, 1, 2, 3, 4], [0, 0, 0, 2, 4, 2, 0, 0, 0]), 3.0)
    assert found.mean == pytest.approx(2 * (4 * 1.5 - 1.5**2) / 3)
    assert found.node == 4


def grid(count, density):
    """Triangles on a random cloud in a square of 10 µm, its corners included."""
    inner = np.random.default_rng(5).random((count, 2)) * 10
    rim = np.stack(np.meshgrid(np.linspace(0, 10, 11), [0.0, 10.0]), axis=-1).reshape(-1, 2)
    lateral = np.vstack([inner, rim, rim[(rim[:, 0] > 0) & (rim[:, 0] < 10)][:, ::-1]])
    return plane(lateral, Delaunay(lateral).simplices, density(lateral))


def test_a_disc_agrees_with_the_integral_of_a_smooth_field():
    """exp(−r²/2) about a place has the mean (2/R²)(1 − exp(−R²/2)) in a disc of radius R around it."""
    centre = np.array([4.0, 6.0])
    cloud = grid(6000, lambda x: np.exp(-np.sum((x - centre) ** 2, axis=1) / 2))
    found = hottest_window(*cloud, 3.0)
    radius = 1.5
    assert found.mean == pytest.approx(2 / radius**2 * (1 - np.exp(-(radius**2) / 2)), rel=0.015)
    assert cloud[1].lateral[found.node] == pytest.approx(centre, abs=0.3)


def test_a_disc_in_a_corner_counts_what_lies_in_the_box():
    cloud = grid(3000, lambda x: np.maximum(0.0, 1.0 - x.sum(axis=1)))
    found = hottest_window(*cloud, 3.0)
    # ∫ (1 − x − y) over its triangle is 1/6, the quarter disc has the area π 1.5²/4
    assert found.mean == pytest.approx(1 / 6 / (np.pi * 1.5**2 / 4), rel=0.1)
    assert cloud[1].lateral[found.node] == pytest.approx([0, 0], abs=0.5)


def test_a_uniform_density_is_itself_in_every_window():
    for size in (1.0, 3.0, 30.0):
        assert hottest_window(*grid(3000, lambda x: np.full(len(x), 4.0)), size).mean == pytest.approx(4.0)


def test_a_window_smaller_than_two_facets_is_none():
    steps = line(np.arange(6.0), np.ones(6))
    assert hottest_window(*steps, 1.8).mean is None
    assert hottest_window(*steps, 1.95).mean == pytest.approx(1.0)  # within 5 %
