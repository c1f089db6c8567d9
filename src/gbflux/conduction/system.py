"""The linear system of one solve: matrix and right-hand side with the ideal electrodes eliminated.

With φ̂ = g + u, where g carries the potentials of the ideal electrodes and is zero at all other nodes, the
system is A u = b with u = 0 at the electrode nodes (identity rows, b = 0 there). So ‖b‖ is that of the free
nodes alone, and no arbitrary weight of the electrode rows enters a relative residual.

A resistive electrode adds its drive κV to b, which would make ‖b‖ grow without limit as its resistance
vanishes, and vanish as it grows. Residuals are therefore measured against ‖b − A u₀‖, u₀ being the metal's
potential at the nodes of resistive electrodes and zero elsewhere: the same as ‖b‖ for ideal electrodes, and
close to that for nearly ideal ones.

Where the mesh goes on beyond an electrode, that part counts for nothing: its nodes are fixed, and what its
cells contribute in the plane of the electrode is taken off again if current can cross that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc
from scipy.sparse import csr_array

from gbflux.conduction import compat, forms
from gbflux.conduction.compat import Function, FunctionSpace
from gbflux.conduction.facets import ElectrodeFacets, ScaledElectrode
from gbflux.conduction.records import Array, IntArray, Mask

Electrodes = tuple[ScaledElectrode, ScaledElectrode]
#: Each electrode with its facets, None for an ideal one.
Pairs = tuple[tuple[ScaledElectrode, ElectrodeFacets | None], ...]


@dataclass(frozen=True)
class LinearSystem:
    """An assembled system; `destroy` frees what PETSc holds.

    Attributes
    ----------
    matrix : PETSc.Mat
        Symmetric and positive definite.
    rhs : PETSc.Vec
        b, zero at the nodes of ideal electrodes.
    reference : float
        ‖b − A u₀‖, by which residuals are divided.
    lift : dolfinx.fem.Function
        g; its space is that of the potential.
    fixed : int32 array
        Local dofs, ghosts among them, on ideal electrodes and beyond any.
    same : bool
        Whether conductivities and the resistances of electrodes are those of the last system.
    beyond : (m_local,) bool array or None
        Local cells beyond electrodes that are not ideal, which count for nothing; None where all count.
    plane : int32 array or None
        Local dofs, ghosts among them, on such electrodes; None without any.
    """

    matrix: PETSc.Mat
    rhs: PETSc.Vec
    reference: float
    lift: Function
    fixed: IntArray
    same: bool = False
    beyond: Mask | None = None
    plane: IntArray | None = None

    def destroy(self) -> None:
        """Free the matrix and the right-hand side; *collective*."""
        self.matrix.destroy()
        self.rhs.destroy()


def assemble(space: FunctionSpace, sigma: Function, electrodes: Electrodes) -> LinearSystem:
    """Assemble the scaled conduction problem; *collective*.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        Space of the potential.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell.
    electrodes : pair of ScaledElectrode
        Bottom and top.

    Returns
    -------
    LinearSystem
        The eliminated system.
    """
    return Assembler(space, sigma).system(electrodes)


class Assembler:
    """Form and matrix of one space, kept for further systems on it; arguments are those of `assemble`.

    Systems share one matrix: a new one overwrites that of the last. With `many` the matrix of all cells,
    before electrodes are put in, is kept too; as long as conductivities stay as they are it serves again.

    Attributes
    ----------
    made : int
        Number of times that the matrix of all cells has been made.
    """

    def __init__(self, space: FunctionSpace, sigma: Function, many: bool = False):
        self._space, self._sigma, self._many = space, sigma, many
        self._form: object = None
        self._matrix: PETSc.Mat | None = None
        self._whole: PETSc.Mat | None = None
        self._content: Array | None = None
        self._node_dofs: IntArray | None = None
        self._fixed = np.zeros(0, dtype=np.int32)
        self._laws: tuple[tuple[float | None, bool], ...] = ()
        self._ideal = True  # whether nothing but unit rows distinguishes the matrix of the last system
        self.made = 0

    def system(self, electrodes: Electrodes) -> LinearSystem:
        """Return the system with the conductivities as they are and these electrodes; *collective*."""
        facets = [None if electrode.ideal else electrode.facets(self._space) for electrode in electrodes]
        pairs = tuple(zip(electrodes, facets, strict=True))
        lift, fixed = self._held(pairs)
        same = self._assembled()
        rhs = compat.create_vector(self._space)
        for electrode, at in pairs:
            if electrode.kappa is not None:
                with rhs.localForm() as local:
                    drive = electrode.kappa * electrode.potential
                    local.array[:] += at.load(np.full_like(at.weights, drive))
        rhs.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        _subtract_product(self._whole, lift, rhs)
        owned = fixed[fixed < rhs.getLocalSize()]
        rhs.array[owned] = 0.0
        matrix = self._with_electrodes(pairs, owned, same)
        reference = self._reference(matrix, rhs, pairs)
        crossed = [at for at in facets if at is not None]
        beyond = np.logical_or.reduce([at.cells_beyond for at in crossed]) if crossed else None
        plane = np.concatenate([at.plane for at in crossed]) if crossed else None
        laws = tuple((electrode.kappa, electrode.nonlinear) for electrode in electrodes)
        same, self._laws = same and laws == self._laws, laws
        return LinearSystem(matrix, rhs, reference, lift, fixed, same, beyond, plane)

    def around(self, dofs: Mask, layers: int) -> Mask:
        """Return (n_owned,) which dofs lie within so many layers of cells around given dofs; *collective*.

        Parameters
        ----------
        dofs : (n_owned,) bool array
            The given dofs, which count too.
        layers : int
            Number of layers of cells.
        """
        reached, product = self._whole.createVecs()
        # entries of one row may cancel where all values are the same
        values = np.sqrt(np.arange(1.0, len(dofs) + 1.0))
        found = dofs.copy()
        for _ in range(layers):
            reached.array[:] = np.where(found, values, 0.0)
            self._whole.mult(reached, product)
            found |= product.array_r != 0.0
        reached.destroy()
        product.destroy()
        return found

    def beside(self, fixed: IntArray) -> PETSc.Mat | None:
        """Return the matrix between free dofs and fixed ones, without rows of zeros; *collective*.

        None if electrodes of the last system were not ideal: currents then enter at free dofs too.

        Parameters
        ----------
        fixed : int array
            Local dofs, ghosts among them.
        """
        if not self._many or not self._ideal:
            return None
        owned = self._whole.getLocalSize()[0]
        is_fixed = np.zeros(owned, dtype=bool)
        is_fixed[fixed[fixed < owned]] = True
        first, comm = self._whole.getOwnershipRange()[0], self._whole.getComm()
        rows, columns = (
            PETSc.IS().createGeneral((np.flatnonzero(chosen) + first).astype(PETSc.IntType), comm)
            for chosen in (self.around(is_fixed, 1) & ~is_fixed, is_fixed)
        )
        between = self._whole.createSubMatrix(rows, columns)
        rows.destroy()
        columns.destroy()
        return between

    def destroy(self) -> None:
        """Free the matrices; *collective*."""
        for matrix in (self._matrix, self._whole):
            if matrix is not None:
                matrix.destroy()
        self._matrix = self._whole = self._content = None

    def _with_electrodes(
        self,
        pairs: Pairs,
        fixed: IntArray,
        same: bool,
    ) -> PETSc.Mat:
        """Return the matrix with unit rows at owned dofs; where more are fixed than were, these are added."""
        if self._matrix is None:
            self._matrix = self._whole.duplicate() if self._many else self._whole
        matrix = self._matrix
        is_fixed = np.zeros(matrix.getLocalSize()[0], dtype=bool)
        is_fixed[fixed] = True
        ideal = all(electrode.ideal for electrode, _ in pairs)
        if self._many:
            more = same and ideal and self._ideal and bool(is_fixed[self._fixed].all())
            if self._space.mesh.comm.allreduce(more, MPI.LAND):
                is_fixed[self._fixed] = False
            else:
                self._whole.copy(matrix, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
            self._fixed = fixed
        self._ideal = ideal
        self._switch_off(matrix, [facets for _, facets in pairs if facets is not None])
        for electrode, facets in pairs:
            if electrode.kappa is not None:
                add_local(matrix, facets.mass(np.full_like(facets.weights, electrode.kappa)))
        first = matrix.getOwnershipRange()[0]
        matrix.zeroRowsColumns((np.flatnonzero(is_fixed) + first).astype(PETSc.IntType))
        return matrix

    def _switch_off(self, matrix: PETSc.Mat, electrodes: list[ElectrodeFacets]) -> None:
        """Subtract from the matrix the entries of cells beyond electrodes in their planes; *collective*."""
        domain, cell_dofs = self._space.mesh, compat.cell_dofs(self._space)
        chosen = [np.zeros(0, dtype=np.int32)]
        for facets in electrodes:
            in_plane = np.zeros(facets.count, dtype=bool)
            in_plane[facets.plane] = True
            cells = np.flatnonzero(facets.cells_beyond).astype(np.int32)
            chosen.append(cells[in_plane[cell_dofs[cells]].any(axis=1)])
        cells = np.sort(np.concatenate(chosen))
        if not domain.comm.allreduce(len(cells), MPI.SUM):
            return
        tags = compat.mesh.meshtags(domain, domain.topology.dim, cells, np.ones(len(cells), dtype=np.int32))
        dx = ufl.Measure("dx", domain=domain, subdomain_data=tags)
        u, v = ufl.TrialFunction(self._space), ufl.TestFunction(self._space)
        form = compat.fem.form(forms.conduction(-self._sigma, u, v, dx(1)))
        compat.fem.petsc.assemble_matrix(matrix, form)
        matrix.assemble()

    def _held(self, pairs: Pairs) -> tuple[Function, IntArray]:
        """Return a function that is zero but for the potentials of ideal electrodes; and the fixed dofs."""
        function = Function(self._space)
        is_fixed = np.zeros(len(function.x.array), dtype=bool)
        for electrode, facets in pairs:
            if facets is not None:
                is_fixed[facets.beyond] = True
                continue
            dofs = self._dofs(electrode)
            is_fixed[dofs] = True
            function.x.array[dofs] = electrode.potential
        return function, np.flatnonzero(is_fixed).astype(np.int32)

    def _dofs(self, electrode: ScaledElectrode) -> IntArray:
        """Return the dofs an electrode covers, of linear elements faster than it does."""
        space = self._space
        if any(len(at) > 1 for at in compat.dof_vertices(space).values()):
            return electrode.dofs(space)
        if self._node_dofs is None:
            self._node_dofs = compat.node_dofs(self._space)
        return self._node_dofs[electrode.covered]

    def _assembled(self) -> bool:
        """Bring the matrix of all cells up to date; return whether it already was; *collective*."""
        if self._whole is None:
            u, v = ufl.TrialFunction(self._space), ufl.TestFunction(self._space)
            self._form = compat.fem.form(forms.conduction(self._sigma, u, v))
            self._whole = compat.fem.petsc.create_matrix(self._form)
            self._whole.setOption(PETSc.Mat.Option.SPD, True)
            self._whole.setOption(PETSc.Mat.Option.KEEP_NONZERO_PATTERN, True)
        if self._many:
            values = self._sigma.x.array
            same = self._content is not None and np.array_equal(self._content, values)
            if self._space.mesh.comm.allreduce(same, MPI.LAND):
                return True
            self._content = values.copy()
        self.made += 1
        self._whole.zeroEntries()
        compat.fem.petsc.assemble_matrix(self._whole, self._form)
        self._whole.assemble()
        return False

    def _reference(self, matrix: PETSc.Mat, rhs: PETSc.Vec, pairs: Pairs) -> float:
        """Return ‖b − A u₀‖; *collective*."""
        resistive = [(electrode, facets) for electrode, facets in pairs if electrode.kappa is not None]
        if not resistive:
            return rhs.norm()
        start = Function(self._space)
        for electrode, facets in resistive:
            start.x.array[facets.plane] = electrode.potential
        residual = rhs.copy()
        _subtract_product(matrix, start, residual)
        norm = residual.norm()
        residual.destroy()
        return norm


def add_local(matrix: PETSc.Mat, entries: csr_array) -> None:
    """Add (n_local, n_local) entries to a matrix, by local dofs, ghosts included; *collective*."""
    matrix.setValuesLocalCSR(
        entries.indptr.astype(PETSc.IntType), entries.indices.astype(PETSc.IntType), entries.data,
        addv=PETSc.InsertMode.ADD,
    )  # fmt: skip
    matrix.assemble()


def _subtract_product(matrix: PETSc.Mat, function: Function, vector: PETSc.Vec) -> None:
    """Subtract the product of a matrix and a function's values from a vector; *collective*."""
    values, product = vector.duplicate(), vector.duplicate()
    values.array[:] = function.x.array[: values.getLocalSize()]
    matrix.mult(values, product)
    vector.axpy(-1.0, product)
    values.destroy()
    product.destroy()
