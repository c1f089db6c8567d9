"""Homogenizing layers: decay of the current density across them, and estimates of critical currents.

Decay. A single lateral wave of the current falls as cosh((h − z)/λ)/cosh(h/λ) from the electrolyte (z = 0)
to an ideal electrode (z = h). λ is fitted to the standard deviation of J_z, as for ``decay_length_um``; drawn
over the maximum is 1 + a cosh((h − z)/λ) with this λ and the a that fits log(max/mean − 1) best there.

Critical current densities (CCD), a hypothesis and no proof: a dendrite starts where the local current density
reaches a limit j* that does not depend on the layer. A cell whose largest local current density is R times
its mean then fails at CCD = j*/R, and

    CCD with layer / CCD bare = R_bare / R_layer,

whatever j* is. Lu 2021 (Adv. Energy Mater.) measured 1.8 mA/cm² with a layer, less than 0.1 mA/cm² bare and
about 0.2 mA/cm² with Au. R is taken from cases with the same grains (the same seed), the ratio as the
geometric mean over seeds, its 95 % interval from Student's t for the logarithms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.special import stdtrit

from gbflux.measure.error_text import Parts, parts, value_at, with_error
from gbflux.measure.hl_profile import HOMOGENIZED, NOISE, fit_decay, log_cosh
from gbflux.measure.metrics import Metric
from gbflux.report.figures import style
from gbflux.report.page.cautions import relative_errors
from gbflux.report.page.content import Picture, from_figure
from gbflux.report.page.curves import (
    SIDE,
    Curve,
    abscissa,
    colours,
    curves_over,
    dress,
    evenly_chosen,
    legend_below,
    point_name,
    shown_curves,
)
from gbflux.report.page.folders import Run, Study
from gbflux.report.page.wording import side_metrics

LAYER = "homogenizing_layer.thickness_um"
CCD_LAYER, CCD_BARE, CCD_AU = 1.8, 0.1, 0.2  # mA/cm², Lu 2021; bare is an upper limit
RATIO_BARE, RATIO_AU = CCD_LAYER / CCD_BARE, CCD_LAYER / CCD_AU
_FEWEST = 3
_MOST_PROFILES = 6
_CAPTION = (
    f"Left: largest |J| over its mean; dotted: {HOMOGENIZED:g}. Right: standard deviation of J_z over "
    "the mean. Lines: cosh((h − z)/λ), λ fitted to the right panel; the law is that of a single wave, "
    "and near the electrolyte the fall is algebraic."
)


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


def _measures() -> tuple[Metric, ...]:
    """Measures of hot spots that bare and layered electrodes both have."""
    p99, _, window, *_ = side_metrics(SIDE)
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
        for metric in _measures()
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
    for metric in _measures():
        a, b = (value_at(run.result, metric.key) for run in (bare[0], layered[0]))
        if a and b:
            shares = [relative_errors(run.result).get(metric.key) for run in (bare[0], layered[0])]
            known = [share for share in shares if share is not None]
            error = a / b * sum(known) if len(known) == len(shares) else None
            found.append(Ratio(metric.name, "", None, 1, a / b, None, None, error))
    return found


def draw_ratios(study: Study, ratios: Sequence[Ratio]) -> Picture:
    """Ratio of critical current densities over the thickness, beside what was measured."""
    over = abscissa(study, LAYER)
    figure = style.new_figure(9.0, 4.3)
    names = list(dict.fromkeys(r.measure for r in ratios))
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    wheres = [curve.label for curve in shown_curves(curves_over(study, over))[0]]
    for axes, name in zip(panels, names, strict=True):
        for where, colour in zip(wheres, colours(len(wheres)), strict=True):
            _draw_ratio(axes, [r for r in ratios if (r.measure, r.where) == (name, where)], colour, where)
        axes.axhline(RATIO_AU, color=style.INK, lw=1.0, ls="--", label="measured against Au: 9")
        axes.axhline(RATIO_BARE, color=style.INK, lw=1.0, ls=":", label="measured against bare Li: above 18")
        axes.set_yscale("log")
        axes.set_ylim(*_limits(ratios))
        low, high = axes.get_ylim()
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= t <= high]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_title(f"from {name}", fontsize=9.5, color=style.INK)
        dress(axes, over)
    panels[0].set_ylabel("CCD with layer / CCD bare", fontsize=9)
    legend_below(figure, panels[-1])
    alt = "Estimated ratio of critical current densities against thickness, with those measured."
    caption = "Bars: 95 % interval over grains, from ratios of cases with the same grains."
    return from_figure(figure, "Ratio of critical current densities", alt, caption)


def _limits(ratios: Sequence[Ratio]) -> tuple[float, float]:
    """Ends of the axis: what was measured and what is drawn."""
    low = min(0.8, *(0.9 * (r.low or r.ratio) for r in ratios))
    return max(low, 0.05), max(1.6 * RATIO_BARE, *(1.1 * (r.high or r.ratio) for r in ratios))


def _draw_ratio(axes: Axes, ratios: Sequence[Ratio], colour: Any, label: str) -> None:
    """One curve with its intervals."""
    if not ratios:
        return
    x, y = np.array([r.thickness_um for r in ratios]), [r.ratio for r in ratios]
    axes.plot(x, y, "o-", color=colour, markersize=4, linewidth=1.4, label=label or "estimate")
    ends = [(r.thickness_um, r.low, r.high) for r in ratios if r.low is not None]
    if ends:
        at, low, high = zip(*ends, strict=True)
        axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.vlines(at, low, high, color=colour, linewidth=1.0)


@dataclass(frozen=True)
class Profile:
    """Mean over realisations by distance (µm), P10 and P90 of the maximum, λ (µm) and a of the law.

    `error` is the record of the estimated error of λ, where there is one.
    """

    label: str
    distance: NDArray[np.float64]
    largest: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    std: NDArray[np.float64]
    law: tuple[float, float] | None
    error: Mapping[str, Any] | None = None

    @property
    def length(self) -> str:
        """λ as text."""
        return with_error(self.law[0], self.error, 2) if self.law else ""


def profile_of(
    label: str, layers: Sequence[Mapping[str, Any]], error: Mapping[str, Any] | None = None
) -> Profile:
    """Mean profile of one or more layers of equal thickness; no law where a mesh does not resolve one."""
    distance = np.asarray(layers[0]["distance_um"], float)
    columns = {
        key: np.array([np.interp(distance, layer["distance_um"], layer[key]) for layer in layers])
        for key in ("max_over_mean", "std_over_mean")
    }
    largest, std = columns["max_over_mean"], columns["std_over_mean"].mean(axis=0)
    low, high = np.percentile(largest, [10, 90], axis=0)
    resolved = all(layer.get("reason") is None for layer in layers)
    law = fit_decay(distance, std, float(distance[-1])) if resolved else None
    return Profile(label, distance, largest.mean(axis=0), low, high, std, law, error)


def law_amplitude(profile: Profile) -> float | None:
    """The a of 1 + a cosh((h − z)/λ) that fits the maximum best in log space; None without a law."""
    excess = profile.largest - 1.0
    used = (excess > NOISE) & (np.arange(len(excess)) >= 2)
    if profile.law is None or not used.any():
        return None
    rest = np.log(excess[used]) - log_cosh((profile.distance[-1] - profile.distance[used]) / profile.law[0])
    return float(np.exp(rest.mean()))


def draw_profiles(profiles: Sequence[Profile], title: str, note: str = "") -> Picture:
    """Maximum and spread over the distance from the electrolyte."""
    figure = style.new_figure(9.8, 4.4)
    left, right = figure.subplots(1, 2)
    for profile, colour in zip(profiles, colours(len(profiles)), strict=True):
        _draw_maximum(left, profile, colour)
        _draw_spread(right, profile, colour)
    left.axhline(HOMOGENIZED, color=style.GUIDE, linewidth=0.9, linestyle=":")
    if any((profile.std > 0).any() for profile in profiles):
        right.set_yscale("log")
    for axes, label in ((left, "max |J| / mean"), (right, "std J$_z$ / mean")):
        style.plot_frame(axes, "distance from the electrolyte (µm)", label, size=9)
    legend_below(figure, right, columns=2)
    parts = [f"{p.label}: λ {p.length} µm" if p.law else f"{p.label}: no law" for p in profiles]
    alt = "Largest current density and spread against distance in the homogenizing layer. " + "; ".join(parts)
    return from_figure(figure, title, alt, note + _CAPTION)


def _draw_maximum(axes: Axes, profile: Profile, colour: Any) -> None:
    """Mean of the maximum, its spread, the law."""
    axes.fill_between(profile.distance, profile.low, profile.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(profile.distance, profile.largest, "o", color=colour, markersize=3.5)
    amplitude = law_amplitude(profile)
    if profile.law is not None and amplitude is not None:
        z = np.linspace(profile.distance[2], profile.distance[-1], 200)
        curve = 1.0 + amplitude * np.exp(log_cosh((z[-1] - z) / profile.law[0]))
        axes.plot(z, curve, color=colour, linewidth=1.3)


def _draw_spread(axes: Axes, profile: Profile, colour: Any) -> None:
    """Standard deviation and the law."""
    shown = profile.std > 0
    label = profile.label if profile.law else f"{profile.label} (no law fits)"
    if profile.law is not None:
        label = f"{profile.label}, λ = {profile.length} µm"
        z = np.linspace(profile.distance[2], profile.distance[-1], 200)
        axes.plot(
            z, profile.law[1] * np.exp(log_cosh((z[-1] - z) / profile.law[0])), color=colour, linewidth=1.3
        )
    axes.plot(profile.distance[shown], profile.std[shown], "o", color=colour, markersize=3.5, label=label)


def study_profiles(study: Study, side: str) -> Picture | None:
    """Profiles of the points of a study, a band for each; None where no case has a layer."""
    points = [p for p in study.points if any(_layer(study, row.case, side) for row in study.done(p))]
    if not points:
        return None
    kept = evenly_chosen(points, _MOST_PROFILES)
    note = "" if len(kept) == len(points) else f"{len(kept)} of {len(points)} points are drawn. "
    profiles = [
        profile_of(point_name(study, p), [x for row in study.done(p) if (x := _layer(study, row.case, side))])
        for p in kept
    ]
    note += "Points: mean over realisations; band: P10 to P90. "
    return draw_profiles(profiles, f"Across the homogenizing layer, {side} side", note)


def _layer(study: Study, case: str, side: str) -> Mapping[str, Any] | None:
    """Profile of a case's layer, where it is complete."""
    layer = (study.results[case].get("homogenizing_layer") or {}).get(side)
    return layer if layer and len(layer.get("distance_um") or ()) > 2 else None
