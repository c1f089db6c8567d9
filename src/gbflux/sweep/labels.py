"""Short names of cases for people: ``thickness_um=5 seed=3``."""

from __future__ import annotations

from collections import Counter

from gbflux.sweep.planning import Plan
from gbflux.sweep.table import plain


def labels(plan: Plan) -> dict[str, str]:
    """Name of each case by its key; a case of several points has the name of the first."""
    last = Counter(key.split(".")[-1] for key in plan.study.keys)
    short = {key: name if last[name := key.split(".")[-1]] == 1 else key for key in plan.study.keys}
    several = any(len(point.cases) > 1 for point in plan.study.points)
    found: dict[str, str] = {}
    for entry in plan.entries:
        words = [f"{short[key]}={_shown(value)}" for key, value in entry.point.values.items()]
        words += [f"seed={entry.seed}"] if several and entry.seed is not None else []
        found.setdefault(entry.key, " ".join(words) or entry.case.name)
    return found


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(plain(value))
