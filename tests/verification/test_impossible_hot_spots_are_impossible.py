"""Measures of random cases obey what no field of mean 1 can break, on every plane, however coarse the mesh.

Area mean 1 to 1e-9, rms ≥ 1, 0 ≤ Gini < 1, shares of area between 0 and 1 that fall with the level,
percentiles in order up to the maximum; no window and no grain above the maximum, no grain with enough area
above the largest of all. Random are size, seed, section (cut or mirror), Bi from 0.1 to 30, layers, a
resistance of the electrodes, mesh sizes and order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gbflux.measure.hot_spots import HotSpots
from gbflux.results.result import Result
from small_cases import solved

D_UM, SIGMA, DELTA_UM = 10.0, 5.0e-4, 0.005  # as in `small_cases.BASE`
ROUND_OFF = 1.0e-9
#: Few cells across a grain: |J| of the cells at the bottom has an rms of 0.97 J̄.
COARSE = {
    "geometry.size_um": [26, 24, 22],
    "grains.seed": 970011,
    "grain_boundary.conductivity_S_per_cm": SIGMA * DELTA_UM / D_UM,  # Bi 1
    "mesh.size_um": 1.5,
    "mesh.electrode_size_um": 1.5,
}


def random_case(dimension: int, seed: int) -> dict[str, Any]:
    """Keys of a case that solves in a second or two (3D in three)."""
    draw = np.random.default_rng([dimension, seed])
    low, high = (18.0, 32.0) if dimension == 2 else (14.0, 20.0)
    size = round(draw.uniform(1.0, 2.5), 2) if dimension == 2 else 2.5
    biot = 10.0 ** draw.uniform(-1.0, np.log10(30.0))
    found = {
        "geometry.size_um": [round(draw.uniform(low, high), 1) for _ in range(dimension)],
        "grains.seed": int(draw.integers(1_000_000)),
        "grains.boundary": str(draw.choice(["cut", "mirror"])),
        "grain_boundary.conductivity_S_per_cm": SIGMA * DELTA_UM / D_UM / biot,
        "mesh.size_um": size,
        "mesh.electrode_size_um": round(size * draw.uniform(0.3, 1.0), 2),
        "electrodes.asr_ohm_cm2": float(draw.choice([0.0, 2.0])),
        "solver.order": int(draw.choice([1, 1, 2])),
    }
    if draw.random() < 0.5:
        found["homogenizing_layer"] = {
            "thickness_um": round(draw.uniform(2.0, 8.0), 1),
            "conductivity_S_per_cm": 1.0e-4,
            "sides": str(draw.choice(["both", "bottom", "top"])),
        }
    return found


def planes(result: Result) -> Iterator[tuple[str, HotSpots]]:
    """Electrodes and, with layers, ends of the electrolyte."""
    for family in ("hot_spots", "hot_spots_electrolyte"):
        for side, spots in getattr(result, family).items():
            yield f"{family}.{side}", spots


def assert_possible(result: Result) -> None:
    """Assert all that must hold on each plane."""
    for place, spots in planes(result):
        assert spots.mean_over_mean == pytest.approx(1.0, abs=ROUND_OFF), place
        assert spots.rms_over_mean >= 1.0 - 1e-12, place
        assert 0.0 <= spots.gini < 1.0, place
        above = list(spots.area_fraction_above.values())
        assert all(1.0 >= a >= b >= 0.0 for a, b in itertools.pairwise([*above, 0.0])), place
        rising = [spots.p95_over_mean, spots.p99_over_mean, spots.p999_over_mean, spots.max_over_mean]
        assert all(a <= b * (1.0 + ROUND_OFF) for a, b in itertools.pairwise(rising)), place
        assert rising[-1] >= 1.0 - ROUND_OFF, place
        windows = [w for w in spots.window_max_over_mean.values() if w is not None]
        grains = [g for g in (spots.grain_max_over_mean, spots.grain_max_over_mean_area_cut) if g is not None]
        assert all(mean <= rising[-1] * (1.0 + ROUND_OFF) for mean in windows + grains), place
        if len(grains) == 2:
            assert grains[1] <= grains[0] * (1.0 + ROUND_OFF), place


def assert_windows_fall(result: Result) -> None:
    """In 2D a length of 3 µm is made of lengths of 1 µm; those are tried at nodes only, hence 5 %."""
    for place, spots in planes(result):
        windows = [w for w in spots.window_max_over_mean.values() if w is not None]
        assert all(a * 1.05 >= b for a, b in itertools.pairwise(windows)), place
        assert all(w > 0.95 for w in windows), place


@pytest.mark.parametrize("seed", range(12))
def test_two_dimensions(seed: int) -> None:
    result = solved(random_case(2, seed)).result
    assert_possible(result)
    assert_windows_fall(result)


@pytest.mark.parametrize("seed", range(2))
def test_three_dimensions(seed: int) -> None:
    assert_possible(solved(random_case(3, seed)).result)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dimension", "seed"), [(2, s) for s in range(12, 60)] + [(3, s) for s in range(2, 18)]
)
def test_more(dimension: int, seed: int) -> None:
    result = solved(random_case(dimension, seed)).result
    assert_possible(result)
    if dimension == 2:
        assert_windows_fall(result)


def test_few_cells_to_a_grain() -> None:
    result = solved(COARSE).result
    assert_possible(result)
    for place, spots in planes(result):
        print(f"measured: {place}: rms {spots.rms_over_mean:.3f}, mean − 1 {spots.mean_over_mean - 1.0:.0e}")
        assert spots.rms_over_mean > 1.2
