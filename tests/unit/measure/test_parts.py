"""Strongest grains and hottest windows of electrodes, against sums over nodes by hand."""

import numpy as np
import pytest
from tests.unit.measure.synthetic import brick_mesh

from gbflux.conduction.records import Fields
from gbflux.measure import electrode_parts
from gbflux.measure.planes import electrode_plane

D = 4.0


def fields_with(mesh, density) -> Fields:
    """Currents of a density (A/µm²; 2D A/(m µm)) that enter at the top; nothing else counts."""
    n, m = len(mesh.points), len(mesh.cells)
    none = Fields(np.zeros(n), np.zeros((m, mesh.dimension)), np.ones(m), np.zeros(n), np.zeros(n))
    residual = np.zeros(n)
    for side, sign in (("bottom", -1.0), ("top", 1.0)):
        nodes = electrode_plane(mesh, none, side)[1]
        residual[nodes.node] = sign * nodes.area * density(nodes.lateral)
    return Fields(none.phi, none.j, none.sigma, residual, residual)


def planes_of(mesh, fields: Fields) -> dict:
    """Facets and nodes of both electrodes."""
    return {side: electrode_plane(mesh, fields, side) for side in ("bottom", "top")}


def hotter(lateral: np.ndarray) -> np.ndarray:
    """1, and more to the right; 5 at one place."""
    return 1.0 + lateral[:, 0] / 100.0 + 4.0 * (np.abs(lateral - 6.0).max(axis=1) < 0.1)


@pytest.mark.parametrize("grains", [(3, 2), (3, 2, 2)])
def test_grains_in_order_and_their_sum(grains: tuple) -> None:
    mesh = brick_mesh(grains, D)
    fields = fields_with(mesh, hotter)
    parts = electrode_parts(planes_of(mesh, fields), D, 100, ())
    assert {part.kind for part in parts} == {"grain"}
    for side in ("bottom", "top"):
        here = [part for part in parts if part.electrode == side]
        assert len(here) == np.prod(grains[:-1])
        assert [part.over_mean for part in here] == sorted((part.over_mean for part in here), reverse=True)
        assert sum(part.over_mean * part.area_share for part in here) == pytest.approx(1.0)
        assert sum(part.area_share for part in here) == pytest.approx(1.0)
        total = sum(part.at_points(len(mesh.points)) for part in here)
        nodes = electrode_plane(mesh, fields, side)[1]
        assert (total[nodes.node] == 1.0).all()
        assert total.sum() == len(nodes.node)
        assert sum(part.current for part in here) == pytest.approx(nodes.current.sum())
    assert len(electrode_parts(planes_of(mesh, fields), D, 1, ())) == 2
    assert electrode_parts(planes_of(mesh, fields), 100 * D, 5, ()) == []  # all below the area cut


@pytest.mark.parametrize("grains", [(3, 2), (3, 3, 2)])
def test_windows_are_cones_about_the_hottest_node(grains: tuple) -> None:
    mesh = brick_mesh(grains, D)
    fields = fields_with(mesh, hotter)
    wide, narrow = electrode_parts(planes_of(mesh, fields), D, 0, (4.0, 1.0))[2:]
    assert (wide.kind, wide.electrode, wide.diameter_um, wide.reason) == ("window", "top", 4.0, None)
    assert "facets wide" in narrow.reason
    nodes = electrode_plane(mesh, fields, "top")[1]
    distance = np.linalg.norm(nodes.lateral - np.array(wide.centre_um), axis=1)
    weight = np.maximum(0.0, 1.0 - distance / 2.0)
    assert distance.min() == 0.0
    assert np.abs(np.array(wide.centre_um) - 6.0).max() < 2.0
    assert wide.current == pytest.approx(weight @ nodes.current)
    mean = nodes.current.sum() / nodes.area.sum()
    assert wide.over_mean == pytest.approx(weight @ nodes.current / (weight @ nodes.area) / mean)
    assert wide.at_points(len(mesh.points))[nodes.node] == pytest.approx(weight)


def test_no_grain_touches_an_electrode_on_a_layer() -> None:
    mesh = brick_mesh((3, 2), D, hl_um=(0.0, 2.0))
    parts = electrode_parts(planes_of(mesh, fields_with(mesh, hotter)), D, 5, (4.0,))
    found = [(part.kind, part.electrode) for part in parts]
    assert found == [("grain", "bottom")] * 3 + [("window", "bottom"), ("window", "top")]
