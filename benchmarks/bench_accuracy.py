"""Refining to an accuracy against finer and finer equal cells: how many each needs for the same bracket.

``python benchmarks/bench_accuracy.py [--dimensions 2 3] [--accuracy 0.002] [--layers] [--order 2]`` prints a
JSON line for each mesh: cells, relative width of the bracket, processor seconds of the solution on one rank
(meshing is another process). A last line for each dimension tells how many equal cells, with elements of that
order, would be as good as the refined mesh, on a power law through the last two of their widths, and the
ratio to its cells: the cost ratio. Refining takes quadratic elements.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from mpi4py import MPI

from gbflux.case import Case, parse_case
from gbflux.simulation.run import run_case

SIZES_UM = {2: (1.0, 0.5, 0.25), 3: (3.0, 2.0, 1.4)}
CASE = """\
geometry: {{size_um: [{size}]}}
grains: {{mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4}}
grain_boundary: {{thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}}
mesh: {{size_um: {h}, electrode_size_um: {h}}}
output: {{figures: false, fields: false, bracket: true}}
solver: {{order: {order}}}
"""
LAYERS = "homogenizing_layer: {thickness_um: 10, conductivity_S_per_cm: 1.0e-4}\n"


def case(dimension: int, size_um: float, layers: bool, order: int, accuracy: float | None = None) -> Case:
    """100 grains in 2D, 27 in 3D."""
    size = "100, 100" if dimension == 2 else "30, 30, 30"
    text = CASE.format(size=size, h=size_um, order=order) + (LAYERS if layers else "")
    return parse_case(text, overrides={} if accuracy is None else {"accuracy.conductance": accuracy})


def solved(kind: str, one: Case) -> tuple[list[float], list[float]]:
    """Run, print a line for each mesh; cells and widths."""
    began = time.process_time()
    result = run_case(one, comm=MPI.COMM_SELF).result
    seconds = round(time.process_time() - began, 1)
    rounds = [(r.cells, r.relative_width) for r in result.refinement]
    rounds = rounds or [(result.mesh.cells, result.transport.bracket.relative_width)]
    for number, (cells, width) in enumerate(rounds, start=1):
        line = {"dimension": one.dimension, "kind": kind, "cells": cells, "relative_width": width}
        if number == len(rounds):
            line["cpu_s_of_all"] = seconds
        print(json.dumps(line), flush=True)
    return [r[0] for r in rounds], [r[1] for r in rounds]


def main() -> None:
    """Print the lines of each dimension."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 3])
    parser.add_argument(
        "--accuracy", type=float, default=None, help="that of the finest equal cells if left out"
    )
    parser.add_argument("--layers", action="store_true", help="homogenizing layers on both sides")
    parser.add_argument("--order", type=int, default=2, choices=(1, 2), help="elements on equal cells")
    options = parser.parse_args()
    for dimension in options.dimensions:
        cells, widths = [], []
        for size in SIZES_UM[dimension]:
            found = solved("equal", case(dimension, size, options.layers, options.order))
            cells += found[0]
            widths += found[1]
        target = options.accuracy or widths[-1]
        adapted, reached = solved(
            "refined", case(dimension, SIZES_UM[dimension][0], options.layers, 2, target)
        )
        rate = np.log(widths[-1] / widths[-2]) / np.log(cells[-1] / cells[-2])
        equal = cells[-1] * (reached[-1] / widths[-1]) ** (1 / rate)
        summary = {
            "dimension": dimension,
            "rate_in_cells": round(float(rate), 3),
            "equal_cells_needed": round(float(equal)),
            "refined_cells": adapted[-1],
            "refined_cells_of_all_rounds": sum(adapted),
            "cost_ratio": round(float(equal) / adapted[-1], 2),
        }
        print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    main()
