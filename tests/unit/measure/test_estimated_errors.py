"""Errors estimated from one solve: none where there is none to make, a tree like that of the measures."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest

from gbflux.measure import measure
from gbflux.measure.cells import cell_geometry
from gbflux.measure.estimated_errors import (
    CONVERGED,
    energy_errors,
    error,
    observed_exponent,
    plane_errors,
    profile_errors,
    transport_errors,
)
from gbflux.measure.hl_profile import HLProfile
from gbflux.measure.hot_spots import hot_spots
from gbflux.measure.metrics import as_tree
from gbflux.measure.planes import PlaneFacets, PlaneNodes
from gbflux.units import UM_TO_M

from .synthetic import brick_mesh, fields_of, sigma_of, solved, uneven_sigma


def line(j, n: int, length_um: float = 8.0) -> tuple[PlaneFacets, PlaneNodes]:
    """A plane in 2D of n equal segments of one grain, with nodal current densities j(x) (A/m²)."""
    x = np.linspace(0.0, length_um, n + 1)
    widths = np.diff(x)
    values = j(x)
    facets = PlaneFacets(
        z=0.0,
        nodes=np.stack([np.arange(n), np.arange(1, n + 1)], axis=1),
        points=np.stack([x[:-1], x[1:]], axis=1)[:, :, None],
        area=widths,
        cell=np.arange(n),
        j_abs=np.ones(n),
        j_z=np.ones(n),
        grain=np.zeros(n, dtype=np.int32),
        is_layer=np.zeros(n, dtype=bool),
    )
    area = (np.append(widths, 0.0) + np.append(0.0, widths)) / 2
    region = np.zeros(n + 1, dtype=np.int32)
    return facets, PlaneNodes(np.arange(n + 1), x[:, None], values * area * UM_TO_M, area, region)


def wave(x: np.ndarray) -> np.ndarray:
    return 1.0 + 0.5 * np.cos(np.pi * x / 8.0)


def errors_of(j, n: int, is_singular: bool = False) -> tuple[dict, dict]:
    """Measures of a line and their errors."""
    facets, nodes = line(j, n)
    spots = hot_spots(facets, nodes, 1, 8.0)
    return asdict(spots), plane_errors(facets, nodes, 1, 8.0, spots, 0.0, is_singular)


def estimates(tree: dict) -> list:
    """Every estimated error of a tree."""
    if "estimated_error" in tree:
        return [tree["estimated_error"]]
    return [x for value in tree.values() for x in estimates(value)]


def test_a_uniform_field_has_no_error() -> None:
    _, errors = errors_of(np.ones_like, 32)
    found = [x for x in estimates(errors) if x is not None]
    assert len(found) >= 12
    assert max(found) < 1e-12
    assert errors["p99_over_mean"]["converged"]


def test_a_field_that_varies_has_one_that_falls_with_the_facets() -> None:
    found = [errors_of(wave, n)[1] for n in (16, 32, 64)]
    for name in ("max_over_mean", "p95_over_mean", "p99_over_mean", "rms_over_mean", "gini"):
        coarse, middle, fine = (errors[name]["estimated_error"] for errors in found)
        assert coarse > middle > fine > 0
    at = [errors["p99_over_mean"]["estimated_error"] for errors in found]
    assert at[0] / at[2] > 3  # at least of order 1 in the facets


def test_the_estimate_covers_a_smooth_field() -> None:
    exact = errors_of(wave, 4096)[0]
    for n in (8, 16, 32):
        values, errors = errors_of(wave, n)
        for name in ("p95_over_mean", "p99_over_mean", "rms_over_mean", "gini"):
            assert abs(values[name] - exact[name]) <= errors[name]["estimated_error"]


def same_keys(errors: dict, values: dict) -> None:
    """Errors have the keys of their measures; an error is null where its measure is."""
    for key, found in errors.items():
        if "estimated_error" in found:
            assert {"estimated_error", "converged"} <= found.keys()
            assert (found["estimated_error"] is None) == (
                values[key] is None or found.get("divergent", False)
            )
        else:
            assert found.keys() <= values[key].keys()
            same_keys(found, values[key])


@pytest.mark.parametrize("grains", [(3, 2), (2, 2, 2)], ids=["2D", "3D"])
def test_the_tree_is_that_of_the_measures(grains: tuple[int, ...]) -> None:
    mesh = brick_mesh(grains, hl_um=(0.0, 5.0))
    fields = solved(mesh, uneven_sigma(mesh))
    found = measure(mesh, fields, mean_grain_size_um=4.0, potentials=(0.0, 0.1))
    tree, errors = as_tree(found.parts, mesh.dimension), found.errors
    same_keys(errors, tree)
    assert errors["transport"].keys() == {"sigma_eff_S_per_cm", "asr_ohm_cm2"}
    for part in ("hot_spots", "hot_spots_electrolyte"):
        for side, spots in tree[part].items():
            assert errors[part][side].keys() == spots.keys() - {"smallest_facet_um", "mean_over_mean"}
    assert errors["hot_spots"]["top"]["grain_max_over_mean"]["estimated_error"] is None  # behind the layer
    assert errors["hot_spots"]["bottom"]["grain_max_over_mean"]["estimated_error"] > 0
    assert errors["homogenizing_layer"].keys() == {"top"}
    divergent = {
        (part, side): errors[part][side]["max_over_mean"]["divergent"]
        for part in ("hot_spots", "hot_spots_electrolyte")
        for side in errors[part]
    }
    assert divergent == {
        ("hot_spots", "bottom"): True,
        ("hot_spots", "top"): False,
        ("hot_spots_electrolyte", "top"): True,
    }


def test_only_a_singular_maximum_is_left_without_an_error() -> None:
    assert errors_of(wave, 32, True)[1]["max_over_mean"] == {
        "estimated_error": None,
        "converged": False,
        "divergent": True,
    }
    assert errors_of(wave, 32, False)[1]["max_over_mean"]["estimated_error"] > 0


def test_resistive_electrodes_do_not_diverge() -> None:
    mesh = brick_mesh((3, 2))
    fields = solved(mesh, uneven_sigma(mesh))
    found = measure(mesh, fields, mean_grain_size_um=4.0, potentials=(0.0, 0.1), ideal=(False, True))
    flags = {side: tree["max_over_mean"]["divergent"] for side, tree in found.errors["hot_spots"].items()}
    assert flags == {"bottom": False, "top": True}


@pytest.mark.parametrize("grains", [(1, 2), (1, 1, 2)], ids=["2D", "3D"])
def test_layers_in_series_are_exact(grains: tuple[int, ...]) -> None:
    mesh = brick_mesh(grains, hl_um=(2.0, 0.0))
    fields = solved(mesh, sigma_of(mesh))
    energies = energy_errors(mesh, fields, cell_geometry(mesh).volume)
    assert energies == pytest.approx((0.0, 0.0), abs=1e-12)
    for record in transport_errors(1.0, 1.0, *energies).values():
        assert record["estimated_error"] == pytest.approx(0.0, abs=1e-12)
        assert record["converged"]


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_recovered_error_of_the_energy_falls_with_order_two(dimension: int) -> None:
    found = []
    for size in (1.0, 0.5):
        mesh = brick_mesh((1,) * dimension, grain_um=4.0, mesh_um=size)
        x, z = mesh.points[:, 0] / 4.0, mesh.points[:, -1] / 4.0
        fields = fields_of(mesh, sigma_of(mesh), np.cos(np.pi * x) * np.sinh(z) + z)
        found.append(energy_errors(mesh, fields, cell_geometry(mesh).volume))
    for coarse, fine in zip(*found, strict=True):
        assert 1.6 < np.log2(coarse / fine) < 2.4


PROFILE = HLProfile(
    distance_um=tuple(np.linspace(0.0, 8.0, 17)),
    max_over_mean=(1.5,) * 17,
    p99_over_mean=(1.4,) * 17,
    std_over_mean=tuple(0.01 * np.cosh((8.0 - np.linspace(0.0, 8.0, 17)) / 3.0)),
    homogenized_at_um=2.0,
    decay_length_um=3.0,
)


def test_a_layer_is_known_to_a_plane_at_best() -> None:
    errors = profile_errors(PROFILE)
    assert errors["homogenized_at_um"]["estimated_error"] > 0.5
    assert 0 < errors["decay_length_um"]["estimated_error"] < 0.5  # the law is exact: all fits agree
    uneven = np.array(PROFILE.std_over_mean)
    uneven[-4:] *= 2.0
    changed = profile_errors(replace(PROFILE, std_over_mean=tuple(uneven)))
    assert changed["decay_length_um"]["estimated_error"] > 2 * errors["decay_length_um"]["estimated_error"]


def test_a_layer_that_is_not_resolved_has_no_errors() -> None:
    errors = profile_errors(replace(PROFILE, homogenized_at_um=None, decay_length_um=None, reason="thin"))
    assert {record["estimated_error"] for record in errors.values()} == {None}


def test_what_is_small_counts_as_converged() -> None:
    assert error(2.0, 2.0 * CONVERGED) == {"estimated_error": 2.0 * CONVERGED, "converged": True}
    assert not error(2.0, 2.1 * CONVERGED)["converged"]
    assert error(None, None) == {"estimated_error": None, "converged": False}


def test_the_exponent_takes_facets_that_differ() -> None:
    def spots(largest: float, facet: float) -> SimpleNamespace:
        return SimpleNamespace(max_over_mean=largest, smallest_facet_um=facet)

    assert observed_exponent([spots(2 * h**-0.3, h) for h in (0.8, 0.4, 0.1)]) == pytest.approx(0.3)
    assert observed_exponent([spots(2, 0.5)]) is None
    assert observed_exponent([spots(2, 0.5), spots(3, 0.45)]) is None
