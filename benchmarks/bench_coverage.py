"""How often the errors that a run states cover what it is really off by: random cases against tight meshes.

``python benchmarks/bench_coverage.py [--cases N] [--dimension 2|3] [--lines FILE] [--table]``

Each case, polycrystals of random size, Bi 0.1 to 30, cut or mirrored, with and without homogenizing layers,
with ideal electrodes or 2 Ω cm², is run on its own mesh, and on one that is several times finer, of the
same grains. Every measure of every plane, σ_eff and the resistance give a line: value, stated error, value
on the tight mesh. Lines go to a file as JSON; what is in it is not run again. --table prints, by measure,
the share of lines whose difference the stated error covers, and the median of stated over true error.
Divergent measures do not count.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import gbflux

#: Sizes of the tight mesh over those of the case's own: of cells, and of those where grains end.
TIGHT = {2: (0.25, 0.1), 3: (0.6, 0.25)}
#: Length that its cells are cut to where boundaries end, six thicknesses of the boundary (µm).
TIGHT_END_UM = 0.03
#: A true error below this share of the value is the reference's own: any estimate covers it.
NEGLIGIBLE = 1e-4


def case_of(dimension: int, number: int) -> dict[str, Any]:
    """A random case as a tree of keys; the same for the same number."""
    random = np.random.default_rng([dimension, number])
    lengths = [(50, 90), (30, 50)] if dimension == 2 else [(20, 26), (20, 26), (18, 24)]
    coarse = float(random.choice([0.7, 1.0, 1.0, 1.5]))
    tree: dict[str, Any] = {
        "name": f"coverage-{dimension}d-{number}",
        "geometry": {"size_um": [round(float(random.uniform(*length)), 1) for length in lengths]},
        "grains": {
            "mean_size_um": 10,
            "seed": int(random.integers(10**6)),
            "boundary": str(random.choice(["cut", "mirror"])),
        },
        "grain_boundary": {
            "thickness_nm": 5,
            "conductivity_S_per_cm": float(f"{2.5e-7 / 10 ** random.uniform(-1, 1.5):.4g}"),
        },
        "electrodes": {"asr_ohm_cm2": float(random.choice([0.0, 0.0, 2.0]))},
        "mesh": {"size_um": coarse, "electrode_size_um": coarse / 2},
        "output": {"figures": False, "fields": False},
    }
    tree["grains"]["conductivity_S_per_cm"] = 5e-4
    if random.random() < 0.5:
        thickness = round(float(random.uniform(3, 10)), 1)
        tree["homogenizing_layer"] = {"thickness_um": thickness, "conductivity_S_per_cm": 1e-4}
    return tree


def solved(tree: dict[str, Any]) -> dict[str, Any]:
    """The result of a case."""
    return gbflux.run(gbflux.parse_case(json.dumps(tree))).as_dict()


def tight(tree: dict[str, Any], dimension: int) -> dict[str, Any]:
    """The same case on a fine mesh."""
    sizes = {
        key: tree["mesh"][key] * share for key, share in zip(tree["mesh"], TIGHT[dimension], strict=True)
    }
    return {**tree, "mesh": {**sizes, "boundary_end_um": TIGHT_END_UM}}


def leaves(errors: Any, own: Any, fine: Any, path: str = "") -> Iterator[tuple[str, Any, Any, Any]]:
    """Path, record of the error, value, value on the tight mesh of everything that has an estimate."""
    if "estimated_error" in errors:
        yield path, errors, own, fine
        return
    for key, below in errors.items():
        yield from leaves(below, own[key], fine[key], f"{path}.{key}".lstrip("."))


def lines_of(dimension: int, number: int) -> list[dict[str, Any]]:
    """Lines of one case."""
    tree = case_of(dimension, number)
    own, fine = solved(tree), solved(tight(tree, dimension))
    facts = {"case": tree["name"], "cells": own["mesh"]["cells"], "tight_cells": fine["mesh"]["cells"]}
    return [
        {**facts, "key": path, "value": value, "error": record["estimated_error"], "reference": reference}
        for path, record, value, reference in leaves(own["errors"], own, fine)
        if record["estimated_error"] is not None and reference is not None
    ]


def measure_of(key: str) -> str:
    """The measure that a key is about, whatever the plane."""
    words = key.split(".")
    return ".".join(words[2:] if words[0] != "transport" else words[1:])


def table(lines: list[dict[str, Any]]) -> str:
    """Coverage by measure, in Markdown."""
    rows = ["| measure | values | covered | stated over true error, median |", "| --- | --- | --- | --- |"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        groups.setdefault(measure_of(line["key"]), []).append(line)
    for name, group in [*groups.items(), ("all", lines)]:
        true = np.array([abs(line["value"] - line["reference"]) for line in group])
        stated = np.array([line["error"] for line in group])
        counted = true > NEGLIGIBLE * np.abs([line["value"] for line in group])
        covered = float(np.mean((stated >= true) | ~counted))
        ratio = median((stated / np.maximum(true, 1e-300))[counted]) if counted.any() else float("nan")
        rows.append(f"| `{name}` | {len(group)} | {100 * covered:.0f} % | {ratio:.1f} |")
    return "\n".join(rows)


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=40, help="cases of each dimension")
    parser.add_argument("--dimension", type=int, choices=(2, 3), action="append")
    parser.add_argument("--lines", type=Path, default=Path("results/coverage.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table of what is there, and end")
    asked = parser.parse_args()
    lines = (
        [json.loads(text) for text in asked.lines.read_text().splitlines()] if asked.lines.exists() else []
    )
    if not asked.table:
        asked.lines.parent.mkdir(parents=True, exist_ok=True)
        known = {line["case"] for line in lines}
        for dimension in asked.dimension or (2, 3):
            for number in range(asked.cases):
                name = f"coverage-{dimension}d-{number}"
                if name in known:
                    continue
                found = lines_of(dimension, number)
                with asked.lines.open("a") as stream:
                    stream.writelines(json.dumps(line) + "\n" for line in found)
                lines += found
                print(name, len(found), file=sys.stderr, flush=True)
    print(table(lines))


if __name__ == "__main__":
    main()
