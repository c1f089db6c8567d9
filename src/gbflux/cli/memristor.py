"""`gbflux memristor`: cycles, endurance and distributions of memristors."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux import units
from gbflux.cli.analysis import FolderOption, JsonOption
from gbflux.cli.memristor_report import distribution, report

if TYPE_CHECKING:
    from gbflux.lab.memristor.filament_fit import FilamentFit
    from gbflux.lab.memristor.statistics import Endurance
    from gbflux.lab.memristor.switching import MemristorResult

POLARITIES = {"negative": -1, "positive": 1}
M2_TO_UM2 = 1 / units.UM2_TO_M2


def memristor(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="One file a device: cyclic I–V curves.")
    ],
    read: Annotated[
        float | None,
        typer.Option("--read-V", help="Bias at which resistances are read; 0.4 × the set bias if left out."),
    ] = None,
    polarity: Annotated[str, typer.Option("--set-polarity", help="negative or positive.")] = "negative",
    areas: Annotated[
        list[float] | None,
        typer.Option(
            "--area-um2",
            help="Of the electrode; once, or once for each file. A comment 'area: 30 um2' does too.",
        ),
    ] = None,
    loss: Annotated[
        float, typer.Option("--loss", help="Factor of the on/off ratio whose loss counts.")
    ] = 10.0,
    fit: Annotated[
        int | None,
        typer.Option("--fit", metavar="CYCLE", help="Fit the filament model to this cycle of each file."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate-V-per-s", help="Of the sweep, for --fit, instead of a column of time."),
    ] = None,
    compliance: Annotated[
        float | None,
        typer.Option("--compliance-mA", help="Current limit, for --fit; a plateau of the cycle does too."),
    ] = None,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Set and reset bias, resistances, endurance and their dependence on area of memristor cycles.

    Raises
    ------
    InputError
        If a file holds no cycles, or the one to fit cannot be fitted.
    """
    from gbflux.cli.analysis import json_text
    from gbflux.cli.memristor_fit import fit_record
    from gbflux.lab.memristor.filament_fit import fit_cycle_of
    from gbflux.lab.memristor.statistics import area_trend, endurance
    from gbflux.lab.memristor.switching import analyse_memristor
    from gbflux.lab.readers import read_table

    _check_options(polarity, areas, len(files), fit, rate, compliance)
    of_file = [None] * len(files) if not areas else areas * len(files) if len(areas) == 1 else areas
    of_file = [None if area is None else area * units.UM2_TO_M2 for area in of_file]
    sign = POLARITIES[polarity]
    tables = [read_table(path) for path in files]
    results = [
        analyse_memristor(table, read, sign, area) for table, area in zip(tables, of_file, strict=True)
    ]
    lasting = [endurance(result, loss) for result in results]  # complains before anything is shown
    limit = None if compliance is None else compliance * 1e-3
    fits = [
        fit_cycle_of(table, fit, rate, sign, area, limit)
        for table, area in zip(tables, of_file, strict=True)
        if fit is not None
    ]
    trend = area_trend(results, loss)
    devices = [record(*device) for device in zip(results, lasting, strict=True)]
    for device, found in zip(devices, fits, strict=False):
        device["fit"] = fit_record(fit, found)
    plain = {"devices": devices, "area": None if trend is None else _trend_record(trend)}
    typer.echo(json_text(plain) if as_json else report(results, lasting, trend, fits, fit))
    if output is not None:
        options = {
            "command": "memristor",
            "read_V": read,
            "set_polarity": polarity,
            "area_um2": areas,
            "loss": loss,
            "fit": fit,
            "rate_V_per_s": rate,
            "compliance_mA": compliance,
        }
        _write(output, results, plain, trend, files, options, fits)


def _check_options(
    polarity: str,
    areas: list[float] | None,
    files: int,
    fit: int | None,
    rate: float | None,
    compliance: float | None,
) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    InputError
        Then.
    """
    from gbflux.errors import InputError

    if polarity not in POLARITIES:
        raise InputError(f"--set-polarity: must be negative or positive; got '{polarity}'.")
    if areas and len(areas) not in (1, files):
        raise InputError(f"--area-um2: must be given once, or {files} times; got {len(areas)}.")
    for option, value in (("--rate-V-per-s", rate), ("--compliance-mA", compliance)):
        if fit is None and value is not None:
            raise InputError(f"{option}: must come with --fit; got {value:g} alone. Say which cycle to fit.")


def record(result: MemristorResult, lasting: Endurance) -> dict[str, Any]:
    """One device as plain data."""
    found = {event: distribution(result, event) for event in ("set", "reset")}
    weibulls = {
        event: None
        if one is None
        else {
            "shape": asdict(one.shape),
            "scale_V": asdict(one.scale),
            "events": len(one.values),
            "censored": one.censored,
        }
        for event, one in found.items()
    }
    return {
        "source": result.source,
        "area_um2": None if result.area is None else result.area * M2_TO_UM2,
        "read_bias_V": result.read_bias,
        "endurance": asdict(lasting),
        "weibull": weibulls,
        "cycles": [asdict(cycle) for cycle in result.cycles],
        "notes": list(result.notes),
    }


def _trend_record(trend) -> dict[str, Any]:
    """The dependence on area as plain data."""
    return {
        "area_um2": (trend.areas * M2_TO_UM2).tolist(),
        "on_off": trend.ratios.tolist(),
        "failure_share": trend.failure_shares.tolist(),
        "slope": None if trend.slope is None else asdict(trend.slope),
    }


def _write(
    folder: Path,
    results,
    plain: dict[str, Any],
    trend,
    files: list[Path],
    options: dict[str, Any],
    fits: list[FilamentFit],
) -> None:
    """Figures, CSV of the cycles, result, provenance."""
    from gbflux.cli.analysis import make_folder, provenance, write_csv, write_json
    from gbflux.cli.memristor_fit import write_fit
    from gbflux.report.memristor_figures import draw_areas, draw_device

    make_folder(folder)
    rows = []
    for result in results:
        for cycle in result.cycles:
            plain_cycle = asdict(cycle)
            for name in ("hrs", "lrs", "hrs_after"):
                one = plain_cycle.pop(name) or {}
                plain_cycle |= {
                    f"{name}_ohm": one.get("value"),
                    f"{name}_error_ohm": one.get("error"),
                    f"{name}_is_bound": one.get("bound"),
                }
            rows.append({"device": result.source, **plain_cycle})
    write_csv(folder / "cycles.csv", rows)
    names: dict[str, int] = {}
    for number, (result, path) in enumerate(zip(results, files, strict=True)):
        stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
        names[stem] = names.get(stem, 0) + 1
        name = stem + (f"_{names[stem]}" if names[stem] > 1 else "")
        weibulls = {event: distribution(result, event) for event in ("set", "reset")}
        draw_device(folder / f"{name}.png", result, weibulls)
        if fits:
            write_fit(folder, name, options["fit"], fits[number])
    if trend is not None:
        draw_areas(folder / "areas.png", trend)
    write_json(folder / "result.json", plain)
    write_json(folder / "provenance.json", provenance(files, options))
