"""A file of a million rows through `gbflux iv`'s reading and analysis: one sweep to ten thousand.

``python benchmarks/bench_iv.py [--rows 1000000]`` prints one JSON line per file: seconds to read, to analyse,
together, and of processor time, which other processes on the machine do not change; the aim is 3 s of it for
each. Noise of the quiet points is normal or has long tails, of which a bootstrap has more to do.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from gbflux.lab.demo.iv import INTERIOR, simulate
from gbflux.lab.iv.analyse import analyse_iv
from gbflux.lab.readers import read_table


def write(path: Path, rows: int, sweeps: int, tails: bool = False) -> None:
    """So many sweeps of 10 V, triggered at 9 V, in one CSV file; with noise of long tails or not."""
    rng = np.random.default_rng(1)
    steps = rows // sweeps // 2
    truth = replace(INTERIOR, step=10 / steps, missing_share=0.0)
    parts = [np.stack(simulate(truth, rng), axis=1) for _ in range(sweeps)]
    if tails:  # Student's t with two degrees of freedom
        for part in parts:
            part[:, 1] += truth.noise * rng.standard_t(2, size=len(part))
    np.savetxt(
        path, np.concatenate(parts)[:rows], fmt="%.6e", delimiter=",", header="V (V),I (A)", comments=""
    )


def main() -> None:
    """Print one line per file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for sweeps, tails in product((1, 10, 100, 1000, 10_000), (False, True)):
            path = Path(folder) / f"sweeps_{sweeps}.csv"
            write(path, options.rows, sweeps, tails)
            began, busy = time.perf_counter(), time.process_time()
            table = read_table(path)
            read = time.perf_counter()
            result = analyse_iv(table)
            done = time.perf_counter()
            line = {
                "rows": table.n_rows,
                "noise": "long tails" if tails else "normal",
                "curves": len(result.curves),
                "triggered": sum(curve.trigger.bias is not None for curve in result.curves),
                "read_s": round(read - began, 2),
                "analyse_s": round(done - read, 2),
                "seconds": round(done - began, 2),
                "processor_s": round(time.process_time() - busy, 2),
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
