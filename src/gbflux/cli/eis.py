"""`gbflux eis`: circuit, grain boundaries and a case from an impedance spectrum."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux import units
from gbflux.cli.output import FolderOption, JsonOption, json_text, table_text, write_analysis
from gbflux.errors import InputError

if TYPE_CHECKING:
    from gbflux.lab.impedance.analyse import Arc, Bricks, Cell, EisResult
    from gbflux.lab.impedance.brick_layer import BrickLayer
    from gbflux.lab.stats.uncertainty import Interval

F_PER_M_TO_F_PER_CM = 1e-2
_PARAMETER_KEYS = ("unit", "value", "low", "high", "stderr", "state")
_KK_KEYS = ("consistent", "rms", "largest", "limit", "systematic", "elements", "elements_by_mu", "mu")


def eis(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Spectrum (text with frequency, Z', Z'').")],
    circuit: Annotated[
        str, typer.Option("--circuit", "-c", help="Elements R C L CPE W Ws Wo; '-' series, p(,) parallel.")
    ] = "R0-p(R1,CPE1)-p(R2,CPE2)",
    weighting: Annotated[str, typer.Option(help="modulus, proportional or unit.")] = "modulus",
    fix: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Keep a parameter; may be repeated.")
    ] = None,
    start: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Start from a value; may be repeated.")
    ] = None,
    sweep: Annotated[int, typer.Option(min=1, help="Which, where the file holds several.")] = 1,
    kk_limit_percent: Annotated[float, typer.Option(help="Kramers-Kronig residuals that still pass.")] = 0.5,
    area_cm2: Annotated[float | None, typer.Option(help="Area of an electrode.")] = None,
    thickness_um: Annotated[float | None, typer.Option(help="Thickness of the electrolyte.")] = None,
    grain_um: Annotated[
        float | None, typer.Option(help="Mean grain size: asks for σ_gb by the brick layer.")
    ] = None,
    delta_nm: Annotated[float, typer.Option(help="Thickness of a grain boundary.")] = 5.0,
    grain: Annotated[str, typer.Option(metavar="R", help="Resistance that is the grains'.")] = "",
    gb: Annotated[str, typer.Option(metavar="R", help="Resistance that is the grain boundaries'.")] = "",
    factor: Annotated[float, typer.Option(help="Uncertainty for the microstructure, ≥ 2.")] = 2.0,
    case_block: Annotated[
        Path | None, typer.Option(metavar="CASE", help="Write a case with the measured grain_boundary.")
    ] = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Fit a circuit to an impedance spectrum, test it (Kramers-Kronig), and turn arcs into conductivities.

    Raises
    ------
    GbfluxError
        Input that cannot be used (exit code 2), a fit that does not converge (3), a missing library (4).
    """
    from gbflux.lab.impedance.analyse import analyse_spectrum
    from gbflux.lab.impedance.spectrum import read_spectrum

    cell, bricks = _sample(area_cm2, thickness_um, grain_um, delta_nm, grain, gb, factor)
    if case_block is not None and bricks is None:
        raise InputError(
            "--case-block: needs --grain-um, --area-cm2 and --thickness-um; got not all. Give them."
        )
    if case_block is not None and case_block.exists():
        raise InputError(f"{case_block}: must not exist yet; it does. Choose another name, or remove it.")
    result = analyse_spectrum(
        read_spectrum(file, sweep, None if cell is None else cell.area),
        circuit,
        weighting,
        cell,
        bricks,
        _values("--fix", fix),
        _values("--start", start),
        kk_limit_percent / 100,
    )
    typer.echo(json_text(record(result)) if as_json else report(result))
    if case_block is not None and result.brick_layer is not None:
        _write_case(case_block, result.brick_layer, file)
        typer.echo(f"case: {case_block}", err=as_json)
    if output is not None:
        from gbflux.report.figures.impedance import draw_spectrum

        options: dict[str, Any] = {"command": "eis", "circuit": circuit, "weighting": weighting}
        options |= {"fix": fix, "start": start, "sweep": sweep, "kk_limit_percent": kk_limit_percent}
        options |= {"area_cm2": area_cm2, "thickness_um": thickness_um, "grain_um": grain_um}
        options |= {"delta_nm": delta_nm, "grain": grain, "gb": gb, "factor": factor}
        write_analysis(output, {"spectrum.csv": _spectrum_rows(result)}, record(result), [file], options)
        draw_spectrum(output / "spectrum.png", result)


def _sample(
    area_cm2: float | None,
    thickness_um: float | None,
    grain_um: float | None,
    delta_nm: float,
    grain: str,
    gb: str,
    factor: float,
) -> tuple[Cell | None, Bricks | None]:
    """Sample and bricks in SI, as far as they are given."""
    from gbflux.lab.impedance.analyse import Bricks, Cell

    if grain_um is None and (grain or gb):
        raise InputError("--grain and --gb: need --grain-um; got none. Give the mean grain size.")
    if area_cm2 is None:
        if thickness_um is not None or grain_um is not None:
            raise InputError("--thickness-um and --grain-um: need --area-cm2; got none. Give the area.")
        return None, None
    thickness = None if thickness_um is None else thickness_um * units.UM_TO_M
    cell = Cell(area_cm2 * units.CM2_TO_M2, thickness)
    if grain_um is None:
        return cell, None
    return cell, Bricks(delta_nm * units.NM_TO_M, grain_um * units.UM_TO_M, grain, gb, factor)


def _values(option: str, words: list[str] | None) -> dict[str, float]:
    """Values of NAME=VALUE words."""
    values = {}
    for word in words or ():
        name, _, number = word.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            raise InputError(
                f"{option}: must be NAME=VALUE with a number; got '{word}'. Write it like R0=12."
            ) from None
    return values


def _write_case(path: Path, found: BrickLayer, file: Path) -> None:
    """Write a case with the measured grain boundary."""
    from gbflux.lab.impedance.brick_layer import case_text

    try:
        path.write_text(case_text(found, file.name), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}. Choose another place."
        ) from None


def _spectrum_rows(result: EisResult) -> list[dict[str, str]]:
    """The spectrum with the fit, a row a frequency."""
    spectrum, fitted = result.fit.spectrum, result.fit.fitted
    return [
        {
            "frequency_Hz": f"{f:.8g}",
            "z_real_ohm": f"{z.real:.8g}",
            "z_imag_ohm": f"{z.imag:.8g}",
            "fit_real_ohm": f"{m.real:.8g}",
            "fit_imag_ohm": f"{m.imag:.8g}",
        }
        for f, z, m in zip(spectrum.frequency, spectrum.impedance, fitted, strict=True)
    ]


def report(result: EisResult) -> str:
    """Tables and remarks for people."""
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
    total = f"total resistance {result.total.value:.5g} Ω"
    if result.cell is not None:
        total += f" = {_ohm_cm2(result.total.times(result.cell.area))} Ω cm²"
    lines.append(total)
    if result.brick_layer is not None:
        lines += ["", *_brick_lines(result.brick_layer, *result.assigned)]
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
    rows: list[tuple[str, ...]] = [
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


def _brick_lines(found: BrickLayer, grain: str, gb: str) -> list[str]:
    """Lines on the brick-layer analysis of two named resistances."""
    scale = units.S_PER_M_TO_S_PER_CM
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
        plain["kramers_kronig"] = {key: getattr(result.kk, key) for key in _KK_KEYS}
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


def _arc_record(arc: Arc) -> dict[str, Any]:
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
