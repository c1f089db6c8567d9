"""Facets that thin cells tie together, and the inverse of the matrix on each such cluster.

Where a triple line is filled, cells are a layer's thickness δ wide in two directions and h long. They couple
their long facets like σh, the rest of the mesh couples to these like σδ: a potential that is constant on the
facets of one filling is nearly free, and no point smoother moves it. The same holds for the facets of a cell
between triple lines, for those stacked in one layer where layers conduct well, and for slivers among the
cells of grains. Such clusters hold a dozen facets, so they are solved exactly. They are read off the matrix,
in which two facets share an entry if they share a cell, and are whole also where ranks meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

#: Two facets are tied if |a_ij| > √(θ_i a_ii θ_j a_jj), θ the first for facets of layers, else the second.
THRESHOLDS = (0.15, 0.4)
#: Clusters larger than this are taken apart with thresholds so many times as high, in the end into facets.
LARGEST = 48
RAISED = (1.0, 1.5, 2.0, 3.0, np.inf)


@dataclass(frozen=True)
class _Rows:
    """The rows of a distributed symmetric matrix that this rank owns, by entry; numbers are global."""

    first: int
    last: int
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: NDArray[np.float64]

    def owned(self, dofs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which dofs this rank owns."""
        return (self.first <= dofs) & (dofs < self.last)


def cluster_inverse(
    matrix: PETSc.Mat, layered: NDArray[np.bool_], facets: PETSc.Mat | None = None
) -> PETSc.Mat:
    """Invert a matrix on each cluster of facets alone; *collective*.

    Parameters
    ----------
    matrix : PETSc.Mat
        Symmetric and positive definite, with identity rows at fixed facets. A block of rows for each facet.
    layered : (n_owned,) bool array
        Facets of cells that belong to layers, among those this rank owns.
    facets : PETSc.Mat, optional
        The matrix of Crouzeix–Raviart elements, which ties facets together; by default `matrix` itself.

    Returns
    -------
    PETSc.Mat
        B⁻¹, block diagonal but for the numbering; most facets are clusters of one. A ≤ (dimension + 1) B,
        because that holds in each cell.
    """
    comm = matrix.getComm().tompi4py()
    facets = matrix if facets is None else facets
    diagonal = facets.getDiagonal()
    rows = _rows(facets)
    tied = _tied(rows, diagonal, np.where(layered, *THRESHOLDS))
    label, cross = _labels(comm, rows, tied)
    if facets is not matrix:
        diagonal.destroy()
        diagonal, rows = matrix.getDiagonal(), _rows(matrix)
        block = len(diagonal.array_r) // max(len(label), 1)
        label, cross = np.repeat(block * label, block), block * cross
    members = _gathered(comm, (np.arange(rows.first, rows.last), label), np.isin(label, cross))
    entries = _entries(rows, label, members)
    at_cut = np.isin(entries[-1], cross)
    blocks = [
        _inverted(*(column[~at_cut] for column in entries)),
        _inverted(*_gathered(comm, entries, at_cut)),
    ]
    inverse = _as_matrix(diagonal, blocks)
    diagonal.destroy()
    return inverse


def _rows(matrix: PETSc.Mat) -> _Rows:
    """Return the owned entries off the diagonal and on it."""
    first, last = matrix.getOwnershipRange()
    offsets, column, value = matrix.getValuesCSR()
    row = np.repeat(np.arange(first, last), np.diff(offsets))
    return _Rows(first, last, row, column, value)


def _tied(rows: _Rows, diagonal: PETSc.Vec, threshold: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Return rows and columns of the entries that tie two facets together; *collective*.

    Whether an entry whose column another rank owns does so, both ranks agree on.
    """
    pivots = diagonal.duplicate()
    pivots.array[:] = diagonal.array_r * threshold
    here = rows.owned(rows.column)
    pivot = np.empty(len(rows.row))
    pivot[here] = pivots.array_r[rows.column[here] - rows.first]
    pivot[~here] = _fetched(pivots, rows.column[~here])
    pivot *= pivots.array_r[rows.row - rows.first]
    pivots.destroy()
    strong = np.flatnonzero((rows.value**2 > pivot) & (rows.row != rows.column))
    row, column, here = rows.row[strong], rows.column[strong], here[strong]
    strength = np.abs(rows.value[strong]) / np.sqrt(pivot[strong])
    kept = np.ones(len(strong), dtype=bool)
    for factor in RAISED:
        kept &= ~here | (strength >= factor)
        part = _parts(row[kept & here] - rows.first, column[kept & here] - rows.first, len(threshold))
        oversize = np.bincount(part, minlength=1)[part] > LARGEST
        if not oversize.any():
            break
        strength[here & ~oversize[row - rows.first]] = np.inf  # these stay as they are
    return row[kept], column[kept]


def _fetched(vector: PETSc.Vec, dofs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the values of a distributed vector at any dofs; *collective*."""
    wanted, place = np.unique(dofs, return_inverse=True)
    index = PETSc.IS().createGeneral(wanted.astype(PETSc.IntType), comm=PETSc.COMM_SELF)
    values = PETSc.Vec().createSeq(len(wanted))
    scatter = PETSc.Scatter().create(vector, index, values, None)
    scatter.scatter(vector, values)
    result = values.array_r[place]
    for used in (scatter, values, index):
        used.destroy()
    return result


def _parts(one: NDArray, other: NDArray, count: int) -> NDArray[np.int32]:
    """Return the connected component of each of `count` nodes of a graph."""
    graph = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _labels(
    comm: MPI.Intracomm, rows: _Rows, tied: tuple[NDArray, NDArray]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the largest dof in the cluster of each owned dof, and the labels of those on several ranks.

    *collective*
    """
    row, column = tied
    here = rows.owned(column)
    part = _parts(row[here] - rows.first, column[here] - rows.first, rows.last - rows.first)
    largest = np.zeros(part.max(initial=-1) + 1, dtype=np.int64)
    np.maximum.at(largest, part, np.arange(rows.first, rows.last))
    label = largest[part]
    # entries across ranks, each known to both: from the label of one end to that of the other
    one, other, from_label = _gathered(comm, (row, column, label[row - rows.first]), ~here)
    if len(one) == 0:
        return label, one
    ends, first = np.unique(one, return_index=True)
    labels = np.unique(from_label)
    node = np.searchsorted(labels, from_label)
    to_node = node[first[np.searchsorted(ends, other)]]
    joined = _parts(node, to_node, len(labels))
    highest = np.zeros(joined.max() + 1, dtype=np.int64)
    np.maximum.at(highest, joined, labels)
    place = np.minimum(np.searchsorted(labels, label), len(labels) - 1)
    return np.where(labels[place] == label, highest[joined[place]], label), np.unique(highest)


def _gathered(
    comm: MPI.Intracomm, columns: tuple[NDArray, ...], chosen: NDArray[np.bool_]
) -> tuple[NDArray, ...]:
    """Return the chosen rows of all ranks' columns on every rank; *collective*."""
    everywhere = comm.allgather(tuple(column[chosen] for column in columns))
    return tuple(np.concatenate(pieces) for pieces in zip(*everywhere, strict=True))


def _entries(
    rows: _Rows, label: NDArray[np.int64], members: tuple[NDArray[np.int64], ...]
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return the owned rows of the clusters' blocks: global rows and columns, values, labels.

    Clusters of one are left out. `members` are the dofs, and their labels, of clusters on several ranks.
    """
    _, place, count = np.unique(label, return_inverse=True, return_counts=True)
    foreign, order = np.unique(members[0], return_index=True)
    tied = (count[place] > 1) | np.isin(np.arange(rows.first, rows.last), foreign)
    entry = np.flatnonzero(tied[rows.row - rows.first])
    row, column, value = rows.row[entry], rows.column[entry].astype(np.int64), rows.value[entry]
    here = rows.owned(column)
    other = np.full(len(column), -1, dtype=np.int64)
    other[here] = label[column[here] - rows.first]
    away = np.flatnonzero(~here & np.isin(column, foreign))
    other[away] = members[1][order][np.searchsorted(foreign, column[away])]
    kept = label[row - rows.first] == other
    return row[kept], column[kept], value[kept], other[kept]


def _inverted(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.float64],
    labels: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return rows, columns and values of the inverse of a block-diagonal matrix given by its entries."""
    dofs, first, row = np.unique(rows, return_index=True, return_inverse=True)
    column = np.searchsorted(dofs, columns)
    _, cluster, size = np.unique(labels[first], return_inverse=True, return_counts=True)
    order = np.argsort(cluster, kind="stable")
    start = np.cumsum(size) - size
    place = np.empty(len(dofs), dtype=np.int64)
    place[order] = np.arange(len(dofs)) - start[cluster[order]]
    pieces = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for width in np.unique(size):
        chosen = np.flatnonzero(size == width)
        number = np.full(len(size), -1)
        number[chosen] = np.arange(len(chosen))
        entry = np.flatnonzero(number[cluster[row]] >= 0)
        blocks = np.zeros((len(chosen), width, width))
        blocks[number[cluster[row[entry]]], place[row[entry]], place[column[entry]]] = values[entry]
        member = dofs[order[start[chosen][:, None] + np.arange(width)]]
        pieces.append(
            (
                np.repeat(member, width, axis=1).ravel(),
                np.tile(member, (1, width)).ravel(),
                np.linalg.inv(blocks).ravel(),
            )
        )
    return tuple(np.concatenate(column) for column in zip(*pieces, strict=True))


def _as_matrix(
    diagonal: PETSc.Vec, blocks: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]
) -> PETSc.Mat:
    """Return the matrix of the blocks' rows that this rank owns and 1/diagonal elsewhere; *collective*."""
    first, last = diagonal.getOwnershipRange()
    rows, columns, values = (np.concatenate(column) for column in zip(*blocks, strict=True))
    mine = (first <= rows) & (rows < last)
    single = np.ones(last - first, dtype=bool)
    single[rows[mine] - first] = False
    single = np.flatnonzero(single)
    table = coo_matrix(
        (
            np.concatenate([values[mine], 1.0 / diagonal.array_r[single]]),
            (np.concatenate([rows[mine] - first, single]), np.concatenate([columns[mine], single + first])),
        ),
        shape=(last - first, diagonal.getSize()),
    ).tocsr()
    size = (last - first, diagonal.getSize())
    integer = PETSc.IntType
    csr = (table.indptr.astype(integer), table.indices.astype(integer), table.data)
    inverse = PETSc.Mat().createAIJ((size, size), csr=csr, comm=diagonal.getComm())
    inverse.assemble()
    return inverse
