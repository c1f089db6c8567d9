"""The mesh of rank 0 scattered over all ranks, and results gathered back in its own numbering.

Invariant: a rank's cells are those it was dealt, without ghosts; point numbers and cell numbers outside this
module are those of the `LayeredMesh`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbflux.conduction import compat, transfer
from gbflux.conduction.mpi import errors_of_root
from gbflux.conduction.partition import beside, bisect, facets_within
from gbflux.errors import InputError
from gbflux.mesh.records import LayeredMesh
from gbflux.mesh.simplices import ascending


@dataclass(frozen=True)
class DistributedMesh:
    """A mesh over all ranks with the way back to rank 0.

    Attributes
    ----------
    comm : MPI.Intracomm
        The ranks.
    domain : dolfinx.mesh.Mesh
        The distributed mesh (µm).
    handed_in : (m_local,) int64 array
        Row of each local cell among the cells dealt to this rank.
    parts : tuple of (m_k,) int32 arrays
        On rank 0 the cells dealt to each rank, elsewhere empty.
    nodes : tuple of (n_k,) int64 arrays
        On rank 0 the mesh points each rank holds, elsewhere empty.
    cell_count, point_count : int
        Cells and points of the whole mesh; on rank 0, elsewhere 0.
    """

    comm: MPI.Intracomm
    domain: compat.mesh.Mesh
    handed_in: NDArray[np.int64]
    parts: tuple[NDArray[np.int32], ...]
    nodes: tuple[NDArray[np.int64], ...]
    cell_count: int
    point_count: int

    def deal(self, values: NDArray | None) -> NDArray:
        """Return the values of the local cells; *collective*.

        Parameters
        ----------
        values : (m,) array or None
            On rank 0, a value for each cell of the mesh.
        """
        if self.comm.size == 1:
            return values.take(self.handed_in)
        dealt = transfer.scatter(self.comm, lambda rank: values.take(self.parts[rank]))
        return dealt.take(self.handed_in)

    def deal_points(self, values: NDArray | None) -> NDArray:
        """Return the values at the local geometry nodes; *collective*.

        Parameters
        ----------
        values : (n,) array or None
            On rank 0, a value for each mesh point.
        """
        return transfer.scatter(self.comm, lambda rank: values[self.nodes[rank]])

    def collect_cells(
        self, rows: NDArray, chosen: NDArray[np.integer] | slice = slice(None)
    ) -> NDArray | None:
        """Return on rank 0 the rows of all cells, or of some, given those of the local cells; *collective*.

        Parameters
        ----------
        rows : (m_local, ...) array
        chosen : int array or slice
            Cells of the mesh; looked at on rank 0 only.
        """
        if self.comm.size == 1:
            return rows.take(self._local_cell[chosen], axis=0)
        whole = transfer.gather_rows(
            self.comm, rows.take(self._local_cell, axis=0), self.parts, self.cell_count
        )
        return None if whole is None else whole[chosen]

    @cached_property
    def _local_cell(self) -> NDArray[np.intp]:
        """Return the local cell of each row scattered to this rank."""
        found = np.empty(len(self.handed_in), dtype=np.intp)
        found[self.handed_in] = np.arange(len(found))
        return found

    def collect_points(self, values: NDArray) -> NDArray | None:
        """Return on rank 0 the values at all mesh points, given those at the local nodes; *collective*."""
        return transfer.gather_rows(self.comm, values, self.nodes, self.point_count)


def distribute(comm: MPI.Intracomm, mesh: LayeredMesh | None) -> DistributedMesh:
    """Scatter the mesh of rank 0 over all ranks; *collective*.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks.
    mesh : LayeredMesh or None
        The mesh; looked at on rank 0 only.

    Returns
    -------
    DistributedMesh
        The mesh in parts of equal size.

    Raises
    ------
    InputError
        On all ranks, where there are fewer cells than ranks.
    """
    on_root = comm.rank == 0
    with errors_of_root(comm):
        if on_root:
            _check_cell_count(len(mesh.cells), comm.size)
    parts = tuple(bisect(mesh.points, mesh.cells, comm.size)) if on_root else ()
    point_count = comm.bcast(len(mesh.points) if on_root else None)
    starts = [rank * point_count // comm.size for rank in range(comm.size + 1)]
    points = transfer.scatter(comm, lambda rank: mesh.points[starts[rank] : starts[rank + 1]])
    # DOLFINx sorts facets by their vertices: cells and their vertices in ascending order save it a quarter
    # of the time of create_mesh
    cells = transfer.scatter(comm, lambda rank: mesh.cells.take(parts[rank], axis=0))
    columns = ascending([np.ascontiguousarray(column) for column in cells.T])
    order = np.argsort(columns[0], kind="stable")
    cells = np.column_stack([column.take(order) for column in columns])
    del columns
    neighbours = _neighbours(comm, cells, point_count)
    domain = compat.simplex_mesh(comm, points, cells.astype(np.int64), neighbours)
    del points, cells, neighbours

    numbers = compat.input_points(domain)
    if on_root:
        nodes = (numbers, *(transfer.receive(comm, rank) for rank in range(1, comm.size)))
    else:
        transfer.send(comm, numbers, 0)
        nodes = ()
    handed_in = order[compat.handed_in_cells(domain)]
    return DistributedMesh(
        comm,
        domain,
        handed_in,
        parts,
        nodes,
        len(mesh.cells) if on_root else 0,
        point_count if on_root else 0,
    )


def _neighbours(comm: MPI.Intracomm, cells: NDArray[np.int32], point_count: int) -> NDArray[np.int32]:
    """Return the rows of this rank's cells beside other ranks' cells, and those ranks; *collective*."""
    if comm.size == 1:
        return np.zeros((0, 2), dtype=np.int32)
    here, ranks = np.zeros((2, point_count), dtype=np.uint16)
    here[cells] = 1
    comm.Allreduce(here, ranks)
    facets, rows = facets_within(cells, ranks > 1)
    places, others = beside(comm.allgather(facets), comm.rank)
    return np.unique(np.column_stack([rows[places], others]), axis=0)


def _check_cell_count(cells: int, ranks: int) -> None:
    """Raise where the cells cannot occupy all ranks."""
    if cells < ranks:
        raise InputError(
            "conduction: the mesh must have at least one cell for each rank; "
            f"got {cells} cells on {ranks} ranks. Use fewer ranks."
        )
