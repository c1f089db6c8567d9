"""`gbflux eis`: circuit, grain boundaries and a case from an impedance spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux import units
from gbflux.cli.analysis import FolderOption, JsonOption

if TYPE_CHECKING:
    from gbflux.iv.brick_layer import Interval
    from gbflux.iv.eis import Bricks, Cell, EisResult

F_PER_M_TO_F_PER_CM = 1e-2


def eis(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Spectrum (text with frequency, Z', Z'').")],
    circuit: Annotated[
        str, typer.Option("--circuit", "-c", help="Elements R C L CPE W Ws Wo; '-' series, p(,) parallel.")
    ] = "R0-p(R1,CPE1)-p(R2,CPE2)",
    weighting: Annotated[str, typer.Option("--weighting", help="modulus, proportional or unit.")] = "modulus",
    fix: Annotated[
        list[str] | None,
        typer.Option("--fix", metavar="NAME=VALUE", help="Keep a parameter; may be repeated."),
    ] = None,
    start: Annotated[
        list[str] | None,
        typer.Option("--start", metavar="NAME=VALUE", help="Start from a value; may be repeated."),
    ] = None,
    sweep: Annotated[int, typer.Option("--sweep", min=1, help="Which, where the file holds several.")] = 1,
    kk_limit: Annotated[
        float, typer.Option("--kk-limit-percent", help="Kramers-Kronig residuals that still pass.")
    ] = 0.5,
    area: Annotated[float | None, typer.Option("--area-cm2", help="Area of an electrode.")] = None,
    thickness: Annotated[
        float | None, typer.Option("--thickness-um", help="Thickness of the electrolyte.")
    ] = None,
    grain_size: Annotated[
        float | None, typer.Option("--grain-um", help="Mean grain size: asks for σ_gb by the brick layer.")
    ] = None,
    delta: Annotated[float, typer.Option("--delta-nm", help="Thickness of a grain boundary.")] = 5.0,
    grain: Annotated[str, typer.Option("--grain", metavar="R", help="Resistance that is the grains'.")] = "",
    gb: Annotated[
        str, typer.Option("--gb", metavar="R", help="Resistance that is the grain boundaries'.")
    ] = "",
    factor: Annotated[float, typer.Option("--factor", help="Uncertainty for the microstructure, ≥ 2.")] = 2.0,
    case_block: Annotated[
        Path | None,
        typer.Option("--case-block", metavar="CASE", help="Write a case with the measured grain_boundary."),
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
    from gbflux.cli.analysis import json_text
    from gbflux.errors import InputError
    from gbflux.iv.eis import analyse_spectrum
    from gbflux.iv.eis_data import read_spectrum

    cell, bricks = _sample(area, thickness, grain_size, delta, grain, gb, factor)
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
        kk_limit / 100,
    )
    typer.echo(json_text(record(result)) if as_json else report(result))
    if case_block is not None:
        _write_case(case_block, result, file)
        typer.echo(f"case: {case_block}", err=as_json)
    if output is not None:
        options = {"circuit": circuit, "weighting": weighting, "fix": fix, "start": start, "sweep": sweep}
        options |= {"kk_limit_percent": kk_limit, "area_cm2": area, "thickness_um": thickness}
        options |= {"grain_um": grain_size, "delta_nm": delta, "grain": grain, "gb": gb, "factor": factor}
        _write(output, result, file, options)


def _sample(area, thickness, grain_size, delta, grain, gb, factor) -> tuple[Cell | None, Bricks | None]:
    """Sample and bricks in SI, as far as they are given."""
    from gbflux.errors import InputError
    from gbflux.iv.eis import Bricks, Cell

    if grain_size is None and (grain or gb):
        raise InputError("--grain and --gb: need --grain-um; got none. Give the mean grain size.")
    if area is None and (thickness is not None or grain_size is not None):
        raise InputError("--thickness-um and --grain-um: need --area-cm2; got none. Give the area.")
    cell = None
    if area is not None:
        cell = Cell(area * units.CM2_TO_M2, None if thickness is None else thickness * units.UM_TO_M)
    if grain_size is None:
        return cell, None
    return cell, Bricks(delta * units.NM_TO_M, grain_size * units.UM_TO_M, grain, gb, factor)


def _values(option: str, words: list[str] | None) -> dict[str, float]:
    """Values of NAME=VALUE words."""
    from gbflux.errors import InputError

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
        rows.append(
            (p.name, f"{p.value:.5g}", f"{p.low:.4g} … {p.high:.4g}" if p.stderr else "", unit, p.state)
        )
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
    """What the brick layer says."""
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


_PARAMETER_KEYS = ("unit", "value", "low", "high", "stderr", "state")


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


def _write_case(path: Path, result: EisResult, file: Path) -> None:
    """A case with the measured grain boundary."""
    from gbflux.errors import InputError
    from gbflux.iv.brick_layer import case_text

    text = case_text(result.brick_layer, file.name)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}. Choose another place."
        ) from None


def _write(folder: Path, result: EisResult, file: Path, options: dict[str, Any]) -> None:
    """Figure, CSV of the spectrum with the fit, result, provenance."""
    from gbflux.cli.analysis import make_folder, provenance, write_csv, write_json
    from gbflux.report.eis_figures import draw_spectrum

    make_folder(folder)
    spectrum, fit = result.fit.spectrum, result.fit
    rows = [
        {
            "frequency_Hz": f"{f:.8g}",
            "z_real_ohm": f"{z.real:.8g}",
            "z_imag_ohm": f"{z.imag:.8g}",
            "fit_real_ohm": f"{m.real:.8g}",
            "fit_imag_ohm": f"{m.imag:.8g}",
        }
        for f, z, m in zip(spectrum.frequency, spectrum.impedance, fit.fitted, strict=True)
    ]
    write_csv(folder / "spectrum.csv", rows)
    draw_spectrum(folder / "spectrum.png", result)
    write_json(folder / "result.json", record(result))
    write_json(folder / "provenance.json", provenance([file], {"command": "eis", **options}))
