"""Thin layers of a slab: which they are, and what is left when they are put into a mesh without them."""

from __future__ import annotations

import numpy as np
import pytest
from conforming_by_hand import grid

# the constructor of sizes is where the mesher draws
from gbflux.mesh.recipe import MeshSize
from gbflux.mesh.simplices import is_conforming, normals, signed_volumes
from gbflux.mesh.slabs import ThinLayers, insert_thin_layers, remove_thin_layers

DEPTHS = (1.0, 1.5, 2.25, 4.0, 6.0, 6.5)
WITHOUT = (1.0, 2.75, 4.75)  # those at 1.5, 2.25 and 6.5 are thin
ANY_SIX = (*(0.3 * k / 6 for k in range(1, 6)), 0.3)
STACKS = (ThinLayers(1.0, (0.5, 1.25)), ThinLayers(4.75, (0.5,)))


def test_layers_as_thin_as_cells_are_wide_are_left_out() -> None:
    depths, without = tuple(6.0 + np.array(DEPTHS)), tuple(6.0 + np.array(WITHOUT))
    stacks = tuple(ThinLayers(6.0 + stack.depth_um, stack.rises_um) for stack in STACKS)
    assert remove_thin_layers(depths, MeshSize(1.0, 1.0), 3) == (without, stacks)


def test_none_is_left_out_where_cells_grow() -> None:
    """Cells are 0.8 µm wide at the electrolyte and grow to 1 µm at a distance of 0.8 + 3·0.2 µm."""
    depths, stacks = remove_thin_layers((4.8, 5.3, 5.8, 6.3), MeshSize(1.0, 0.8), 3)
    assert (depths, stacks) == ((4.8,), (ThinLayers(4.8, (0.5, 1.0, 1.5)),))


def test_none_is_left_out_in_2d_or_of_no_layer() -> None:
    depths = tuple(6.0 + np.array(DEPTHS))
    assert remove_thin_layers(depths, MeshSize(1.0, 1.0), 2) == (depths, ())
    assert remove_thin_layers((), MeshSize(1.0, 1.0), 3) == ((), ())


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_first_layer_is_six_cells_thick(dimension: int) -> None:
    size = MeshSize(2.0, 1.0)
    assert remove_thin_layers((6.0,), size, dimension) == ((6.0,), ())
    assert remove_thin_layers((0.3,), size, dimension) == ((), (ThinLayers(0.0, ANY_SIX),))
    # layers beyond it as thin as cells are wide belong to it; the mesher is given the rest
    depths, (stack,) = remove_thin_layers((0.3, 1.3, 4.3), size, dimension)
    assert depths == (3.0,)
    assert stack.rises_um == pytest.approx((*ANY_SIX, 1.3))
    # cells of four thicknesses of the contact at the least
    assert len(remove_thin_layers((0.3,), size, dimension, delta_um=0.025)[1][0].rises_um) == 3


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("dimension", [2, 3])
def test_a_slab_of_prisms_alone_has_its_contact(upper: bool, dimension: int) -> None:
    """A grain of 4 × 3 × 2 µm, in 2D 4 × 2 µm, without a slab beside it."""
    sign, face = (1.0, 2.0) if upper else (-1.0, 0.0)
    axes = [np.arange(5.0), *([np.arange(4.0)] if dimension == 3 else []), np.arange(3.0)]
    mesh = grid(axes, lambda x: np.zeros(len(x), dtype=int))
    whole = insert_thin_layers(mesh, 1, face, upper, (ThinLayers(0.0, ANY_SIX),))
    volume = signed_volumes(whole.points, whole.cells)
    assert (volume > 0).all()
    area = 12.0 if dimension == 3 else 4.0
    assert np.bincount(whole.region, volume) == pytest.approx([2 * area, 0.3 * area])
    assert is_conforming(whole.cells, _outer(whole.points))
    corners = whole.points[whole.facets]
    assert (corners[:, :, -1] == face).all()
    assert (whole.facet_regions == [0, 1]).all()
    assert (whole.facet_normal == [*[0.0] * (dimension - 1), sign]).all()
    turns = normals(corners)
    assert (sign * turns[:, -1] > 0).all()
    assert np.abs(turns[:, -1]).sum() == pytest.approx(area * (2 if dimension == 3 else 1))


@pytest.mark.parametrize("upper", [False, True])
def test_what_is_put_in_fills_its_layers_and_fits(upper: bool) -> None:
    """A grain of 4 × 3 × 2 µm with a slab beside it; points numbered at random."""
    sign, face = (1.0, 2.0) if upper else (-1.0, 0.0)
    z = sorted({0.0, 1.0, 2.0, *(face + sign * np.array(WITHOUT))})
    mesh = grid([np.arange(5.0), np.arange(4.0), z], lambda x: (sign * (x[:, 2] - face) > 0).astype(int))
    order = np.random.default_rng(1).permutation(len(mesh.points))
    mesh.points[order] = mesh.points.copy()
    mesh.cells[:], mesh.facets[:] = order[mesh.cells], order[mesh.facets]
    whole = insert_thin_layers(mesh, 1, face, upper, STACKS)

    heights = np.unique(sign * (whole.points[:, 2] - face).round(12))
    assert heights[heights > 0].tolist() == list(DEPTHS)
    volume = signed_volumes(whole.points, whole.cells)
    assert (volume > 0).all()
    middle = sign * (whole.points[whole.cells][:, :, 2].mean(axis=1) - face)
    of_layers = np.bincount(np.searchsorted((0.0, *DEPTHS), middle), volume)
    assert of_layers == pytest.approx(12.0 * np.diff((-2.0, 0.0, *DEPTHS)), rel=1e-14)
    assert np.array_equal(whole.region, middle > 0)
    assert is_conforming(whole.cells, _outer(whole.points))
    # as many prisms as triangles, three cells each
    thin = np.bincount(np.searchsorted((0.0, *DEPTHS), middle))[[2, 3, 6]]
    assert thin.tolist() == [3 * 24] * 3
    # the grain and its facets are as they were
    assert np.array_equal(whole.points[whole.facets], mesh.points[mesh.facets])


def _outer(points: np.ndarray) -> np.ndarray:
    """One bit for each plane of the box that a point lies on."""
    on_box = np.hstack([points == points.min(axis=0), points == points.max(axis=0)])
    return (on_box * 2 ** np.arange(on_box.shape[1])).sum(axis=1).astype(np.uint8)
