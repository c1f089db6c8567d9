"""The look that all figures share: colours, scale bar, electrodes. Leaves matplotlib's global state alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

COLOURS = "viridis"
INK = "#1b1b1f"
METAL = "#b9bcc4"
BOTTOM, TOP = "#0072b2", "#d55e00"  # blue and vermilion of Okabe and Ito, told apart by colour-blind readers
SIDE_COLOURS = {"bottom": BOTTOM, "top": TOP}
#: One sentence under every figure that shows pointwise values.
MESH_LIMITED = (
    "At an ideal electrode the pointwise maximum is set by the mesh: "
    "it grows without limit as the mesh is refined."
)
#: The line under a figure that shows numbers too.
NUMBERS = f"{MESH_LIMITED} ± estimated error of this mesh."
_SHOWN = 99.0
_DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> Figure:
    """An empty figure with a canvas of its own (inches).

    Parameters
    ----------
    width, height : float
        Inches.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path, caption: str = "") -> Path:
    """Write a figure as PNG with its caption below.

    Parameters
    ----------
    figure : Figure
    path : Path
    caption : str, optional

    Returns
    -------
    Path
    """
    if caption:
        figure.get_layout_engine().set(rect=(0.01, 0.0, 0.98, 0.985))
        figure.supxlabel(caption, fontsize=7.5, color="#55565c", wrap=True)
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": "gbflux"})
    return path


def shared_limits(images: Iterable[NDArray[np.float64]]) -> Normalize:
    """Colours from 0 to the value that 99 % of all pixels shown do not exceed.

    Parameters
    ----------
    images : iterable of arrays
        |J| (mA/cm²); NaN is left out.

    Returns
    -------
    Normalize
    """
    top = float(np.nanpercentile(np.concatenate([image.ravel() for image in images]), _SHOWN))
    return Normalize(0.0, top if top > 0 else 1.0)


def colour_bar(figure: Figure, mappable, axes, images: Iterable[NDArray[np.float64]], **options) -> None:
    """Colour bar that says where the colours end and what the largest value is.

    Parameters
    ----------
    figure : Figure
    mappable : ScalarMappable
    axes : Axes or list of Axes
        From which the bar takes its room.
    images : iterable of arrays
        Values shown (mA/cm²).
    **options
        Passed to `Figure.colorbar`.
    """
    largest = max(float(np.nanmax(image)) for image in images)
    clipped = largest > mappable.norm.vmax * (1 + 1e-9)
    bar = figure.colorbar(mappable, ax=axes, extend="max" if clipped else "neither", **options)
    note = (
        f"\ncolours end at {mappable.norm.vmax:.3g} ({_SHOWN:g} % of pixels are below); largest {largest:.3g}"
        if clipped
        else ""
    )
    bar.set_label(f"current density (mA/cm²){note}", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_linewidth(0.5)


def draw_boundaries(axes: Axes, lines: NDArray[np.float64], extent, width: float = 0.9) -> None:
    """Grain boundaries as dark lines, thinner where there are many.

    Parameters
    ----------
    axes : Axes
    lines : (k, 2, 2) array
        µm.
    extent : (left, right, bottom, top)
        µm.
    width : float, optional
        Line width with few grains (points).
    """
    length = float(np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1).sum())
    crowding = length / max(extent[1] - extent[0], extent[3] - extent[2])
    thickness = width * float(np.clip((80 / max(crowding, 1e-9)) ** 0.5, 0.4, 1.0))
    axes.add_collection(
        LineCollection(lines, colors=INK, linewidths=thickness, capstyle="round", rasterized=True),
        autolim=False,
    )


def scale_bar(axes: Axes, extent: tuple[float, float, float, float]) -> None:
    """A bar of round length in the lower right corner.

    Parameters
    ----------
    axes : Axes
    extent : (left, right, bottom, top)
        µm.
    """
    left, right, bottom, _ = extent
    length = round_length((right - left) / 5)
    margin, thick = 0.025 * (right - left), 0.009 * (right - left)
    x, y = right - 1.6 * margin - length, bottom + 1.3 * margin
    box = Rectangle(
        (x - 0.6 * margin, y - 0.5 * margin),
        length + 1.2 * margin,
        thick + 2.6 * margin,
        color="white",
        alpha=0.85,
        lw=0,
    )
    axes.add_patch(box).set_zorder(5)
    axes.add_patch(Rectangle((x, y), length, thick, color=INK, lw=0)).set_zorder(6)
    axes.text(
        x + length / 2,
        y + thick + 0.15 * margin,
        f"{length:g} µm",
        ha="center",
        va="bottom",
        fontsize=8,
        color=INK,
        zorder=6,
    )


def round_length(length: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that does not exceed a length.

    Parameters
    ----------
    length : float
        Positive.

    Returns
    -------
    float

    Examples
    --------
    >>> [round_length(x) for x in (0.7, 3.0, 9.99, 10.0)]
    [0.5, 2.0, 5.0, 10.0]
    """
    power = 10.0 ** np.floor(np.log10(length))
    return float(power * max(step for step in (1, 2, 5) if step * power <= length * (1 + 1e-12)))


def bar_height(extent: tuple[float, float, float, float]) -> float:
    """Height of the bars that stand for electrodes (µm).

    Parameters
    ----------
    extent : (left, right, bottom, top)
        The section (µm).

    Returns
    -------
    float
    """
    return 0.055 * (extent[1] - extent[0])


def electrode_bars(axes: Axes, extent: tuple[float, float, float, float]) -> None:
    """Grey bars with names above and below a section.

    Parameters
    ----------
    axes : Axes
    extent : (left, right, bottom, top)
        The section (µm).
    """
    left, right, bottom, top = extent
    height = bar_height(extent)
    for y, name in ((bottom - height, "bottom electrode"), (top, "top electrode")):
        frame = {"facecolor": METAL, "edgecolor": INK, "lw": 0.6, "clip_on": False}
        axes.add_patch(Rectangle((left, y), right - left, height, **frame))
        axes.text((left + right) / 2, y + height / 2, name, ha="center", va="center", fontsize=8, color=INK)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom - height, top + height)


def bare(axes: Axes) -> None:
    """Take ticks and frame away from an image.

    Parameters
    ----------
    axes : Axes
    """
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def plot_frame(axes: Axes) -> None:
    """Light frame and grid for a plot.

    Parameters
    ----------
    axes : Axes
    """
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", color="#e3e4e8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", labelsize=8)
