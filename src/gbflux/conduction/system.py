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
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat, forms
from gbflux.conduction.planes import facet_measure, plane_dofs, plane_facets

_BOTTOM, _TOP = 1, 2


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
    nonlinear : bool
        Whether its current is left to `newton`: to this system it is a wall.
    """

    z: float
    potential: float
    kappa: float | None
    nonlinear: bool = False


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
    """

    matrix: PETSc.Mat
    rhs: PETSc.Vec
    reference: float
    lift: compat.fem.Function

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
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    matrix_form = forms.conduction(sigma, u, v)
    zero = compat.constant(space.mesh, 0.0)
    rhs_form = zero * v * ufl.dx
    resistive = _resistive(electrodes)
    if resistive:
        ds = _resistive_measure(space.mesh, resistive, electrode_degree)
        for tag, electrode in resistive.items():
            kappa, potential = (
                compat.constant(space.mesh, x) for x in (electrode.kappa, electrode.potential)
            )
            matrix_form += forms.exchange(kappa, u, v, ds(tag))
            rhs_form += forms.drive(kappa, potential, v, ds(tag))

    ideal = [e for e in electrodes if e.kappa is None and not e.nonlinear]
    lift = _electrode_potentials(space, ideal)
    fixed = [plane_dofs(space, e.z) for e in ideal]
    conditions = [
        compat.fem.dirichletbc(PETSc.ScalarType(e.potential), dofs, space)
        for e, dofs in zip(ideal, fixed, strict=True)
    ]
    eliminated = np.concatenate([np.zeros(0, np.int32), *fixed])
    matrix, rhs = _eliminated(matrix_form, rhs_form, conditions, eliminated)
    start = _electrode_potentials(space, resistive.values()) if resistive else None
    return LinearSystem(matrix, rhs, _reference(matrix, rhs, start), lift)


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
    resistive = _resistive(electrodes)
    if resistive:
        ds = _resistive_measure(domain, resistive, electrode_degree)
        for tag, electrode in resistive.items():
            kappa, potential = (compat.constant(domain, x) for x in (electrode.kappa, electrode.potential))
            form += forms.exchange(kappa, phi - potential, phi - potential, ds(tag))
    return float(domain.comm.allreduce(compat.fem.assemble_scalar(compat.fem.form(form))))


def _resistive(electrodes: tuple[ScaledElectrode, ScaledElectrode]) -> dict[int, ScaledElectrode]:
    """Return the electrodes that are not ideal contacts, by tag."""
    return {tag: e for tag, e in zip((_BOTTOM, _TOP), electrodes, strict=True) if e.kappa is not None}


def _resistive_measure(
    domain: compat.mesh.Mesh, resistive: dict[int, ScaledElectrode], degree: int | None
) -> ufl.Measure:
    """Return the boundary measure with the resistive electrodes' facets under their tags; *collective*."""
    return facet_measure(domain, {tag: plane_facets(domain, e.z) for tag, e in resistive.items()}, degree)


def _electrode_potentials(
    space: compat.fem.FunctionSpace, electrodes: Iterable[ScaledElectrode]
) -> compat.fem.Function:
    """Return a function that is zero but for the metals' potentials on the electrodes; *collective*."""
    function = compat.fem.Function(space)
    for electrode in electrodes:
        function.x.array[plane_dofs(space, electrode.z)] = electrode.potential
    return function


def _reference(matrix: PETSc.Mat, rhs: PETSc.Vec, start: compat.fem.Function | None) -> float:
    """Return ‖b − A u₀‖; *collective*."""
    if start is None:
        return rhs.norm()
    u, residual = rhs.duplicate(), rhs.duplicate()
    u.array[:] = start.x.array[: u.getLocalSize()]
    matrix.mult(u, residual)
    residual.aypx(-1.0, rhs)
    norm = residual.norm()
    u.destroy()
    residual.destroy()
    return norm


def _eliminated(
    matrix_form: ufl.Form, rhs_form: ufl.Form, conditions: list, fixed: NDArray[np.int32]
) -> tuple[PETSc.Mat, PETSc.Vec]:
    """Assemble A with identity rows and columns at the fixed dofs, and b with zeros there."""
    petsc = compat.fem.petsc
    a, rhs_compiled = compat.fem.form(matrix_form), compat.fem.form(rhs_form)
    matrix = petsc.assemble_matrix(a, bcs=conditions)
    matrix.assemble()
    matrix.setOption(PETSc.Mat.Option.SPD, True)
    rhs = petsc.assemble_vector(rhs_compiled)
    petsc.apply_lifting(rhs, [a], [conditions])
    rhs.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
    rhs.array[fixed[fixed < rhs.getLocalSize()]] = 0.0
    return matrix, rhs
