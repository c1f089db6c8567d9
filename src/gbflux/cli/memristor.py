"""`gbflux memristor`: cycles, endurance and distributions of memristors; the filament model fitted to one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gbflux import units
from gbflux.cli.output import (
    FolderOption,
    JsonOption,
    distinct_stems,
    json_text,
    table_text,
    write_analysis,
    write_csv,
)
from gbflux.errors import InputError

if TYPE_CHECKING:
    from gbflux.lab.memristor.filament_fit import FilamentFit
    from gbflux.lab.memristor.statistics import AreaTrend, Endurance, Weibull
    from gbflux.lab.memristor.switching import MemristorResult, Resistance

POLARITIES = {"negative": -1, "positive": 1}
M2_TO_UM2 = 1 / units.UM2_TO_M2
MA_TO_A = 1e-3
EVENTS = ("set", "reset")
UNITS = {
    "ionic_conductance": "S",
    "mouth_conductance": "S",
    "bridge_charge": "C",
    "bridge_resistance": "ohm",
    "series_resistance": "ohm",
    "nucleation_bias": "V",
}
_HEAD = (
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


class Device(NamedTuple):
    """Analysis of one file; `weibulls` by event, `fit` of the cycle asked for."""

    result: MemristorResult
    endurance: Endurance
    weibulls: dict[str, Weibull | None]
    fit: FilamentFit | None

    @property
    def name(self) -> str:
        """Name of its file."""
        return Path(self.result.source).name


def memristor(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="One file a device: cyclic I–V curves.")
    ],
    read_V: Annotated[
        float | None,
        typer.Option("--read-V", help="Bias at which resistances are read; 0.4 × the set bias if left out."),
    ] = None,
    set_polarity: Annotated[str, typer.Option(help="negative or positive.")] = "negative",
    area_um2: Annotated[
        list[float] | None,
        typer.Option(
            help="Of the electrode; once, or once for each file. A comment 'area: 30 um2' does too."
        ),
    ] = None,
    loss: Annotated[float, typer.Option(help="Factor of the on/off ratio whose loss counts.")] = 10.0,
    fit: Annotated[
        int | None, typer.Option(metavar="CYCLE", help="Fit the filament model to this cycle of each file.")
    ] = None,
    rate_V_per_s: Annotated[
        float | None,
        typer.Option("--rate-V-per-s", help="Of the sweep, for --fit, instead of a column of time."),
    ] = None,
    compliance_mA: Annotated[
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
    from gbflux.lab.memristor.filament_fit import fit_cycle_of
    from gbflux.lab.memristor.statistics import area_trend, endurance
    from gbflux.lab.memristor.switching import analyse_memristor
    from gbflux.lab.readers import read_table

    _check_options(set_polarity, area_um2, len(files), fit, rate_V_per_s, compliance_mA)
    given = area_um2 * (len(files) // len(area_um2)) if area_um2 else [None] * len(files)
    areas = [None if area is None else area * units.UM2_TO_M2 for area in given]
    sign = POLARITIES[set_polarity]
    tables = [read_table(path) for path in files]
    results = [
        analyse_memristor(table, read_V, sign, area) for table, area in zip(tables, areas, strict=True)
    ]
    lasting = [endurance(result, loss) for result in results]  # complains before anything is shown
    fits: list[FilamentFit | None] = [None] * len(files)
    if fit is not None:
        limit = None if compliance_mA is None else compliance_mA * MA_TO_A
        fits = [
            fit_cycle_of(table, fit, rate_V_per_s, sign, area, limit)
            for table, area in zip(tables, areas, strict=True)
        ]
    devices = [
        Device(result, last, {event: distribution(result, event) for event in EVENTS}, found)
        for result, last, found in zip(results, lasting, fits, strict=True)
    ]
    trend = area_trend(results, loss)
    plain = {
        "devices": [record(device, fit) for device in devices],
        "area": None if trend is None else _trend_record(trend),
    }
    typer.echo(json_text(plain) if as_json else report(devices, trend, fit))
    if output is not None:
        options: dict[str, Any] = {"command": "memristor", "read_V": read_V, "set_polarity": set_polarity}
        options |= {"area_um2": area_um2, "loss": loss, "fit": fit, "rate_V_per_s": rate_V_per_s}
        write_analysis(
            output,
            {"cycles.csv": _cycle_rows(results)},
            plain,
            files,
            options | {"compliance_mA": compliance_mA},
        )
        _draw(output, distinct_stems(files), devices, trend, fit)


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
    if polarity not in POLARITIES:
        raise InputError(f"--set-polarity: must be negative or positive; got '{polarity}'.")
    if areas and len(areas) not in (1, files):
        raise InputError(f"--area-um2: must be given once, or {files} times; got {len(areas)}.")
    for option, value in (("--rate-V-per-s", rate), ("--compliance-mA", compliance)):
        if fit is None and value is not None:
            raise InputError(f"{option}: must come with --fit; got {value:g} alone. Say which cycle to fit.")


def record(device: Device, fit_cycle: int | None) -> dict[str, Any]:
    """One device as plain data."""
    result = device.result
    weibulls = {
        event: None
        if one is None
        else {
            "shape": asdict(one.shape),
            "scale_V": asdict(one.scale),
            "events": len(one.values),
            "censored": one.censored,
        }
        for event, one in device.weibulls.items()
    }
    plain = {
        "source": result.source,
        "area_um2": None if result.area is None else result.area * M2_TO_UM2,
        "read_bias_V": result.read_bias,
        "endurance": asdict(device.endurance),
        "weibull": weibulls,
        "cycles": [asdict(cycle) for cycle in result.cycles],
        "notes": list(result.notes),
    }
    return plain | ({"fit": _fit_record(fit_cycle, device.fit)} if device.fit else {})


def _trend_record(trend: AreaTrend) -> dict[str, Any]:
    """The dependence on area as plain data."""
    return {
        "area_um2": (trend.areas * M2_TO_UM2).tolist(),
        "on_off": trend.ratios.tolist(),
        "failure_share": trend.failure_shares.tolist(),
        "slope": None if trend.slope is None else asdict(trend.slope),
    }


def _cycle_rows(results: list[MemristorResult]) -> list[dict[str, Any]]:
    """All cycles of all devices, a row each."""
    rows = []
    for result in results:
        for cycle in result.cycles:
            row = {"device": result.source, **asdict(cycle)}
            for name in ("hrs", "lrs", "hrs_after"):
                one = row.pop(name) or {}
                row |= {
                    f"{name}_ohm": one.get("value"),
                    f"{name}_error_ohm": one.get("error"),
                    f"{name}_is_bound": one.get("bound"),
                }
            rows.append(row)
    return rows


def _draw(
    folder: Path, stems: list[str], devices: list[Device], trend: AreaTrend | None, fit_cycle: int | None
) -> None:
    """Draw devices, fits and the dependence on area; measured and modelled current as CSV too."""
    from gbflux.report.figures.memristor import draw_areas, draw_device, draw_fit

    for stem, device in zip(stems, devices, strict=True):
        draw_device(folder / f"{stem}.png", device.result, device.weibulls)
        if device.fit is not None:
            write_csv(folder / f"{stem}_fit.csv", _fit_rows(device.fit))
            draw_fit(folder / f"{stem}_fit.png", f"{stem}, cycle {fit_cycle}", device.fit)
    if trend is not None:
        draw_areas(folder / "areas.png", trend)


def report(devices: list[Device], trend: AreaTrend | None, fit_cycle: int | None) -> str:
    """Tables and remarks for people."""
    loss = devices[0].endurance.loss
    rows: list[tuple[str, ...]] = [(*_HEAD, f"cycles to 1/{loss:g}", "drift (decades/100 cycles)")]
    rows += [_row(device) for device in devices]
    lines = [table_text(rows)]
    for device in devices:
        lines += _weibull_lines(device)
    if trend is not None and trend.slope is not None:
        lines.append(
            f"on/off ratio changes by {trend.slope.value:.2g} decades a decade of area "
            f"({trend.slope.low:.2g} … {trend.slope.high:.2g})"
        )
    for device in devices:
        if device.fit is not None:
            lines += ["", _fit_report(f"{device.name}, cycle {fit_cycle}", device.fit)]
    lines += ["", "Read"]
    for device in devices:
        lines.append(f"  {device.name}: resistances read at {device.result.read_bias:.3g} V")
        lines += [f"  {device.name}: {note}" for note in device.result.notes]
    return "\n".join(lines)


def _row(device: Device) -> tuple[str, ...]:
    """Line of a device in the table."""
    result, lasting = device.result, device.endurance
    share = f"{lasting.failures} of {lasting.resets}" if lasting.resets else "–"
    drift = "–"
    if lasting.drift is not None:
        limits = (100 * x for x in (lasting.drift.value, lasting.drift.low, lasting.drift.high))
        drift = "{:.2g} ({:.2g} … {:.2g})".format(*limits)
    end = lasting.cycles_to_loss
    sign = float(result.set_polarity)
    return (
        device.name,
        str(len(result.cycles)),
        _spread(biases(result, "set")[0], sign),
        _spread(biases(result, "reset")[0], -sign),
        _resistances([cycle.hrs for cycle in result.cycles]),
        _resistances([cycle.lrs for cycle in result.cycles]),
        f"{lasting.first:.3g}",
        f"{lasting.initial:.3g} → {lasting.final:.3g}",
        share,
        f"> {lasting.cycles}" if end is None else str(end),
        drift,
    )


def _weibull_lines(device: Device) -> list[str]:
    """A line for each Weibull distribution of a device."""
    return [
        f"{device.name}: {event} bias Weibull, shape {one.shape.value:.3g} "
        f"({one.shape.low:.3g} … {one.shape.high:.3g}), scale {one.scale.value:.4g} V "
        f"({one.scale.low:.4g} … {one.scale.high:.4g}), {one.censored} censored"
        for event, one in device.weibulls.items()
        if one
    ]


def biases(result: MemristorResult, event: str) -> tuple[list[float], list[float]]:
    """Sizes of the biases of an event, ``set`` or ``reset``, and of the limits of cycles without it (V)."""
    seen, censored = [], []
    for cycle in result.cycles:
        bias = getattr(cycle, f"{event}_bias")
        if bias is not None:
            seen.append(abs(bias))
        elif event == "reset" and cycle.reset_failed and cycle.reset_limit is not None:
            censored.append(abs(cycle.reset_limit))
        elif event == "set" and cycle.hrs is not None and cycle.lrs is not None and cycle.lrs.bound:
            censored.append(abs(cycle.set_limit))
    return seen, censored


def distribution(result: MemristorResult, event: str) -> Weibull | None:
    """Weibull distribution of the size of the set or reset bias."""
    import numpy as np

    from gbflux.lab.memristor.statistics import weibull

    seen, censored = biases(result, event)
    return weibull(np.array(seen), np.array(censored))


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


def _fit_report(title: str, fit: FilamentFit) -> str:
    """Table of the fitted parameters for people."""
    rows = [("parameter", "value", "95 % interval", "unit")]
    for key, one in fit.parameters.items():
        between = f"{one.low:.4g} … {one.high:.4g}" if one.reason is None else "none"
        rows.append((key.replace("_", " "), f"{one.value:.4g}", between, UNITS[key].replace("ohm", "Ω")))
    head = f"{title}: filament model, {fit.rms_decades:.2g} decades rms; {fit.drive}"
    lines = [head, table_text(rows)]
    reasons: dict[str, list[str]] = {}
    for key, one in fit.parameters.items():
        if one.reason is not None:
            reasons.setdefault(one.reason, []).append(key.replace("_", " "))
    lines += [f"no interval for {', '.join(keys)}: {reason}" for reason, keys in reasons.items()]
    return "\n".join(lines)


def _fit_record(number: int | None, fit: FilamentFit) -> dict[str, Any]:
    """The fit as plain data."""
    return {
        "cycle": number,
        "drive": fit.drive,
        "compliance_A": fit.model.compliance,
        "rms_decades": fit.rms_decades,
        "relative_noise": fit.relative_noise,
        "residual_correlation": fit.correlation,
        "residual_correlation_limit": fit.correlation_limit,
        "reason": fit.reason,
        "parameters": {f"{key}_{UNITS[key]}": asdict(one) for key, one in fit.parameters.items()},
    }


def _fit_rows(fit: FilamentFit) -> list[dict[str, float]]:
    """Measured and modelled current, a row a sample."""
    columns = zip(fit.trace.time, fit.trace.bias, fit.measured, fit.trace.current, strict=True)
    names = ("time_s", "bias_V", "current_A", "model_A")
    return [dict(zip(names, map(float, row), strict=True)) for row in columns]
