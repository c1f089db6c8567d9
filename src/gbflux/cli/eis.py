"""`gbflux eis`: circuit, grain boundaries and a case from an impedance spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux import units
from gbflux.cli.analysis import FolderOption, JsonOption
from gbflux.cli.eis_report import record, report

if TYPE_CHECKING:
    from gbflux.lab.impedance.analyse import Bricks, Cell, EisResult


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
    from gbflux.lab.impedance.analyse import analyse_spectrum
    from gbflux.lab.impedance.spectrum import read_spectrum

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
    from gbflux.lab.impedance.analyse import Bricks, Cell

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


def _write_case(path: Path, result: EisResult, file: Path) -> None:
    """A case with the measured grain boundary."""
    from gbflux.errors import InputError
    from gbflux.lab.impedance.brick_layer import case_text

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
    from gbflux.report.figures.impedance import draw_spectrum

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
