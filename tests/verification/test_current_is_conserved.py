"""What enters at one electrode leaves at the other, and no current appears in between, at any contrast."""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import electrode_currents, solved

from gbflux.conduction import Resistance, top_electrode
from gbflux.mesh import CellKind
from meshes_by_hand import BARE_STACK, FULL_STACK, stack


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("asr", [0.0, 1.0e-4, 0.1])
@pytest.mark.parametrize("ratio", [1.0, 1.0e-3, 1.0e-6])
def test_in_equals_out(ratio: float, asr: float, order: int) -> None:
    mesh = stack(FULL_STACK)
    sigma = np.random.default_rng(3).uniform(0.01, 0.05, len(mesh.cells))
    sigma[np.isin(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION))] *= ratio
    solution = solved(mesh, sigma, top=top_electrode(0.1, Resistance(asr)), order=order)
    entering_bottom, entering_top = electrode_currents(mesh, solution)
    assert entering_top > 0
    assert entering_bottom == pytest.approx(-entering_top, rel=1e-9)
    inside = ~np.isin(mesh.points[:, -1], mesh.z_electrodes)
    assert np.abs(solution.fields.residual[inside]).max() <= 1e-8 * entering_top
    assert solution.relative_residual <= 1e-10


def test_residual_is_the_current_into_each_hat() -> None:
    """residual_i = −Σ_cells V j·∇λ_i, worked out here from the cell means alone."""
    mesh = stack(BARE_STACK, across=2)
    sigma = np.random.default_rng(4).uniform(0.01, 0.05, len(mesh.cells))
    for order in (1, 2):
        fields = solved(mesh, sigma, order=order).fields
        corners = mesh.points[mesh.cells] * 1e-6
        edges = corners[:, 1:] - corners[:, :1]
        volume = np.linalg.det(edges) / 6
        gradients = np.linalg.inv(edges).transpose(0, 2, 1)
        gradients = np.concatenate([-gradients.sum(axis=1, keepdims=True), gradients], axis=1)
        through = -np.einsum("m,mk,mik->mi", volume, fields.j, gradients)
        expected = np.bincount(mesh.cells.ravel(), through.ravel())
        assert fields.residual == pytest.approx(expected, abs=1e-12 * np.abs(through).max())
