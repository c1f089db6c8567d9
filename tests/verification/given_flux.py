"""Potentials that are known, driven by their own flux: 0 V on one plane, the exact flux on every other side.

The finite elements are linear and assembled here, on any layered mesh; what they are for is the plane, whose
reactions then carry its own current alone, at its rim too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc
from scipy.sparse import coo_matrix

from gbflux.conduction import Fields
from gbflux.mesh import Mesh
from meshes_by_hand import volumes

Array = NDArray[np.float64]
#: A density in results over that of `flow`, for each lateral direction: lengths are micrometres here.
PER_M = 1.0e6
POINTS = 8  # of Gauss and Legendre along a facet's edges


def grounded_plane(mesh: Mesh, sigma: Array, plane: float, flow: Callable[[Array], Array]) -> Fields:
    """Solve ∇·σ∇φ = 0 with φ = 0 at z = `plane` and a given normal flow on all other sides.

    Currents come in the unit of `flow` times µm^(d − 1), see `PER_M`.

    Parameters
    ----------
    mesh : Mesh
    sigma : (m,) array
        Of each cell.
    plane : float
        Where the potential is 0 (µm).
    flow : function
        (n, d) points (µm) to the exact σ∇φ there, (n, d); its normal part enters.

    Returns
    -------
    Fields
        φ and reactions; J is left out (zeros).
    """
    matrix = _stiffness(mesh, sigma)
    load = _load(mesh, plane, flow)
    free = mesh.points[:, -1] != plane
    phi = np.zeros(len(mesh.points))
    phi[free] = _solved(matrix[free][:, free].tocsr(), load[free])
    reaction = matrix @ phi - load
    residual = np.where(free, 0.0, reaction)
    return Fields(phi, np.zeros((len(mesh.cells), mesh.dimension)), sigma, residual, residual)


def _stiffness(mesh: Mesh, sigma: Array):
    """∫ σ∇λ_i·∇λ_j."""
    edges = mesh.points[mesh.cells[:, 1:]] - mesh.points[mesh.cells[:, :1]]
    gradient = np.linalg.inv(edges).transpose(0, 2, 1)
    gradient = np.concatenate([-gradient.sum(axis=1, keepdims=True), gradient], axis=1)
    local = np.einsum("m,mik,mjk->mij", sigma * volumes(mesh), gradient, gradient)
    width, count = mesh.cells.shape[1], len(mesh.points)
    rows = np.repeat(mesh.cells, width, axis=1).ravel()
    columns = np.tile(mesh.cells, (1, width)).ravel()
    return coo_matrix((local.ravel(), (rows, columns)), shape=(count, count)).tocsr()


def _load(mesh: Mesh, plane: float, flow: Callable[[Array], Array]) -> Array:
    """∫ flow·n λ_i over all outer facets but those in the plane."""
    facets, inner = _outer_facets(mesh.cells)
    sides = ~(mesh.points[facets, -1] == plane).all(axis=1)
    facets, inner = facets[sides], inner[sides]
    corners = mesh.points[facets]
    normal = _normals(corners, mesh.points[inner])
    barycentric, weight = _quadrature(mesh.dimension)
    load = np.zeros(len(mesh.points))
    for shares, part in zip(barycentric, weight, strict=True):
        entering = part * (flow(np.einsum("a,fak->fk", shares, corners)) * normal).sum(axis=1)
        load += np.bincount(facets.ravel(), np.outer(entering, shares).ravel(), minlength=len(load))
    return load


def _outer_facets(cells: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Facets of one cell alone, and the corner of the cell opposite to each."""
    width = cells.shape[1]
    facets = np.concatenate([np.delete(cells, i, axis=1) for i in range(width)])
    opposite = cells.T.ravel()
    _, first, count = np.unique(np.sort(facets, axis=1), axis=0, return_index=True, return_counts=True)
    outer = first[count == 1]
    return facets[outer], opposite[outer]


def _normals(corners: Array, inner: Array) -> Array:
    """Outward normals as long as the facets' areas (2D: lengths)."""
    edge = corners[:, 1:] - corners[:, :1]
    if corners.shape[1] == 2:
        normal = edge[:, 0, ::-1] * [1.0, -1.0]
    else:
        normal = np.cross(edge[:, 0], edge[:, 1]) / 2.0
    inwards = np.einsum("fk,fk->f", normal, inner - corners[:, 0]) > 0
    return np.where(inwards[:, None], -normal, normal)


def _quadrature(dimension: int) -> tuple[Array, Array]:
    """Barycentric points of a facet and their weights, of sum 1."""
    x, w = np.polynomial.legendre.leggauss(POINTS)
    x, w = (x + 1.0) / 2.0, w / 2.0
    if dimension == 2:
        return np.stack([1.0 - x, x], axis=1), w
    u, v = (a.ravel() for a in np.meshgrid(x, x, indexing="ij"))
    weight = 2.0 * np.outer(w, w).ravel() * (1.0 - u)
    return np.stack([u, (1.0 - u) * v, (1.0 - u) * (1.0 - v)], axis=1), weight


def _solved(matrix, load: Array) -> Array:
    """Solve by conjugate gradients to 1e-12."""
    a = PETSc.Mat().createAIJ(matrix.shape, csr=(matrix.indptr, matrix.indices, matrix.data))
    b, x = a.createVecs()
    b.array[:] = load
    ksp = PETSc.KSP().create(a.comm)
    ksp.setType("cg")
    ksp.setTolerances(rtol=1.0e-12, max_it=2000)
    ksp.getPC().setType("hypre")
    ksp.setOperators(a)
    ksp.solve(b, x)
    if ksp.getConvergedReason() <= 0:
        raise RuntimeError(f"given flux: conjugate gradients must converge; got {ksp.getConvergedReason()}.")
    return x.array.copy()
