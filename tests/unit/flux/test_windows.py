"""Sliding windows against a count by hand and against brute force."""

import numpy as np
import pytest

from gbflux.flux.planes import PlaneNodes
from gbflux.flux.windows import hottest_window, window_maximum


def plane(lateral, current, area):
    k = len(current)
    return PlaneNodes(
        np.arange(k),
        np.asarray(lateral, float),
        np.asarray(current, float),
        np.asarray(area, float),
        np.zeros(k, int),
    )


def test_line_window_counts_nodes_within_half_its_length_and_is_clipped_at_the_box():
    # nodes 0 … 4; window 2 around node 0 holds nodes 0 and 1: (5 + 1)/(0.5 + 1) = 4, the largest
    nodes = plane([[0], [1], [2], [3], [4]], [5, 1, 1, 1, 0.5], [0.5, 1, 1, 1, 0.5])
    assert window_maximum(nodes, 2.0) == pytest.approx(4.0)
    assert hottest_window(nodes, 2.0)[1] == 0
    assert window_maximum(nodes, 100.0) == pytest.approx(8.5 / 4)


def test_disc_window_agrees_with_brute_force():
    random = np.random.default_rng(5)
    nodes = plane(random.random((400, 2)) * 10, random.random(400), 0.5 + random.random(400))
    inside = np.linalg.norm(nodes.lateral[:, None] - nodes.lateral, axis=2) <= 1.5
    expected = np.max((inside @ nodes.current) / (inside @ nodes.area))
    assert 0.95 * expected <= window_maximum(nodes, 3.0) <= expected * (1 + 1e-12)


def test_disc_window_tries_every_node_where_nodes_are_sparse():
    x = np.stack(np.meshgrid(np.arange(8.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    nodes = plane(x, np.where((x == [3, 2]).all(axis=1), 7.0, 1.0), np.ones(48))
    # the disc of diameter 2.2 around (3, 2) holds it and its four neighbours: (7 + 4)/5
    density, centre = hottest_window(nodes, 2.2)
    assert density == window_maximum(nodes, 2.2) == pytest.approx(11 / 5)
    assert np.abs(x[centre] - [3, 2]).sum() <= 1  # five discs hold it


def test_uniform_density_gives_itself_in_every_window():
    x = np.random.default_rng(2).random((3000, 2)) * [30, 20]
    area = np.random.default_rng(3).random(3000)
    assert window_maximum(plane(x, 4.0 * area, area), 1.0) == pytest.approx(4.0)
