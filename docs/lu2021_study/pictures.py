"""The pictures of the page that show numbers of many runs: Fig. 4g, statements, meshes, resistances."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from gbflux.report.figures import style
from lu2021_study.cases import ASR, BI, SEEDS, Run
from lu2021_study.runs import SIDES, solved
from lu2021_study.spreads import Rows, crossings, faces
from lu2021_study.tables import SYSTEMS

#: One colour for each Bi of Fig. 4g.
SHOWN_BI = {0.3: "#0072b2", 1: "#009e73", 3: "#e69f00", 10: "#d55e00"}
LINES = {
    "max": ("pointwise (set by the mesh)", "#1b1b1f", ":"),
    "window_1": ("1 µm window", "#cc79a7", "-"),
    "p99": ("99 % of the area", "#0072b2", "-"),
    "grain": ("grain", "#d55e00", "--"),
    "grain_cut": ("grain, slivers left out", "#d55e00", "-"),
    "grain_median": ("grain / median grain", "#009e73", "--"),
    "grain_min": ("grain / weakest grain", "#e69f00", "--"),
}
_DPI = 110


def distance(path: Path, results: Path) -> None:
    """Fig. 4g: the maximum in a layer over the distance, and behind thinner layers."""
    figure = style.new_figure(8.6, 3.9)
    for axes, dimension in zip(figure.subplots(1, 2, sharey=True), (2, 3), strict=True):
        for bi, colour in SHOWN_BI.items():
            runs = [Run(dimension, "cut", 10, bi, seed) for seed in SEEDS[dimension]]
            depth, values = _profiles([solved(run, results) for run in runs])
            axes.plot(depth, np.median(values, axis=0), color=colour, linewidth=1.6, label=f"Bi = {bi:g}")
            axes.fill_between(
                depth, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, linewidth=0
            )
            if dimension == 2 or bi in (1, 10):
                axes.plot(
                    *_behind(dimension, bi, results),
                    "o",
                    color=colour,
                    markersize=4.5,
                    markeredgecolor="white",
                )
        axes.axvline(3, color=style.INK, linewidth=0.8, linestyle=":")
        axes.axhline(1.1, color=style.INK, linewidth=0.8, linestyle=":")
        axes.set(xlim=(0, 10), ylim=(0.97, 4), yscale="log", xlabel="distance from electrolyte | layer (µm)")
        _plain_ticks(axes, (1, 1.1, 1.2, 1.5, 2, 3, 4))
        axes.set_title(f"{dimension}D, cut", fontsize=10, color=style.INK)
        style.plot_frame(axes)
    figure.axes[0].set_ylabel("largest |J| over the mean")
    figure.axes[1].legend(frameon=False, fontsize=8)
    _save(
        figure,
        path,
        "Lines: in a layer of 10 µm, median over electrodes; bands: smallest to largest. "
        "Dots: at Li behind a layer as thick as the abscissa says.",
    )


def _profiles(trees: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Maximum over the mean on common distances, a row for each electrode."""
    depth = np.linspace(0.1, 10, 100)
    rows = [
        np.interp(
            depth,
            tree["homogenizing_layer"][side]["distance_um"],
            tree["homogenizing_layer"][side]["max_over_mean"],
        )
        for tree in trees
        for side in SIDES
    ]
    return depth, np.array(rows)


def _behind(dimension: int, bi: float, results: Path) -> tuple[list[float], list[float]]:
    """Thickness of layers, and the maximum at Li behind them (median)."""
    thickness = [1, 2, 3, 5, 10]
    seeds = SEEDS[dimension][: 6 if dimension == 2 else 1]
    values = [
        median(
            solved(Run(dimension, "cut", hl_um, bi, seed), results)["hot_spots"][side]["max_over_mean"]
            for seed in seeds
            for side in SIDES
        )
        for hl_um in thickness
    ]
    return thickness, values


def statements(path: Path, rows: Rows) -> None:
    """Every reading of "more than ten times" over Bi, and where the 3 µm statement holds."""
    figure = style.new_figure(8.8, 6.4)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, (system, title) in zip(panels.ravel(), SYSTEMS.items(), strict=True):
        for column, (label, colour, dash) in LINES.items():
            found = [list(faces(rows, f"{system}-bare-bi{bi:g}", column).values()) for bi in BI]
            axes.plot(BI, [median(v) for v in found], dash, color=colour, linewidth=1.5, label=label)
        held = median(crossings(rows, f"{system}-hl10-bi*", "max_at_3", 1.2).values())
        axes.axvspan(BI[0], min(held, BI[-1]), color="#009e73", alpha=0.1, linewidth=0)
        axes.axhline(10, color=style.INK, linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlim=(BI[0], BI[-1]), ylim=(1, 300))
        _plain_ticks(axes, (1, 2, 5, 10, 20, 50, 100, 200))
        axes.set_title(title, fontsize=10, color=style.INK)
        style.plot_frame(axes)
    for axes in panels[1]:
        axes.set_xlabel("Bi = (δ/d)(σ$_g$/σ$_{gb}$)")
    for axes in panels[:, 0]:
        axes.set_ylabel("over the mean, at Li, bare")
    panels[0, 0].legend(frameon=False, fontsize=7.5, loc="upper left")
    _save(
        figure,
        path,
        "Medians over electrodes. Line: ten times. Shaded: 3 µm into a layer of 10 µm the largest |J| is "
        "within 20 % of the mean.",
    )


def meshes(path: Path, rows: Rows) -> None:
    """The pointwise maximum and steadier numbers over the mesh size, with and without charge transfer."""
    figure = style.new_figure(8.6, 3.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, asr, title in zip(
        panels, ("", "-asr2"), ("ideal electrode", "2 Ω cm² of charge transfer"), strict=True
    ):
        for column in ("max", "p99", "window_1", "grain_cut"):
            label, colour, dash = LINES[column]
            points = [
                (h, _top(rows, f"2d-cut-bare-bi1{asr}", h, column))
                for h in (1, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01)
            ]
            points = [point for point in points if point[1] is not None]
            axes.plot(*zip(*points, strict=True), dash, color=colour, marker="o", markersize=3.5, label=label)
        axes.set(xscale="log", yscale="log", xlabel="cell size where grains end (µm)")
        axes.set_title(f"2D, Bi = 1, {title}", fontsize=10, color=style.INK)
        axes.invert_xaxis()
        _plain_ticks(axes, (1, 2, 5, 10, 20))
        style.plot_frame(axes)
    panels[0].set_ylabel("over the mean, at Li, bare")
    panels[0].legend(frameon=False, fontsize=8)
    _save(
        figure,
        path,
        "One electrode on finer and finer meshes. Last black point on the right: one cell of 7 nm "
        "in the tip of an acute grain, whose current runs along the electrode.",
    )


def _top(rows: Rows, group: str, h: float, column: str) -> float | None:
    return rows[f"{group}-s1" if h == 0.1 else f"{group}-h{h:g}-s1", "top"][column]


def charge_transfer(path: Path, rows: Rows) -> None:
    """Hot spots against the charge-transfer resistance."""
    figure = style.new_figure(8.6, 3.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, dimension in zip(panels, (2, 3), strict=True):
        for bi, dash in ((1, "-"), (10, "--")):
            for column in ("max", "p99", "grain_cut"):
                label, colour, _ = LINES[column]
                found = [
                    median(faces(rows, f"{dimension}d-cut-bare-bi{bi}-asr{asr:g}", column).values())
                    for asr in ASR[dimension]
                ]
                axes.plot(
                    ASR[dimension],
                    found,
                    dash,
                    color=colour,
                    marker="o",
                    markersize=3.5,
                    label=f"Bi {bi}, {label}".replace(" (set by the mesh)", ""),
                )
        axes.axhline(10, color=style.INK, linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="charge transfer (Ω cm²)")
        _plain_ticks(axes, (1, 2, 5, 10, 20))
        axes.set_title(f"{dimension}D, cut, bare", fontsize=10, color=style.INK)
        style.plot_frame(axes)
    panels[0].set_ylabel("over the mean, at Li")
    panels[0].legend(frameon=False, fontsize=7, loc="upper right")
    _save(
        figure,
        path,
        "Medians over electrodes. One grain has 2 Ω cm²; bare LLZO was measured with about 1000.",
    )


def _plain_ticks(axes: Axes, ticks: tuple[float, ...]) -> None:
    """Ordinate with these ticks alone, as plain numbers."""
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)


def _save(figure: Figure, path: Path, caption: str) -> None:
    """Write a figure, small."""
    figure.get_layout_engine().set(rect=(0.01, 0.0, 0.98, 0.985))
    figure.supxlabel(caption, fontsize=7.5, color="#55565c", wrap=True)
    small_png(figure, path)


def small_png(figure: Figure, path: Path, colours: int = 64) -> None:
    """Write a figure as PNG of so many colours."""
    figure.set_dpi(_DPI)
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    few = picture.quantize(colours, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
