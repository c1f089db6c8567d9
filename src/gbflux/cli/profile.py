"""`gbflux profile`: modulus or potential across a grain boundary."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux import units
from gbflux.cli.output import FolderOption, JsonOption, json_text, table_text, write_analysis
from gbflux.errors import InputError

if TYPE_CHECKING:
    from gbflux.lab.profile import ProfileResult

#: Unit of the field and factor, by SI unit.
SHOWN = {"Pa": ("GPa", 1e-9), "V": ("mV", 1e3), "m": ("nm", 1e9)}
#: Numbers of the table, and how it calls them.
NUMBERS = {
    "grain": "in the grains",
    "boundary": "at the boundary",
    "depth": "boundary − grains",
    "step": "step, right − left",
    "left": "left grain",
    "right": "right grain",
}
M_TO_NM = 1e9


def profile(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Line scans (text) or maps (.gwy, .spm, text).")
    ],
    quantity: Annotated[str, typer.Option(help="modulus or voltage, where a file holds both.")] = "",
    channel: Annotated[str, typer.Option(help="Of a map: part of its name.")] = "",
    line_um: Annotated[
        str | None,
        typer.Option(metavar="X0,Y0,X1,Y1", help="Through a map, from its upper left corner."),
    ] = None,
    width_um: Annotated[
        float | None, typer.Option(help="Of a map that is a matrix of numbers in a text file.")
    ] = None,
    height_um: Annotated[float | None, typer.Option(help="Likewise; square pixels if left out.")] = None,
    unit: Annotated[str, typer.Option(help="Likewise: GPa, mV, …")] = "",
    lines: Annotated[int, typer.Option(min=1, help="Parallel lines through a map.")] = 5,
    no_align: Annotated[bool, typer.Option("--no-align", help="Do not shift lines onto each other.")] = False,
    level: Annotated[bool, typer.Option("--level", help="Take a straight slope from each line.")] = False,
    largest_shift_nm: Annotated[
        float | None, typer.Option(help="Of a line; a tenth of its length if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise that the dip is compared with.")] = 1,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Align and average lines across a grain boundary; depth, width and significance of the dip at it.

    Raises
    ------
    GbfluxError
        Files that cannot be used (exit code 2), a missing library (4).
    """
    from gbflux.lab.profile import analyse_profile
    from gbflux.lab.readers.lines import join_lines, lines_across, middle_lines, read_lines
    from gbflux.lab.readers.maps import is_map, read_map

    ends = None if line_um is None else _ends(line_um)
    width, height = (None if side is None else side * units.UM_TO_M for side in (width_um, height_um))
    scans = []
    for path in files:
        if width is not None or is_map(path):
            scan = read_map(path, channel, (width, height), unit)
            scans.append(middle_lines(scan, lines) if ends is None else lines_across(scan, *ends, lines))
        elif ends is not None:
            raise InputError(
                f"--line-um: needs a map; {path} holds line scans, or numbers whose width must be given "
                "(--width-um)."
            )
        else:
            scans.append(read_lines(path, quantity))
    shift = None if largest_shift_nm is None else largest_shift_nm / M_TO_NM
    result = analyse_profile(join_lines(scans), not no_align, level, shift, seed)
    typer.echo(json_text(record(result)) if as_json else report(result))
    if output is not None:
        from gbflux.report.figures.profile import draw_profile

        options: dict[str, Any] = {"command": "profile", "quantity": quantity, "channel": channel}
        options |= {"line_um": line_um, "lines": lines, "align": not no_align, "width_um": width_um}
        options |= {"height_um": height_um, "unit": unit, "level": level}
        options |= {"largest_shift_nm": largest_shift_nm, "seed": seed}
        write_analysis(output, {"profile.csv": _mean_rows(result)}, record(result), files, options)
        draw_profile(output / "profile.png", result, *shown(result))


def _ends(text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of a line (m) from four numbers in µm."""
    try:
        x0, y0, x1, y1 = (float(word) * units.UM_TO_M for word in text.split(","))
    except ValueError:
        raise InputError(f"--line-um: must be four numbers X0,Y0,X1,Y1; got '{text}'.") from None
    return (x0, y0), (x1, y1)


def shown(result: ProfileResult) -> tuple[str, float]:
    """Unit of the field and factor to it."""
    return SHOWN.get(result.lines.unit, (result.lines.unit, 1.0))


def report(result: ProfileResult) -> str:
    """Table and remarks for people."""
    unit, factor = shown(result)
    rows = [(result.lines.name, f"value ({unit or 'as written'})", "95 % interval")]
    for key, name in NUMBERS.items():
        one = getattr(result, key).times(factor)
        rows.append((name, f"{one.value:.4g}", f"{one.low:.4g} … {one.high:.4g}"))
    width = result.width.times(M_TO_NM)
    rows.append(
        ("full width at half depth (nm)", f"{width.value:.3g}", f"{width.low:.3g} … {width.high:.3g}")
    )
    verdict = (
        "a grain boundary stands out" if result.significant else "NO grain boundary stands out of the noise"
    )
    sign = "≤" if result.probability <= 1 / 400 else "="
    count = len(result.lines.values)
    lines = [
        f"{result.lines.source}: {count} line{'s' if count > 1 else ''} of {len(result.lines.position)} "
        "points",
        f"{verdict} (p {sign} {result.probability:.2g})",
        "",
        table_text(rows),
    ]
    if not result.significant:
        lines.append("warning: the numbers describe the deepest dip of what may be noise")
    if result.lines.notes:
        lines += ["", "Read", *(f"  {note}" for note in dict.fromkeys(result.lines.notes))]
    return "\n".join(lines)


def record(result: ProfileResult) -> dict[str, Any]:
    """The result as plain data."""
    unit, factor = shown(result)
    return {
        "source": result.lines.source,
        "quantity": result.lines.name,
        "unit": unit,
        "lines": len(result.lines.values),
        "significant": result.significant,
        "probability": result.probability,
        **{key: asdict(getattr(result, key).times(factor)) for key in NUMBERS},
        "width_nm": asdict(result.width.times(M_TO_NM)),
        "shifts_nm": (result.shifts * M_TO_NM).tolist(),
        "notes": list(result.lines.notes),
    }


def _mean_rows(result: ProfileResult) -> list[dict[str, str]]:
    """The mean line with its limits and the fit, a row a position."""
    unit, factor = shown(result)
    head = ["position_nm", *(f"{name}_{unit}" if unit else name for name in ("mean", "low", "high", "fit"))]
    columns = [
        result.position * M_TO_NM,
        *(factor * column for column in (result.mean, result.low, result.high, result.fitted)),
    ]
    return [dict(zip(head, (f"{x:.8g}" for x in row), strict=True)) for row in zip(*columns, strict=True)]
