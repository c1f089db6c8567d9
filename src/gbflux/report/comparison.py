"""Bare and with a homogenizing layer side by side: a figure on one colour scale, and a plain text table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gbflux.measure.error_text import DASH, MEANING, error_records, stated, value_at
from gbflux.report import style
from gbflux.report.case_figures import plane_title, summary
from gbflux.report.panels import draw_plane, draw_section
from gbflux.report.views import CaseViews
from gbflux.units import SIDES

Extent = tuple[float, float, float, float]


def draw_comparison(path: Path, bare: CaseViews, with_hl: CaseViews) -> Path:
    """Sections above, below the electrode that the bare case heats most, both cases on one colour scale.

    Parameters
    ----------
    path : Path
        PNG file.
    bare, with_hl : CaseViews
        Two cases of the same dimension, as from `case_views`.

    Returns
    -------
    Path
    """
    cases = (bare, with_hl)
    spots = bare.measurement.hot_spots
    side = max(spots, key=lambda name: spots[name].p99_over_mean)
    sections = [view.section for view in cases]
    planes = [view.electrodes[side] for view in cases]
    flat = bare.dimension == 2
    images = [view.size for view in (sections if flat else sections + planes)]
    limits = style.shared_limits(images)
    heights = Normalize(0.0, max(float(view.size.max()) for view in planes)) if flat else limits
    span = min(view.extent[2] for view in sections), max(view.extent[3] for view in sections)
    figure, panels = _panels((*sections[0].extent[:2], *span), planes[0].extent)
    for (upper, lower), view in zip(panels.T, cases, strict=True):
        shown = draw_section(upper, view.section, limits)
        bar = style.bar_height(view.section.extent)
        upper.set_ylim(span[0] - bar, span[1] + bar)
        numbers = summary(view).replace(" · ", "\n")
        upper.set_title(f"{view.title}\n{numbers}", fontsize=10, color=style.INK)
        draw_plane(lower, view.electrodes[side], heights, plane_title(view, side))
    coloured = list(panels[0] if flat else panels.ravel())
    style.colour_bar(figure, shown, coloured, images, shrink=0.6, aspect=40, pad=0.012)
    return style.save(
        figure,
        path,
        "Above: section through the same grains. Dark lines: grain boundaries. White lines follow the "
        f"in-plane current. Below: an electrode. One colour scale.\n{style.NUMBERS}",
    )


def _panels(section: Extent, plane: Extent | None) -> tuple[Figure, NDArray]:
    """A figure with two rows of two panels, as high as what they show."""
    heights = [_height(section, margin=0.11), 0.45 if plane is None else _height(plane)]
    figure = style.new_figure(9.0, 3.75 * sum(heights) + 1.4)
    return figure, figure.subplots(2, 2, height_ratios=heights)


def _height(extent: Extent, margin: float = 0.0) -> float:
    """Height over width, kept in bounds."""
    left, right, bottom, top = extent
    return float(np.clip((top - bottom) / (right - left) + margin, 0.3, 2.5))


def comparison_table(bare_result: Mapping[str, Any], hl_result: Mapping[str, Any]) -> str:
    """Main numbers of two results in columns of plain text.

    Parameters
    ----------
    bare_result, hl_result : mapping
        As from ``result.json``.

    Returns
    -------
    str
        Without a newline at the end.
    """
    results = (bare_result, hl_result)
    rows = [("", "bare", "with HL")]
    for name, key in _ROWS:
        cells = [_cell(result, key) for result in results]
        if any(cell != DASH for cell in cells):
            rows.append((name, *cells))
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]
    told = any(True for result in results for _ in error_records(result.get("errors")))
    return "\n".join([lines[0], "-" * (sum(widths) + 4), *lines[1:], *([MEANING] if told else [])])


def _cell(result: Mapping[str, Any], key: str) -> str:
    """A measure with its error, or why there is none."""
    reason = value_at(result, f"{key.rpartition('.')[0]}.reason")
    return "not resolved" if reason is not None else str(stated(result, key))


def _spots(name: str, key: str) -> list[tuple[str, str]]:
    """Rows of one measure on both electrodes."""
    return [(f"{name}, {side}", f"hot_spots.{side}.{key}") for side in SIDES]


_ROWS: list[tuple[str, str]] = [
    ("current (A)", "transport.current_A"),
    ("current (A/m)", "transport.current_A_per_m"),
    ("mean current density (mA/cm²)", "transport.mean_current_density_mA_per_cm2"),
    ("resistance of the cell (Ω cm²)", "transport.asr_ohm_cm2"),
    ("σ_eff of the electrolyte (S/cm)", "transport.sigma_eff_S_per_cm"),
    *_spots("P99 / mean", "p99_over_mean"),
    *_spots("3 µm window max / mean", "window_max_over_mean.3_um"),
    *_spots("grain max / mean (area cut)", "grain_max_over_mean_area_cut"),
    *_spots("pointwise max / mean", "max_over_mean"),
    ("homogenized at (µm), bottom", "homogenizing_layer.bottom.homogenized_at_um"),
    ("homogenized at (µm), top", "homogenizing_layer.top.homogenized_at_um"),
    ("decay length (µm), bottom", "homogenizing_layer.bottom.decay_length_um"),
    ("decay length (µm), top", "homogenizing_layer.top.decay_length_um"),
]
