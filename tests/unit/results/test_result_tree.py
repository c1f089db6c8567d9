"""result.json: exactly these keys, plain numbers, and a Result that comes back from them."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import pytest

from gbflux.measure import HLProfile, HotSpots
from gbflux.measure.metrics import metric_fields
from gbflux.results import METRICS, Result
from gbflux.results.result import SCHEMA_VERSION
from gbflux.study.table import flat
from small_cases import LAYERS, TINY, solved


def members(record: type) -> dict:
    """The keys of a record's block."""
    return {name: dict.fromkeys(found.of) or None for name, found in metric_fields(record).items()}


SPOTS, PROFILE = members(HotSpots), members(HLProfile)
ERROR = {"estimated_error": None, "converged": None}
SPOT_ERRORS = {
    key: ERROR if value is None else dict.fromkeys(value, ERROR)
    for key, value in SPOTS.items()
    if metric_fields(HotSpots)[key].error is not None
} | {"max_over_mean": {**ERROR, "divergent": None}}
PROFILE_ERRORS = {"homogenized_at_um": ERROR, "decay_length_um": ERROR}
TREE = {
    "name": None,
    "case_hash": None,
    "dimension": None,
    "mesh": {
        "hash": None,
        "cells": None,
        "nodes": None,
        "grains": None,
        "gb_area_um2": None,
        "gb_area_limited_fraction": None,
        "layer_volume_error": None,
        "volume_error": None,
        "method": None,
    },
    "solver": {
        "dofs": None,
        "iterations": None,
        "relative_residual": None,
        "current_imbalance": None,
        "grain_imbalance": None,
        "newton_iterations": None,
        "load_steps": None,
    },
    "transport": {
        "current_A": None,
        "mean_current_density_mA_per_cm2": None,
        "sigma_eff_S_per_cm": None,
        "asr_ohm_cm2": None,
        "brick_layer_S_per_cm": None,
        "wiener_lower_S_per_cm": None,
        "wiener_upper_S_per_cm": None,
        "voltage_V": None,
        "bracket_reason": None,
        "bracket": {
            "lower_S": None,
            "upper_S": None,
            "relative_width": None,
            "algebraic_error": None,
            "asr_ohm_cm2": {"lower": None, "upper": None},
            "sigma_eff_S_per_cm": {"lower": None, "upper": None},
            "sigma_eff_reason": None,
        },
    },
    "hot_spots": {"bottom": SPOTS, "top": SPOTS},
    "hot_spots_electrolyte": {},
    "homogenizing_layer": {},
    "timings_s": {
        "grains": None,
        "mesh": None,
        "layers": None,
        "distribute": None,
        "assemble": None,
        "solve": None,
        "bracket": None,
        "measure": None,
        "write": None,
        "total": None,
    },
    "peak_memory_MiB": None,
    "warnings": None,
    "refinement": None,
    "errors": {
        "transport": {
            "mean_current_density_mA_per_cm2": ERROR,
            "current_A": ERROR,
            "sigma_eff_S_per_cm": ERROR,
            "asr_ohm_cm2": ERROR,
        },
        "hot_spots": {"bottom": SPOT_ERRORS, "top": SPOT_ERRORS},
        "hot_spots_electrolyte": {},
        "homogenizing_layer": {},
    },
    "schema_version": None,
    "definitions": None,
    "certificates": None,
}
SIDES = {"both": ("bottom", "top"), "bottom": ("bottom",), "top": ("top",)}
CASES = {2: TINY, 3: {"geometry.size_um": [10, 10, 10], "grains.mean_size_um": 5}}


def keys(tree: object) -> object:
    """The keys of a tree, without what is in its leaves."""
    return {key: keys(value) for key, value in tree.items()} if isinstance(tree, dict) else None


def expected(dimension: int, sides: tuple[str, ...]) -> dict:
    """The keys of a case with homogenizing layers on some sides."""
    tree = json.loads(json.dumps(TREE))
    if dimension == 2:
        tree["mesh"]["gb_length_um"] = tree["mesh"].pop("gb_area_um2")
        tree["transport"]["current_A_per_m"] = tree["transport"].pop("current_A")
        errors = tree["errors"]["transport"]
        errors["current_A_per_m"] = errors.pop("current_A")
        bracket = tree["transport"]["bracket"]
        for key in ("lower_S", "upper_S"):
            bracket[f"{key}_per_m"] = bracket.pop(key)
    tree["hot_spots_electrolyte"] = dict.fromkeys(sides, SPOTS)
    tree["homogenizing_layer"] = dict.fromkeys(sides, PROFILE)
    tree["errors"]["hot_spots_electrolyte"] = dict.fromkeys(sides, SPOT_ERRORS)
    tree["errors"]["homogenizing_layer"] = dict.fromkeys(sides, PROFILE_ERRORS)
    return tree


def leaves(tree: object) -> list:
    """All values of a tree."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    return [leaf for item in tree for leaf in leaves(item)] if isinstance(tree, list) else [tree]


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("sides", [None, "both", "bottom", "top"])
def test_keys(dimension: int, sides: str | None) -> None:
    layers = {} if sides is None else {**LAYERS, "homogenizing_layer.sides": sides}
    tree = solved(CASES[dimension], {"output.bracket": True, **layers}).result.as_dict()
    assert keys(tree) == expected(dimension, SIDES.get(sides, ()))
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree
    numbers = [leaf for part in ("mesh", "solver", "transport", "hot_spots") for leaf in leaves(tree[part])]
    assert {type(leaf) for leaf in numbers} <= {int, float, str, type(None)}


@pytest.mark.parametrize("dimension", [2, 3])
def test_every_number_is_a_metric_and_none_of_this_version_is_gone(dimension: int) -> None:
    """Keys of version 1; a new one is added to none of these lists."""
    result = solved(CASES[dimension], {"output.bracket": True, **LAYERS}).result
    numbers = {name for name in flat(result) if not name.startswith(("errors.", "timings_s."))}
    assert numbers - {"mesh.method"} <= METRICS.keys()
    spots = "max p95 p99 p999 rms mean grain_max"
    stored = {f"{name}_over_mean" for name in spots.split()} | {"gini", "smallest_facet_um"}
    stored |= {"grain_max_over_median", "grain_max_over_min", "grain_max_over_mean_area_cut"}
    stored |= {f"window_max_over_mean.{size}" for size in ("200_nm", "1_um", "3_um")}
    stored |= {f"area_fraction_above.{multiple}" for multiple in (2, 3, 5, 10)}
    planes = [f"{part}.{side}" for part in ("hot_spots", "hot_spots_electrolyte") for side in SIDES["both"]]
    expected = {f"{plane}.{name}" for plane in planes for name in stored}
    layer = ("homogenized_at_um", "decay_length_um", "reason")
    expected |= {f"homogenizing_layer.{side}.{name}" for side in SIDES["both"] for name in layer}
    assert expected <= numbers


def test_extremes_hang_on_the_area_and_lengths_have_units() -> None:
    extreme = {key for key, found in METRICS.items() if found.kind == "extreme"}
    assert all("max" in key or "p9" in key for key in extreme)
    assert not any("max" in key or "p9" in key for key in METRICS.keys() - extreme if "hot_spots" in key)
    for key, found in METRICS.items():
        assert found.unit == "µm" or found.of or not key.endswith("_um"), key


def test_what_was_applied_has_no_error_and_what_it_takes_has() -> None:
    voltage = solved(TINY).result.errors["transport"]
    assert "voltage_V" not in voltage
    current = solved(TINY, {"electrodes.current_density_mA_per_cm2": 0.5}).result
    errors = current.errors["transport"]
    assert errors.keys() == {"sigma_eff_S_per_cm", "asr_ohm_cm2", "voltage_V"}
    relative = errors["voltage_V"]["estimated_error"] / abs(current.transport.voltage_V)
    assert relative == pytest.approx(errors["asr_ohm_cm2"]["estimated_error"] / current.transport.asr_ohm_cm2)


def test_grain_values_are_null_behind_a_layer_only() -> None:
    layered = solved(TINY, {**LAYERS, "homogenizing_layer.sides": "top"}).result
    assert layered.hot_spots["top"].grain_max_over_mean is None
    assert layered.hot_spots["bottom"].grain_max_over_mean >= 1.0
    assert layered.hot_spots_electrolyte["top"].grain_max_over_mean >= 1.0


@pytest.mark.parametrize("layers", [{}, LAYERS])
def test_a_result_comes_back_from_its_tree(layers: dict) -> None:
    result = solved(TINY, layers).result
    again = Result.from_dict(json.loads(json.dumps(result.as_dict())))
    assert again == result
    assert again.as_dict() == result.as_dict()


@pytest.mark.parametrize("version", [None, SCHEMA_VERSION + 1])
def test_results_of_other_versions_are_read_as_far_as_they_go(version: int | None) -> None:
    result = solved(TINY, LAYERS).result
    tree = result.as_dict()
    del tree["hot_spots"]["top"]["gini"], tree["solver"]["dofs"]
    tree["hot_spots"]["top"]["of_tomorrow"] = tree["transport"]["of_tomorrow"] = 1.0
    with pytest.raises(TypeError):  # of this version it is damaged
        Result.from_dict(tree)
    if version is None:
        del tree["schema_version"]
    else:
        tree["schema_version"] = version
    other = Result.from_dict(tree)
    assert other.schema_version == (version or 0)
    assert other.hot_spots["top"].gini is other.solver.dofs is None
    assert other.hot_spots["top"].p99_over_mean == result.hot_spots["top"].p99_over_mean
    assert other.transport.asr_ohm_cm2 == result.transport.asr_ohm_cm2


def test_a_result_is_frozen() -> None:
    result = solved(TINY).result
    for record in (result, result.mesh, result.solver, result.transport, result.hot_spots["top"]):
        name = dataclasses.fields(record)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, None)


def test_a_resistive_electrode_silences_the_warning_about_ideal_ones() -> None:
    ideal = solved(TINY).result
    resistive = solved(TINY, {"electrodes.asr_ohm_cm2": 10}).result
    assert any("pointwise maximum" in text for text in ideal.warnings)
    assert not any("pointwise maximum" in text for text in resistive.warnings)


def test_boundaries_that_end_on_a_layer_are_warned_of_whatever_the_electrodes() -> None:
    layered = solved(TINY, LAYERS, {"electrodes.asr_ohm_cm2": 10}).result
    assert any("pointwise maximum" in text for text in layered.warnings)


def test_without_grain_boundaries_there_is_nothing_to_warn_of() -> None:
    whole = {"geometry.size_um": [10, 10], "grains.mean_size_um": 10, "grains.arrangement": "columnar"}
    single = solved(TINY, whole, {"grains.boundary": "mirror"}).result
    assert single.mesh.grains == 1
    assert not any("pointwise maximum" in text for text in single.warnings)


def test_kinetics_silence_that_warning_and_count_newton_steps() -> None:
    kinetics = {"electrodes.kinetics": {"exchange_current_density_mA_per_cm2": 1.0}}
    found = solved(TINY, kinetics, {"output.bracket": True}).result
    assert not any("pointwise maximum" in text for text in found.warnings)
    assert 2 <= found.solver.newton_iterations <= found.solver.iterations
    assert found.transport.bracket is None
    assert "nonlinear" in found.transport.bracket_reason
    one_side = solved(TINY, {"electrodes.kinetics": {"top": {"exchange_current_density_mA_per_cm2": 1.0}}})
    assert any("pointwise maximum" in text for text in one_side.result.warnings)
    assert one_side.result.transport.bracket_reason is None
    assert found.solver.load_steps == 1
    linear = solved(TINY).result.solver
    assert (linear.newton_iterations, linear.load_steps) == (0, 0)


def test_a_result_cannot_be_changed_and_travels() -> None:
    result = solved(TINY, LAYERS).result
    before = result.as_dict()
    for mapping in (result.hot_spots, result.timings_s, result.hot_spots["top"].window_max_over_mean):
        with pytest.raises(TypeError, match="read-only"):
            mapping["top"] = 0.0
        with pytest.raises(TypeError, match="read-only"):
            mapping.clear()
        with pytest.raises(TypeError, match="read-only"):
            mapping |= {"top": 0.0}
    assert result.as_dict() == before
    for travelled in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), Result.from_dict(before)):
        assert travelled == result
        with pytest.raises(TypeError, match="read-only"):
            travelled.hot_spots["top"].area_fraction_above.update({"2": 1.0})
    mine = dict(result.timings_s)
    mine["total"] = 0.0
    assert result.timings_s["total"] > 0
