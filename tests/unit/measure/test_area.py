"""Areas of cuts are those of the sections themselves."""

import numpy as np
import pytest

from gbflux.measure.section import cut_areas, slice_plane
from gbflux.mesh.simplices import signed_volumes

from .synthetic import brick_mesh


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1)])
@pytest.mark.parametrize("upper", [False, True])
def test_each_cell_has_the_area_it_is_cut_in(shape, upper):
    mesh = brick_mesh(shape, grain_um=3.0, hl_um=(1.0, 2.0))
    z = mesh.points[:, -1]
    inner = (z > 0.1) & (z < 2.9)
    mesh.points[inner] += np.random.default_rng(1).uniform(-0.05, 0.05, (inner.sum(), mesh.dimension))
    volume = np.abs(signed_volumes(mesh.points, mesh.cells))  # layers may be turned over
    heights = np.sort(z[mesh.cells.T], axis=0)
    planes = np.unique(z)  # through nodes, along facets, and on both ends
    for position in (*planes[:: max(1, len(planes) // 40)], planes[-1], -0.777, 1.234, 4.5):
        section = slice_plane(mesh, mesh.dimension - 1, position, upper=upper)
        expected = np.bincount(section.owner, section.area, minlength=len(volume))
        area = cut_areas(volume, heights, position, upper)
        np.testing.assert_allclose(area, expected, rtol=1e-9, atol=1e-13 * volume.max())
