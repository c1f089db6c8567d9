"""Numbers as a page writes them, and what the metrics are called."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gbflux.case import Case
from gbflux.case.blocks import unit_of
from gbflux.measure import error_text
from gbflux.report.page.study_folder import number

DASH = error_text.DASH
#: How keys spell their units.
_SUFFIX = re.compile(r"_(um|nm|S_per_cm|ohm_cm2|mA_per_cm2|eV|V|C)$")


def written(value: Any, digits: int = 4) -> str:
    """A number for a reader: so many digits, powers of ten raised; a dash for none; words as they are.

    >>> written(2.7e-4), written(13.9393), written(None), written(7), written(0.0), written("cut")
    ('2.7 × 10⁻⁴', '13.94', '–', '7', '0', 'cut')
    """
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if not isinstance(value, float):
        return str(value)
    return error_text.number(value, digits)


def interval(low: float | None, high: float | None, digits: int = 4) -> str:
    """Two ends of an interval; empty where one is missing.

    >>> interval(1.0, 2.0), interval(None, 2.0)
    ('1 … 2', '')
    """
    return "" if low is None or high is None else f"{written(low, digits)} … {written(high, digits)}"


@dataclass(frozen=True)
class Metric:
    """A number of ``result.json``: its dotted key, what a reader calls it, its unit, what it means."""

    key: str
    name: str
    unit: str = ""
    meaning: str = ""

    @property
    def label(self) -> str:
        """Name with unit, which no line end parts."""
        unit = self.unit.replace(" ", "\N{NO-BREAK SPACE}")
        return f"{self.name} ({unit})" if unit else self.name


P99 = "largest but for 1 % of the area, over the mean"
CELL = (
    Metric("transport.mean_current_density_mA_per_cm2", "mean current density", "mA/cm²", "over the area"),
    Metric("transport.sigma_eff_S_per_cm", "σ_eff of the electrolyte", "S/cm", "layers left out"),
    Metric("transport.asr_ohm_cm2", "resistance of the cell", "Ω cm²", "electrode to electrode"),
)

#: What σ_eff is compared with.
ESTIMATES = (
    Metric("transport.brick_layer_S_per_cm", "brick layer", "S/cm", "σ_g/(1 + Bi), an estimate of σ_eff"),
    Metric("transport.wiener_lower_S_per_cm", "lower Wiener bound", "S/cm", "σ_eff is not below"),
    Metric("transport.wiener_upper_S_per_cm", "upper Wiener bound", "S/cm", "σ_eff is not above"),
)


def side_metrics(side: str) -> tuple[Metric, ...]:
    """Return the metrics that are measured on one side."""
    spots, inner = f"hot_spots.{side}", f"hot_spots_electrolyte.{side}"
    layer = f"homogenizing_layer.{side}"
    window = "window_max_over_mean"
    return (
        Metric(f"{spots}.p99_over_mean", f"P99/mean, {side} electrode", "", P99),
        Metric(f"{spots}.{window}.1_um", f"1 µm window max/mean, {side}", "", "largest mean over 1 µm"),
        Metric(f"{spots}.{window}.3_um", f"3 µm window max/mean, {side}", "", "largest mean over 3 µm"),
        Metric(
            f"{spots}.grain_max_over_mean_area_cut",
            f"grain max/mean, {side}",
            "",
            "largest mean over a grain, slivers left out",
        ),
        Metric(f"{spots}.max_over_mean", f"pointwise max/mean, {side}", "", "set by the mesh too"),
        Metric(f"{inner}.p99_over_mean", f"P99/mean, electrolyte|layer, {side}", "", P99),
        Metric(f"{layer}.homogenized_at_um", f"homogenized at, {side}", "µm", "max/mean stays below 1.1"),
        Metric(f"{layer}.decay_length_um", f"decay length, {side}", "µm", "λ of the fitted cosh"),
    )


METRICS = (*CELL, *side_metrics("top"), *side_metrics("bottom"))


def axis_label(axis: str) -> str:
    """Return the name of a swept key, with its unit.

    >>> axis_label("homogenizing_layer.thickness_um")
    'homogenizing layer: thickness (µm)'
    >>> axis_label("electrodes.asr_ohm_cm2.top"), axis_label("nothing.of.that")
    ('electrodes: area-specific resistance, top (Ω cm²)', 'nothing.of.that')
    """
    name, unit = _axis(axis)
    return f"{name} ({unit})" if unit else name


def axis_point(axis: str, text: str, axes: Iterable[str] = ()) -> str:
    """A value of a swept key as one names a point or a curve by it; with its block if others have its name.

    >>> axis_point("homogenizing_layer.thickness_um", "3"), axis_point("grains.boundary", "cut")
    ('thickness 3 µm', 'boundary cut')
    >>> axis_point("grains.conductivity_S_per_cm", "3", ["grain_boundary.conductivity_S_per_cm"])
    'grains: conductivity 3 S/cm'
    """
    name, unit = _axis(axis)
    short = name.split(": ")[-1]
    shared = any(_axis(other)[0].split(": ")[-1] == short for other in axes if other != axis)
    return f"{name if shared else short} {axis_value(text)} {unit}".rstrip()


def _axis(axis: str) -> tuple[str, str]:
    """Name and unit of a swept key."""
    model: Any = Case
    parts, words, unit = axis.split("."), [], ""
    for part in parts:
        fields = model.model_fields if model is not None else {}
        if part not in fields:
            if not part.isdigit():
                return axis, ""
            words.append(part)
            continue
        field = fields[part]
        unit = unit_of(field) or unit
        name = _SUFFIX.sub("", part) if unit_of(field) else part
        words.append(re.sub(r"\basr\b", "area-specific resistance", name.replace("_", " ")))
        model = _model_in(field.annotation)
    block = parts[0].replace("_", " ")
    return (f"{block}: {', '.join(words[1:])}" if len(words) > 1 else words[0]), unit


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The block among the types of a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in typing.get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def axis_value(text: str) -> str:
    """A swept value as a reader writes it."""
    value = number(text)
    return (text or "none") if value is None else written(value)
