"""First guesses: as good as any combination of former potentials, and no worse for their own errors."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc
from scipy import sparse

from gbflux.conduction import (
    ConductionSolver,
    Resistance,
    SolverSettings,
    bottom_electrode,
    recycling,
    top_electrode,
)
from gbflux.conduction.recycling import PreviousSolution, least_energy, least_residual
from gbflux.conduction.system import LinearSystem
from gbflux.mesh.cut import cut_slabs
from meshes_by_hand import FULL_STACK, stack

N, DROP = 12, 1.0  # nodes along an edge of a square, potential of its last row


def whole() -> np.ndarray:
    """Five-point stencil with random conductances on the square, no flux at its edges."""
    random = np.random.default_rng(3)
    number = np.arange(N * N).reshape(N, N)
    ends = [(number[1:], number[:-1]), (number[:, 1:], number[:, :-1])]
    i, j = (np.concatenate([pair[k].ravel() for pair in ends]) for k in (0, 1))
    g = random.uniform(0.1, 1.0, len(i))
    a = sparse.coo_array((np.tile(-g, 2), (np.r_[i, j], np.r_[j, i])), shape=(N * N, N * N)).toarray()
    return a - np.diag(a.sum(axis=1))


A = whole()


def fixed_and_lift(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The first rows at zero and the last at `DROP`: which dofs, and their potentials."""
    lift = np.zeros(N * N)
    lift[-N:] = DROP
    return np.r_[np.arange(rows * N), np.arange(N * N - N, N * N)].astype(np.int32), lift


def potential(rows: int) -> np.ndarray:
    """The solution with so many rows at zero."""
    fixed, lift = fixed_and_lift(rows)
    free = np.setdiff1d(np.arange(N * N), fixed)
    lift[free] = np.linalg.solve(A[np.ix_(free, free)], -(A @ lift)[free])
    return lift


def system(rows: int) -> tuple[LinearSystem, PETSc.Mat, np.ndarray]:
    """The system, the matrix between free and fixed dofs, and which are free."""
    fixed, lift = fixed_and_lift(rows)
    free = np.setdiff1d(np.arange(N * N), fixed)
    csr = sparse.csr_array(A)
    matrix = PETSc.Mat().createAIJ(
        csr.shape, csr=(csr.indptr.astype("i4"), csr.indices.astype("i4"), csr.data)
    )
    matrix.zeroRowsColumns(fixed)
    rhs = matrix.createVecRight()
    rhs.array[free] = -(A @ lift)[free]
    between = sparse.csr_array(A[np.ix_(free, fixed)])
    between = PETSc.Mat().createAIJ(
        between.shape, csr=(between.indptr.astype("i4"), between.indices.astype("i4"), between.data)
    )
    function = SimpleNamespace(x=SimpleNamespace(array=lift))
    return LinearSystem(matrix, rhs, rhs.norm(), function, fixed), between, free


def left(rows: int, guess: PETSc.Vec) -> float:
    """Relative residual of a guess."""
    one, _, free = system(rows)
    return float(np.linalg.norm((one.rhs.array - A @ guess.array)[free])) / one.reference


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_no_combination_leaves_less(count: int) -> None:
    past = [PreviousSolution(potential(1 + k), 0.0, 1, fixed_and_lift(1 + k)[0]) for k in range(count)]
    one, beside, free = system(1 + count)
    guess = least_residual(one, beside, past)
    basis = np.array([np.ones(N * N), *(p.values for p in past)]).T[free]
    products = A[np.ix_(free, free)] @ basis
    best = np.linalg.lstsq(products, one.rhs.array[free], rcond=None)[0]
    expected = np.linalg.norm(one.rhs.array[free] - products @ best) / one.reference
    assert left(1 + count, guess) == pytest.approx(expected, rel=1e-6, abs=1e-13)
    assert np.all(guess.array[one.fixed] == 0.0)
    assert expected < 0.5 ** (count - 1)
    assert left(1 + count, least_energy(one, past)) >= expected * (1 - 1e-9)


def test_a_potential_of_the_same_electrodes_is_found() -> None:
    one, beside, _ = system(3)
    held = fixed_and_lift(2)[0]
    past = [
        PreviousSolution(potential(2), 1e-12, 1, held),
        PreviousSolution(5.0 * potential(3) - 2.0, 1e-12, 1, held),
    ]
    assert left(3, least_residual(one, beside, past)) < 1e-11


def test_errors_of_former_potentials_are_not_blown_up() -> None:
    """Potentials that differ by little more than their errors get no coefficients of opposite signs."""
    random, error = np.random.default_rng(5), 1e-6
    one, beside, free = system(4)
    past = []
    for k in range(6):
        values = potential(3) + error * 1e-3 * k * potential(2)
        values[free] += error * random.standard_normal(len(free))
        past.append(
            PreviousSolution(values, float(np.linalg.norm((one.rhs.array - A @ values)[free])), 1, one.fixed)
        )
    guess = least_residual(one, beside, past)
    alone = least_residual(one, beside, past[:1])
    assert left(4, guess) < 2.0 * left(4, alone)


@pytest.mark.parametrize("first", [0.0, 5e-4], ids=["ideal", "resistive"])
def test_where_an_electrode_has_moved_out_former_potentials_do_not_mislead(
    first: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the plane where the bottom electrode was a former potential lacks the current it took there."""
    found = []

    def spy(system: LinearSystem, beside: PETSc.Mat, past: list[PreviousSolution]) -> PETSc.Vec:
        guess = least_residual(system, beside, past)
        rest = system.rhs - system.matrix * guess
        found.append((len(past), rest.norm() / system.reference))
        return guess

    monkeypatch.setattr(recycling, "least_residual", spy)
    mesh = stack(FULL_STACK, 2, across=2)
    sigma = np.random.default_rng(0).uniform(0.01, 0.05, len(mesh.cells))
    below, above = (abs(a - b) for a, b in zip(mesh.z_electrodes, mesh.z_electrolyte, strict=True))
    top = top_electrode(0.1)
    with ConductionSolver(MPI.COMM_SELF, mesh, many=True) as conductor:
        for hl_um, asr in (
            ((below, above), 0.0),
            ((0.0, above), first),
            ((below, 0.0), 0.0),
            ((0.0, 0.0), 0.0),
        ):
            cut = cut_slabs(mesh, hl_um)
            conductor.solve(
                sigma[cut.cells], (bottom_electrode(0.0, Resistance(asr)), top), SolverSettings(), cut
            )
    assert [count for count, _ in found][-2:] == [1, 3]
    assert max(residual for _, residual in found) < 1.0
