"""The energy that a solution lacks, estimated by the recovered current density.

The current density of linear elements is constant in each cell. The recovered one is continuous in each
region and linear in each cell, its nodal values the means over the cells around the nodes, weighted with
their volumes: O. C. Zienkiewicz, J. Z. Zhu, Int. J. Numer. Methods Eng. 24 (1987) 337,
doi:10.1002/nme.1620240206. It is nearer to the true one, so that ∫ |J − J_recovered|²/σ estimates the error
∫ σ|∇(φ − φ_h)|². Between grains and layers the current density jumps; as each region owns its nodes, means
are not taken across.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.mesh import CellKind, Mesh, contiguous_slice, is_kind


def lacking_energy(
    mesh: Mesh, fields: Fields, volume: NDArray[np.float64], kinds: Sequence[CellKind]
) -> NDArray[np.float64]:
    """∫ |J − J_recovered|²/σ in each cell of some kinds, means taken among these; zero in the others.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
    volume : (m,) float64 array
        Of the cells (µm³; in 2D µm²).
    kinds : sequence of CellKind

    Returns
    -------
    (m,) array
        In the unit of |J|²·volume/σ, as `energy` is.
    """
    cells = contiguous_slice(is_kind(mesh.kind, kinds))
    corners, v = mesh.cells[cells], volume[cells]
    around = sum(np.bincount(corner, v, len(mesh.points)) for corner in corners.T)
    around[around == 0] = 1.0
    d = mesh.dimension
    square = np.zeros(len(corners))
    for j in np.ascontiguousarray(fields.j[cells].T):
        weighted = v * j
        mean = sum(np.bincount(corner, weighted, len(around)) for corner in corners.T) / around
        off = [mean.take(corner) - j for corner in corners.T]
        # the mean square of a linear function with the values x at its d + 1 corners is
        # (Σ x² + (Σ x)²)/((d + 1)(d + 2))
        square += sum(x * x for x in off) + sum(off) ** 2
    found = np.zeros(len(volume))
    found[cells] = square * v / ((d + 1) * (d + 2) * fields.sigma[cells])
    return found


def energy(fields: Fields, volume: NDArray[np.float64]) -> NDArray[np.float64]:
    """∫ |J|²/σ in each cell, (m,)."""
    return np.einsum("ci,ci->c", fields.j, fields.j) * volume / fields.sigma
