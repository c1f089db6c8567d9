"""Write the tables of definitions into ``docs/metrics.md``: ``python docs/make_metrics.py``.

They come from the fields of the records that hold the numbers, so that each is defined once. The text around
them is written by hand; what stands between two marks is replaced.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from gbflux.measure import HLProfile, HotSpots, Transport
from gbflux.measure.metrics import Metric, metric_fields, record_in
from gbflux.measure.transport import BracketFacts
from gbflux.results import MeshFacts, SolverFacts
from gbflux.results.certificate import LocalCertificate
from gbflux.results.result import Round
from generated import with_part

PAGE = Path(__file__).resolve().parent / "metrics.md"
MARK = "<!-- begin: {}, made by docs/make_metrics.py -->"
RECORDS = {
    "hot_spots": HotSpots,
    "homogenizing_layer": HLProfile,
    "transport": Transport,
    "solver": SolverFacts,
    "mesh": MeshFacts,
    "transport.bracket": BracketFacts,
    "certificates": LocalCertificate,
    "refinement": Round,
}
PREFIXED = ("solver", "mesh", "refinement")


def main() -> None:
    """Replace the generated parts of the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """The page with its tables made anew."""
    for name, record in RECORDS.items():
        text = with_part(text, MARK.format(name), table(name, record))
    return text


def table(name: str, record: type) -> str:
    """A row for each field; neighbours of one definition share a row."""
    prefix = f"{name}{'[]' if name == 'refinement' else ''}." if name in PREFIXED else ""
    lines = ["| key | definition |", "| --- | --- |"]
    for definition, found in groupby(metric_fields(record).items(), lambda item: item[1].definition):
        entries = dict(found)
        plain = [keys(prefix + field, record, field) for field, one in entries.items() if one.dimension != 2]
        flat = [key for field, one in entries.items() for key in in_two_dimensions(prefix + field, one)]
        names = ", ".join(plain) + (f" (2D: {', '.join(flat)})" if flat else "")
        lines.append(f"| {names} | {escaped(definition)} |")
    return "\n".join(lines) + "\n"


def keys(name: str, record: type, field: str) -> str:
    """Key of a field, with the ends of an interval."""
    inner = record_in(record, field)
    ends = metric_fields(inner) if inner is not None and inner not in RECORDS.values() else {}
    return f"`{name}.{'`, `.'.join(ends)}`" if ends else f"`{name}`"


def in_two_dimensions(name: str, found: Metric) -> list[str]:
    """Key of a field in 2D where it has another one there."""
    return [f"`{name}`"] if found.dimension == 2 else [f"`{name}_per_m`"] if found.per_depth else []


def escaped(definition: str) -> str:
    """Text for a cell of a table, where a bar would end it."""
    return re.sub(r"\|", r"\\|", definition)


if __name__ == "__main__":
    main()
