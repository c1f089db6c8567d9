"""Arcs of a circuit: which blocks make one, at which time constant, and their order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gbflux.lab.impedance.circuit import Circuit, Element, Parallel

_LARGEST_LOGARITHM = 600.0  # of a time constant that noise drives away


def in_order(
    circuit: Circuit, values: dict[str, float], fixed: dict
) -> tuple[dict[str, float], dict[str, str]]:
    """Values with alike arcs from the highest frequency down, and which name became which."""
    groups: dict[tuple[str, ...], list[Parallel]] = {}
    for block in circuit.blocks:
        pair = arc_elements(block)
        if pair is not None and not any(name in fixed for element in pair for name in element.parameters):
            groups.setdefault(tuple(element.kind for element in block.branches), []).append(block)
    ordered, renamed = dict(values), {}
    for blocks in groups.values():
        by_time = sorted(blocks, key=lambda block: arc_time(block, values))
        for target, origin in zip(blocks, by_time, strict=True):
            for new, old in zip(target.branches, origin.branches, strict=True):
                for name, former in zip(new.parameters, old.parameters, strict=True):
                    ordered[name] = values[former]
                    renamed[former] = name
    return ordered, renamed


def arc_elements(block) -> tuple[Element, Element] | None:
    """Resistor and capacitor (or CPE) of a block that makes an arc; None if it is no such block."""
    if not isinstance(block, Parallel) or len(block.branches) != 2:
        return None
    if not all(isinstance(branch, Element) for branch in block.branches):
        return None
    by_kind = {branch.kind: branch for branch in block.branches}
    other = by_kind.get("C") or by_kind.get("CPE")
    return (by_kind["R"], other) if "R" in by_kind and other is not None else None


def arc_time(block: Parallel, values: Mapping[str, float]) -> float:
    """Time constant of an arc (s): RC, or (RQ)^(1/n)."""
    resistor, other = arc_elements(block)
    r = values[resistor.name]
    if other.kind == "C":
        return r * values[other.name]
    logarithm = (np.log(r) + np.log(values[f"{other.name}_Q"])) / values[f"{other.name}_n"]
    return float(np.exp(np.clip(logarithm, -_LARGEST_LOGARITHM, _LARGEST_LOGARITHM)))
