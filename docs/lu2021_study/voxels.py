"""A second, coarser model of the same grains: finite volumes on voxels, boundaries as resistances of faces.

It shares the tessellation with the mesh and nothing else. A plane of normal n that voxels resolve as stairs
has the area |n_x| + |n_y| + |n_z| times too large; each of its faces conducts that much less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gbflux.case import Case
from gbflux.grains import tessellate
from gbflux.mesh import recipe
from lu2021_study.cases import UNRELAXED_BI, Run

#: Voxels along a mean grain size.
PER_GRAIN = 16


@dataclass(frozen=True)
class VoxelRun:
    """A bare 3D run on voxels instead of a mesh."""

    run: Run

    @property
    def group(self) -> str:
        """Name without the seed's number."""
        return f"voxels-{self.run.group}"

    @property
    def name(self) -> str:
        """Name of the run, and how it is solved."""
        return f"voxels-{self.run.name}"

    def case(self) -> Case:
        """The case."""
        return self.run.case()


def voxel_runs() -> list[VoxelRun]:
    """The Poisson–Voronoi runs once more."""
    return [VoxelRun(Run(3, "cut", 0, bi, 1, relaxation_steps=0)) for bi in UNRELAXED_BI]


def solve_voxels(run: Run, per_grain: int = PER_GRAIN) -> dict[str, dict[str, float]]:
    """Solve a bare 3D run on voxels; for each side what `runs.row` gives."""
    case = run.case()
    h = case.mean_grain_size_um / per_grain
    grain, seeds = voxels(case, h)
    phi = potential(grain, seeds, h, case)
    sigma, step = case.grains.conductivity_S_per_cm * 1e2, h * 1e-6
    volt = case.potentials
    ends = {"bottom": (0, volt[0]), "top": (-1, volt[1])}
    flow = {side: np.abs(phi[:, :, k] - v) * 2 * sigma / step for side, (k, v) in ends.items()}
    height = grain.shape[2] * step
    sigma_eff = flow["top"].mean() * height / abs(volt[1] - volt[0])
    found = {side: spots(j, grain[:, :, ends[side][0]], case, h) for side, j in flow.items()}
    return {side: {**values, "sigma_eff": float(sigma_eff / 100)} for side, values in found.items()}


def voxels(case: Case, h: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Grain of each voxel, and the seeds of the grains (µm)."""
    cells = tessellate(recipe(case).arrangement)
    axes = [(np.arange(round(length / h)) + 0.5) * h for length in case.size_um]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return cKDTree(cells.seeds).query(centres)[1], cells.seeds


def potential(grain: NDArray, seeds: NDArray, h: float, case: Case) -> NDArray[np.float64]:
    """Potential of each voxel (V)."""
    from petsc4py import PETSc

    sigma, step = case.grains.conductivity_S_per_cm * 1e2, h * 1e-6
    boundary = case.delta_um * 1e-6 / (case.grain_boundary.conductivity_S_per_cm * 1e2)
    number = np.arange(grain.size, dtype=np.int32).reshape(grain.shape)
    pairs, weights = [], []
    for axis in range(3):
        i, j = (np.moveaxis(number, axis, 0)[part].ravel() for part in (slice(None, -1), slice(1, None)))
        a, b = grain.ravel()[i], grain.ravel()[j]
        normal = seeds[b] - seeds[a]
        size = np.linalg.norm(normal, axis=1)
        stairs = np.abs(normal).sum(axis=1) / np.where(size > 0, size, 1.0)
        pairs.append((i, j))
        weights.append(step**2 / (step / sigma + np.where(a == b, 0.0, boundary * stairs)))
    i, j = (np.concatenate(part) for part in zip(*pairs, strict=True))
    w = np.concatenate(weights)
    electrode = 2 * sigma * step
    diagonal = np.bincount(i, w, grain.size) + np.bincount(j, w, grain.size)
    right = np.zeros(grain.size)
    for k, volt in zip((0, -1), case.potentials, strict=True):
        diagonal[number[:, :, k].ravel()] += electrode
        right[number[:, :, k].ravel()] += electrode * volt
    matrix = _matrix(i, j, w, diagonal)
    solver = PETSc.KSP().create(PETSc.COMM_SELF)
    solver.setOperators(matrix)
    solver.setType("cg")
    solver.getPC().setType("hypre")
    solver.setTolerances(rtol=1e-10, max_it=500)
    b, x = matrix.createVecLeft(), matrix.createVecRight()
    b.array = right
    solver.solve(b, x)
    if solver.getConvergedReason() <= 0:
        raise RuntimeError(f"voxels: the solver must converge; got reason {solver.getConvergedReason()}.")
    return x.array.reshape(grain.shape).copy()


def _matrix(i: NDArray, j: NDArray, w: NDArray, diagonal: NDArray):
    """PETSc matrix of the network of conductances."""
    from petsc4py import PETSc
    from scipy.sparse import coo_matrix

    n = len(diagonal)
    own = np.arange(n, dtype=np.int32)
    rows, columns = np.concatenate([i, j, own]), np.concatenate([j, i, own])
    sparse = coo_matrix((np.concatenate([-w, -w, diagonal]), (rows, columns)), shape=(n, n)).tocsr()
    csr = (sparse.indptr.astype(PETSc.IntType), sparse.indices.astype(PETSc.IntType), sparse.data)
    return PETSc.Mat().createAIJ((n, n), csr=csr, comm=PETSc.COMM_SELF)


def spots(j: NDArray, grain: NDArray, case: Case, h: float) -> dict[str, float]:
    """Hot spots of one electrode, defined as in docs/metrics.md; voxels have equal areas."""
    j = j / j.mean()
    count = np.bincount(grain.ravel())
    exposed = count > 0
    density = np.bincount(grain.ravel(), j.ravel())[exposed] / count[exposed]
    large = count[exposed] * h**2 > 0.1 * case.mean_grain_size_um**2
    ordered = np.sort(j.ravel())
    return {
        "max": float(j.max()),
        "p99": float(ordered[int(np.ceil(0.99 * j.size)) - 1]),
        "p999": float(ordered[int(np.ceil(0.999 * j.size)) - 1]),
        "grain": float(density.max()),
        "grain_cut": float(density[large].max()),
        "grain_median": float(density.max() / np.median(density)),
        "grain_min": float(density.max() / density.min()),
        "smallest_facet_um": h,
    }
