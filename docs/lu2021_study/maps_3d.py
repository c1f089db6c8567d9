"""Fig. 4e and 4f in 3D: the strongest spot of an electrode from two sides, and a line through it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from gbflux.measure.hot_spots import mean_density
from gbflux.measure.planes import PlaneFacets, electrode_plane
from gbflux.measure.section import slice_plane
from gbflux.mesh import CellKind, Mesh
from gbflux.report.figures import style
from gbflux.report.figures.views import paint
from gbflux.results.fields import Snapshot
from lu2021_study.pictures import small_png

_WIDTH_UM = 12.0
_PIXELS = 420
_LINE_PIXELS = 2000


def fields_3d(path: Path, bare: Snapshot, layered: Snapshot) -> None:
    """Two close-ups of the bare electrode, and the current density along a line, bare and behind a layer."""
    facets, ratio = _electrode(bare)
    x, y = facets.points[np.argmax(ratio)].mean(axis=0)
    figure = style.new_figure(8.6, 6.6)
    grid = figure.add_gridspec(2, 2, height_ratios=(1.25, 1))
    side, above = (figure.add_subplot(grid[0, k]) for k in (0, 1))
    _from_the_side(side, bare, (x, y))
    image = _from_above(above, bare.mesh, facets, (x, y), ratio)
    bar = figure.colorbar(image, ax=[side, above], extend="both", shrink=0.85, pad=0.012)
    bar.set_label("current density over its mean", fontsize=8)
    line = figure.add_subplot(grid[1, :])
    for snapshot, colour, label in (
        (bare, style.TOP, "bare"),
        (layered, style.BOTTOM, "behind a layer of 10 µm"),
    ):
        line.plot(*_along_x(snapshot, y), color=colour, linewidth=1.0, label=label, drawstyle="steps-mid")
    line.set(
        xlim=(0, float(bare.mesh.size_um[0])),
        yscale="log",
        ylim=(0.1, 1.3 * float(ratio.max())),
        xlabel=f"x (µm), along y = {y:.1f} µm on Li",
        ylabel="current density over its mean",
    )
    line.set_title("4f, in 3D", fontsize=10, color=style.INK)
    line.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    style.plot_frame(line)
    small_png(figure, path, 256)


def _electrode(snapshot: Snapshot) -> tuple[PlaneFacets, NDArray]:
    """Facets of the top electrode, and the mean current density on each over that of the electrode."""
    facets, nodes = electrode_plane(snapshot.mesh, snapshot.fields, "top")
    return facets, nodes.at_corners(facets).mean(axis=1) / mean_density(facets, nodes)


def _within(middle: float, width: float, length: float) -> tuple[float, float]:
    """An interval about a place, moved into the domain."""
    left = min(max(middle - width / 2, 0.0), length - width)
    return left, left + width


def _from_the_side(axes: Axes, snapshot: Snapshot, place: tuple[float, float]) -> None:
    """4e: a vertical section through the place, with the electrode above."""
    mesh, top = snapshot.mesh, snapshot.mesh.z_electrodes[1]
    extent = (*_within(place[0], _WIDTH_UM, float(mesh.size_um[0])), top - 0.9 * _WIDTH_UM, top)
    section = slice_plane(mesh, 1, place[1])
    mean = 10.0 * snapshot.measurement.transport.mean_current_density_mA_per_cm2  # A/m²
    size = np.linalg.norm(snapshot.fields.j, axis=1) / mean
    _close_up(axes, mesh, section.points, section.owner, size, extent)
    axes.set_title("4e, in 3D: section below the electrode", fontsize=10, color=style.INK)


def _from_above(axes: Axes, mesh: Mesh, facets: PlaneFacets, place: tuple[float, float], ratio: NDArray):
    """The electrode around the place."""
    x, y = (
        _within(p, w, float(length))
        for p, w, length in zip(place, (_WIDTH_UM, 0.9 * _WIDTH_UM), mesh.size_um[:2], strict=True)
    )
    size = np.zeros(len(mesh.cells))
    size[facets.cell] = ratio
    axes.set_title("the electrode from above", fontsize=10, color=style.INK)
    return _close_up(axes, mesh, facets.points, facets.cell, size, (*x, *y))


def _close_up(axes: Axes, mesh: Mesh, triangles: NDArray, owner: NDArray, size: NDArray, extent: tuple):
    """Paint triangles with the values of their cells, and draw grain boundaries."""
    rows = round(_PIXELS * (extent[3] - extent[2]) / (extent[1] - extent[0]))
    number = paint(triangles, extent, (rows, _PIXELS))
    values = np.where(number >= 0, size[owner[number]], np.nan)
    image = axes.imshow(values, origin="lower", extent=extent, cmap=style.COLOURS, norm=LogNorm(0.1, 10))
    thin = np.isin(mesh.kind[owner], [int(CellKind.GB), int(CellKind.GB_JUNCTION)])
    ends = np.stack([triangles[thin], np.roll(triangles[thin], -1, axis=1)], axis=2)
    longest = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2).argmax(axis=1)
    style.draw_boundaries(axes, ends[np.arange(len(ends)), longest], extent, width=1.5)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    style.scale_bar(axes, extent)
    style.bare(axes)
    return image


def _along_x(snapshot: Snapshot, y: float) -> tuple[NDArray, NDArray]:
    """Places (µm) on the top electrode along a line, and the current density over the mean there."""
    facets, ratio = _electrode(snapshot)
    length = float(snapshot.mesh.size_um[0])
    pixel = length / _LINE_PIXELS
    number = paint(facets.points, (0.0, length, y - pixel / 2, y + pixel / 2), (1, _LINE_PIXELS))[0]
    values = np.where(number >= 0, ratio[number], np.nan)
    return (np.arange(_LINE_PIXELS) + 0.5) * pixel, values
