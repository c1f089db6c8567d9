"""`gbflux memristor`: cycles, endurance and distributions of memristors."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux import units
from gbflux.cli.analysis import FolderOption, JsonOption

if TYPE_CHECKING:
    from gbflux.iv.filament_fit import FilamentFit
    from gbflux.iv.memristor import MemristorResult
    from gbflux.iv.memristor_states import Resistance
    from gbflux.iv.memristor_statistics import Endurance
    from gbflux.iv.weibull import Weibull

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
    from gbflux.errors import InputError
    from gbflux.iv.filament_cycle import fit_cycle_of
    from gbflux.iv.memristor import analyse_memristor
    from gbflux.iv.memristor_statistics import area_trend, endurance
    from gbflux.iv.tables import read_table

    if polarity not in POLARITIES:
        raise InputError(f"--set-polarity: must be negative or positive; got '{polarity}'.")
    if areas and len(areas) not in (1, len(files)):
        raise InputError(f"--area-um2: must be given once, or {len(files)} times; got {len(areas)}.")
    for option, value in (("--rate-V-per-s", rate), ("--compliance-mA", compliance)):
        if fit is None and value is not None:
            raise InputError(f"{option}: must come with --fit; got {value:g} alone. Say which cycle to fit.")
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


def biases(result: MemristorResult, event: str) -> tuple[list[float], list[float]]:
    """Sizes of the biases of an event, ``set`` or ``reset``, and of the limits of cycles without it (V)."""
    seen, censored = [], []
    for cycle in result.cycles:
        bias = getattr(cycle, f"{event}_bias")
        if bias is not None:
            seen.append(abs(bias))
        elif event == "reset" and cycle.reset_failed:
            censored.append(abs(cycle.reset_limit))
        elif event == "set" and cycle.hrs is not None and cycle.lrs is not None and cycle.lrs.bound:
            censored.append(abs(cycle.set_limit))
    return seen, censored


def distribution(result: MemristorResult, event: str) -> Weibull | None:
    """Weibull distribution of the size of the set or reset bias."""
    import numpy as np

    from gbflux.iv.weibull import weibull

    seen, censored = biases(result, event)
    return weibull(np.array(seen), np.array(censored))


def report(
    results: list[MemristorResult], endurances: list[Endurance], trend, fits: list[FilamentFit], fitted
) -> str:
    """Tables and remarks for people."""
    from gbflux.cli.analysis import table_text
    from gbflux.cli.memristor_fit import fit_report

    head = (
        "device",
        "cycles",
        "set (V)",
        "reset (V)",
        "HRS (Ω)",
        "LRS (Ω)",
        "on/off first",
        "first 10 → last 10",
        "resets failed",
    )
    rows = [(*head, f"cycles to 1/{endurances[0].loss:g}", "drift (decades/100 cycles)")]
    for result, lasting in zip(results, endurances, strict=True):
        share = f"{lasting.failures} of {lasting.resets}" if lasting.resets else "–"
        drift = "–"
        if lasting.drift is not None:
            ends = (100 * x for x in (lasting.drift.value, lasting.drift.low, lasting.drift.high))
            drift = "{:.2g} ({:.2g} … {:.2g})".format(*ends)
        end = lasting.cycles_to_loss
        rows.append(
            (
                Path(result.source).name,
                str(len(result.cycles)),
                _spread(biases(result, "set")[0], -1.0 if result.set_polarity < 0 else 1.0),
                _spread(biases(result, "reset")[0], 1.0 if result.set_polarity < 0 else -1.0),
                _resistances([cycle.hrs for cycle in result.cycles]),
                _resistances([cycle.lrs for cycle in result.cycles]),
                f"{lasting.first:.3g}",
                f"{lasting.initial:.3g} → {lasting.final:.3g}",
                share,
                f"> {lasting.cycles}" if end is None else str(end),
                drift,
            )
        )
    lines = [table_text(rows)]
    for result in results:
        for event in ("set", "reset"):
            if found := distribution(result, event):
                lines.append(
                    f"{Path(result.source).name}: {event} bias Weibull, shape {found.shape.value:.3g} "
                    f"({found.shape.low:.3g} … {found.shape.high:.3g}), scale {found.scale.value:.4g} V "
                    f"({found.scale.low:.4g} … {found.scale.high:.4g}), {found.censored} censored"
                )
    if trend is not None and trend.slope is not None:
        lines.append(
            f"on/off ratio changes by {trend.slope.value:.2g} decades a decade of area "
            f"({trend.slope.low:.2g} … {trend.slope.high:.2g})"
        )
    for result, fit in zip(results, fits, strict=False):
        lines += ["", fit_report(Path(result.source).name, fitted, fit)]
    lines += ["", "Read"]
    for result in results:
        lines.append(f"  {Path(result.source).name}: resistances read at {result.read_bias:.3g} V")
        lines += [f"  {Path(result.source).name}: {note}" for note in result.notes]
    return "\n".join(lines)


def _spread(values: list[float], sign: float) -> str:
    """Median and the middle half."""
    import numpy as np

    if not values:
        return "–"
    low, middle, high = sign * np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.3g} ({low:.3g} … {high:.3g})" if len(values) > 1 else f"{middle:.3g}"


def _resistances(values: list[Resistance | None]) -> str:
    """Median; a bound if most of them are bounds."""
    import numpy as np

    known = [value for value in values if value is not None]
    if not known:
        return "–"
    bound = sum(value.bound for value in known) > len(known) / 2
    return ("> " if bound else "") + f"{np.median([value.value for value in known]):.3g}"


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
