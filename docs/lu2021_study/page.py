"""The page, from its template ``page.md``: what stands in double braces is worked out from the table.

The first word in braces names an entry of `KINDS`, the others are its arguments. A group is a run's name
without its seed, a system ``2d-cut`` and the like, a layer ``hl10`` or ``hl3``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from statistics import median

from lu2021_study.spreads import Rows, bi_text, crossings, faces, number, spread
from lu2021_study.tables import TABLES, first_seeds

TEMPLATE = Path(__file__).resolve().with_name("page.md")


def written_page(rows: Rows) -> str:
    """The page for a table of runs.

    Raises
    ------
    KeyError
        If the table lacks a run that the page speaks of, or a brace starts with a word that is not known.
    """
    return re.sub(
        r"\{\{(\w+) (.+?)\}\}",
        lambda match: KINDS[match[1]](rows, *match[2].split()),
        TEMPLATE.read_text(encoding="utf-8"),
    )


def _from(rows: Rows, system: str, column: str, level: str) -> str:
    """Bi from which on a bare median electrode is above a level."""
    return bi_text(_median_bi(rows, system, "bare", column, level))


def _upto(rows: Rows, system: str, layer: str, column: str, level: str) -> str:
    """Bi up to which the median electrode with a layer is below a level."""
    return bi_text(_median_bi(rows, system, layer, column, level))


def _sigma(rows: Rows, system: str, layer: str, column: str, level: str) -> str:
    """σ_gb (S/cm) of that Bi, for 5 nm, 10 µm and 5e-4 S/cm."""
    return f"{2.5e-7 / _median_bi(rows, system, layer, column, level):.0e}".replace("e-0", "e-")


def _median_bi(rows: Rows, system: str, layer: str, column: str, level: str) -> float:
    return median(crossings(rows, f"{system}-{layer}-bi*", column, float(level)).values())


KINDS: dict[str, Callable[..., str]] = {
    "table": lambda rows, name, *more: TABLES[name](rows, *more),
    "median": lambda rows, group, column: number(spread(rows, group, column)[0]),
    # of the seeds that were run with charge transfer too
    "first": lambda rows, group, column: number(first_seeds(rows, group, column)),
    "range": lambda rows, group, column: "–".join(map(number, spread(rows, group, column)[1:])),
    "count": lambda rows, group: str(len(faces(rows, group, "sigma_eff"))),
    "seeds": lambda rows, group: str(len({seed for seed, _ in faces(rows, group, "sigma_eff")})),
    "from": _from,
    "upto": _upto,
    "sigma": _sigma,
}
