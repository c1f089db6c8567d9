"""Refine on several ranks and print what each knows: ``python -m mpi4py refinement_program.py``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).parents[1]))
from gbflux.simulation.run import run_case
from small_cases import TINY, case

COMM = MPI.COMM_WORLD

WINDOW = {"output": {"certify": {"grains": 1, "windows_um": [6]}}}

for accuracy in ({"conductance": 0.001}, {"hot_spots": 0.3}, {"hot_spot": 0.1}):
    result = run_case(
        case(TINY, WINDOW if "hot_spot" in accuracy else {}, {"accuracy": accuracy}), comm=COMM
    ).result
    trees = COMM.gather(result.as_dict())
    if COMM.rank == 0:
        print(json.dumps([{name: tree[name] for name in ("refinement", "errors", "mesh")} for tree in trees]))
