"""The certified bracket against the P1 solve it rests on: cubes of grains of 10 µm, meshed at 1 µm.

``python benchmarks/bench_bracket.py [--ranks 1 2] [--grains 8 64] [--ratios 1 5e-4 1e-6] [--repeat 2]``
prints one JSON line per run: seconds of the P1 solve (hierarchy and iterations alone), of conduction
without the bracket (distribution, assembly, solve, fluxes), and of the bracket (assembly, clusters,
iterations); how many P1 solves the bracket costs; its width and iterations. Compare ratios, not seconds.
At σ_gb = σ_g every element is exact: width 0.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

import numpy as np

SIZE_UM = 1.0
CASE = """\
geometry: {{size_um: [{edge}, {edge}, {edge}]}}
grains: {{count: {grains}, seed: 1, boundary: mirror, conductivity_S_per_cm: 5.0e-4}}
grain_boundary: {{thickness_nm: 5, conductivity_S_per_cm: {boundary}}}
mesh: {{size_um: {size}, electrode_size_um: {size}}}
"""


def measured(grains: int, ratio: float, repeat: int) -> None:
    """Print the line of one run; *collective*."""
    from mpi4py import MPI

    from gbflux.case import parse_case
    from gbflux.conduction import SolverSettings, bottom_electrode, solve, top_electrode
    from gbflux.conduction.materials import conductivities
    from gbflux.mesh import build_mesh, recipe

    comm = MPI.COMM_WORLD
    mesh = sigma = None
    if comm.rank == 0:
        edge = round(10 * grains ** (1 / 3), 6)
        case = parse_case(CASE.format(grains=grains, edge=edge, boundary=5.0e-4 * ratio, size=SIZE_UM))
        mesh = build_mesh(recipe(case)).mesh
        sigma = conductivities(mesh, case)
    runs = []
    for _ in range(repeat + 1):  # the first compiles forms
        electrodes = bottom_electrode(0.0), top_electrode(0.1)
        solution = solve(comm, mesh, sigma, electrodes, SolverSettings(bracket=True))
        runs.append([solution.timings[name] for name in ("distribute", "assemble", "solve", "bracket")])
    if comm.rank == 0:
        distribute, assemble, p1, bracket = np.min(runs[1:], axis=0)
        found = solution.bracket
        line = {
            "grains": grains,
            "cells": len(mesh.cells),
            "ranks": comm.size,
            "ratio": ratio,
            "solve_s": round(p1, 3),
            "conduction_s": round(distribute + assemble + p1, 3),
            "bracket_s": round(bracket, 3),
            "p1_solves": round(bracket / p1, 2),
            "of_conduction": round(bracket / (distribute + assemble + p1), 2),
            "iterations": solution.iterations,
            "bracket_iterations": found.iterations,
            "relative_width": found.relative_width,
            "algebraic_share": found.algebraic_error / (found.upper - found.lower),
        }
        print(json.dumps(line), flush=True)


def main() -> None:
    """Start a run for each combination, or be one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--grains", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--ratios", type=float, nargs="+", default=[1.0, 5.0e-4, 1.0e-6])
    parser.add_argument("--repeat", type=int, default=2, help="the fastest of so many counts, stage by stage")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measured(options.grains[0], options.ratios[0], options.repeat)
        return
    environment = dict(os.environ)  # before MPI is loaded, which mpirun would trip over
    for grains in options.grains:
        for ranks in options.ranks:
            for ratio in options.ratios:
                words = ["--grains", grains, "--ratios", ratio, "--repeat", options.repeat, "--here"]
                python = [sys.executable, "-m", "mpi4py", __file__, *map(str, words)]
                subprocess.run(["mpirun", "-n", str(ranks), *python], env=environment, check=True)


if __name__ == "__main__":
    main()
