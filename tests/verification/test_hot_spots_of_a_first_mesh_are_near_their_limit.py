"""Meshes of default grading have hot spots near those of much finer ones; cells that are not cut have not.

Bare ideal electrodes, Bi = 1. In 2D the reference has cells of 25 nm on the electrodes, cut to 30 nm where
boundaries end; in 3D, cells of half the length.
"""

from __future__ import annotations

import functools

import pytest

from small_cases import NO_FIGURES, solved

CASES = {
    2: {"geometry.size_um": [60, 40], "mesh.size_um": 1.0, "mesh.electrode_size_um": 0.5},
    3: {
        "geometry.size_um": [26, 24, 22],
        "grains.seed": 970011,
        "mesh.size_um": 1.5,
        "mesh.electrode_size_um": 0.75,
    },
}
FINE = {
    2: {"mesh.size_um": 0.5, "mesh.electrode_size_um": 0.025, "mesh.boundary_end_um": 0.03},
    3: {"mesh.size_um": 1.0, "mesh.electrode_size_um": 0.375, "mesh.boundary_end_um": 0.03},
}


@functools.cache
def ratios(dimension: int, end_um: float) -> dict[str, list[float]]:
    """Measures of both electrodes over those of the fine mesh."""
    chosen = {**CASES[dimension], **NO_FIGURES, "output.fields": False}
    found = solved(chosen, {"mesh.boundary_end_um": end_um}).result.hot_spots
    exact = solved(chosen, FINE[dimension]).result.hot_spots
    names = ("p99_over_mean", "rms_over_mean", "gini")

    def of(name: str) -> list[float]:
        return [getattr(found[side], name) / getattr(exact[side], name) for side in ("bottom", "top")]

    return {name: of(name) for name in names}


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("dimension", "p99", "rms"), [(2, 0.08, 0.01), pytest.param(3, 0.10, 0.02, marks=SLOW)]
)
def test_of_cells_that_are_cut(dimension: int, p99: float, rms: float) -> None:
    found = ratios(dimension, 0.05)
    assert found["p99_over_mean"] == pytest.approx([1, 1], abs=p99)
    assert found["rms_over_mean"] == pytest.approx([1, 1], abs=rms)
    assert found["gini"] == pytest.approx([1, 1], abs=0.05)


@pytest.mark.parametrize("dimension", [2, pytest.param(3, marks=SLOW)])
def test_whole_cells_are_farther_off(dimension: int) -> None:
    whole, cut = (ratios(dimension, end_um) for end_um in (0, 0.05))
    for name in ("p99_over_mean", "rms_over_mean"):
        off, now = (max(abs(one - 1) for one in found[name]) for found in (whole, cut))
        assert off > 1.2 * now
