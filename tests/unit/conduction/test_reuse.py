"""A preconditioner of one system for another: symmetric, positive, exact in the seam, zero where fixed."""

from __future__ import annotations

import numpy as np
import pytest
from petsc4py import PETSc
from scipy import sparse

from gbflux.conduction.records import SolverSettings
from gbflux.conduction.recycling import made_for, reused
from gbflux.conduction.system import LinearSystem

N = 12  # nodes along an edge of a square


def laplacian() -> sparse.csr_matrix:
    """Five-point stencil on the square, no flux at its edges."""
    line = sparse.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(N, N)).tolil()
    line[0, 0] = line[-1, -1] = 1.0
    return sparse.csr_matrix(sparse.kron(line, sparse.eye(N)) + sparse.kron(sparse.eye(N), line))


def system(count: int) -> tuple[LinearSystem, np.ndarray]:
    """The Laplacian with the first dofs, row by row of the square, fixed; and which dofs these are."""
    a = laplacian()
    matrix = PETSc.Mat().createAIJ(a.shape, csr=(a.indptr.astype("i4"), a.indices.astype("i4"), a.data))
    fixed = np.arange(count, dtype=np.int32)
    matrix.zeroRowsColumns(fixed)
    is_fixed = np.zeros(N * N, dtype=bool)
    is_fixed[fixed] = True
    return LinearSystem(matrix, matrix.createVecRight(), 1.0, None, fixed), is_fixed


def dense(pc: PETSc.PC, vector: PETSc.Vec) -> np.ndarray:
    """A preconditioner as a matrix, for residuals that are zero at fixed dofs."""
    out = vector.duplicate()
    columns = []
    for k in range(N * N):
        vector.set(0.0)
        vector.array[k] = 1.0
        pc.apply(vector, out)
        columns.append(out.array.copy())
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("count", [N // 2, 3 * N], ids=["made for all dofs", "made for the free ones"])
@pytest.mark.parametrize("seam_rows", [0, 1, 3])
def test_it_is_a_preconditioner_and_exact_in_the_seam(count: int, seam_rows: int) -> None:
    before, was_fixed = system(count)
    base = made_for(before, was_fixed, SolverSettings())
    assert (base.dofs is None) == (count < N)
    after, is_fixed = system(6 * N)
    seam = np.arange(6 * N, (6 + seam_rows) * N)
    ksp = reused(base, after, seam)
    inverse = dense(ksp.getPC(), after.rhs)
    free = ~is_fixed
    assert np.all(inverse[is_fixed] == 0.0)
    inverse = inverse[np.ix_(free, free)]
    assert inverse == pytest.approx(inverse.T, abs=1e-6 * np.abs(inverse).max())
    assert np.linalg.eigvalsh((inverse + inverse.T) / 2).min() > 0.0
    a = laplacian().toarray()[np.ix_(free, free)]
    exact = (a @ inverse)[: len(seam)]
    assert exact == pytest.approx(np.eye(len(inverse))[: len(seam)], abs=1e-12)
    ksp.destroy()
    base.destroy()


def test_a_seam_makes_up_for_what_was_fixed_since() -> None:
    """Eigenvalues of M⁻¹A lie closer together the wider the seam is."""
    before, was_fixed = system(N)
    base = made_for(before, was_fixed, SolverSettings())
    after, is_fixed = system(6 * N)
    free = ~is_fixed
    a = laplacian().toarray()[np.ix_(free, free)]
    spread = []
    for width in range(4):
        ksp = reused(base, after, np.arange(6 * N, (6 + width) * N))
        inverse = dense(ksp.getPC(), after.rhs)[np.ix_(free, free)]
        values = np.sort(np.linalg.eigvals(inverse @ a).real)
        spread.append(values[-1] / values[0])
        ksp.destroy()
    base.destroy()
    assert spread == sorted(spread, reverse=True)
    assert spread[2] < spread[0] / 2
