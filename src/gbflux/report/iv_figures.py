"""I–V curves, linear and with log |I|, with what was found in them; and many curves together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from gbflux.lab.iv.analyse import CurveResult, IVResult
from gbflux.lab.iv.many import ManyResult, Survival
from gbflux.report import style

_MOST_CURVES = 8
_MOST_POINTS = 20_000
_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
OUT, BACK, FOUND = style.BOTTOM, style.TOP, "#009e73"


def draw_curves(path: Path, result: IVResult) -> Path:
    """Curves of one file: current against voltage, and its size on a logarithmic scale.

    Parameters
    ----------
    path : Path
        PNG file.
    result : IVResult

    Returns
    -------
    Path
    """
    figure = style.new_figure(9.0, 4.2)
    linear, log = figure.subplots(1, 2)
    shown = result.curves[:_MOST_CURVES]
    factor, prefix = _scale(max(float(np.abs(c.curve.current).max()) for c in shown))
    for number, found in enumerate(shown):
        _draw_curve(linear, log, found, factor, first=number == 0)
    linear.set_ylabel(f"current ({prefix}A)")
    log.set_ylabel("|current| (A)")
    log.set_yscale("log")
    for axes in (linear, log):
        axes.set_xlabel("voltage (V)")
        style.plot_frame(axes)
    figure.suptitle(
        f"{Path(result.source).name} · {_summary(result.curves, len(shown))}", fontsize=10.5, color=style.INK
    )
    handles, labels = log.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    return style.save(figure, path)


def _draw_curve(linear: Axes, log: Axes, found: CurveResult, factor: float, first: bool) -> None:
    """One curve on both axes."""
    curve, trigger = found.curve, found.trigger
    for part, colour, name in ((slice(curve.turn), OUT, "out"), (slice(curve.turn, None), BACK, "back")):
        v, i = curve.voltage[part], curve.current[part]
        step = max(1, len(v) // _MOST_POINTS)
        v, i = v[::step], i[::step]
        label = name if first else None
        linear.plot(v, i / factor, ".-", color=colour, ms=2, lw=0.7, label=label, rasterized=True)
        log.plot(
            v,
            np.where(i == 0, np.nan, np.abs(i)),
            ".-",
            color=colour,
            ms=2,
            lw=0.7,
            label=label,
            rasterized=True,
        )
    if trigger.interval is not None:
        for axes in (linear, log):
            axes.axvspan(*sorted(trigger.interval), color=FOUND, alpha=0.3, lw=0)
            axes.axvline(
                trigger.bias, color=FOUND, lw=0.9, ls="--", label="triggering bias" if first else None
            )
    if trigger.noise is not None:
        log.axhline(
            trigger.noise.sigma, color="#8a8b92", lw=0.8, ls=":", label="noise (σ)" if first else None
        )
    if found.ohmic is not None:
        v = np.array(found.ohmic.interval)
        i = v / found.ohmic.resistance + found.ohmic.intercept
        linear.plot(v, i / factor, color=style.INK, lw=1.4, label="ohmic fit")
        v = np.linspace(*v, 100)[1:]
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
    """Biases against distance or electrode size, and the share of curves not yet triggered.

    Parameters
    ----------
    path : Path
        PNG file.
    many : ManyResult

    Returns
    -------
    Path
    """
    against = many.distance_um or many.electrode_um
    figure = style.new_figure(9.0 if against else 5.0, 4.2)
    panels = np.atleast_1d(figure.subplots(1, 2 if against else 1))
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
    axes.set_xlabel("distance from the grain boundary (µm)" if many.distance_um else "electrode size (µm)")
    axes.set_ylabel("|triggering bias| (V)")
    axes.legend(fontsize=8, frameon=False)
    style.plot_frame(axes)


def _draw_survival(axes: Axes, groups: dict[str, Survival], end: float) -> None:
    """Steps with bands, out to the limit of the sweeps."""
    colours = (OUT, BACK, FOUND, "#cc79a7", "#e69f00", "#56b4e9", style.INK)
    for (name, found), colour in zip(
        groups.items(), colours * (1 + len(groups) // len(colours)), strict=False
    ):
        x = np.concatenate([[0.0], found.bias, [end]])
        share = np.concatenate([[1.0], found.share, [found.share[-1] if len(found.share) else 1.0]])
        axes.step(x, share, where="post", color=colour, lw=1.4, label=name)
        if len(groups) < 3 and len(found.share):
            low = np.concatenate([[1.0], found.low, [found.low[-1]]])
            high = np.concatenate([[1.0], found.high, [found.high[-1]]])
            axes.fill_between(x, low, high, step="post", color=colour, alpha=0.15, lw=0)
    axes.axhline(0.5, color="#8a8b92", lw=0.8, ls=":")
    axes.set(xlabel="|bias| (V)", ylabel="share not yet triggered", ylim=(0, 1.03))
    axes.legend(fontsize=8, frameon=False)
    style.plot_frame(axes)
