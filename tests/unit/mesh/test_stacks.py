"""Thin layers of a slab: which they are, and what is left when they are put into a mesh without them."""

from __future__ import annotations

import numpy as np
import pytest
from conforming_by_hand import grid

from gbflux.mesh.simplices import is_conforming, signed_volumes
from gbflux.mesh.stacks import Stack, with_stacks, without_thin_layers

# the constructor of sizes is where the mesher draws
from gbflux.mesh.worker import MeshSize

DEPTHS = (1.0, 1.5, 2.25, 4.0, 6.0, 6.5)
WITHOUT = (1.0, 2.75, 4.75)  # those at 1.5, 2.25 and 6.5 are thin
STACKS = (Stack(1.0, (0.5, 1.25)), Stack(4.75, (0.5,)))


def test_layers_as_thin_as_cells_are_wide_are_left_out() -> None:
    assert without_thin_layers(DEPTHS, MeshSize(1.0, 1.0), 3) == (WITHOUT, STACKS)


def test_none_is_left_out_where_cells_grow() -> None:
    """Cells are 0.8 µm wide at the electrolyte and grow to 1 µm at a distance of 0.8 + 3·0.2 µm."""
    depths, stacks = without_thin_layers((0.5, 1.0, 1.5, 2.0), MeshSize(1.0, 0.8), 3)
    assert (depths, stacks) == ((0.5, 1.0, 1.5), (Stack(1.5, (0.5,)),))


def test_none_is_left_out_in_2d_or_of_no_layer() -> None:
    assert without_thin_layers(DEPTHS, MeshSize(1.0, 1.0), 2) == (DEPTHS, ())
    assert without_thin_layers((), MeshSize(1.0, 1.0), 3) == ((), ())
    assert without_thin_layers((0.3,), MeshSize(1.0, 1.0), 3) == ((0.3,), ())


@pytest.mark.parametrize("upper", [False, True])
def test_what_is_put_in_fills_its_layers_and_fits(upper: bool) -> None:
    """A grain of 4 × 3 × 2 µm with a slab beside it; points numbered at random."""
    sign, face = (1.0, 2.0) if upper else (-1.0, 0.0)
    z = sorted({0.0, 1.0, 2.0, *(face + sign * np.array(WITHOUT))})
    mesh = grid([np.arange(5.0), np.arange(4.0), z], lambda x: (sign * (x[:, 2] - face) > 0).astype(int))
    order = np.random.default_rng(1).permutation(len(mesh.points))
    mesh.points[order] = mesh.points.copy()
    mesh.cells[:], mesh.facets[:] = order[mesh.cells], order[mesh.facets]
    whole = with_stacks(mesh, 1, face, upper, STACKS)

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
    return (on_box * 2 ** np.arange(6)).sum(axis=1).astype(np.uint8)
