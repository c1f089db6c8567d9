"""Facets and nodes of planes on bricks with true layers."""

import numpy as np
import pytest

from gbflux.measure.planes import cells_touching, electrode_plane, electrolyte_end, facet_edges, plane_facets
from gbflux.mesh import CellKind

from .synthetic import DELTA_UM, brick_mesh, fields_of, sigma_of, solved

SLABS = ((0.0, 0.0), (2.0, 2.0))


def linear_fields(mesh, slope=0.01):
    """φ = slope × z in a cell of one material."""
    return fields_of(mesh, sigma_of(mesh, 0.05, 0.05, 0.05), slope * mesh.points[:, -1])


@pytest.mark.parametrize("grains", [(2, 2), (2, 1, 2)])
@pytest.mark.parametrize("hl_um", SLABS)
@pytest.mark.parametrize("side", ["bottom", "top"])
def test_facets_and_lumped_areas_cover_the_plane(grains, hl_um, side):
    mesh = brick_mesh(grains, hl_um=hl_um)
    for plane in (electrode_plane, electrolyte_end):
        facets, nodes = plane(mesh, linear_fields(mesh), side)
        assert facets.area.sum() == pytest.approx(np.prod(mesh.size_um[:-1]), rel=1e-13)
        assert nodes.area.sum() == pytest.approx(facets.area.sum(), rel=1e-13)
        assert (nodes.region >= 0).all()


def test_a_uniform_field_gives_every_node_its_lumped_area():
    mesh = brick_mesh((2, 2, 1), hl_um=(1.0, 0.0))
    fields = linear_fields(mesh)  # J = 0.05 S/m × 0.01 V/µm = 500 A/m²
    for plane in (electrode_plane, electrolyte_end):
        for side in ("bottom", "top"):
            facets, nodes = plane(mesh, fields, side)
            assert nodes.current == pytest.approx(500.0 * nodes.area * 1e-12, rel=1e-9)
            assert facets.j_abs == pytest.approx(500.0, rel=1e-9)
            assert facets.j_z == pytest.approx(-500.0, rel=1e-9)


def test_currents_are_positive_along_the_mean_current_on_both_electrodes():
    mesh = brick_mesh((2, 2))
    fields = solved(mesh, sigma_of(mesh), potentials=(0.0, 0.1))
    bottom, top = (electrode_plane(mesh, fields, side)[1] for side in ("bottom", "top"))
    assert bottom.current.sum() == pytest.approx(top.current.sum())
    assert bottom.current.sum() > 0


def test_ends_of_grain_boundaries_are_layers_and_belong_to_no_grain():
    mesh = brick_mesh((2, 1, 1), grain_um=4.0)
    facets, _ = electrode_plane(mesh, linear_fields(mesh), "top")
    assert facets.area[facets.is_layer].sum() == pytest.approx(DELTA_UM * 4.0)
    assert (facets.grain[facets.is_layer] == -1).all()
    assert set(facets.grain[~facets.is_layer]) == {0, 1}
    assert facet_edges(facets).min() > 0.9


def test_only_kinds_and_side_asked_for_count():
    mesh = brick_mesh((1, 1, 1), hl_um=(2.0, 0.0))
    fields = linear_fields(mesh)
    assert (mesh.kind[plane_facets(mesh, fields, 0.0, False, [CellKind.GRAIN]).cell] == CellKind.GRAIN).all()
    assert (
        mesh.kind[plane_facets(mesh, fields, 0.0, True, [CellKind.CONTACT]).cell] == CellKind.CONTACT
    ).all()
    assert len(plane_facets(mesh, fields, 0.0, True, [CellKind.GRAIN]).cell) == 0


def test_cells_touching_finds_cells_that_have_one_point_on_a_plane():
    mesh = brick_mesh((1, 1), grain_um=2.0, mesh_um=1.0)
    z = mesh.points[mesh.cells][:, :, -1]
    assert (
        cells_touching(mesh, [0.0, 2.0]).tolist()
        == np.flatnonzero(((z == 0) | (z == 2)).any(axis=1)).tolist()
    )
