"""Estimates, derived numbers, memory and remarks."""

from __future__ import annotations

import pytest

from gbflux.case import (
    Estimate,
    Memory,
    derived_numbers,
    estimate,
    machine_memory,
    parse_case,
    remarks,
    require_memory,
)
from gbflux.case.cost import bulk_cells, gb_area_um, refinement_cells
from gbflux.errors import InputError
from gbflux.mesh import build_mesh, recipe

BRICKS = """\
geometry: {size_um: [40, 40, 40]}
grains: {arrangement: brick, mean_size_um: 10, boundary: mirror, conductivity_S_per_cm: 5e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
"""


def test_derived_numbers_by_hand(full):
    numbers = derived_numbers(parse_case(full))
    assert numbers.biot == pytest.approx(1)  # (5 nm / 10 µm) * 5e-4 / 2.5e-7
    assert numbers.kapitza_length_um == pytest.approx(10)  # 5 nm * 2000
    assert numbers.gb_asr_ohm_cm2 == pytest.approx(2)  # 5e-7 cm / 2.5e-7 S/cm
    assert numbers.hl_asr_ohm_cm2 == pytest.approx((10, 10))  # 1e-3 cm / 1e-4 S/cm
    assert numbers.brick_layer_S_per_cm == pytest.approx(2.5e-4)


def test_layer_resistance_counts_its_contact_and_its_side(full):
    text = full.replace("contact_asr_ohm_cm2: 0", "contact_asr_ohm_cm2: 3").replace("both", "top")
    assert derived_numbers(parse_case(text)).hl_asr_ohm_cm2 == pytest.approx((0, 13))


def test_area_between_bricks_is_exact():
    # 4x4x4 bricks: 3 planes of 40x40 in each of 3 directions
    assert gb_area_um(parse_case(BRICKS)) == pytest.approx(9 * 1600)
    # cut through their centres: 4 planes in each direction
    assert gb_area_um(parse_case(BRICKS.replace("mirror", "cut"))) == pytest.approx(12 * 1600)
    flat = BRICKS.replace("[40, 40, 40]", "[40, 40]")
    assert gb_area_um(parse_case(flat)) == pytest.approx(6 * 40)


def test_one_grain_has_no_boundary():
    assert gb_area_um(parse_case(BRICKS.replace("mean_size_um: 10", "count: 1"))) == 0


def test_refinement_is_the_integral_over_the_transition():
    # h(z) from 0.5 to 1 over 2: integral of h^-3 is (1 + 0.5) / (1 * 0.25) = 6, uniform cells would be 2
    assert refinement_cells(100, 50, 1.0, 0.5, 3) == pytest.approx(4.6 * 100 * (6 - 2))
    assert refinement_cells(100, 50, 1.0, 1.0, 3) == 0
    thin = refinement_cells(100, 0.5, 1.0, 0.5, 3)
    assert 0 < thin < refinement_cells(100, 50, 1.0, 0.5, 3)


def test_main_job_is_within_the_known_range(full):
    expected = estimate(parse_case(full))
    assert 1e6 < expected.cells < 2.5e6
    assert 0.1 < expected.nodes / expected.cells < 0.3
    assert bulk_cells(125000, 1.0, 3) < expected.cells
    assert 1000 < expected.memory_MiB < 4000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size_um: 1.0, electrode", "size_um: 0.7, electrode"),
        ("electrode_size_um: 0.5", "electrode_size_um: 0.3"),
        ("order: 1", "order: 2"),
        ("hypre", "lu"),
        ("mean_size_um: 10", "mean_size_um: 5"),
        ("thickness_um: 10", "thickness_um: 20"),
    ],
)
def test_finer_larger_and_harder_cases_need_more_memory(full, old, new):
    assert old in full
    assert estimate(parse_case(full.replace(old, new))).memory_MiB > estimate(parse_case(full)).memory_MiB


@pytest.mark.parametrize(
    "layer", ["", "homogenizing_layer: {thickness_um: 0.7, conductivity_S_per_cm: 1e-4}"]
)
@pytest.mark.parametrize("size", ["[20, 20, 20]", "[60, 60]"])
@pytest.mark.parametrize("boundary", ["cut", "mirror"])
def test_cells_are_estimated_with_cuts_and_thin_layers(size: str, layer: str, boundary: str) -> None:
    case = parse_case(f"""\
geometry: {{size_um: {size}}}
grains: {{mean_size_um: 10, boundary: {boundary}, conductivity_S_per_cm: 5e-4}}
grain_boundary: {{thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}}
mesh: {{size_um: 2}}
{layer}
""")
    assert len(build_mesh(recipe(case)).mesh.cells) == pytest.approx(estimate(case).cells, rel=0.35)


def test_reproducible_meshes_take_longer(full):
    slow = estimate(parse_case(full.replace("reproducible: false", "reproducible: true")))
    assert slow.time_s > estimate(parse_case(full)).time_s


def test_the_largest_case_allowed_can_be_estimated(minimal):
    text = minimal.replace("[50, 50, 50]", "[1e7, 1e7, 1e7]").replace("thickness_nm: 5", "thickness_nm: 0.01")
    assert estimate(parse_case(text + "mesh: {size_um: 1.1e-5}")).cells > 10**30


def test_memory_is_enough_scarce_or_out_of_reach():
    machine = Memory(available_MiB=2000, total_MiB=8000)
    assert require_memory(Estimate(1000, 300, 500, 1), machine) is None
    assert "only 2.0 GiB are free" in require_memory(Estimate(10**6, 300, 4000, 1), machine)
    with pytest.raises(InputError, match=r"19\.5 GiB for about 12,000,000 cells"):
        require_memory(Estimate(12_000_000, 300, 20000, 1), machine)
    assert require_memory(Estimate(10**9, 300, 1e9, 1), None) is None


def test_this_machine_has_memory():
    memory = machine_memory()
    assert memory is not None
    assert 0 < memory.available_MiB <= memory.total_MiB


def test_remarks_on_cases_that_were_probably_not_meant(full):
    assert remarks(parse_case(full)) == []
    assert "coarse" in remarks(parse_case(full.replace("{size_um: 1.0", "{size_um: 4.0")))[0]
    counted = full.replace("mean_size_um: 10", "count: 125")
    assert counted != full
    assert "pieces of more grains" in remarks(parse_case(counted))[0]
    assert remarks(parse_case(counted.replace("boundary: cut", "boundary: mirror"))) == []
    assert "conduct better" in remarks(parse_case(full.replace("2.5e-7", "1")))[0]
    assert "changes nothing" in remarks(parse_case(full.replace("temperature_C: 25", "temperature_C: 60")))[0]
