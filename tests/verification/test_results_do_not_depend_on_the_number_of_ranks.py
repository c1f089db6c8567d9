"""`gbflux run` on 1, 2, 3 and 4 ranks, one cached mesh: every number of result.json agrees to 1e-8."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from small_cases import FLAT, LAYERS, case_text

pytestmark = pytest.mark.mpi
SAME = 1.0e-8
SLIVERS = {
    **FLAT,
    "geometry.size_um": [50, 50],
    "grains.seed": 4,
    "grain_boundary.conductivity_S_per_cm": 5.0e-10,  # 1e-6 of the grains'
}
GRAINS = {
    "3D": {**LAYERS, "grains.variation": {"sigma": 0.3}, "homogenizing_layer.sides": "top"},
    "2D": {**FLAT, "electrodes.asr_ohm_cm2": {"top": 5.0}},
    "2D slivers": SLIVERS,
    "2D kinetics": {
        **FLAT,
        "electrodes.current_density_mA_per_cm2": 1.0,
        "electrodes.kinetics": {
            "bottom": {"exchange_current_density_mA_per_cm2": 3.0},
            "top": {"exchange_current_density_mA_per_cm2": 30.0, "anodic_transfer_coefficient": 0.3},
        },
    },
    "3D kinetics": {
        "electrodes.asr_ohm_cm2": {"bottom": 1.0},
        "electrodes.kinetics": {"exchange_current_density_mA_per_cm2": 10.0},
    },
}


def numbers(folder: Path) -> dict:
    """result.json without what may differ: times, memory, and how the solver went."""
    tree = json.loads((folder / "result.json").read_text())
    for key in ("timings_s", "peak_memory_MiB", "solver"):
        del tree[key]
    return tree


def columns(path: Path) -> dict[str, list[float]]:
    """A CSV table by column."""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def assert_equal(one, other, place: str = "") -> None:
    """Assert that two trees agree, numbers to 1e-8 of their size (or of 1, for differences from a mean)."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_equal(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list) and one and isinstance(one[0], (int, float)):
        largest = max(map(abs, one))
        assert other == pytest.approx(one, rel=SAME, abs=SAME * largest), place
    elif isinstance(one, float):
        # an estimated error is some times the difference of two measures of about 1
        least = 1e-7 if "estimated_error" in place else 1e-10 if "gini" in place else 0.0
        assert other == pytest.approx(one, rel=SAME, abs=least), place
    else:
        assert one == other, place


@pytest.mark.parametrize("name", GRAINS)
def test_one_to_four_ranks(name: str, mpirun: Callable, tmp_path: Path) -> None:
    output = {"output": {"figures": False, "fields": False}}
    (tmp_path / "case.yaml").write_text(case_text(GRAINS[name], output))
    for ranks in (1, 2, 3, 4):
        mpirun(ranks, "-m", "gbflux", "run", tmp_path / "case.yaml", "-o", tmp_path / str(ranks))
    expected = numbers(tmp_path / "1")
    assert expected["mesh"]["grains"] > 5
    for spots in (expected["hot_spots"] | expected["hot_spots_electrolyte"]).values():
        assert spots["mean_over_mean"] == pytest.approx(1.0, abs=1e-9)
    for ranks in (2, 3, 4):
        found = tmp_path / str(ranks)
        assert json.loads((found / "provenance.json").read_text())["ranks"] == ranks
        assert_equal(expected, numbers(found))
        for table in ("grains.csv", "boundaries.csv"):
            assert_equal(columns(tmp_path / "1" / table), columns(found / table), table)
