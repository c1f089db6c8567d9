"""A stepped-current test: voltage, current and resistance against time, and where it shorted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gbflux import units
from gbflux.lab.ccd import CcdResult, CurrentTest
from gbflux.report.figures import style

_MOST_POINTS = 20_000
_HOUR_S = 3600.0


def draw_current_test(path: Path, test: CurrentTest, result: CcdResult, title: str) -> Path:
    """Draw a test.

    Parameters
    ----------
    path : Path
        PNG file.
    test : CurrentTest
    result : CcdResult
    title : str

    Returns
    -------
    Path
    """
    figure = style.new_figure(8.0, 6.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    every = max(1, len(test.time) // _MOST_POINTS)
    time = test.time[::every] / _HOUR_S
    upper.plot(time, test.voltage[::every], color=style.BOTTOM, lw=0.8)
    upper.set_ylabel("voltage (V)", color=style.BOTTOM)
    right = upper.twinx()
    density = test.current_density[::every] * units.A_PER_M2_TO_MA_PER_CM2
    right.plot(time, density, color=style.TOP, lw=1.0)
    right.set_ylabel("current density (mA/cm²)", color=style.TOP)
    right.tick_params(labelsize=8)
    style.plot_frame(upper)
    with np.errstate(divide="ignore", invalid="ignore"):
        asr = test.voltage[::every] / test.current_density[::every] * units.OHM_M2_TO_OHM_CM2
    lower.plot(time, np.where(np.isfinite(asr), asr, np.nan), color=style.INK, lw=0.7)
    usual = np.array([step.asr for step in result.steps]) * units.OHM_M2_TO_OHM_CM2
    middle = float(np.median(usual))
    if np.isfinite(middle) and middle > 0:
        lower.set_ylim(min(0.0, float(usual.min()) * 1.2), 2.2 * max(middle, float(usual.max()) / 1.6))
    lower.set_ylabel("V/j (Ω cm²)")
    lower.set_xlabel("time (h)")
    style.plot_frame(lower)
    if result.short_time is not None:
        for axes in (upper, lower):
            axes.axvline(result.short_time / _HOUR_S, color=style.INK, lw=1.0, ls="--")
        lower.annotate(
            f"short: {result.sign}",
            (result.short_time / _HOUR_S, 0.95),
            (-5, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
        )
    upper.set_title(f"{Path(test.source).name}\n{title}", fontsize=9.5, color=style.INK)
    return style.save(figure, path)
