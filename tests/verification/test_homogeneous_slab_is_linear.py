"""σ_gb = σ_g and no other resistance: the potential is linear in z whatever the mesh, thin layers and all."""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import electrode_currents, solved

from meshes_by_hand import BARE_STACK, area_m2, stack


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("order", [1, 2])
def test_potential_and_current(dimension: int, order: int) -> None:
    mesh = stack(BARE_STACK, dimension)
    solution = solved(mesh, np.full(len(mesh.cells), 0.05), order=order)
    length = mesh.z_electrodes[1] - mesh.z_electrodes[0]
    assert solution.fields.phi == pytest.approx(0.1 * mesh.points[:, -1] / length, abs=1e-10)
    exact = 0.05 * 0.1 / (length * 1e-6) * area_m2(mesh)
    assert electrode_currents(mesh, solution) == pytest.approx((-exact, exact), rel=1e-9)
