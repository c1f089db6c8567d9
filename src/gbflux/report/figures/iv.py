"""Measured voltage and current: I–V curves, linear and with log |I|; many of them; stepped-current tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gbflux import units
from gbflux.lab.ccd import CcdResult, CurrentTest
from gbflux.lab.iv.analyse import CurveResult, IVResult
from gbflux.lab.iv.many import ManyResult, Survival
from gbflux.report.figures import style

_MOST_CURVES = 8
_MOST_POINTS = 20_000
_HOUR_S = 3600.0
_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
OUT, BACK, FOUND = style.BOTTOM, style.TOP, style.GREEN


def draw_curves(path: Path, result: IVResult) -> Path:
    """Curves of one file: current against voltage, and its size on a logarithmic scale."""
    figure = style.new_figure(9.0, 4.2)
    linear, log = figure.subplots(1, 2)
    shown = result.curves[:_MOST_CURVES]
    factor, prefix = _scale(max(float(np.abs(c.curve.current).max()) for c in shown))
    for number, found in enumerate(shown):
        _draw_curve(linear, log, found, factor, first=number == 0)
    log.set_yscale("log")
    style.plot_frame(linear, "voltage (V)", f"current ({prefix}A)")
    style.plot_frame(log, "voltage (V)", "|current| (A)")
    title = f"{Path(result.source).name} · {_summary(result.curves, len(shown))}"
    figure.suptitle(title, fontsize=10.5, color=style.INK)
    handles, labels = log.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    return style.save(figure, path)


def _draw_curve(linear: Axes, log: Axes, found: CurveResult, factor: float, first: bool) -> None:
    """One curve on both axes; the first alone names its parts in the legend."""
    curve, trigger = found.curve, found.trigger
    for part, colour, name in ((slice(curve.turn), OUT, "out"), (slice(curve.turn, None), BACK, "back")):
        v, i = curve.voltage[part], curve.current[part]
        step = max(1, len(v) // _MOST_POINTS)
        v, i = v[::step], i[::step]
        label = name if first else None
        for axes, y in ((linear, i / factor), (log, np.where(i == 0, np.nan, np.abs(i)))):
            axes.plot(v, y, ".-", color=colour, ms=2, lw=0.7, label=label, rasterized=True)
    if trigger.interval is not None and trigger.bias is not None:
        label = "triggering bias" if first else None
        for axes in (linear, log):
            axes.axvspan(*sorted(trigger.interval), color=FOUND, alpha=0.3, lw=0)
            axes.axvline(trigger.bias, color=FOUND, lw=0.9, ls="--", label=label)
    if trigger.noise is not None:
        label = "noise (σ)" if first else None
        log.axhline(float(trigger.noise.sigma), color=style.GUIDE, lw=0.8, ls=":", label=label)
    if found.ohmic is not None:
        ends = np.array(found.ohmic.interval)
        i = ends / found.ohmic.resistance + found.ohmic.intercept
        linear.plot(ends, i / factor, color=style.INK, lw=1.4, label="ohmic fit")
        v = np.linspace(ends[0], ends[1], 100)[1:]
        i = np.abs(v / found.ohmic.resistance + found.ohmic.intercept)
        log.plot(v, i, color=style.INK, lw=1.4, label="ohmic fit" if first else None)


def _scale(largest: float) -> tuple[float, str]:
    """Prefix that leaves a number of one to three digits."""
    return next(((factor, name) for factor, name in _PREFIXES if largest >= 0.9 * factor), _PREFIXES[-1])


def _summary(curves: tuple[CurveResult, ...], shown: int) -> str:
    """One line on what was found."""
    if len(curves) > 1:
        triggered = sum(found.trigger.bias is not None for found in curves)
        first = f", the first {shown} shown" if shown < len(curves) else ""
        return f"{len(curves)} curves, {triggered} triggered{first}"
    found = curves[0]
    words = [found.trigger.outcome]
    if found.trigger.bias is not None:
        words = [f"triggered at {found.trigger.bias:.4g} V"]
    elif found.trigger.censored:
        words = [f"{found.trigger.outcome} within {found.trigger.limit:g} V"]
    words += [f"{found.ohmic.resistance:.4g} Ω"] if found.ohmic else []
    words += [f"⌀ {found.diameter * 1e9:.0f} nm"] if found.diameter else []
    return " · ".join(words)


def draw_many(path: Path, many: ManyResult) -> Path:
    """Biases against distance or electrode size, and the share of curves not yet triggered."""
    against = many.distance_um or many.electrode_um
    figure = style.new_figure(9.0 if against else 5.0, 4.2)
    panels = figure.subplots(1, 2 if against else 1, squeeze=False)[0]
    if against:
        _draw_biases(panels[0], many)
    groups = {"all curves": many.together}
    if many.rise is not None:
        d = many.rise.distance
        groups = {f"nearer than {d:.3g} µm": many.rise.near, f"farther than {d:.3g} µm": many.rise.far}
    elif many.by_electrode:
        groups = {f"{size:g} µm": found for size, found in many.by_electrode.items()}
    _draw_survival(panels[-1], groups, max(many.bias))
    return style.save(figure, path, "Triangles: not triggered within the limit. Shares: Kaplan–Meier.")


def _draw_biases(axes: Axes, many: ManyResult) -> None:
    """One mark a curve."""
    x = np.array(many.distance_um or many.electrode_um)
    bias, event = np.array(many.bias), np.array(many.triggered)
    axes.plot(x[event], bias[event], "o", color=OUT, ms=4, alpha=0.7, label="triggered")
    axes.plot(x[~event], bias[~event], "^", color=BACK, ms=5, alpha=0.7, label="not triggered")
    if many.rise is not None:
        axes.axvspan(*many.rise.interval, color=FOUND, alpha=0.2, lw=0)
        axes.axvline(many.rise.distance, color=FOUND, lw=1, ls="--", label="bias changes")
    axes.set(xscale="log" if (x > 0).all() else "linear", yscale="log")
    label = "distance from the grain boundary (µm)" if many.distance_um else "electrode size (µm)"
    style.plot_frame(axes, label, "|triggering bias| (V)", legend=True)


def _draw_survival(axes: Axes, groups: dict[str, Survival], end: float) -> None:
    """Steps with bands, out to the limit of the sweeps."""
    colours = (OUT, BACK, FOUND, style.PURPLE, "#e69f00", style.SKY, style.INK)
    enough = colours * (1 + len(groups) // len(colours))
    for (name, found), colour in zip(groups.items(), enough, strict=False):
        x = np.concatenate([[0.0], found.bias, [end]])
        share = np.concatenate([[1.0], found.share, [found.share[-1] if len(found.share) else 1.0]])
        axes.step(x, share, where="post", color=colour, lw=1.4, label=name)
        if len(groups) < 3 and len(found.share):
            low = np.concatenate([[1.0], found.low, [found.low[-1]]])
            high = np.concatenate([[1.0], found.high, [found.high[-1]]])
            axes.fill_between(x, low, high, step="post", color=colour, alpha=0.15, lw=0)
    axes.axhline(0.5, color=style.GUIDE, lw=0.8, ls=":")
    axes.set_ylim(0, 1.03)
    style.plot_frame(axes, "|bias| (V)", "share not yet triggered", legend=True)


def draw_current_test(path: Path, test: CurrentTest, result: CcdResult, title: str) -> Path:
    """Voltage, current and resistance of a stepped-current test against time, and where it shorted."""
    figure = style.new_figure(8.0, 6.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    every = max(1, len(test.time) // _MOST_POINTS)
    time, voltage = test.time[::every] / _HOUR_S, test.voltage[::every]
    upper.plot(time, voltage, color=style.BOTTOM, lw=0.8)
    upper.set_ylabel("voltage (V)", color=style.BOTTOM)
    right = upper.twinx()
    right.plot(time, test.current_density[::every] * units.A_PER_M2_TO_MA_PER_CM2, color=style.TOP, lw=1.0)
    right.set_ylabel("current density (mA/cm²)", color=style.TOP)
    right.tick_params(labelsize=8)
    style.plot_frame(upper)
    with np.errstate(divide="ignore", invalid="ignore"):  # at rest no current flows
        asr = voltage / test.current_density[::every] * units.OHM_M2_TO_OHM_CM2
    lower.plot(time, np.where(np.isfinite(asr), asr, np.nan), color=style.INK, lw=0.7)
    usual = np.array([step.asr for step in result.steps]) * units.OHM_M2_TO_OHM_CM2
    middle = float(np.median(usual))
    if np.isfinite(middle) and middle > 0:  # spikes where the current changes would set the scale
        lower.set_ylim(min(0.0, float(usual.min()) * 1.2), 2.2 * max(middle, float(usual.max()) / 1.6))
    style.plot_frame(lower, "time (h)", "V/j (Ω cm²)")
    if result.short_time is not None:
        short = result.short_time / _HOUR_S
        for axes in (upper, lower):
            axes.axvline(short, color=style.INK, lw=1.0, ls="--")
        place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        text = f"short: {result.sign}"
        lower.annotate(text, (short, 0.95), (-5, 0), ha="right", va="top", fontsize=8, **place)
    upper.set_title(f"{Path(test.source).name}\n{title}", fontsize=9.5, color=style.INK)
    return style.save(figure, path)
