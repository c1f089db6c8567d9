"""Nodes, dofs and cells of the distributed mesh by what they lie on or touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat


def plane_nodes(domain: compat.mesh.Mesh, z: float) -> NDArray[np.bool_]:
    """Return (n_nodes,) which local geometry nodes have exactly the last coordinate `z` (µm)."""
    return domain.geometry.x[:, domain.topology.dim - 1] == z


def covered_dofs(
    space: compat.fem.FunctionSpace, nodes: NDArray[np.bool_], cells: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Return (n_local,) which dofs, ghosts last, have all nodes of their vertex, edge or facet chosen.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        A scalar space with at most one dof on each vertex, edge and facet.
    nodes : (n_nodes,) bool array
        The chosen ones of the local geometry nodes, the same on all ranks that share them.
    cells : (k,) int array
        The local cells to look at.
    """
    chosen, dofs = nodes[compat.cell_nodes(space.mesh)[cells]], compat.cell_dofs(space)[cells]
    index_map = space.dofmap.index_map
    found = np.zeros(index_map.size_local + index_map.num_ghosts, dtype=bool)
    for column, vertices in compat.dof_vertices(space).items():
        found[dofs[np.logical_and.reduce([chosen[:, vertex] for vertex in vertices]), column]] = True
    return found


def touched_dofs(space: compat.fem.FunctionSpace, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (n_local,) which dofs, ghosts last, one of the chosen cells touches, on any rank; *collective*.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        A scalar space.
    cells : (m_local,) bool array
        The chosen ones of the local cells.
    """
    count = compat.create_vector(space)
    with count.localForm() as local:
        local.array[compat.cell_dofs(space)[cells].ravel()] = 1.0
    count.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
    count.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
    with count.localForm() as local:
        touched = local.array_r > 0.0
    count.destroy()
    return touched
