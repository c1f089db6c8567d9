"""The case: what its numbers are in the units of the inside, and what is filled in."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from gbflux.case import Case, parse_case
from gbflux.errors import CaseError
from gbflux.units import arrhenius


def test_numbers_of_the_full_case(full):
    case = parse_case(full)
    assert case.name == "lu2021"
    assert (case.dimension, case.size_um) == (3, (50, 50, 50))
    assert case.delta_um == pytest.approx(0.005)
    assert (case.mean_grain_size_um, case.grain_count) == (10, 125)
    assert case.hl_um == (10, 10)
    assert case.sigma_grain == pytest.approx(5e-2)
    assert case.sigma_gb == pytest.approx(2.5e-5)
    assert case.sigma_hl == pytest.approx(1e-2)
    assert case.potentials == (0.0, 0.1)
    assert case.electrode_asr == (0.0, 0.0)
    assert case.contact_asr == 0.0


def test_defaults_of_the_minimal_case(minimal):
    case = parse_case(minimal)
    assert case.homogenizing_layer is None
    assert (case.hl_um, case.sigma_hl, case.contact_asr) == ((0.0, 0.0), None, 0.0)
    assert case.potentials == (0.0, 0.1)
    assert (case.mesh.size_um, case.mesh.electrode_size_um) == (1.0, 0.5)
    assert (case.grains.arrangement, case.grains.boundary, case.grains.relaxation_steps) == (
        "voronoi",
        "cut",
        3,
    )
    assert (case.solver.rtol, case.solver.order) == (1e-10, 1)


@pytest.mark.parametrize(
    ("sides", "expected"), [("both", (4.0, 4.0)), ("bottom", (4.0, 0.0)), ("top", (0.0, 4.0))]
)
def test_homogenizing_layer_on_each_side(minimal, sides, expected):
    text = f"{minimal}homogenizing_layer: {{thickness_um: 4, conductivity_S_per_cm: 1e-4, sides: {sides}}}"
    assert parse_case(text).hl_um == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("5", (5e-4, 5e-4)), ("{bottom: 1, top: 2}", (1e-4, 2e-4)), ("{top: 2}", (0, 2e-4))],
)
def test_electrode_resistance_in_ohm_square_metres(minimal, written, expected):
    case = parse_case(f"{minimal}electrodes: {{asr_ohm_cm2: {written}}}")
    assert case.electrode_asr == pytest.approx(expected)


@pytest.mark.parametrize(
    ("dimension", "arrangement", "count", "size"),
    [(3, "voronoi", 125, 10), (3, "columnar", 25, 10), (2, "brick", 25, 10), (2, "columnar", 5, 10)],
)
def test_count_and_mean_size_are_two_spellings(minimal, dimension, arrangement, count, size):
    box = "[50, 50, 50]" if dimension == 3 else "[50, 50]"
    text = minimal.replace("[50, 50, 50]", box)
    by_size = parse_case(
        text.replace("mean_size_um: 10", f"arrangement: {arrangement}, mean_size_um: {size}")
    )
    by_count = parse_case(text.replace("mean_size_um: 10", f"arrangement: {arrangement}, count: {count}"))
    assert by_size.dimension == dimension
    assert by_size.grain_count == by_count.grain_count == count
    assert by_size.mean_grain_size_um == by_count.mean_grain_size_um == size
    assert by_size.physics_hash == by_count.physics_hash


def test_conductivities_follow_the_temperature(minimal):
    text = minimal.replace("2.5e-7", "2.5e-7, activation_energy_eV: 0.5, reference_temperature_C: 20")
    case = parse_case(text + "temperature_C: 60")
    assert case.sigma_gb == pytest.approx(arrhenius(2.5e-5, 0.5, 60, 20))
    assert case.sigma_grain == pytest.approx(5e-2)


def test_default_mesh_follows_grains_and_is_coarser_than_the_boundary(minimal):
    small = parse_case(minimal.replace("mean_size_um: 10", "mean_size_um: 2"))
    assert (small.mesh.size_um, small.mesh.electrode_size_um) == (0.2, 0.1)
    thick = parse_case(minimal.replace("thickness_nm: 5", "thickness_nm: 900"))
    assert thick.mesh.electrode_size_um > thick.delta_um
    given = parse_case(minimal + "mesh: {size_um: 0.8}")
    assert (given.mesh.size_um, given.mesh.electrode_size_um) == (0.8, 0.4)


def test_default_mesh_fits_a_thin_box(minimal):
    case = parse_case(minimal.replace("[50, 50, 50]", "[50, 50, 1]").replace("mean_size_um: 10", "count: 3"))
    assert case.mesh.size_um < 1


def test_whole_numbers_may_be_written_as_floats(minimal):
    case = parse_case(minimal.replace("mean_size_um: 10", "count: 1e2, seed: 3.0"))
    assert (case.grain_count, case.grains.seed) == (100, 3)
    assert isinstance(case.grains.count, int)


def test_blocks_that_are_all_commented_out_are_absent(minimal):
    case = parse_case(minimal + "mesh:\nhomogenizing_layer:\nelectrodes: ~\n")
    assert case.physics_hash == parse_case(minimal).physics_hash


def test_a_case_is_frozen_hashable_and_travels_between_processes(full):
    case = parse_case(full)
    with pytest.raises(ValidationError):
        case.temperature_C = 60
    copy = pickle.loads(pickle.dumps(case))
    assert copy == case
    assert hash(copy) == hash(case)
    assert copy.physics_hash == case.physics_hash


def test_a_case_made_in_python_is_checked_too():
    blocks = {
        "geometry": {"size_um": [50, 50]},
        "grains": {"mean_size_um": 60, "conductivity_S_per_cm": 5e-4},
        "grain_boundary": {"thickness_nm": 5, "conductivity_S_per_cm": 2.5e-7},
    }
    with pytest.raises(CaseError, match=r"grains\.mean_size_um: must be <= 50"):
        Case(**blocks)
