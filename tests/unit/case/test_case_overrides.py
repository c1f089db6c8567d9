"""Overrides: the same checks as the file's own values, and messages that name the override."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gbflux.case import parse_case
from gbflux.errors import CaseError


def message_of(text, overrides):
    with pytest.raises(CaseError) as caught:
        parse_case(text, "c.yaml", overrides)
    return str(caught.value)


def test_values_and_blocks_are_replaced(full):
    case = parse_case(
        full,
        overrides={
            "homogenizing_layer.thickness_um": 0,
            "grain_boundary.conductivity_S_per_cm": 1e-6,
            "geometry.size_um.2": 80,
            "solver": {"order": 2},
        },
    )
    assert case.homogenizing_layer is None
    assert case.sigma_gb == pytest.approx(1e-4)
    assert case.size_um == (50, 50, 80)
    assert (case.solver.order, case.solver.rtol) == (2, 1e-10)


def test_none_removes_a_key_or_a_block(full):
    case = parse_case(
        full, overrides={"homogenizing_layer": None, "mesh.electrode_size_um": None, "nothing.here": None}
    )
    assert case.homogenizing_layer is None
    assert case.mesh.electrode_size_um == 0.5


def test_a_missing_block_is_made(minimal):
    layer = {"homogenizing_layer.thickness_um": 3, "homogenizing_layer.conductivity_S_per_cm": 1e-4}
    assert parse_case(minimal, overrides=layer).hl_um == (3, 3)


def test_numpy_numbers_and_paths_are_plain_values(minimal, tmp_path):
    case = parse_case(minimal, overrides={"temperature_C": np.float32(30), "grains.seed": np.int64(4)})
    assert (case.temperature_C, case.grains.seed) == (30, 4)
    case = parse_case(minimal, overrides={"geometry.size_um": np.array([40.0, 40, 40])})
    assert case.size_um == (40, 40, 40)
    seeds = tmp_path / "p.csv"
    seeds.write_text("1,1,1\n")
    case = parse_case(minimal, overrides={"grains.mean_size_um": None, "grains.seeds_file": Path(seeds)})
    assert case.grain_count == 1


def test_the_text_is_not_changed_by_an_override(minimal):
    block = {"sigma": 0.5}
    overrides = {"grains.variation": block, "grains.variation.seed": 7}
    assert parse_case(minimal, overrides=overrides).grains.variation.seed == 7
    assert block == {"sigma": 0.5}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"homogenizing_layer.thicknes_um": 0}, "override homogenizing_layer.thicknes_um: is not a key of"),
        ({"homogenizing_layer.thicknes_um": 0}, "(did you mean 'thickness_um'?)"),
        ({"grain_boundary.thickness_um": 5}, "Did you mean `thickness_nm` (nm)?"),
        (
            {"grain_boundary.thickness_nm": -5},
            "override grain_boundary.thickness_nm: must be >= 0.01 nm; got -5",
        ),
        (
            {"grain_boundary.thickness_nm": "5"},
            "override grain_boundary.thickness_nm: must be a number in nm",
        ),
        ({"electrodes.top_V": 0}, "override electrodes.top_V: must differ from bottom_V"),
        ({"grains": None}, "override grains: is required"),
        ({"geometry.size_um.7": 3}, "override geometry.size_um.7: must be an entry of a list of 3"),
        ({"temperature_C.x": 3}, "override temperature_C.x: must lead to a block"),
        ({"": 3}, "must be a dotted path"),
        ({"mesh": 3}, "override mesh: must be a block of keys; got 3"),
        ({"mesh": {"size_um": -1}}, "override mesh.size_um: must be > 0 µm; got -1"),
    ],
)
def test_mistakes_name_the_override(full, overrides, message):
    assert message in message_of(full, overrides)


def test_a_mistake_of_the_file_keeps_its_line_beside_one_of_an_override(full):
    message = message_of(full.replace("seed: 1", "seed: x"), {"mesh.size_um": 0})
    assert message.splitlines() == [
        "c.yaml:3:50: grains.seed: must be a whole number; got 'x'.",
        "override mesh.size_um: must be > 0 µm; got 0.",
    ]
