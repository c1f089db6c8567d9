"""Whole measurements of solved bricks: exact where layers are in series or parallel, and the tree of keys."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gbflux.conduction.balance import worst_grain_imbalance
from gbflux.measure import HLProfile, HotSpots, Transport, measure
from gbflux.measure.cells import cell_geometry, grain_mean_j
from gbflux.measure.metrics import as_tree, metric_fields
from gbflux.measure.planes import cells_touching
from gbflux.mesh import CellKind
from gbflux.mesh.cut import cut_slabs, nested
from gbflux.mesh.simplices import signed_volumes
from gbflux.units import SIDES

from .synthetic import DELTA_UM, brick_mesh, sigma_of, solved, uneven_sigma

GRAIN, GB, HL = 0.05, 2.5e-5, 0.01  # S/m, as in `sigma_of`
FAMILY = set(metric_fields(HotSpots))
TRANSPORT = {name for name, found in metric_fields(Transport).items() if found.dimension is None}


def measured(grains, hl_um=(0.0, 0.0), sigma=sigma_of, potentials=(0.0, 0.1)):
    mesh = brick_mesh(grains, hl_um=hl_um)
    fields = solved(mesh, sigma(mesh), potentials)
    return mesh, fields, measure(mesh, fields, mean_grain_size_um=4.0, potentials=potentials)


@pytest.mark.parametrize("grains", [(1, 2), (1, 1, 2)])
def test_grains_in_series_reach_the_lower_wiener_bound(grains):
    _, _, found = measured(grains)
    t = found.transport
    expected = 8.0 / ((8.0 - DELTA_UM) / GRAIN + DELTA_UM / GB)
    assert t.sigma_eff_S_per_cm == pytest.approx(expected / 100, rel=1e-9)
    assert t.wiener_lower_S_per_cm == pytest.approx(expected / 100, rel=1e-12)
    asr = 8e-6 / expected
    assert t.asr_ohm_cm2 == pytest.approx(1e4 * asr, rel=1e-9)
    assert t.mean_current_density_mA_per_cm2 == pytest.approx(0.1 * 0.1 / asr, rel=1e-9)
    assert t.current == pytest.approx(0.1 / asr * 4e-6 ** (len(grains) - 1), rel=1e-9)
    brick = GRAIN / (1 + DELTA_UM / 4.0 * GRAIN / GB)
    assert t.brick_layer_S_per_cm == pytest.approx(brick / 100, rel=1e-9)


def test_grains_in_parallel_reach_the_upper_wiener_bound():
    _, _, found = measured((3, 1))
    t = found.transport
    assert t.sigma_eff_S_per_cm == pytest.approx(t.wiener_upper_S_per_cm, rel=1e-9)


def test_conductivity_is_of_the_electrolyte_and_resistance_of_the_cell():
    _, _, found = measured((1, 1, 1), hl_um=(2.0, 1.0))
    t = found.transport
    assert t.sigma_eff_S_per_cm == pytest.approx(GRAIN / 100, rel=1e-8)
    assert t.brick_layer_S_per_cm == pytest.approx(GRAIN / 100, rel=1e-12)
    assert t.asr_ohm_cm2 == pytest.approx(1e4 * (4e-6 / GRAIN + 3e-6 / HL), rel=1e-8)


def test_wiener_bounds_enclose_a_polycrystal():
    _, _, found = measured((2, 2, 2), hl_um=(2.0, 0.0), sigma=uneven_sigma)
    t = found.transport
    assert t.wiener_lower_S_per_cm < t.sigma_eff_S_per_cm < t.wiener_upper_S_per_cm


@pytest.mark.parametrize("hl_um", [(0.0, 0.0), (1.0, 1.0)])
def test_one_material_has_no_hot_spots(hl_um):
    _, _, found = measured((2, 2, 2), hl_um, lambda mesh: sigma_of(mesh, GRAIN, GRAIN, GRAIN))
    ends = found.hot_spots_electrolyte if any(hl_um) else found.hot_spots
    for spots in ends.values():
        for name in ("max", "p95", "p99", "p999", "rms", "grain_max", "grain_max_over_mean_area_cut"):
            value = getattr(spots, name if name.endswith("cut") else f"{name}_over_mean")
            assert value == pytest.approx(1.0, abs=1e-8)
        assert spots.grain_max_over_min == pytest.approx(1.0, abs=1e-8)
        assert spots.gini == pytest.approx(0.0, abs=1e-8)
        assert spots.window_max_over_mean["3_um"] == pytest.approx(1.0, abs=1e-8)


def test_measures_do_not_depend_on_the_sign_of_the_voltage():
    forward, backward = (
        as_tree(measured((2, 2), (2.0, 0.0), uneven_sigma, potentials)[2].parts, 2)
        for potentials in ((0.0, 0.1), (0.1, 0.0))
    )
    assert forward["transport"].pop("voltage_V") == -backward["transport"].pop("voltage_V") == 0.1
    for place in ("transport", "hot_spots", "hot_spots_electrolyte"):
        assert np.allclose(*(numbers(result[place]) for result in (forward, backward)), rtol=1e-7)


def numbers(tree):
    """All numbers of a tree in order."""
    if isinstance(tree, dict):
        return [number for key in sorted(tree) for number in numbers(tree[key])]
    return [] if tree is None else [tree]


def test_grains_keep_their_charge_and_a_leak_is_found():
    mesh, fields, found = measured((2, 2, 2), (2.0, 2.0), uneven_sigma)
    assert found.current_imbalance < 1e-9
    assert worst_grain_imbalance(mesh, fields) < 1e-9
    inside = mesh.cells[mesh.region == 5]
    counts = np.bincount(inside.ravel(), minlength=len(mesh.points))
    fields.residual[counts.argmax()] += 1e-3 * found.transport.current
    assert worst_grain_imbalance(mesh, fields) > 1e-3


def test_tables_of_grains_in_series():
    _, _, found = measured((1, 1, 2))
    bulk = 4.0 - DELTA_UM / 2
    assert found.grains.volume_um3 == pytest.approx(16.0 * bulk)
    assert found.grains.centroid_um[:, 2] == pytest.approx([bulk / 2, 8.0 - bulk / 2])
    assert found.grains.exposed_area_um2 == pytest.approx(np.array([[16.0, 0.0], [0.0, 16.0]]))
    assert found.grains.current == pytest.approx(found.transport.current * np.eye(2), rel=1e-9)
    mean = 10.0 * found.transport.mean_current_density_mA_per_cm2
    assert found.grains.mean_current_density == pytest.approx(mean, rel=1e-9)
    assert found.boundaries.thickness_um == pytest.approx(DELTA_UM, rel=1e-9)
    assert found.boundaries.sigma == pytest.approx(GB)
    # the top is positive: current flows down, from grain 1 to grain 0, against the normal from 0 to 1
    assert found.boundaries.current == pytest.approx(-found.transport.current, rel=1e-9)


def test_volumes_agree_with_the_plain_ones():
    mesh = brick_mesh((2, 2, 1), hl_um=(1.0, 0.0))
    geometry = cell_geometry(mesh)
    assert geometry.volume == pytest.approx(signed_volumes(mesh.points, mesh.cells), rel=1e-12)
    slab, layers = mesh.region == mesh.n_grains, mesh.region == -1
    assert geometry.volume[slab].sum() == pytest.approx(64.0)  # slab and contact: 8 × 8 × 1
    assert geometry.grain_volume == pytest.approx((256.0 - geometry.volume[layers].sum()) / 4)
    fields = solved(mesh, sigma_of(mesh))
    size = np.linalg.norm(fields.j, axis=1)
    first = mesh.region == 0
    mean = np.average(size[first], weights=geometry.volume[first])
    assert grain_mean_j(mesh, fields, geometry)[0] == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("layers", [(4, 4), (2, 2), (1, 3), (0, 2), (0, 0)])
@pytest.mark.parametrize("in_order", [False, True])
def test_geometry_of_a_cut_is_that_of_the_mesh_it_leaves(layers, in_order):
    planes = (0.0, *np.linspace(DELTA_UM, 4.0, 5)[1:].tolist())
    mesh = brick_mesh((2, 2, 1), hl_um=(4.0, 4.0))
    hl_um = tuple(planes[k] for k in layers)
    if in_order:
        nest = nested(mesh, (planes[1:],) * 2)
        mesh, cut = nest.mesh, nest.cut(hl_um)
    else:
        cut = cut_slabs(mesh, hl_um)
    found, expected = cell_geometry(mesh).of(cut), cell_geometry(cut.mesh)
    assert np.array_equal(found.volume, expected.volume)
    for side, electrode, end in zip(SIDES, cut.mesh.z_electrodes, cut.mesh.z_electrolyte, strict=True):
        assert np.array_equal(found.at_ends[side], cells_touching(cut.mesh, [end]))
        assert np.array_equal(found.at_electrode(cut.mesh, side), cells_touching(cut.mesh, [electrode]))
    assert found.slabs.keys() == expected.slabs.keys() == set(cut.mesh.slabs)
    for side, slab in found.slabs.items():
        fresh = expected.slabs[side]
        assert slab.start == fresh.start
        assert np.array_equal(slab.cell[np.lexsort((slab.cell, slab.begin))], fresh.cell)
        last = float(max(slab.end))
        for height in (slab.start, last - 1.0, last - 0.5, last):
            for beyond in (False, True):
                assert set(slab.cell[slab.cut_by(height, beyond)]) == _crossing(
                    cut.mesh, side, height, beyond
                )


@pytest.mark.parametrize("grains", [(2, 2), (2, 2, 1)])
@pytest.mark.parametrize("beyond", [False, True])
def test_cells_between_two_planes_leave_the_areas_that_any_cells_do(grains, beyond):
    mesh = brick_mesh(grains, hl_um=(0.0, 4.0))
    slab = cell_geometry(mesh).slabs["top"]
    assert set(slab.outer) == set(range(1, mesh.dimension + 1))
    as_any = replace(slab, outer=np.zeros_like(slab.outer))
    for height in (slab.begin[0], slab.begin[0] + 0.3, slab.begin[-1] + 0.7, slab.end[-1]):
        places = slab.cut_by(height, beyond)
        found, expected = (
            one.shares(mesh.cells, mesh.points[:, -1], places, height, beyond) for one in (slab, as_any)
        )
        assert np.array_equal(found, expected)
        area = np.sum(expected * cell_geometry(mesh).volume[slab.cell[places]])
        inside = slab.begin[0] < height < slab.end[-1] or beyond == (height == slab.begin[0])
        assert area == pytest.approx(np.prod(mesh.size_um[:-1]) if inside else 0.0, rel=1e-12)


def _crossing(mesh, side, height, beyond):
    """Cells of a homogenizing layer across a plane, and those beyond it or before it."""
    sign = 1.0 if side == "top" else -1.0
    z = np.sort(sign * mesh.points[mesh.cells][:, :, -1], axis=1)
    low, high = z[:, 0], z[:, -1]
    crossed = (low <= height) & (high > height) if beyond else (low < height) & (high >= height)
    in_slab = (mesh.region == mesh.n_grains + mesh.slabs.index(side)) & (mesh.kind == CellKind.HL)
    return set(np.flatnonzero(crossed & in_slab))


@pytest.mark.parametrize(("grains", "current"), [((2, 2), "current_A_per_m"), ((2, 2, 1), "current_A")])
@pytest.mark.parametrize(
    ("hl_um", "sides"), [((0, 0), set()), ((0, 2.0), {"top"}), ((2.0, 2.0), {"bottom", "top"})]
)
def test_tree_of_keys(grains, current, hl_um, sides):
    _, _, found = measured(grains, hl_um, uneven_sigma)
    result = as_tree({**found.parts, "errors": found.errors}, len(grains))
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    parts = {"transport", "hot_spots", "hot_spots_electrolyte", "homogenizing_layer"}
    assert set(result) == {"errors"} | parts
    assert set(result["errors"]) == parts
    assert set(result["transport"]) == TRANSPORT | {current}
    assert set(result["hot_spots"]) == {"bottom", "top"}
    assert set(result["hot_spots_electrolyte"]) == set(result["homogenizing_layer"]) == sides
    for side in ("bottom", "top"):
        spots = result["hot_spots"][side]
        assert set(spots) == FAMILY
        assert set(spots["window_max_over_mean"]) == {"200_nm", "1_um", "3_um"}
        assert set(spots["area_fraction_above"]) == {"2", "3", "5", "10"}
        assert (spots["grain_max_over_mean"] is None) == (side in sides)
    for side in sides:
        assert set(result["hot_spots_electrolyte"][side]) == FAMILY
        assert result["hot_spots_electrolyte"][side]["grain_max_over_mean"] >= 1
        profile = result["homogenizing_layer"][side]
        assert set(profile) == set(metric_fields(HLProfile))
        assert len(profile["distance_um"]) == len(profile["std_over_mean"])
