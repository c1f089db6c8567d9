"""What a solve takes over from former ones: a preconditioner, and potentials to start from.

**Preconditioner.** That of one system serves another whose matrix has more fixed dofs, or another electrode.
Restricted to the free dofs, M⁻¹ is still symmetric and positive definite, and as good as the two matrices are
close: far from what has been fixed since, and from electrodes that are not ideal. Near there, in an overlap S
of few dofs, the other matrix A is solved exactly, and both are combined so that the one leaves the other
nothing to do (J. Mandel, Commun. Numer. Methods Eng. 9 (1993) 233, doi:10.1002/cnm.1640090307):

    Q + (I − QA) M⁻¹ (I − AQ),  Q = A_SS⁻¹ on S and zero elsewhere,

which is symmetric and positive definite whatever the overlap. With two layers of cells in it CG takes about
as many iterations as with a preconditioner made for A. Each rank has an overlap of its own dofs.

**First guess**, combined from former potentials and a constant. Where an electrode moves into a layer,
potentials solved on one and the same matrix are right at every free dof but those beside the electrode,
whatever combination of them is taken: all that is left of the residual is

    A_fe (Σ c_k φ_k + c − V)

with A_fe between free dofs and those at the electrodes, V the potentials of these. It is made small itself,
by least squares, and not its energy, which loses half of the digits: potentials of neighbouring planes are
nearly the same. What their own residuals add up to limits the coefficients.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbflux.conduction.krylov import conjugate_gradients
from gbflux.conduction.mpi import raise_together
from gbflux.conduction.records import Array, IntArray, Mask, SolverSettings
from gbflux.conduction.system import Assembler, LinearSystem
from gbflux.errors import SolverError

#: Layers of cells in the overlap.
LAYERS = 2
#: Making a preconditioner costs about as much as so many iterations: it is made anew when it has cost more
#: than that beyond what one made for each system would have.
SET_UP = 18
#: Potentials kept for the first guess of the next solve.
PREVIOUS = 8
#: Most potentials combined for least energy: each costs a product with the matrix.
FEW = 4
#: Potentials count as the same that differ by less than this share of their energy, or of their residual.
_INDEPENDENT, _INDEPENDENT_RESIDUALS = 1.0e-12, 1.0e-15
#: Fixed dofs are left out of the matrix that a preconditioner is made for if they are this share of all.
MANY_FIXED = 0.05


@dataclass(frozen=True)
class BasePreconditioner:
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
    fixed: Mask
    diagonal: Array
    dofs: IntArray | None
    size: int

    def destroy(self) -> None:
        """Free what PETSc holds; *collective*."""
        self.ksp.destroy()


class PreconditionerCache:
    """The preconditioner of a former system, for the next ones; the owner of CG's PETSc objects.

    Parameters
    ----------
    assembler : Assembler
        It knows which systems come from one matrix of all cells.
    """

    def __init__(self, assembler: Assembler):
        self._assembler = assembler
        self._base: BasePreconditioner | None = None
        self._outer: PETSc.KSP | None = None  # CG of the last system, where it is not that of the base
        self._made_with: tuple[str, int] | None = None  # preconditioner, matrix of all cells
        self._fewest, self._excess = 0, 0.0
        self.fresh = False

    def ksp(self, system: LinearSystem, settings: SolverSettings) -> PETSc.KSP:
        """Return CG for a system, with the preconditioner of a former one where that will do; *collective*.

        It lives until the next call. `fresh` tells whether its preconditioner was made for this very system.
        """
        self._release()
        self.fresh = False
        fixed, base, comm = fixed_mask(system), self._base, system.rhs.getComm().tompi4py()
        if base is not None and self._made_with == (settings.preconditioner, self._assembler.made):
            changed = diagonal_of(system.matrix) != base.diagonal
            if comm.allreduce(not changed.any() and np.array_equal(fixed, base.fixed), MPI.LAND):
                base.ksp.getPC().setReusePreconditioner(True)
                return self._with_base(base, system)
            fits = settings.preconditioner != "lu" and bool(fixed[base.fixed].all())
            if comm.allreduce(fits, MPI.LAND) and self._excess <= SET_UP * free_count(system) / base.size:
                owned = system.rhs.getLocalSize()
                beside = self._assembler.around((fixed & ~base.fixed)[:owned], 1)
                overlap = self._assembler.around(beside | changed, LAYERS - 1) & ~fixed[:owned]
                return self._with_base(base, system, np.flatnonzero(overlap))
        self.forget()
        self._base = base = made_for(system, fixed, settings)
        self._made_with, self.fresh = (settings.preconditioner, self._assembler.made), True
        return self._with_base(base, system)

    def _with_base(
        self, base: BasePreconditioner, system: LinearSystem, overlap: IntArray | None = None
    ) -> PETSc.KSP:
        """Return CG for a system; without an overlap its matrix is that of the base, fixed dofs left out."""
        if overlap is None and base.dofs is None:
            return base.ksp
        self._outer = reused(base, system, np.zeros(0, dtype=np.intp) if overlap is None else overlap)
        return self._outer

    @property
    def patience(self) -> float:
        """Iterations beyond which a preconditioner that was made for another system is given up."""
        return math.inf if self.fresh else 2 * self._fewest + SET_UP

    def record(self, iterations: int, free: int) -> None:
        """Note how many iterations the last system took, and how many dofs were free in it."""
        if self._base is not None:
            self._fewest = min(self._fewest or iterations, iterations)
            self._excess += iterations - self._fewest * free / self._base.size

    def _release(self) -> None:
        """Free CG of the last system; *collective*."""
        if self._outer is not None:
            self._outer.destroy()
        self._outer = None

    def forget(self) -> None:
        """Free the preconditioner; *collective*."""
        self._release()
        if self._base is not None:
            self._base.destroy()
        self._base = self._made_with = None
        self._fewest, self._excess = 0, 0.0


class GuessCache:
    """The last potentials, for the first guess of the next; `most` of them are kept."""

    def __init__(self, assembler: Assembler, most: int):
        self._assembler = assembler
        self._previous: deque[PreviousSolution] = deque(maxlen=most)

    def guess(self, system: LinearSystem) -> PETSc.Vec | None:
        """Return a first guess, the caller's to destroy, or None without former potentials; *collective*."""
        if not self._previous:
            return None
        fixed, comm = fixed_mask(system), system.rhs.getComm().tompi4py()
        here = [one for one in self._previous if one.matrix == self._assembler.made]
        here = [one for one in here if comm.allreduce(bool(fixed[one.altered].all()), MPI.LAND)]
        beside = self._assembler.beside(system.fixed) if here else None
        if beside is None:
            return least_energy(system, list(self._previous))
        guess = least_residual(system, beside, here)
        beside.destroy()
        return guess

    def keep(self, phi: Array, system: LinearSystem, residual: float) -> None:
        """Keep the potential at the local dofs, whose relative residual is given."""
        if self._previous.maxlen:
            altered = system.fixed if system.plane is None else np.concatenate([system.fixed, system.plane])
            self._previous.append(
                PreviousSolution(phi.copy(), residual * system.reference, self._assembler.made, altered)
            )


def made_for(system: LinearSystem, fixed: Mask, settings: SolverSettings) -> BasePreconditioner:
    """Return a preconditioner made for a system, `fixed` being its fixed dofs; *collective*."""
    free = np.flatnonzero(~fixed[: system.rhs.getLocalSize()])
    size, count, diagonal = free_count(system), system.rhs.getSize(), diagonal_of(system.matrix)
    if size == 0 or size > (1.0 - MANY_FIXED) * count or settings.preconditioner == "lu":
        ksp = conjugate_gradients(system.matrix, settings)
        return BasePreconditioner(ksp, fixed, diagonal, None, max(size, 1))
    rows = PETSc.IS().createGeneral(
        (free + system.matrix.getOwnershipRange()[0]).astype(PETSc.IntType), system.matrix.getComm()
    )
    part = system.matrix.createSubMatrix(rows, rows)
    part.setOption(PETSc.Mat.Option.SPD, True)
    try:
        return BasePreconditioner(conjugate_gradients(part, settings), fixed, diagonal, free, size)
    finally:
        part.destroy()  # CG has a hold of it
        rows.destroy()


def diagonal_of(matrix: PETSc.Mat) -> Array:
    """Return (n_owned,) the diagonal of a matrix; *collective*."""
    vector = matrix.getDiagonal()
    values = vector.array.copy()
    vector.destroy()
    return values


def fixed_mask(system: LinearSystem) -> Mask:
    """Return (n_local,) which dofs, ghosts last, are fixed in a system."""
    fixed = np.zeros(len(system.lift.x.array), dtype=bool)
    fixed[system.fixed] = True
    return fixed


def free_count(system: LinearSystem) -> int:
    """Return the number of free dofs on all ranks; *collective*."""
    owned = np.count_nonzero(system.fixed < system.rhs.getLocalSize())
    return int(system.rhs.getSize() - system.rhs.getComm().tompi4py().allreduce(owned))


def reused(base: BasePreconditioner, system: LinearSystem, overlap: IntArray) -> PETSc.KSP:
    """Return CG for a system with more fixed dofs than that of `base`, or other rows; *collective*.

    `base` must outlive what is returned, which the caller destroys.

    Parameters
    ----------
    base : BasePreconditioner
        Its preconditioner stays as it is from now on.
    system : LinearSystem
        With the fixed dofs of `base` and others.
    overlap : (k,) int array
        Free dofs of this rank, without ghosts, in which the system is solved exactly.

    Raises
    ------
    SolverError
        On all ranks, if one cannot factorise its overlap.
    """
    factorised = _factorised(system.matrix, overlap)
    base.ksp.getPC().setReusePreconditioner(True)
    outer = PETSc.KSP().create(system.matrix.getComm())
    outer.setOperators(system.matrix)
    outer.setType(PETSc.KSP.Type.CG)
    outer.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
    outer.getPC().setType(PETSc.PC.Type.PYTHON)
    outer.getPC().setPythonContext(_Reused(base, system, factorised))
    outer.setUp()
    return outer


def _factorised(matrix: PETSc.Mat, dofs: IntArray) -> _Overlap | None:
    """Return this rank's overlap, None without dofs; raise on all ranks what one meets; *collective*."""
    overlap = error = None
    try:
        overlap = _Overlap(matrix, dofs) if len(dofs) else None
    except (PETSc.Error, MemoryError) as met:
        error = SolverError(
            f"solver: {len(dofs)} unknowns beside an electrode must be factorised; got '{met}'. "
            "Give the job more memory or more ranks."
        )
    try:
        raise_together(matrix.getComm().tompi4py(), error)
    except SolverError:
        if overlap is not None:
            overlap.destroy()
        raise
    return overlap


class _Reused:
    """The preconditioner at the head of this module, as PETSc wants it."""

    def __init__(self, base: BasePreconditioner, system: LinearSystem, overlap: _Overlap | None):
        self._inner, self._dofs, self._overlap = base.ksp.getPC(), base.dofs, overlap
        self._fixed = system.fixed[system.fixed < system.rhs.getLocalSize()]
        self._rest = system.rhs.duplicate()
        self._parts = () if base.dofs is None else base.ksp.getOperators()[0].createVecs()

    def apply(self, _: PETSc.PC, residual: PETSc.Vec, step: PETSc.Vec) -> None:
        """Set `step` to the preconditioned residual, zero at the fixed dofs, where the residual is zero."""
        if self._overlap is None:
            self._apply_base(residual, step)
            return
        inside = self._overlap.solved(residual.array_r[self._overlap.dofs])
        self._rest.array[:] = residual.array_r - self._overlap.spread(inside)
        self._apply_base(self._rest, step)
        inside -= self._overlap.solved(self._overlap.product(step.array_r))
        step.array[self._overlap.dofs] += inside

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
        if self._overlap is not None:
            self._overlap.destroy()


class _Overlap:
    """A matrix among this rank's dofs of a overlap, factorised, and between them and its other dofs."""

    def __init__(self, matrix: PETSc.Mat, dofs: IntArray):
        self.dofs = dofs
        block = matrix.getDiagonalBlock() if matrix.getComm().getSize() > 1 else matrix
        overlap = PETSc.IS().createGeneral(dofs.astype(PETSc.IntType), PETSc.COMM_SELF)
        every = PETSc.IS().createStride(block.getSize()[0], 0, 1, PETSc.COMM_SELF)
        self._rows = block.createSubMatrix(overlap, every)
        within = block.createSubMatrix(overlap, overlap)
        within.setOption(PETSc.Mat.Option.SPD, True)
        self._solver = PETSc.PC().create(PETSc.COMM_SELF)
        self._solver.setOperators(within)
        self._solver.setType(PETSc.PC.Type.CHOLESKY)
        self._solver.setFactorOrdering(PETSc.Mat.OrderingType.ND)
        self._solver.setUp()
        self._all, self._overlap = self._rows.createVecs()
        self._found = self._overlap.duplicate()
        for used in (within, overlap, every):
            used.destroy()

    def solved(self, values: Array) -> Array:
        """Return A_SS⁻¹ times values on the overlap."""
        self._overlap.array[:] = values
        self._solver.apply(self._overlap, self._found)
        return self._found.array.copy()

    def spread(self, values: Array) -> Array:
        """Return A times values on the overlap, at all dofs of this rank."""
        self._overlap.array[:] = values
        self._rows.multTranspose(self._overlap, self._all)
        return self._all.array_r

    def product(self, values: Array) -> Array:
        """Return A times values at all dofs of this rank, on the overlap."""
        self._all.array[:] = values
        self._rows.mult(self._all, self._overlap)
        return self._overlap.array.copy()

    def destroy(self) -> None:
        """Free what PETSc holds."""
        for held in (self._rows, self._solver, self._all, self._overlap, self._found):
            held.destroy()


@dataclass(frozen=True)
class PreviousSolution:
    """A former potential, as a term of first guesses.

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

    values: Array
    residual: float
    matrix: int
    altered: IntArray


def least_residual(system: LinearSystem, beside: PETSc.Mat, past: Sequence[PreviousSolution]) -> PETSc.Vec:
    """Return the combination of potentials and a constant that leaves the least residual; *collective*.

    Parameters
    ----------
    system : LinearSystem
        A and b of the next solve, all electrodes ideal.
    beside : PETSc.Mat
        A_fe: rows of free dofs, columns of all fixed ones.
    past : sequence of PreviousSolution
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


def least_energy(system: LinearSystem, past: Sequence[PreviousSolution]) -> PETSc.Vec:
    """Return the combination of former potentials and a constant that has the least energy; *collective*.

    Parameters
    ----------
    system : LinearSystem
        A and b of the next solve.
    past : sequence of PreviousSolution
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
