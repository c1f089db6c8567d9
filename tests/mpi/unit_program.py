"""Run on several ranks: ``python -m mpi4py unit_program.py FOLDER``, an axis of thicknesses as one unit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).parents[1]))
from gbflux.simulation.shared_mesh import units
from small_cases import LAYERS, case, run_unit

QUIET = {"output.fields": False, "output.figures": False, "mesh.size_um": 3, "mesh.electrode_size_um": 3}
KINETICS = {
    "exchange_current_density_mA_per_cm2": 1.0,
    "anodic_transfer_coefficient": 0.3,
    "cathodic_transfer_coefficient": 0.7,
}
CHANGES = [
    {"homogenizing_layer.thickness_um": um, **change}
    for um in (5, 2, 0)
    for change in (
        {},
        {"electrodes.asr_ohm_cm2": {"bottom": 5, "top": 0}, "output.bracket": True},
        {"electrodes.asr_ohm_cm2": 2, "electrodes.kinetics": KINETICS},
        {"grain_boundary.conductivity_S_per_cm": 1e-5},
    )
]
CHANGES.append(
    {
        "homogenizing_layer.thickness_um": 2,
        "electrodes.asr_ohm_cm2": {"bottom": 0, "top": 1},
        "output.bracket": True,
        "solver.order": 2,
    }
)
FAILING = {
    "homogenizing_layer.thickness_um": 2,
    "grain_boundary.conductivity_S_per_cm": 3e-6,
    "solver.max_iterations": 1,
}


def main(folder: Path) -> None:
    """Print the numbers of all cases as one JSON line; one case fails on all ranks."""
    cases = [case(LAYERS, QUIET, change) for change in [*CHANGES[:4], FAILING, *CHANGES[4:]]]
    (unit,) = units(cases)
    failed = []
    wanted = [(c, folder / unit.case_key(c)) for c in cases]
    results = run_unit(unit, wanted, failed=lambda *what: failed.append(type(what[2]).__name__))
    everywhere = MPI.COMM_WORLD.gather((failed, [r is None for r in results]))
    if MPI.COMM_WORLD.rank == 0:
        assert all(told == (["SolverError"], [k == 4 for k in range(len(cases))]) for told in everywhere)
        print(json.dumps([result.as_dict() for result in results if result is not None]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
