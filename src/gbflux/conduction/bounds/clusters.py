"""Two-level preconditioner of facet unknowns: clusters of facets above, the P1 solve below.

**Below.** P1 lies in the Crouzeix–Raviart space: the value at a facet is the mean of its vertices. With that
prolongation P, PᵀAP is the P1 matrix itself (with resistive electrodes close to it), so its
preconditioner is at hand; so it is with potentials linear on facets, which P1 gives its traces.

**Above.** What is left is local, but for layers, where facets couple over a few nanometres and over
micrometres at once. Where a triple line is filled, cells are a layer's thickness δ wide in two directions and
h long. They couple their long facets like σh, the rest of the mesh couples to these like σδ: a potential that
is constant on the facets of one filling is nearly free, and no point smoother moves it. The same holds for
the facets of a cell between triple lines, for those stacked in one layer where layers conduct well, and for
slivers among the cells of grains. Such clusters hold a dozen facets, so they are solved exactly. They are
read off the matrix, in which two facets share an entry if they share a cell, and are whole also where ranks
meet.

One application is

    smoother, P (P1 preconditioner) Pᵀ, smoother

symmetric and positive definite. The smoother is a Chebyshev polynomial of degree 2 in B⁻¹A, B the matrix on
the clusters, for the upper part of its spectrum, whose end is known: A ≤ (dimension + 1) B. It knows nothing
of ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gbflux.conduction import compat
from gbflux.conduction.compat import FunctionSpace
from gbflux.conduction.records import Array, IntArray, Mask

#: The smoother damps eigenvalues between the largest and this share of it.
_DAMPED = 0.2


class TwoLevel:
    """The preconditioner M⁻¹; `destroy` frees its PETSc objects except the arguments.

    Parameters
    ----------
    matrix : PETSc.Mat
        A, with identity rows at fixed facets.
    inverse : PETSc.Mat
        B⁻¹, from `clusters`.
    prolongation : PETSc.Mat
        P, from `prolongation`.
    coarse : PETSc.PC
        Preconditioner of the P1 matrix.
    largest : float
        A ≤ largest·B.
    """

    def __init__(
        self,
        matrix: PETSc.Mat,
        inverse: PETSc.Mat,
        prolongation: PETSc.Mat,
        coarse: PETSc.PC,
        largest: float,
    ):
        self._matrix, self._inverse, self._prolongation, self._coarse = matrix, inverse, prolongation, coarse
        centre, half = largest * (1.0 + _DAMPED) / 2.0, largest * (1.0 - _DAMPED) / 2.0
        # p(t) with 1 − t p(t) = T₂((centre − t)/half)/T₂(centre/half), T₂(x) = 2x² − 1
        scale = 2.0 * centre**2 / half**2 - 1.0
        self._constant, self._linear = 4.0 * centre / half**2 / scale, -2.0 / half**2 / scale
        fine, below = prolongation.createVecLeft, prolongation.createVecRight
        self._residual, self._step, self._product, self._smooth = fine(), fine(), fine(), fine()
        self._below, self._coarse_step = below(), below()

    def apply(self, residual: PETSc.Vec, step: PETSc.Vec) -> None:
        """Set `step` to M⁻¹ `residual`; *collective*."""
        self._smoothed(residual, step)
        self._remaining(residual, step)
        self._prolongation.multTranspose(self._residual, self._below)
        self._coarse.apply(self._below, self._coarse_step)
        self._prolongation.multAdd(self._coarse_step, step, step)
        self._remaining(residual, step)
        self._smoothed(self._residual, self._smooth)
        step.axpy(1.0, self._smooth)

    def destroy(self) -> None:
        """Free the work vectors; *collective*."""
        for vector in (
            self._residual,
            self._step,
            self._product,
            self._smooth,
            self._below,
            self._coarse_step,
        ):
            vector.destroy()

    def _remaining(self, residual: PETSc.Vec, step: PETSc.Vec) -> None:
        """Keep the residual that a step leaves."""
        self._matrix.mult(step, self._residual)
        self._residual.aypx(-1.0, residual)

    def _smoothed(self, residual: PETSc.Vec, step: PETSc.Vec) -> None:
        """Set `step` to p(B⁻¹A) B⁻¹ `residual`."""
        self._inverse.mult(residual, self._step)
        self._matrix.mult(self._step, self._product)
        self._inverse.mult(self._product, step)
        step.scale(self._linear)
        step.axpy(self._constant, self._step)


def prolongation(
    fine: FunctionSpace,
    coarse: FunctionSpace,
    fixed_facets: np.ndarray,
    fixed_vertices: np.ndarray,
) -> PETSc.Mat:
    """Return P, which takes means over vertices to facets, zero where either is fixed; *collective*.

    Parameters
    ----------
    fine, coarse : dolfinx.fem.FunctionSpace
        The Crouzeix–Raviart and the P1 space.
    fixed_facets, fixed_vertices : int arrays
        Local dofs at ideal electrodes.

    Returns
    -------
    PETSc.Mat
        One row for each facet.
    """
    dimension = fine.mesh.topology.dim
    facets, vertices = compat.facet_dofs(fine), compat.vertex_dofs(coarse)
    owned, owned_below = (space.dofmap.index_map.size_local for space in (fine, coarse))
    numbers = compat.global_dofs(coarse)
    columns = np.zeros((owned, dimension), dtype=PETSc.IntType)
    weights = np.full(len(numbers), 1.0 / dimension)
    weights[fixed_vertices] = 0.0
    values = np.zeros((owned, dimension))
    for opposite in range(dimension + 1):
        row = facets[:, opposite]
        here = row < owned
        corners = np.delete(vertices, opposite, axis=1)[here]
        columns[row[here]] = numbers[corners]
        values[row[here]] = weights[corners]
    values[fixed_facets[fixed_facets < owned]] = 0.0
    offsets = np.arange(0, owned * dimension + 1, dimension, dtype=PETSc.IntType)
    sizes = (
        (owned, fine.dofmap.index_map.size_global),
        (owned_below, coarse.dofmap.index_map.size_global),
    )
    matrix = PETSc.Mat().createAIJ(sizes, csr=(offsets, columns.ravel(), values.ravel()), comm=fine.mesh.comm)
    matrix.assemble()
    return matrix


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
    row: IntArray
    column: IntArray
    value: Array

    def owned(self, dofs: IntArray) -> Mask:
        """Return which dofs this rank owns."""
        return (self.first <= dofs) & (dofs < self.last)


def cluster_inverse(matrix: PETSc.Mat, layered: Mask, facets: PETSc.Mat | None = None) -> PETSc.Mat:
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
    diagonal.destroy()
    label, cross = _labels(comm, rows, tied)
    members = _gathered(comm, (np.arange(rows.first, rows.last), label), np.isin(label, cross))
    entry, entry_label = _entries(rows, label, members)
    columns = rows.row[entry], rows.column[entry], _blocks(matrix, rows, entry), entry_label
    at_cut = np.isin(entry_label, cross)
    inverse = _empty(matrix, label, members)
    for cluster in _inverted(*(column[~at_cut] for column in columns)):
        _insert(inverse, *cluster)
    for cluster in _inverted(*_gathered(comm, columns, at_cut)):
        _insert(inverse, *cluster)
    inverse.assemble()
    return inverse


def _rows(matrix: PETSc.Mat) -> _Rows:
    """Return the owned entries off the diagonal and on it."""
    first, last = matrix.getOwnershipRange()
    offsets, column, value = matrix.getValuesCSR()
    row = np.repeat(np.arange(first, last), np.diff(offsets))
    return _Rows(first, last, row, column, value)


def _tied(rows: _Rows, diagonal: PETSc.Vec, threshold: Array) -> tuple[NDArray, NDArray]:
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


def _fetched(vector: PETSc.Vec, dofs: IntArray) -> Array:
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


def _parts(one: NDArray, other: NDArray, count: int) -> IntArray:
    """Return the connected component of each of `count` nodes of a graph."""
    graph = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _labels(comm: MPI.Intracomm, rows: _Rows, tied: tuple[NDArray, NDArray]) -> tuple[IntArray, IntArray]:
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


def _gathered(comm: MPI.Intracomm, columns: tuple[NDArray, ...], chosen: Mask) -> tuple[NDArray, ...]:
    """Return the chosen rows of all ranks' columns on every rank; *collective*."""
    everywhere = comm.allgather(tuple(column[chosen] for column in columns))
    return tuple(np.concatenate(pieces) for pieces in zip(*everywhere, strict=True))


def _entries(rows: _Rows, label: IntArray, members: tuple[IntArray, ...]) -> tuple[IntArray, IntArray]:
    """Return which of the owned entries lie in a cluster's block, and its label.

    `members` are the facets, and their labels, of clusters on several ranks.
    """
    foreign, order = np.unique(members[0], return_index=True)
    here = rows.owned(rows.column)
    other = np.full(len(rows.column), -1, dtype=np.int64)
    other[here] = label[rows.column[here] - rows.first]
    away = np.flatnonzero(~here & np.isin(rows.column, foreign))
    other[away] = members[1][order][np.searchsorted(foreign, rows.column[away])]
    entry = np.flatnonzero(label[rows.row - rows.first] == other)
    return entry, other[entry]


def _blocks(matrix: PETSc.Mat, rows: _Rows, entry: IntArray) -> Array:
    """Return the block of rows and columns of `matrix` behind each of some entries of the facets' matrix."""
    offsets, _, values = matrix.getValuesCSR()
    start = np.searchsorted(rows.row, np.arange(rows.first, rows.last))
    facet = rows.row[entry] - rows.first
    place = entry - start[facet]
    width = np.arange(matrix.getBlockSize())
    begin = offsets[len(width) * facet[:, None] + width] + len(width) * place[:, None]
    return values[begin[:, :, None] + width]


def _inverted(
    rows: IntArray,
    columns: IntArray,
    blocks: Array,
    labels: IntArray,
) -> Iterator[tuple[IntArray, Array]]:
    """Yield the facets, (n, k), of the clusters of each size k and their inverses, (n, k·width, k·width)."""
    facets, first, row = np.unique(rows, return_index=True, return_inverse=True)
    column, width = np.searchsorted(facets, columns), blocks.shape[1]
    _, cluster, size = np.unique(labels[first], return_inverse=True, return_counts=True)
    order = np.argsort(cluster, kind="stable")
    start = np.cumsum(size) - size
    place = np.empty(len(facets), dtype=np.int64)
    place[order] = np.arange(len(facets)) - start[cluster[order]]
    for k in np.unique(size):
        chosen = np.flatnonzero(size == k)
        number = np.full(len(size), -1)
        number[chosen] = np.arange(len(chosen))
        entry = np.flatnonzero(number[cluster[row]] >= 0)
        whole = np.zeros((len(chosen), k, width, k, width))
        whole[number[cluster[row[entry]]], place[row[entry]], :, place[column[entry]], :] = blocks[entry]
        member = facets[order[start[chosen][:, None] + np.arange(k)]]
        yield member, np.linalg.inv(whole.reshape(len(chosen), k * width, k * width))


def _empty(matrix: PETSc.Mat, label: IntArray, members: tuple[NDArray, NDArray]) -> PETSc.Mat:
    """Return a matrix with room for a row of blocks, for each owned facet, as long as its cluster."""
    _, place, count = np.unique(label, return_inverse=True, return_counts=True)
    near = count[place]
    labels, total = np.unique(members[1], return_counts=True)
    at = np.minimum(np.searchsorted(labels, label), max(len(labels) - 1, 0))
    far = np.zeros_like(near)
    if len(labels):
        far = np.where(labels[at] == label, total[at] - near, 0)
    sizes, _ = matrix.getSizes()
    width = matrix.getBlockSize()
    inverse = PETSc.Mat().create(comm=matrix.getComm())
    inverse.setSizes((sizes, sizes), bsize=width)
    inverse.setType("aij")
    inverse.setPreallocationNNZ([np.repeat(width * n, width).astype(PETSc.IntType) for n in (near, far)])
    inverse.setOption(PETSc.Mat.Option.IGNORE_OFF_PROC_ENTRIES, True)
    return inverse


def _insert(inverse: PETSc.Mat, facets: IntArray, blocks: Array) -> None:
    """Put in the rows of clusters that this rank owns."""
    numbers = np.ascontiguousarray(facets, dtype=PETSc.IntType)
    inverse.setValuesBlockedRCV(numbers, numbers, np.ascontiguousarray(blocks).reshape(len(numbers), -1))
