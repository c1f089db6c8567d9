"""A cycle and the filament model fitted to it, linear and with log |I|."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gbflux.lab.memristor.filament_fit import FilamentFit
from gbflux.report.figures import style


def draw_fit(path: Path, title: str, fit: FilamentFit) -> Path:
    """Draw current against voltage, measured and modelled.

    Parameters
    ----------
    path : Path
        PNG file.
    title : str
    fit : FilamentFit

    Returns
    -------
    Path
    """
    figure = style.new_figure(9.0, 4.2)
    trace = fit.trace
    for axes, log in zip(figure.subplots(1, 2), (False, True), strict=True):
        for current, form, colour, label in (
            (fit.measured, "o", style.BOTTOM, "measured"),
            (trace.current, "-", style.TOP, "model"),
        ):
            shown = np.where(current == 0, np.nan, np.abs(current)) if log else current * 1e3
            axes.plot(trace.bias, shown, form, ms=3, lw=1.2, color=colour, mfc="white", label=label)
        axes.set_xlabel("voltage (V)")
        axes.set_ylabel("|current| (A)" if log else "current (mA)")
        if log:
            axes.set_yscale("log")
        style.plot_frame(axes)
        axes.legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10.5)
    said = f"rms of log10(measured/model) {fit.rms_decades:.2g}"
    if fit.reason is not None:
        said += " · the model does not describe this cycle"
    return style.save(figure, path, said)
