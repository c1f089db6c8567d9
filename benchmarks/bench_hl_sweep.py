"""Twenty thicknesses of the homogenizing layer on one mesh against one run: 64 grains, meshed at 1 µm.

``python benchmarks/bench_hl_sweep.py [--grains 64] [--size 1.0] [--ranks 1] [--asr 0] [--repeat 1]`` prints a
JSON line: seconds of the study's unit, and of runs of the thickest, the middle and the thinnest layer by
itself, in turn and each from start of the process to the last file, with an empty cache; the ratios to these
runs, by wall time and by processor time (child processes included); and the times of its stages, summed
over its cases. Every case on both sides leaves the same files: result, provenance, tables, electrode surfaces
and log, no fields and figures. Ratios, not seconds, are what compares between machines.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CASE = """\
name: bench
geometry: {{size_um: [{edge}, {edge}, {edge}]}}
grains: {{count: {grains}, seed: 1, boundary: mirror, conductivity_S_per_cm: 5.0e-4}}
grain_boundary: {{thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}}
homogenizing_layer: {{thickness_um: {largest}, conductivity_S_per_cm: 1.0e-4}}
electrodes: {{asr_ohm_cm2: {asr}}}
mesh: {{size_um: {size}, electrode_size_um: {size}}}
output: {{fields: false, figures: false}}
"""
COUNT, LARGEST_UM = 20, 10.0


def unit(options: argparse.Namespace, thicknesses: list[float], folder: Path) -> None:
    """Run all thicknesses as one unit, on each rank of an MPI job; cases are made as a study makes them."""
    from gbflux.case.load import CaseSource
    from gbflux.case.yaml import read_document
    from gbflux.simulation.mpi_job import world
    from gbflux.simulation.run import run_case
    from gbflux.simulation.shared_mesh import SharedMesh, units

    edge = round(10 * options.grains ** (1 / 3), 6)
    text = CASE.format(
        edge=edge, grains=options.grains, size=options.size, asr=options.asr, largest=LARGEST_UM
    )
    source = CaseSource(read_document(text, "bench"), folder, "bench")
    (one,) = units(
        [source.case({"homogenizing_layer.thickness_um": um, "name": f"bench-{um}"}) for um in thicknesses]
    )
    with SharedMesh(world(), one.hl_planes_um, solves=len(one.cases)) as shared:
        for case in one.cases:
            run_case(case, folder / case.name, shared=shared)


def timed(options: argparse.Namespace, thicknesses: list[float]) -> tuple[float, float, list[dict]]:
    """Wall and processor time of a process that runs all thicknesses (s), and their results."""
    from gbflux.simulation.mpi_job import mpi_environment, mpirun_command

    with tempfile.TemporaryDirectory() as folder:
        words = [f"--{name}={getattr(options, name)}" for name in ("grains", "size", "asr")]
        words += ["--folder", folder, "--thicknesses", *map(str, thicknesses)]
        command = [sys.executable, __file__, *words]
        if options.ranks > 1:
            command = mpirun_command(options.ranks, command)
        environment = {**mpi_environment(os.environ), "GBFLUX_CACHE": f"{folder}/cache"}
        began, used = time.perf_counter(), processor_s()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        seconds = time.perf_counter() - began
        used = processor_s() - used
        return (
            seconds,
            used,
            [json.loads(path.read_text()) for path in Path(folder).glob("bench-*/result.json")],
        )


def processor_s() -> float:
    """Processor time of all ended child processes (s), less touched than wall time by what else runs."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grains", type=int, default=64)
    parser.add_argument("--size", type=float, default=1.0, help="mesh size (µm)")
    parser.add_argument("--asr", type=float, default=0.0, help="resistance of the electrodes (Ω cm²)")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1, help="the fastest of so many counts, on both sides")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--thicknesses", type=float, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        unit(options, options.thicknesses, options.folder)
        return
    all_um = [LARGEST_UM * (k + 1) / COUNT for k in range(COUNT)]
    alone = {"thickest": all_um[-1:], "middle": all_um[COUNT // 2 - 1 : COUNT // 2], "thinnest": all_um[:1]}
    best: dict[str, float] = {}
    processor: dict[str, float] = {}
    for _ in range(options.repeat):
        for name, chosen in {"unit": all_um, **alone}.items():
            seconds, used, results = timed(options, chosen)
            processor[name] = min(used, processor.get(name, float("inf")))
            if seconds < best.get(name, float("inf")):
                best[name] = seconds
                if name == "unit":
                    cases = results
    stages = collections.Counter()
    for result in cases:
        stages.update(result["timings_s"])
    line = {
        "grains": cases[0]["mesh"]["grains"],
        "cells": max(result["mesh"]["cells"] for result in cases),
        "ranks": options.ranks,
        "asr_ohm_cm2": options.asr,
        "thicknesses": len(cases),
        "unit_s": round(best["unit"], 2),
        "one_run_s": {name: round(best[name], 2) for name in alone},
        "ratio": {name: round(best["unit"] / best[name], 2) for name in alone},
        "processor_s": {name: round(value, 2) for name, value in processor.items()},
        "processor_ratio": {name: round(processor["unit"] / processor[name], 2) for name in alone},
        "iterations": sum(result["solver"]["iterations"] for result in cases),
        "timings_s": {name: round(value, 2) for name, value in stages.items()},
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
