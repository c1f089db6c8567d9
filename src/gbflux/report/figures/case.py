"""Figures of a case: section, electrodes, distribution, profile across layers; and two cases side by side.

All colours are |J| from 0 to what 99 % of the pixels do not exceed. Drawn is what `views` found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

from gbflux.measure.distribution import quantiles, share_above
from gbflux.measure.error_text import DASH, MEANING, error_records, number, stated, value_at, with_error
from gbflux.measure.hl_profile import FEWEST_CELLS, HOMOGENIZED, HLProfile, fit_decay, log_cosh
from gbflux.measure.hot_spots import HotSpots
from gbflux.report.figures import Extent, style
from gbflux.report.figures.views import CaseViews, PlaneView, SectionView, stream_lines
from gbflux.units import SIDES

_CURVE_POINTS = 400
_LEAST_SHARE = 1e-5  # of the area; what is less is a facet or two


def draw_views(folder: Path, views: CaseViews) -> list[Path]:
    """Draw all figures of a case into a folder that exists.

    They are ``section.png``, ``electrodes.png``, ``distribution.png`` and, with a layer,
    ``homogenizing_layer.png``.
    """
    paths = [
        _section(folder / "section.png", views),
        _electrodes(folder / "electrodes.png", views),
        _distribution(folder / "distribution.png", views),
    ]
    if views.measurement.homogenizing_layer:
        paths.append(_profile(folder / "homogenizing_layer.png", views))
    return paths


def draw_comparison(path: Path, bare: CaseViews, with_hl: CaseViews) -> Path:
    """Sections above, below the electrode that the bare case heats most, both cases on one colour scale."""
    cases = (bare, with_hl)
    spots = bare.measurement.hot_spots
    side = max(spots, key=lambda name: spots[name].p99_over_mean)
    sections = [view.section for view in cases]
    planes = [view.electrodes[side] for view in cases]
    flat = bare.dimension == 2
    images = [view.size for view in (sections if flat else sections + planes)]
    limits = style.shared_limits(images)
    ordinate = Normalize(0.0, max(float(view.size.max()) for view in planes)) if flat else limits
    span = min(view.extent[2] for view in sections), max(view.extent[3] for view in sections)
    heights = [_relative_height((*sections[0].extent[:2], *span), 0.11), _relative_height(planes[0].extent)]
    figure = style.new_figure(9.0, 3.75 * sum(heights) + 1.4)
    panels = figure.subplots(2, 2, height_ratios=heights)
    for (upper, lower), view in zip(panels.T, cases, strict=True):
        shown = draw_section(upper, view.section, limits)
        bar = style.bar_height(view.section.extent)
        upper.set_ylim(span[0] - bar, span[1] + bar)
        numbers = summary(view).replace(" · ", "\n")
        upper.set_title(f"{view.title}\n{numbers}", fontsize=10, color=style.INK)
        draw_plane(lower, view.electrodes[side], ordinate, plane_title(view, side))
    coloured = list(panels[0] if flat else panels.ravel())
    style.colour_bar(figure, shown, coloured, images, shrink=0.6, aspect=40, pad=0.012)
    return style.save(
        figure,
        path,
        "Above: section through the same grains. Dark lines: grain boundaries. White lines follow the "
        f"in-plane current. Below: an electrode. One colour scale.\n{style.NUMBERS}",
    )


def _relative_height(extent: Extent | None, margin: float = 0.0) -> float:
    """Height over width of a map, kept in bounds; of a plot over x where there is none."""
    if extent is None:
        return 0.45
    left, right, bottom, top = extent
    return float(np.clip((top - bottom) / (right - left) + margin, 0.3, 2.5))


def comparison_table(bare_result: Mapping[str, Any], hl_result: Mapping[str, Any]) -> str:
    """Main numbers of two results, as from ``result.json``, in columns of plain text."""
    results = (bare_result, hl_result)
    rows = [("", "bare", "with HL")]
    for name, key in _ROWS:
        bare, layered = (_cell(result, key) for result in results)
        if (bare, layered) != (DASH, DASH):
            rows.append((name, bare, layered))
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]
    with_errors = any(list(error_records(result.get("errors"))) for result in results)
    return "\n".join([lines[0], "-" * (sum(widths) + 4), *lines[1:], *([MEANING] if with_errors else [])])


def _cell(result: Mapping[str, Any], key: str) -> str:
    """A measure with its error, or why there is none."""
    reason = value_at(result, f"{key.rpartition('.')[0]}.reason")
    return "not resolved" if reason is not None else str(stated(result, key))


def _both_sides(name: str, key: str) -> list[tuple[str, str]]:
    """Rows of one measure on both sides."""
    return [(f"{name}, {side}", key.format(side)) for side in SIDES]


_ROWS: list[tuple[str, str]] = [
    ("current (A)", "transport.current_A"),
    ("current (A/m)", "transport.current_A_per_m"),
    ("mean current density (mA/cm²)", "transport.mean_current_density_mA_per_cm2"),
    ("resistance of the cell (Ω cm²)", "transport.asr_ohm_cm2"),
    ("σ_eff of the electrolyte (S/cm)", "transport.sigma_eff_S_per_cm"),
    *_both_sides("P99 / mean", "hot_spots.{}.p99_over_mean"),
    *_both_sides("3 µm window max / mean", "hot_spots.{}.window_max_over_mean.3_um"),
    *_both_sides("grain max / mean (area cut)", "hot_spots.{}.grain_max_over_mean_area_cut"),
    *_both_sides("pointwise max / mean", "hot_spots.{}.max_over_mean"),
    *_both_sides("homogenized at (µm)", "homogenizing_layer.{}.homogenized_at_um"),
    *_both_sides("decay length (µm)", "homogenizing_layer.{}.decay_length_um"),
]


def summary(views: CaseViews) -> str:
    """Mean current density and effective conductivity in one line."""
    t, errors = views.measurement.transport, views.measurement.errors["transport"]
    relative = errors["asr_ohm_cm2"]["estimated_error"] / t.asr_ohm_cm2
    mean, sigma = t.mean_current_density_mA_per_cm2, t.sigma_eff_S_per_cm * 1e3
    error = errors["sigma_eff_S_per_cm"]["estimated_error"] * 1e3
    shown = number(mean) if views.current_given else with_error(mean, relative * mean)
    return f"mean {shown} mA/cm² · σ$_{{eff}}$ {with_error(sigma, error)} mS/cm"


def plane_title(views: CaseViews, side: str) -> str:
    """Name of the electrode on a side, and below it the hot spots that do not depend on the mesh."""
    spots: HotSpots = views.measurement.hot_spots[side]
    errors = views.measurement.errors["hot_spots"][side]
    window, grain = "3_um", "grain_max_over_mean_area_cut"
    found = (
        ("P99", spots.p99_over_mean, errors["p99_over_mean"]),
        ("3 µm", spots.window_max_over_mean[window], errors["window_max_over_mean"][window]),
        ("grain", getattr(spots, grain), errors[grain]),
    )
    line = " · ".join(f"{name} {with_error(value, e, 3)}" for name, value, e in found if value is not None)
    return f"{side} electrode, over the mean:\n{line}"


def _section(path: Path, views: CaseViews) -> Path:
    """Section through the grains."""
    view = views.section
    width = 6.4
    ratio = (view.extent[3] - view.extent[2]) / (view.extent[1] - view.extent[0])
    figure = style.new_figure(width + 1.2, float(np.clip(width * (ratio + 0.11), 2.5, 12.0)) + 0.9)
    axes = figure.subplots()
    image = draw_section(axes, view, style.shared_limits([view.size]))
    title = f"{views.title}: current density between the electrodes\n{summary(views)}"
    axes.set_title(title, fontsize=10, color=style.INK)
    style.colour_bar(figure, image, axes, [view.size], shrink=0.9, aspect=32, pad=0.015)
    where = "The whole domain" if view.y is None else f"Section at y = {view.y:.4g} µm"
    lines = "Dark lines: grain boundaries. White lines follow the current."
    return style.save(figure, path, f"{where}. {lines}\n{style.NUMBERS}")


def draw_section(axes: Axes, view: SectionView, limits: Normalize) -> AxesImage:
    """Section coloured by |J|, with grain boundaries, stream lines, layers, electrodes and scale bar.

    Colours end at `limits` (mA/cm²). The image is returned for the colour bar.
    """
    image = axes.imshow(view.size, origin="lower", extent=view.extent, cmap=style.COLOURS, norm=limits)
    style.draw_boundaries(axes, view.boundaries, view.extent)
    _draw_stream_lines(axes, view)
    left, right, bottom, top = view.extent
    label: dict[str, Any] = {"fontsize": 8, "color": "white", "ha": "left", "va": "center", "zorder": 6}
    for z, outer in zip(view.z_electrolyte, (bottom, top), strict=True):
        if z != outer:
            axes.plot([left, right], [z, z], color=style.INK, linewidth=2.2, zorder=4)
            axes.plot([left, right], [z, z], color="white", linewidth=1.2, linestyle=(0, (5, 2)), zorder=4)
            text = axes.text(left + 0.015 * (right - left), (z + outer) / 2, "homogenizing layer", **label)
            text.set_bbox({"facecolor": style.INK, "alpha": 0.55, "linewidth": 0, "pad": 2})
    style.electrode_bars(axes, view.extent)
    style.scale_bar(axes, view.extent)
    style.bare(axes)
    axes.set_aspect("equal")
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
    # arrows at three heights in turn: side by side they would read as a row
    at = [line[int(len(line) * (0.3, 0.5, 0.7)[k % 3]) :][:2] for k, line in enumerate(lines)]
    start, step = np.array([a for a, _ in at]), np.array([b - a for a, b in at])
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    size = {"units": "dots", "width": 1.0, "scale": 0.09, "scale_units": "dots"}
    head = {"headwidth": 7, "headlength": 10, "headaxislength": 10}
    axes.quiver(*start.T, *step.T, color="white", pivot="mid", zorder=3, **size, **head)


def _electrodes(path: Path, views: CaseViews) -> Path:
    """Current density into both electrodes."""
    planes = views.electrodes
    flat = views.dimension == 2
    size = (8.6, 4.4) if flat else (9.2, 4.05 * _relative_height(planes["bottom"].extent) + 1.0)
    figure = style.new_figure(*size)
    panels = figure.subplots(2, 1, sharex=True) if flat else figure.subplots(1, 2)
    images = [planes[side].size for side in SIDES]
    limits = style.shared_limits(images)
    if flat:
        limits.vmax = max(float(image.max()) for image in images)
    shown = None
    for axes, side in zip(panels, SIDES, strict=True):
        shown = draw_plane(axes, planes[side], limits, plane_title(views, side))
    if shown is not None:
        style.colour_bar(figure, shown, list(panels), images, shrink=0.85, aspect=28, pad=0.015)
    figure.suptitle(f"{views.title}: current density on the electrodes", fontsize=10, color=style.INK)
    return style.save(figure, path, style.NUMBERS)


def draw_plane(axes: Axes, view: PlaneView, limits: Normalize, title: str) -> AxesImage | None:
    """Map of the current density through a plane; in 2D its course along x.

    Colours, in 2D the ordinate, end at `limits` (mA/cm²). Returned is the image for the colour bar; None
    in 2D.
    """
    axes.set_title(title, fontsize=9, color=style.INK)
    if view.extent is None:
        axes.plot(view.x, view.size, color=style.BOTTOM, linewidth=1.2)
        for x in view.boundaries[:, 0, 0]:
            axes.axvline(x, color=style.INK, linewidth=0.7, linestyle=":")
        axes.set_xlim(view.x[0], view.x[-1])
        axes.set_ylim(0.0, (limits.vmax or 0.0) * 1.05)
        style.plot_frame(axes, "x (µm)", "current density (mA/cm²)", size=8)
        return None
    image = axes.imshow(view.size, origin="lower", extent=view.extent, cmap=style.COLOURS, norm=limits)
    style.draw_boundaries(axes, view.boundaries, view.extent, width=0.7)
    style.scale_bar(axes, view.extent)
    style.bare(axes)
    return image


def _distribution(path: Path, views: CaseViews) -> Path:
    """Share of the area that carries more than a multiple of the mean."""
    figure = style.new_figure(6.4, 4.3)
    axes = figure.subplots()
    least = [
        _draw_distribution(axes, views.electrodes[side], f"{side} electrode", side, width=width)
        for side, width in zip(SIDES, (2.6, 1.1), strict=True)  # both are seen where they are alike
    ]
    for side, view in views.electrolyte.items():
        least.append(_draw_distribution(axes, view, f"electrolyte | layer, {side}", side, dashes="--"))
    axes.axvline(1.0, color="#c9cad0", linewidth=0.8, zorder=0)
    axes.set_yscale("log")
    axes.set_ylim(max(_LEAST_SHARE, 10.0 ** math.floor(math.log10(min(least)))), 1.5)
    axes.set_xlim(left=0.0)
    axes.set_title(f"{views.title}: distribution of the current density", fontsize=10, color=style.INK)
    style.plot_frame(axes, "current density over its mean", "share of the area above", size=9, legend=True)
    return style.save(figure, path, style.MESH_LIMITED)


def _draw_distribution(
    axes: Axes, view: PlaneView, name: str, side: str, dashes: str = "-", width: float = 1.3
) -> float:
    """One curve, its points even over the range up to where `_LEAST_SHARE` lies above; its least share."""
    j, area = view.j_over_mean, view.area
    largest = max(float(quantiles(j, area, [1.0 - _LEAST_SHARE])[0]), float(j.min()) + 1e-6)
    levels = np.linspace(float(j.min()), largest, _CURVE_POINTS)
    share = share_above(j, area, levels)
    axes.plot(levels, share, color=style.SIDE_COLOURS[side], linestyle=dashes, linewidth=width, label=name)
    return float(share[share > 0].min(initial=1.0))


def _profile(path: Path, views: CaseViews) -> Path:
    """Current density across the homogenizing layers as it evens out."""
    profiles = views.measurement.homogenizing_layer
    figure = style.new_figure(4.6 * len(profiles) + 0.6, 5.2)
    panels = figure.subplots(2, len(profiles), sharex="col", squeeze=False)
    for column, (side, profile) in enumerate(profiles.items()):
        errors = views.measurement.errors["homogenizing_layer"][side]
        _draw_spread(panels[0, column], profile, f"{side}: {_homogenized(profile, errors)}")
        _draw_decay(panels[1, column], profile, errors["decay_length_um"])
    title = f"{views.title}: current density across the homogenizing layer"
    figure.suptitle(title, fontsize=10, color=style.INK)
    return style.save(figure, path, f"Mean: current over area. {style.NUMBERS}")


def _homogenized(profile: HLProfile, errors: Mapping[str, Any]) -> str:
    """Place where the layer has homogenized the current, as text, or that it is not resolved."""
    if profile.reason is not None:
        return f"fewer than {FEWEST_CELLS} cells thick, not resolved"
    found = profile.homogenized_at_um
    if found is None:
        return f"max ≤ {HOMOGENIZED:g} × mean nowhere"
    return f"max ≤ {HOMOGENIZED:g} × mean from {with_error(found, errors['homogenized_at_um'], 3)} µm on"


def _draw_spread(axes: Axes, profile: HLProfile, title: str) -> None:
    """Largest |J| and P99 over the mean, and where the layer has homogenized it."""
    for values, colour, name in (
        (profile.max_over_mean, style.TOP, "max |J| / mean"),
        (profile.p99_over_mean, style.BOTTOM, "P99 |J| / mean"),
    ):
        axes.plot(profile.distance_um, values, ".-", color=colour, linewidth=1.2, markersize=4, label=name)
    axes.axhline(HOMOGENIZED, color=style.GUIDE, linewidth=0.8, linestyle=":")
    if profile.homogenized_at_um is not None:
        axes.axvline(profile.homogenized_at_um, color=style.GUIDE, linewidth=0.8)
    axes.set_title(title, fontsize=9, color=style.INK)
    axes.set_ylim(bottom=min(1.0, min(profile.p99_over_mean)))
    style.plot_frame(axes, y="over the mean", size=9, legend=True)


def _draw_decay(axes: Axes, profile: HLProfile, error: Mapping[str, Any]) -> None:
    """Standard deviation of J_z and the fitted cosh."""
    distance, std = np.asarray(profile.distance_um), np.asarray(profile.std_over_mean)
    shown = std > 0
    axes.plot(distance[shown], std[shown], ".", color=style.INK, markersize=5, label="std J$_z$ / mean")
    fit = fit_decay(distance, std, distance[-1]) if profile.reason is None else None
    if fit is not None:
        curve = fit[1] * np.exp(log_cosh((distance[-1] - distance) / fit[0]))
        label = f"a cosh((h − z)/λ), λ = {with_error(fit[0], error, 3)} µm"
        axes.plot(distance, curve, color=style.TOP, linewidth=1.2, label=label)
    if shown.any():
        axes.set_yscale("log")
    style.plot_frame(axes, "distance from the electrolyte (µm)", "over the mean", size=9, legend=True)
