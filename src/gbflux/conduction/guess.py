"""First guesses for a potential, combined from former ones and a constant.

Where an electrode moves into a layer, potentials solved on one and the same matrix are right at every free
dof but those beside the electrode, whatever combination of them is taken: all that is left of the residual is

    A_fe (Σ c_k φ_k + c − V)

with A_fe between free dofs and those at the electrodes, V the potentials of these. It is made small itself,
by least squares, and not its energy, which loses half of the digits: potentials of neighbouring planes are
nearly the same. What their own residuals add up to limits the coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction.system import LinearSystem

#: Most potentials combined for least energy: each costs a product with the matrix.
FEW = 4
#: Potentials count as the same that differ by less than this share of their energy, or of their residual.
_INDEPENDENT, _INDEPENDENT_RESIDUALS = 1.0e-12, 1.0e-15


@dataclass(frozen=True)
class Past:
    """A former potential.

    Attributes
    ----------
    values : (n_local,) float64 array
        Scaled, at the local dofs.
    residual : float
        Norm of b − A u.
    matrix : int
        Number of the matrix of all cells it was solved with.
    altered : int array
        Local dofs whose equation was another than in that matrix: those on electrodes and beyond.
    """

    values: NDArray[np.float64]
    residual: float
    matrix: int
    altered: NDArray[np.int32]


def least_residual(system: LinearSystem, beside: PETSc.Mat, past: Sequence[Past]) -> PETSc.Vec:
    """Return the combination of potentials and a constant that leaves the least residual; *collective*.

    Parameters
    ----------
    system : LinearSystem
        A and b of the next solve, all electrodes ideal.
    beside : PETSc.Mat
        A_fe: rows of free dofs, columns of all fixed ones.
    past : sequence of Past
        Potentials of the same matrix of all cells, none of whose altered dofs is free now; at least one.

    Returns
    -------
    PETSc.Vec
        A guess for u, to be destroyed by the caller.
    """
    owned = system.rhs.getLocalSize()
    fixed = system.fixed[system.fixed < owned]
    values = [np.ones(owned), *(one.values[:owned] for one in past)]
    into, out = beside.createVecs()
    columns = []
    for column in (*values, system.lift.x.array):
        into.array[:] = column[fixed]
        beside.mult(into, out)
        columns.append(out.array.copy())
    into.destroy()
    out.destroy()
    comm = system.rhs.getComm().tompi4py()
    noise = np.diag([0.0, *(one.residual for one in past), 0.0])
    # the R factors of all ranks, one below the other, have the same least squares as all rows (TSQR)
    parts = comm.allgather(np.linalg.qr(np.stack(columns, axis=1), mode="r"))
    table = np.concatenate([*parts, noise])
    scale = 1.0 / np.maximum(np.linalg.norm(table[:, :-1], axis=0), np.finfo(float).tiny)
    share = np.linalg.lstsq(table[:, :-1] * scale, table[:, -1], rcond=_INDEPENDENT_RESIDUALS)[0]
    guess = system.rhs.duplicate()
    guess.array[:] = sum(c * column for c, column in zip(comm.bcast(scale * share), values, strict=True))
    guess.array[fixed] = 0.0
    return guess


def least_energy(system: LinearSystem, past: Sequence[Past]) -> PETSc.Vec:
    """Return the combination of former potentials and a constant that has the least energy; *collective*.

    Parameters
    ----------
    system : LinearSystem
        A and b of the next solve.
    past : sequence of Past
        Of any matrix; at least one. The last few are looked at.

    Returns
    -------
    PETSc.Vec
        A guess for u, to be destroyed by the caller.
    """
    matrix, rhs = system.matrix, system.rhs
    basis, products = [], []
    for values in (np.ones_like(past[-1].values), *(one.values for one in past[-FEW:])):
        vector, product = rhs.duplicate(), rhs.duplicate()
        vector.array[:] = values[: rhs.getLocalSize()]
        vector.array[system.fixed[system.fixed < rhs.getLocalSize()]] = 0.0
        matrix.mult(vector, product)
        basis.append(vector)
        products.append(product)
    energy = np.array([[vector.dot(product) for product in products] for vector in basis])
    work = np.array([vector.dot(rhs) for vector in basis])
    scale = 1.0 / np.sqrt(np.maximum(np.diag(energy), np.finfo(float).tiny))
    share = scale * np.linalg.lstsq(scale[:, None] * energy * scale, scale * work, rcond=_INDEPENDENT)[0]
    guess = rhs.duplicate()
    guess.set(0.0)
    guess.maxpy(share.tolist(), basis)
    for vector in (*basis, *products):
        vector.destroy()
    return guess
