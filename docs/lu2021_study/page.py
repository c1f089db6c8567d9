"""The page, from its template ``page.md``: what stands in double braces is worked out from the table.

``{{median GROUP COLUMN}}``, ``{{first GROUP COLUMN}}`` (median of the seeds
that were run with charge transfer), ``{{range GROUP COLUMN}}`` (smallest–largest), ``{{count GROUP}}`` electrodes,
``{{seeds GROUP}}`` sets of grains, ``{{from SYSTEM COLUMN LEVEL}}``, ``{{upto SYSTEM LAYER COLUMN LEVEL}}``
(median Bi at which a number crosses a level), ``{{sigma ...}}`` (σ_gb there), ``{{table NAME ...}}``.
"""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median

from lu2021_study.spreads import Rows, bi_text, crossings, faces, number, spread
from lu2021_study.tables import TABLES, first_seeds

TEMPLATE = Path(__file__).resolve().with_name("page.md")


def written_page(rows: Rows, template: str | None = None) -> str:
    """The page for a table of runs."""
    text = TEMPLATE.read_text(encoding="utf-8") if template is None else template
    return re.sub(r"\{\{(.+?)\}\}", lambda match: _value(rows, match[1].split()), text)


def _value(rows: Rows, words: list[str]) -> str:
    """What one pair of braces stands for."""
    kind, *rest = words
    if kind == "table":
        return TABLES[rest[0]](rows, *rest[1:])
    if kind == "median":
        return number(spread(rows, *rest)[0])
    if kind == "first":
        return number(first_seeds(rows, *rest))
    if kind == "range":
        return "–".join(map(number, spread(rows, *rest)[1:]))
    if kind in ("count", "seeds"):
        found = faces(rows, rest[0], "sigma_eff")
        return str(len(found) if kind == "count" else len({seed for seed, _ in found}))
    if kind == "from":
        system, column, level = rest
        return _bi(crossings(rows, f"{system}-bare-bi*", column, float(level)))
    if kind == "upto":
        system, layer, column, level = rest
        return _bi(crossings(rows, f"{system}-{layer}-bi*", column, float(level)))
    if kind == "sigma":
        system, layer, column, level = rest
        bi = median(crossings(rows, f"{system}-{layer}-bi*", column, float(level)).values())
        return number(float(f"{2.5e-7 / bi:.1e}"))
    raise ValueError(
        f"page.md: braces start with table, median, first, range, count, seeds, from, upto or sigma; got {kind!r}."
    )


def _bi(found: dict[tuple[int, str], float]) -> str:
    """Median Bi."""
    return bi_text(median(found.values()))
