"""Numbers as a page writes them, and what the metrics are called."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from gbflux.case import Case
from gbflux.case.blocks import unit_of
from gbflux.measure import error_text
from gbflux.measure.metrics import Metric
from gbflux.report.page.folders import number
from gbflux.results.result import METRICS as METRICS_OF_RESULTS

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


def _metrics(*keys: str) -> tuple[Metric, ...]:
    """The metrics of these keys, in the order in which a page shows them."""
    return tuple(METRICS_OF_RESULTS[key] for key in keys)


CELL = _metrics(
    "transport.mean_current_density_mA_per_cm2", "transport.sigma_eff_S_per_cm", "transport.asr_ohm_cm2"
)
#: What σ_eff is compared with.
ESTIMATES = _metrics(
    "transport.brick_layer_S_per_cm", "transport.wiener_lower_S_per_cm", "transport.wiener_upper_S_per_cm"
)


def side_metrics(side: str) -> tuple[Metric, ...]:
    """Metrics that are measured on one side."""
    spots, inner = f"hot_spots.{side}", f"hot_spots_electrolyte.{side}"
    return _metrics(
        f"{spots}.p99_over_mean",
        f"{spots}.window_max_over_mean.1_um",
        f"{spots}.window_max_over_mean.3_um",
        f"{spots}.grain_max_over_mean_area_cut",
        f"{spots}.max_over_mean",
        f"{inner}.p99_over_mean",
        f"homogenizing_layer.{side}.homogenized_at_um",
        f"homogenizing_layer.{side}.decay_length_um",
    )


METRICS = (*CELL, *side_metrics("top"), *side_metrics("bottom"))


def axis_label(axis: str) -> str:
    """Name of a swept key, with its unit.

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
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)


def axis_value(text: str) -> str:
    """A swept value as a reader writes it."""
    value = number(text)
    return (text or "none") if value is None else written(value)
