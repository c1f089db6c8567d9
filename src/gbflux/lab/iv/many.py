"""Many I–V curves: bias against distance from the grain boundary and size of the electrode.

A table of positions gives each file's distance or electrode size; untriggered curves are censored at their
limit (`gbflux.lab.stats.survival`).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gbflux.errors import InputError
from gbflux.lab.iv.analyse import IVResult
from gbflux.lab.readers.text import read_text
from gbflux.lab.stats.survival import Rise, Survival, by_group, find_rise, survival
from gbflux.units import NM_TO_UM

DISTANCE, ELECTRODE = "distance_nm", "electrode_um"


@dataclass(frozen=True)
class ManyResult:
    """Statistics over the curves of many files.

    Attributes
    ----------
    bias, triggered : tuples
        Size of the bias or of the limit (V), and whether it was triggered, of each curve that says either.
    distance_um, electrode_um : tuples
        Of each of these curves (µm); empty where not given.
    together : Survival
    rise : Rise or None
        Change with distance (µm).
    by_electrode : dict of float to Survival
        By electrode size (µm).
    """

    bias: tuple[float, ...]
    triggered: tuple[bool, ...]
    distance_um: tuple[float, ...]
    electrode_um: tuple[float, ...]
    together: Survival
    rise: Rise | None
    by_electrode: dict[float, Survival]

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        found: dict[str, Any] = {"together": _survival_dict(self.together)}
        if self.rise is not None:
            found["rise"] = {
                "distance_um": self.rise.distance,
                "interval_um": list(self.rise.interval),
                "p_value": self.rise.p_value,
                "near": _survival_dict(self.rise.near),
                "far": _survival_dict(self.rise.far),
            }
        if self.by_electrode:
            found["by_electrode_um"] = {f"{k:g}": _survival_dict(s) for k, s in self.by_electrode.items()}
        return found


def _survival_dict(found: Survival) -> dict[str, Any]:
    """Counts and median."""
    return {
        "curves": found.curves,
        "triggered": found.triggered,
        "median_V": found.median,
        "median_interval_V": list(found.median_interval),
    }


def read_positions(path: Path) -> dict[str, dict[str, float]]:
    """Distance (nm) and electrode size (µm) of each file, by its name.

    Parameters
    ----------
    path : Path
        CSV with a column ``file`` and one or both of ``distance_nm`` and ``electrode_um``.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If a column is missing or a number is none.
    """
    rows = list(csv.reader(read_text(path).splitlines()))
    head = [name.strip() for name in rows[0]]
    wanted = [name for name in (DISTANCE, ELECTRODE) if name in head]
    if "file" not in head or not wanted:
        raise InputError(
            f"{path}:1: must have columns file and {DISTANCE} or {ELECTRODE}; got {', '.join(head)}."
        )
    found: dict[str, dict[str, float]] = {}
    for number, row in enumerate(rows[1:], 2):
        if not any(field.strip() for field in row):
            continue
        fields = dict(zip(head, (field.strip() for field in row), strict=False))
        found[Path(fields["file"]).name] = {
            name: _number(path, number, name, fields.get(name)) for name in wanted
        }
    return found


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    """A number that is zero or more."""
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{path}:{line}: {name} must be a number >= 0; got '{text}'.")
    return value


def together(
    results: Sequence[IVResult], positions: dict[str, dict[str, float]] | None = None, seed: int = 0
) -> ManyResult | None:
    """Statistics over the curves of many files.

    Parameters
    ----------
    results : sequence of IVResult
    positions : dict, optional
        From `read_positions`.
    seed : int, optional
        Of bootstrap and permutation.

    Returns
    -------
    ManyResult or None
        None where fewer than two curves say anything of a bias.

    Raises
    ------
    InputError
        If a file has no position.
    """
    bias, event, distance, electrode = [], [], [], []
    for result in results:
        place = _place(result.source, positions)
        for curve in result.curves:
            trigger = curve.trigger
            if trigger.bias is None and not trigger.censored:
                continue
            bias.append(abs(trigger.limit if trigger.bias is None else trigger.bias))
            event.append(trigger.bias is not None)
            distance += [place[DISTANCE] * NM_TO_UM] if DISTANCE in place else []
            electrode += [place[ELECTRODE]] if ELECTRODE in place else []
    if len(bias) < 2:
        return None
    rise = find_rise(distance, bias, event, np.random.default_rng(seed)) if distance else None
    groups = by_group(electrode, bias, event) if electrode else {}
    return ManyResult(
        tuple(bias), tuple(event), tuple(distance), tuple(electrode), survival(bias, event), rise, groups
    )


def _place(source: str, positions: dict[str, dict[str, float]] | None) -> dict[str, float]:
    """Position of a file; nothing without a table."""
    if positions is None:
        return {}
    name = Path(source).name
    if name not in positions:
        raise InputError(f"{source}: must have a row in the table of positions; found none named '{name}'.")
    return positions[name]
