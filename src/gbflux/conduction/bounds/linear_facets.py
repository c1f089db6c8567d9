"""Least power of potentials linear on facets, and the linear fluxes without sources they drive: for order 2.

In a cell K of constant σ let W be the vector fields τ with linear components and ∇·τ = 0. A potential λ that
is linear on each facet, alone for itself, has in K the power

    E_K(λ) = max over τ in W of 2 ∫_∂K λ τ·n ds − ∫_K |τ|²/σ dx.

With a basis τ_j of W, shape functions μ_i of the facets, B_ij = ∫ μ_i τ_j·n ds and A_jk = ∫ τ_j·τ_k/σ dx it
is λᵀBA⁻¹Bᵀλ, and A⁻¹Bᵀλ are the coefficients of the maximiser. Fields are those of the reference simplex,
mapped by τ = Jτ̂/|det J|, which keeps ∇·τ = 0 and B, so that A alone changes from cell to cell, with
JᵀJ/(|det J|σ).
D. N. Arnold, F. Brezzi, RAIRO Modél. Math. Anal. Numér. 19 (1985) 7, hybridise mixed elements that way.

The least power is a linear system: each facet has d unknowns, its potential at its corners, alone for itself.
Numbers are d·facet + corner, the facet that of the Crouzeix–Raviart space and corners in the order of the
mesh's global nodes. Within a cell facet i lies opposite vertex i and its corners are in the order of the
vertices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbflux.conduction import compat
from gbflux.conduction.bounds.clusters import cluster_inverse
from gbflux.conduction.bounds.crouzeix_raviart import Applied, FacetProblem, fixed_dofs, metal_potentials
from gbflux.conduction.compat import Function, FunctionSpace
from gbflux.conduction.facets import touched_dofs
from gbflux.conduction.fluxes import cell_values
from gbflux.conduction.records import Array, IntArray, Mask
from gbflux.conduction.system import Electrodes, assemble

#: Mean over a facet of (bubble − its linear part)·(bubble′ − that of it), with bubbles 4 μ_a μ_b; its linear
#: part at a and b, and at the third corner. By dimension: own, other; near, far.
_BUBBLES = {2: (4 / 45, 0.0), 3: (7 / 225, -1 / 225)}
_LINEAR_PART = {2: (2 / 3, 0.0), 3: (3 / 5, -1 / 5)}
_AT_ONCE = 10_000  # cells, for memory


@lru_cache
def _reference(dimension: int) -> tuple[Array, Array, Array]:
    """The basis at the vertices (d + 1, j, d), B (d·facet + corner, j) and ∫ τ_j^a τ_k^b (a, b, j, k)."""
    d, unit = dimension, np.eye(dimension)
    volume = 1 / math.factorial(d)
    x = np.vstack([np.zeros(d), unit]) - 1 / (d + 1)
    fields = [np.tile(unit[c], (d + 1, 1)) for c in range(d)]
    fields += [np.outer(x[:, a], unit[c]) for c in range(d) for a in range(d) if a != c]
    fields += [np.outer(x[:, a], unit[a]) - np.outer(x[:, -1], unit[-1]) for a in range(d - 1)]
    values = np.stack(fields, axis=1)
    through = []
    for facet, gradient in enumerate(_barycentric_gradients(d)):
        flow = values[_others(facet, d)] @ (-gradient * volume * d)  # area times outward normal
        through.append((flow + flow.sum(axis=0)) / (d * (d + 1)))
    return values, np.vstack(through), np.einsum("vja,vw,wkb->abjk", values, _barycentric_products(d), values)


def _barycentric_gradients(d: int) -> Array:
    """∇λ_v on the reference simplex."""
    return np.vstack([-np.ones(d), np.eye(d)])


def _barycentric_products(d: int) -> Array:
    """∫ λ_v λ_w over the reference simplex."""
    return (np.ones((d + 1, d + 1)) + np.eye(d + 1)) / math.factorial(d + 2)


def _others(facet: int, d: int) -> IntArray:
    """Vertices of the facet opposite one."""
    return np.delete(np.arange(d + 1), facet)


class LinearFluxes:
    """The fluxes that potentials on the facets of some cells drive; potentials are (m, d·facet + corner).

    Parameters
    ----------
    corners : (m, d + 1, d) float array
        Vertices (µm).
    sigma : (m,) float array
        Conductivity.
    """

    def __init__(self, corners: Array, sigma: Array):
        self._jacobian = np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)
        self._weight = np.abs(np.linalg.det(self._jacobian)) * sigma
        metric = np.einsum("mia,mib->mab", self._jacobian, self._jacobian)
        self._metric = metric / self._weight[:, None, None]
        self._d = corners.shape[2]

    def matrices(self) -> Array:
        """B A⁻¹ Bᵀ of each cell, (m, d(d + 1), d(d + 1))."""
        return _reference(self._d)[1] @ self._responses()

    def mutual(self, first: Array, second: Array) -> Array:
        """λᵀBA⁻¹Bᵀμ of two potentials (m, d(d + 1))."""
        return np.einsum("mj,mj->m", self._drive(first), self._fluxes(self._drive(second)))

    def distances(self, potential: Array, gradient: Array) -> Array:
        """∫_K σ|∇φ − τ/σ|² dx, τ driven by a potential.

        Parameters
        ----------
        potential : (m, d(d + 1)) float array
            At the facets.
        gradient : (m, d + 1, d) float array
            ∇φ at the vertices with respect to reference coordinates; linear in between.
        """
        inverse = np.linalg.inv(self._jacobian)
        inverse = np.einsum("mai,mbi->mab", inverse, inverse) * self._weight[:, None, None]
        tau = np.einsum("vja,mj->mva", _reference(self._d)[0], self._fluxes(self._drive(potential)))
        off = np.einsum("mab,mvb->mva", inverse, gradient) - tau
        measured = np.einsum("mva,mab->mvb", off, self._metric)
        return np.einsum("mvb,mwb,vw->m", measured, off, _barycentric_products(self._d), optimize=True)

    def _drive(self, potential: Array) -> Array:
        """Bᵀλ, after taking off a constant, which drives nothing."""
        return (potential - potential.mean(axis=1, keepdims=True)) @ _reference(self._d)[1]

    def _fluxes(self, drive: Array) -> Array:
        """A⁻¹ times Bᵀλ: the coefficients of the fluxes."""
        a, scale = self._products()
        return np.linalg.solve(a, (scale * drive)[:, :, None])[:, :, 0] * scale

    def _responses(self) -> Array:
        """A⁻¹ Bᵀ."""
        a, scale = self._products()
        through = _reference(self._d)[1]
        return np.linalg.solve(a, scale[:, :, None] * through.T) * scale[:, :, None]

    def _products(self) -> tuple[Array, Array]:
        """A with a diagonal of ones, and what its rows and columns were multiplied by for that."""
        a = np.einsum("mab,abjk->mjk", self._metric, _reference(self._d)[2], optimize=True)
        scale = 1 / np.sqrt(np.einsum("mjj->mj", a))
        a *= scale[:, :, None] * scale[:, None, :]
        return a, scale


class QuadraticPotential:
    """A potential that is quadratic in each of some cells.

    Parameters
    ----------
    at_vertices : (m, d + 1) float array
        Its values there.
    at_edges : dict
        By the two vertices of an edge, its values (m,) in the middle.
    """

    def __init__(self, at_vertices: Array, at_edges: dict[tuple[int, int], Array]):
        self._d = at_vertices.shape[1] - 1
        self._vertices = at_vertices
        self._bubbles = {  # what it is in the middle beyond the mean of both ends
            (a, b): middle - (at_vertices[:, a] + at_vertices[:, b]) / 2
            for (a, b), middle in at_edges.items()
        }

    def at_facets(self) -> Array:
        """The potential's linear part (projection) on each facet, corner by corner, (m, d(d + 1))."""
        near, far = _LINEAR_PART[self._d]
        parts = []
        for facet in range(self._d + 1):
            corners = _others(facet, self._d)
            part = self._vertices[:, corners].copy()
            for edge, bubble in self._on(facet):
                part += bubble[:, None] * np.where(np.isin(corners, edge), near, far)
            parts.append(part)
        return np.hstack(parts)

    def beyond_linear(self, facet: int) -> Array:
        """Mean square over a facet of the potential less that linear part, (m,)."""
        own, other = _BUBBLES[self._d]
        bubbles = np.stack([bubble for _, bubble in self._on(facet)])
        return (own - other) * (bubbles**2).sum(axis=0) + other * bubbles.sum(axis=0) ** 2

    def gradient(self) -> Array:
        """Gradient of the potential at the vertices by reference coordinates, (m, d + 1, d)."""
        slopes = _barycentric_gradients(self._d)
        gradient = np.repeat((self._vertices @ slopes)[:, None, :], self._d + 1, axis=1)
        for (a, b), bubble in self._bubbles.items():
            gradient[:, a] += 4 * bubble[:, None] * slopes[b]
            gradient[:, b] += 4 * bubble[:, None] * slopes[a]
        return gradient

    def _on(self, facet: int) -> list[tuple[tuple[int, int], Array]]:
        """Edges of a facet, and what the potential is in their middles beyond the mean of both ends."""
        return [(edge, bubble) for edge, bubble in self._bubbles.items() if facet not in edge]


class LinearFacets:
    """The power of potentials linear on facets; arrays of them hold the local unknowns, ghosts last.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        Of the upper bound, order 2.
    sigma : dolfinx.fem.Function
        Scaled conductivity, constant in each cell, zero beyond electrodes: such cells are left out.
    electrodes : sequence of ScaledElectrode

    Attributes
    ----------
    space : dolfinx.fem.FunctionSpace
        Crouzeix–Raviart, whose facets are numbered.
    """

    def __init__(self, space: FunctionSpace, sigma: Function, electrodes: Electrodes):
        domain = space.mesh
        self._above, self.space = space, compat.scalar_space(domain, "CR", 1)
        self._comm, self._d = domain.comm, domain.topology.dim
        nodes = self._nodes = compat.cell_nodes(domain)
        self._corners = domain.geometry.x[:, : self._d][nodes]
        self._sigma = cell_values(sigma)
        self._active = np.flatnonzero(self._sigma)
        self._facets = compat.facet_dofs(self.space)
        self._place = self._places(compat.input_points(domain)[nodes])
        self._on_electrodes = np.concatenate([e.facets(self.space).plane for e in electrodes])
        self._exchanges = []
        for electrode in electrodes:
            if electrode.kappa is not None:
                own = electrode.facets(self.space)
                for facet in np.unique(own.opposite):
                    here = own.opposite == facet
                    self._exchanges.append((electrode, int(facet), own.cells[here], own.weights[here, 0]))

    def _places(self, nodes: IntArray) -> IntArray:
        """Local numbers of the unknowns of each cell, (m, d(d + 1)), `nodes` those of its vertices."""
        d = self._d
        place = []
        for facet in range(d + 1):
            rank = np.argsort(np.argsort(np.delete(nodes, facet, axis=1), axis=1), axis=1)
            place.append(d * self._facets[:, [facet]].astype(np.int64) + rank)
        return np.hstack(place)

    def _pieces(self, cells: IntArray | None = None) -> Iterator[tuple[IntArray, LinearFluxes]]:
        """Yield the given cells, or all that conduct, `_AT_ONCE` at a time."""
        chosen = self._active if cells is None else cells
        for start in range(0, len(chosen), _AT_ONCE):
            piece = chosen[start : start + _AT_ONCE]
            yield piece, LinearFluxes(self._corners[piece], self._sigma[piece])

    def matrix(self, pattern: PETSc.Mat, fixed: IntArray) -> PETSc.Mat:
        """Return the matrix of the power with identity rows at local `fixed` unknowns; *collective*.

        Parameters
        ----------
        pattern : PETSc.Mat
            The matrix of Crouzeix–Raviart elements: each of its entries becomes a d × d block.
        """
        matrix = self._empty(pattern)
        numbers = compat.global_dofs(self.space).astype(PETSc.IntType)
        self._add_cells(matrix, numbers)
        self._add_exchanges(matrix, numbers)
        matrix.assemble()
        first, last = matrix.getOwnershipRange()
        matrix.zeroRowsColumns((fixed[fixed < last - first] + first).astype(PETSc.IntType))
        return matrix

    def _add_cells(self, matrix: PETSc.Mat, numbers: IntArray) -> None:
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

    def _add_exchanges(self, matrix: PETSc.Mat, numbers: IntArray) -> None:
        """Add the contributions of resistive electrodes."""
        d = self._d
        for electrode, facet, cells, areas in self._exchanges:
            exchange = electrode.kappa * areas
            block = numbers[self._facets[cells, facet]][:, None]
            mass = exchange[:, None] * (np.ones((d, d)) + np.eye(d)).ravel() / (d * (d + 1))
            matrix.setValuesBlockedRCV(block, block, mass, addv=PETSc.InsertMode.ADD)

    def _empty(self, pattern: PETSc.Mat) -> PETSc.Mat:
        """Return a matrix with d × d entries for each of a pattern's; *collective*."""
        d = self._d
        first, last = pattern.getOwnershipRange()
        offsets, columns, _ = pattern.getValuesCSR()
        near = np.concatenate([[0], np.cumsum((columns >= first) & (columns < last))])[offsets]
        near, every = np.diff(near), np.diff(offsets)
        counts = tuple(np.repeat(d * count, d).astype(PETSc.IntType) for count in (near, every - near))
        index_map = self.space.dofmap.index_map
        size = (index_map.size_local * d, index_map.size_global * d)
        matrix = PETSc.Mat().create(comm=self._comm)
        matrix.setSizes((size, size), bsize=d)
        matrix.setType("aij")
        matrix.setPreallocationNNZ(counts)
        matrix.setOption(PETSc.Mat.Option.SPD, True)
        matrix.setOption(PETSc.Mat.Option.KEEP_NONZERO_PATTERN, True)
        return matrix

    def _vector(self) -> PETSc.Vec:
        """Return a vector of zeros with ghosts; *collective*."""
        d, index_map = self._d, self.space.dofmap.index_map
        ghosts = compat.global_dofs(self.space)[index_map.size_local :].astype(PETSc.IntType)
        size = (index_map.size_local * d, index_map.size_global * d)
        vector = PETSc.Vec().createGhost(ghosts, size, bsize=d, comm=self._comm)
        vector.set(0.0)
        return vector

    def prolongation(self, coarse: FunctionSpace, fixed: Array, fixed_vertices: Array) -> PETSc.Mat:
        """Return the matrix that takes linear elements to their traces, zero where fixed; *collective*."""
        d = self._d
        index_map, below = self.space.dofmap.index_map, coarse.dofmap.index_map
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

    def interpolated(self, phi: Array) -> Array:
        """Return the linear part of a potential of the upper bound on each facet."""
        index_map = self.space.dofmap.index_map
        found = np.zeros(self._d * (index_map.size_local + index_map.num_ghosts))
        found[self._place] = self._quadratic(phi).at_facets()
        return found

    def applied(self, metal: Array) -> Array:
        """Return the metal's potential at unknowns on electrodes, zero elsewhere.

        Parameters
        ----------
        metal : (n_nodes,) float64 array
            Its potential at the local geometry nodes of the electrodes, linear in between.
        """
        index_map = self.space.dofmap.index_map
        found = np.zeros(self._d * (index_map.size_local + index_map.num_ghosts))
        chosen = np.zeros(len(found) // self._d, dtype=bool)
        chosen[self._on_electrodes] = True
        for facet in range(self._d + 1):
            here = chosen[self._facets[:, facet]]
            corners = np.delete(self._nodes[here], facet, axis=1)
            found[self._on(facet, self._place[here])] = metal[corners]
        return found

    def load(self, applied: Array, fixed: IntArray) -> PETSc.Vec:
        """Return the right-hand side of the minimum, zero at `fixed` unknowns that have `applied`.

        *Collective*.
        """
        given, load = np.zeros(len(applied)), np.zeros(len(applied))
        given[fixed] = applied[fixed]
        beside = self._active[given[self._place[self._active]].any(axis=1)]  # cells with anything given
        for piece, cells in self._pieces(beside):
            share = np.einsum("mij,mj->mi", cells.matrices(), given[self._place[piece]])
            np.subtract.at(load, self._place[piece], share)
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

    def gap(self, upper: Applied, lower: Applied) -> Array:
        """Return (m_local,) contributions of the cells to the gap between both potentials.

        The metal's potential is the same linear function for both on each facet, and drops out.
        """
        phi = self._quadratic(upper[0])
        here, gradient = lower[0][self._place], phi.gradient()
        gap = np.zeros(len(self._sigma))
        for piece, cells in self._pieces():
            gap[piece] = cells.distances(here[piece], gradient[piece])
        traces = phi.at_facets()
        for electrode, facet, cells, areas in self._exchanges:
            off = self._on(facet, (traces - here)[cells])
            square = _mean_product(off, off) + phi.beyond_linear(facet)[cells]
            gap[cells] += electrode.kappa * areas * square
        return gap

    def _quadratic(self, values: Array) -> QuadraticPotential:
        """Return a potential of the upper bound cell by cell."""
        space = self._above
        edges = {
            pair: values[compat.cell_dofs(space)[:, dof]]
            for dof, pair in compat.dof_vertices(space).items()
            if len(pair) == 2
        }
        return QuadraticPotential(values[compat.vertex_dofs(space)], edges)

    def _on(self, facet: int, potential: Array) -> Array:
        """Return the values at one facet of each cell, (m, d), from the values at all its facets."""
        return potential[:, self._d * facet : self._d * (facet + 1)]


def linear_facet_problem(
    phi: Function, sigma: Function, thin: Mask, electrodes: Electrodes, coarse: FunctionSpace
) -> FacetProblem:
    """Return the minimisation over potentials linear on facets; *collective*.

    Parameters are those of `crouzeix_raviart_problem`.
    """
    form = LinearFacets(phi.function_space, sigma, electrodes)
    d = phi.function_space.mesh.topology.dim
    lowest = assemble(form.space, sigma, electrodes)  # for its pattern, lift and fixed facets
    fixed = (d * lowest.fixed[:, None] + np.arange(d)).ravel()
    matrix, applied = form.matrix(lowest.matrix, fixed), form.applied(metal_potentials(electrodes))
    layered = touched_dofs(form.space, thin)[: lowest.rhs.getLocalSize()]
    problem = FacetProblem(
        form,
        matrix,
        form.load(applied, fixed),
        cluster_inverse(matrix, layered, lowest.matrix),
        form.prolongation(coarse, fixed, fixed_dofs(coarse, electrodes)),
        fixed,
        lift=np.repeat(lowest.lift.x.array, d),
        start=form.interpolated(phi.x.array),
        applied=applied,
    )
    lowest.destroy()
    return problem


def _mean_product(one: Array, two: Array) -> Array:
    """Return the mean product of two linear functions over facets, given at the corners."""
    d = one.shape[1]
    return ((one * two).sum(axis=1) + one.sum(axis=1) * two.sum(axis=1)) / (d * (d + 1))
