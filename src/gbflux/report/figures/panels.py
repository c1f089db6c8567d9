"""Panels that figures are put together from: a section, a map of a plane."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from gbflux.report.figures import style
from gbflux.report.figures.views import PlaneView, SectionView

_STREAM_COLUMNS = 200
_LINES = 30


def draw_section(axes: Axes, view: SectionView, limits: Normalize) -> AxesImage:
    """Section coloured by |J|, with grain boundaries, stream lines, layers, electrodes and scale bar.

    Parameters
    ----------
    axes : Axes
    view : SectionView
    limits : Normalize
        Colour limits (mA/cm²).

    Returns
    -------
    AxesImage
        For the colour bar.
    """
    image = axes.imshow(
        view.size,
        origin="lower",
        extent=view.extent,
        cmap=style.COLOURS,
        norm=limits,
    )
    style.draw_boundaries(axes, view.boundaries, view.extent)
    _draw_stream_lines(axes, view)
    left, right, bottom, top = view.extent
    for z, outer in zip(view.z_electrolyte, (bottom, top), strict=True):
        if z != outer:
            axes.plot([left, right], [z, z], color=style.INK, linewidth=2.2, zorder=4)
            axes.plot([left, right], [z, z], color="white", linewidth=1.2, linestyle=(0, (5, 2)), zorder=4)
            inside = (z + outer) / 2
            label = {"fontsize": 8, "color": "white", "ha": "left", "va": "center", "zorder": 6}
            text = axes.text(left + 0.015 * (right - left), inside, "homogenizing layer", **label)
            text.set_bbox({"facecolor": style.INK, "alpha": 0.55, "linewidth": 0, "pad": 2})
    style.electrode_bars(axes, view.extent)
    style.scale_bar(axes, view.extent)
    style.bare(axes)
    axes.set_aspect("equal")
    return image


def draw_plane(axes: Axes, view: PlaneView, limits: Normalize, name: str) -> AxesImage | None:
    """Map of the current density through a plane; in 2D its course along x.

    Parameters
    ----------
    axes : Axes
    view : PlaneView
    limits : Normalize
        Colour limits, in 2D the limits of the ordinate (mA/cm²).
    name : str
        Title of the panel.

    Returns
    -------
    AxesImage or None
        For the colour bar; None in 2D.
    """
    axes.set_title(name, fontsize=9, color=style.INK)
    if view.extent is None:
        axes.plot(view.x, view.size, color=style.BOTTOM, linewidth=1.2)
        for x in view.boundaries[:, 0, 0]:
            axes.axvline(x, color=style.INK, linewidth=0.7, linestyle=":")
        axes.set_xlim(view.x[0], view.x[-1])
        axes.set_ylim(0.0, limits.vmax * 1.05)
        axes.set_xlabel("x (µm)", fontsize=8)
        axes.set_ylabel("current density (mA/cm²)", fontsize=8)
        style.plot_frame(axes)
        return None
    image = axes.imshow(
        view.size,
        origin="lower",
        extent=view.extent,
        cmap=style.COLOURS,
        norm=limits,
    )
    style.draw_boundaries(axes, view.boundaries, view.extent, width=0.7)
    style.scale_bar(axes, view.extent)
    style.bare(axes)
    return image


def _draw_stream_lines(axes: Axes, view: SectionView) -> None:
    """Lines along the in-plane current with one arrow each."""
    lines = stream_lines(view)
    if not lines:
        return
    axes.add_collection(
        LineCollection(lines, colors=(1, 1, 1, 0.8), linewidths=0.8, zorder=3, capstyle="round"),
        autolim=False,
    )
    at = [line[int(len(line) * (0.3, 0.5, 0.7)[k % 3]) :][:2] for k, line in enumerate(lines)]
    start, step = np.array([a for a, _ in at]), np.array([b - a for a, b in at])
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    axes.quiver(
        *start.T,
        *step.T,
        color="white",
        pivot="mid",
        units="dots",
        width=1.0,
        scale=0.09,
        scale_units="dots",
        headwidth=7,
        headlength=10,
        headaxislength=10,
        zorder=3,
    )


def stream_lines(view: SectionView) -> list[NDArray[np.float64]]:
    """Lines along the in-plane current that cross the middle of a section.

    Between neighbours flows the same vertical current in the middle, so lines crowd where the current does.
    In 2D they are stream lines; in a section of a 3D field they follow its components in the plane.

    Parameters
    ----------
    view : SectionView

    Returns
    -------
    list of (k, 2) arrays
        Points along each line, in the direction of the current (µm).
    """
    step = max(1, view.size.shape[1] // _STREAM_COLUMNS)
    j = np.stack([_coarse(view.j[:, :, k], step) for k in range(2)])
    _, rows, columns = j.shape
    if min(rows, columns) < 4 or not np.any(j):
        return []
    passed = np.cumsum(np.abs(j[1, rows // 2]))
    n = int(np.clip(round(_LINES * columns / max(rows, columns)), 8, _LINES))
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


def _followed(j: NDArray[np.float64], seeds: NDArray[np.float64], sign: float) -> NDArray[np.float64]:
    """Paths (steps, 2, lines) in (row, column) by the midpoint rule, half a pixel a step; NaN outside."""
    _, rows, columns = j.shape
    direction = sign * j[::-1] / np.maximum(np.hypot(*j), 1e-300)

    def along(place: NDArray[np.float64]) -> NDArray[np.float64]:
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


def _coarse(values: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Every block of step × step pixels replaced by its mean, then smoothed over neighbours."""
    rows, columns = (n // step for n in values.shape)
    filled = np.nan_to_num(values[: rows * step, : columns * step])
    return gaussian_filter(filled.reshape(rows, step, columns, step).mean(axis=(1, 3)), 0.7, mode="nearest")
