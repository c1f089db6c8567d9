"""The preconditioner of one system for another whose matrix has more fixed dofs, or another electrode.

Restricted to the free dofs, M⁻¹ is still symmetric and positive definite, and as good as the two matrices are
close: far from what has been fixed since, and from electrodes that are not ideal. Near there, in a seam S of
few dofs, the other matrix A is solved exactly, and both are combined so that the one leaves the other nothing
to do (J. Mandel, Commun. Numer. Methods Eng. 9 (1993) 233, doi:10.1002/cnm.1640090307):

    Q + (I − QA) M⁻¹ (I − AQ),  Q = A_SS⁻¹ on S and zero elsewhere,

which is symmetric and positive definite whatever the seam. With two layers of cells in it CG takes about
as many iterations as with a preconditioner made for A. Each rank has a seam of its own dofs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction.krylov import conjugate_gradients
from gbflux.conduction.mpi import raise_together
from gbflux.conduction.records import SolverSettings
from gbflux.conduction.system import LinearSystem
from gbflux.errors import SolverError

#: Layers of cells in the seam, the overlap in which the preconditioner is corrected.
LAYERS = 2
#: Fixed dofs are left out of the matrix that a preconditioner is made for if they are this share of all.
MANY_FIXED = 0.05


@dataclass
class Base:
    """A preconditioner and what it was made for; `destroy` frees it.

    Attributes
    ----------
    ksp : PETSc.KSP
        CG, its preconditioner set up.
    fixed : (n_local,) bool array
        Dofs that are fixed in its matrix, ghosts among them.
    diagonal : (n_owned,) float64 array
        Of its matrix: where that of another differs, so does the row.
    dofs : (k,) int array or None
        Owned dofs that its matrix has; None for all.
    size : int
        Free dofs on all ranks, at least 1.
    """

    ksp: PETSc.KSP
    fixed: NDArray[np.bool_]
    diagonal: NDArray[np.float64]
    dofs: NDArray[np.intp] | None
    size: int

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        self.ksp.destroy()


def made_for(system: LinearSystem, fixed: NDArray[np.bool_], settings: SolverSettings) -> Base:
    """Return a preconditioner made for a system, `fixed` being its fixed dofs; *collective*."""
    free = np.flatnonzero(~fixed[: system.rhs.getLocalSize()])
    size, count, diagonal = free_count(system), system.rhs.getSize(), diagonal_of(system.matrix)
    if size == 0 or size > (1.0 - MANY_FIXED) * count or settings.preconditioner == "lu":
        return Base(conjugate_gradients(system.matrix, settings), fixed, diagonal, None, max(size, 1))
    rows = PETSc.IS().createGeneral(
        (free + system.matrix.getOwnershipRange()[0]).astype(PETSc.IntType), system.matrix.getComm()
    )
    part = system.matrix.createSubMatrix(rows, rows)
    part.setOption(PETSc.Mat.Option.SPD, True)
    try:
        return Base(conjugate_gradients(part, settings), fixed, diagonal, free, size)
    finally:
        part.destroy()  # CG has a hold of it
        rows.destroy()


def diagonal_of(matrix: PETSc.Mat) -> NDArray[np.float64]:
    """Return (n_owned,) the diagonal of a matrix; *collective*."""
    vector = matrix.getDiagonal()
    values = vector.array.copy()
    vector.destroy()
    return values


def free_count(system: LinearSystem) -> int:
    """Return the number of free dofs on all ranks; *collective*."""
    owned = np.count_nonzero(system.fixed < system.rhs.getLocalSize())
    return system.rhs.getSize() - system.rhs.getComm().tompi4py().allreduce(owned)


def reused(base: Base, system: LinearSystem, seam: NDArray[np.intp]) -> PETSc.KSP:
    """Return CG for a system with more fixed dofs than that of `base`, or other rows; *collective*.

    `base` must outlive what is returned, which the caller destroys.

    Parameters
    ----------
    base : Base
        Its preconditioner stays as it is from now on.
    system : LinearSystem
        With the fixed dofs of `base` and others.
    seam : (k,) int array
        Free dofs of this rank, without ghosts, in which the system is solved exactly.

    Raises
    ------
    SolverError
        On all ranks, if one cannot factorise its seam.
    """
    factorised = _factorised(system.matrix, seam)
    base.ksp.getPC().setReusePreconditioner(True)
    outer = PETSc.KSP().create(system.matrix.getComm())
    outer.setOperators(system.matrix)
    outer.setType(PETSc.KSP.Type.CG)
    outer.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
    outer.getPC().setType(PETSc.PC.Type.PYTHON)
    outer.getPC().setPythonContext(_Reused(base, system, factorised))
    outer.setUp()
    return outer


def _factorised(matrix: PETSc.Mat, dofs: NDArray[np.intp]) -> _Seam | None:
    """Return this rank's seam, None without dofs; raise on all ranks what one meets; *collective*."""
    seam = error = None
    try:
        seam = _Seam(matrix, dofs) if len(dofs) else None
    except (PETSc.Error, MemoryError) as met:
        error = SolverError(
            f"solver: {len(dofs)} unknowns beside an electrode must be factorised; got '{met}'. "
            "Give the job more memory or more ranks."
        )
    try:
        raise_together(matrix.getComm().tompi4py(), error)
    except SolverError:
        if seam is not None:
            seam.destroy()
        raise
    return seam


class _Reused:
    """The preconditioner at the head of this module, as PETSc wants it."""

    def __init__(self, base: Base, system: LinearSystem, seam: _Seam | None):
        self._inner, self._dofs, self._seam = base.ksp.getPC(), base.dofs, seam
        self._fixed = system.fixed[system.fixed < system.rhs.getLocalSize()]
        self._rest = system.rhs.duplicate()
        self._parts = () if base.dofs is None else base.ksp.getOperators()[0].createVecs()

    def apply(self, _: PETSc.PC, residual: PETSc.Vec, step: PETSc.Vec) -> None:
        """Set `step` to the preconditioned residual, zero at the fixed dofs, where the residual is zero."""
        if self._seam is None:
            self._apply_base(residual, step)
            return
        inside = self._seam.solved(residual.array_r[self._seam.dofs])
        self._rest.array[:] = residual.array_r - self._seam.spread(inside)
        self._apply_base(self._rest, step)
        inside -= self._seam.solved(self._seam.product(step.array_r))
        step.array[self._seam.dofs] += inside

    def _apply_base(self, residual: PETSc.Vec, step: PETSc.Vec) -> None:
        """Set `step` to M⁻¹ `residual`, zero at the fixed dofs."""
        if self._dofs is None:
            self._inner.apply(residual, step)
            step.array[self._fixed] = 0.0
            return
        into, out = self._parts
        into.array[:] = residual.array_r[self._dofs]
        self._inner.apply(into, out)
        step.set(0.0)
        step.array[self._dofs] = out.array_r
        step.array[self._fixed] = 0.0

    def destroy(self, _: PETSc.PC) -> None:
        """Free what PETSc holds."""
        for vector in (self._rest, *self._parts):
            vector.destroy()
        if self._seam is not None:
            self._seam.destroy()


class _Seam:
    """A matrix among this rank's dofs of a seam, factorised, and between them and its other dofs."""

    def __init__(self, matrix: PETSc.Mat, dofs: NDArray[np.intp]):
        self.dofs = dofs
        block = matrix.getDiagonalBlock() if matrix.getComm().getSize() > 1 else matrix
        seam = PETSc.IS().createGeneral(dofs.astype(PETSc.IntType), PETSc.COMM_SELF)
        every = PETSc.IS().createStride(block.getSize()[0], 0, 1, PETSc.COMM_SELF)
        self._rows = block.createSubMatrix(seam, every)
        within = block.createSubMatrix(seam, seam)
        within.setOption(PETSc.Mat.Option.SPD, True)
        self._solver = PETSc.PC().create(PETSc.COMM_SELF)
        self._solver.setOperators(within)
        self._solver.setType(PETSc.PC.Type.CHOLESKY)
        self._solver.setFactorOrdering(PETSc.Mat.OrderingType.ND)
        self._solver.setUp()
        self._all, self._seam = self._rows.createVecs()
        self._found = self._seam.duplicate()
        for used in (within, seam, every):
            used.destroy()

    def solved(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return A_SS⁻¹ times values on the seam."""
        self._seam.array[:] = values
        self._solver.apply(self._seam, self._found)
        return self._found.array.copy()

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return A times values on the seam, at all dofs of this rank."""
        self._seam.array[:] = values
        self._rows.multTranspose(self._seam, self._all)
        return self._all.array_r

    def product(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return A times values at all dofs of this rank, on the seam."""
        self._all.array[:] = values
        self._rows.mult(self._all, self._seam)
        return self._seam.array.copy()

    def destroy(self) -> None:
        """Free what PETSc holds."""
        for held in (self._rows, self._solver, self._all, self._seam, self._found):
            held.destroy()
