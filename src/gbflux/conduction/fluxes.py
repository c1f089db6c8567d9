"""What is measured on a solved potential: nodal currents and cell currents, in scaled quantities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import ufl
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat, forms


class NodalCurrents:
    """The currents ∫ σ∇φ·∇λ_i dx of a potential through the P1 hats λ_i of the mesh points.

    Attributes
    ----------
    phi : dolfinx.fem.Function
        The scaled potential; its values may change between calls.
    cells, hats : dolfinx.fem.FunctionSpace
        DG0 and P1 on its mesh; for what is left of the equations of order 2, P2 in place of P1.
    """

    def __init__(
        self, phi: compat.fem.Function, cells: compat.fem.FunctionSpace, hats: compat.fem.FunctionSpace
    ):
        self.phi = phi
        self._sigma = compat.fem.Function(cells)
        self.hats = hats
        self.node_dofs = compat.node_dofs(hats)
        self._form = compat.fem.form(forms.conduction(self._sigma, phi, ufl.TestFunction(self.hats)))

    def at_nodes(self, sigma: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n_nodes,) currents at the local geometry nodes, summed over all ranks; *collective*.

        Parameters
        ----------
        sigma : (m_local,) float64 array
            Conductivity of the local cells; zero leaves a cell out.
        """
        vector = self.by_dof(sigma)
        vector.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
        with vector.localForm() as local:
            values = local.array_r[self.node_dofs]
        vector.destroy()
        return values

    def through(self, sigma: NDArray[np.float64]) -> float:
        """Return the current through the cell, half the sum of all |currents|, on every rank; *collective*.

        What enters at one electrode leaves at the other, and elsewhere nothing does.
        """
        vector = self.by_dof(sigma)
        total = vector.norm(PETSc.NormType.NORM_1)
        vector.destroy()
        return 0.5 * total

    def entering(self, sigma: NDArray[np.float64], dofs: Sequence[NDArray[np.int32]]) -> tuple[float, ...]:
        """Return the currents that enter through sets of dofs of `hats`, ghosts among them; *collective*."""
        vector = self.by_dof(sigma)
        owned, comm = vector.array, self.hats.mesh.comm
        sums = tuple(float(comm.allreduce(float(owned[own[own < len(owned)]].sum()))) for own in dofs)
        vector.destroy()
        return sums

    def by_dof(self, sigma: NDArray[np.float64]) -> PETSc.Vec:
        """Return the vector of currents, complete at the dofs each rank owns; *collective*."""
        set_cell_values(self._sigma, sigma)
        vector = compat.fem.petsc.assemble_vector(self._form)
        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        return vector


def set_cell_values(function: compat.fem.Function, values: NDArray[np.float64]) -> None:
    """Give a function that is constant in each cell the values of the local cells."""
    function.x.array[compat.cell_dofs(function.function_space)[:, 0]] = values


def cell_values(function: compat.fem.Function) -> NDArray[np.float64]:
    """Return (m_local,) values of a function that is constant in each cell."""
    return function.x.array[compat.cell_dofs(function.function_space)[:, 0]]


class CellCurrents:
    """Cell means of −σ∇φ; the values of both functions may change between calls.

    Parameters
    ----------
    sigma, phi : dolfinx.fem.Function
        Scaled conductivity, constant in each cell, and potential.
    """

    def __init__(self, sigma: compat.fem.Function, phi: compat.fem.Function):
        self._at_midpoints = compat.MidpointValues(forms.current_density(sigma, phi), phi.function_space.mesh)

    def __call__(self) -> NDArray[np.float64]:
        """Return (m_local, dimension) currents.

        The gradient is linear at most (order 2), so its value at the midpoint is its mean.
        """
        return self._at_midpoints()
