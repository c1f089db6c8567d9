"""Electrode planes of the distributed mesh, told by exact coordinates: their facets and dofs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import ufl
from numpy.typing import NDArray

from gbflux.conduction import compat


def plane_facets(domain: compat.mesh.Mesh, z: float) -> NDArray[np.int32]:
    """Return the boundary facets whose vertices all have exactly the last coordinate `z`; *collective*."""
    tdim = domain.topology.dim
    domain.topology.create_connectivity(tdim - 1, tdim)
    return np.sort(compat.mesh.locate_entities_boundary(domain, tdim - 1, lambda x: x[tdim - 1] == z))


def facet_measure(
    domain: compat.mesh.Mesh, facets: Mapping[int, NDArray[np.int32]], degree: int | None = None
) -> ufl.Measure:
    """Return the boundary measure whose subdomain `tag` is the facets listed under it (none twice).

    `degree` is that of the quadrature: 1 is the midpoint rule, None integrates exactly.
    """
    indices = np.concatenate(list(facets.values()))
    values = np.repeat(list(facets), [len(group) for group in facets.values()])
    order = np.argsort(indices)
    tags = compat.mesh.meshtags(
        domain, domain.topology.dim - 1, indices[order].astype(np.int32), values[order].astype(np.int32)
    )
    metadata = {} if degree is None else {"quadrature_degree": degree}
    return ufl.Measure("ds", domain=domain, subdomain_data=tags, metadata=metadata)


def plane_nodes(domain: compat.mesh.Mesh, z: float) -> NDArray[np.bool_]:
    """Return (n_nodes,) which local geometry nodes have exactly the last coordinate `z` (µm)."""
    return domain.geometry.x[:, domain.topology.dim - 1] == z


def covered_dofs(space: compat.fem.FunctionSpace, nodes: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the dofs, ghosts included, of the vertices, edges and facets that have all their nodes chosen.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        A scalar space with at most one dof on each vertex, edge and facet.
    nodes : (n_nodes,) bool array
        The chosen ones of the local geometry nodes, the same on all ranks that share them.
    """
    cell_nodes = compat.cell_nodes(space.mesh)
    touched = np.flatnonzero(np.logical_or.reduce([nodes[column] for column in cell_nodes.T]))
    chosen, dofs = nodes[cell_nodes[touched]], compat.cell_dofs(space)[touched]
    index_map = space.dofmap.index_map
    found = np.zeros(index_map.size_local + index_map.num_ghosts, dtype=bool)
    for column, vertices in compat.dof_vertices(space).items():
        found[dofs[np.logical_and.reduce([chosen[:, vertex] for vertex in vertices]), column]] = True
    return np.flatnonzero(found).astype(np.int32)


def plane_dofs(space: compat.fem.FunctionSpace, z: float) -> NDArray[np.int32]:
    """Return the dofs, ghosts included, at exactly the last coordinate `z` (µm); see `covered_dofs`."""
    return covered_dofs(space, plane_nodes(space.mesh, z))
