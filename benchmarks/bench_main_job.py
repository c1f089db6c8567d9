"""The main job against gmsh alone: cubes of 8 to 1000 grains of 10 µm, meshed at 1 µm, fields and figures on.

``python benchmarks/bench_main_job.py [--ranks 2] [--grains 8 64 216 1000] [--repeat 1]`` prints one JSON line
per size: seconds of gmsh alone (`ref_gmsh.py`) and of the whole run from an empty cache, both in the same
session, their ratio, the largest memory, and the run's own timings. Ratios, not seconds, are what compares
between machines.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE_UM = 1.0
CASE = """\
name: bench-{grains}
geometry: {{size_um: [{edge}, {edge}, {edge}]}}
grains: {{count: {grains}, seed: 1, boundary: mirror, conductivity_S_per_cm: 5.0e-4}}
grain_boundary: {{thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}}
mesh: {{size_um: {size}, electrode_size_um: {size}}}
"""


def gmsh_alone(grains: int) -> dict:
    """What `ref_gmsh.py` prints."""
    script = Path(__file__).with_name("ref_gmsh.py")
    done = subprocess.run(
        [sys.executable, script, str(grains), str(SIZE_UM)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def whole_run(grains: int, ranks: int) -> tuple[float, dict]:
    """Wall time of ``gbflux run`` (s), and its result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case = folder / "case.yaml"
        case.write_text(CASE.format(grains=grains, edge=round(10 * grains ** (1 / 3), 6), size=SIZE_UM))
        command = [
            sys.executable,
            "-m",
            "gbflux",
            "run",
            str(case),
            "-n",
            str(ranks),
            "-o",
            str(folder / "run"),
        ]
        began = time.perf_counter()
        subprocess.run(
            command,
            env={**os.environ, "GBFLUX_CACHE": str(folder / "cache")},
            check=True,
            capture_output=True,
        )
        seconds = time.perf_counter() - began
        return seconds, json.loads((folder / "run" / "result.json").read_text())


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--grains", type=int, nargs="+", default=[8, 64, 216, 1000])
    parser.add_argument(
        "--repeat", type=int, default=1, help="the fastest of so many runs counts, on both sides"
    )
    options = parser.parse_args()
    for grains in options.grains:
        gmsh = min((gmsh_alone(grains) for _ in range(options.repeat)), key=lambda line: line["seconds"])
        seconds, result = min(
            (whole_run(grains, options.ranks) for _ in range(options.repeat)), key=lambda run: run[0]
        )
        line = {
            "grains": result["mesh"]["grains"],
            "cells": result["mesh"]["cells"],
            "ranks": options.ranks,
            "gmsh_s": round(gmsh["seconds"], 2),
            "run_s": round(seconds, 2),
            "ratio": round(seconds / gmsh["seconds"], 2),
            "peak_GiB": round(result["peak_memory_MiB"] / 1024, 2),
            "iterations": result["solver"]["iterations"],
            "timings_s": {name: round(value, 2) for name, value in result["timings_s"].items()},
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
