"""Statistics of ``docs/lu2021.csv``: spreads over realisations, and the Bi at which a number crosses a level.

One electrode of one set of grains is one face. A distance that is not reached within the layer counts as
infinite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from statistics import median

from lu2021_study.cases import BI

Rows = Mapping[tuple[str, str], Mapping[str, float | None]]

#: Columns in which an empty place means "not within the layer".
DISTANCES = ("within_10", "within_20")


def faces(rows: Rows, group: str, column: str) -> dict[tuple[int, str], float]:
    """Value on each face, by seed and side, of the runs of a group.

    Raises
    ------
    KeyError
        If the table has no such run.
    """
    found = {}
    for (name, side), values in rows.items():
        stem, _, seed = name.rpartition("-s")
        value = values[column]
        if stem == group and (value is not None or column in DISTANCES):
            found[int(seed), side] = math.inf if value is None else value
    if not found:
        raise KeyError(f"lu2021.csv has no {column} of {group}; run docs/make_lu2021.py")
    return found


def spread(rows: Rows, group: str, column: str) -> tuple[float, float, float]:
    """Median, smallest and largest over the faces."""
    values = list(faces(rows, group, column).values())
    return median(values), min(values), max(values)


def crossings(rows: Rows, template: str, column: str, level: float) -> dict[tuple[int, str], float]:
    """For each face the Bi at which a number rises through a level.

    Parameters
    ----------
    rows : mapping
        The table.
    template : str
        Group with ``*`` for Bi: ``3d-cut-bare-bi*``.
    column : str
    level : float

    Returns
    -------
    dict
        0 where even the smallest Bi of the scan is above, inf where no Bi is; else interpolated, logarithms
        of the number over that of Bi.
    """
    series = [faces(rows, template.replace("*", f"{bi:g}"), column) for bi in BI]
    return {
        face: crossing(BI, [values[face] for values in series], level)
        for face in series[0]
        if all(face in values for values in series)
    }


def crossing(bi: Sequence[float], values: Sequence[float], level: float) -> float:
    """Bi at which values rise through a level for good; see `crossings`.

    >>> round(crossing([1, 10], [1.0, 100.0], 10.0), 6)
    3.162278
    """
    below = [k for k, value in enumerate(values) if value <= level]
    if not below:
        return 0.0
    k = below[-1]
    if k == len(values) - 1:
        return math.inf
    share = math.log(level / values[k]) / math.log(values[k + 1] / values[k])
    return float(bi[k] * (bi[k + 1] / bi[k]) ** share)


def both_hold(low: Mapping, high: Mapping) -> tuple[float, float, float]:
    """Medians of the lowest and the highest Bi, and the share of faces with a Bi in between."""
    shared = [face for face in low if face in high]
    share = sum(low[face] < high[face] for face in shared) / len(shared)
    return median(low.values()), median(high.values()), share


def groups(rows: Rows, pattern: str) -> list[str]:
    """Groups whose whole names match a regular expression, as they come."""
    names = dict.fromkeys(name.rpartition("-s")[0] for name, _ in rows)
    return [name for name in names if re.fullmatch(pattern, name)]


def number(value: float) -> str:
    """Three digits, from 100 on two; an exponent for the very large and the very small.

    >>> number(1.0449), number(12.34), number(1234.0), number(1.5e6), number(2.7e-4)
    ('1.04', '12.3', '1200', '1.5e6', '2.70e-4')
    """
    if math.isinf(value):
        return "∞"
    if abs(value) >= 99500:
        return f"{value:.1e}".replace("e+0", "e").replace("e+", "e")
    if abs(value) >= 99.95:
        return f"{float(f'{value:.2g}'):.0f}"
    if 0 < abs(value) < 0.001:
        return f"{value:.2e}".replace("e-0", "e-")
    return f"{value:.3g}"


def bi_text(value: float) -> str:
    """A Bi from `crossings`, to two digits; where it lies if outside the scan.

    >>> bi_text(0.0), bi_text(0.852), bi_text(math.inf)
    ('<0.1', '0.85', '>100')
    """
    if value <= BI[0]:
        return f"<{BI[0]:g}"
    return f">{BI[-1]:g}" if value > BI[-1] else f"{value:.2g}"


def with_range(values: tuple[float, float, float]) -> str:
    """Median with the range in brackets, or the median alone where there is none."""
    middle, low, high = map(number, values)
    return middle if low == high else f"{middle} ({low}–{high})"
