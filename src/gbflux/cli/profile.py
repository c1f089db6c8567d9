"""`gbflux profile`: modulus or potential across a grain boundary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gbflux import units
from gbflux.cli.analysis import FolderOption, JsonOption

if TYPE_CHECKING:
    from gbflux.lab.profile import ProfileResult
    from gbflux.lab.readers.lines import LineScans

#: Unit of the field and factor, by SI unit.
SHOWN = {"Pa": ("GPa", 1e-9), "V": ("mV", 1e3), "m": ("nm", 1e9)}
NUMBERS = ("grain", "boundary", "depth", "step", "left", "right")
M_TO_NM = 1e9


def profile(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Line scans (text) or maps (.gwy, .spm, text).")
    ],
    quantity: Annotated[
        str, typer.Option("--quantity", help="modulus or voltage, where a file holds both.")
    ] = "",
    channel: Annotated[str, typer.Option("--channel", help="Of a map: part of its name.")] = "",
    line: Annotated[
        str | None,
        typer.Option("--line-um", metavar="X0,Y0,X1,Y1", help="Through a map, from its upper left corner."),
    ] = None,
    width: Annotated[
        float | None, typer.Option("--width-um", help="Of a map that is a matrix of numbers in a text file.")
    ] = None,
    height: Annotated[
        float | None, typer.Option("--height-um", help="Likewise; square pixels if left out.")
    ] = None,
    unit: Annotated[str, typer.Option("--unit", help="Likewise: GPa, mV, …")] = "",
    count: Annotated[int, typer.Option("--lines", min=1, help="Parallel lines through a map.")] = 5,
    no_align: Annotated[bool, typer.Option("--no-align", help="Do not shift lines onto each other.")] = False,
    level: Annotated[bool, typer.Option("--level", help="Take a straight slope from each line.")] = False,
    shift: Annotated[
        float | None, typer.Option("--largest-shift-nm", help="Of a line; a tenth of its length if left out.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the noise that the dip is compared with.")
    ] = 1,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Align and average lines across a grain boundary; depth, width and significance of the dip at it.

    Raises
    ------
    GbfluxError
        Files that cannot be used (exit code 2), a missing library (4).
    """
    from gbflux.cli.analysis import json_text
    from gbflux.lab.profile import analyse_profile
    from gbflux.lab.readers.lines import join_lines

    ends = None if line is None else _ends(line)
    sides = tuple(None if side is None else side * units.UM_TO_M for side in (width, height))
    matrix = Matrix(sides, unit)
    lines = join_lines([_lines_of(path, quantity, channel, matrix, ends, count) for path in files])
    result = analyse_profile(lines, not no_align, level, None if shift is None else shift / M_TO_NM, seed)
    typer.echo(json_text(record(result)) if as_json else report(result))
    if output is not None:
        options = {
            "quantity": quantity,
            "channel": channel,
            "line_um": line,
            "lines": count,
            "align": not no_align,
        }
        options |= {"width_um": width, "height_um": height, "unit": unit}
        options |= {"level": level, "largest_shift_nm": shift, "seed": seed}
        _write(output, result, files, {"command": "profile", **options})


class Matrix(NamedTuple):
    """Facts that a matrix of numbers leaves out: width and height (m), unit."""

    size: tuple[float | None, float | None]
    unit: str


def _lines_of(path: Path, quantity: str, channel: str, matrix: Matrix, ends, count: int) -> LineScans:
    """Lines of one file, text or map."""
    from gbflux.errors import InputError
    from gbflux.lab.readers.lines import lines_across, middle_lines, read_lines
    from gbflux.lab.readers.maps import is_map, read_map

    if matrix.size[0] is None and not is_map(path):
        if ends is not None:
            raise InputError(
                f"--line-um: needs a map; {path} holds line scans, or numbers whose width must be given "
                "(--width-um)."
            )
        return read_lines(path, quantity)
    scan = read_map(path, channel, *matrix)
    return middle_lines(scan, count) if ends is None else lines_across(scan, *ends, count)


def _ends(text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of a line (m) from four numbers in µm."""
    from gbflux.errors import InputError

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
    from gbflux.cli.analysis import table_text

    unit, factor = shown(result)
    rows = [(result.lines.name, f"value ({unit or 'as written'})", "95 % interval")]
    names = {"grain": "in the grains", "boundary": "at the boundary", "depth": "boundary − grains"}
    names |= {"step": "step, right − left", "left": "left grain", "right": "right grain"}
    for key in NUMBERS:
        one = getattr(result, key).times(factor)
        rows.append((names[key], f"{one.value:.4g}", f"{one.low:.4g} … {one.high:.4g}"))
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
    from dataclasses import asdict

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


def _write(folder: Path, result: ProfileResult, files: list[Path], options: dict[str, Any]) -> None:
    """Figure, CSV of the mean line, result, provenance."""
    from gbflux.cli.analysis import make_folder, provenance, write_csv, write_json
    from gbflux.report.profile_figures import draw_profile

    make_folder(folder)
    unit, factor = shown(result)
    head = ["position_nm", *(f"{name}_{unit}" if unit else name for name in ("mean", "low", "high", "fit"))]
    columns = [
        result.position * M_TO_NM,
        *(factor * a for a in (result.mean, result.low, result.high, result.fitted)),
    ]
    rows = [dict(zip(head, (f"{x:.8g}" for x in row), strict=True)) for row in zip(*columns, strict=True)]
    write_csv(folder / "profile.csv", rows)
    draw_profile(folder / "profile.png", result, unit, factor)
    write_json(folder / "result.json", record(result))
    write_json(folder / "provenance.json", provenance(files, options))
