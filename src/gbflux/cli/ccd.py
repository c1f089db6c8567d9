"""`gbflux ccd`: the critical current density of a stepped-current test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux.cli.output import FolderOption, JsonOption, json_text, table_text, write_analysis
from gbflux.units import A_PER_M2_TO_MA_PER_CM2, CM2_TO_M2, OHM_M2_TO_OHM_CM2

if TYPE_CHECKING:
    from gbflux.lab.ccd import CcdResult, CurrentTest

MOST_SHOWN = 40


def ccd(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Text with time, current and voltage.")],
    area_cm2: Annotated[
        float | None, typer.Option(help="Of the electrode, where the file has no current density.")
    ] = None,
    drop: Annotated[float, typer.Option(help="Share of the voltage whose loss is a short.")] = 0.1,
    noise_ratio: Annotated[
        float, typer.Option(help="Noise over that of the steps before that is a short.")
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
    from gbflux.lab.ccd import critical_current, read_current_test

    test = read_current_test(file, None if area_cm2 is None else area_cm2 * CM2_TO_M2)
    result = critical_current(test, drop, noise_ratio)
    plain = record(test, result)
    typer.echo(json_text(plain) if as_json else report(test, result))
    if output is not None:
        from gbflux.report.figures.iv import draw_current_test

        options = {"command": "ccd", "area_cm2": area_cm2, "drop": drop, "noise_ratio": noise_ratio}
        write_analysis(output, {"steps.csv": plain["steps"]}, plain, [file], options)
        draw_current_test(output / "ccd.png", test, result, headline(result))


def headline(result: CcdResult) -> str:
    """The outcome in one line."""
    held = result.held * A_PER_M2_TO_MA_PER_CM2
    if result.ccd is None or result.uncertainty is None:  # no short
        return f"not shorted: critical current density above {held:.4g} mA/cm² (censored)"
    ccd, step = (x * A_PER_M2_TO_MA_PER_CM2 for x in (result.ccd, result.uncertainty))
    return (
        f"critical current density {ccd:.4g} mA/cm², step {step:.2g} (held {held:.4g}); "
        f"short after {result.short_time:.4g} s: {result.sign}"
    )


def report(test: CurrentTest, result: CcdResult) -> str:
    """Table and remarks for people."""
    lines = [f"{test.source}: {headline(result)}"]
    if result.asr_before is not None and result.asr_after is not None:
        before, after = (x * OHM_M2_TO_OHM_CM2 for x in (result.asr_before, result.asr_after))
        lines.append(f"voltage over current density: {before:.4g} Ω cm² before, {after:.4g} Ω cm² after")
    rows = [("start (s)", "mA/cm²", "voltage (V)", "ASR (Ω cm²)", "noise (V)", "sign of a short")]
    for step in result.steps[:MOST_SHOWN]:
        rows.append(
            (
                f"{step.start:.6g}",
                f"{step.current_density * A_PER_M2_TO_MA_PER_CM2:.4g}",
                f"{step.voltage:.4g}",
                f"{step.asr * OHM_M2_TO_OHM_CM2:.4g}",
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

    def times(value: float | None, factor: float) -> float | None:
        return None if value is None else value * factor

    return {
        "source": test.source,
        "shorted": result.shorted,
        "ccd_mA_per_cm2": times(result.ccd, A_PER_M2_TO_MA_PER_CM2),
        "held_mA_per_cm2": result.held * A_PER_M2_TO_MA_PER_CM2,
        "step_mA_per_cm2": times(result.uncertainty, A_PER_M2_TO_MA_PER_CM2),
        "short_time_s": result.short_time,
        "sign": result.sign,
        "asr_before_ohm_cm2": times(result.asr_before, OHM_M2_TO_OHM_CM2),
        "asr_after_ohm_cm2": times(result.asr_after, OHM_M2_TO_OHM_CM2),
        "steps": [
            {
                "start_s": step.start,
                "duration_s": step.duration,
                "current_density_mA_per_cm2": step.current_density * A_PER_M2_TO_MA_PER_CM2,
                "voltage_V": step.voltage,
                "asr_ohm_cm2": step.asr * OHM_M2_TO_OHM_CM2,
                "noise_V": step.noise,
                "sign": step.sign,
            }
            for step in result.steps
        ],
        "notes": list(test.notes),
    }
