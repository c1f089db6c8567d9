"""Short names of cases for people: ``thickness_um=5 seed=3``."""

from __future__ import annotations

import json
from collections import Counter

from gbflux.study.planning import Plan


def labels(plan: Plan) -> dict[str, str]:
    """Name of each case by its key; a case of several points has the name of the first."""
    last = Counter(key.split(".")[-1] for key in plan.study.keys)
    short = {key: name if last[name := key.split(".")[-1]] == 1 else key for key in plan.study.keys}
    several = any(len(point.cases) > 1 for point in plan.study.points)
    found: dict[str, str] = {}
    for entry in plan.entries:
        words = [f"{short[key]}={shown(value)}" for key, value in entry.point.values.items()]
        words += [f"seed={entry.seed}"] if several and entry.seed is not None else []
        found.setdefault(entry.key, " ".join(words) or entry.case.name)
    return found


def shown(value: object) -> str:
    """A swept value as a study file has it.

    >>> shown(5.0), shown(None), shown(True), shown([20, 20])
    ('5', 'null', 'true', '[20, 20]')
    """
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
