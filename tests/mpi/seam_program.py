"""Run on several ranks: ``python -m mpi4py seam_program.py FOLDER``, a seam one rank cannot factorise."""

from __future__ import annotations

import sys
from pathlib import Path

from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).parents[1]))
from unit_program import QUIET

from gbflux.conduction import recycling
from gbflux.simulation.shared_mesh import units
from small_cases import LAYERS, case, run_unit


def main(folder: Path) -> None:
    """Print what every rank met: the second case fails, the third starts afresh."""
    comm = MPI.COMM_WORLD
    true, calls = recycling._Overlap, []

    def seam(*arguments: object) -> object:
        calls.append(1)
        if comm.rank == comm.size - 1 and len(calls) == 1:
            raise MemoryError("no memory")
        return true(*arguments)

    recycling._Overlap = seam
    (unit,) = units([case(LAYERS, QUIET, {"homogenizing_layer.thickness_um": um}) for um in (5, 3.5, 2)])
    wanted = [(one, folder / str(one.hl_um[0])) for one in unit.cases]
    told = []
    results = run_unit(unit, wanted, failed=lambda *what: told.append(f"{type(what[2]).__name__}: {what[2]}"))
    everywhere = comm.gather(([result is None for result in results], told))
    if comm.rank == 0:
        assert all(one == everywhere[0] for one in everywhere), everywhere
        print(*everywhere[0][0], *told)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
