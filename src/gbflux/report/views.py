"""Views that the figures show, taken from a mesh and its fields: images and lines small enough to keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.measure.hot_spots import mean_density
from gbflux.measure.measure import Measurement
from gbflux.measure.planes import PlaneFacets, PlaneNodes, electrolyte_end
from gbflux.measure.section import Section, slice_plane
from gbflux.mesh import CellKind, Mesh
from gbflux.report.paint import paint
from gbflux.units import A_PER_M2_TO_MA_PER_CM2

_PIXELS = 1200
_PLACES = (0.5, 0.48, 0.52, 0.46, 0.54)
_MOST_LAYER = 0.05


@dataclass(frozen=True)
class SectionView:
    """A vertical section, x to the right and z upwards (in 2D the whole domain).

    Attributes
    ----------
    extent : (left, right, bottom, top)
        µm.
    j : (rows, columns, 2) array
        J_x and J_z (mA/cm²), row 0 at the bottom; NaN where there is no cell.
    size : (rows, columns) array
        |J|, all components (mA/cm²).
    boundaries : (k, 2, 2) array
        Traces of the grain boundaries (µm).
    z_electrolyte : (float, float)
        Where the electrolyte ends (µm).
    y : float or None
        Where the section lies (µm); None in 2D.
    """

    extent: tuple[float, float, float, float]
    j: NDArray[np.float64]
    size: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    z_electrolyte: tuple[float, float]
    y: float | None


@dataclass(frozen=True)
class PlaneView:
    """One plane seen along z.

    Attributes
    ----------
    extent : (left, right, bottom, top) or None
        µm; None in 2D.
    size : (rows, columns) array, in 2D (k,) array
        Current density normal to the plane, in 2D at the places `x` (mA/cm²).
    boundaries : (k, 2, 2) array
        Ends of the grain boundaries (µm); in 2D on the line, their second coordinate 0.
    x : (k,) array
        In 2D the nodes in order (µm), else empty.
    j_over_mean : (k, dimension) array
        Current density normal to the plane at the corners of each facet, over the mean.
    area : (k,) array
        Areas of the facets (µm²; in 2D µm), for distributions.
    """

    extent: tuple[float, float, float, float] | None
    size: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    x: NDArray[np.float64]
    j_over_mean: NDArray[np.float64]
    area: NDArray[np.float64]


@dataclass(frozen=True)
class CaseViews:
    """Everything the figures of one case need.

    Attributes
    ----------
    title : str
    dimension : int
    section : SectionView
    electrodes : dict of PlaneView
        By side.
    electrolyte : dict of PlaneView
        Where the electrolyte ends, for the sides with a homogenizing layer.
    measurement : Measurement
    current_given : bool
        Whether the mean current density was applied, and so has no error.
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
    """Take from a solved case the views that its figures show.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
    measurement : Measurement
    title : str
        Short name of the case.
    current_given : bool
        Whether a mean current density was applied rather than a voltage.

    Returns
    -------
    CaseViews
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
    """Section through the middle of the second axis; in 2D the domain itself.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields

    Returns
    -------
    SectionView
    """
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


def _linear_image(
    triangles: NDArray[np.float64], corners: NDArray[np.float64], extent: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Image of a field that is linear on each triangle, NaN where there is none."""
    shape = _image_shape(extent)
    image = paint(triangles, extent, shape)
    left, right, bottom, top = extent
    x = left + (np.arange(shape[1]) + 0.5) / shape[1] * (right - left)
    y = bottom + (np.arange(shape[0]) + 0.5) / shape[0] * (top - bottom)
    row, column = np.nonzero(image >= 0)
    place = np.stack([x[column], y[row]], axis=1)
    mine = image[row, column]
    a, b, c = triangles[mine].transpose(1, 0, 2)
    whole = _cross(b - a, c - a)
    # a pixel may lie outside of a sliver by rounding
    second, third = (
        np.clip(_cross(p, q) / whole, 0.0, 1.0) for p, q in ((place - a, c - a), (b - a, place - a))
    )
    values = corners[mine]
    found = np.full(shape, np.nan)
    found[row, column] = values[:, 0] * (1 - second - third) + values[:, 1] * second + values[:, 2] * third
    return found


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """a × b of vectors in the plane."""
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _in_boundary(mesh: Mesh, cells: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Mask of the cells that belong to a grain boundary."""
    return np.isin(mesh.kind[cells], [int(CellKind.GB), int(CellKind.GB_JUNCTION)])


def _longest_edges(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """The longest edge of each triangle: of a thin one its trace."""
    ends = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2)
    length = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2)
    return ends[np.arange(len(ends)), length.argmax(axis=1)]


def _image_shape(extent: tuple[float, float, float, float]) -> tuple[int, int]:
    """Rows and columns of square pixels."""
    width, height = extent[1] - extent[0], extent[3] - extent[2]
    pixel = max(width, height) / _PIXELS
    return max(1, round(height / pixel)), max(1, round(width / pixel))
