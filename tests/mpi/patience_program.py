"""Run on several ranks: ``python -m mpi4py patience_program.py FOLDER``, an axis of many thicknesses."""

from __future__ import annotations

import sys
from pathlib import Path

from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).parents[1]))
from unit_program import QUIET

from gbflux.simulation.shared_mesh import units
from small_cases import LAYERS, case, run_unit

if __name__ == "__main__":
    axis = [
        case(LAYERS, QUIET, {"homogenizing_layer.thickness_um": um}) for um in (5, 4, 3, 2, 1.5, 1, 0.5, 0)
    ]
    (unit,) = units(axis)
    results = run_unit(unit, [(one, Path(sys.argv[1]) / str(one.hl_um[0])) for one in unit.cases])
    if MPI.COMM_WORLD.rank == 0:
        print(*(result.solver.iterations for result in results))
