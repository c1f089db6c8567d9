"""Nodal currents and cell currents of a solved potential, in scaled quantities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import ufl
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbflux.conduction import compat, forms
from gbflux.conduction.gradients import MeanGradient

#: Share of cells below which they are picked out.
_FEW = 0.25


class NodalCurrents(ABC):
    """The currents ∫ σ∇φ·∇v dx of a potential through the shape functions v of a space.

    The currents through the P1 hats λ_i are those of the mesh points.

    Parameters
    ----------
    phi : dolfinx.fem.Function
        The scaled potential; its values may change between calls.
    hats : dolfinx.fem.FunctionSpace
        P1 on its mesh; where nothing but `by_dof` is asked for, of any order.

    Attributes
    ----------
    phi, hats
        As given.
    node_dofs : (n_nodes,) int32 array
        Dof of `hats` at each local geometry node.
    """

    def __init__(self, phi: compat.fem.Function, hats: compat.fem.FunctionSpace):
        self.phi, self.hats = phi, hats
        self.node_dofs = compat.node_dofs(hats)
        self._last: tuple[NDArray[np.float64], ...] | None = None  # potential, conductivity, currents

    @abstractmethod
    def _added_up(self, sigma: NDArray[np.float64]) -> PETSc.Vec:
        """Return the vector of the local cells' contributions, ghosts not yet added; *collective*."""

    def by_dof(self, sigma: NDArray[np.float64]) -> PETSc.Vec:
        """Return the vector of currents, complete at the dofs each rank owns; *collective*.

        The currents of the last call are kept.
        """
        phi = self.phi.x.array
        known = self._last is not None and np.array_equal(self._last[0], phi)
        known = known and np.array_equal(self._last[1], sigma)
        if self.hats.mesh.comm.allreduce(known, MPI.LAND):
            vector = compat.create_vector(self.hats)
            vector.array[:] = self._last[2]
            return vector
        vector = self._added_up(sigma)
        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        self._last = phi.copy(), sigma.copy(), vector.array.copy()
        return vector

    def at_nodes(self, sigma: NDArray[np.float64]) -> NDArray[np.float64]:
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

    def through(self, sigma: NDArray[np.float64]) -> float:
        """Return the current through the cell, half the sum of all |currents|, on every rank; *collective*.

        What enters at one electrode leaves at the other, and elsewhere nothing does.
        """
        vector = self.by_dof(sigma)
        total = vector.norm(PETSc.NormType.NORM_1)
        vector.destroy()
        return 0.5 * total

    def entering(self, sigma: NDArray[np.float64], dofs: Sequence[NDArray[np.int32]]) -> tuple[float, ...]:
        """Return the currents that enter through sets of dofs of `hats`, ghosts among them; *collective*."""
        vector = self.by_dof(sigma)
        owned, comm = vector.array, self.hats.mesh.comm
        sums = tuple(float(comm.allreduce(float(owned[own[own < len(owned)]].sum()))) for own in dofs)
        vector.destroy()
        return sums


class FormCurrents(NodalCurrents):
    """Nodal currents by assembling a form; `cells` is DG0 on the mesh."""

    def __init__(
        self, phi: compat.fem.Function, hats: compat.fem.FunctionSpace, cells: compat.fem.FunctionSpace
    ):
        super().__init__(phi, hats)
        self._sigma = compat.fem.Function(cells)
        self._form = compat.fem.form(forms.conduction(self._sigma, phi, ufl.TestFunction(hats)))

    def _added_up(self, sigma: NDArray[np.float64]) -> PETSc.Vec:
        """Return the vector of the local cells' contributions, ghosts not yet added; *collective*."""
        set_cell_values(self._sigma, sigma)
        return compat.fem.petsc.assemble_vector(self._form)


@dataclass(frozen=True)
class _Picked:
    """Some cells: their (d + 1, k) corners, (d, d, k) slopes of their hats and (k,) volumes."""

    cells: NDArray[np.intp]
    corners: NDArray[np.intp]
    hats: NDArray[np.float64]
    volume: NDArray[np.float64]


class KeptCurrents(NodalCurrents):
    """Nodal currents by the kept geometry of the cells: several times as fast, for many calls.

    As ∇λ_i is constant in each cell, so much of ∇φ matters as its mean there.
    """

    def __init__(self, gradient: MeanGradient, hats: compat.fem.FunctionSpace):
        super().__init__(gradient.phi, hats)
        self._gradient = gradient
        self._corners = np.ascontiguousarray(compat.vertex_dofs(hats).T, dtype=np.intp)
        self._picked: _Picked | None = None

    def _added_up(self, sigma: NDArray[np.float64]) -> PETSc.Vec:
        """Return the vector of the local cells' contributions, ghosts not yet added; *collective*."""
        vector = compat.create_vector(self.hats)
        with vector.localForm() as local:
            local.array[:] = self._summed(sigma, local.getSize())
        return vector

    def _summed(self, sigma: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """Return (count,) sums of the local cells' contributions to each local dof."""
        mean = self._gradient()
        if np.count_nonzero(sigma) < _FEW * len(sigma):
            some = self._chosen(np.flatnonzero(sigma))
            corners, shares = some.corners, np.empty(some.corners.shape)
            _share_out(sigma[some.cells] * some.volume, mean[:, some.cells], some.hats, shares)
        else:
            corners, shares = self._corners, np.empty(self._corners.shape)
            for block, hats, volume in self._gradient.hats():
                _share_out(sigma[block] * volume, mean[:, block], hats, shares[:, block])
        pairs = zip(corners, shares, strict=True)
        return sum(np.bincount(corner, share, minlength=count) for corner, share in pairs)

    def _chosen(self, cells: NDArray[np.intp]) -> _Picked:
        """Return the kept geometry of some cells; that of the last call's cells is at hand."""
        if self._picked is None or not np.array_equal(self._picked.cells, cells):
            hats, volumes = [], []
            for block, slopes, volume in self._gradient.hats():
                into = slice(*np.searchsorted(cells, (block.start, block.stop)))
                here = cells[into] - block.start
                hats.append(slopes[:, :, here])
                volumes.append(volume[here])
            self._picked = _Picked(
                cells, self._corners[:, cells], np.concatenate(hats, axis=2), np.concatenate(volumes)
            )
        return self._picked


def _share_out(
    weight: NDArray[np.float64],
    mean: NDArray[np.float64],
    hats: NDArray[np.float64],
    shares: NDArray[np.float64],
) -> None:
    """Set the (d + 1, k) shares of corners in the flow of cells by weights, gradients and slopes of hats."""
    flow = [weight * component for component in mean]
    if not any(component.any() for component in flow):
        shares[:] = 0.0
        return
    for share, hat in zip(shares[1:], hats, strict=True):
        np.multiply(flow[0], hat[0], out=share)
        for f, slope in zip(flow[1:], hat[1:], strict=True):
            share += f * slope
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

    def __init__(self, sigma: compat.fem.Function, phi: compat.fem.Function):
        self._at_midpoints = compat.MidpointValues(forms.current_density(sigma, phi), phi.function_space.mesh)

    def __call__(self) -> NDArray[np.float64]:
        """Return (m_local, dimension) currents.

        The gradient is linear at most (order 2), so its value at the midpoint is its mean.
        """
        return self._at_midpoints()


class KeptCellCurrents:
    """Cell means of −σ∇φ by the kept geometry of the cells."""

    def __init__(self, sigma: compat.fem.Function, gradient: MeanGradient):
        self._sigma, self._gradient = sigma, gradient

    def __call__(self) -> NDArray[np.float64]:
        """Return (m_local, dimension) currents."""
        factor, mean = -cell_values(self._sigma), self._gradient()
        currents = np.empty(mean.shape[::-1])
        for column, component in zip(currents.T, mean, strict=True):
            np.multiply(factor, component, out=column)
        return currents


def set_cell_values(function: compat.fem.Function, values: NDArray[np.float64]) -> None:
    """Give a function that is constant in each cell the values of the local cells."""
    function.x.array[compat.cell_dofs(function.function_space)[:, 0]] = values


def cell_values(function: compat.fem.Function) -> NDArray[np.float64]:
    """Return (m_local,) values of a function that is constant in each cell."""
    return function.x.array[compat.cell_dofs(function.function_space)[:, 0]]
