"""Views that the figures of a case show: images and lines of a mesh and its fields, small enough to keep.

Needs no matplotlib, so that a case can be looked at where it is solved and drawn elsewhere. A section of a
finite-element field is constant on triangles: `paint` finds the triangle under each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from gbflux.conduction.records import Fields
from gbflux.measure.hot_spots import mean_density
from gbflux.measure.measure import Measurement
from gbflux.measure.planes import PlaneFacets, PlaneNodes, electrolyte_end
from gbflux.measure.section import Section, slice_plane
from gbflux.mesh import CellKind, Mesh
from gbflux.report.figures import Extent
from gbflux.units import A_PER_M2_TO_MA_PER_CM2

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

_PIXELS = 1200  # along the longer side of an image
_PLACES = (0.5, 0.48, 0.52, 0.46, 0.54)  # of a section, as shares of the size along y
_MOST_LAYER = 0.05  # share of a section that may lie in grain boundaries
_STREAM_COLUMNS = 200
_STREAM_LINES = 30
_ROUNDING = 1e-9


@dataclass(frozen=True)
class SectionView:
    """A vertical section, x to the right and z upwards (in 2D the whole domain)."""

    extent: Extent
    j: Floats  # (rows, columns, 2), J_x and J_z (mA/cm²), row 0 at the bottom; NaN where there is no cell
    size: Floats  # (rows, columns), |J| with all components (mA/cm²)
    boundaries: Floats  # (k, 2, 2), traces of the grain boundaries (µm)
    z_electrolyte: tuple[float, float]  # where the electrolyte ends (µm)
    y: float | None  # where the section lies (µm); None in 2D


@dataclass(frozen=True)
class PlaneView:
    """One plane seen along z, with the current density normal to it."""

    extent: Extent | None  # None in 2D
    size: Floats  # (rows, columns), in 2D (k,) at the places `x` (mA/cm²)
    boundaries: Floats  # (k, 2, 2), ends of the grain boundaries (µm); in 2D their second coordinate is 0
    x: Floats  # (k,), in 2D the nodes in order (µm), else empty
    j_over_mean: Floats  # (k, dimension), at the corners of each facet, over the mean
    area: Floats  # (k,), areas of the facets (µm²; in 2D µm), for distributions


@dataclass(frozen=True)
class CaseViews:
    """Everything the figures of one case need: its section, and its planes by side.

    `electrolyte` holds the planes where the electrolyte ends, for the sides with a homogenizing layer.
    `current_given`: the mean current density was applied, and so has no error.
    """

    title: str
    dimension: int
    section: SectionView
    electrodes: dict[str, PlaneView]
    electrolyte: dict[str, PlaneView]
    measurement: Measurement
    current_given: bool = False


def case_views(
    mesh: Mesh, fields: Fields, measurement: Measurement, title: str, current_given: bool = False
) -> CaseViews:
    """Take from a solved case the views that its figures show, under a short name.

    `current_given` says that a mean current density was applied rather than a voltage.
    """
    electrolyte = {side: electrolyte_end(mesh, fields, side) for side in mesh.slabs}
    return CaseViews(
        title=title.replace("$", r"\$"),  # a name is text, not a formula
        dimension=mesh.dimension,
        section=section_view(mesh, fields),
        electrodes={side: _plane_view(mesh, *plane) for side, plane in measurement.electrodes.items()},
        electrolyte={side: _plane_view(mesh, *plane) for side, plane in electrolyte.items()},
        measurement=measurement,
        current_given=current_given,
    )


def section_view(mesh: Mesh, fields: Fields) -> SectionView:
    """Section through the middle of the second axis; in 2D the domain itself."""
    owner: Integers
    if mesh.dimension == 2:
        triangles, owner, position = mesh.points[mesh.cells], np.arange(len(mesh.cells)), None
    else:
        section = _middle_section(mesh)
        triangles, owner, position = section.points, section.owner, section.position
    extent = (0.0, float(mesh.size_um[0]), *mesh.z_electrodes)
    image = paint(triangles, extent, _image_shape(extent))
    cell = owner[image]
    j = fields.j[cell] * A_PER_M2_TO_MA_PER_CM2
    j[image < 0] = np.nan
    return SectionView(
        extent=extent,
        j=j[:, :, [0, -1]],
        size=np.linalg.norm(j, axis=2),
        boundaries=_longest_edges(triangles[_in_boundary(mesh, owner)]),
        z_electrolyte=mesh.z_electrolyte,
        y=position,
    )


def _middle_section(mesh: Mesh) -> Section:
    """Section at mid y, or beside it where that runs inside a layer, as between bricks."""
    for share in _PLACES:
        section = slice_plane(mesh, 1, share * float(mesh.size_um[1]))
        layered = _in_boundary(mesh, section.owner)
        if section.area[layered].sum() < _MOST_LAYER * section.area.sum():
            break
    return section


def _plane_view(mesh: Mesh, facets: PlaneFacets, nodes: PlaneNodes) -> PlaneView:
    """Image of the current density through a plane; in 2D its values in order along x."""
    corners = nodes.at_corners(facets)
    over_mean = corners / mean_density(facets, nodes)
    if mesh.dimension == 2:
        x = facets.points[facets.is_layer, :, 0]
        ends = np.stack([x, np.zeros_like(x)], axis=2)
        order = np.argsort(nodes.lateral[:, 0], kind="stable")
        size = nodes.density[order] * A_PER_M2_TO_MA_PER_CM2
        return PlaneView(None, size, ends, nodes.lateral[order, 0], over_mean, facets.area)
    extent = (0.0, float(mesh.size_um[0]), 0.0, float(mesh.size_um[1]))
    return PlaneView(
        extent=extent,
        size=_linear_image(facets.points, corners * A_PER_M2_TO_MA_PER_CM2, extent),
        boundaries=_longest_edges(facets.points[_in_boundary(mesh, facets.cell)]),
        x=np.empty(0),
        j_over_mean=over_mean,
        area=facets.area,
    )


def _linear_image(triangles: Floats, corners: Floats, extent: Extent) -> Floats:
    """Image of a field that is linear on each triangle, NaN where there is none."""
    shape = _image_shape(extent)
    image = paint(triangles, extent, shape)
    left, right, bottom, top = extent
    x = left + (np.arange(shape[1]) + 0.5) / shape[1] * (right - left)
    y = bottom + (np.arange(shape[0]) + 0.5) / shape[0] * (top - bottom)
    row, column = np.nonzero(image >= 0)
    place = np.stack([x[column], y[row]], axis=1)
    owner = image[row, column]
    a, b, c = triangles[owner].transpose(1, 0, 2)
    whole = _cross(b - a, c - a)
    # barycentric coordinates; a pixel may lie outside of a sliver by rounding
    second, third = (
        np.clip(_cross(p, q) / whole, 0.0, 1.0) for p, q in ((place - a, c - a), (b - a, place - a))
    )
    values = corners[owner]
    found = np.full(shape, np.nan)
    found[row, column] = values[:, 0] * (1 - second - third) + values[:, 1] * second + values[:, 2] * third
    return found


def _cross(a: Floats, b: Floats) -> Floats:
    """a × b of vectors in the plane."""
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _in_boundary(mesh: Mesh, cells: Integers) -> NDArray[np.bool_]:
    """Mask of the cells that belong to a grain boundary."""
    return np.isin(mesh.kind[cells], [int(CellKind.GB), int(CellKind.GB_JUNCTION)])


def _longest_edges(triangles: Floats) -> Floats:
    """The longest edge of each triangle: of a thin one its trace."""
    ends = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2)
    length = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2)
    longest: Floats = ends[np.arange(len(ends)), length.argmax(axis=1)]
    return longest


def _image_shape(extent: Extent) -> tuple[int, int]:
    """Rows and columns of square pixels."""
    width, height = extent[1] - extent[0], extent[3] - extent[2]
    pixel = max(width, height) / _PIXELS
    return max(1, round(height / pixel)), max(1, round(width / pixel))


def paint(triangles: Floats, extent: Extent, shape: tuple[int, int]) -> NDArray[np.intp]:
    """Number of the triangle under the centre of each pixel, in one pass of array operations.

    Each triangle is cut into the rows of pixels it crosses, each such piece into its pixels. A pixel on an
    edge goes to the later triangle.

    Parameters
    ----------
    triangles : (k, 3, 2) array
        Corners (x, y).
    extent : (left, right, bottom, top)
        Edges of the image, in the units of the corners.
    shape : (rows, columns)
        Size of the image.

    Returns
    -------
    (rows, columns) int array
        Row 0 is at the bottom; −1 where there is no triangle.

    Examples
    --------
    >>> corner = np.array([[[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]])
    >>> paint(corner, (0.0, 4.0, 0.0, 2.0), (2, 4)).tolist()
    [[0, 0, -1, -1], [0, -1, -1, -1]]
    """
    rows, columns = shape
    left, right, bottom, top = extent
    scale = np.array([columns / (right - left), rows / (top - bottom)])
    pixels = (triangles - np.array([left, bottom])) * scale - 0.5  # pixel centres at whole numbers
    piece, row = _ranges(pixels[:, :, 1].min(axis=1), pixels[:, :, 1].max(axis=1), rows)
    first, last = _spans(pixels, piece, row)
    part, column = _ranges(first, last, columns)
    image = np.full(shape, -1, dtype=np.intp)
    image[row[part], column] = piece[part]
    return image


def _ranges(low: Floats, high: Floats, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Whole numbers between low and high, cut to 0 … size − 1, each with the entry it comes from."""
    first = np.clip(np.ceil(low - _ROUNDING), 0, size).astype(np.intp)
    last = np.clip(np.floor(high + _ROUNDING), -1, size - 1).astype(np.intp)
    count = np.maximum(last - first + 1, 0)
    entry = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count)
    return entry, first[entry] + within


def _spans(pixels: Floats, piece: NDArray[np.intp], row: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Left and right end of each row of each triangle; an empty span where rounding put the row outside."""
    low, high = np.full(len(piece), np.inf), np.full(len(piece), -np.inf)
    for corner in range(3):
        a, b = pixels[piece, corner], pixels[piece, (corner + 1) % 3]
        rise = b[:, 1] - a[:, 1]
        level = np.abs(rise) < _ROUNDING
        t = np.clip((row - a[:, 1]) / np.where(level, 1.0, rise), -_ROUNDING, 1 + _ROUNDING)
        crossed = (np.minimum(a[:, 1], b[:, 1]) - _ROUNDING <= row) & (
            row <= np.maximum(a[:, 1], b[:, 1]) + _ROUNDING
        )
        x = a[:, 0] + np.where(level, 0.0, t) * (b[:, 0] - a[:, 0])
        low = np.where(crossed, np.minimum(low, x), low)
        high = np.where(crossed, np.maximum(high, x), high)
    return np.where(low <= high, low, 0.0), np.where(low <= high, high, -1.0)


def stream_lines(view: SectionView) -> list[Floats]:
    """Lines along the in-plane current that cross the middle of a section: (k, 2) arrays (µm).

    Between neighbours flows the same vertical current in the middle, so lines crowd where the current does,
    where matplotlib's streamplot spaces them evenly. In 2D they are stream lines; in a section of a 3D field
    they follow its components in the plane. Points run in the direction of the current.
    """
    step = max(1, view.size.shape[1] // _STREAM_COLUMNS)
    j = np.stack([_coarse(view.j[:, :, k], step) for k in range(2)])
    _, rows, columns = j.shape
    if min(rows, columns) < 4 or not np.any(j):
        return []
    passed = np.cumsum(np.abs(j[1, rows // 2]))
    n = int(np.clip(round(_STREAM_LINES * columns / max(rows, columns)), 8, _STREAM_LINES))
    start = np.interp(
        (np.arange(n) + 0.5) / n * passed[-1], np.append(0.0, passed), np.arange(columns + 1) - 0.5
    )
    seeds = np.stack([np.full(n, rows / 2 - 0.5), start])
    back, forth = (_followed(j, seeds, sign) for sign in (-1.0, 1.0))
    pixel = (view.extent[1] - view.extent[0]) * step / view.size.shape[1]
    lines = []
    for k in range(n):
        path = np.concatenate([back[:0:-1, :, k], forth[:, :, k]])
        path = path[np.isfinite(path[:, 0])]
        if len(path) > 2:
            lines.append(np.array([view.extent[0], view.extent[2]]) + (path[:, ::-1] + 0.5) * pixel)
    return lines


def _followed(j: Floats, seeds: Floats, sign: float) -> Floats:
    """Paths (steps, 2, lines) in (row, column) by the midpoint rule, half a pixel a step; NaN outside."""
    _, rows, columns = j.shape
    direction = sign * j[::-1] / np.maximum(np.hypot(*j), 1e-300)

    def along(place: Floats) -> Floats:
        return np.stack([map_coordinates(part, place, order=1, mode="nearest") for part in direction])

    paths = [seeds]
    for _ in range(4 * rows):
        place = paths[-1]
        place = place + 0.5 * along(place + 0.25 * along(place))
        inside = (np.abs(place[0] - (rows - 1) / 2) <= rows / 2) & (
            np.abs(place[1] - (columns - 1) / 2) <= columns / 2
        )
        paths.append(np.where(inside, place, np.nan))
        if not inside.any():
            break
    return np.stack(paths)


def _coarse(values: Floats, step: int) -> Floats:
    """Every block of step × step pixels replaced by its mean, then smoothed over neighbours."""
    rows, columns = (n // step for n in values.shape)
    filled = np.nan_to_num(values[: rows * step, : columns * step])
    means = filled.reshape(rows, step, columns, step).mean(axis=(1, 3))
    smooth: Floats = gaussian_filter(means, 0.7, mode="nearest")
    return smooth
