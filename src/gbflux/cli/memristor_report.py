"""Report of `gbflux memristor`: a table of devices, distributions, fits, remarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gbflux.lab.memristor.filament_fit import FilamentFit
    from gbflux.lab.memristor.statistics import Endurance, Weibull
    from gbflux.lab.memristor.switching import MemristorResult, Resistance

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


def report(
    results: list[MemristorResult], endurances: list[Endurance], trend, fits: list[FilamentFit], fitted
) -> str:
    """Tables and remarks for people."""
    from gbflux.cli.analysis import table_text
    from gbflux.cli.memristor_fit import fit_report

    rows = [(*_HEAD, f"cycles to 1/{endurances[0].loss:g}", "drift (decades/100 cycles)")]
    rows += [_row(*device) for device in zip(results, endurances, strict=True)]
    lines = [table_text(rows)]
    for result in results:
        lines += _distributions(result)
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


def _row(result: MemristorResult, lasting: Endurance) -> tuple[str, ...]:
    """The line of a device in the table."""
    share = f"{lasting.failures} of {lasting.resets}" if lasting.resets else "–"
    drift = "–"
    if lasting.drift is not None:
        ends = (100 * x for x in (lasting.drift.value, lasting.drift.low, lasting.drift.high))
        drift = "{:.2g} ({:.2g} … {:.2g})".format(*ends)
    end = lasting.cycles_to_loss
    return (
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


def _distributions(result: MemristorResult) -> list[str]:
    """A line for each Weibull distribution of a device."""
    found = {event: distribution(result, event) for event in ("set", "reset")}
    return [
        f"{Path(result.source).name}: {event} bias Weibull, shape {one.shape.value:.3g} "
        f"({one.shape.low:.3g} … {one.shape.high:.3g}), scale {one.scale.value:.4g} V "
        f"({one.scale.low:.4g} … {one.scale.high:.4g}), {one.censored} censored"
        for event, one in found.items()
        if one
    ]


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
