"""Conductivities of cells from the numbers of a case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gbflux.case import parse_case
from gbflux.conduction.materials import Material, conductivities, contact_conductivity
from gbflux.mesh import CellKind
from meshes_by_hand import FULL_STACK, stack

TEXT = """
name: by_hand
geometry: {dimension: 3, size_um: [50, 50, 50]}
grains: {mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4%s}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7%s}
homogenizing_layer: {thickness_um: 10, conductivity_S_per_cm: 1.0e-4, contact_asr_ohm_cm2: 5.0}
electrodes: {bottom_V: 0.0, top_V: 0.1}
"""
VARIATION = ", variation: {distribution: lognormal, sigma: 0.5, seed: %d}"
MESH = stack(FULL_STACK)


def test_one_value_for_each_kind() -> None:
    sigma = conductivities(MESH, parse_case(TEXT % ("", "")))
    expected = {
        CellKind.GRAIN: 5.0e-2,
        CellKind.HL: 1.0e-2,
        CellKind.GB: 2.5e-5,
        CellKind.GB_JUNCTION: 2.5e-5,
        CellKind.CONTACT: 5e-9
        / (5.0e-4 + 5e-9 / 1.0e-2),  # 5 Ω cm² = 5e-4 Ω m² in series with 5 nm of the layer
    }
    for kind, value in expected.items():
        assert sigma[MESH.kind == kind] == pytest.approx(value, rel=1e-12)


def test_an_ideal_contact_is_made_of_the_layer() -> None:
    assert contact_conductivity(5e-9, 0.0, 0.01) == pytest.approx(0.01)


def test_grains_vary_about_their_median() -> None:
    sigma = conductivities(MESH, parse_case(TEXT % (VARIATION % 3, "")))
    values = [
        np.unique(sigma[(MESH.kind == CellKind.GRAIN) & (MESH.region == g)]) for g in range(MESH.n_grains)
    ]
    assert all(len(v) == 1 for v in values)
    normal = np.random.Generator(np.random.PCG64(3)).standard_normal(MESH.n_grains)
    assert np.concatenate(values) == pytest.approx(0.05 * np.exp(0.5 * normal))
    assert np.all(sigma[MESH.kind == CellKind.GB] == sigma[MESH.kind == CellKind.GB][0])


def test_boundaries_vary_and_keep_their_value_when_another_is_missing() -> None:
    case = parse_case(TEXT % ("", VARIATION % 4))
    pairs = np.array([[0, 1], [0, 2], [1, 2], [1, 3]], dtype=np.int32)
    values = Material.of(case).of_boundaries(pairs)
    assert len(set(values.tolist())) == 4
    assert Material.of(case).of_boundaries(pairs[[0, 2, 3]]).tolist() == values[[0, 2, 3]].tolist()
    other_seed = Material.of(parse_case(TEXT % ("", VARIATION % 5))).of_boundaries(pairs)
    assert not np.any(other_seed == values)


def test_the_median_of_many_boundaries_is_the_given_value() -> None:
    case = parse_case(TEXT % ("", VARIATION % 4))
    a, b = np.triu_indices(60, 1)
    logs = np.log(Material.of(case).of_boundaries(np.stack([a, b], axis=1)) / 2.5e-5)
    # standard error 0.5·√(π/2)/√1770 = 0.015 of the median, 0.5/√3540 = 0.0084 of the deviation: four of each
    assert abs(np.median(logs)) <= 0.06
    assert np.std(logs) == pytest.approx(0.5, abs=0.034)


def test_boundary_cells_take_the_value_of_their_boundary() -> None:
    case = parse_case(TEXT % ("", VARIATION % 4))
    sigma = conductivities(MESH, case)
    values = Material.of(case).of_boundaries(MESH.boundaries)
    in_boundary = MESH.boundary >= 0
    assert sigma[in_boundary].tolist() == values[MESH.boundary[in_boundary]].tolist()


def test_grain_values_do_not_depend_on_the_mesh() -> None:
    case = parse_case(TEXT % (VARIATION % 3, ""))
    finer = stack([replace(layer, intervals=2 * layer.intervals) for layer in FULL_STACK])
    values = [
        conductivities(mesh, case)[np.flatnonzero((mesh.kind == CellKind.GRAIN) & (mesh.region == 1))[0]]
        for mesh in (MESH, finer)
    ]
    assert values[0] == values[1]
