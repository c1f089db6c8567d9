"""The linear system of one solve: matrix and right-hand side with the ideal electrodes eliminated.

With φ̂ = g + u, where g carries the potentials of the ideal electrodes and is zero at all other nodes, the
system is A u = b with u = 0 at the electrode nodes (identity rows, b = 0 there). So ‖b‖ is that of the free
nodes alone, and no arbitrary weight of the electrode rows enters a relative residual.

A resistive electrode adds its drive κV to b, which would make ‖b‖ grow without limit as its resistance
vanishes, and vanish as it grows. Residuals are therefore measured against ‖b − A u₀‖, u₀ being the metal's
potential at the nodes of resistive electrodes and zero elsewhere: the same as ‖b‖ for ideal electrodes, and
close to that for nearly ideal ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import ufl
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat, forms
from gbflux.conduction.planes import covered_dofs, facet_measure, plane_dofs, plane_facets

_BOTTOM, _TOP = 1, 2
#: Degree of the midpoint rule on resistive electrodes.
MIDPOINT = 1


@dataclass(frozen=True)
class ScaledElectrode:
    """An electrode in scaled quantities.

    Attributes
    ----------
    z : float
        Its plane (µm).
    potential : float
        Scaled potential of the metal (1).
    kappa : float or None
        Scaled exchange coefficient (1/µm); None for an ideal contact, and for a nonlinear one.
    inside : (n_nodes,) bool array or None
        Local geometry nodes that an ideal contact covers where it reaches into the mesh; None: those at `z`.
    nonlinear : bool
        Whether its current is left to `newton`: to this system it is a wall.
    """

    z: float
    potential: float
    kappa: float | None
    inside: NDArray[np.bool_] | None = None
    nonlinear: bool = False

    @property
    def ideal(self) -> bool:
        """Whether the cell beside it has the potential of the metal."""
        return self.kappa is None and not self.nonlinear

    def dofs(self, space: compat.fem.FunctionSpace) -> NDArray[np.int32]:
        """Return the dofs it covers, ghosts included."""
        return plane_dofs(space, self.z) if self.inside is None else covered_dofs(space, self.inside)


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
        Local dofs, ghosts among them, on ideal electrodes.
    same : bool
        Whether the matrix before elimination is that of the last system.
    """

    matrix: PETSc.Mat
    rhs: PETSc.Vec
    reference: float
    lift: compat.fem.Function
    fixed: NDArray[np.int32]
    same: bool = False

    def destroy(self) -> None:
        """Free the matrix and the right-hand side; *collective*."""
        self.matrix.destroy()
        self.rhs.destroy()


def assemble(
    space: compat.fem.FunctionSpace,
    sigma: compat.fem.Function,
    electrodes: tuple[ScaledElectrode, ScaledElectrode],
    electrode_degree: int | None = None,
) -> LinearSystem:
    """Assemble the scaled conduction problem; *collective*.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        Space of the potential.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell.
    electrodes : pair of ScaledElectrode
        Bottom and top.
    electrode_degree : int, optional
        Degree of the quadrature on resistive electrodes: 1 is the midpoint rule, None integrates exactly.

    Returns
    -------
    LinearSystem
        The eliminated system.
    """
    return Assembler(space, sigma, electrode_degree).system(electrodes)


class Assembler:
    """Forms and matrix of one space, kept for further systems on it; arguments are those of `assemble`.

    Systems share one matrix: a new one overwrites that of the last. With `many` the matrix before elimination
    is kept too; as long as conductivities and resistive electrodes stay as they are it serves again.

    Attributes
    ----------
    made : int
        How often the matrix before elimination has been made.
    """

    def __init__(
        self,
        space: compat.fem.FunctionSpace,
        sigma: compat.fem.Function,
        electrode_degree: int | None = None,
        many: bool = False,
    ):
        self._space, self._sigma, self._degree, self._many = space, sigma, electrode_degree, many
        self._forms: dict[tuple[int, ...], _Forms] = {}
        self._matrix: PETSc.Mat | None = None
        self._whole: PETSc.Mat | None = None
        self._content: tuple | None = None
        self._node_dofs: NDArray[np.int32] | None = None
        self._fixed = np.zeros(0, dtype=np.int32)
        self.made = 0

    def system(self, electrodes: tuple[ScaledElectrode, ScaledElectrode]) -> LinearSystem:
        """Return the system with the conductivities as they are and these electrodes; *collective*."""
        resistive = resistive_electrodes(electrodes)
        ideal = [e for e in electrodes if e.ideal]
        start = self._potentials(resistive.values())[0] if resistive else None
        lift, fixed = self._potentials(ideal)
        forms_ = self._prepared(resistive)
        same = self._assembled(forms_, resistive)
        rhs = compat.create_vector(self._space)
        if resistive:
            compat.fem.petsc.assemble_vector(rhs, forms_.rhs)
        rhs.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        _subtract_product(self._whole, lift, rhs)
        owned = fixed[fixed < rhs.getLocalSize()]
        rhs.array[owned] = 0.0
        matrix = self._eliminated(owned, same)
        return LinearSystem(matrix, rhs, _reference(matrix, rhs, start), lift, fixed, same)

    def around(self, dofs: NDArray[np.bool_], layers: int) -> NDArray[np.bool_]:
        """Return (n_owned,) which dofs are up to so many layers of cells away from some; *collective*.

        Parameters
        ----------
        dofs : (n_owned,) bool array
            Those some, which count too.
        layers : int
            How many.
        """
        reached, product = self._whole.createVecs()
        # entries of one row may cancel where all values are the same
        values = 1.0 + np.sqrt(np.arange(1.0, len(dofs) + 1.0)) % 1.0
        found = dofs.copy()
        for _ in range(layers):
            reached.array[:] = np.where(found, values, 0.0)
            self._whole.mult(reached, product)
            found |= product.array_r != 0.0
        reached.destroy()
        product.destroy()
        return found

    def beside(self, fixed: NDArray[np.int32]) -> PETSc.Mat | None:
        """Return the matrix between free dofs and fixed ones, without rows of zeros; *collective*.

        None with resistive electrodes, where currents enter at free dofs too.

        Parameters
        ----------
        fixed : int array
            Local dofs, ghosts among them.
        """
        if self._content is None or self._content[0]:
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

    def _eliminated(self, fixed: NDArray[np.int32], same: bool) -> PETSc.Mat:
        """Return the matrix with unit rows at owned dofs; where more are fixed than were, these are added."""
        if self._matrix is None:
            self._matrix = self._whole.duplicate() if self._many else self._whole
        matrix = self._matrix
        is_fixed = np.zeros(matrix.getLocalSize()[0], dtype=bool)
        is_fixed[fixed] = True
        if self._many:
            more = same and bool(is_fixed[self._fixed].all())
            if self._space.mesh.comm.allreduce(more, MPI.LAND):
                is_fixed[self._fixed] = False
            else:
                self._whole.copy(matrix, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
            self._fixed = fixed
        first = matrix.getOwnershipRange()[0]
        matrix.zeroRowsColumns((np.flatnonzero(is_fixed) + first).astype(PETSc.IntType))
        return matrix

    def _potentials(
        self, electrodes: Iterable[ScaledElectrode]
    ) -> tuple[compat.fem.Function, NDArray[np.int32]]:
        """Return a function that is zero but for the metals' potentials on the electrodes; and dofs there."""
        function = compat.fem.Function(self._space)
        is_fixed = np.zeros(len(function.x.array), dtype=bool)
        for electrode in electrodes:
            dofs = self._dofs(electrode)
            is_fixed[dofs] = True
            function.x.array[dofs] = electrode.potential
        return function, np.flatnonzero(is_fixed).astype(np.int32)

    def _dofs(self, electrode: ScaledElectrode) -> NDArray[np.int32]:
        """Return the dofs an electrode covers; of many that reach into the mesh faster than by itself."""
        space = self._space
        if electrode.inside is None or any(len(at) > 1 for at in compat.dof_vertices(space).values()):
            return electrode.dofs(space)
        if self._node_dofs is None:
            self._node_dofs = compat.node_dofs(self._space)
        return self._node_dofs[electrode.inside]

    def _prepared(self, resistive: dict[int, ScaledElectrode]) -> _Forms:
        """Return the forms for these resistive electrodes, their numbers put in, and see to the matrices."""
        key = tuple(resistive)
        if key not in self._forms:
            self._forms[key] = _forms(self._space, self._sigma, resistive, self._degree)
        forms_ = self._forms[key]
        for tag, electrode in resistive.items():
            forms_.kappa[tag].value, forms_.potential[tag].value = electrode.kappa, electrode.potential
        if self._whole is None:
            self._whole = compat.fem.petsc.create_matrix(forms_.matrix)
            self._whole.setOption(PETSc.Mat.Option.SPD, True)
            self._whole.setOption(PETSc.Mat.Option.KEEP_NONZERO_PATTERN, True)
        return forms_

    def _assembled(self, forms_: _Forms, resistive: dict[int, ScaledElectrode]) -> bool:
        """See to it that the matrix before elimination is up to date; return whether it was; *collective*."""
        if self._many:
            kappas = {tag: electrode.kappa for tag, electrode in resistive.items()}
            values = self._sigma.x.array
            same = self._content is not None and (
                self._content[0] == kappas and np.array_equal(self._content[1], values)
            )
            if self._space.mesh.comm.allreduce(same, MPI.LAND):
                return True
            self._content = (kappas, values.copy())
        self.made += 1
        self._whole.zeroEntries()
        compat.fem.petsc.assemble_matrix(self._whole, forms_.matrix)
        self._whole.assemble()
        return False


@dataclass(frozen=True)
class _Forms:
    """Compiled forms, and the constants of the resistive electrodes in them, by tag."""

    matrix: object
    rhs: object
    kappa: dict[int, compat.fem.Constant]
    potential: dict[int, compat.fem.Constant]


def _forms(
    space: compat.fem.FunctionSpace,
    sigma: compat.fem.Function,
    resistive: dict[int, ScaledElectrode],
    degree: int | None,
) -> _Forms:
    """Compile the forms of matrix and right-hand side; *collective*."""
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    matrix = forms.conduction(sigma, u, v)
    rhs = compat.constant(space.mesh, 0.0) * v * ufl.dx
    kappa, potential = ({tag: compat.constant(space.mesh, 0.0) for tag in resistive} for _ in range(2))
    if resistive:
        ds = resistive_measure(space.mesh, resistive, degree)
        for tag in resistive:
            matrix += forms.exchange(kappa[tag], u, v, ds(tag))
            rhs += forms.drive(kappa[tag], potential[tag], v, ds(tag))
    return _Forms(compat.fem.form(matrix), compat.fem.form(rhs), kappa, potential)


def power(
    phi: compat.fem.Function,
    sigma: compat.fem.Function,
    electrodes: tuple[ScaledElectrode, ScaledElectrode],
    electrode_degree: int | None = None,
) -> float:
    """Return ∫ σ|∇φ|² dx + Σ ∫ κ(φ − V)² ds, the power dissipated in cell and electrodes; *collective*.

    Parameters
    ----------
    phi, sigma : dolfinx.fem.Function
        Scaled potential, which has the electrodes' potentials at ideal ones, and conductivity.
    electrodes : pair of ScaledElectrode
        Bottom and top.
    electrode_degree : int, optional
        As for `assemble`.

    Returns
    -------
    float
        The minimum over φ is the scaled conductance, the potentials of the electrodes being 1 apart.
    """
    domain = phi.function_space.mesh
    form = forms.conduction(sigma, phi, phi)
    resistive = resistive_electrodes(electrodes)
    if resistive:
        ds = resistive_measure(domain, resistive, electrode_degree)
        for tag, electrode in resistive.items():
            kappa, potential = (compat.constant(domain, x) for x in (electrode.kappa, electrode.potential))
            form += forms.exchange(kappa, phi - potential, phi - potential, ds(tag))
    return float(domain.comm.allreduce(compat.fem.assemble_scalar(compat.fem.form(form))))


def resistive_electrodes(electrodes: tuple[ScaledElectrode, ScaledElectrode]) -> dict[int, ScaledElectrode]:
    """Return the electrodes that are not ideal contacts, by tag."""
    return {tag: e for tag, e in zip((_BOTTOM, _TOP), electrodes, strict=True) if e.kappa is not None}


def resistive_measure(
    domain: compat.mesh.Mesh, resistive: dict[int, ScaledElectrode], degree: int | None
) -> ufl.Measure:
    """Return the boundary measure with the resistive electrodes' facets under their tags; *collective*.

    `degree` is as for `facet_measure`.
    """
    return facet_measure(domain, {tag: plane_facets(domain, e.z) for tag, e in resistive.items()}, degree)


def _subtract_product(matrix: PETSc.Mat, function: compat.fem.Function, vector: PETSc.Vec) -> None:
    """Subtract the product of a matrix and a function's values from a vector; *collective*."""
    values, product = vector.duplicate(), vector.duplicate()
    values.array[:] = function.x.array[: values.getLocalSize()]
    matrix.mult(values, product)
    vector.axpy(-1.0, product)
    values.destroy()
    product.destroy()


def _reference(matrix: PETSc.Mat, rhs: PETSc.Vec, start: compat.fem.Function | None) -> float:
    """Return ‖b − A u₀‖; *collective*."""
    if start is None:
        return rhs.norm()
    residual = rhs.copy()
    _subtract_product(matrix, start, residual)
    norm = residual.norm()
    residual.destroy()
    return norm
