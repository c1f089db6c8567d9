"""Study files: axes, points, realizations; every mistake at once, where it is, before anything runs."""

# ruff: noqa: E501
from __future__ import annotations

import json

import pytest
from tests.study_cases import study_data, study_file

from gbflux.errors import CaseError
from gbflux.study import load_study
from gbflux.study.blocks import spaced

HL = "homogenizing_layer.thickness_um"
GB = "grain_boundary.conductivity_S_per_cm"

CASE = """\
geometry: {size_um: [20, 20]}
grains: {mean_size_um: 10, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
homogenizing_layer: {thickness_um: 5, conductivity_S_per_cm: 1.0e-4}
mesh: {size_um: 2.0}
"""


@pytest.fixture
def mistakes(tmp_path):
    """Messages that a study file's text gives, one a line."""

    def found(text: str, case: str = CASE) -> str:
        (tmp_path / "case.yaml").write_text(case, encoding="utf-8")
        (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(CaseError) as caught:
            load_study(tmp_path / "s.yaml")
        return str(caught.value).replace(f"{tmp_path}/", "")

    return found


def test_axes_multiply_and_the_last_changes_first(tmp_path):
    study = load_study(study_file(tmp_path, {GB: [1e-7, 1e-6], "temperature_C": [20, 60, 80]}))
    assert study.keys == (GB, "temperature_C")
    assert [tuple(point.values.values()) for point in study.points][:4] == [
        (1e-7, 20),
        (1e-7, 60),
        (1e-7, 80),
        (1e-6, 20),
    ]
    assert [point.number for point in study.points] == [1, 2, 3, 4, 5, 6]
    assert study.points[3].cases[0].grain_boundary.conductivity_S_per_cm == 1e-6


def test_zip_pairs_lists(tmp_path):
    sizes = {"grains.mean_size_um": [5, 10], "mesh.size_um": [2, 3]}
    study = load_study(study_file(tmp_path, {"zip": [sizes], "temperature_C": [20, 60]}))
    assert len(study.points) == 4
    assert {(c.grains.mean_size_um, c.mesh.size_um) for c in study.cases} == {(5, 2), (10, 3)}


def test_spaced_values_are_exact_at_the_ends_and_equal_in_between():
    values = spaced("log", 2.5e-8, 2.5e-6, 5)
    assert (values[0], values[2], values[-1]) == (2.5e-8, 2.5e-7, 2.5e-6)
    assert values[1] / values[0] == pytest.approx(10**0.5, rel=1e-11)
    assert spaced("linear", 10, 0, 6) == [10, 8, 6, 4, 2, 0]


def test_realizations_are_grain_seeds_and_seeds_of_what_varies(tmp_path):
    variation = {"distribution": "lognormal", "sigma": 0.5, "seed": 9}
    sweep = {"grain_boundary.variation": [None, variation]}
    study = load_study(study_file(tmp_path, sweep, realizations=3))
    plain, varied = study.points
    assert [case.grains.seed for case in plain.cases] == [1, 2, 3] == list(plain.seeds)
    assert all(case.grain_boundary.variation is None for case in plain.cases)
    assert [case.grain_boundary.variation.seed for case in varied.cases] == [2_000_001, 2_000_002, 2_000_003]


def test_without_realizations_the_seed_is_the_cases_own(tmp_path):
    study = load_study(study_file(tmp_path, {"temperature_C": [20]}))
    assert study.points[0].seeds == (1,)


def test_cases_leave_no_fields_and_figures_unless_asked(tmp_path):
    output = load_study(study_file(tmp_path, {})).cases[0].output
    assert (output.fields, output.figures) == (False, False)
    output = load_study(study_file(tmp_path, {}, output={"figures": True})).cases[0].output
    assert (output.fields, output.figures) == (False, True)


def test_a_case_file_is_looked_for_beside_the_study(tmp_path):
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.yaml").write_text(CASE, encoding="utf-8")
    (tmp_path / "s.yaml").write_text(f"case: cases/a.yaml\nsweep: {{{HL}: [0, 5]}}\n", encoding="utf-8")
    study = load_study(tmp_path / "s.yaml")
    assert (study.name, study.cases[0].name, len(study.cases)) == ("s", "a", 2)
    assert study.cases[0].homogenizing_layer is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("grain_boundry.thickness_nm: [5]", "s.yaml:3:3: grain_boundry: is not a key of a case (did you mean 'grain_boundary'?)"),
        ("grain_boundary.thicknes_nm: [5]", "s.yaml:3:32: grain_boundary.thicknes_nm: is not a key of grain_boundary"),
        ("grain_boundary.thickness_nm: [5, -5]", "s.yaml:3:36: grain_boundary.thickness_nm: must be >= 0.01 nm; got -5"),
        ("temperature_C: []", "s.yaml:3:3: sweep.temperature_C: is an empty axis"),
        ("temperature_C: 25", "s.yaml:3:3: sweep.temperature_C: must be a list of values; got 25"),
        ("temperature_C: [25, 60, 25.0]", "has the value 25.0 twice"),
        ("temperature_C: {log: [0, 5], points: 3}", "s.yaml:3:19: sweep.temperature_C.log: must be > 0"),
        ("temperature_C: {log: [1, 5], points: 1}", "sweep.temperature_C.points: must be a whole number from 2 on"),
        ("temperature_C: {log: [1, 1.00000000000002], points: 9}", "s.yaml:3:47: sweep.temperature_C.points: must be fewer; 9 values between 1 and 1 are not all different"),
        ("temperature_C: {lin: [1, 5], points: 3}", "must have log or linear, and points; got lin, points"),
        ("name: [a, b]", "s.yaml:3:3: sweep.name: changes no result"),
        ("output.fields: [true, false]", "sweep.output.fields: changes no result"),
        ("zip: [{temperature_C: [1, 2], mesh.size_um: [1]}]", "must have equally long lists; temperature_C has 2, mesh.size_um has 1"),
        ("zip: {temperature_C: [1, 2]}", "s.yaml:3:3: sweep.zip: must be a list of blocks"),
        ("zip: []", "sweep.zip: is empty"),
        ("zip: [{temperature_C: [1, 1], mesh.size_um: [2, 2]}]", "has the same row of values twice: 1, 2"),
        ("temperature_C: [1]\n  zip: [{temperature_C: [1]}]", "s.yaml:4:10: sweep.zip.0.temperature_C: is swept twice"),
        ("temperature_C: [1]\n  temperature_C: [2]", "s.yaml:4:3: sweep.temperature_C: is given twice, first on line 3"),
        ("mesh: [{size_um: 2}]\n  mesh.size_um: [1]", "clashes with mesh: one lies within the other"),
        ("grains.mean_size_um: [5, 50]", "s.yaml:3:28: grains.mean_size_um: must be <= 20 µm"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(mistakes, line, message):
    assert message in mistakes(f"case: case.yaml\nsweep:\n  {line}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case: case.yaml\nrealisations: 3\n", "s.yaml:2:1: realisations: is not a key of a study (did you mean 'realizations'?)"),
        ("case: case.yaml\nrun: {rank: 2}\n", "s.yaml:2:7: run.rank: is not a key of run (did you mean 'ranks'?)"),
        ("case: case.yaml\nranks: 2\n", "ranks: is not a key of a study. It belongs to run or cluster."),
        ("case: case.yaml\nrun: {timeout_min: 0}\n", "run.timeout_min: must be > 0 min; got 0"),
        ("case: case.yaml\nrealizations: 0\n", "s.yaml:2:1: realizations: must be >= 1; got 0"),
        ("case: cas.yaml\n", "s.yaml:1:1: case: no such file: cas.yaml (did you mean 'case.yaml'?)"),
        ("sweep: {temperature_C: [1]}\n", "case: is required: case file, relative to the study file; or the case itself"),
        ("case: 5\n", "s.yaml:1:1: case: must be the name of a case file, or a case as a block; got 5."),
        ("case: case.yaml\nsweep: [1]\n", "s.yaml:2:1: sweep: must be a block of keys of the case and their values; got a list of 1."),
        ("case: case.yaml\ncluster: {setup: a}\n", "s.yaml:2:11: cluster.setup: must be a list of lines: [module load fenicsx, ...]; got 'a'."),
        ("case: case.yaml\ncluster: {time: soon}\n", "s.yaml:2:11: cluster.time: must be a time limit: hours:minutes:seconds, 02:00:00, or days-hours:minutes, 1-12:00; got 'soon'."),
        ("case: case.yaml\ncluster: {time: 02:00}\n", "cluster.time: must be a time limit"),
        ("case: case.yaml\ncluster: {time: 02:99:00}\n", "cluster.time: must be a time limit"),
        ("case: case.yaml\ncluster: {account: two words}\n", "cluster.account: must be one word, in quotes if it looks like a number; got 'two words'."),
        ("case: case.yaml\ncluster: {options: [mem=4G]}\n", "cluster.options: must be a list of options, each from its dash on: ['--mem=4G', ...]; got"),
        ("case: ..\n", "s.yaml:1:1: case: must be a file, not the folder"),
        ("case: case.yaml\nrealizations: 2\nsweep: {grains.seed: [1, 2]}\n", "s.yaml:3:9: sweep.grains.seed: clashes with realizations"),
        ("case: case.yaml\nrealizations: 60000\nsweep: {temperature_C: [1, 2]}\n", "must give <= 100,000 cases; got 120,000"),
    ],
)  # fmt: skip
def test_a_mistake_of_the_study_itself(mistakes, text, message):
    assert message in mistakes(text)


def test_mistakes_come_all_at_once(mistakes):
    text = "case: nowhere.yaml\nrealisations: 3\nsweep: {temperature_C: []}\nrun: {jobs: 0}\n"
    assert len(mistakes(text).splitlines()) == 4


def test_a_mistake_of_the_case_file_is_told_once_and_there(mistakes):
    told = mistakes(
        f"case: case.yaml\nsweep: {{{HL}: [1, 2]}}\n", CASE.replace("size_um: 2.0", "size_um: -2")
    )
    assert told == "case.yaml:5:8: mesh.size_um: must be > 0 µm; got -2."


def test_what_does_not_fit_together_names_the_values(mistakes):
    told = mistakes("case: case.yaml\nsweep: {geometry.size_um: [[20, 20], [5, 20]]}\n")
    assert "case.yaml:2:10: grains.mean_size_um: must be <= 5 µm" in told
    assert "(where geometry.size_um = [5, 20])" in told


def test_what_many_points_bring_is_told_once(mistakes):
    axes = "sweep:\n  mesh.size_um: [1, 5]\n  temperature_C: [1, 2, 3]\n"
    told = mistakes(
        f"case: case.yaml\n{axes}", CASE.replace("size_um: 2.0", "size_um: 2.0, electrode_size_um: 2.0")
    )
    assert len(told.splitlines()) == 1
    assert told.endswith("(where mesh.size_um = 1, temperature_C = 1, and at 2 more points)")
    told = mistakes("case: case.yaml\nsweep: {grain_boundary.thicknes_nm: [5, 6, 7]}\n")
    assert len(told.splitlines()) == 1


def test_grains_from_a_file_have_no_realizations(mistakes, tmp_path):
    (tmp_path / "seeds.csv").write_text("x,z\n5,5\n15,15\n", encoding="utf-8")
    case = CASE.replace("mean_size_um: 10", "seeds_file: seeds.csv")
    told = mistakes("case: case.yaml\nrealizations: 2\n", case)
    assert "s.yaml:2:1: realizations: must be 1 or left out: grains come from a file" in told


def test_numbers_may_be_spelt_as_yaml_allows(tmp_path):
    text = json.dumps(study_data({})).replace('"sweep": {}', f'"sweep": {{"{GB}": [1e-6, 5E-6, 1.0e-5]}}')
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    found = [case.grain_boundary.conductivity_S_per_cm for case in load_study(tmp_path / "s.yaml").cases]
    assert found == [1e-6, 5e-6, 1e-5]
