"""Decay of the largest current density across a homogenizing layer, with the fitted cosh law.

A single lateral wave of the current falls as cosh((h − z)/λ)/cosh(h/λ) from the electrolyte (z = 0) to an
ideal electrode (z = h). λ is fitted to the standard deviation of J_z, as for ``decay_length_um``; drawn over
the maximum is 1 + a cosh((h − z)/λ) with this λ and the a that fits log(max/mean − 1) best there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gbflux.measure.error_text import with_error
from gbflux.measure.hl_profile import HOMOGENIZED, NOISE, fit_decay, log_cosh
from gbflux.report.figures import style
from gbflux.report.page.content import Picture, from_figure
from gbflux.report.page.curves import colours, legend_below, point_name
from gbflux.report.page.folders import Study

_CAPTION = (
    f"Left: largest |J| over its mean; dotted: {HOMOGENIZED:g}. Right: standard deviation of J_z over "
    "the mean. Lines: cosh((h − z)/λ), λ fitted to the right panel; the law is that of a single wave, "
    "and near the electrolyte the fall is algebraic."
)


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
    left.axhline(HOMOGENIZED, color="#8a8b92", linewidth=0.9, linestyle=":")
    left.set_ylabel("max |J| / mean", fontsize=9)
    right.set_ylabel("std J$_z$ / mean", fontsize=9)
    if any((profile.std > 0).any() for profile in profiles):
        right.set_yscale("log")
    for axes in (left, right):
        axes.set_xlabel("distance from the electrolyte (µm)", fontsize=9)
        style.plot_frame(axes)
    legend_below(figure, right, columns=2)
    parts = [f"{p.label}: λ {p.length} µm" if p.law else f"{p.label}: no law" for p in profiles]
    alt = "Largest current density and spread against distance in the homogenizing layer. " + "; ".join(parts)
    return from_figure(figure, title, alt, note + _CAPTION)


def _draw_maximum(axes: Axes, profile: Profile, colour) -> None:
    """Mean of the maximum, its spread, the law."""
    axes.fill_between(profile.distance, profile.low, profile.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(profile.distance, profile.largest, "o", color=colour, markersize=3.5)
    amplitude = law_amplitude(profile)
    if profile.law is not None and amplitude is not None:
        z = np.linspace(profile.distance[2], profile.distance[-1], 200)
        curve = 1.0 + amplitude * np.exp(log_cosh((z[-1] - z) / profile.law[0]))
        axes.plot(z, curve, color=colour, linewidth=1.3)


def _draw_spread(axes: Axes, profile: Profile, colour) -> None:
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
    kept = points
    note = ""
    if len(points) > 6:
        kept = [points[k] for k in np.unique(np.linspace(0, len(points) - 1, 6).round().astype(int))]
        note = f"{len(kept)} of {len(points)} points are drawn. "
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
