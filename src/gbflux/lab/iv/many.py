"""Many I–V curves: bias against distance from the grain boundary and size of the electrode.

A table of positions gives each file's distance or electrode size. A curve that was not triggered is censored
at its limit: leaving it out, or counting it at the limit, makes the bias too small. Kaplan–Meier takes it
into the number at risk up to there (E. L. Kaplan, P. Meier, J. Am. Stat. Assoc. 53, 457 (1958),
doi:10.2307/2281868); intervals after R. Brookmeyer, J. Crowley, Biometrics 38, 29 (1982),
doi:10.2307/2530286, on the log-log scale. SciPy has censored samples (`ecdf`, `logrank`) from 1.11 on, Debian
12 has 1.10, and neither has the interval of the median.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import log_ndtr

from gbflux.errors import InputError
from gbflux.lab.iv.analyse import IVResult
from gbflux.lab.readers import read_text
from gbflux.units import NM_TO_UM

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
DISTANCE, ELECTRODE = "distance_nm", "electrode_um"
_LEAST_GROUP = 3  # curves on either side of a split
_MOST_SPLITS = 100
_EM_STEPS = 12  # of expectation maximisation
_LEAST_WIDTH = 1e-3  # of ln(bias): equal biases are not infinitely likely


@dataclass(frozen=True)
class ManyResult:
    """Statistics over the curves of many files."""

    # bias, triggered: size of the bias or of the limit (V), and whether it was triggered, of each curve that
    # says either
    bias: tuple[float, ...]
    triggered: tuple[bool, ...]
    # distance_um, electrode_um: of each of these curves (µm); empty where not given
    distance_um: tuple[float, ...]
    electrode_um: tuple[float, ...]
    together: Survival
    rise: Rise | None  # change with distance (µm)
    by_electrode: dict[float, Survival]  # by electrode size (µm)

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


@dataclass(frozen=True)
class Survival:
    """Share of curves not yet triggered, falling at each bias."""

    bias: Array  # (k,): sizes of the biases at which it falls, ascending (V)
    # share, low, high: (k,): share from that bias on, and its interval
    share: Array
    low: Array
    high: Array
    curves: int
    triggered: int
    median: float | None  # bias at which half are triggered (V); None if fewer are within the limits
    median_interval: tuple[float | None, float | None]  # None for an end beyond the limits (V)


@dataclass(frozen=True)
class Rise:
    """A change of the bias at some distance."""

    distance: float  # middle between the two neighbouring curves that it parts (unit of the distances)
    interval: tuple[float, float]  # bootstrap over curves
    p_value: float  # by permutation: how often chance alone parts the curves as well anywhere
    # near, far: curves nearer and farther
    near: Survival
    far: Survival


def survival(
    bias: Sequence[float] | Array, triggered: Sequence[bool] | Bools, level: float = 0.95
) -> Survival:
    """Kaplan–Meier estimate of the bias.

    Parameters
    ----------
    bias : sequence of float
        Size of the triggering bias, or of the limit for a curve that was not triggered (V).
    triggered : sequence of bool
    level : float, optional
        Coverage of the intervals.

    Raises
    ------
    InputError
        If there are no curves, or a bias is not a number.

    Examples
    --------
    Weeks in remission under 6-mercaptopurine, a standard example (E. J. Freireich et al., Blood 21, 699
    (1963)):

    >>> weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    >>> s = survival(weeks, [True] * 9 + [False] * 12)
    >>> s.median, s.median_interval, round(float(s.share[0]), 4), round(float(s.share[-1]), 4)
    (23.0, (13.0, None), 0.8571, 0.4482)
    """
    size, event = _checked(bias, triggered)
    at = np.unique(size[event])
    risk = (size[:, None] >= at).sum(axis=0)
    falls = (event[:, None] & (size[:, None] == at)).sum(axis=0)
    share = np.cumprod(1 - falls / risk)
    low, high = _bands(share, risk, falls, level)
    ends = _first_below(at, low), _first_below(at, high)
    return Survival(at, share, low, high, len(size), int(event.sum()), _first_below(at, share), ends)


def _bands(share: Array, risk: Array, falls: Array, level: float) -> tuple[Array, Array]:
    """Interval of the share: Greenwood's variance on the scale log(−log S)."""
    z = stats.norm.ppf((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(falls / (risk * (risk - falls)))
        width = z * np.sqrt(variance) / np.abs(np.log(share))
        low, high = share ** np.exp(width), share ** np.exp(-width)
    return np.nan_to_num(low, nan=0.0), np.where(share > 0, np.nan_to_num(high, nan=1.0), 0.0)


def _first_below(at: Array, share: Array) -> float | None:
    """First bias at which a share is at most one half."""
    reached = np.flatnonzero(share <= 0.5 + 1e-12)
    return float(at[reached[0]]) if len(reached) else None


def _checked(bias: Sequence[float] | Array, triggered: Sequence[bool] | Bools) -> tuple[Array, Bools]:
    """Sizes and events as arrays."""
    size, event = np.abs(np.asarray(bias, dtype=float)), np.asarray(triggered, dtype=bool)
    if len(size) == 0 or len(size) != len(event) or not np.isfinite(size).all():
        raise InputError(
            f"survival: needs a bias and an outcome of each curve, at least one; got {len(size)} biases "
            f"and {len(event)} outcomes. Leave out curves that say nothing of the bias."
        )
    return size, event


def by_group(
    group: Sequence[float], bias: Sequence[float], triggered: Sequence[bool]
) -> dict[float, Survival]:
    """`survival` for each group, such as each electrode size.

    >>> groups = by_group([1, 1, 50, 50], [9.0, 10.0, 0.3, 0.2], [True, False, True, True])
    >>> groups[1.0].triggered, groups[50.0].median
    (1, 0.2)
    """
    size, event = _checked(bias, triggered)
    label = np.asarray(group, dtype=float)
    return {float(name): survival(size[label == name], event[label == name]) for name in np.unique(label)}


def find_rise(
    distance: Sequence[float],
    bias: Sequence[float],
    triggered: Sequence[bool],
    rng: np.random.Generator,
    replicates: int = 200,
    level: float = 0.95,
) -> Rise | None:
    """Distance at which the bias changes: two log-normal levels of one width, the likeliest split.

    A curve that was not triggered adds the probability of a bias beyond its limit. At least three curves are
    on each side; with more than a hundred curves a hundred splits are tried.

    Parameters
    ----------
    distance : sequence of float
        Of each curve from the grain boundary (any unit).
    bias, triggered : sequences
        As `survival`.
    rng : numpy Generator
    replicates : int, optional
        Of bootstrap and of permutation.
    level : float, optional

    Returns
    -------
    Rise or None
        None for fewer than six curves, none triggered, or equal distances.
    """
    size, event = _checked(bias, triggered)
    x = np.asarray(distance, dtype=float)
    order = np.argsort(x, kind="stable")
    x, size, event = x[order], size[order], event[order]
    size = np.log(np.maximum(size, 1e-12))
    split, strength = _best_split(x, size, event)
    if split is None:
        return None
    found, better = [], 0
    for _ in range(replicates):
        drawn = np.sort(rng.integers(0, len(x), len(x)))
        again, _ = _best_split(x[drawn], size[drawn], event[drawn])
        found += [_between(x[drawn], again, x)] if again is not None else []
        shuffled = rng.permutation(len(x))
        better += _best_split(x, size[shuffled], event[shuffled])[1] >= strength
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Rise(
        float((x[split - 1] + x[split]) / 2),
        (min(float(low), float(x[split - 1])), max(float(high), float(x[split]))),
        (1 + better) / (1 + replicates),
        survival(np.exp(size[:split]), event[:split]),
        survival(np.exp(size[split:]), event[split:]),
    )


def _between(drawn: Array, split: int, all_distances: Array) -> float:
    """Middle between the curves a split parts, among all curves."""
    after = np.searchsorted(all_distances, drawn[split - 1], side="right")
    return float((drawn[split - 1] + all_distances[min(after, len(all_distances) - 1)]) / 2)


def _best_split(x: Array, log_bias: Array, event: Bools) -> tuple[int | None, float]:
    """Number of curves on the near side of the likeliest split, and its log-likelihood over that of none."""
    n = len(x)
    if n < 2 * _LEAST_GROUP or not event.any() or np.ptp(log_bias) == 0:
        return None, 0.0
    places = np.arange(_LEAST_GROUP, n - _LEAST_GROUP + 1)
    places = places[x[places] > x[places - 1]]
    if not len(places):
        return None, 0.0
    places = places[np.unique(np.linspace(0, len(places) - 1, min(len(places), _MOST_SPLITS)).astype(int))]
    near = np.arange(n) < np.concatenate([[0], places])[:, None]  # the first row: no split
    gain = _likelihood(near, log_bias, event)
    best = 1 + int(np.argmax(gain[1:]))
    return int(places[best - 1]), float(gain[best] - gain[0])


def _likelihood(near: Bools, log_bias: Array, event: Bools) -> Array:
    """Log-likelihood of each row of splits, by expectation maximisation over the censored biases."""
    filled = np.broadcast_to(log_bias, near.shape).copy()
    second = np.zeros_like(filled)  # variance of what was filled in
    count = np.maximum(near.sum(axis=1), 1), np.maximum((~near).sum(axis=1), 1)
    for _ in range(_EM_STEPS):
        means = (filled * near).sum(axis=1) / count[0], (filled * ~near).sum(axis=1) / count[1]
        mean = np.where(near, means[0][:, None], means[1][:, None])
        sigma = np.sqrt(((filled - mean) ** 2 + second).sum(axis=1) / near.shape[1])[:, None] + _LEAST_WIDTH
        a = (log_bias - mean) / sigma
        beyond = log_ndtr(-a)
        hazard = np.exp(-(a**2) / 2 - beyond) / np.sqrt(2 * np.pi)
        filled = np.where(event, log_bias, mean + sigma * hazard)
        second = np.where(event, 0.0, sigma**2 * np.clip(1 + a * hazard - hazard**2, 0.0, 1.0))
    found: Array = np.where(event, -np.log(sigma) - a**2 / 2 - np.log(2 * np.pi) / 2, beyond).sum(axis=1)
    return found
