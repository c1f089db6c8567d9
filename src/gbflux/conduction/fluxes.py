"""Gradients, cell currents and nodal currents of a solved potential, in scaled quantities.

Invariant: gradients are made of differences of the values at a cell's corners and edges, so that a constant
has no gradient to the last bit, and round-off is that of the differences.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc

from gbflux.conduction import compat, forms
from gbflux.conduction.compat import Function, FunctionSpace
from gbflux.conduction.facets import touched_dofs
from gbflux.conduction.records import Array, IntArray, Mask

#: Cells worked on at a time: few enough for the processor's cache.
_BLOCK = 1 << 15
#: Gradients of the P1 shape functions of a block by corner, but the first, and by axis; volumes of cells.
_Block = tuple[Array, Array]


class MeanGradient:
    """The mean gradient of a function in each cell; its values may change between calls.

    The geometry of the cells is kept, at the price of some 80 bytes for each.

    Parameters
    ----------
    phi : dolfinx.fem.Function
        Of a Lagrange space of order 1 or 2.
    """

    def __init__(self, phi: Function):
        space = phi.function_space
        self.phi = phi
        self._dofs = compat.cell_dofs(space)
        self._weights = _midpoint_slopes(space)
        self._kept: list[_Block] | None = None
        self._values: Array | None = None
        self._mean: Array | None = None

    def __call__(self) -> Array:
        """Return (dimension, m_local) gradients, not to be written to.

        A gradient is linear at most (order 2), so its value at the midpoint is its mean.
        """
        values = self.phi.x.array
        if self._values is None or not np.array_equal(values, self._values):
            self._mean = self._computed(values)
            self._values = values.copy()
        return self._mean

    def shape_gradients(self) -> Iterator[tuple[slice, Array, Array]]:
        """Yield blocks of cells: which, (d, d, k) gradients of λ_1 … λ_d by axis, volumes."""
        domain = self.phi.function_space.mesh
        count = len(self._dofs)
        blocks = [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
        if self._kept is not None:
            for block, (slopes, volume) in zip(blocks, self._kept, strict=True):
                yield block, slopes, volume
            return
        nodes, x = compat.cell_nodes(domain), domain.geometry.x[:, : domain.topology.dim]
        made = []
        for block in blocks:
            slopes, volume = _shape_gradients(x[nodes[block]])
            made.append((slopes, volume))
            yield block, slopes, volume
        self._kept = made

    def _computed(self, values: Array) -> Array:
        """Return the gradients of a function with these values at the local dofs."""
        mean = np.empty((len(self._weights), len(self._dofs)))
        for block, slopes, _ in self.shape_gradients():
            at = [values.take(column) for column in self._dofs[block].T]
            rises = [_combined(row, at) for row in self._weights]
            if not any(rise.any() for rise in rises):
                mean[:, block] = 0.0
                continue
            for axis, component in enumerate(mean[:, block]):
                np.multiply(rises[0], slopes[0, axis], out=component)
                for rise, slope in zip(rises[1:], slopes[1:, axis], strict=True):
                    component += rise * slope
        return mean


def _combined(weights: Array, values: list[Array]) -> Array:
    """Return a linear combination, terms of weight 0 left out."""
    total = 0.0
    for k in np.flatnonzero(weights):
        total = total + (values[k] if weights[k] == 1.0 else weights[k] * values[k])
    return total


def _midpoint_slopes(space: FunctionSpace) -> Array:
    """Return (d, dofs per cell) derivatives of the shape functions at the midpoint, by λ_1 … λ_d."""
    dimension = space.mesh.topology.dim
    vertices = compat.dof_vertices(space)
    rise = np.eye(dimension + 1)[1:] - np.eye(dimension + 1)[0]  # of each λ, by λ_1 … λ_d
    if len(vertices) == dimension + 1:
        return np.stack([rise[:, corner] for _, (corner,) in sorted(vertices.items())], axis=1)
    middle = 1.0 / (dimension + 1)
    return np.stack(
        [
            (4.0 * middle - 1.0) * rise[:, at[0]] if len(at) == 1 else 4.0 * middle * rise[:, at].sum(axis=1)
            for _, at in sorted(vertices.items())
        ],
        axis=1,
    )


def _shape_gradients(corners: Array) -> _Block:
    """Return slopes and volumes of cells given by (k, d + 1, d) corners."""
    edges = np.ascontiguousarray(np.moveaxis(corners[:, 1:] - corners[:, :1], 0, -1))
    if len(edges) == 2:
        (ax, ay), (bx, by) = edges
        turned = np.array([[by, -bx], [-ay, ax]])
    else:
        turned = np.stack([_cross(edges[k - 2], edges[k - 1]) for k in range(3)])
    twice = np.einsum("ak,ak->k", edges[0], turned[0])
    return turned / twice, np.abs(twice) / (2.0 if len(edges) == 2 else 6.0)


def _cross(a: Array, b: Array) -> Array:
    """Return a × b of (3, k) vectors."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


#: Share of cells below which they are picked out.
_FEW = 0.25


class NodalCurrents(ABC):
    """The currents ∫ σ∇φ·∇v dx of a potential through the shape functions v of a space.

    The currents through the P1 shape functions λ_i are those of the mesh points.

    Parameters
    ----------
    phi : dolfinx.fem.Function
        The scaled potential; its values may change between calls.
    space : dolfinx.fem.FunctionSpace
        P1 on its mesh; where nothing but `by_dof` is asked for, of any order.

    Attributes
    ----------
    phi, space
        As given.
    node_dofs : (n_nodes,) int32 array
        Dof of `space` at each local geometry node.
    """

    def __init__(self, phi: Function, space: FunctionSpace):
        self.phi, self.space = phi, space
        self.node_dofs = compat.node_dofs(space)
        self._last: tuple[Array, ...] | None = None  # potential, conductivity, currents

    @abstractmethod
    def _added_up(self, sigma: Array) -> PETSc.Vec:
        """Return the vector of the local cells' contributions, ghosts not yet added; *collective*."""

    def by_dof(self, sigma: Array) -> PETSc.Vec:
        """Return the vector of currents, complete at the dofs each rank owns; *collective*.

        The currents of the last call are kept.
        """
        phi = self.phi.x.array
        known = self._last is not None and np.array_equal(self._last[0], phi)
        known = known and np.array_equal(self._last[1], sigma)
        if self.space.mesh.comm.allreduce(known, MPI.LAND):
            vector = compat.create_vector(self.space)
            vector.array[:] = self._last[2]
            return vector
        vector = self._added_up(sigma)
        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        self._last = phi.copy(), sigma.copy(), vector.array.copy()
        return vector

    def at_nodes(self, sigma: Array) -> Array:
        """Return (n_nodes,) currents at the local geometry nodes, summed over all ranks; *collective*.

        Parameters
        ----------
        sigma : (m_local,) float64 array
            Conductivity of the local cells; zero leaves a cell out.
        """
        vector = self.by_dof(sigma)
        vector.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
        with vector.localForm() as local:
            values = local.array_r[self.node_dofs]
        vector.destroy()
        return values

    def through(self, sigma: Array) -> float:
        """Return the current through the cell, half the sum of all |currents|, on every rank; *collective*.

        What enters at one electrode leaves at the other, and elsewhere nothing does.
        """
        vector = self.by_dof(sigma)
        total = vector.norm(PETSc.NormType.NORM_1)
        vector.destroy()
        return 0.5 * total

    def entering(self, sigma: Array, dofs: Sequence[IntArray]) -> tuple[float, ...]:
        """Return the currents that enter through sets of dofs of `space`, ghosts among them; *collective*."""
        vector = self.by_dof(sigma)
        owned, comm = vector.array, self.space.mesh.comm
        sums = tuple(float(comm.allreduce(float(owned[own[own < len(owned)]].sum()))) for own in dofs)
        vector.destroy()
        return sums


class FormCurrents(NodalCurrents):
    """Nodal currents by assembling a form; `cells` is DG0 on the mesh."""

    def __init__(self, phi: Function, space: FunctionSpace, cells: FunctionSpace):
        super().__init__(phi, space)
        self._sigma = Function(cells)
        self._form = compat.fem.form(forms.conduction(self._sigma, phi, ufl.TestFunction(space)))

    def _added_up(self, sigma: Array) -> PETSc.Vec:
        """Return the vector of the local cells' contributions, ghosts not yet added; *collective*."""
        set_cell_values(self._sigma, sigma)
        return compat.fem.petsc.assemble_vector(self._form)


@dataclass(frozen=True)
class _Picked:
    """Some cells: their (d + 1, k) corners, (d, d, k) gradients of λ_1 … λ_d and (k,) volumes."""

    cells: IntArray
    corners: IntArray
    gradients: Array
    volume: Array


class KeptCurrents(NodalCurrents):
    """Nodal currents by the kept geometry of the cells: several times as fast, for many calls.

    As ∇λ_i is constant in each cell, so much of ∇φ matters as its mean there.
    """

    def __init__(self, gradient: MeanGradient, space: FunctionSpace):
        super().__init__(gradient.phi, space)
        self._gradient = gradient
        self._corners = np.ascontiguousarray(compat.vertex_dofs(space).T, dtype=np.intp)
        self._picked: _Picked | None = None

    def _added_up(self, sigma: Array) -> PETSc.Vec:
        """Return the vector of the local cells' contributions, ghosts not yet added; *collective*."""
        vector = compat.create_vector(self.space)
        with vector.localForm() as local:
            local.array[:] = self._summed(sigma, local.getSize())
        return vector

    def _summed(self, sigma: Array, count: int) -> Array:
        """Return (count,) sums of the local cells' contributions to each local dof."""
        mean = self._gradient()
        if np.count_nonzero(sigma) < _FEW * len(sigma):
            chosen = self._chosen(np.flatnonzero(sigma))
            corners, shares = chosen.corners, np.empty(chosen.corners.shape)
            _share_out(sigma[chosen.cells] * chosen.volume, mean[:, chosen.cells], chosen.gradients, shares)
        else:
            corners, shares = self._corners, np.empty(self._corners.shape)
            for block, gradients, volume in self._gradient.shape_gradients():
                _share_out(sigma[block] * volume, mean[:, block], gradients, shares[:, block])
        pairs = zip(corners, shares, strict=True)
        return sum(np.bincount(corner, share, minlength=count) for corner, share in pairs)

    def _chosen(self, cells: IntArray) -> _Picked:
        """Return the kept geometry of some cells; that of the last call's cells is at hand."""
        if self._picked is None or not np.array_equal(self._picked.cells, cells):
            gradients, volumes = [], []
            for block, slopes, volume in self._gradient.shape_gradients():
                into = slice(*np.searchsorted(cells, (block.start, block.stop)))
                here = cells[into] - block.start
                gradients.append(slopes[:, :, here])
                volumes.append(volume[here])
            self._picked = _Picked(
                cells, self._corners[:, cells], np.concatenate(gradients, axis=2), np.concatenate(volumes)
            )
        return self._picked


def _share_out(
    weight: Array,
    mean: Array,
    gradients: Array,
    shares: Array,
) -> None:
    """Set the (d + 1, k) shares of corners in the flow of cells by weights, mean gradients and those of λ."""
    flow = [weight * component for component in mean]
    if not any(component.any() for component in flow):
        shares[:] = 0.0
        return
    for share, slope in zip(shares[1:], gradients, strict=True):
        np.multiply(flow[0], slope[0], out=share)
        for f, component in zip(flow[1:], slope[1:], strict=True):
            share += f * component
    np.negative(shares[1], out=shares[0])
    for share in shares[2:]:
        shares[0] -= share


class CellCurrents:
    """Cell means of −σ∇φ; the values of both functions may change between calls.

    Parameters
    ----------
    sigma, phi : dolfinx.fem.Function
        Scaled conductivity, constant in each cell, and potential.
    """

    def __init__(self, sigma: Function, phi: Function):
        self._at_midpoints = compat.MidpointValues(forms.current_density(sigma, phi), phi.function_space.mesh)

    def __call__(self) -> Array:
        """Return (m_local, dimension) currents.

        The gradient is linear at most (order 2), so its value at the midpoint is its mean.
        """
        return self._at_midpoints()


class KeptCellCurrents:
    """Cell means of −σ∇φ by the kept geometry of the cells."""

    def __init__(self, sigma: Function, gradient: MeanGradient):
        self._sigma, self._gradient = sigma, gradient

    def __call__(self) -> Array:
        """Return (m_local, dimension) currents."""
        factor, mean = -cell_values(self._sigma), self._gradient()
        currents = np.empty(mean.shape[::-1])
        for column, component in zip(currents.T, mean, strict=True):
            np.multiply(factor, component, out=column)
        return currents


@dataclass(frozen=True)
class Currents:
    """The currents of a part of the potential: through P1 shape functions, and cell means of −σ∇φ."""

    nodal: NodalCurrents
    in_cells: Callable[[], Array]


def set_cell_values(function: Function, values: Array) -> None:
    """Give a function that is constant in each cell the values of the local cells."""
    function.x.array[compat.cell_dofs(function.function_space)[:, 0]] = values


def cell_values(function: Function) -> Array:
    """Return (m_local,) values of a function that is constant in each cell."""
    return function.x.array[compat.cell_dofs(function.function_space)[:, 0]]


class ElectrolyteBoundary:
    """Nodes and cells where the electrolyte ends, for the nodal currents of its cells alone; *collective*.

    A node that only cells of the electrolyte touch has the same current either way, and one that none touches
    has none. So cells count that touch a node of both kinds, a small share of all.

    Parameters
    ----------
    space : dolfinx.fem.FunctionSpace
        P1 on the mesh.
    node_dofs : (n_nodes,) int32 array
        Dof of `space` at each local geometry node.
    in_electrolyte : (m_local,) bool array
        True for the local cells of the electrolyte.

    Attributes
    ----------
    anywhere : bool
        Whether there are cells of any other kind, on any rank.
    """

    def __init__(self, space: FunctionSpace, node_dofs: IntArray, in_electrolyte: Mask):
        touched, other = (touched_dofs(space, cells) for cells in (in_electrolyte, ~in_electrolyte))
        self._none, self._both = ~touched[node_dofs], (touched & other)[node_dofs]
        self._cells = in_electrolyte & (touched & other)[compat.vertex_dofs(space)].any(axis=1)
        self.anywhere = space.mesh.comm.allreduce(bool(other.any()), MPI.LOR)

    def beside(self, sigma: Array) -> Array:
        """Return the conductivity of the electrolyte's cells at nodes of both kinds, zero in all others."""
        return np.where(self._cells, sigma, 0.0)

    def currents(self, whole: Array, beside: Array) -> Array:
        """Return (n_nodes,) currents of the electrolyte from those of all cells and of those `beside`."""
        currents = np.where(self._none, 0.0, whole)
        currents[self._both] = beside[self._both]
        return currents
