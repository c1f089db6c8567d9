"""The pictures of the page that show fields: Fig. 4a, 4b, 4e and 4f."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from gbflux.measure.hot_spots import mean_density
from gbflux.measure.planes import electrode_plane
from gbflux.mesh import CellKind
from gbflux.report.figures import style
from gbflux.report.figures.case import draw_section
from gbflux.report.figures.views import paint, section_view
from gbflux.results.fields import Snapshot
from gbflux.simulation.run import run_case
from lu2021_study.cases import Run
from lu2021_study.maps_3d import fields_3d
from lu2021_study.pictures import small_png

#: Cell size where grains end, for the zoom and for the finer profile (µm).
FINE_UM = 0.01
_ZOOM_UM = 1.2
_PIXELS = 420


def solved_fields(run: Run) -> Snapshot:
    """A run with its fields, solved anew."""
    return run_case(run.case()).snapshot


def draw_maps(folder: Path) -> None:
    """Draw all pictures of fields."""
    bare, layered = (solved_fields(Run(2, "cut", hl_um, 1, 1)) for hl_um in (0, 10))
    maps(folder / "maps_2d.png", bare, layered)
    fine = solved_fields(Run(2, "cut", 0, 1, 1, electrode_size_um=FINE_UM))
    profile(folder / "profile.png", bare, layered, fine)
    zoom(folder / "zoom.png", fine)
    fields_3d(folder / "fields_3d.png", *(solved_fields(Run(3, "cut", hl_um, 1, 1)) for hl_um in (0, 10)))


def maps(path: Path, bare: Snapshot, layered: Snapshot) -> None:
    """Fig. 4a and 4b in 2D: |J| over its mean, one colour scale."""
    views = [_over_mean(snapshot) for snapshot in (bare, layered)]
    limits = style.Normalize(0.0, 3.0)
    heights = [view.extent[3] - view.extent[2] + 14 for view in views]
    figure = style.new_figure(7.4, 7.8)
    panels = figure.subplots(2, 1, height_ratios=heights)
    for axes, view, title in zip(panels, views, ("bare (4a)", "with layers of 10 µm (4b)"), strict=True):
        image = draw_section(axes, view, limits)
        axes.set_title(title, fontsize=10, color=style.INK)
    bar = figure.colorbar(image, ax=list(panels), extend="max", shrink=0.6, aspect=30, pad=0.02)
    bar.set_label("|J| over its mean", fontsize=8)
    small_png(figure, path, 256)


def _over_mean(snapshot: Snapshot):
    """The section with |J| over the mean current density of the cell."""
    view = section_view(snapshot.mesh, snapshot.fields)
    mean = snapshot.measurement.transport.mean_current_density_mA_per_cm2
    return replace(view, size=view.size / mean, j=view.j / mean)


def profile(path: Path, bare: Snapshot, layered: Snapshot, fine: Snapshot) -> None:
    """Fig. 4f: the current density along the top electrode, bare, behind a layer, and on a finer mesh."""
    figure = style.new_figure(8.6, 5.4)
    upper, lower = figure.subplots(2, 1)
    x, ratio, ends = _course(fine)
    upper.plot(x, ratio, color="#cc79a7", linewidth=0.9, label=f"bare, cells of {FINE_UM:g} µm")
    peak = float(x[np.argmax(ratio)])
    largest = ratio.max()
    for axes in (upper, lower):
        for snapshot, colour, label in (
            (bare, style.TOP, "bare, cells of 0.1 µm"),
            (layered, style.BOTTOM, "behind a layer of 10 µm"),
        ):
            axes.plot(*_course(snapshot)[:2], color=colour, linewidth=1.3, label=label)
        for end in ends:
            axes.axvline(end, color=style.INK, linewidth=0.6, linestyle=":")
        axes.set_ylabel("current density over its mean")
        style.plot_frame(axes)
    lower.plot(x, ratio, color="#cc79a7", linewidth=0.9)
    upper.set(xlim=(0, x[-1]), ylim=(0, 8.5), xlabel="x (µm)")
    lower.set(
        xlim=(peak - 1, peak + 1),
        yscale="log",
        ylim=(0.2, 1.3 * largest),
        xlabel="x (µm), about the largest value",
    )
    upper.legend(frameon=False, fontsize=8, ncols=3, loc="upper right")
    small_png(figure, path, 256)


def _course(snapshot: Snapshot) -> tuple[NDArray, NDArray, NDArray]:
    """Nodes of the top electrode in order (µm), current density over the mean, where boundaries end (µm)."""
    facets, nodes = electrode_plane(snapshot.mesh, snapshot.fields, "top")
    order = np.argsort(nodes.lateral[:, 0], kind="stable")
    ratio = nodes.density[order] / mean_density(facets, nodes)
    return nodes.lateral[order, 0], ratio, facets.points[facets.is_layer, :, 0].mean(axis=1)


def zoom(path: Path, fine: Snapshot) -> None:
    """Fig. 4e: the current at the end of a boundary on the electrode, in two magnifications."""
    x, ratio, _ = _course(fine)
    middle = x[np.argmax(ratio)]
    top = fine.mesh.z_electrodes[1]
    figure = style.new_figure(8.6, 3.7)
    for axes, width in zip(figure.subplots(1, 2), (12.0, _ZOOM_UM), strict=True):
        image = _near(axes, fine, (middle - width / 2, middle + width / 2, top - 0.7 * width, top))
        axes.set_title(f"{width:g} µm wide", fontsize=10, color=style.INK)
    bar = figure.colorbar(image, ax=figure.axes, extend="both", shrink=0.85, pad=0.012)
    bar.set_label("|J| over its mean", fontsize=8)
    small_png(figure, path, 256)


def _near(axes: Axes, snapshot: Snapshot, extent: tuple[float, float, float, float]):
    """|J| in a small part of the domain, with arrows along the current and the boundaries' cells in white."""
    mesh, fields = snapshot.mesh, snapshot.fields
    mean = 10.0 * snapshot.measurement.transport.mean_current_density_mA_per_cm2  # A/m²
    rows = round(_PIXELS * (extent[3] - extent[2]) / (extent[1] - extent[0]))
    cell = paint(mesh.points[mesh.cells], extent, (rows, _PIXELS))
    size = np.where(cell >= 0, np.linalg.norm(fields.j[cell], axis=1 if cell.ndim == 1 else 2) / mean, np.nan)
    image = axes.imshow(size, origin="lower", extent=extent, cmap=style.COLOURS, norm=LogNorm(0.1, 10))
    layers = np.isin(mesh.kind, [int(CellKind.GB), int(CellKind.GB_JUNCTION)])
    points = mesh.points[mesh.cells[layers]]
    ends = points[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2, 2)
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).reshape(-1, 3)
    longest = ends.reshape(-1, 3, 2, 2)[np.arange(len(length)), length.argmax(axis=1)]
    style.draw_boundaries(axes, longest, extent, width=1.5)
    step = _PIXELS // 16
    at = np.arange(step // 2, rows, step)[:, None], np.arange(step // 2, _PIXELS, step)[None]
    j = fields.j[cell[at]]
    direction = j / np.maximum(np.linalg.norm(j, axis=2, keepdims=True), 1e-300)
    pixel = (extent[1] - extent[0]) / _PIXELS
    x, z = extent[0] + (at[1] + 0.5) * pixel, extent[2] + (at[0] + 0.5) * pixel
    x, z = np.broadcast_arrays(x, z)
    axes.quiver(x, z, direction[..., 0], direction[..., 1], color="white", pivot="mid", scale=22, width=0.005)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    style.scale_bar(axes, extent)
    style.bare(axes)
    return image
