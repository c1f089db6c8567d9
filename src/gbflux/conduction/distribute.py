"""The mesh of rank 0 scattered over all ranks, and results gathered back in its own numbering.

Invariant: a rank's cells are those scattered to it, without ghosts; point numbers and cell numbers outside
this module are those of the `Mesh`.

Parts are made by recursive coordinate bisection, cut across the longest side each time: M. J. Berger,
S. H. Bokhari, IEEE Trans. Comput. C-36 (1987) 570-580, doi:10.1109/TC.1987.1676942. A graph partitioner would
cut a little less surface and cost as much as the rest of the distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbflux.conduction import compat, mpi
from gbflux.conduction.mpi import errors_of_root
from gbflux.conduction.records import IntArray, Mask
from gbflux.errors import InputError
from gbflux.mesh import Mesh
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
        Row of each local cell among the cells scattered to this rank.
    parts : tuple of (m_k,) int32 arrays
        On rank 0 the cells scattered to each rank, elsewhere empty.
    nodes : tuple of (n_k,) int64 arrays
        On rank 0 the mesh points each rank holds, elsewhere empty.
    cell_count, point_count : int
        Cells and points of the whole mesh; on rank 0, elsewhere 0.
    """

    comm: MPI.Intracomm
    domain: compat.mesh.Mesh
    handed_in: IntArray
    parts: tuple[IntArray, ...]
    nodes: tuple[IntArray, ...]
    cell_count: int
    point_count: int

    def scatter_cells(self, values: NDArray | None) -> NDArray:
        """Return the values of the local cells; *collective*.

        Parameters
        ----------
        values : (m,) array or None
            On rank 0, a value for each cell of the mesh.
        """
        if self.comm.size == 1:
            return values.take(self.handed_in)
        scattered = mpi.scatter(self.comm, lambda rank: values.take(self.parts[rank]))
        return scattered.take(self.handed_in)

    def scatter_points(self, values: NDArray | None) -> NDArray:
        """Return the values at the local geometry nodes; *collective*.

        Parameters
        ----------
        values : (n,) array or None
            On rank 0, a value for each mesh point.
        """
        return mpi.scatter(self.comm, lambda rank: values[self.nodes[rank]])

    def collect_cells(self, rows: NDArray, chosen: IntArray | slice = slice(None)) -> NDArray | None:
        """Return on rank 0 the rows of all cells, or of some, given those of the local cells; *collective*.

        Parameters
        ----------
        rows : (m_local, ...) array
        chosen : int array or slice
            Cells of the mesh; looked at on rank 0 only.
        """
        if self.comm.size == 1:
            return rows.take(self._local_cell[chosen], axis=0)
        whole = mpi.gather_rows(self.comm, rows.take(self._local_cell, axis=0), self.parts, self.cell_count)
        return None if whole is None else whole[chosen]

    @cached_property
    def _local_cell(self) -> IntArray:
        """Return the local cell of each row scattered to this rank."""
        found = np.empty(len(self.handed_in), dtype=np.intp)
        found[self.handed_in] = np.arange(len(found))
        return found

    def collect_points(self, values: NDArray) -> NDArray | None:
        """Return on rank 0 the values at all mesh points, given those at the local nodes; *collective*."""
        return mpi.gather_rows(self.comm, values, self.nodes, self.point_count)


def distribute(comm: MPI.Intracomm, mesh: Mesh | None) -> DistributedMesh:
    """Scatter the mesh of rank 0 over all ranks; *collective*.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks.
    mesh : Mesh or None
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
    points = mpi.scatter(comm, lambda rank: mesh.points[starts[rank] : starts[rank + 1]])
    # DOLFINx sorts facets by their vertices: cells and their vertices in ascending order save it a quarter
    # of the time of create_mesh
    cells = mpi.scatter(comm, lambda rank: mesh.cells.take(parts[rank], axis=0))
    columns = ascending([np.ascontiguousarray(column) for column in cells.T])
    order = np.argsort(columns[0], kind="stable")
    cells = np.column_stack([column.take(order) for column in columns])
    del columns
    neighbours = _neighbours(comm, cells, point_count)
    domain = compat.simplex_mesh(comm, points, cells.astype(np.int64), neighbours)
    del points, cells, neighbours

    numbers = compat.input_points(domain)
    if on_root:
        nodes = (numbers, *(mpi.receive(comm, rank) for rank in range(1, comm.size)))
    else:
        mpi.send(comm, numbers, 0)
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


def _neighbours(comm: MPI.Intracomm, cells: IntArray, point_count: int) -> IntArray:
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


_SAMPLE = 4096  # cells from which the longest side is found


def bisect(points: NDArray[np.floating], cells: IntArray, parts: int) -> list[IntArray]:
    """Split cells into parts of equal size that are compact in space.

    Parameters
    ----------
    points : (n, dimension) float array
        Points, in any unit.
    cells : (m, corners) int32 array
        Corners of the cells.
    parts : int
        Number of parts, at least 1 and at most m.

    Returns
    -------
    list of (m_k,) int32 arrays
        The cells of each part, ascending; no part is empty.

    Examples
    --------
    >>> line = np.array([[0.0], [2.0], [4.0], [6.0], [8.0]])
    >>> segments = np.array([[2, 3], [0, 1], [3, 4], [1, 2]], dtype=np.int32)
    >>> [part.tolist() for part in bisect(line, segments, 2)]
    [[1, 3], [0, 2]]
    """
    axes = [np.ascontiguousarray(axis, dtype=np.float32) for axis in points.T]  # enough to cut by
    return _split(axes, cells, np.arange(len(cells), dtype=np.int32), parts)


def _split(axes: list[NDArray[np.float32]], cells: IntArray, members: IntArray, parts: int) -> list[IntArray]:
    """Split the cells `members`, ascending, into `parts` parts."""
    if parts == 1:
        return [members]
    sample = cells[members[:: -(-len(members) // _SAMPLE)]]
    longest = max(axes, key=lambda axis: np.ptp(_sums(axis, sample)))
    lower_parts = parts // 2
    count = len(members) * lower_parts // parts
    whole = len(members) == len(cells)
    order = np.argpartition(_sums(longest, cells if whole else cells[members]), count)
    lower = np.zeros(len(members), dtype=bool)
    lower[order[:count]] = True
    return [
        *_split(axes, cells, members[lower], lower_parts),
        *_split(axes, cells, members[~lower], parts - lower_parts),
    ]


def _sums(axis: NDArray[np.float32], cells: IntArray) -> NDArray[np.float32]:
    """Return the sum of the corners' coordinates of each cell: its centre but for a factor."""
    total = axis[cells[:, 0]]
    for corner in cells.T[1:]:
        total += axis[corner]
    return total


def facets_within(cells: IntArray, shared: Mask) -> tuple[IntArray, IntArray]:
    """Find the facets all of whose points are shared with other parts: those that can be another's too.

    Parameters
    ----------
    cells : (m, dimension + 1) int32 array
        The simplices of a part.
    shared : (n,) bool array
        Whether each point belongs to cells of several parts.

    Returns
    -------
    facets : (k, dimension) int32 array
        Their points, ascending.
    rows : (k,) int32 array
        The cell of each.
    """
    near = np.flatnonzero(np.count_nonzero(shared[cells], axis=1) >= cells.shape[1] - 1)
    facets, rows = [], []
    for corner in range(cells.shape[1]):
        opposite = np.delete(cells[near], corner, axis=1)
        kept = shared[opposite].all(axis=1)
        facets.append(np.sort(opposite[kept], axis=1))
        rows.append(near[kept].astype(np.int32))
    return np.concatenate(facets), np.concatenate(rows)


def beside(facets: Sequence[IntArray], part: int) -> tuple[IntArray, IntArray]:
    """Find which facets of a part are another part's too.

    Parameters
    ----------
    facets : sequence of (k_i, dimension) int32 arrays
        The facets of each part, their points ascending; those inside a part may be there twice.
    part : int
        The part asked about.

    Returns
    -------
    places : (j,) int array
        Rows of ``facets[part]``.
    others : (j,) int32 array
        The part that has the same facet.

    Examples
    --------
    >>> places, others = beside([np.array([[0, 1], [1, 2], [1, 2]]), np.array([[0, 1]])], 0)
    >>> places.tolist(), others.tolist()
    ([0], [1])
    """
    owner = np.repeat(np.arange(len(facets), dtype=np.int32), [len(own) for own in facets])
    every = np.concatenate(facets)
    order = np.lexsort(every.T)
    one, other = order[:-1], order[1:]
    both = (every[one] == every[other]).all(axis=1) & (owner[one] != owner[other])
    one, other = one[both], other[both]
    here, there = np.concatenate([one, other]), np.concatenate([other, one])
    mine = owner[here] == part
    return here[mine] - sum(len(own) for own in facets[:part]), owner[there[mine]]
