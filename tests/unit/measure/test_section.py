"""Sections tile the plane exactly, wherever it lies."""

import numpy as np
import pytest

from gbflux.errors import InputError
from gbflux.measure.section import slice_plane
from gbflux.mesh import CellKind

from .synthetic import brick_mesh


@pytest.fixture(scope="module")
def box():
    return brick_mesh((2, 2, 1), grain_um=3.0, hl_um=(1.0, 2.0))


def cross_section(mesh, axis):
    size = np.array([*mesh.size_um[:-1], mesh.z_electrodes[1] - mesh.z_electrodes[0]])
    return np.prod(np.delete(size, axis))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_areas_sum_to_the_cross_section_at_any_position(box, axis):
    planes = np.unique(box.points[:, axis])  # through nodes, along facets, and on both ends of the box
    between = np.linspace(planes[0], planes[-1], 13)[1:-1] + 1e-4
    for position in [*planes, *between]:
        section = slice_plane(box, axis, position)
        assert section.area.sum() == pytest.approx(cross_section(box, axis), rel=1e-12)


def test_2d_sections_are_segments():
    mesh = brick_mesh((2, 2), hl_um=(0.0, 1.0))
    for axis in (0, 1):
        for position in np.unique(mesh.points[:, axis])[1:-1]:
            assert slice_plane(mesh, axis, position).area.sum() == pytest.approx(
                cross_section(mesh, axis), rel=1e-12
            )


def test_a_mesh_without_structure():
    mesh = brick_mesh((1, 1, 1), grain_um=5.0)
    inner = (np.abs(mesh.points - 2.5) < 2.4).all(axis=1)
    mesh.points[inner] += np.random.default_rng(0).uniform(-0.12, 0.12, (inner.sum(), 3))
    for axis in range(3):
        for position in (0.0, 1.234, 2.0, 4.9, 5.0):
            assert slice_plane(mesh, axis, position).area.sum() == pytest.approx(25.0, rel=1e-12)


def test_pieces_lie_in_their_cells(box):
    section = slice_plane(box, 2, 1.3)
    corners = box.points[box.cells[section.owner]]
    assert (corners[:, :, 2].min(axis=1) < 1.3).all()
    assert (corners[:, :, 2].max(axis=1) > 1.3).all()
    centre = section.points.mean(axis=1)
    assert (centre >= corners[:, :, :2].min(axis=1) - 1e-12).all()
    assert (centre <= corners[:, :, :2].max(axis=1) + 1e-12).all()


def test_a_plane_along_facets_cuts_the_side_asked_for(box):
    below, above = (slice_plane(box, 2, 0.0, upper=upper) for upper in (False, True))
    assert set(box.kind[below.owner]) == {CellKind.CONTACT}
    assert CellKind.CONTACT not in box.kind[above.owner]
    assert below.area.sum() == pytest.approx(above.area.sum(), rel=1e-12)


@pytest.mark.parametrize("as_numbers", [False, True])
def test_only_the_cells_asked_for_are_cut(box, as_numbers):
    chosen = box.kind == CellKind.HL
    section = slice_plane(box, 0, 1.7, np.flatnonzero(chosen) if as_numbers else chosen)
    assert (box.kind[section.owner] == CellKind.HL).all()
    assert section.area.sum() == pytest.approx(6.0 * (1.0 + 2.0 - 2 * 0.005), rel=1e-12)


def test_outside_the_box_there_is_nothing(box):
    assert len(slice_plane(box, 2, 99.0).area) == 0
    assert len(slice_plane(box, 2, -99.0).area) == 0


def test_an_axis_that_does_not_exist_is_refused(box):
    with pytest.raises(InputError, match="axis must be"):
        slice_plane(box, 3, 0.0)
