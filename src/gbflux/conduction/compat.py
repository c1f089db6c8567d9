"""All that differs between DOLFINx 0.5 and 0.11, found out by what a release can do, not by its number.

Nothing else in the project touches an interface that has changed between these releases. Meshes here are
affine simplices with every cell on the rank that handed it in and no ghost cells (no integral over interior
facets is ever needed).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gbflux.conduction.records import Array, IntArray
from gbflux.errors import InputError, MissingLibrary

_SET_UP = "Run `make setup`, or activate the environment that holds DOLFINx."
try:
    import dolfinx.fem.petsc  # noqa: F401  (new releases load it only when asked)
    import ufl
    from dolfinx import cpp
    from dolfinx import fem as fem
    from dolfinx import mesh as mesh
    from dolfinx.fem import Function as Function
    from dolfinx.fem import FunctionSpace as FunctionSpace
    from mpi4py import MPI
    from petsc4py import PETSc
except ImportError as missing:
    raise MissingLibrary(
        f"conduction: DOLFINx with PETSc must be importable; got: {missing}. {_SET_UP}"
    ) from missing

try:
    import basix.ufl as basix_ufl
except ImportError:
    basix_ufl = None

if np.issubdtype(PETSc.ScalarType, np.complexfloating):
    raise MissingLibrary(f"conduction: PETSc must be built with real scalars; got complex ones. {_SET_UP}")

_CELLS = {2: "triangle", 3: "tetrahedron"}
#: Words by which releases name a failed compilation on ranks where it was not tried.
_COMPILING = ("just-in-time", "JIT")


@contextmanager
def quiet_compiler() -> Iterator[None]:
    """Keep the form compiler, which reports a first run through the root logger, off the terminal.

    Raises
    ------
    InputError
        On all ranks, if there is no place for what it makes.
    """
    root = logging.getLogger()
    level, handlers, disabled = root.level, list(root.handlers), root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    except (OSError, RuntimeError) as failed:
        if isinstance(failed, RuntimeError) and not any(word in str(failed) for word in _COMPILING):
            raise
        raise InputError(
            f"conduction: DOLFINx must be able to compile forms into its cache; got '{failed}'. "
            "Set XDG_CACHE_HOME to a folder that can be written."
        ) from failed
    finally:
        logging.disable(disabled)
        root.setLevel(level)
        root.handlers[:] = handlers


def simplex_mesh(
    comm: MPI.Intracomm,
    points: Array,
    cells: IntArray,
    neighbours: IntArray,
) -> mesh.Mesh:
    """Build a distributed mesh that leaves every cell where it is; *collective*.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks of the mesh.
    points : (n_local, dimension) float64 array
        This rank's slice of the points; global point numbers count through the slices in rank order.
    cells : (m_local, dimension + 1) int64 array
        This rank's cells by global point numbers.
    neighbours : (k, 2) int32 array
        Rows of `cells` that share a facet with a cell of another rank, and that rank; ascending.

    Returns
    -------
    dolfinx.mesh.Mesh
        The mesh, without ghost cells.
    """
    parameters = inspect.signature(mesh.create_mesh).parameters
    options = {"e" if "e" in parameters else "domain": _coordinate_domain(points.shape[1])}
    if "ghost_mode" in parameters:
        # Such releases find the vertices that ranks share through the ghost cells a partitioner asks for,
        # drop those cells afterwards, and tear the mesh along the cut where it asks for none.
        options["ghost_mode"] = mesh.GhostMode.none
        options["cells"] = cpp.graph.AdjacencyList_int64(cells)
        ranks = _destinations(comm.rank, len(cells), neighbours)
    else:
        options["cells"] = cells
        ranks = _destinations(comm.rank, len(cells), neighbours[:0])
    return mesh.create_mesh(comm, x=points, partitioner=lambda *_: ranks, **options)


def _destinations(rank: int, count: int, ghosts: IntArray) -> cpp.graph.AdjacencyList_int32:
    """Return the ranks that hold each cell: its owner `rank`, then those of `ghosts` (row, other rank)."""
    ghost_rows, ghost_ranks = ghosts.T
    ranks = np.insert(np.full(count, rank, dtype=np.int32), ghost_rows + 1, ghost_ranks)
    ghosts_before = np.concatenate([[0], np.cumsum(np.bincount(ghost_rows, minlength=count))])
    offsets = (np.arange(count + 1) + ghosts_before).astype(np.int32)
    return cpp.graph.AdjacencyList_int32(ranks, offsets)


def _coordinate_domain(dimension: int) -> ufl.Mesh:
    """Return the UFL domain of affine simplices."""
    cell = _CELLS[dimension]
    if basix_ufl is None:
        return ufl.Mesh(ufl.VectorElement("Lagrange", ufl.Cell(cell), 1))
    return ufl.Mesh(basix_ufl.element("Lagrange", cell, 1, shape=(dimension,)))


def handed_in_cells(domain: mesh.Mesh) -> IntArray:
    """Return (m_local,) row of each local cell among the cells this rank handed in."""
    index_map = domain.topology.index_map(domain.topology.dim)
    original = np.asarray(domain.topology.original_cell_index)[: index_map.size_local]
    return original - index_map.local_range[0]


def input_points(domain: mesh.Mesh) -> IntArray:
    """Return (n_nodes,) global number, as handed in, of each geometry node on this rank."""
    return np.asarray(domain.geometry.input_global_indices)


def cell_nodes(domain: mesh.Mesh) -> IntArray:
    """Return (m_local, dimension + 1) geometry nodes of each local cell, in reference order."""
    dofmaps = getattr(domain.geometry, "dofmaps", None)
    dofmap = dofmaps[0] if isinstance(dofmaps, (list, tuple)) else domain.geometry.dofmap
    return _as_table(dofmap, domain.topology.dim + 1)


def cell_dofs(space: fem.FunctionSpace) -> IntArray:
    """Return (m_local, dofs per cell) dofs of each local cell."""
    return _as_table(space.dofmap.list, space.dofmap.dof_layout.num_dofs)


def _as_table(adjacency: object, width: int) -> IntArray:
    """Return an adjacency list of constant width as an array with a row for each cell."""
    return np.asarray(getattr(adjacency, "array", adjacency)).reshape(-1, width)


def vertex_dofs(space: fem.FunctionSpace) -> IntArray:
    """Return (m_local, dimension + 1) dofs at the vertices of each local cell, ordered as `cell_nodes`."""
    layout = space.dofmap.dof_layout
    columns = [layout.entity_dofs(0, vertex)[0] for vertex in range(space.mesh.topology.dim + 1)]
    return cell_dofs(space)[:, columns]


def node_dofs(space: fem.FunctionSpace) -> IntArray:
    """Return (n_nodes,) dof at each local geometry node of a space with dofs at vertices."""
    found = np.empty(len(input_points(space.mesh)), dtype=np.int32)
    found[cell_nodes(space.mesh)] = vertex_dofs(space)
    return found


def facet_dofs(space: fem.FunctionSpace) -> IntArray:
    """Return (m_local, dimension + 1) dofs at the facets of each local cell, facet i opposite vertex i."""
    layout = space.dofmap.dof_layout
    dimension = space.mesh.topology.dim
    columns = [layout.entity_dofs(dimension - 1, facet)[0] for facet in range(dimension + 1)]
    return cell_dofs(space)[:, columns]


def dof_vertices(space: fem.FunctionSpace) -> dict[int, tuple[int, ...]]:
    """Return the vertices of the vertex, edge or facet that each dof on a cell's boundary belongs to."""
    layout, dimension = space.dofmap.dof_layout, space.mesh.topology.dim
    cell = getattr(mesh.CellType, _CELLS[dimension])
    return {
        dof: tuple(vertices)
        for dim in range(dimension)
        for number, vertices in enumerate(
            _as_table(cpp.mesh.get_entity_vertices(cell, dim), dim + 1).tolist()
        )
        for dof in layout.entity_dofs(dim, number)
    }


def global_dofs(space: fem.FunctionSpace) -> IntArray:
    """Return (n_local,) global number of each dof on this rank: those it owns, then ghosts."""
    index_map = space.dofmap.index_map
    count = index_map.size_local + index_map.num_ghosts
    return np.asarray(index_map.local_to_global(np.arange(count, dtype=np.int32)), dtype=np.int64)


def scalar_space(domain: mesh.Mesh, family: str, degree: int) -> fem.FunctionSpace:
    """Return a scalar function space; *collective*."""
    create = getattr(fem, "functionspace", None) or fem.FunctionSpace
    return create(domain, (family, degree))


class MidpointValues:
    """Values of an expression at the midpoints of the local cells; its functions may change between calls."""

    def __init__(self, expression: ufl.core.expr.Expr, domain: mesh.Mesh):
        dimension = domain.topology.dim
        midpoint = np.full((1, dimension), 1.0 / (dimension + 1))
        self._expression = fem.Expression(expression, midpoint)
        self._cells = np.arange(domain.topology.index_map(dimension).size_local, dtype=np.int32)
        takes_mesh = "mesh" in inspect.signature(self._expression.eval).parameters
        self._first = (domain,) if takes_mesh else ()

    def __call__(self) -> Array:
        """Return (m_local, components) values."""
        values = self._expression.eval(*self._first, self._cells)
        return values.reshape(len(self._cells), -1)


def dof_count(space: fem.FunctionSpace) -> int:
    """Return the number of degrees of freedom on all ranks."""
    return int(space.dofmap.index_map.size_global)


def create_vector(space: fem.FunctionSpace) -> PETSc.Vec:
    """Return a vector of zeros with the layout of a scalar space, ghosts included; *collective*."""
    index_map = space.dofmap.index_map
    ghosts = np.asarray(index_map.ghosts, dtype=PETSc.IntType)
    size = (index_map.size_local, index_map.size_global)
    return PETSc.Vec().createGhost(ghosts, size, comm=space.mesh.comm)


def copy_to_function(vector: PETSc.Vec, function: fem.Function) -> None:
    """Copy a ghosted vector, ghosts included, into a function of the same space."""
    with vector.localForm() as local:
        values = local.array_r
        function.x.array[: len(values)] = values
