"""Run on several ranks: ``python -m mpi4py cut_off_program.py``, some of which own only what is cut off."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).parents[1]))
from gbflux.conduction import (
    ButlerVolmer,
    ConductionSolver,
    Resistance,
    SolverSettings,
    bottom_electrode,
    top_electrode,
)
from gbflux.mesh import CellKind
from gbflux.mesh.cut import cut_slabs
from meshes_by_hand import FULL_STACK, Layer, stack

LAW = ButlerVolmer(10.0, 0.3, 0.7, 298.15)
RESISTIVE = bottom_electrode(0.0, Resistance(5e-4)), top_electrode(0.1, Resistance(2e-4))
KINETICS = bottom_electrode(0.0, replace(LAW, asr=1e-4)), top_electrode(0.1, LAW)
CASES = [
    (RESISTIVE, SolverSettings(bracket=True)),
    (RESISTIVE, SolverSettings(bracket=True, order=2)),
    ((bottom_electrode(0.0), RESISTIVE[1]), SolverSettings()),
    (KINETICS, SolverSettings()),
    (KINETICS, SolverSettings(order=2)),
]


def main() -> None:
    """Compare with what is left on rank 0 alone; print how many ranks own nothing of it, and differences."""
    comm = MPI.COMM_WORLD
    mesh = stack((Layer(CellKind.HL, 20.0, 12), *FULL_STACK[1:]), 2, across=2)
    cut = cut_slabs(mesh, (0.0, mesh.z_electrodes[1] - mesh.z_electrolyte[1]))
    sigma = np.random.default_rng(0).uniform(0.01, 0.05, len(mesh.cells))[cut.cells]
    given = (mesh, sigma, cut) if comm.rank == 0 else (None, None, None)
    differences = []
    with ConductionSolver(comm, given[0], many=True) as conductor:
        points = conductor._dealt.domain.geometry.x
        empty = comm.allreduce(int(points[:, 1].max() <= 0.0))
        for electrodes, settings in CASES:
            ours = conductor.solve(given[1], electrodes, settings, given[2])
            if comm.rank == 0:
                with ConductionSolver(MPI.COMM_SELF, cut.mesh) as alone:
                    theirs = alone.solve(sigma, electrodes, settings)
                pairs = [(ours.fields.phi, theirs.fields.phi), (ours.fields.residual, theirs.fields.residual)]
                if settings.bracket:
                    pairs.append((ours.bracket.upper, theirs.bracket.upper))
                differences += [float(np.abs(a - b).max() / np.ptp([b, 0.0 * b])) for a, b in pairs]
    if comm.rank == 0:
        print(empty, max(differences))


if __name__ == "__main__":
    main()
