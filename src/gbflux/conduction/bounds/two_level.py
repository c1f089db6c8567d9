"""Two-level preconditioner of Crouzeix–Raviart elements: clusters of facets above, the P1 solve below.

P1 lies in the Crouzeix–Raviart space: the value at a facet is the mean of its vertices. With that
prolongation P, PᵀAP is the P1 matrix itself (with resistive electrodes close to it), so its
preconditioner is at hand; so it is with potentials linear on facets, which P1 gives its traces. What is left
is local, but for layers, where facets couple over a few nanometres and over micrometres at once; `clusters`
takes care of these. One application is

    smoother, P (P1 preconditioner) Pᵀ, smoother

symmetric and positive definite. The smoother is a Chebyshev polynomial of degree 2 in B⁻¹A for the upper
part of its spectrum, whose end is known: A ≤ (dimension + 1) B. It knows nothing of ranks.
"""

from __future__ import annotations

import numpy as np
from petsc4py import PETSc

from gbflux.conduction import compat

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
    fine: compat.fem.FunctionSpace,
    coarse: compat.fem.FunctionSpace,
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
