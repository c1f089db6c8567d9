"""Ohmic conduction between two electrodes, once."""

from __future__ import annotations

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbflux.conduction.mpi import errors_of_root
from gbflux.conduction.records import Electrode, Solution, SolverSettings
from gbflux.conduction.solver import Conductor
from gbflux.conduction.validate import check_input
from gbflux.mesh.records import LayeredMesh


def solve(
    comm: MPI.Intracomm,
    mesh: LayeredMesh | None,
    sigma: NDArray[np.float64] | None,
    bottom: Electrode,
    top: Electrode,
    settings: SolverSettings,
) -> Solution:
    """Solve ∇·(σ∇φ) = 0 between two electrodes, once; *collective*.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks that share the work.
    mesh : LayeredMesh or None
        The mesh; looked at on rank 0 only.
    sigma : (m,) float64 array or None
        Conductivity of each cell (S/m); looked at on rank 0 only.
    bottom, top : Electrode
        The electrodes, the same on all ranks.
    settings : SolverSettings
        The same on all ranks.

    Returns
    -------
    Solution
        Fields on rank 0, the rest on all ranks.

    Raises
    ------
    InputError
        On all ranks, if the input cannot be solved (fewer cells than ranks among it).
    SolverError
        On all ranks, if the true residual does not reach `settings.rtol`.
    """
    with errors_of_root(comm) as is_root:
        if is_root:
            check_input(mesh, sigma, bottom, top, settings)
    with Conductor(comm, mesh) as conductor:
        return conductor.solve(sigma, bottom, top, settings)
