"""The power of a potential, and where the gap between the two bounds on it lies, cell by cell."""

from __future__ import annotations

import numpy as np
import ufl
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat, forms
from gbflux.conduction.system import Electrodes

#: Values of a potential, and of the metal's potential where it touches electrodes, at the local unknowns.
Applied = tuple[NDArray[np.float64], NDArray[np.float64]]


class Power:
    """∫ σ|∇φ|² dx + Σ ∫ κ(φ − h)² ds of potentials in one space, h that of the metal; *collective*.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        Lagrange elements; or Crouzeix–Raviart's, where the midpoint rule holds at electrodes.
    sigma : dolfinx.fem.Function
        Scaled conductivity, zero beyond electrodes.
    electrodes : pair of ScaledElectrode
        Bottom and top; their potentials are not looked at.
    """

    def __init__(self, space: compat.fem.FunctionSpace, sigma: compat.fem.Function, electrodes: Electrodes):
        self._space = space
        self._first, self._second = (compat.fem.Function(space) for _ in range(2))
        self._mutual = compat.fem.form(forms.conduction(sigma, self._first, self._second))
        self._currents = compat.fem.form(forms.conduction(sigma, self._first, ufl.TestFunction(space)))
        facets = [(electrode, electrode.facets(space)) for electrode in electrodes]
        self._plane = np.concatenate([at.plane for _, at in facets])
        self._exchanges = [(e.kappa, at) for e, at in facets if e.kappa is not None]

    def applied(self, metal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n_local,) the metal's potential at unknowns on electrodes, zero elsewhere.

        That is its mean at the vertices of each unknown's vertex, edge or facet.

        Parameters
        ----------
        metal : (n_nodes,) float64 array
            Its potential at the local geometry nodes of the electrodes, linear in between.
        """
        nodes, dofs = compat.cell_nodes(self._space.mesh), compat.cell_dofs(self._space)
        means = np.zeros(len(self._first.x.array))
        for column, vertices in compat.dof_vertices(self._space).items():
            means[dofs[:, column]] = metal[nodes[:, vertices]].mean(axis=1)
        found = np.zeros(len(means))
        found[self._plane] = means[self._plane]
        return found

    def load(self, applied: NDArray[np.float64], fixed: NDArray[np.integer]) -> PETSc.Vec:
        """Return the right-hand side of the minimum, zero at the `fixed` unknowns, which have `applied`."""
        self._first.x.array[:] = 0.0
        self._first.x.array[fixed] = applied[fixed]
        rhs = compat.fem.petsc.assemble_vector(self._currents)
        with rhs.localForm() as local:
            local.scale(-1.0)  # ghosts too: they are not summed yet
            for kappa, facets in self._exchanges:
                local.array[:] += facets.load(kappa * facets.at_points(applied))
        rhs.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        rhs.array[fixed[fixed < rhs.getLocalSize()]] = 0.0
        return rhs

    def mutual(self, first: Applied, second: Applied) -> float:
        """Return ∫ σ∇φ·∇ψ dx + Σ ∫ κ(φ − h)(ψ − k) ds of φ, h and ψ, k."""
        self._first.x.array[:], self._second.x.array[:] = first[0], second[0]
        found = compat.fem.assemble_scalar(self._mutual)
        for kappa, facets in self._exchanges:
            drops = [facets.at_points(values - applied) for values, applied in (first, second)]
            found += kappa * facets.integral(drops[0] * drops[1])
        return float(self._space.mesh.comm.allreduce(found))


def gap_by_cell(
    phi: compat.fem.Function,
    v: compat.fem.Function,
    sigma: compat.fem.Function,
    electrodes: Electrodes,
    applied: Applied,
) -> NDArray[np.float64]:
    """Return ∫_K σ|∇(φ − v)|² dx + Σ_F ∫_F κ(φ − h − (v − h)(centre of F))² ds of each local cell K.

    *Collective*.

    Parameters
    ----------
    phi, v : dolfinx.fem.Function
        Scaled potentials of Lagrange elements and of Crouzeix–Raviart's.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell, zero beyond electrodes.
    electrodes : pair of ScaledElectrode
        Bottom and top; their potentials are not looked at.
    applied : pair of (n_local,) float64 arrays
        h, the metal's potential at the unknowns of `phi` and of `v` on electrodes.

    Returns
    -------
    (m_local,) float64 array
    """
    space = sigma.function_space
    form = forms.conduction(ufl.TestFunction(space) * sigma, phi - v, phi - v)
    vector = compat.fem.petsc.assemble_vector(compat.fem.form(form))
    gap = vector.array_r[compat.cell_dofs(space)[:, 0]]
    vector.destroy()
    for electrode in electrodes:
        if electrode.kappa is not None:
            facets, centres = (electrode.facets(one.function_space) for one in (phi, v))
            off = facets.at_points(phi.x.array - applied[0]) - centres.at_points(v.x.array - applied[1])
            gap[facets.cells] += electrode.kappa * np.sum(facets.weights * off**2, axis=1)
    return gap
