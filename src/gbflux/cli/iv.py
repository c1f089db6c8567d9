"""`gbflux iv`: triggering bias, back-scan resistance and filament of measured I–V curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux import units
from gbflux.cli.output import FolderOption, JsonOption, distinct_stems, json_text, table_text, write_analysis
from gbflux.errors import InputError

if TYPE_CHECKING:
    from gbflux.lab.iv.analyse import CurveResult, IVResult
    from gbflux.lab.iv.many import ManyResult, Survival

POLARITIES = {"negative": -1, "positive": 1, "both": None}
MA_TO_A, M_TO_NM = 1e-3, 1e9
MOST_SHOWN = 40
FEW_NAMES = 3
_OHMIC = ("resistance", "resistance_error", "intercept", "intercept_error", "r_squared")


def iv(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Files of I–V curves.")],
    polarity: Annotated[str, typer.Option(help="negative, positive or both.")] = "both",
    compliance_mA: Annotated[
        float | None, typer.Option("--compliance-mA", help="Current limit; else from the plateau.")
    ] = None,
    thickness_um: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Length of the filament, for its diameter; 300±5 too."),
    ] = None,
    conductivity_S_per_cm: Annotated[
        str,
        typer.Option(
            "--conductivity-S-per-cm",
            metavar="NUMBER",
            help="Of the filament; lithium by default; 1.1e5±5% too.",
        ),
    ] = "1.1e5",
    area_cm2: Annotated[
        float | None, typer.Option(help="Of the electrode, for files with current densities.")
    ] = None,
    positions: Annotated[
        Path | None, typer.Option(help="CSV with file and distance_nm or electrode_um, for statistics.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Triggering bias with its interval, noise, compliance, resistance and filament diameter of I–V curves.

    Raises
    ------
    InputError
        If a file holds no curve; files that do are shown first.
    """
    from gbflux.lab.iv.analyse import analyse_iv
    from gbflux.lab.iv.many import read_positions, together
    from gbflux.lab.readers import read_table
    from gbflux.lab.stats.uncertainty import parse_measured

    if polarity not in POLARITIES:
        raise InputError(f"iv: --polarity must be negative, positive or both; got '{polarity}'.")
    length = None
    if thickness_um is not None:
        length = parse_measured(thickness_um, "iv: --thickness-um") * units.UM_TO_M
    places = None if positions is None else read_positions(positions)
    results, faults = [], []
    for path in files:
        try:
            results.append(
                analyse_iv(
                    read_table(path),
                    polarity=POLARITIES[polarity],
                    compliance=None if compliance_mA is None else compliance_mA * MA_TO_A,
                    thickness=length,
                    sigma=parse_measured(conductivity_S_per_cm, "iv: --conductivity-S-per-cm")
                    * units.S_PER_CM_TO_S_PER_M,
                    area=None if area_cm2 is None else area_cm2 * units.CM2_TO_M2,
                    seed=seed,
                )
            )
        except InputError as error:
            if len(files) == 1:
                raise
            faults.append(str(error))
    if results:
        many = together(results, places, seed)
        typer.echo(json_text(record(results, many)) if as_json else report(results, many))
        if output is not None:
            options: dict[str, Any] = {"command": "iv", "polarity": polarity, "compliance_mA": compliance_mA}
            options |= {"thickness_um": thickness_um, "area_cm2": area_cm2}
            options |= {"conductivity_S_per_cm": conductivity_S_per_cm, "positions": positions, "seed": seed}
            _write(output, results, many, options)
    if faults:
        raise InputError("\n".join([f"{len(faults)} of {len(files)} files left out:", *faults]))


def record(results: list[IVResult], many: ManyResult | None) -> dict[str, Any]:
    """All files, and many curves together, as plain data."""
    plain: dict[str, Any] = {"files": [result.as_dict() for result in results]}
    return plain | ({"together": many.as_dict()} if many else {})


def report(results: list[IVResult], many: ManyResult | None) -> str:
    """Tables and remarks for people."""
    head = ("file", "curve", "outcome", "bias (V)", "interval (V)", "noise (A)", "limit (A)")
    rows: list[tuple[str, ...]] = [(*head, "R (Ω)", "R²", "diameter (nm)")]
    curves = [(result, curve) for result in results for curve in result.curves]
    rows += [_row(result, curve) for result, curve in curves[:MOST_SHOWN]]
    lines = [table_text(rows)]
    if len(curves) > MOST_SHOWN:
        lines.append(f"… and {len(curves) - MOST_SHOWN} more curves (-o DIR writes all)")
    flags = [
        f"  {Path(result.source).name}, curve {curve.curve.number}: {flag}"
        for result, curve in curves
        for flag in curve.flags
    ]
    if flags:
        lines += ["", "Flags", *flags[:MOST_SHOWN]]
    notes: dict[str, list[str]] = {}
    for result in results:
        for note in result.notes:
            notes.setdefault(note, []).append(Path(result.source).name)
    if notes:
        read = [f"  {_names(names)}: {note}" for note, names in notes.items()]
        lines += ["", "Read", *read[:MOST_SHOWN]]
    if many is not None:
        lines += ["", *_many_lines(many)]
    return "\n".join(lines)


def _names(names: list[str]) -> str:
    """Names of files, the first few."""
    if len(names) <= FEW_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:FEW_NAMES])} and {len(names) - FEW_NAMES} more"


def _row(result: IVResult, found: CurveResult) -> tuple[str, ...]:
    """Line of one curve in the table."""
    trigger, fit = found.trigger, found.ohmic
    low, high = trigger.interval or (None, None)
    bias = f"beyond {trigger.limit:g}" if trigger.censored else "–"
    if trigger.bias is not None:
        bias = f"{trigger.bias:.4g}"
    diameter = "–"
    if found.diameter is not None and found.diameter_error is not None:
        diameter = f"{found.diameter * M_TO_NM:.0f} ± {found.diameter_error * M_TO_NM:.2g}"
    return (
        Path(result.source).name,
        str(found.curve.number),
        trigger.outcome,
        bias,
        "–" if low is None else f"{low:.4g} … {high:.4g}",
        f"{trigger.noise.sigma:.2g}" if trigger.noise else "–",
        f"{found.compliance.current:.3g}" if found.compliance else "–",
        f"{fit.resistance:.4g} ± {fit.resistance_error:.2g}" if fit else "–",
        f"{fit.r_squared:.4f}" if fit else "–",
        diameter,
    )


def _many_lines(many: ManyResult) -> list[str]:
    """Lines on many curves together."""
    lines = [f"All curves: {_median(many.together)}"]
    if many.rise is not None:
        rise = many.rise
        lines += [
            f"Bias changes {rise.distance:.3g} µm from the grain boundary "
            f"({rise.interval[0]:.3g} … {rise.interval[1]:.3g} µm, p = {rise.p_value:.2g})",
            f"  nearer:  {_median(rise.near)}",
            f"  farther: {_median(rise.far)}",
        ]
    lines += [f"Electrode {size:g} µm: {_median(found)}" for size, found in many.by_electrode.items()]
    return lines


def _median(found: Survival) -> str:
    """Median of a survival estimate in words."""
    count = f"{found.triggered} of {found.curves} triggered"
    if found.median is None:
        return f"{count}; fewer than half within the limits, no median"
    low, high = ("∞" if end is None else f"{end:.3g}" for end in found.median_interval)
    return f"{count}; median {found.median:.3g} V ({low} … {high} V)"


def _write(folder: Path, results: list[IVResult], many: ManyResult | None, options: dict[str, Any]) -> None:
    """Figures, CSV of results, JSON, provenance."""
    from gbflux.report.figures.iv import draw_curves, draw_many

    rows = []
    for result in results:
        for curve in result.curves:
            row = {"file": result.source, **curve.as_dict()}
            fit = row.pop("ohmic") or {}
            row["flags"] = "; ".join(row["flags"])
            rows.append(row | {f"ohmic_{key}": fit.get(key) for key in _OHMIC})
    sources = [result.source for result in results]
    write_analysis(folder, {"curves.csv": rows}, record(results, many), sources, options)
    for stem, result in zip(distinct_stems(sources), results, strict=True):
        draw_curves(folder / f"{stem}.png", result)
    if many is not None:
        draw_many(folder / "together.png", many)
