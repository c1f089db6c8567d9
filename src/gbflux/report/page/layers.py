"""From hot-spot ratios to an estimate of critical current densities (CCD), a hypothesis and no proof.

Hypothesis: a dendrite starts where the local current density reaches a limit j* that does not depend on the
homogenizing layer. A cell whose largest local current density is R times its mean then fails at CCD = j*/R,
and

    CCD with layer / CCD bare = R_bare / R_layer,

whatever j* is. Lu 2021 (Adv. Energy Mater.) measured 1.8 mA/cm² with a layer, less than 0.1 mA/cm² bare and
about 0.2 mA/cm² with Au. R is taken from cases with the same grains (the same seed), the ratio as the
geometric mean over seeds, its 95 % interval from Student's t for the logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gbflux.measure.error_text import Parts, parts, value_at
from gbflux.report.figures import style
from gbflux.report.page.cautions import relative_errors
from gbflux.report.page.content import Picture, from_figure
from gbflux.report.page.curves import (
    Abscissa,
    Curve,
    abscissa,
    colours,
    curves_over,
    dress,
    legend_below,
    shown_curves,
)
from gbflux.report.page.folders import Study
from gbflux.report.page.run_folder import Run
from gbflux.report.page.wording import Metric, side_metrics

LAYER = "homogenizing_layer.thickness_um"
CCD_LAYER, CCD_BARE, CCD_AU = 1.8, 0.1, 0.2  # mA/cm², Lu 2021; bare is an upper limit
RATIO_BARE, RATIO_AU = CCD_LAYER / CCD_BARE, CCD_LAYER / CCD_AU
_FEWEST = 3


@dataclass(frozen=True)
class Ratio:
    """R_bare/R_layer by one measure of hot spots, and the bare cell's CCD that 1.8 mA/cm² then implies.

    `low` and `high` end the 95 % interval over grains, `error` is the estimated discretisation error.
    """

    measure: str
    where: str
    thickness_um: float | None
    n: int
    ratio: float
    low: float | None
    high: float | None
    error: float | None = None

    @property
    def shown(self) -> Parts:
        """The ratio with its estimated discretisation error, where one is known."""
        return parts(self.ratio, None if self.error is None else {"estimated_error": self.error}, 3)

    @property
    def bare_ccd(self) -> float:
        """CCD of the bare cell if the cell with a layer has 1.8 (mA/cm²)."""
        return CCD_LAYER / self.ratio

    @property
    def verdict(self) -> str:
        """Verdict in words: the ratio against the measured ones."""
        off = self.error or 0.0
        low, high = self.low or self.ratio - off, self.high or self.ratio + off
        if low > RATIO_BARE:
            return "as large as measured against bare Li"
        if high < RATIO_AU:
            return "less than measured, even against Au"
        if low > RATIO_AU:
            return f"more than measured against Au{', less than bare' if high < RATIO_BARE else ''}"
        return f"not told apart from that against Au{' or bare Li' if high > RATIO_BARE else ''}"


def measures(side: str = "top") -> tuple[Metric, ...]:
    """The measures of hot spots that bare and layered electrodes both have."""
    p99, _, window, *_ = side_metrics(side)
    return p99, window


def geometric_mean(ratios: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Geometric mean of ratios and its 95 % interval (Student's t of the logs); none of fewer than three.

    >>> tuple(round(x, 6) for x in geometric_mean([2.0, 2.0, 2.0]))
    (2.0, 2.0, 2.0)
    >>> geometric_mean([4.0])
    (4.0, None, None)
    """
    logs = np.log(np.asarray(ratios, float))
    mean = float(np.exp(logs.mean()))
    if len(logs) < _FEWEST:
        return mean, None, None
    half = stdtrit(len(logs) - 1, 0.975) * logs.std(ddof=1) / np.sqrt(len(logs))
    return mean, float(mean * np.exp(-half)), float(mean * np.exp(half))


def study_ratios(study: Study) -> list[Ratio]:
    """Ratios of all points with a layer against the bare point beside them; empty without such pairs."""
    if LAYER not in study.axes:
        return []
    over = abscissa(study, LAYER)
    if over.words:
        return []
    return [
        ratio
        for metric in measures()
        for curve in curves_over(study, over)
        for ratio in _along(study, curve, metric)
    ]


def _along(study: Study, curve: Curve, metric: Metric) -> list[Ratio]:
    """Ratios along a curve of growing thickness that starts bare."""
    bare = {row.seed: row.number(metric.key) for p in curve.points[:1] for row in study.done(p)}
    if not curve.x or curve.x[0] != 0.0 or not bare:
        return []
    found = []
    for point, x in zip(curve.points[1:], curve.x[1:], strict=True):
        case = study.cases.get(point)
        if case is not None and not case.hl_um[1]:  # the layer is on the other side alone
            continue
        pairs = [(bare.get(row.seed), row.number(metric.key)) for row in study.done(point)]
        ratios = [a / b for a, b in pairs if a and b]
        if ratios:
            mean, low, high = geometric_mean(ratios)
            found.append(Ratio(metric.name, curve.label, x, len(ratios), mean, low, high))
    return found


def run_ratios(runs: Sequence[Run]) -> list[Ratio]:
    """Ratios of a bare run and one with a layer; empty without such a pair."""
    bare, layered = [r for r in runs if r.bare], [r for r in runs if not r.bare]
    if len(bare) != 1 or len(layered) != 1:
        return []
    found = []
    for metric in measures():
        a, b = (value_at(run.result, metric.key) for run in (bare[0], layered[0]))
        if a and b:
            shares = [relative_errors(run.result).get(metric.key) for run in (bare[0], layered[0])]
            error = None if None in shares else a / b * sum(shares)
            found.append(Ratio(metric.name, "", None, 1, a / b, None, None, error))
    return found


def draw_ratios(study: Study, ratios: Sequence[Ratio]) -> Picture:
    """Ratio of critical current densities over the thickness, beside what was measured."""
    over = Abscissa(LAYER, abscissa(study, LAYER).label, {})
    figure = style.new_figure(9.0, 4.3)
    names = list(dict.fromkeys(r.measure for r in ratios))
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    wheres = [curve.label for curve in shown_curves(curves_over(study, abscissa(study, LAYER)))[0]]
    for axes, name in zip(panels, names, strict=True):
        for where, colour in zip(wheres, colours(len(wheres)), strict=True):
            _draw_ratio(axes, [r for r in ratios if (r.measure, r.where) == (name, where)], colour, where)
        axes.axhline(RATIO_AU, color=style.INK, lw=1.0, ls="--", label="measured against Au: 9")
        axes.axhline(
            RATIO_BARE,
            color=style.INK,
            linewidth=1.0,
            linestyle=":",
            label="measured against bare Li: above 18",
        )
        axes.set_yscale("log")
        axes.set_ylim(*_limits(ratios))
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if _within(t, axes.get_ylim())]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_title(f"from {name}", fontsize=9.5, color=style.INK)
        dress(axes, over)
    panels[0].set_ylabel("CCD with layer / CCD bare", fontsize=9)
    legend_below(figure, panels[-1])
    alt = "Estimated ratio of critical current densities against thickness, with those measured."
    caption = "Bars: 95 % interval over grains, from ratios of cases with the same grains."
    return from_figure(figure, "Ratio of critical current densities", alt, caption)


def _within(value: float, ends: tuple[float, float]) -> bool:
    return ends[0] <= value <= ends[1]


def _limits(ratios: Sequence[Ratio]) -> tuple[float, float]:
    """Ends of the axis: what was measured and what is drawn."""
    low = min(0.8, *(0.9 * (r.low or r.ratio) for r in ratios))
    return max(low, 0.05), max(1.6 * RATIO_BARE, *(1.1 * (r.high or r.ratio) for r in ratios))


def _draw_ratio(axes, ratios: Sequence[Ratio], colour, label: str) -> None:
    """One curve with its intervals."""
    if not ratios:
        return
    x, y = [r.thickness_um for r in ratios], [r.ratio for r in ratios]
    axes.plot(x, y, "o-", color=colour, markersize=4, linewidth=1.4, label=label or "estimate")
    ends = [(r.thickness_um, r.low, r.high) for r in ratios if r.low is not None]
    if ends:
        at, low, high = zip(*ends, strict=True)
        axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.vlines(at, low, high, color=colour, linewidth=1.0)
