"""Every study in configs/studies/ runs, coarse, and shows what it is there for.

Coarse: in 2D, on 40 µm, with cells of 2 µm, two values an axis and one realization. Numbers are sums and
orders that physics demands, for one set of grains is no statistics.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gbflux.cli import main as command
from gbflux.study import Collection, StudyFolder, collect, load_study, plan

STUDIES = Path(__file__).parents[2] / "configs" / "studies"
HL = "homogenizing_layer.thickness_um"
GB = "grain_boundary.conductivity_S_per_cm"
COARSE: dict[str, dict[str, Any]] = {
    "hl-thickness.yaml": {HL: [0, 10], GB: [2.5e-7]},
    "gb-conductivity.yaml": {HL: [0], GB: {"log": [2.5e-8, 2.5e-6], "points": 2}},
    "hl-conductivity.yaml": {HL: [4], "homogenizing_layer.conductivity_S_per_cm": [1e-5, 5e-4]},
    "charge-transfer.yaml": {HL: [0], "electrodes.asr_ohm_cm2": [0, 50]},
    "grain-size.yaml": {
        HL: [0],
        "zip": [
            {
                "grains.mean_size_um": [10, 20],
                "geometry.size_um": [[40, 40], [80, 80]],
                "mesh.size_um": [2, 4],
                "mesh.electrode_size_um": [2, 4],
            }
        ],
    },
    "surface.yaml": {"grains.boundary": ["cut", "mirror"], HL: [0]},
}
SIGMA = "transport.sigma_eff_S_per_cm"
GINI = "hot_spots.bottom.gini"


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_study_loads_as_it_is(path):
    study = load_study(path)
    assert study.name == path.stem
    assert plan(study).units
    assert path.name in COARSE


def found(name: str, folder: Path) -> Collection:
    """What a study finds, coarse, on the command line."""
    data = YAML(typ="safe").load((STUDIES / name).read_text(encoding="utf-8"))
    case = YAML(typ="safe").load((STUDIES / data["case"]).read_text(encoding="utf-8"))
    assert set(COARSE[name]) == set(data["sweep"])
    case |= {
        "geometry": {"size_um": [40, 40]},
        "mesh": {"size_um": 2.0, "electrode_size_um": 2.0, "reproducible": True},
    }
    data |= {"case": case, "sweep": COARSE[name], "realizations": 1, "run": {"ranks": 1, "retries": 1}}
    file = folder / name
    file.write_text(json.dumps(data), encoding="utf-8")
    assert command.exit_code(["sweep", "run", str(file), "-o", str(folder / "out")]) == 0
    gathered = collect(StudyFolder(folder / "out"))
    assert {row["status"] for row in gathered.table} == {"done"}
    return gathered


def test_hl_thickness(tmp_path):
    """Bare, grains differ in what they carry; 10 µm behind, a grain's size away, exp(-2π) of it is left."""
    bare, layered = found("hl-thickness.yaml", tmp_path).table
    assert layered[GINI] < 0.1 * bare[GINI]


def test_gb_conductivity(tmp_path):
    """Bi = 10 and 0.1: σ_eff near the brick layer's σ_g/(1 + Bi) (40 %), and hot spots at the higher Bi."""
    poor, good = found("gb-conductivity.yaml", tmp_path).table
    assert poor[SIGMA] == pytest.approx(5e-4 / 11, rel=0.4)
    assert good[SIGMA] == pytest.approx(5e-4 / 1.1, rel=0.05)
    assert poor[GINI] > good[GINI]


def test_hl_conductivity(tmp_path):
    """Two layers of 4 µm are 2 · 4 µm/σ_HL in series; the rest stays within 2 %."""
    poor, good = found("hl-conductivity.yaml", tmp_path).table
    difference = poor["transport.asr_ohm_cm2"] - good["transport.asr_ohm_cm2"]
    assert difference == pytest.approx(2 * 4e-4 * (1 / 1e-5 - 1 / 5e-4), rel=0.02)


def test_charge_transfer(tmp_path):
    """50 Ω cm² on both sides add 100 Ω cm² and even the current out."""
    ideal, resistive = found("charge-transfer.yaml", tmp_path).table
    assert resistive["transport.asr_ohm_cm2"] > ideal["transport.asr_ohm_cm2"] + 100
    assert resistive[GINI] < ideal[GINI]


def test_grain_size(tmp_path):
    """Grains of twice the size meet half the boundaries: Bi 1 and 0.5, brick layer σ_g/(1 + Bi)."""
    small, large = found("grain-size.yaml", tmp_path).table
    assert small["transport.brick_layer_S_per_cm"] == pytest.approx(2.5e-4, rel=1e-3)
    assert large["transport.brick_layer_S_per_cm"] == pytest.approx(5e-4 / 1.5, rel=1e-3)
    assert large[SIGMA] > small[SIGMA]


def test_surface(tmp_path):
    """Grains that are cut expose slivers: the smallest exposed grain is smaller than where they end there."""
    cut, mirror = found("surface.yaml", tmp_path).table
    assert cut["mesh.hash"] != mirror["mesh.hash"]
    name = "hot_spots.bottom.grain_max_over_mean"
    assert cut[name] > mirror[name]
