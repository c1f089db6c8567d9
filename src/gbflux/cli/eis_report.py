"""Report of `gbflux eis` on a spectrum: tables and remarks for people, plain data for machines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gbflux import units

if TYPE_CHECKING:
    from gbflux.lab.impedance.analyse import EisResult
    from gbflux.lab.stats.uncertainty import Interval

F_PER_M_TO_F_PER_CM = 1e-2
_PARAMETER_KEYS = ("unit", "value", "low", "high", "stderr", "state")


def report(result: EisResult) -> str:
    """Tables and remarks for people."""
    from gbflux.cli.analysis import table_text

    fit = result.fit
    lines = [
        f"{fit.spectrum.source}: {len(fit.spectrum.frequency)} points, {fit.spectrum.frequency.min():.3g} to "
        f"{fit.spectrum.frequency.max():.3g} Hz; circuit {fit.circuit.text}, {fit.weighting} weighting",
        "",
    ]
    rows = [("parameter", "value", "95 % interval", "unit", "state")]
    for p in fit.parameters:
        unit = "" if p.unit == "1" else p.unit
        known = bool(p.stderr) and math.isfinite(p.low) and math.isfinite(p.high)
        rows.append((p.name, f"{p.value:.5g}", f"{p.low:.4g} … {p.high:.4g}" if known else "", unit, p.state))
    lines += [table_text(rows), f"residuals {fit.rms * 100:.2g} % rms" + _kk_text(result), ""]
    if result.arcs:
        lines += [table_text(_arc_rows(result)), ""]
    cell = result.cell
    total = f"total resistance {result.total.value:.5g} Ω"
    if cell is not None:
        total += f" = {_ohm_cm2(result.total.times(cell.area))} Ω cm²"
    lines.append(total)
    if result.brick_layer is not None:
        lines += ["", *_brick_lines(result)]
    lines += [f"warning: {text}" for text in result.warnings]
    if fit.spectrum.notes:
        lines += ["", "Read", *(f"  {note}" for note in fit.spectrum.notes)]
    return "\n".join(lines)


def _kk_text(result: EisResult) -> str:
    kk = result.kk
    if kk is None:
        return ""
    verdict = "consistent" if kk.consistent else "NOT consistent"
    return (
        f"; Kramers-Kronig {verdict} ({kk.rms * 100:.2g} % rms, {kk.elements} RC elements; "
        f"µ asks for {kk.elements_by_mu})"
    )


def _arc_rows(result: EisResult) -> list[tuple[str, ...]]:
    """Table of the arcs."""
    rows = [
        ("arc", "R (Ω)", "ASR (Ω cm²)", "C (F)", "C L/A (F/cm)", "top (Hz)", "usually", "chance of noise")
    ]
    for arc in result.arcs:
        specific = arc.specific_capacitance
        rows.append(
            (
                arc.name,
                f"{arc.resistance.value:.4g}",
                "" if arc.asr is None else _ohm_cm2(arc.asr),
                f"{arc.capacitance:.3g}",
                "" if specific is None else f"{specific * F_PER_M_TO_F_PER_CM:.2g}",
                f"{arc.frequency:.3g}",
                arc.origin,
                "" if arc.probability < 1e-6 else f"{arc.probability:.2g}",
            )
        )
    return rows


def _ohm_cm2(asr: Interval) -> str:
    return f"{asr.value * units.OHM_M2_TO_OHM_CM2:.4g}"


def _brick_lines(result: EisResult) -> list[str]:
    """Return the lines on the brick-layer analysis."""
    found, scale = result.brick_layer, units.S_PER_M_TO_S_PER_CM
    grain, gb = result.assigned
    low, high = found.sigma_gb.low * scale, found.sigma_gb.high * scale
    return [
        f"Brick layer, d = {found.grain_size * units.M_TO_UM:g} µm, δ = {found.delta / units.NM_TO_M:g} nm; "
        f"{grain} the grains, {gb} the grain boundaries",
        f"  σ_grain  {found.sigma_grain.value * scale:.4g} S/cm",
        f"  σ_gb     {found.sigma_gb.value * scale:.3g} S/cm, between {low:.2g} and {high:.2g} "
        f"(×/÷ {found.factor:g} for the microstructure, and the fit)",
        f"  Bi = R_gb/R_g  {found.biot:.3g};  one boundary {found.gb_asr * units.OHM_M2_TO_OHM_CM2:.3g} Ω "
        "cm²",
    ]


def record(result: EisResult) -> dict[str, Any]:
    """The result as plain data in the units of the field."""
    fit, found = result.fit, result.brick_layer
    plain: dict[str, Any] = {
        "source": fit.spectrum.source,
        "circuit": fit.circuit.text,
        "weighting": fit.weighting,
        "points": len(fit.spectrum.frequency),
        "parameters": {p.name: {k: getattr(p, k) for k in _PARAMETER_KEYS} for p in fit.parameters},
        "residual_rms": fit.rms,
        "residual_systematic": fit.systematic,
        "total_resistance_ohm": _limits(result.total),
        "arcs": {arc.name: _arc_record(arc) for arc in result.arcs},
        "warnings": list(result.warnings),
        "notes": list(fit.spectrum.notes),
    }
    if result.kk is not None:
        keys = ("consistent", "rms", "largest", "limit", "systematic", "elements", "elements_by_mu", "mu")
        plain["kramers_kronig"] = {key: getattr(result.kk, key) for key in keys}
    if found is not None:
        scale = units.S_PER_M_TO_S_PER_CM
        plain["brick_layer"] = {
            "grain": result.assigned[0],
            "gb": result.assigned[1],
            "sigma_grain_S_per_cm": _limits(found.sigma_grain.times(scale)),
            "sigma_gb_S_per_cm": _limits(found.sigma_gb.times(scale)),
            "sigma_gb_total_S_per_cm": _limits(found.sigma_gb_total.times(scale)),
            "gb_asr_ohm_cm2": found.gb_asr * units.OHM_M2_TO_OHM_CM2,
            "biot": found.biot,
            "factor": found.factor,
            "delta_over_d_from_capacitance": found.delta_over_d_from_capacitance,
        }
    return plain


def _limits(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _arc_record(arc) -> dict[str, Any]:
    specific = arc.specific_capacitance
    return {
        "resistance_ohm": _limits(arc.resistance),
        "asr_ohm_cm2": None if arc.asr is None else _limits(arc.asr.times(units.OHM_M2_TO_OHM_CM2)),
        "capacitance_F": arc.capacitance,
        "specific_capacitance_F_per_cm": None if specific is None else specific * F_PER_M_TO_F_PER_CM,
        "frequency_Hz": arc.frequency,
        "exponent": arc.exponent,
        "probability": arc.probability,
        "present": arc.present,
        "origin": arc.origin,
    }
