"""Facets that thin cells tie together, and the inverse of the matrix on each such cluster.

Where a triple line is filled, cells are a layer's thickness δ wide in two directions and h long. They couple
their long facets like σh, the rest of the mesh couples to these like σδ: a potential that is constant on the
facets of one filling is nearly free, and no point smoother moves it. The same holds for the facets of a cell
between triple lines and, where layers conduct well, for those stacked in one layer. Such clusters hold a
dozen facets, so they are solved exactly. They are whole also where ranks meet.
"""

from __future__ import annotations

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gbflux.conduction import compat

#: Two facets of a thin cell are tied if |K_ij| exceeds this share of √(A_ii A_jj), K the cell's matrix. Clusters
#: larger than `LARGEST` are taken apart with the next one, and in the end into single facets.
THRESHOLDS = (0.3, 0.45, 0.6, np.inf)
LARGEST = 24


def cluster_inverse(
    matrix: PETSc.Mat,
    vector: PETSc.Vec,
    space: compat.fem.FunctionSpace,
    sigma: NDArray[np.float64],
    thin: NDArray[np.bool_],
) -> PETSc.Mat:
    """Invert the matrix of Crouzeix–Raviart elements on each cluster alone; *collective*.

    Parameters
    ----------
    matrix : PETSc.Mat
        Symmetric and positive definite, with identity rows at fixed facets.
    vector : PETSc.Vec
        Any ghosted vector of `space`, for its layout.
    space : dolfinx.fem.FunctionSpace
        The Crouzeix–Raviart space.
    sigma : (m_local,) float64 array
        Scaled conductivity of the local cells.
    thin : (m_local,) bool array
        Cells that may tie their facets together: those of layers.

    Returns
    -------
    PETSc.Mat
        B⁻¹, block diagonal but for the numbering; most facets are clusters of one. A ≤ (dimension + 1) B,
        because that holds in each cell.
    """
    comm = space.mesh.comm
    dofs = compat.global_dofs(space)
    owned = vector.getLocalSize()
    diagonal = matrix.getDiagonal()
    part = _tied(*_couplings(space, sigma, thin), _with_ghosts(vector, diagonal.array_r))
    label = _agreed(comm, vector, part, dofs)
    cross = _on_several_ranks(comm, vector, part, label)
    members = _gathered(comm, (dofs[:owned], label[:owned]), np.isin(label[:owned], cross))
    rows, columns, values, labels = _entries(matrix, label[:owned], members)
    at_cut = np.isin(labels, cross)
    blocks = [
        _inverted(*(column[~at_cut] for column in (rows, columns, values, labels))),
        _inverted(*_gathered(comm, (rows, columns, values, labels), at_cut)),
    ]
    inverse = _as_matrix(diagonal, blocks)
    diagonal.destroy()
    return inverse


def _couplings(
    space: compat.fem.FunctionSpace, sigma: NDArray[np.float64], thin: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return (k, d + 1) local dofs of thin cells and (k, d + 1, d + 1) cell matrices, in absolute values."""
    domain = space.mesh
    dimension = domain.topology.dim
    corners = domain.geometry.x[compat.cell_nodes(domain)[thin]][:, :, :dimension]
    edges = corners[:, 1:] - corners[:, :1]
    gradients = np.empty_like(corners)
    gradients[:, 1:] = np.swapaxes(np.linalg.inv(edges), 1, 2)
    gradients[:, 0] = -gradients[:, 1:].sum(axis=1)
    volume = np.abs(np.linalg.det(edges)) / (2 if dimension == 2 else 6)
    weight = dimension**2 * sigma[thin] * volume
    couplings = np.abs(np.einsum("cid,cjd->cij", gradients, gradients)) * weight[:, None, None]
    return compat.facet_dofs(space)[thin], couplings


def _tied(
    facets: NDArray[np.int32], couplings: NDArray[np.float64], diagonal: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return the cluster of each local dof, by this rank's cells alone; `diagonal` is that of all."""
    strength = couplings / np.sqrt(diagonal[facets][:, :, None] * diagonal[facets][:, None, :])
    one, other = np.triu_indices(facets.shape[1], 1)
    strength = strength[:, one, other].ravel()
    one, other = facets[:, one].ravel(), facets[:, other].ravel()
    kept = np.ones(len(strength), dtype=bool)
    for threshold in THRESHOLDS:
        kept &= strength > threshold
        part = _parts(one[kept], other[kept], len(diagonal))
        oversize = np.bincount(part)[part] > LARGEST
        if not oversize.any():
            break
        strength = np.where(oversize[one], strength, np.inf)  # the others stay as they are
    return part


def _parts(one: NDArray[np.int32], other: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Return the connected component of each of `count` nodes of a graph."""
    graph = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _with_ghosts(vector: PETSc.Vec, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values at owned dofs followed by those at ghosts, of a vector laid out as `vector`; *collective*."""
    ghosted = vector.duplicate()
    ghosted.array[:] = values
    ghosted.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
    with ghosted.localForm() as local:
        result = local.array_r.copy()
    ghosted.destroy()
    return result


def _gathered_at_owners(
    vector: PETSc.Vec, values: NDArray[np.float64], mode: PETSc.InsertMode
) -> NDArray[np.float64]:
    """Combine the values that ranks have for the same dof and give all of them the outcome; *collective*."""
    ghosted = vector.duplicate()
    with ghosted.localForm() as local:
        local.array[:] = values
    ghosted.ghostUpdate(addv=mode, mode=PETSc.ScatterMode.REVERSE)
    result = _with_ghosts(vector, ghosted.array_r)
    ghosted.destroy()
    return result


def _agreed(
    comm: MPI.Intracomm, vector: PETSc.Vec, part: NDArray[np.int32], dofs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the largest global dof in the cluster of each local dof, over all ranks; *collective*."""
    label = dofs.astype(np.float64)
    while True:
        largest = np.full(part.max(initial=-1) + 1, -1.0)
        np.maximum.at(largest, part, label)
        spread = _gathered_at_owners(vector, largest[part], PETSc.InsertMode.MAX_VALUES)
        unchanged = bool(np.array_equal(spread, label))
        label = spread
        if comm.allreduce(unchanged, MPI.LAND):
            return label.astype(np.int64)


def _on_several_ranks(
    comm: MPI.Intracomm, vector: PETSc.Vec, part: NDArray[np.int32], label: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the labels of the clusters that may lie on several ranks; *collective*."""
    holders = _gathered_at_owners(vector, np.ones(len(label)), PETSc.InsertMode.ADD_VALUES)
    tied = np.bincount(part, minlength=1)[part] > 1
    return np.unique(np.concatenate(comm.allgather(np.unique(label[tied & (holders > 1.0)]))))


def _gathered(
    comm: MPI.Intracomm, columns: tuple[NDArray, ...], chosen: NDArray[np.bool_]
) -> tuple[NDArray, ...]:
    """Return the chosen rows of all ranks' columns on every rank; *collective*."""
    everywhere = comm.allgather(tuple(column[chosen] for column in columns))
    return tuple(np.concatenate(pieces) for pieces in zip(*everywhere, strict=True))


def _entries(
    matrix: PETSc.Mat, label: NDArray[np.int64], members: tuple[NDArray[np.int64], ...]
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return the owned rows of the clusters' blocks: global rows and columns, values, labels.

    Clusters of one are left out. `members` are the dofs, and their labels, of clusters on several ranks.
    """
    first, last = matrix.getOwnershipRange()
    offsets, columns, values = matrix.getValuesCSR()
    _, place, count = np.unique(label, return_inverse=True, return_counts=True)
    foreign, order = np.unique(members[0], return_index=True)
    rows = np.flatnonzero((count[place] > 1) | np.isin(np.arange(first, last), foreign))
    lengths = np.diff(offsets)[rows]
    entry = np.repeat(offsets[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    row, column, value = np.repeat(rows, lengths), columns[entry].astype(np.int64), values[entry]
    inside = (first <= column) & (column < last)
    other = np.full(len(column), -1, dtype=np.int64)
    other[inside] = label[column[inside] - first]
    outside = np.flatnonzero(~inside & np.isin(column, foreign))
    other[outside] = members[1][order][np.searchsorted(foreign, column[outside])]
    kept = label[row] == other
    return row[kept] + first, column[kept], value[kept], other[kept]


def _inverted(
    rows: NDArray[np.int64], columns: NDArray[np.int64], values: NDArray[np.float64], labels: NDArray[np.int64]
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
    """Return the matrix made of the blocks' rows that this rank owns and 1/diagonal elsewhere; *collective*."""
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
