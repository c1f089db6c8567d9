"""An electrode sunk half into a half-space: R of a spheroid of radius a and depth b, R·4σa by b/a.

The electrode is a very conductive body (contrast 1e6) on the bottom electrode; the surface around it
insulates. What lies beyond a confocal surface, an equipotential, is as conductive and stands for the far end:
so the domain is finite, and what it leaves out is known exactly. Contrast costs 1e-6 of R.
"""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import electrode_currents, solved
from orders import fitted_order
from spheroids import spreading_resistance

from meshes_confocal import confocal, shells_between

CONTRAST = 1.0e6
#: R·4σa: atan(c/b)/(2πσc), c² = a² − b², or artanh(c/b)/(2πσc), c² = b² − a².
TABLE = {0.1: 0.94095, 0.5: 0.76980, 1.0: 0.63662, 2.0: 0.48405, 5.0: 0.29790, 10.0: 0.19151}


def reduced_resistance(depth: float, intervals: int) -> float:
    """R·4σa with a = 1 µm, σ = 1 S/m: what is meshed, and exactly the rest."""
    axes = (1.0, depth)
    shells = shells_between(axes, (2.0 * max(axes)) ** 2, intervals)
    found = confocal(3, axes, shells, intervals, max(2, intervals // 4), 3.0 * max(axes), True)
    conductive = (found.layer == 0) | (found.layer == len(shells) + 1)
    solution = solved(found.mesh, np.where(conductive, CONTRAST, 1.0), rtol=1.0e-9)
    octant = 0.1 / electrode_currents(found.mesh, solution)[1]
    return 4.0 * (octant / 4.0 * 1.0e-6 + spreading_resistance(axes, shells[-1]))


@pytest.mark.parametrize("depth", TABLE)
def test_the_table_is_the_integral(depth: float) -> None:
    assert 4.0 * spreading_resistance((1.0, depth)) == pytest.approx(TABLE[depth], abs=6.0e-6)


@pytest.mark.parametrize("depth", TABLE)
def test_resistance(depth: float) -> None:
    """O(h²): the value extrapolated from two meshes is right to 0.3 %, mostly to 0.01 %."""
    coarse, fine = (reduced_resistance(depth, intervals) for intervals in (8, 16))
    exact = TABLE[depth]
    assert coarse < fine < exact  # P1 conducts too well, and so do chords across a curved electrode's field
    extrapolated = (4.0 * fine - coarse) / 3.0
    print(f"measured: R·4σa {extrapolated:.5f}, exact {exact:.5f}")
    assert extrapolated == pytest.approx(exact, rel=3.0e-3)


@pytest.mark.parametrize("depth", [0.5, 1.0, 2.0])
def test_error_falls_with_the_square_of_the_mesh_size(depth: float) -> None:
    errors = [TABLE[depth] - reduced_resistance(depth, n) for n in (4, 8, 16)]
    order = fitted_order([1.0, 0.5, 0.25], errors)
    print(f"measured: order {order:.2f}")
    assert 1.8 < order < 2.2
