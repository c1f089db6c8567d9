"""Electrodes on the distributed mesh: nodes, dofs and cells they touch, and quadrature on their facets.

An electrode may lie inside the mesh. What is beyond it counts for nothing then, and its facets have a cell on
one side only: the one that has nodes it does not cover.

The rules integrate products of two shape functions exactly; for Crouzeix–Raviart elements it is the midpoint
rule. They are symmetric, so nothing depends on how a facet's vertices are numbered, and their weights are
positive, so a monotone law stays monotone. Triangles: Strang & Fix (1973), degree 2; Dunavant, Int. J. Numer.
Meth. Engng 21 (1985) 1129, doi:10.1002/nme.1620210612, degree 4.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc
from scipy.sparse import csr_array

from gbflux.conduction import compat
from gbflux.conduction.compat import FunctionSpace
from gbflux.conduction.records import Array, IntArray, Mask

#: Edges of the reference cell by their vertices, in the order in which their dofs are numbered.
_EDGES = {2: ((1, 2), (0, 2), (0, 1)), 3: ((2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1))}
#: Orbits of triangle rules: barycentric coordinate that two corners share, and weight of each of its points.
_TRIANGLE = {
    1: ((1.0 / 6.0, 1.0 / 3.0),),
    2: ((0.445948490915965, 0.223381589678011), (0.091576213509771, 0.109951743655322)),
}


@dataclass(frozen=True)
class ScaledElectrode:
    """An electrode in scaled quantities.

    Attributes
    ----------
    covered : (n_nodes,) bool array
        Local geometry nodes on its plane, and beyond it where the mesh goes on there.
    potential : float
        Scaled potential of the metal (1).
    kappa : float or None
        Scaled exchange coefficient (1/µm); None for an ideal contact, and for a nonlinear one.
    nonlinear : bool
        Whether its current is left to `newton`: to a linear system it is a wall.
    """

    covered: Mask
    potential: float
    kappa: float | None
    nonlinear: bool = False

    @property
    def ideal(self) -> bool:
        """True where the cell beside it has the potential of the metal."""
        return self.kappa is None and not self.nonlinear

    def dofs(self, space: FunctionSpace) -> IntArray:
        """Return the dofs on its plane and beyond, ghosts included."""
        nodes = compat.cell_nodes(space.mesh)
        touched = np.logical_or.reduce([self.covered[column] for column in nodes.T])
        return np.flatnonzero(covered_dofs(space, self.covered, np.flatnonzero(touched))).astype(np.int32)

    def facets(self, space: FunctionSpace) -> ElectrodeFacets:
        """Return its facets; *collective*."""
        return electrode_facets(space, self.covered)


@dataclass(frozen=True)
class ElectrodeFacets:
    """The facets of an electrode that belong to cells of this rank.

    Attributes
    ----------
    cells : (f,) int array
        The local cell of each facet, on the side that counts.
    opposite : (f,) int array
        The number in that cell of the vertex opposite.
    dofs : (f, k) int32 array
        Local dofs of each facet.
    shapes : (q, k) float64 array
        Shape functions of those dofs at the points of the rule.
    weights : (f, q) float64 array
        Weights of the points; they add up to the facets' areas (µm²; in 2D µm).
    plane, beyond : int32 arrays
        Local dofs in the plane, those without a facet on this rank included, and beyond it.
    cells_beyond : (m_local,) bool array
        True for the local cells beyond it.
    count : int
        Dofs on this rank, ghosts included.
    """

    cells: IntArray
    opposite: IntArray
    dofs: IntArray
    shapes: Array
    weights: Array
    plane: IntArray
    beyond: IntArray
    cells_beyond: Mask
    count: int

    def at_points(self, values: Array) -> Array:
        """Return (f, q) values at the points of a function given by those at all local dofs."""
        return values[self.dofs] @ self.shapes.T

    def load(self, density: Array) -> Array:
        """Return (count,) integrals of a density, given at the points, times each shape function."""
        shares = (self.weights * density) @ self.shapes
        return np.bincount(self.dofs.ravel(), shares.ravel(), minlength=self.count)

    def integral(self, density: Array) -> float:
        """Return the integral of a density over the facets of this rank."""
        return float(np.sum(self.weights * density))

    def mass(self, factor: Array) -> csr_array:
        """Return (count, count) integrals of a factor, given at the points, times two shape functions."""
        blocks = np.einsum("fq,qi,qj->fij", self.weights * factor, self.shapes, self.shapes)
        k = self.dofs.shape[1]
        rows, columns = np.repeat(self.dofs, k, axis=1), np.tile(self.dofs, (1, k))
        entries = (blocks.ravel(), (rows.ravel(), columns.ravel()))
        return csr_array(entries, shape=(self.count, self.count))


def electrode_facets(space: FunctionSpace, covered: Mask) -> ElectrodeFacets:
    """Return the facets of an electrode; *collective*.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        Lagrange elements of order 1 or 2, or Crouzeix–Raviart elements.
    covered : (n_nodes,) bool array
        Local geometry nodes on the electrode's plane and beyond it; no cell has nodes on both sides.
    """
    domain = space.mesh
    dimension = domain.topology.dim
    nodes = compat.cell_nodes(domain)
    count = np.zeros(len(nodes), dtype=np.int8)
    for column in nodes.T:
        count += covered.take(column)
    cells = np.flatnonzero(count == dimension)  # all covered: a cell beyond
    on_plane = covered[nodes[cells]]
    corner = np.nonzero(on_plane)[1].reshape(-1, dimension)  # vertices of the facet in its cell
    corners = domain.geometry.x[np.take_along_axis(nodes[cells], corner, axis=1), :dimension]
    opposite = np.argmin(on_plane, axis=1)
    dofs, shapes, weights = _elements(space, cells, corner, opposite)
    plane, beyond = _dofs(space, covered, count)
    return ElectrodeFacets(
        cells=cells,
        opposite=opposite,
        dofs=dofs,
        shapes=shapes,
        weights=np.outer(_areas(corners), weights),
        plane=plane,
        beyond=beyond,
        cells_beyond=count > dimension,
        count=space.dofmap.index_map.size_local + space.dofmap.index_map.num_ghosts,
    )


def _dofs(space: FunctionSpace, covered: Mask, count: NDArray[np.int8]) -> tuple[IntArray, IntArray]:
    """Return the dofs in the plane and beyond it, `count` being how many nodes of each cell are covered."""
    dimension = space.mesh.topology.dim
    beside = (count > 0) & (count <= dimension)
    inside = touched_dofs(space, beside)
    found = covered_dofs(space, covered, np.flatnonzero(beside))
    found[compat.cell_dofs(space)[count > dimension]] = True
    return tuple(np.flatnonzero(found & side).astype(np.int32) for side in (inside, ~inside))


def _elements(
    space: FunctionSpace,
    cells: IntArray,
    corner: IntArray,
    opposite: IntArray,
) -> tuple[IntArray, Array, Array]:
    """Return the dofs of facets, and shape functions at the points of their rule, and weights."""
    layout, dimension = space.dofmap.dof_layout, space.mesh.topology.dim
    if not layout.entity_dofs(0, 0):  # Crouzeix–Raviart
        return compat.facet_dofs(space)[cells, opposite][:, None], np.ones((1, 1)), np.ones(1)
    order = 1 if layout.num_dofs == dimension + 1 else 2
    points, weights = _rule(dimension, order)
    dofs = np.take_along_axis(compat.vertex_dofs(space)[cells], corner, axis=1)
    if order == 2:
        dofs = np.hstack([dofs, _edge_dofs(space, cells, corner)])
    return dofs, _shapes(points, order), weights


def _edge_dofs(space: FunctionSpace, cells: IntArray, corner: IntArray) -> IntArray:
    """Return the dofs at the edges of facets, in the order of the pairs of their vertices."""
    dimension = space.mesh.topology.dim
    layout, table = space.dofmap.dof_layout, compat.cell_dofs(space)[cells]
    column = np.zeros((dimension + 1, dimension + 1), dtype=np.int64)
    for edge, (a, b) in enumerate(_EDGES[dimension]):
        column[a, b] = column[b, a] = layout.entity_dofs(1, edge)[0]
    pairs = itertools.combinations(range(dimension), 2)
    chosen = np.stack([column[corner[:, a], corner[:, b]] for a, b in pairs], axis=1)
    return np.take_along_axis(table, chosen, axis=1)


def _rule(dimension: int, order: int) -> tuple[Array, Array]:
    """Return (q, dimension) barycentric points on a facet and (q,) weights that add up to 1."""
    if dimension == 2:
        x, weights = np.polynomial.legendre.leggauss(order + 1)
        return np.stack([(1.0 - x) / 2.0, (1.0 + x) / 2.0], axis=1), weights / 2.0
    points, weights = [], []
    for shared, weight in _TRIANGLE[order]:
        points += [np.roll([1.0 - 2.0 * shared, shared, shared], k) for k in range(3)]
        weights += [weight] * 3
    return np.array(points), np.array(weights) / np.sum(weights)


def _shapes(points: Array, order: int) -> Array:
    """Return (q, k) Lagrange shape functions: those of the vertices, then those of the edges."""
    if order == 1:
        return points
    pairs = itertools.combinations(range(points.shape[1]), 2)
    edges = [4.0 * points[:, a] * points[:, b] for a, b in pairs]
    return np.column_stack([points * (2.0 * points - 1.0), *edges])


def _areas(corners: Array) -> Array:
    """Return the areas of facets given by (f, dimension, dimension) corners (µm²; in 2D lengths, µm)."""
    sides = corners[:, 1:] - corners[:, :1]
    if sides.shape[1] == 1:
        return np.linalg.norm(sides[:, 0], axis=1)
    return 0.5 * np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)


def covered_dofs(space: FunctionSpace, nodes: Mask, cells: IntArray) -> Mask:
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


def touched_dofs(space: FunctionSpace, cells: Mask) -> Mask:
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
