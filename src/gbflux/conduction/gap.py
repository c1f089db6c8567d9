"""Where the gap between the two bounds on the conductance lies, cell by cell."""

from __future__ import annotations

import numpy as np
import ufl
from numpy.typing import NDArray

from gbflux.conduction import compat, forms
from gbflux.conduction.planes import facet_measure, plane_facets
from gbflux.conduction.system import ScaledElectrode

_MIDPOINT = 1


def gap_by_cell(
    phi: compat.fem.Function,
    v: compat.fem.Function,
    sigma: compat.fem.Function,
    electrodes: tuple[ScaledElectrode, ScaledElectrode],
) -> NDArray[np.float64]:
    """Return ∫_K σ|∇(φ − v)|² dx + Σ_F ∫_F κ(φ − v(centre of F))² ds of each local cell K; *collective*.

    Parameters
    ----------
    phi, v : dolfinx.fem.Function
        Scaled potentials of order 1 and of Crouzeix–Raviart; with `phi` of order 2 the electrodes' terms are
        approximate.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell.
    electrodes : pair of ScaledElectrode
        Bottom and top.

    Returns
    -------
    (m_local,) float64 array
    """
    space = sigma.function_space
    w = ufl.TestFunction(space)
    form = forms.conduction(w * sigma, phi - v, phi - v)
    for electrode in electrodes:
        if electrode.kappa is None:
            continue
        facets = {1: plane_facets(space.mesh, electrode.z)}
        exact, middle = (facet_measure(space.mesh, facets, degree)(1) for degree in (None, _MIDPOINT))
        kappa = w * compat.constant(space.mesh, electrode.kappa)
        form += forms.exchange(kappa, phi - v, phi - v, middle)
        form += forms.exchange(kappa, phi, phi, exact) - forms.exchange(kappa, phi, phi, middle)
    vector = compat.fem.petsc.assemble_vector(compat.fem.form(form))
    gap = vector.array_r[compat.cell_dofs(space)[:, 0]]
    vector.destroy()
    return gap
