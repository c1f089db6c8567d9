"""Plots of a study: hot spots over each axis and over Bi, conductivity beside its estimates and bounds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes

from gbflux.report import style
from gbflux.report.page.curves import (
    Abscissa,
    Curve,
    abscissa,
    bands_caption,
    biot_abscissa,
    curves_over,
    decides,
    draw_curve,
    draw_metrics,
    dress,
    leading_axes,
    legend_below,
    paired_caption,
    pens,
    shown_curves,
)
from gbflux.report.page.image import Picture, from_figure
from gbflux.report.page.study_folder import Study
from gbflux.report.page.wording import CELL, Metric, side_metrics

SIDE = "top"
_ESTIMATES = (
    ("transport.brick_layer_S_per_cm", "brick layer", "--"),
    ("transport.wiener_lower_S_per_cm", "Wiener bounds", ":"),
    ("transport.wiener_upper_S_per_cm", "", ":"),
)
_, SIGMA, ASR = CELL


def abscissas(study: Study) -> list[Abscissa]:
    """All axes to draw over: those swept, and Bi where it varies."""
    biot = biot_abscissa(study)
    return [*(abscissa(study, axis) for axis in leading_axes(study)), *([biot] if biot else [])]


def hot_spot_plots(study: Study) -> list[Picture]:
    """Hot-spot metrics of one electrode over each axis."""
    p99, _, window, grain, _, inner, homogenized, _ = side_metrics(SIDE)
    metrics = [p99, window, grain if _defined(study, grain) else inner]
    if _defined(study, homogenized) and not _defined(study, grain):
        metrics[2] = homogenized
    plots = (
        draw_metrics(study, over, metrics, f"Hot spots against {_plain(over)}") for over in abscissas(study)
    )
    return [plot for plot in plots if plot is not None]


def _defined(study: Study, metric: Metric) -> bool:
    """Test whether a metric has a value at more than half of the points."""
    count = sum(study.mean(p, metric.key) is not None for p in study.points)
    return 2 * count > len(study.points)


def _plain(over: Abscissa) -> str:
    """Label of an axis without its unit or formula."""
    return over.label.split(" = ")[0].split(" (")[0]


def transport_plots(study: Study) -> list[Picture]:
    """σ_eff beside brick layer and bounds, and the resistance of the cell, over Bi and the axes beside it."""
    biot, axes = biot_abscissa(study), [abscissa(study, axis) for axis in leading_axes(study)]
    if biot is not None:
        axes = [biot, *(over for over in axes if not decides(over, biot))]
    return [picture for over in axes if (picture := _transport(study, over)) is not None]


def _transport(study: Study, over: Abscissa) -> Picture | None:
    """Two panels over one axis."""
    if all(study.mean(p, SIGMA.key) is None for p in over.x):
        return None
    curves, note = shown_curves(curves_over(study, over))
    figure = style.new_figure(9.0, 4.1)
    left, right = figure.subplots(1, 2)
    for curve, pen in zip(curves, pens(curves, "finite elements"), strict=True):
        draw_curve(left, study, over, curve, SIGMA.key, pen)
        draw_curve(right, study, over, curve, ASR.key, pen)
    for curve in _distinct(study, curves):
        _draw_estimates(left, study, curve)
    for axes, metric in ((left, SIGMA), (right, ASR)):
        axes.set_ylabel(metric.label, fontsize=9)
        dress(axes, over)
        _log_if_wide(axes)
    legend_below(figure, left)
    title = f"Conductivity and resistance against {_plain(over)}"
    alt = f"σ_eff with brick layer and Wiener bounds, and resistance of the cell, against {over.label}."
    estimates = "Dashed: brick layer σ_g/(1 + Bi). Dotted: Wiener bounds."
    return from_figure(
        figure, title, alt, note + paired_caption(study, over) + bands_caption(over, curves) + estimates
    )


def _distinct(study: Study, curves: Iterable[Curve]) -> list[Curve]:
    """Curves whose brick layer differs: a layer does not change the electrolyte below it."""
    found: dict[tuple, Curve] = {}
    for curve in curves:
        values = [study.mean(p, _ESTIMATES[0][0]) for p in curve.points]
        found.setdefault(tuple(None if v is None else round(np.log(v), 1) for v in values), curve)
    return list(found.values())


def _draw_estimates(axes: Axes, study: Study, curve: Curve) -> None:
    """Brick layer and bounds along a curve."""
    drawn = set(axes.get_legend_handles_labels()[1])
    for key, name, dashes in _ESTIMATES:
        pairs = [(x, study.mean(p, key)) for p, x in zip(curve.points, curve.x, strict=True)]
        x, y = zip(*[pair for pair in pairs if pair[1] is not None] or [(np.nan, np.nan)], strict=True)
        label = name if name and name not in drawn else None
        axes.plot(x, y, dashes, color=style.INK, linewidth=1.0, label=label, zorder=1)


def _log_if_wide(axes: Axes) -> None:
    """A logarithmic scale where values span more than a factor of eight."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines] or [np.ones(1)])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 8 * values.min():
        axes.set_yscale("log")
