"""Nodal currents of the electrolyte alone: those of all cells, except where the electrolyte ends.

A node that only cells of the electrolyte touch has the same current either way, and one that none touches has
none. So cells count that touch a node of both kinds, a small share of all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbflux.conduction import compat
from gbflux.conduction.planes import touched_dofs


class Ends:
    """Nodes and cells where the electrolyte ends; *collective*, as are its methods.

    Parameters
    ----------
    hats : dolfinx.fem.FunctionSpace
        P1 on the mesh.
    node_dofs : (n_nodes,) int32 array
        Dof of `hats` at each local geometry node.
    in_electrolyte : (m_local,) bool array
        True for the local cells of the electrolyte.
    """

    def __init__(
        self,
        hats: compat.fem.FunctionSpace,
        node_dofs: NDArray[np.int32],
        in_electrolyte: NDArray[np.bool_],
    ):
        touched, other = (touched_dofs(hats, cells) for cells in (in_electrolyte, ~in_electrolyte))
        self._none, self._both = ~touched[node_dofs], (touched & other)[node_dofs]
        self._cells = in_electrolyte & (touched & other)[compat.vertex_dofs(hats)].any(axis=1)
        self.anywhere = hats.mesh.comm.allreduce(bool(other.any()), MPI.LOR)

    def electrolyte(
        self,
        whole: NDArray[np.float64],
        sigma: NDArray[np.float64],
        entering: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Return (n_nodes,) currents of the electrolyte.

        Parameters
        ----------
        whole : (n_nodes,) float64 array
            Nodal currents of all cells.
        sigma : (m_local,) float64 array
            Conductivity of the local cells.
        entering : callable
            Takes conductivities and returns nodal currents; zero leaves a cell out.
        """
        currents = np.where(self._none, 0.0, whole)
        currents[self._both] = entering(np.where(self._cells, sigma, 0.0))[self._both]
        return currents
