"""The least power of potentials that are linear on facets, as a linear system; `moments` has the algebra.

Each facet has d unknowns, its potential at its corners, alone for itself. Numbers are d·facet + corner, the
facet that of the Crouzeix–Raviart space and corners in the order of the mesh's global nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.bounds.moments import Cells, Quadratic
from gbflux.conduction.bounds.power import Applied
from gbflux.conduction.fluxes import cell_values
from gbflux.conduction.system import Electrodes, LinearSystem

_AT_ONCE = 10_000  # cells, for memory


class LinearFacets:
    """Potentials linear on facets; arrays of them hold the local unknowns, ghosts last.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        Crouzeix–Raviart.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell, zero beyond electrodes: such cells are left out.
    electrodes : pair of ScaledElectrode
        Bottom and top.
    """

    def __init__(
        self,
        space: compat.fem.FunctionSpace,
        sigma: compat.fem.Function,
        electrodes: Electrodes,
    ):
        domain = space.mesh
        self._space, self._comm, self._d = space, domain.comm, domain.topology.dim
        nodes = self._nodes = compat.cell_nodes(domain)
        self._corners = domain.geometry.x[:, : self._d][nodes]
        self._sigma = cell_values(sigma)
        self._active = np.flatnonzero(self._sigma)
        self._facets = compat.facet_dofs(space)
        self._place = self._places(compat.input_points(domain)[nodes])
        self._on_electrodes = np.concatenate([e.facets(space).plane for e in electrodes])
        self._exchanges = []
        for electrode in electrodes:
            if electrode.kappa is not None:
                own = electrode.facets(space)
                for facet in np.unique(own.opposite):
                    here = own.opposite == facet
                    self._exchanges.append((electrode, int(facet), own.cells[here], own.weights[here, 0]))

    def _places(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Local numbers of the unknowns of each cell, (m, d(d + 1)), `nodes` those of its vertices."""
        d = self._d
        place = []
        for facet in range(d + 1):
            rank = np.argsort(np.argsort(np.delete(nodes, facet, axis=1), axis=1), axis=1)
            place.append(d * self._facets[:, [facet]].astype(np.int64) + rank)
        return np.hstack(place)

    def _pieces(self) -> Iterator[tuple[NDArray[np.int64], Cells]]:
        """All cells that conduct, some at a time."""
        for start in range(0, len(self._active), _AT_ONCE):
            piece = self._active[start : start + _AT_ONCE]
            yield piece, Cells(self._corners[piece], self._sigma[piece])

    def system(self, lowest: LinearSystem) -> tuple[PETSc.Mat, PETSc.Vec, NDArray[np.float64], NDArray]:
        """Return matrix, right-hand side, lift and local fixed unknowns; *collective*.

        Parameters
        ----------
        lowest : LinearSystem
            The system of Crouzeix–Raviart elements, for its pattern, lift and fixed facets.
        """
        d = self._d
        matrix, rhs = self._empty(lowest.matrix)
        numbers = compat.global_dofs(self._space).astype(PETSc.IntType)
        self._add_cells(matrix, numbers)
        self._add_exchanges(matrix, rhs, numbers)
        matrix.assemble()
        rhs.assemble()
        lift = np.repeat(lowest.lift.x.array, d)
        fixed = (d * lowest.fixed[:, None] + np.arange(d)).ravel()
        given, product = rhs.duplicate(), rhs.duplicate()
        given.array[:] = lift[: given.getLocalSize()]
        matrix.mult(given, product)
        rhs.axpy(-1.0, product)
        given.destroy()
        product.destroy()
        owned = fixed[fixed < rhs.getLocalSize()]
        rhs.array[owned] = 0.0
        matrix.zeroRowsColumns((owned + matrix.getOwnershipRange()[0]).astype(PETSc.IntType))
        return matrix, rhs, lift, fixed

    def _add_cells(self, matrix: PETSc.Mat, numbers: NDArray[np.int32]) -> None:
        """Add the cells' contributions; `numbers` are global, of the facets. Zeros where nothing conducts."""
        d = self._d
        for piece, cells in self._pieces():
            order = (
                np.argsort(self._place[piece].reshape(-1, d + 1, d), axis=2) + d * np.arange(d + 1)[:, None]
            )
            order = order.reshape(-1, d * (d + 1))
            local = np.take_along_axis(cells.matrices(), order[:, :, None], axis=1)
            local = np.take_along_axis(local, order[:, None, :], axis=2)
            block = np.ascontiguousarray(numbers[self._facets[piece]])
            values = np.ascontiguousarray(local).reshape(len(block), -1)
            matrix.setValuesBlockedRCV(block, block, values, addv=PETSc.InsertMode.ADD)
        idle = np.flatnonzero(self._sigma == 0.0)
        for start in range(0, len(idle), _AT_ONCE):  # zeros: the pattern is that of all cells
            block = np.ascontiguousarray(numbers[self._facets[idle[start : start + _AT_ONCE]]])
            values = np.zeros((len(block), (d * (d + 1)) ** 2))
            matrix.setValuesBlockedRCV(block, block, values, addv=PETSc.InsertMode.ADD)

    def _add_exchanges(self, matrix: PETSc.Mat, rhs: PETSc.Vec, numbers: NDArray[np.int32]) -> None:
        """Add the contributions of resistive electrodes."""
        d = self._d
        for electrode, facet, cells, areas in self._exchanges:
            exchange = electrode.kappa * areas
            block = numbers[self._facets[cells, facet]][:, None]
            mass = exchange[:, None] * (np.ones((d, d)) + np.eye(d)).ravel() / (d * (d + 1))
            matrix.setValuesBlockedRCV(block, block, mass, addv=PETSc.InsertMode.ADD)
            drive = np.repeat(exchange * electrode.potential / d, d).astype(PETSc.ScalarType)
            rhs.setValues(
                (block * d + np.arange(d, dtype=PETSc.IntType)).ravel(), drive, addv=PETSc.InsertMode.ADD
            )

    def _empty(self, pattern: PETSc.Mat) -> tuple[PETSc.Mat, PETSc.Vec]:
        """Return a matrix with d × d entries for each of a pattern's, and a ghosted vector; *collective*."""
        d = self._d
        first, last = pattern.getOwnershipRange()
        offsets, columns, _ = pattern.getValuesCSR()
        near = np.concatenate([[0], np.cumsum((columns >= first) & (columns < last))])[offsets]
        near, every = np.diff(near), np.diff(offsets)
        counts = tuple(np.repeat(d * count, d).astype(PETSc.IntType) for count in (near, every - near))
        index_map = self._space.dofmap.index_map
        size = (index_map.size_local * d, index_map.size_global * d)
        matrix = PETSc.Mat().create(comm=self._comm)
        matrix.setSizes((size, size), bsize=d)
        matrix.setType("aij")
        matrix.setPreallocationNNZ(counts)
        matrix.setOption(PETSc.Mat.Option.SPD, True)
        matrix.setOption(PETSc.Mat.Option.KEEP_NONZERO_PATTERN, True)
        return matrix, self._vector()

    def _vector(self) -> PETSc.Vec:
        """Return a vector of zeros with ghosts; *collective*."""
        d, index_map = self._d, self._space.dofmap.index_map
        ghosts = compat.global_dofs(self._space)[index_map.size_local :].astype(PETSc.IntType)
        size = (index_map.size_local * d, index_map.size_global * d)
        vector = PETSc.Vec().createGhost(ghosts, size, bsize=d, comm=self._comm)
        vector.set(0.0)
        return vector

    def prolongation(
        self, coarse: compat.fem.FunctionSpace, fixed: NDArray, fixed_vertices: NDArray
    ) -> PETSc.Mat:
        """Return the matrix that takes linear elements to their traces, zero where fixed; *collective*."""
        d = self._d
        index_map, below = self._space.dofmap.index_map, coarse.dofmap.index_map
        owned = index_map.size_local * d
        numbers, vertices = compat.global_dofs(coarse), compat.vertex_dofs(coarse)
        weights = np.ones(len(numbers))
        weights[fixed_vertices] = 0.0
        columns, values = np.zeros(owned, dtype=PETSc.IntType), np.zeros(owned)
        for facet in range(d + 1):
            row = self._place[:, d * facet : d * (facet + 1)]
            here = row < owned
            corner = np.delete(vertices, facet, axis=1)[here]
            columns[row[here]], values[row[here]] = numbers[corner], weights[corner]
        values[fixed[fixed < owned]] = 0.0
        sizes = ((owned, index_map.size_global * d), (below.size_local, below.size_global))
        csr = (np.arange(owned + 1, dtype=PETSc.IntType), columns, values)
        matrix = PETSc.Mat().createAIJ(sizes, csr=csr, comm=self._comm)
        matrix.assemble()
        return matrix

    def start(self, phi: Quadratic) -> NDArray[np.float64]:
        """Return the linear part of a potential on each facet."""
        index_map = self._space.dofmap.index_map
        found = np.zeros(self._d * (index_map.size_local + index_map.num_ghosts))
        found[self._place] = phi.at_facets()
        return found

    def applied(self, metal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the metal's potential at unknowns on electrodes, zero elsewhere.

        Parameters
        ----------
        metal : (n_nodes,) float64 array
            Its potential at the local geometry nodes of the electrodes, linear in between.
        """
        index_map = self._space.dofmap.index_map
        found = np.zeros(self._d * (index_map.size_local + index_map.num_ghosts))
        chosen = np.zeros(len(found) // self._d, dtype=bool)
        chosen[self._on_electrodes] = True
        for facet in range(self._d + 1):
            here = chosen[self._facets[:, facet]]
            corners = np.delete(self._nodes[here], facet, axis=1)
            found[self._on(facet, self._place[here])] = metal[corners]
        return found

    def load(self, applied: NDArray[np.float64], fixed: NDArray[np.integer]) -> PETSc.Vec:
        """Return the right-hand side of the minimum, zero at `fixed` unknowns that have `applied`.

        *Collective*.
        """
        given, load = np.zeros(len(applied)), np.zeros(len(applied))
        given[fixed] = applied[fixed]
        for piece, cells in self._pieces():
            here = given[self._place[piece]]
            some = here.any(axis=1)
            if some.any():
                share = np.einsum("mij,mj->mi", cells.matrices()[some], here[some])
                np.subtract.at(load, self._place[piece[some]], share)
        for electrode, facet, cells, areas in self._exchanges:
            place = self._on(facet, self._place[cells])
            metal = applied[place]
            share = (metal + metal.sum(axis=1, keepdims=True)) / (self._d * (self._d + 1))
            np.add.at(load, place, electrode.kappa * areas[:, None] * share)
        rhs = self._vector()
        with rhs.localForm() as local:
            local.array[:] = load
        rhs.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        rhs.array[fixed[fixed < rhs.getLocalSize()]] = 0.0
        return rhs

    def mutual(self, first: Applied, second: Applied) -> float:
        """Return the power of a potential, electrodes included, as a form of two; *collective*."""
        one, two = (values[self._place] for values, _ in (first, second))
        found = sum(float(cells.mutual(one[piece], two[piece]).sum()) for piece, cells in self._pieces())
        for electrode, facet, cells, areas in self._exchanges:
            place = self._on(facet, self._place[cells])
            drops = [values[place] - applied[place] for values, applied in (first, second)]
            found += electrode.kappa * float(areas @ _mean_product(*drops))
        return self._comm.allreduce(found, MPI.SUM)

    def gap(self, potential: Applied, phi: Quadratic) -> NDArray[np.float64]:
        """Return the contribution of each local cell to the gap below a quadratic potential.

        The metal's potential is the same linear function for both on each facet, and drops out.
        """
        here, gradient = potential[0][self._place], phi.gradient()
        gap = np.zeros(len(self._sigma))
        for piece, cells in self._pieces():
            gap[piece] = cells.distances(here[piece], gradient[piece])
        traces = phi.at_facets()
        for electrode, facet, cells, areas in self._exchanges:
            off = self._on(facet, (traces - here)[cells])
            square = _mean_product(off, off) + phi.beyond_linear(facet)[cells]
            gap[cells] += electrode.kappa * areas * square
        return gap

    def _on(self, facet: int, potential: NDArray) -> NDArray:
        """Return the values at one facet of each cell, (m, d), from the values at all its facets."""
        return potential[:, self._d * facet : self._d * (facet + 1)]


def quadratic(phi: compat.fem.Function) -> Quadratic:
    """Return a potential of order 2 cell by cell."""
    space = phi.function_space
    values = phi.x.array[compat.cell_dofs(space)]
    edges = {pair: values[:, dof] for dof, pair in compat.dof_vertices(space).items() if len(pair) == 2}
    return Quadratic(phi.x.array[compat.vertex_dofs(space)], edges)


def _mean_product(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean product of two linear functions over facets, given at the corners."""
    d = one.shape[1]
    return ((one * two).sum(axis=1) + one.sum(axis=1) * two.sum(axis=1)) / (d * (d + 1))
