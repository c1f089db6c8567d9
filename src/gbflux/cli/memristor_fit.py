"""`gbflux memristor --fit`: the filament model fitted to a cycle, for people, machines and a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gbflux.lab.memristor.filament_fit import FilamentFit

UNITS = {
    "ionic_conductance": "S",
    "mouth_conductance": "S",
    "bridge_charge": "C",
    "bridge_resistance": "ohm",
    "series_resistance": "ohm",
    "nucleation_bias": "V",
}


def fit_report(name: str, number: int, fit: FilamentFit) -> str:
    """Table of parameters for people."""
    from gbflux.cli.analysis import table_text

    rows = [("parameter", "value", "95 % interval", "unit")]
    for key, one in fit.parameters.items():
        between = f"{one.low:.4g} … {one.high:.4g}" if one.reason is None else "none"
        rows.append((key.replace("_", " "), f"{one.value:.4g}", between, UNITS[key].replace("ohm", "Ω")))
    head = f"{name}, cycle {number}: filament model, {fit.rms_decades:.2g} decades rms; {fit.drive}"
    lines = [head, table_text(rows)]
    reasons: dict[str, list[str]] = {}
    for key, one in fit.parameters.items():
        if one.reason is not None:
            reasons.setdefault(one.reason, []).append(key.replace("_", " "))
    lines += [f"no interval for {', '.join(keys)}: {reason}" for reason, keys in reasons.items()]
    return "\n".join(lines)


def fit_record(number: int, fit: FilamentFit) -> dict[str, Any]:
    """The fit as plain data."""
    return {
        "cycle": number,
        "drive": fit.drive,
        "compliance_A": fit.model.compliance,
        "rms_decades": fit.rms_decades,
        "relative_noise": fit.relative_noise,
        "residual_correlation": fit.correlation,
        "residual_correlation_limit": fit.correlation_limit,
        "reason": fit.reason,
        "parameters": {
            f"{key}_{UNITS[key]}": {
                "value": one.value,
                "error": one.error,
                "low": one.low,
                "high": one.high,
                "reason": one.reason,
            }
            for key, one in fit.parameters.items()
        },
    }


def write_fit(folder: Path, stem: str, number: int, fit: FilamentFit) -> None:
    """Figure and CSV of measured and modelled current."""
    from gbflux.cli.analysis import write_csv
    from gbflux.report.figures.memristor import draw_fit

    columns = zip(fit.trace.time, fit.trace.bias, fit.measured, fit.trace.current, strict=True)
    names = ("time_s", "bias_V", "current_A", "model_A")
    rows = [dict(zip(names, map(float, row), strict=True)) for row in columns]
    write_csv(folder / f"{stem}_fit.csv", rows)
    draw_fit(folder / f"{stem}_fit.png", f"{stem}, cycle {number}", fit)
