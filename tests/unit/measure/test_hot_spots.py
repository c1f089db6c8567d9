"""Hot-spot measures of planes small enough to work out by hand, and of distributions known in closed form."""

import numpy as np
import pytest

from gbflux.errors import InputError
from gbflux.measure.hot_spots import hot_spots
from gbflux.measure.planes import PlaneFacets, PlaneNodes

MICRO = 1e-6


def line(widths, j, grain, region, current, layers=True):
    """Segments side by side in 2D; where `grain` is −1 layers, or a slab. Currents are per node."""
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    k, grain = len(widths), np.asarray(grain)
    share = np.asarray(widths, float) / 2
    facets = PlaneFacets(
        z=0.0,
        nodes=np.stack([np.arange(k), np.arange(1, k + 1)], axis=1),
        points=np.stack([edges[:-1], edges[1:]], axis=1)[:, :, None],
        area=np.asarray(widths, float),
        cell=np.arange(k),
        j_abs=np.asarray(j, float),
        j_z=np.asarray(j, float),
        grain=grain,
        is_layer=(grain < 0) & layers,
    )
    nodes = PlaneNodes(
        node=np.arange(k + 1),
        lateral=edges[:, None],
        current=np.asarray(current, float) * MICRO,
        area=np.concatenate([share, [0.0]]) + np.concatenate([[0.0], share]),
        region=np.asarray(region),
    )
    return facets, nodes


@pytest.fixture
def two_grains():
    """Grain 0 on 0 … 2 µm at 1 A/m², grain 1 on 2 … 4 µm at 3 A/m²; an end of 0.001 µm between them."""
    return line(
        widths=[1, 1, 0.001, 1, 1],
        j=[1, 1, 2, 3, 3],
        grain=[0, 0, -1, 1, 1],
        region=[0, 0, 0, 1, 1, 1],
        current=[0.5, 1.0, 0.501, 1.501, 3.0, 1.5],  # sums to 8.002 A/m over 4.001 µm: mean 2 A/m²
    )


def test_pointwise_measures(two_grains):
    """Nodal values 1, 1, 1.001, 3, 3, 3 (nearly): even in each grain, with a ramp across the end."""
    spots = hot_spots(*two_grains, 2, 1.0)
    assert spots.max_over_mean == pytest.approx(1.5, rel=1e-3)
    for value in (spots.p95_over_mean, spots.p99_over_mean, spots.p999_over_mean):
        assert value == pytest.approx(1.5, rel=1e-3)
    assert spots.rms_over_mean == pytest.approx(np.sqrt((2 * 1 + 0.001 * 4 + 2 * 9) / 4.001) / 2, rel=1e-3)
    assert spots.area_fraction_above == {"2": 0.0, "3": 0.0, "5": 0.0, "10": 0.0}
    # half the area carries a quarter: a Gini coefficient of 1/2 − 1/4
    assert spots.gini == pytest.approx(0.25, abs=1e-3)


def test_the_field_has_the_mean_of_the_cell(two_grains):
    assert hot_spots(*two_grains, 2, 1.0).mean_over_mean is None
    assert hot_spots(*two_grains, 2, 1.0, 2.0).mean_over_mean == pytest.approx(1.0, rel=1e-12)
    assert hot_spots(*two_grains, 2, 1.0, 1.6).mean_over_mean == pytest.approx(1.25, rel=1e-12)


def test_grain_measures(two_grains):
    spots = hot_spots(*two_grains, 2, 1.0)
    low, high = 2.001 / 2.0005, 6.001 / 2.0005  # A/m over µm of each grain
    assert spots.grain_max_over_mean == pytest.approx(high / 2)
    assert spots.grain_max_over_median == pytest.approx(high / ((low + high) / 2))
    assert spots.grain_max_over_min == pytest.approx(high / low)
    assert spots.grain_max_over_mean_area_cut == pytest.approx(high / 2)


def test_area_cut_leaves_small_grains_out(two_grains):
    assert hot_spots(*two_grains, 2, 20.1).grain_max_over_mean_area_cut is None  # 0.1 d = 2.01 µm > 2.0005 µm
    assert hot_spots(*two_grains, 2, 19.9).grain_max_over_mean_area_cut is not None


def test_length_of_facets_leaves_ends_of_layers_out(two_grains):
    assert hot_spots(*two_grains, 2, 1.0).smallest_facet_um == pytest.approx(1.0)


def test_windows_smaller_than_two_facets_are_none(two_grains):
    windows = hot_spots(*two_grains, 2, 1.0).window_max_over_mean
    assert windows["200_nm"] is None
    assert windows["1_um"] is None
    # the 1.5 µm at the end, 4.001 µm, lie in the second grain: 3 A/m², mean 2
    assert windows["3_um"] == pytest.approx(1.5, rel=1e-3)


def test_a_plane_without_grains_has_no_grain_measures():
    spots = hot_spots(*line([1, 1], [1, 1], [-1, -1], [5, 5, 5], [0.5, 1, 0.5], layers=False), 5, 1.0)
    assert spots.grain_max_over_mean is None
    assert spots.grain_max_over_mean_area_cut is None


def test_a_grain_without_net_current_makes_the_ratio_to_the_smallest_none():
    facets, nodes = line([1, 1], [0, 2], [0, 1], [0, 0, 1], [-0.1, 0.1, 2.0])
    spots = hot_spots(facets, nodes, 2, 1.0)
    assert spots.grain_max_over_min is None
    assert spots.grain_max_over_mean > 0


def test_no_current_is_refused():
    with pytest.raises(InputError, match="must not be zero"):
        hot_spots(*line([1, 1], [0, 0], [0, 0], [0, 0, 0], [0, 0, 0]), 1, 1.0)


def test_a_linear_distribution():
    n = 10_000
    x = (np.arange(n) + 0.5) / n
    current = np.concatenate([[0.5 * 0], 2 * np.arange(1, n) / n, [0.5 * 2]]) / n * 10
    spots = hot_spots(
        *line(np.full(n, 10 / n), 2 * x, np.zeros(n, int), np.zeros(n + 1, int), current), 1, 10.0
    )
    assert spots.gini == pytest.approx(1 / 3, abs=1e-4)
    assert spots.p99_over_mean == pytest.approx(1.98, abs=1e-3)
    assert spots.rms_over_mean == pytest.approx(np.sqrt(4 / 3), abs=1e-3)
    assert spots.area_fraction_above["2"] == pytest.approx(0.0, abs=1e-3)
    # a window of 1 µm at the end, clipped to 0.5 µm of 10, averages 2(1 − 0.025)
    assert spots.window_max_over_mean["1_um"] == pytest.approx(1.95, abs=2e-3)
