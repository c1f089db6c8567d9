"""Hashes: the same case has one, however it was spelt; whatever changes results changes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gbflux.case import load_case, parse_case

ROOT = Path(__file__).resolve().parents[3]
LAYER = "homogenizing_layer: {thickness_um: 10, conductivity_S_per_cm: 1e-4}\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_iterations: 500", "max_iterations: 500.0"),
        ("5.0e-4", "0.0005"),
        ("2.5e-7", "25E-8"),
        ("name: lu2021", "name: other"),
        ("figures: true", "figures: false"),
        ("mean_size_um: 10", "count: 125"),
        ("[50, 50, 50]", "[50.0, 5e1, 50]"),
        ("bottom_V: 0.0", "bottom_V: -0.0"),
        (" asr_ohm_cm2: 0}", " asr_ohm_cm2: {bottom: 0, top: 0}}"),
        ("dimension: 3, ", ""),
        ("sides: both, ", ""),
        ("2.5e-7", "2.5e-7, reference_temperature_C: 80"),
        ("2.5e-7", "2.5e-7, activation_energy_eV: 0"),
    ],
)
def test_spelling_does_not_change_the_hash(full, old, new):
    assert old in full
    assert parse_case(full.replace(old, new)).physics_hash == parse_case(full).physics_hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5.0e-4", "5.1e-4"),
        ("seed: 1", "seed: 2"),
        ("thickness_nm: 5", "thickness_nm: 6"),
        ("thickness_um: 10", "thickness_um: 9"),
        ("sides: both", "sides: top"),
        ("top_V: 0.1", "top_V: 0.2"),
        ("1.0e-10", "1.0e-9"),
        ("order: 1", "order: 2"),
        ("size_um: 1.0,", "size_um: 1.1,"),
        ("temperature_C: 25", "temperature_C: 30"),
        ("2.5e-7", "2.5e-7, variation: {sigma: 0.5}"),
    ],
)
def test_what_changes_results_changes_the_hash(full, old, new):
    assert old in full
    assert parse_case(full.replace(old, new)).physics_hash != parse_case(full).physics_hash


def test_the_order_has_no_effect_where_an_accuracy_is_asked_for(full):
    one = full + "accuracy: {conductance: 0.001}\n"
    assert parse_case(one.replace("order: 1", "order: 2")).physics_hash == parse_case(one).physics_hash


def test_a_layer_of_no_thickness_is_no_layer(minimal):
    bare = parse_case(minimal).physics_hash
    assert parse_case(minimal + LAYER.replace("10", "0")).physics_hash == bare
    assert parse_case(minimal + "homogenizing_layer: {thickness_um: 0}").physics_hash == bare
    assert parse_case(minimal + LAYER, overrides={"homogenizing_layer": None}).physics_hash == bare
    assert parse_case(minimal + LAYER, overrides={"homogenizing_layer.thickness_um": 0}).physics_hash == bare
    assert parse_case(minimal + LAYER).physics_hash != bare


def test_the_hash_is_a_sha256_that_stays_the_same_between_releases(minimal):
    """Regression: a changed hash makes every stored result unknown; raise PHYSICS_VERSION on purpose only."""
    case = parse_case(minimal)
    assert len(case.physics_hash) == 64
    assert case.physics_hash == "c0d50f6d771ecf87bfea209653a40e6462dad2a58877bf8ce10e062d63b022e7"


@pytest.mark.parametrize(
    ("file", "digits"),
    [
        ("configs/coarse.yaml", "2fffb4c8776de71b"),
        ("configs/coarse2d.yaml", "4dbe329f7dabc330"),
        ("configs/lu2021.yaml", "22e6ce270e9b4194"),
        ("meshes/eight_bricks.yaml", "5f3f1cd7cb024e8f"),
        ("meshes/ten_grains_2d.yaml", "25b2a12fc25d2b0f"),
        ("meshes/triple_point_2d.yaml", "53aacb125215364a"),  # of a seeds file, as the next
        ("meshes/two_grains.yaml", "4cf698880ea82fae"),
    ],
)
def test_shipped_cases_keep_their_hashes(file, digits):
    """Regression, as above."""
    assert load_case(ROOT / file).physics_hash.startswith(digits)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5.0e-4", "7e-4"),
        ("2.5e-7", "9e-9, activation_energy_eV: 0.4, variation: {sigma: 0.5}"),
        ("1.0e-4", "2e-4"),
        ("contact_asr_ohm_cm2: 0", "contact_asr_ohm_cm2: 3"),
        ("top_V: 0.1", "top_V: 1"),
        ("temperature_C: 25", "temperature_C: 60"),
        ("preconditioner: hypre", "preconditioner: gamg"),
        ("name: lu2021", "name: other"),
    ],
)
def test_the_mesh_does_not_depend_on_materials_electrodes_or_solver(full, old, new):
    assert old in full
    assert parse_case(full.replace(old, new)).mesh_key() == parse_case(full).mesh_key()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mean_size_um: 10", "mean_size_um: 9"),
        ("seed: 1", "seed: 2"),
        ("boundary: cut", "boundary: mirror"),
        ("relaxation_steps: 3", "relaxation_steps: 2"),
        ("thickness_nm: 5", "thickness_nm: 6"),
        ("thickness_um: 10", "thickness_um: 9"),
        ("sides: both", "sides: top"),
        ("reproducible: false", "reproducible: true"),
        ("electrode_size_um: 0.5", "electrode_size_um: 0.4"),
        ("[50, 50, 50]", "[50, 50, 60]"),
    ],
)
def test_the_mesh_depends_on_grains_thicknesses_and_sizes(full, old, new):
    assert old in full
    assert parse_case(full.replace(old, new)).mesh_key() != parse_case(full).mesh_key()


def test_the_mesh_key_is_plain_json(full):
    key = parse_case(full).mesh_key()
    assert json.loads(json.dumps(key, allow_nan=False)) == json.loads(json.dumps(key))
