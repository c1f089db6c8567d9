"""The figures of one case: section, electrodes, distribution and, with a homogenizing layer, its profile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gbflux.measure.distribution import quantiles, share_above
from gbflux.measure.error_text import number, with_error
from gbflux.measure.hl_profile import FEWEST_CELLS, HOMOGENIZED, HLProfile, fit_decay, log_cosh
from gbflux.measure.hot_spots import HotSpots
from gbflux.report import style
from gbflux.report.panels import draw_plane, draw_section
from gbflux.report.views import CaseViews, PlaneView
from gbflux.units import SIDES

_CURVE_POINTS = 400
_LEAST_SHARE = 1e-5  # of the area; what is less is a facet or two


def draw_views(directory_figures: Path, views: CaseViews) -> list[Path]:
    """Draw all figures of a case into a folder that exists.

    Parameters
    ----------
    directory_figures : Path
    views : CaseViews

    Returns
    -------
    list of Path
        ``section.png``, ``electrodes.png``, ``distribution.png`` and, with a layer,
        ``homogenizing_layer.png``.
    """
    folder = Path(directory_figures)
    paths = [
        _section(folder / "section.png", views),
        _electrodes(folder / "electrodes.png", views),
        _distribution(folder / "distribution.png", views),
    ]
    if views.measurement.homogenizing_layer:
        paths.append(_profile(folder / "homogenizing_layer.png", views))
    return paths


def summary(views: CaseViews) -> str:
    """Mean current density and effective conductivity in one line.

    Parameters
    ----------
    views : CaseViews

    Returns
    -------
    str
    """
    t, errors = views.measurement.transport, views.measurement.errors["transport"]
    relative = errors["asr_ohm_cm2"]["estimated_error"] / t.asr_ohm_cm2
    mean, sigma = t.mean_current_density_mA_per_cm2, t.sigma_eff_S_per_cm * 1e3
    error = errors["sigma_eff_S_per_cm"]["estimated_error"] * 1e3
    shown = number(mean) if views.current_given else with_error(mean, relative * mean)
    return f"mean {shown} mA/cm² · σ$_{{eff}}$ {with_error(sigma, error)} mS/cm"


def _section(path: Path, views: CaseViews) -> Path:
    """Section through the grains."""
    view = views.section
    width = 6.4
    ratio = (view.extent[3] - view.extent[2]) / (view.extent[1] - view.extent[0])
    figure = style.new_figure(width + 1.2, float(np.clip(width * (ratio + 0.11), 2.5, 12.0)) + 0.9)
    axes = figure.subplots()
    limits = style.shared_limits([view.size])
    image = draw_section(axes, view, limits)
    axes.set_title(
        f"{views.title}: current density between the electrodes\n{summary(views)}",
        fontsize=10,
        color=style.INK,
    )
    style.colour_bar(figure, image, axes, [view.size], shrink=0.9, aspect=32, pad=0.015)
    where = "The whole domain" if view.y is None else f"Section at y = {view.y:.4g} µm"
    return style.save(
        figure,
        path,
        f"{where}. Dark lines: grain boundaries. White lines follow the current.\n{style.NUMBERS}",
    )


def _electrodes(path: Path, views: CaseViews) -> Path:
    """Current density into both electrodes."""
    planes = views.electrodes
    flat = views.dimension == 2
    figure = (
        style.new_figure(8.6, 4.4)
        if flat
        else style.new_figure(9.2, 4.05 * _flatness(planes["bottom"]) + 1.0)
    )
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


def plane_title(views: CaseViews, side: str) -> str:
    """An electrode's name, and its hot spots below.

    Parameters
    ----------
    views : CaseViews
    side : str
        ``"bottom"`` or ``"top"``.

    Returns
    -------
    str
    """
    found = views.measurement
    line = spot_line(found.hot_spots[side], found.errors["hot_spots"][side])
    return f"{side} electrode, over the mean:\n{line}"


def _flatness(view: PlaneView) -> float:
    """Height over width of a map, kept in bounds."""
    left, right, bottom, top = view.extent
    return float(np.clip((top - bottom) / (right - left), 0.3, 2.5))


def spot_line(spots: HotSpots, errors: Mapping[str, Any]) -> str:
    """The hot-spot measures that do not depend on the mesh, with their errors, in one line.

    Parameters
    ----------
    spots : HotSpots
    errors : mapping
        Of the same plane, as in `Measurement.errors`.

    Returns
    -------
    str
    """
    window, grain = "3_um", "grain_max_over_mean_area_cut"
    found = (
        ("P99", spots.p99_over_mean, errors["p99_over_mean"]),
        ("3 µm", spots.window_max_over_mean[window], errors["window_max_over_mean"][window]),
        ("grain", getattr(spots, grain), errors[grain]),
    )
    return " · ".join(f"{name} {with_error(value, e, 3)}" for name, value, e in found if value is not None)


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
    axes.set_xlabel("current density over its mean", fontsize=9)
    axes.set_ylabel("share of the area above", fontsize=9)
    axes.set_title(f"{views.title}: distribution of the current density", fontsize=10, color=style.INK)
    style.plot_frame(axes)
    axes.legend(fontsize=8, frameon=False)
    return style.save(figure, path, style.MESH_LIMITED)


def _draw_distribution(
    axes: Axes, view: PlaneView, name: str, side: str, dashes: str = "-", width: float = 1.3
) -> float:
    """One curve, its points even over the range up to where `_LEAST_SHARE` lies above; its least share."""
    j, area = view.j_over_mean, view.area
    largest = max(float(quantiles(j, area, [1.0 - _LEAST_SHARE])[0]), float(j.min()) + 1e-6)
    levels = np.linspace(float(j.min()), largest, _CURVE_POINTS)
    share = share_above(j, area, levels)
    colour = style.SIDE_COLOURS[side]
    axes.plot(levels, share, color=colour, linestyle=dashes, linewidth=width, label=name)
    return float(share[share > 0].min(initial=1.0))


def _profile(path: Path, views: CaseViews) -> Path:
    """Draw how the current evens out across the homogenizing layers."""
    profiles = views.measurement.homogenizing_layer
    figure = style.new_figure(4.6 * len(profiles) + 0.6, 5.2)
    panels = figure.subplots(2, len(profiles), sharex="col", squeeze=False)
    for column, (side, profile) in enumerate(profiles.items()):
        errors = views.measurement.errors["homogenizing_layer"][side]
        _draw_spread(panels[0, column], profile, f"{side}: {_homogenized(profile, errors)}")
        _draw_decay(panels[1, column], profile, errors["decay_length_um"])
    figure.suptitle(
        f"{views.title}: current density across the homogenizing layer", fontsize=10, color=style.INK
    )
    return style.save(figure, path, f"Mean: current over area. {style.NUMBERS}")


def _homogenized(profile: HLProfile, errors: Mapping[str, Any]) -> str:
    """Return where the layer has homogenized the current, as text, or that it is not resolved."""
    if profile.reason is not None:
        return f"fewer than {FEWEST_CELLS} cells thick, not resolved"
    found = profile.homogenized_at_um
    if found is None:
        return f"max ≤ {HOMOGENIZED:g} × mean nowhere"
    return f"max ≤ {HOMOGENIZED:g} × mean from {with_error(found, errors['homogenized_at_um'], 3)} µm on"


def _draw_spread(axes: Axes, profile: HLProfile, title: str) -> None:
    """Largest |J| and P99 over the mean, and where the layer has homogenized it."""
    axes.plot(
        profile.distance_um,
        profile.max_over_mean,
        ".-",
        color=style.TOP,
        linewidth=1.2,
        markersize=4,
        label="max |J| / mean",
    )
    axes.plot(
        profile.distance_um,
        profile.p99_over_mean,
        ".-",
        color=style.BOTTOM,
        linewidth=1.2,
        markersize=4,
        label="P99 |J| / mean",
    )
    axes.axhline(HOMOGENIZED, color="#8a8b92", linewidth=0.8, linestyle=":")
    found = profile.homogenized_at_um
    if found is not None:
        axes.axvline(found, color="#8a8b92", linewidth=0.8)
    axes.set_title(title, fontsize=9, color=style.INK)
    axes.set_ylabel("over the mean", fontsize=9)
    axes.set_ylim(bottom=min(1.0, min(profile.p99_over_mean)))
    style.plot_frame(axes)
    axes.legend(fontsize=8, frameon=False)


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
    axes.set_xlabel("distance from the electrolyte (µm)", fontsize=9)
    axes.set_ylabel("over the mean", fontsize=9)
    style.plot_frame(axes)
    axes.legend(fontsize=8, frameon=False)
