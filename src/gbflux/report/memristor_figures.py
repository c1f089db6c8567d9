"""Memristors: resistances and ratio against cycle, Weibull plot of the biases, dependence on area."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from gbflux.lab.memristor.statistics import AreaTrend, Weibull
from gbflux.lab.memristor.switching import MemristorResult
from gbflux.report import style

_UM2_PER_M2 = 1e12


def draw_device(path: Path, result: MemristorResult, weibulls: Mapping[str, Weibull | None]) -> Path:
    """Draw all cycles of a device.

    Parameters
    ----------
    path : Path
        PNG file.
    result : MemristorResult
    weibulls : mapping
        Distributions of ``set`` and ``reset``; None where there are too few.

    Returns
    -------
    Path
    """
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


def _states(axes, result: MemristorResult) -> None:
    """Both resistances against cycle."""
    for name, colour, label in (("hrs", style.BOTTOM, "HRS"), ("lrs", style.TOP, "LRS")):
        states = [(c.number, getattr(c, name)) for c in result.cycles if getattr(c, name) is not None]
        for bound, marker in ((False, "o"), (True, "^")):
            chosen = [(number, state.value) for number, state in states if state.bound == bound]
            if chosen:
                face = "white" if bound else colour
                axes.semilogy(*zip(*chosen, strict=True), marker, ms=3.5, mfc=face, mec=colour, label=label)
    failed = [cycle.number for cycle in result.cycles if cycle.reset_failed]
    if failed:
        axes.plot(
            failed, [0.03] * len(failed), "x", ms=4, color=style.INK, transform=axes.get_xaxis_transform()
        )
        axes.plot([], [], "x", ms=4, color=style.INK, label="reset failed")
    _labels(axes, "cycle", "resistance (Ω)")


def _ratio(axes, result: MemristorResult) -> None:
    """On/off ratio against cycle."""
    for bound, marker in ((False, "o"), (True, "^")):
        chosen = [
            (c.number, c.on_off)
            for c in result.cycles
            if c.on_off is not None and c.on_off > 0 and c.hrs.bound == bound
        ]
        if chosen:
            face = "white" if bound else style.INK
            axes.semilogy(*zip(*chosen, strict=True), marker, ms=3.5, mfc=face, mec=style.INK)
    low, high = axes.get_ylim()
    if high / low < 10:
        middle = (low * high) ** 0.5
        axes.set_ylim(middle / 3.2, middle * 3.2)
    _labels(axes, "cycle", "on/off ratio", legend=False)


def _biases(axes, result: MemristorResult) -> None:
    """Set and reset bias against cycle."""
    for name, colour, label in (("set_bias", style.TOP, "set"), ("reset_bias", style.BOTTOM, "reset")):
        chosen = [(c.number, getattr(c, name)) for c in result.cycles if getattr(c, name) is not None]
        if chosen:
            axes.plot(*zip(*chosen, strict=True), "o", ms=3.5, color=colour, label=label)
    axes.axhline(0, color=style.INK, lw=0.6)
    _labels(axes, "cycle", "bias (V)")


def _weibull(axes, weibulls: Mapping[str, Weibull | None]) -> None:
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
        axes.text(
            0.5, 0.5, "too few biases\nfor a distribution", ha="center", va="center", transform=axes.transAxes
        )
        axes.set_xticks([])
        axes.set_yticks([])
        return
    low, high = axes.get_xlim()
    ticks = [t for t in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 3, 5, 7, 10, 20) if low <= t <= high]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    shares = (0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 0.999)
    axes.set_yticks(np.log(-np.log1p(-np.array(shares))), [f"{100 * p:g} %" for p in shares])
    _labels(axes, "size of the bias (V)", "cumulative share")


def draw_areas(path: Path, trend: AreaTrend) -> Path:
    """Draw on/off ratio and failures against the area of the electrode.

    Parameters
    ----------
    path : Path
        PNG file.
    trend : AreaTrend

    Returns
    -------
    Path
    """
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
        axes.legend(fontsize=8, frameon=False)
    axes.margins(x=0.15)
    axes.set_xlabel("area of the electrode (µm²)")
    axes.set_ylabel("median on/off ratio")
    style.plot_frame(axes)
    return style.save(figure, path, "Share of resets that failed beside each point.")


def _labels(axes, x: str, y: str, legend: bool = True) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)
    style.plot_frame(axes)
