"""A disc or sphere with a resistive shell may be invisible: outside, the potential is exactly linear.

A core σ_i of radius R in a shell σ_s up to R + δ is neutral in the matrix of Hashin's coated spheres
(J. Appl. Mech. 29 (1962) 143, doi:10.1115/1.3636446), f = (R/(R + δ))^d:

    σ_m = σ_s + f σ_s d (σ_i − σ_s)/(d σ_s + (1 − f)(σ_i − σ_s))

For a thin shell with ρ = δ/σ_s that is σ_i/(1 + σ_i ρ/R) (Torquato & Rintoul, Phys. Rev. Lett. 75 (1995)
4067, doi:10.1103/PhysRevLett.75.4067) in 2D and in 3D; a thin conducting shell, C = δσ_s, is neutral in
σ_i + (d − 1) C/R. The shell is 5 nm thin, one cell across.
"""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import electrode_currents, solved
from orders import fitted_order

from meshes_confocal import Confocal, confocal

RADIUS_UM, SHELL_UM, BOX_UM = 5.0, 0.005, 8.0
SIGMA_CORE = 0.05
INTERVALS = {2: (8, 16, 32), 3: (4, 8, 16)}


def neutral_matrix(dimension: int, core: float, shell: float) -> float:
    """σ_m (S/m)."""
    f = (RADIUS_UM / (RADIUS_UM + SHELL_UM)) ** dimension
    return shell + f * shell * dimension * (core - shell) / (dimension * shell + (1 - f) * (core - shell))


def meshed(dimension: int, intervals: int) -> Confocal:
    """A quarter of the disc, an octant of the sphere."""
    shell = (RADIUS_UM + SHELL_UM) ** 2 - RADIUS_UM**2
    return confocal(dimension, (RADIUS_UM, RADIUS_UM), [shell], intervals, intervals // 2, BOX_UM)


def deviations(found: Confocal, sigma: np.ndarray) -> tuple[float, float]:
    """Largest and root mean square of |φ − φ_lin|/ΔV over the points outside the shell."""
    phi = solved(found.mesh, sigma[found.layer]).fields.phi
    off = np.abs(phi / 0.1 - found.mesh.points[:, -1] / BOX_UM)[found.level > 1]
    return float(off.max()), float(np.sqrt(np.mean(off**2)))


@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0], ids=lambda ratio: f"ρσ/R = {ratio}")
@pytest.mark.parametrize("dimension", [2, 3])
def test_deviation_falls_with_the_square_of_the_mesh_size(dimension: int, ratio: float) -> None:
    """Where the warped cube of the mesh has its corners in 3D, the largest deviation falls less fast."""
    shell = SHELL_UM * SIGMA_CORE / (RADIUS_UM * ratio)
    sigma = np.array([SIGMA_CORE, shell, neutral_matrix(dimension, SIGMA_CORE, shell)])
    assert sigma[2] == pytest.approx(SIGMA_CORE / (1.0 + ratio), rel=3.0 * SHELL_UM / RADIUS_UM)
    found = [deviations(meshed(dimension, n), sigma) for n in INTERVALS[dimension]]
    largest, rms = np.array(found).T
    order = fitted_order([1.0, 0.5, 0.25], rms)
    print(f"measured: order {order:.2f}, max|φ − φ_lin|/ΔV {largest[-1]:.1e}")
    assert 1.85 < order < 2.15
    assert largest[-1] < 3.0e-4
    assert (largest[1:] < (0.3 if dimension == 2 else 0.6) * largest[:-1]).all()


@pytest.mark.parametrize("dimension", [2, 3])
def test_conducting_shell(dimension: int) -> None:
    """C = σ_i R: the current along the shell counts as much as that through the core."""
    shell = SIGMA_CORE * RADIUS_UM / SHELL_UM
    sigma = np.array([SIGMA_CORE, shell, neutral_matrix(dimension, SIGMA_CORE, shell)])
    assert sigma[2] == pytest.approx(dimension * SIGMA_CORE, rel=3.0 * SHELL_UM / RADIUS_UM)
    largest, rms = np.transpose([deviations(meshed(dimension, n), sigma) for n in INTERVALS[dimension]])
    order = fitted_order([1.0, 0.5, 0.25], rms)
    print(f"measured: order {order:.2f}, max|φ − φ_lin|/ΔV {largest[-1]:.1e}")
    assert 1.85 < order < 2.15
    assert largest[-1] < 1.0e-3


@pytest.mark.parametrize("dimension", [2, 3])
def test_without_the_shell_the_field_is_disturbed(dimension: int) -> None:
    """The same mesh with the shell as conductive as the core: a disturbance that no mesh takes away."""
    shell = SHELL_UM * SIGMA_CORE / RADIUS_UM
    matrix = neutral_matrix(dimension, SIGMA_CORE, shell)
    assert deviations(meshed(dimension, 8), np.array([SIGMA_CORE, SIGMA_CORE, matrix]))[0] > 0.05


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_box_conducts_like_its_matrix(dimension: int) -> None:
    shell = SHELL_UM * SIGMA_CORE / RADIUS_UM
    matrix = neutral_matrix(dimension, SIGMA_CORE, shell)
    found = meshed(dimension, 16)
    solution = solved(found.mesh, np.array([SIGMA_CORE, shell, matrix])[found.layer])
    exact = matrix * 0.1 / (BOX_UM * 1.0e-6) * (BOX_UM * 1.0e-6) ** (dimension - 1)
    assert electrode_currents(found.mesh, solution)[1] == pytest.approx(exact, rel=1.0e-3)
