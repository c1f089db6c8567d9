"""Curves of a study: a metric over one axis, one for each choice of the other axes, with their bands.

Drawn are hot spots over each swept axis and over the Biot number Bi = (δ/d)(σ_g/σ_gb), and the conductivity
beside its estimates and bounds. Axes that change together count as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gbflux.case import Case
from gbflux.measure.metrics import Metric
from gbflux.report.figures import style
from gbflux.report.page.content import Picture, from_figure
from gbflux.report.page.folders import Study, Summary, number
from gbflux.report.page.wording import (
    CELL,
    axis_label,
    axis_point,
    axis_value,
    side_metrics,
)

_T = TypeVar("_T")
SIDE = "top"  # the side whose hot spots are shown
MOST_CURVES = 6
FEW_CURVES = 2  # up to so many, the spread of the realisations is drawn too
_LETTER_IN, _HANDLE_IN = 0.068, 0.55  # of a legend in 8 points: a letter; a line, and space around it
_, _SIGMA, _ASR = CELL
_ESTIMATES = (  # key, name in the legend, dashes
    ("transport.brick_layer_S_per_cm", "brick layer", "--"),
    ("transport.wiener_lower_S_per_cm", "Wiener bounds", ":"),
    ("transport.wiener_upper_S_per_cm", "", ":"),
)
_WIDE = 30  # ratio of the ends of an axis from which on it is logarithmic


@dataclass(frozen=True)
class Curve:
    """Points of equal other axes, in ascending order of x: their names, x and what the line stands for."""

    label: str
    points: tuple[str, ...]
    x: tuple[float, ...]


@dataclass(frozen=True)
class Abscissa:
    """An axis to draw over: its name, its value at each point, and the names of values that are words."""

    key: str
    label: str
    x: dict[str, float]
    words: tuple[str, ...] = ()

    @property
    def logarithmic(self) -> bool:
        """True if values are positive and far apart, so that the axis is logarithmic."""
        values = self.x.values()
        return not self.words and bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)


@dataclass(frozen=True)
class Pen:
    """Style of a curve: colour, name in the legend, place beside others, whether its spread is shown."""

    colour: Any
    name: str = ""
    place: float = 0.0
    spread: bool = False


def _pens(curves: Sequence[Curve], unnamed: str = "") -> list[Pen]:
    """A pen for each curve; one without a label is called `unnamed`."""
    places = np.linspace(-0.12, 0.12, len(curves)) if len(curves) > 1 else [0.0]
    few = len(curves) <= FEW_CURVES
    return [
        Pen(colour, curve.label or unnamed, float(place), few)
        for curve, colour, place in zip(curves, colours(len(curves)), places, strict=True)
    ]


def _varying_axes(study: Study) -> list[str]:
    """Axes that have more than one value."""
    return [a for a in study.axes if len({values[a] for values in study.points.values()}) > 1]


def _leading_axes(study: Study) -> list[str]:
    """Axes that vary, the first alone of those that change together."""
    kept: list[str] = []
    for axis in _varying_axes(study):
        over = abscissa(study, axis)
        kept += [] if any(_together(over, abscissa(study, other)) for other in kept) else [axis]
    return kept


def _together(one: Abscissa, other: Abscissa) -> bool:
    """Test whether values of two axes go in pairs."""
    return decides(one, other) and decides(other, one)


def point_name(study: Study, point: str) -> str:
    """Name of a point: its values on the axes that vary."""
    parts = (axis_point(axis, study.points[point][axis], study.axes) for axis in _leading_axes(study))
    return ", ".join(parts) or f"point {point}"


def abscissa(study: Study, axis: str) -> Abscissa:
    """A swept key as an axis; words become places 0, 1, 2."""
    texts = {point: values[axis] for point, values in study.points.items()}
    if all(number(text) is not None for text in texts.values()):
        return Abscissa(axis, axis_label(axis), {p: float(t) for p, t in texts.items()})
    words = tuple(dict.fromkeys(texts.values()))
    places = {p: float(words.index(t)) for p, t in texts.items()}
    return Abscissa(axis, axis_label(axis), places, tuple(axis_value(w) for w in words))


def biot_abscissa(study: Study) -> Abscissa | None:
    """Bi as an axis, at the points of which a case can be read; None where it does not vary."""
    x = {
        point: float(f"{biot_number(case):.9g}")  # so that rounding does not part equal ones
        for point in study.points
        if (case := study.cases.get(point)) is not None
    }
    return Abscissa("Bi", "Bi = (δ/d)(σ_g/σ_gb)", x) if len(set(x.values())) > 1 else None


def biot_number(case: Case) -> float:
    """Bi = (δ/d)(σ_g/σ_gb)."""
    return case.delta_um / case.mean_grain_size_um * case.sigma_grain / case.sigma_gb


def curves_over(study: Study, over: Abscissa) -> list[Curve]:
    """One curve for each choice of the axes that `over` does not decide."""
    others = [axis for axis in _leading_axes(study) if not decides(over, abscissa(study, axis))]
    groups: dict[tuple[str, ...], list[str]] = {}
    for point, values in study.points.items():
        if point in over.x:
            groups.setdefault(tuple(values[a] for a in others), []).append(point)
    curves = []
    for chosen, points in groups.items():
        points.sort(key=lambda p: over.x[p])
        label = ", ".join(axis_point(a, v, study.axes) for a, v in zip(others, chosen, strict=True))
        curves.append(Curve(label, tuple(points), tuple(over.x[p] for p in points)))
    return curves


def decides(over: Abscissa, other: Abscissa) -> bool:
    """Test whether each value of one axis goes with one value of the other alone."""
    seen: dict[float, set[float]] = {}
    for point, x in over.x.items():
        if point in other.x:
            seen.setdefault(x, set()).add(other.x[point])
    return all(len(values) == 1 for values in seen.values())


def evenly_chosen(items: Sequence[_T], most: int) -> list[_T]:
    """At most so many items, evenly from the first to the last."""
    kept = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[k] for k in kept]


def shown_curves(curves: Sequence[Curve]) -> tuple[list[Curve], str]:
    """As many curves as can be distinguished, and a sentence about the rest."""
    kept = evenly_chosen(curves, MOST_CURVES)
    left_out = len(kept) < len(curves)
    return kept, f"{len(kept)} of {len(curves)} curves are drawn; the table has all. " if left_out else ""


def colours(count: int) -> list[Any]:
    """Colours of `count` curves: two apart for colour-blind readers, or steps of one scale."""
    if count <= 2:
        return [style.BOTTOM, style.TOP][:count]
    return [colormaps[style.COLOURS](x) for x in np.linspace(0.0, 0.75, count)]


def hot_spot_plots(study: Study) -> list[Picture]:
    """Hot-spot metrics of one electrode over each swept axis, and over Bi where it varies."""
    biot, axes = biot_abscissa(study), [abscissa(study, axis) for axis in _leading_axes(study)]
    p99, _, window, grain, _, inner, homogenized, _ = side_metrics(SIDE)
    metrics = [p99, window, grain if _defined(study, grain) else inner]
    if _defined(study, homogenized) and not _defined(study, grain):
        metrics[2] = homogenized
    axes += [biot] if biot else []
    plots = (_draw_metrics(study, over, metrics, f"Hot spots against {_plain(over)}") for over in axes)
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
    biot, axes = biot_abscissa(study), [abscissa(study, axis) for axis in _leading_axes(study)]
    if biot is not None:
        axes = [biot, *(over for over in axes if not decides(over, biot))]
    return [picture for over in axes if (picture := _transport(study, over)) is not None]


def _transport(study: Study, over: Abscissa) -> Picture | None:
    """Two panels over one axis."""
    if all(study.mean(p, _SIGMA.key) is None for p in over.x):
        return None
    curves, note = shown_curves(curves_over(study, over))
    figure = style.new_figure(9.0, 4.1)
    left, right = figure.subplots(1, 2)
    for curve, pen in zip(curves, _pens(curves, "finite elements"), strict=True):
        _draw_curve(left, study, over, curve, _SIGMA.key, pen)
        _draw_curve(right, study, over, curve, _ASR.key, pen)
    for curve in _distinct(study, curves):
        _draw_estimates(left, study, curve)
    for axes, metric in ((left, _SIGMA), (right, _ASR)):
        dress(axes, over, metric.label)
        _log_if_wide(axes)
    legend_below(figure, left)
    title = f"Conductivity and resistance against {_plain(over)}"
    alt = f"σ_eff with brick layer and Wiener bounds, and resistance of the cell, against {over.label}."
    estimates = "Dashed: brick layer σ_g/(1 + Bi). Dotted: Wiener bounds."
    return from_figure(
        figure, title, alt, note + _paired_caption(study, over) + _bands_caption(over, curves) + estimates
    )


def _distinct(study: Study, curves: Iterable[Curve]) -> list[Curve]:
    """Curves whose brick layer differs: a layer does not change the electrolyte below it."""
    found: dict[tuple[float | None, ...], Curve] = {}
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


def _draw_metrics(study: Study, over: Abscissa, metrics: Sequence[Metric], title: str) -> Picture | None:
    """Panels of metrics over one axis with their bands; None where nothing is to be drawn."""
    metrics = [m for m in metrics if any(study.mean(p, m.key) is not None for p in over.x)]
    if not metrics:
        return None
    curves, note = shown_curves(curves_over(study, over))
    figure = style.new_figure(0.6 + 3.2 * len(metrics), 3.8)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        for curve, pen in zip(curves, _pens(curves), strict=True):
            _draw_curve(axes, study, over, curve, metric.key, pen)
        dress(axes, over, metric.label)
    if len(curves) > 1 or curves[0].label:
        legend_below(figure, panels[0])
    names = "; ".join(metric.name for metric in metrics)
    alt = f"{names}, against {over.label}: {len(curves)} curves over {len(over.x)} points."
    drawn = [point for curve in curves for point in curve.points]
    partial = [m.name for m in metrics if any(study.partial(point, m.key) for point in drawn)]
    note += _paired_caption(study, over)
    return from_figure(figure, title, alt, note + _bands_caption(over, curves) + _partial_caption(partial))


def _paired_caption(study: Study, over: Abscissa) -> str:
    """Sentence on what else changes along an axis; empty where nothing does."""
    others = [abscissa(study, axis) for axis in _varying_axes(study) if axis != over.key]
    names = [other.label for other in others if _together(over, other)]
    return f"Along with it change {'; '.join(names)}. " if names else ""


def _partial_caption(names: Sequence[str]) -> str:
    """Sentence on open points; empty without names of metrics that have some."""
    listed = f"Open points ({'; '.join(names)}): some realisations have no such value, "
    return f"{listed}the mean is over the others. " if names else ""


def _bands_caption(over: Abscissa, curves: Sequence[Curve]) -> str:
    """Sentences that explain points, bars and bands."""
    bars = "Bars" if over.words else "Bars and band"
    few = len(curves) <= FEW_CURVES and not over.words
    spread = "Pale band: P10 to P90 of the realisations. " if few else ""
    interval = f"{bars}: 95 % interval of the mean, where there are 3 or more. "
    return f"Points: mean over realisations. {interval}{spread}"


def _draw_curve(axes: Axes, study: Study, over: Abscissa, curve: Curve, metric: str, pen: Pen) -> None:
    """Mean and interval of a metric along a curve, and the spread of the realisations if asked for."""
    found = [(x, study.summary.get(p, {}).get(metric)) for p, x in zip(curve.points, curve.x, strict=True)]
    kept = [(x, s) for x, s in found if s is not None and s.mean is not None]
    if not kept:
        return
    x, mean = np.array([k[0] for k in kept]), np.array([k[1].mean for k in kept])
    if over.words:  # places, with nothing between them: side by side, without lines
        x = x + pen.place
    line = "o" if over.words else "o-"
    with_mean = (p for p in curve.points if study.mean(p, metric) is not None)
    partial = np.array([study.partial(p, metric) for p in with_mean])
    # a line through means of different realisations, and an interval of them, would say nothing
    whole = np.where(partial, np.nan, mean)
    summaries = [None if p else k[1] for k, p in zip(kept, partial, strict=True)]
    _draw_bands(axes, x, summaries, pen, not over.words)
    axes.plot(x, whole, line, color=pen.colour, markersize=4, linewidth=1.4, label=pen.name or curve.label)
    axes.plot(x[partial], mean[partial], "o", color=pen.colour, markersize=4, markerfacecolor="white")


def _draw_bands(
    axes: Axes, x: NDArray[np.float64], summaries: Sequence[Summary | None], pen: Pen, between: bool
) -> None:
    """The 95 % interval as band and bars, P10 to P90 paler; only where there are realisations to spread."""
    for low, high, alpha in (("low", "high", 0.18), ("p10", "p90", 0.13)):
        ends = np.array([[_or_nan(s, low), _or_nan(s, high)] for s in summaries])
        several = np.array([s is not None and s.n > 1 for s in summaries]) & np.isfinite(ends).all(axis=1)
        lower, upper = np.where(several, ends.T, np.nan)
        if between and (low == "low" or pen.spread):
            axes.fill_between(x, lower, upper, color=pen.colour, alpha=alpha, linewidth=0)
        if low == "low":
            axes.vlines(x, lower, upper, color=pen.colour, linewidth=1.0)


def _or_nan(summary: Summary | None, name: str) -> float:
    value = None if summary is None else getattr(summary, name)
    return float("nan") if value is None else value


def dress(axes: Axes, over: Abscissa, label: str = "") -> None:
    """Frame, labels, scale and ticks of a plot over an axis."""
    if over.words:
        axes.set_xticks(range(len(over.words)), over.words)
        axes.set_xlim(-0.5, len(over.words) - 0.5)  # places without a value, too
    elif over.logarithmic:
        axes.set_xscale("log")
    style.plot_frame(axes, over.label, label, size=9)


def legend_below(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """One legend for all panels, below them, in as many columns as fit."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        widest = _HANDLE_IN + _LETTER_IN * max(map(len, labels))
        columns = max(1, min(columns, int(figure.get_figwidth() / widest)))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
