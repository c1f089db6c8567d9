"""A lateral mode of wavelength Λ in a homogenizing layer of h = 10 µm: J_z(z)/J_z(0) = cosh k(h − z)/cosh kh.

k = 2π/Λ. Prescribed is the current that enters the grain below the layer (see `lateral_modes`).
"""

from __future__ import annotations

import numpy as np
import pytest
from lateral_modes import SWING, Sheet, driven, exact_mode
from orders import fitted_order

from gbflux.mesh import CellKind

THICKNESS_UM, GRAIN_UM = 10.0, 2.0
#: Λ (µm): what is left at 3 µm, and at the electrode.
TABLE = {
    5.0: (0.023, 7.0e-6),
    10.0: (0.152, 3.7e-3),
    20.0: (0.394, 0.086),
    30.0: (0.554, 0.243),
    60.0: (0.80, 0.625),
}


def left(wavelength_um: float, intervals: int, dimension: int = 2) -> tuple[float, float, float]:
    """J_z of the mode at 3 µm and at the electrode over that on the grain's face; and what enters the layer.

    In 3D the mode has one half wave along x and two along y.
    """
    half_waves = (1,) if dimension == 2 else (1, 2)
    width = wavelength_um / 2 * np.linalg.norm(half_waves)
    across = intervals if dimension == 2 else 12
    sheets = (
        Sheet(CellKind.GRAIN, GRAIN_UM, 0.05, intervals // 4),
        Sheet(CellKind.HL, THICKNESS_UM, 0.01, intervals // 10 * 10),
    )
    stack = driven(sheets, dimension, across, width, half_waves)
    face, inside, electrode = (stack.amplitude(GRAIN_UM + z) for z in (0.0, 3.0, THICKNESS_UM))
    exact = exact_mode(sheets, stack.k, np.array([GRAIN_UM]))[1][0] * stack.mean * SWING
    return inside / face, electrode / face, face / exact


@pytest.mark.parametrize("wavelength", TABLE)
def test_the_table_is_the_law(wavelength: float) -> None:
    k = 2 * np.pi / wavelength
    at_3, at_electrode = (np.cosh(k * z) / np.cosh(k * THICKNESS_UM) for z in (7.0, 0.0))
    assert at_3 == pytest.approx(TABLE[wavelength][0], rel=0.02)
    assert at_electrode == pytest.approx(TABLE[wavelength][1], rel=0.02)


@pytest.mark.parametrize("wavelength", TABLE)
def test_decay(wavelength: float) -> None:
    """100 intervals: 1/k is right to (kh/100)²/24 or so, 7e-4 for Λ = 5 µm, and decay to that times kh = 13.

    Round-off in the driving layer is 1e-7 of the current.
    """
    k = 2 * np.pi / wavelength
    at_3, at_electrode, entering = left(wavelength, 100)
    print(f"measured: at 3 µm {at_3:.4f}, at the electrode {at_electrode:.2e}; law {TABLE[wavelength]}")
    assert at_3 == pytest.approx(np.cosh(7.0 * k) / np.cosh(10.0 * k), rel=0.01)
    assert at_electrode == pytest.approx(1.0 / np.cosh(10.0 * k), rel=0.02, abs=5.0e-7)
    assert entering == pytest.approx(1.0, rel=0.01)


def test_error_falls_with_the_square_of_the_mesh_size() -> None:
    k = 2 * np.pi / 10.0
    errors = [abs(left(10.0, n)[0] * np.cosh(10.0 * k) / np.cosh(7.0 * k) - 1.0) for n in (20, 40, 80)]
    assert 1.8 < fitted_order([1.0, 0.5, 0.25], errors) < 2.2


@pytest.mark.parametrize("wavelength", [20.0, 30.0])
def test_three_dimensions(wavelength: float) -> None:
    k = 2 * np.pi / wavelength
    at_3, at_electrode, _ = left(wavelength, 40, dimension=3)
    assert at_3 == pytest.approx(np.cosh(7.0 * k) / np.cosh(10.0 * k), rel=0.03)
    assert at_electrode == pytest.approx(1.0 / np.cosh(10.0 * k), rel=0.05)
