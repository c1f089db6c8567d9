"""`gbflux ccd`: the critical current density of a stepped-current test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux import units
from gbflux.cli.analysis import FolderOption, JsonOption

if TYPE_CHECKING:
    from gbflux.lab.ccd import CcdResult, CurrentTest

MOST_SHOWN = 40


def ccd(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Text with time, current and voltage.")],
    area: Annotated[
        float | None,
        typer.Option("--area-cm2", help="Of the electrode, where the file has no current density."),
    ] = None,
    drop: Annotated[float, typer.Option("--drop", help="Share of the voltage whose loss is a short.")] = 0.1,
    noise_ratio: Annotated[
        float, typer.Option("--noise-ratio", help="Noise over that of the steps before that is a short.")
    ] = 5.0,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Find the short in a stepped-current test and report the critical current density with its step.

    Raises
    ------
    InputError
        If the file holds no such test.
    """
    from gbflux.cli.analysis import json_text
    from gbflux.lab.ccd import critical_current, read_current_test

    test = read_current_test(file, None if area is None else area * units.CM2_TO_M2)
    result = critical_current(test, drop, noise_ratio)
    typer.echo(json_text(record(test, result)) if as_json else report(test, result))
    if output is not None:
        options = {"command": "ccd", "area_cm2": area, "drop": drop, "noise_ratio": noise_ratio}
        _write(output, test, result, file, options)


def headline(result: CcdResult) -> str:
    """The outcome in one line."""
    to_ma = units.A_PER_M2_TO_MA_PER_CM2
    if not result.shorted:
        return f"not shorted: critical current density above {result.held * to_ma:.4g} mA/cm² (censored)"
    return (
        f"critical current density {result.ccd * to_ma:.4g} mA/cm², step {result.uncertainty * to_ma:.2g} "
        f"(held {result.held * to_ma:.4g}); short after {result.short_time:.4g} s: {result.sign}"
    )


def report(test: CurrentTest, result: CcdResult) -> str:
    """Table and remarks for people."""
    from gbflux.cli.analysis import table_text

    lines = [f"{test.source}: {headline(result)}"]
    if result.asr_before is not None and result.asr_after is not None:
        before, after = (x * units.OHM_M2_TO_OHM_CM2 for x in (result.asr_before, result.asr_after))
        lines.append(f"voltage over current density: {before:.4g} Ω cm² before, {after:.4g} Ω cm² after")
    rows = [("start (s)", "mA/cm²", "voltage (V)", "ASR (Ω cm²)", "noise (V)", "sign of a short")]
    for step in result.steps[:MOST_SHOWN]:
        rows.append(
            (
                f"{step.start:.6g}",
                f"{step.current_density * units.A_PER_M2_TO_MA_PER_CM2:.4g}",
                f"{step.voltage:.4g}",
                f"{step.asr * units.OHM_M2_TO_OHM_CM2:.4g}",
                f"{step.noise:.2g}",
                step.sign,
            )
        )
    lines += ["", table_text(rows)]
    if len(result.steps) > MOST_SHOWN:
        lines.append(f"… and {len(result.steps) - MOST_SHOWN} more steps (-o DIR writes all)")
    if test.notes:
        lines += ["", "Read", *(f"  {note}" for note in test.notes)]
    return "\n".join(lines)


def record(test: CurrentTest, result: CcdResult) -> dict[str, Any]:
    """The result as plain data in the units of the field."""
    to_ma, to_ohm = units.A_PER_M2_TO_MA_PER_CM2, units.OHM_M2_TO_OHM_CM2
    return {
        "source": test.source,
        "shorted": result.shorted,
        "ccd_mA_per_cm2": None if result.ccd is None else result.ccd * to_ma,
        "held_mA_per_cm2": result.held * to_ma,
        "step_mA_per_cm2": None if result.uncertainty is None else result.uncertainty * to_ma,
        "short_time_s": result.short_time,
        "sign": result.sign,
        "asr_before_ohm_cm2": None if result.asr_before is None else result.asr_before * to_ohm,
        "asr_after_ohm_cm2": None if result.asr_after is None else result.asr_after * to_ohm,
        "steps": _steps(result),
        "notes": list(test.notes),
    }


def _steps(result: CcdResult) -> list[dict[str, Any]]:
    return [
        {
            "start_s": step.start,
            "duration_s": step.duration,
            "current_density_mA_per_cm2": step.current_density * units.A_PER_M2_TO_MA_PER_CM2,
            "voltage_V": step.voltage,
            "asr_ohm_cm2": step.asr * units.OHM_M2_TO_OHM_CM2,
            "noise_V": step.noise,
            "sign": step.sign,
        }
        for step in result.steps
    ]


def _write(folder: Path, test: CurrentTest, result: CcdResult, file: Path, options: dict[str, Any]) -> None:
    """Figure, CSV of the steps, result, provenance."""
    from gbflux.cli.analysis import make_folder, provenance, write_csv, write_json
    from gbflux.report.figures.iv import draw_current_test

    make_folder(folder)
    write_csv(folder / "steps.csv", _steps(result))
    draw_current_test(folder / "ccd.png", test, result, headline(result))
    write_json(folder / "result.json", record(test, result))
    write_json(folder / "provenance.json", provenance([file], options))
