"""Curves of a study: a metric over one axis, one for each choice of the other axes, with their bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gbflux.report.figures import style
from gbflux.report.page.content import Picture, from_figure
from gbflux.report.page.folders import Study, Summary, number
from gbflux.report.page.wording import Metric, axis_label, axis_point, axis_value

MOST_CURVES = 6
FEW_CURVES = 2  # up to so many, the spread of the realisations is drawn too
_LETTER_IN, _HANDLE_IN = 0.068, 0.55  # of a legend in 8 points: a letter; a line, and space around it
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
        values = [v for v in self.x.values() if v is not None]
        return not self.words and bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)


@dataclass(frozen=True)
class Pen:
    """Style of a curve: colour, name in the legend, place beside others, whether its spread is shown."""

    colour: Any
    name: str = ""
    place: float = 0.0
    spread: bool = False


def pens(curves: Sequence[Curve], unnamed: str = "") -> list[Pen]:
    """A pen for each curve; one without a label is called `unnamed`."""
    places = np.linspace(-0.12, 0.12, len(curves)) if len(curves) > 1 else [0.0]
    few = len(curves) <= FEW_CURVES
    return [
        Pen(colour, curve.label or unnamed, float(place), few)
        for curve, colour, place in zip(curves, colours(len(curves)), places, strict=True)
    ]


def varying_axes(study: Study) -> list[str]:
    """Axes that have more than one value."""
    return [a for a in study.axes if len({values[a] for values in study.points.values()}) > 1]


def leading_axes(study: Study) -> list[str]:
    """Axes that vary, the first alone of those that change together."""
    kept: list[str] = []
    for axis in varying_axes(study):
        over = abscissa(study, axis)
        kept += [] if any(_together(over, abscissa(study, other)) for other in kept) else [axis]
    return kept


def _together(one: Abscissa, other: Abscissa) -> bool:
    """Test whether values of two axes go in pairs."""
    return decides(one, other) and decides(other, one)


def point_name(study: Study, point: str) -> str:
    """Return the name of a point: its values on the axes that vary."""
    parts = (axis_point(axis, study.points[point][axis], study.axes) for axis in leading_axes(study))
    return ", ".join(parts) or f"point {point}"


def abscissa(study: Study, axis: str) -> Abscissa:
    """A swept key as an axis; words become places 0, 1, 2."""
    texts = {point: values[axis] for point, values in study.points.items()}
    if all(number(text) is not None for text in texts.values()):
        return Abscissa(axis, axis_label(axis), {p: float(t) for p, t in texts.items()})
    words = tuple(dict.fromkeys(texts.values()))
    places = {p: float(words.index(t)) for p, t in texts.items()}
    return Abscissa(axis, axis_label(axis), places, tuple(axis_value(w) for w in words))


def biot_number(study: Study, point: str) -> float | None:
    """Bi = (δ/d)(σ_g/σ_gb) of a point; None where no case of it can be read."""
    case = study.cases.get(point)
    if case is None:
        return None
    return case.delta_um / case.mean_grain_size_um * case.sigma_grain / case.sigma_gb


def biot_abscissa(study: Study) -> Abscissa | None:
    """Bi as an axis; None where it does not vary."""
    x = {p: float(f"{bi:.9g}") for p in study.points if (bi := biot_number(study, p)) is not None}
    if len(set(x.values())) < 2:
        return None
    return Abscissa("Bi", "Bi = (δ/d)(σ_g/σ_gb)", x)


def curves_over(study: Study, over: Abscissa) -> list[Curve]:
    """One curve for each choice of the axes that `over` does not decide."""
    others = [axis for axis in leading_axes(study) if not decides(over, abscissa(study, axis))]
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


def shown_curves(curves: Sequence[Curve]) -> tuple[list[Curve], str]:
    """As many curves as can be distinguished, evenly chosen, and a sentence about the rest."""
    if len(curves) <= MOST_CURVES:
        return list(curves), ""
    kept = np.unique(np.linspace(0, len(curves) - 1, MOST_CURVES).round().astype(int))
    return [curves[k] for k in kept], f"{len(kept)} of {len(curves)} curves are drawn; the table has all. "


def colours(count: int) -> list:
    """Colours of `count` curves: two apart for colour-blind readers, or steps of one scale."""
    if count <= 2:
        return [style.BOTTOM, style.TOP][:count]
    return [colormaps[style.COLOURS](x) for x in np.linspace(0.0, 0.75, count)]


def draw_metrics(study: Study, over: Abscissa, metrics: Sequence[Metric], title: str) -> Picture | None:
    """Panels of metrics over one axis with their bands; None where nothing is to be drawn."""
    metrics = [m for m in metrics if any(study.mean(p, m.key) is not None for p in over.x)]
    if not metrics:
        return None
    curves, note = shown_curves(curves_over(study, over))
    figure = style.new_figure(0.6 + 3.2 * len(metrics), 3.8)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        for curve, pen in zip(curves, pens(curves), strict=True):
            draw_curve(axes, study, over, curve, metric.key, pen)
        axes.set_ylabel(metric.label, fontsize=9)
        dress(axes, over)
    if len(curves) > 1 or curves[0].label:
        legend_below(figure, panels[0])
    names = "; ".join(metric.name for metric in metrics)
    alt = f"{names}, against {over.label}: {len(curves)} curves over {len(over.x)} points."
    drawn = [point for curve in curves for point in curve.points]
    partial = [m.name for m in metrics if any(study.partial(point, m.key) for point in drawn)]
    note += paired_caption(study, over)
    return from_figure(figure, title, alt, note + bands_caption(over, curves) + partial_caption(partial))


def paired_caption(study: Study, over: Abscissa) -> str:
    """Return a sentence on what else changes along an axis; empty where nothing does."""
    others = [abscissa(study, axis) for axis in varying_axes(study) if axis != over.key]
    names = [other.label for other in others if _together(over, other)]
    return f"Along with it change {'; '.join(names)}. " if names else ""


def partial_caption(names: Sequence[str]) -> str:
    """Return a sentence on open points; empty without names of metrics that have some."""
    if not names:
        return ""
    which = "; ".join(names)
    return f"Open points ({which}): some realisations have no such value, the mean is over the others. "


def bands_caption(over: Abscissa, curves: Sequence[Curve]) -> str:
    """Return the sentences that explain points, bars and bands."""
    bars = "Bars" if over.words else "Bars and band"
    few = len(curves) <= FEW_CURVES and not over.words
    spread = "Pale band: P10 to P90 of the realisations. " if few else ""
    interval = f"{bars}: 95 % interval of the mean, where there are 3 or more. "
    return f"Points: mean over realisations. {interval}{spread}"


def draw_curve(axes: Axes, study: Study, over: Abscissa, curve: Curve, metric: str, pen: Pen) -> None:
    """Mean and interval of a metric along a curve, and the spread of the realisations if asked for."""
    found = [(x, study.summary.get(p, {}).get(metric)) for p, x in zip(curve.points, curve.x, strict=True)]
    kept = [(x, s) for x, s in found if s is not None and s.mean is not None]
    if not kept:
        return
    x, mean = np.array([k[0] for k in kept]), np.array([k[1].mean for k in kept])
    if over.words:  # places, with nothing between them: side by side, without lines
        x = x + pen.place
    line = "o" if over.words else "o-"
    partial = np.array([study.partial(p, metric) for p in curve.points if _has_mean(study, p, metric)])
    # a line through means of different realisations, and an interval of them, would say nothing
    whole = np.where(partial, np.nan, mean)
    draw_bands(
        axes, x, [None if p else k[1] for k, p in zip(kept, partial, strict=True)], pen, not over.words
    )
    axes.plot(x, whole, line, color=pen.colour, markersize=4, linewidth=1.4, label=pen.name or curve.label)
    axes.plot(x[partial], mean[partial], "o", color=pen.colour, markersize=4, markerfacecolor="white")


def _has_mean(study: Study, point: str, metric: str) -> bool:
    return study.mean(point, metric) is not None


def draw_bands(axes: Axes, x, summaries: Sequence[Summary | None], pen: Pen, between: bool) -> None:
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


def dress(axes: Axes, over: Abscissa) -> None:
    """Scale, label and ticks of the axis."""
    if over.words:
        axes.set_xticks(range(len(over.words)), over.words)
        axes.set_xlim(-0.5, len(over.words) - 0.5)  # places without a value, too
    elif over.logarithmic:
        axes.set_xscale("log")
    axes.set_xlabel(over.label, fontsize=9)
    style.plot_frame(axes)


def legend_below(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """One legend for all panels, below them, in as many columns as fit."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        widest = _HANDLE_IN + _LETTER_IN * max(map(len, labels))
        columns = max(1, min(columns, int(figure.get_figwidth() / widest)))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
