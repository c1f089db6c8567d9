"""Lines across a grain boundary: each line, their mean with its band, and the fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gbflux.lab.profile import ProfileResult
from gbflux.report.figures import style

_M_TO_NM = 1e9


def draw_profile(path: Path, result: ProfileResult, unit: str, factor: float) -> Path:
    """Draw aligned lines and their mean in a unit; `factor` leads from the unit of the lines to it."""
    figure = style.new_figure(7.0, 4.6)
    axes = figure.subplots()
    x, lines = result.position * _M_TO_NM, result.lines
    for k, (line, start) in enumerate(zip(lines.values, result.starts, strict=True)):
        own = (lines.position - lines.position[0] + start) * _M_TO_NM
        axes.plot(own, line * factor, color=style.METAL, lw=0.7, label="lines" if k == 0 else None)
    if np.isfinite(result.low).all():
        axes.fill_between(x, result.low * factor, result.high * factor, color=style.BOTTOM, alpha=0.25, lw=0)
    axes.plot(x, result.mean * factor, color=style.BOTTOM, lw=1.2, label="mean and 95 % band")
    dashes = "-" if result.significant else ":"
    axes.plot(x, result.fitted * factor, dashes, color=style.TOP, lw=1.6, label="fit")
    for one, ls in ((result.grain, "--"), (result.boundary, "-.")):
        axes.axhline(one.value * factor, color=style.INK, lw=0.7, ls=ls)
    axes.set_xlim(x[0], x[-1])
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    label = f"{lines.name} ({unit})" if unit else lines.name
    style.plot_frame(axes, "position from the grain boundary (nm)", label)
    grain, boundary = result.grain.value * factor, result.boundary.value * factor
    title = (
        f"{grain:.4g} {unit} in grains (dashed), {boundary:.4g} {unit} at the boundary, "
        f"width {result.width.value * _M_TO_NM:.0f} nm{'' if result.significant else ' · NOT significant'}"
    )
    axes.set_title(title, fontsize=9.5, color=style.INK)
    return style.save(figure, path, lines.source if len(lines.source) < 120 else "")
