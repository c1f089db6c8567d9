"""Cases for the tests of this room."""

from __future__ import annotations

import pytest

ISSUED = """\
name: lu2021
geometry: {dimension: 3, size_um: [50, 50, 50]}   # the electrolyte alone
grains: {arrangement: voronoi, mean_size_um: 10, seed: 1, relaxation_steps: 3, boundary: cut, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
homogenizing_layer: {thickness_um: 10, conductivity_S_per_cm: 1.0e-4, sides: both, contact_asr_ohm_cm2: 0}
electrodes: {bottom_V: 0.0, top_V: 0.1, asr_ohm_cm2: 0}
temperature_C: 25
mesh: {size_um: 1.0, electrode_size_um: 0.5, reproducible: false}
solver: {rtol: 1.0e-10, max_iterations: 500, preconditioner: hypre, order: 1}
output: {fields: true, figures: true}
"""  # noqa: E501

MINIMAL = """\
geometry: {size_um: [50, 50, 50]}
grains: {mean_size_um: 10, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
"""


@pytest.fixture
def full() -> str:
    """Text of a case with every block."""
    return ISSUED


@pytest.fixture
def minimal() -> str:
    """Text of the shortest case."""
    return MINIMAL
