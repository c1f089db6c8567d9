"""Laws of contacts and filaments: each result against one quantity, linear and logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.report.figures import style

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")  # of Okabe and Ito
DASHES = ("-", "--", "-.", ":", (0, (6, 2)))
Result = tuple[str, str, float, float]


def draw_laws(
    path: Path,
    abscissa: tuple[str, NDArray[np.float64]],
    place: tuple[float, float],
    results: Sequence[Result],
    courses: NDArray[np.float64],
) -> Path:
    """Draw every result against the quantity that was varied; results of one unit share a panel.

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

    Returns
    -------
    Path
    """
    label, x = abscissa
    moving = [k for k, course in enumerate(courses) if not _constant(course)] or list(range(len(results)))
    units = list(dict.fromkeys(results[k][1] for k in moving))
    figure = style.new_figure(max(4.0 * len(units), 6.4), 6.6)
    panels = figure.subplots(2, len(units), squeeze=False, sharex="row")
    for column, unit in enumerate(units):
        shown = [k for k in moving if results[k][1] == unit]
        for axes, scale in zip(panels[:, column], ("linear", "log"), strict=True):
            for number, k in enumerate(shown):
                _draw_one(axes, number, x, courses[k], place, results[k], scale)
            name = results[shown[0]][0].split(",")[0] if len(shown) == 1 else ""
            negative = scale == "log" and results[shown[0]][2] < 0
            written = f"−{unit}" if negative else unit
            axes.set_ylabel(f"{name} ({written})" if name and unit else name or written)
            axes.set_xscale(scale)
            axes.set_yscale(scale)
            axes.set_xlabel(label)
            axes.set_xlim(*((0, x[-1]) if scale == "linear" else (x[0], x[-1])))
            style.plot_frame(axes)
        panels[0, column].legend(fontsize=7.5, frameon=False, loc="lower left", bbox_to_anchor=(0.1, 1.0))
    return style.save(
        figure, path, "Marks: the value asked for, with its standard error. All else is held fixed."
    )


def _constant(course: NDArray[np.float64]) -> bool:
    """Test whether a result does not depend on the quantity."""
    known = course[np.isfinite(course)]
    return len(known) > 0 and float(np.ptp(known)) <= 1e-9 * float(np.abs(known).max())


def _draw_one(axes, number: int, x, course, place: tuple[float, float], result: Result, scale: str) -> None:
    """One result: its course and the mark; sizes on the logarithmic panel."""
    name, unit, value, error = result
    colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    sign = -1 if scale == "log" and value < 0 else 1
    axes.plot(x, sign * course, color=colour, ls=dashes, lw=1.5)
    mark = {"fmt": "o", "ms": 4.5, "color": colour, "capsize": 3, "label": f"{name}: {value:.4g} {unit}"}
    axes.errorbar(place[0], sign * value, xerr=place[1] or None, yerr=error or None, **mark)
