"""The look that all figures share: colours, scale bar, electrodes. Leaves matplotlib's global state alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from gbflux.report.figures import Extent

COLOURS = "viridis"
INK = "#1b1b1f"
METAL = "#b9bcc4"
GUIDE = "#8a8b92"  # lines that mark a value
#: Of Okabe and Ito, distinct for colour-blind readers: blue, vermilion, green, purple, sky blue.
BOTTOM, TOP, GREEN, PURPLE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"
SIDE_COLOURS = {"bottom": BOTTOM, "top": TOP}
#: One sentence under every figure that shows pointwise values.
MESH_LIMITED = (
    "At an ideal electrode the pointwise maximum is set by the mesh: "
    "it grows without limit as the mesh is refined."
)
#: The line under a figure that shows numbers too.
NUMBERS = f"{MESH_LIMITED} ± estimated error of this mesh."
_SHOWN = 99.0  # % of the pixels that the colours resolve: singular corners would take all of a full scale
_DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> Figure:
    """Empty figure with a canvas of its own (inches)."""
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)  # as pyplot would, without its list of open figures
    return figure


def save(figure: Figure, path: Path, caption: str = "") -> Path:
    """Write a figure as PNG with its caption below."""
    if caption:
        figure.set_layout_engine("constrained", rect=(0.01, 0.0, 0.98, 0.985))
        figure.supxlabel(caption, fontsize=7.5, color="#55565c", wrap=True)
    # matplotlib's own version in the file would make equal figures differ between installations
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": "gbflux"})
    return path


def shared_limits(images: Iterable[NDArray[np.float64]]) -> Normalize:
    """Colours from 0 to the value that 99 % of all pixels shown do not exceed (mA/cm²); NaN is left out."""
    top = float(np.nanpercentile(np.concatenate([image.ravel() for image in images]), _SHOWN))
    return Normalize(0.0, top if top > 0 else 1.0)


def colour_bar(
    figure: Figure,
    mappable: ScalarMappable,
    axes: Axes | Sequence[Axes],
    images: Iterable[NDArray[np.float64]],
    **options: Any,
) -> None:
    """Colour bar that says where the colours end and what the largest value of `images` (mA/cm²) is.

    It takes its room from `axes`; options are passed to `Figure.colorbar`.
    """
    largest = max(float(np.nanmax(image)) for image in images)
    end = mappable.norm.vmax or 0.0
    clipped = largest > end * (1 + 1e-9)
    bar = figure.colorbar(mappable, ax=axes, extend="max" if clipped else "neither", **options)
    note = f"\ncolours end at {end:.3g} ({_SHOWN:g} % of pixels are below); largest {largest:.3g}"
    bar.set_label(f"current density (mA/cm²){note if clipped else ''}", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]  # the stub takes it for a set of spines


def draw_boundaries(axes: Axes, lines: NDArray[np.float64], extent: Extent, width: float = 0.9) -> None:
    """Grain boundaries (k, 2, 2) in µm as dark lines of `width` points, thinner where there are many."""
    length = float(np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1).sum())
    crowding = length / max(extent[1] - extent[0], extent[3] - extent[2])
    thickness = width * float(np.clip((80 / max(crowding, 1e-9)) ** 0.5, 0.4, 1.0))
    axes.add_collection(
        LineCollection(list(lines), colors=INK, linewidths=thickness, capstyle="round", rasterized=True),
        autolim=False,
    )


def scale_bar(axes: Axes, extent: Extent) -> None:
    """Bar of round length in the lower right corner."""
    left, right, bottom, _ = extent
    length = round_length((right - left) / 5)
    margin, thick = 0.025 * (right - left), 0.009 * (right - left)
    x, y = right - 1.6 * margin - length, bottom + 1.3 * margin
    corner, width, height = (x - 0.6 * margin, y - 0.5 * margin), length + 1.2 * margin, thick + 2.6 * margin
    box = Rectangle(corner, width, height, color="white", alpha=0.85, lw=0)
    axes.add_patch(box).set_zorder(5)
    axes.add_patch(Rectangle((x, y), length, thick, color=INK, lw=0)).set_zorder(6)
    place: dict[str, Any] = {"ha": "center", "va": "bottom", "zorder": 6}
    axes.text(x + length / 2, y + thick + 0.15 * margin, f"{length:g} µm", fontsize=8, color=INK, **place)


def round_length(length: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that does not exceed a positive length.

    >>> [round_length(x) for x in (0.7, 3.0, 9.99, 10.0)]
    [0.5, 2.0, 5.0, 10.0]
    """
    power = 10.0 ** np.floor(np.log10(length))
    return float(power * max(step for step in (1, 2, 5) if step * power <= length * (1 + 1e-12)))


def bar_height(extent: Extent) -> float:
    """Height of the bars that stand for the electrodes of a section (µm)."""
    return 0.055 * (extent[1] - extent[0])


def electrode_bars(axes: Axes, extent: Extent) -> None:
    """Grey bars with names above and below a section."""
    left, right, bottom, top = extent
    height = bar_height(extent)
    frame: dict[str, Any] = {"facecolor": METAL, "edgecolor": INK, "lw": 0.6, "clip_on": False}
    for y, name in ((bottom - height, "bottom electrode"), (top, "top electrode")):
        axes.add_patch(Rectangle((left, y), right - left, height, **frame))
        axes.text((left + right) / 2, y + height / 2, name, ha="center", va="center", fontsize=8, color=INK)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom - height, top + height)


def bare(axes: Axes) -> None:
    """Take ticks and frame away from an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def plot_frame(axes: Axes, x: str = "", y: str = "", *, size: float = 10, legend: bool = False) -> None:
    """Light frame and grid for a plot, with labels in `size` points and a legend of what has a name."""
    if x:
        axes.set_xlabel(x, fontsize=size)
    if y:
        axes.set_ylabel(y, fontsize=size)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", color="#e3e4e8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", labelsize=8)
