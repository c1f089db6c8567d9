"""Nested cubes: σ_eff of brick grains cut through their centres lies between Rayleigh's two bounds.

Insulating sheets along the field give the lower bound, equipotential sheets across it the upper one (Lord
Rayleigh, Philos. Mag. 34 (1892) 481, doi:10.1080/14786449208620364). Both hold for the computed value and
not for the exact one alone: P1 never underestimates a conductance, which keeps it above the lower bound, and
the equipotential sheets' potential is piecewise linear in z with kinks at the faces of the layers, all of
which are mesh planes, so that P1 contains it and lies below the upper bound. Nothing is left but round-off.
"""

from __future__ import annotations

import pytest

from small_cases import solved

ROUND_OFF = 1.0e-9
BRICKS = {"grains.arrangement": "brick", "grains.boundary": "cut"}
FINE = {
    **BRICKS,
    "geometry.size_um": [20, 10, 20],
    "grains.mean_size_um": 10,
    "grain_boundary.thickness_nm": 5,
}
COARSE = {
    **BRICKS,
    "geometry.size_um": [2, 1, 2],
    "grains.mean_size_um": 1,
    "grain_boundary.thickness_nm": 50,
    "mesh.size_um": 0.2,
    "mesh.electrode_size_um": 0.2,
}


def rayleigh_bounds(t: float, r: float, dimension: int = 3) -> tuple[float, float]:
    """Bounds of σ_eff/σ_g for layers of thickness t·d and conductivity r·σ_g."""
    x = 1.0 - t
    area = x ** (dimension - 1)
    lower = area / (x + t / r) + (1.0 - area) * r
    upper = 1.0 / (x / (area + (1.0 - area) * r) + t / r)
    return lower, upper


@pytest.mark.parametrize(
    ("t", "r", "bounds"),
    [
        (5e-4, 1e-3, (0.666223, 0.666445)),
        (5e-4, 5e-4, (0.499626, 0.499875)),
        (5e-4, 1e-4, (0.166514, 0.166653)),
        (0.1, 0.01, (0.076212, 0.090021)),
        (0.05, 0.1, (0.632164, 0.648769)),
    ],
)
def test_the_formula_itself(t: float, r: float, bounds: tuple[float, float]) -> None:
    """Worked out by hand."""
    assert rayleigh_bounds(t, r) == pytest.approx(bounds, abs=1e-6)


@pytest.mark.parametrize(
    ("grains", "t", "r"), [(FINE, 5e-4, 1e-3), (FINE, 5e-4, 5e-4), (FINE, 5e-4, 1e-4), (COARSE, 0.05, 0.1)]
)
def test_three_dimensions(grains: dict, t: float, r: float) -> None:
    assert_between(
        solved(grains, {"grain_boundary.conductivity_S_per_cm": 5.0e-4 * r}), rayleigh_bounds(t, r)
    )


@pytest.mark.parametrize("r", [1e-3, 1e-4])
def test_two_dimensions(r: float) -> None:
    flat = {**FINE, "geometry.size_um": [20, 30], "mesh.size_um": 1.0, "mesh.electrode_size_um": 1.0}
    outcome = solved(flat, {"grain_boundary.conductivity_S_per_cm": 5.0e-4 * r})
    assert_between(outcome, rayleigh_bounds(5e-4, r, 2))


def assert_between(outcome, bounds: tuple[float, float]) -> None:
    """Assert the bounds, and what they rely on: layers of full thickness everywhere."""
    assert outcome.result.mesh.gb_area_limited_fraction == 0.0
    ratio = outcome.result.transport.sigma_eff_S_per_cm / 5.0e-4
    assert bounds[0] * (1.0 - ROUND_OFF) <= ratio <= bounds[1] * (1.0 + ROUND_OFF)
