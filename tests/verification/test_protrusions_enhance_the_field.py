"""A conducting half spheroid on an electrode: the field at its apex is γ = 1/N_z times the uniform field.

A box is finite, but confocal shells help: a conducting core in a shell σ_s is neutral in a matrix

    σ_m = σ_s (1 + 2/(b₁ a₁^(d−1) (I(0) − I(λ₁))))

(a₁, b₁ the shell's outer semi-axes, I of `spheroids`), so that the field around is exactly uniform and the
box may be close. In the shell it is what it would be without end in the field E I(0)/(I(0) − I(λ₁)).
"""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import solved
from spheroids import along_integral

from meshes_confocal import confocal, shells_between

CONTRAST = 1.0e6
GRADING = 2.0  # of points towards the apex
#: Height over radius: γ in 3D.
TABLE = {
    0.25: 1.4212,
    0.5: 1.8968,
    1.0: 3.0,
    1.5: 4.2922,
    2.0: 5.7616,
    3.0: 9.1988,
    5.0: 17.914,
    10.0: 49.295,
}


def enhancement(dimension: int, height: float, intervals: int) -> tuple[float, float]:
    """γ, and max|φ − φ_lin|/ΔV in the matrix."""
    axes = (1.0, height)
    reach = height**2 if height >= 5 else 3.0 * max(axes) ** 2
    box = 2.5 * max(axes)
    shells = shells_between(axes, reach, intervals, grading=2.0)
    found = confocal(dimension, axes, shells, intervals, max(2, intervals // 4), box, grading=GRADING)
    outer = np.sqrt(np.array(axes) ** 2 + shells[-1])
    whole, rest = along_integral(dimension, axes), along_integral(dimension, axes, shells[-1])
    matrix = 1.0 + 2.0 / (outer[1] * outer[0] ** (dimension - 1) * (whole - rest))
    outside = found.layer == len(shells) + 1
    sigma = np.where(found.layer == 0, CONTRAST * matrix, np.where(outside, matrix, 1.0))
    phi = solved(found.mesh, sigma).fields.phi
    z = found.mesh.points[:, -1]
    # the field at the apex: the slope there of a parabola through the first three points on the axis
    above, potential = z[found.axis[:3]] - height, phi[found.axis[:3]]
    slope = np.polyfit(above, potential, 2)[1]
    disturbed = np.abs(phi - 0.1 * z / box)[found.level > len(shells)].max() / 0.1
    return slope / (0.1 / box * whole / (whole - rest)), disturbed


@pytest.mark.parametrize("height", TABLE)
def test_the_table_is_the_integral(height: float) -> None:
    gamma = 2.0 / (height * along_integral(3, (1.0, height)))
    assert gamma == pytest.approx(TABLE[height], rel=3.0e-5)


@pytest.mark.parametrize("height", TABLE)
def test_hemispheroid(height: float) -> None:
    """To 1 %, the field in the matrix uniform to 0.2 %."""
    gamma, disturbed = enhancement(3, height, 16)
    print(f"measured: γ {gamma:.4f}, exact {TABLE[height]}; field uniform to {disturbed:.1e}")
    assert gamma == pytest.approx(TABLE[height], rel=0.01)
    assert disturbed < 2.0e-3


@pytest.mark.parametrize("height", [0.5, 1.0, 2.0, 5.0, 10.0])
def test_ridge(height: float) -> None:
    """In 2D γ = 1 + h/a."""
    gamma, disturbed = enhancement(2, height, 32)
    print(f"measured: γ {gamma:.4f}, exact {1 + height}; field uniform to {disturbed:.1e}")
    assert gamma == pytest.approx(1.0 + height, rel=0.01)
    assert disturbed < 1.0e-3
