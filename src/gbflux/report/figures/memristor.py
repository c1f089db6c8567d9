"""Memristors, and the contacts and filaments in them.

Cycles of a device (resistances, ratio, biases and their Weibull plot), their dependence on area, the filament
model fitted to one cycle, and the laws of contacts and filaments against one quantity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from gbflux.lab.memristor.filament_fit import FilamentFit
from gbflux.lab.memristor.statistics import AreaTrend, Weibull
from gbflux.lab.memristor.switching import MemristorResult
from gbflux.report.figures import style

_UM2_PER_M2 = 1e12
COLOURS = (style.BOTTOM, style.TOP, style.GREEN, style.PURPLE, style.SKY)
DASHES = ("-", "--", "-.", ":", (0, (6, 2)))
#: Name, unit, value and standard error of what a law of contacts gives.
LawResult = tuple[str, str, float, float]


def draw_device(path: Path, result: MemristorResult, weibulls: Mapping[str, Weibull | None]) -> Path:
    """Draw all cycles of a device with its distributions of ``set`` and ``reset``, None where too few."""
    figure = style.new_figure(9.0, 6.4)
    panels = figure.subplots(2, 2)
    _states(panels[0, 0], result)
    _ratio(panels[0, 1], result)
    _biases(panels[1, 0], result)
    _weibull(panels[1, 1], weibulls)
    area = "" if result.area is None else f" · {result.area * _UM2_PER_M2:.3g} µm²"
    for axes in (panels[0, 0], panels[0, 1], panels[1, 0]):
        axes.set_xlim(0, len(result.cycles) + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(f"{Path(result.source).name}{area} · read at {result.read_bias:.3g} V", fontsize=10.5)
    return style.save(
        figure, path, "Open triangles: lower bounds, the current does not stand out of the noise."
    )


def _plot_bounds(
    axes: Axes, points: Iterable[tuple[int, float, bool]], colour: str, label: str | None = None
) -> None:
    """Values against cycle on a logarithmic scale: dots, and open triangles for lower bounds."""
    points = list(points)
    for bound, marker, face in ((False, "o", colour), (True, "^", "white")):
        chosen = [(number, value) for number, value, is_bound in points if is_bound == bound]
        if chosen:
            axes.semilogy(*zip(*chosen, strict=True), marker, ms=3.5, mfc=face, mec=colour, label=label)


def _states(axes: Axes, result: MemristorResult) -> None:
    """Both resistances against cycle."""
    for name, colour, label in (("hrs", style.BOTTOM, "HRS"), ("lrs", style.TOP, "LRS")):
        states = ((c.number, getattr(c, name)) for c in result.cycles)
        points = ((number, s.value, s.bound) for number, s in states if s is not None)
        _plot_bounds(axes, points, colour, label)
    failed = [cycle.number for cycle in result.cycles if cycle.reset_failed]
    if failed:
        place: dict[str, Any] = {"transform": axes.get_xaxis_transform()}  # along the lower edge
        axes.plot(failed, [0.03] * len(failed), "x", ms=4, color=style.INK, **place)
        axes.plot([], [], "x", ms=4, color=style.INK, label="reset failed")
    style.plot_frame(axes, "cycle", "resistance (Ω)", legend=True)


def _ratio(axes: Axes, result: MemristorResult) -> None:
    """On/off ratio against cycle."""
    points = (
        (c.number, c.on_off, c.hrs.bound)
        for c in result.cycles
        if c.on_off is not None and c.on_off > 0 and c.hrs is not None
    )
    _plot_bounds(axes, points, style.INK)
    low, high = axes.get_ylim()
    if high / low < 10:
        middle = (low * high) ** 0.5
        axes.set_ylim(middle / 3.2, middle * 3.2)
    style.plot_frame(axes, "cycle", "on/off ratio")


def _biases(axes: Axes, result: MemristorResult) -> None:
    """Set and reset bias against cycle."""
    for name, colour, label in (("set_bias", style.TOP, "set"), ("reset_bias", style.BOTTOM, "reset")):
        chosen = [(c.number, getattr(c, name)) for c in result.cycles if getattr(c, name) is not None]
        if chosen:
            axes.plot(*zip(*chosen, strict=True), "o", ms=3.5, color=colour, label=label)
    axes.axhline(0, color=style.INK, lw=0.6)
    style.plot_frame(axes, "cycle", "bias (V)", legend=True)


def _weibull(axes: Axes, weibulls: Mapping[str, Weibull | None]) -> None:
    """ln(−ln(1 − F)) against the size of the bias, where a Weibull distribution is a straight line."""
    drawn = False
    for name, colour in (("set", style.TOP), ("reset", style.BOTTOM)):
        found = weibulls.get(name)
        if found is None:
            continue
        drawn = True
        axes.semilogx(found.values, np.log(-np.log1p(-found.ranks)), "o", ms=3.5, mfc="white", mec=colour)
        x = np.geomspace(found.values[0] * 0.95, found.values[-1] * 1.05, 50)
        line = found.shape.value * np.log(x / found.scale.value)
        axes.semilogx(x, line, color=colour, lw=1.2, label=f"{name}: shape {found.shape.value:.3g}")
    if not drawn:
        text = "too few biases\nfor a distribution"
        axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    low, high = axes.get_xlim()
    ticks = [t for t in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 3, 5, 7, 10, 20) if low <= t <= high]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    shares = (0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 0.999)
    axes.set_yticks(np.log(-np.log1p(-np.array(shares))), [f"{100 * p:g} %" for p in shares])
    style.plot_frame(axes, "size of the bias (V)", "cumulative share", legend=True)


def draw_areas(path: Path, trend: AreaTrend) -> Path:
    """Draw on/off ratio and failures against the area of the electrode."""
    figure = style.new_figure(5.6, 4.2)
    axes = figure.subplots()
    area = trend.areas * _UM2_PER_M2
    axes.loglog(area, trend.ratios, "o", ms=6, color=style.INK)
    for x, y, share in zip(area, trend.ratios, trend.failure_shares, strict=True):
        if np.isfinite(share):
            axes.annotate(f"{100 * share:.0f} % fail", (x, y), (7, 4), textcoords="offset points", fontsize=8)
    if trend.slope is not None:
        middle = np.exp(np.mean(np.log(area))), np.exp(np.mean(np.log(trend.ratios)))
        line = middle[1] * (area / middle[0]) ** trend.slope.value
        axes.loglog(area, line, color=style.TOP, lw=1.2, label=f"ratio ∝ area^{trend.slope.value:.2g}")
    axes.margins(x=0.15)
    style.plot_frame(axes, "area of the electrode (µm²)", "median on/off ratio", legend=True)
    return style.save(figure, path, "Share of resets that failed beside each point.")


def draw_fit(path: Path, title: str, fit: FilamentFit) -> Path:
    """Draw current against voltage of one cycle, measured and modelled, linear and with log |I|."""
    figure = style.new_figure(9.0, 4.2)
    for axes, log in zip(figure.subplots(1, 2), (False, True), strict=True):
        for current, form, colour, label in (
            (fit.measured, "o", style.BOTTOM, "measured"),
            (fit.trace.current, "-", style.TOP, "model"),
        ):
            shown = np.where(current == 0, np.nan, np.abs(current)) if log else current * 1e3
            axes.plot(fit.trace.bias, shown, form, ms=3, lw=1.2, color=colour, mfc="white", label=label)
        if log:
            axes.set_yscale("log")
        style.plot_frame(axes, "voltage (V)", "|current| (A)" if log else "current (mA)", legend=True)
    figure.suptitle(title, fontsize=10.5)
    caption = f"rms of log10(measured/model) {fit.rms_decades:.2g}"
    if fit.reason is not None:
        caption += " · the model does not describe this cycle"
    return style.save(figure, path, caption)


def draw_laws(
    path: Path,
    abscissa: tuple[str, NDArray[np.float64]],
    place: tuple[float, float],
    results: Sequence[LawResult],
    courses: NDArray[np.float64],
) -> Path:
    """Draw every result of a law against the quantity that was varied; results of one unit share a panel.

    Parameters
    ----------
    path : Path
        PNG file.
    abscissa : (str, (m,) array)
        Label and values of the quantity.
    place : (float, float)
        Its given value and standard error.
    results : sequence of (name, unit, value, error)
        At `place`.
    courses : (k, m) array
        Of each result; NaN where its law does not hold.
    """
    label, x = abscissa
    moving = [k for k, course in enumerate(courses) if not _constant(course)] or list(range(len(results)))
    units = list(dict.fromkeys(results[k][1] for k in moving))
    figure = style.new_figure(max(4.0 * len(units), 6.4), 6.6)
    panels = figure.subplots(2, len(units), squeeze=False, sharex="row")
    for column, unit in enumerate(units):
        shown = [k for k in moving if results[k][1] == unit]
        name = results[shown[0]][0].split(",")[0] if len(shown) == 1 else ""
        for axes, scale in zip(panels[:, column], ("linear", "log"), strict=True):
            for number, k in enumerate(shown):
                _draw_law(axes, number, x, courses[k], place, results[k], scale)
            negative = scale == "log" and results[shown[0]][2] < 0
            written = f"−{unit}" if negative else unit
            axes.set_xscale(scale)
            axes.set_yscale(scale)
            axes.set_xlim(0 if scale == "linear" else x[0], x[-1])
            style.plot_frame(axes, label, f"{name} ({written})" if name and unit else name or written)
        panels[0, column].legend(fontsize=7.5, frameon=False, loc="lower left", bbox_to_anchor=(0.1, 1.0))
    return style.save(
        figure, path, "Marks: the value asked for, with its standard error. All else is held fixed."
    )


def _constant(course: NDArray[np.float64]) -> bool:
    """Test whether a result does not depend on the quantity."""
    known = course[np.isfinite(course)]
    return len(known) > 0 and float(np.ptp(known)) <= 1e-9 * float(np.abs(known).max())


def _draw_law(
    axes: Axes,
    number: int,
    x: NDArray[np.float64],
    course: NDArray[np.float64],
    place: tuple[float, float],
    result: LawResult,
    scale: str,
) -> None:
    """One result: its course and the mark; sizes on the logarithmic panel."""
    name, unit, value, error = result
    colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    sign = -1 if scale == "log" and value < 0 else 1
    axes.plot(x, sign * course, color=colour, ls=dashes, lw=1.5)
    mark: dict[str, Any] = {"fmt": "o", "ms": 4.5, "color": colour, "capsize": 3}
    label = f"{name}: {value:.4g} {unit}"
    axes.errorbar(place[0], sign * value, xerr=place[1] or None, yerr=error or None, label=label, **mark)
