"""The power of a potential, and where the gap between the two bounds on it lies, cell by cell."""

from __future__ import annotations

import numpy as np
import ufl
from numpy.typing import NDArray

from gbflux.conduction import compat, forms
from gbflux.conduction.system import Electrodes


def power(phi: compat.fem.Function, sigma: compat.fem.Function, electrodes: Electrodes) -> float:
    """Return ∫ σ|∇φ|² dx + Σ ∫ κ(φ − V)² ds, the power dissipated in cell and electrodes; *collective*.

    Parameters
    ----------
    phi, sigma : dolfinx.fem.Function
        Scaled potential, which has the electrodes' potentials at ideal ones, and conductivity, zero beyond
        electrodes.
    electrodes : pair of ScaledElectrode
        Bottom and top. With `phi` of Crouzeix–Raviart elements the midpoint rule holds there.

    Returns
    -------
    float
        The minimum over φ is the scaled conductance, the potentials of the electrodes being 1 apart.
    """
    space = phi.function_space
    found = compat.fem.assemble_scalar(compat.fem.form(forms.conduction(sigma, phi, phi)))
    for electrode in electrodes:
        if electrode.kappa is not None:
            facets = electrode.facets(space)
            drop = facets.at_points(phi.x.array) - electrode.potential
            found += electrode.kappa * facets.integral(drop**2)
    return float(space.mesh.comm.allreduce(found))


def gap_by_cell(
    phi: compat.fem.Function, v: compat.fem.Function, sigma: compat.fem.Function, electrodes: Electrodes
) -> NDArray[np.float64]:
    """Return ∫_K σ|∇(φ − v)|² dx + Σ_F ∫_F κ(φ − v(centre of F))² ds of each local cell K; *collective*.

    Parameters
    ----------
    phi, v : dolfinx.fem.Function
        Scaled potentials of Lagrange elements and of Crouzeix–Raviart's.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell, zero beyond electrodes.
    electrodes : pair of ScaledElectrode
        Bottom and top.

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
            off = facets.at_points(phi.x.array) - centres.at_points(v.x.array)
            gap[facets.cells] += electrode.kappa * np.sum(facets.weights * off**2, axis=1)
    return gap
