"""Where the gap between the two bounds on the conductance lies, cell by cell."""

from __future__ import annotations

import numpy as np
import ufl
from numpy.typing import NDArray

from gbflux.conduction import compat, forms
from gbflux.conduction.system import MIDPOINT, ScaledElectrode, resistive_electrodes, resistive_measure


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
    parts = [forms.conduction(w * sigma, phi - v, phi - v)]
    resistive = resistive_electrodes(electrodes)
    if resistive:
        exact, middle = (resistive_measure(space.mesh, resistive, degree) for degree in (None, MIDPOINT))
    for tag, electrode in resistive.items():
        # ∫ (φ − c)² = |F| (φ(centre) − c)² + ∫ φ² − |F| φ(centre)², φ linear; one rule of quadrature a form
        kappa = w * compat.constant(space.mesh, electrode.kappa)
        parts.append(forms.exchange(kappa, phi - v, phi - v, middle(tag)))
        parts.append(-forms.exchange(kappa, phi, phi, middle(tag)))
        parts.append(forms.exchange(kappa, phi, phi, exact(tag)))
    gap = np.zeros(len(compat.cell_dofs(space)))
    for part in parts:
        vector = compat.fem.petsc.assemble_vector(compat.fem.form(part))
        gap += vector.array_r[compat.cell_dofs(space)[:, 0]]
        vector.destroy()
    return gap
