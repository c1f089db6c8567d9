"""Mistakes in a case: each gets a line, a column, the place and words that help; all of them come at once."""

from __future__ import annotations

import pytest

from gbflux.case import parse_case
from gbflux.errors import CaseError


def problems(text, **options):
    with pytest.raises(CaseError) as caught:
        parse_case(text, "c.yaml", **options)
    return caught.value.problems


def only_problem(text, **options):
    found = problems(text, **options)
    assert len(found) == 1, found
    return found[0]


BAD_VALUES = [
    ("thickness_nm: 5", "thickness_nm: -5", "must be >= 0.01 nm; got -5"),
    ("thickness_nm: 5", "thickness_nm: 0", "must be >= 0.01 nm; got 0"),
    ("thickness_nm: 5", "thickness_nm: .nan", "must be a finite number; got nan"),
    ("thickness_nm: 5", "thickness_nm: .inf", "must be a finite number; got inf"),
    ("thickness_nm: 5", "thickness_nm: -.inf", "must be a finite number; got -inf"),
    ("thickness_nm: 5", "thickness_nm: true", "must be a number in nm; got true"),
    ("thickness_nm: 5", "thickness_nm: thin", "must be a number in nm; got 'thin'"),
    ("thickness_nm: 5", "thickness_nm: '5'", "Write it without quotes"),
    ("thickness_nm: 5", "thickness_nm: 5 nm", "the unit, nm, is in the key"),
    ("thickness_nm: 5", "thickness_nm: 5um", "the unit, nm, is in the key"),
    ("thickness_nm: 5", "thickness_nm: '5,0'", "Write a decimal point"),
    ("thickness_nm: 5", "thickness_nm: '5,0e0'", "Write a decimal point"),
    ("thickness_nm: 5", "thickness_nm: [5]", "must be a number in nm; got a list of 1"),
    ("thickness_nm: 5", "thickness_nm: ~", "must be a number in nm; got nothing"),
    ("thickness_nm: 5", "thickness_nm: 5000", "must be <= 1000 nm, a tenth of the grain size; got 5000"),
    ("mean_size_um: 10", "mean_size_um: 51", "must be <= 50 µm, the shortest side of the box; got 51"),
    ("dimension: 3", "dimension: 4", "must be <= 3; got 4"),
    ("seed: 1", "seed: 1.5", "must be a whole number; got 1.5"),
    ("seed: 1", "seed: -1", "must be >= 0; got -1"),
    ("voronoi", "voroni", "must be voronoi, brick or columnar; got 'voroni' (did you mean 'voronoi'?)"),
    ("both", "left", "must be both, bottom or top; got 'left'"),
    ("fields: true", "fields: 1", "must be true or false; got 1"),
    ("top_V: 0.1", "top_V: 0", "must differ from bottom_V; got 0 V for both"),
    ("asr_ohm_cm2: 0}", "asr_ohm_cm2: -1}", "must be >= 0 Ω cm²; got -1"),
    ("asr_ohm_cm2: 0}", "asr_ohm_cm2: none}", "must be a number in Ω cm²; got 'none'"),
    ("{size_um: 1.0,", "{size_um: 50,", "must be < 50 µm, the shortest side of the box; got 50"),
    ("electrode_size_um: 0.5", "electrode_size_um: 2", "must be <= mesh.size_um, 1 µm; got 2"),
    (
        "electrode_size_um: 0.5",
        "electrode_size_um: 0.005",
        "must be > 0.005 µm, the grain-boundary thickness",
    ),
    ("thickness_um: 10", "thickness_um: 0.004", "must be 0 (none) or > 0.005 µm"),
    ("rtol: 1.0e-10", "rtol: 0", "must be > 0; got 0"),
    ("temperature_C: 25", "temperature_C: -300", "must be > -273.15 °C; got -300"),
    ("name: lu2021", "name: a/b", "must be letters, digits"),
    ("name: lu2021", "name: 2021", "must be text"),
    ("[50, 50, 50]", "[50, 50]", "must have 3 entries in 3D; got 2"),
    ("[50, 50, 50]", "[50]", "must be 3 lengths"),
    ("[50, 50, 50]", "50", "must be a list of lengths"),
    ("[50, 50, 50]", "[50, -50, 50]", "must be > 0 µm; got -50"),
    ("[50, 50, 50]", "[50, 50, 1e300]", "must be <= 10000000 µm; got 1e+300"),
    ("2.5e-7", "2.5e-7, variation: {sigma: 0}", "must be > 0; got 0. Leave the variation block out"),
    (
        "2.5e-7",
        "2.5e-7, activation_energy_eV: 1e6, reference_temperature_C: 90",
        "makes the conductivity at 25 °C 0",
    ),
    ("conductivity_S_per_cm: 1.0e-4, ", "", "needs conductivity_S_per_cm"),
    ("mean_size_um: 10", "mean_size_um: 10, count: 125", "must not stand beside mean_size_um"),
    ("mean_size_um: 10, ", "", "needs a size"),
    ("{thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}", "5", "must be a block of keys; got 5"),
    ("conductivity_S_per_cm: 2.5e-7", "x: &b 1", "is required: conductivity"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD_VALUES)
def test_bad_value(full, old, new, message):
    assert old in full
    assert any(message in problem.message for problem in problems(full.replace(old, new, 1)))


BAD_KEYS = [
    ("thickness_nm: 5", "thickness_um: 5", "Did you mean `thickness_nm` (nm)?"),
    ("thickness_nm: 5", "thickness: 5", "Did you mean `thickness_nm` (nm)?"),
    ("5.0e-4", "5e-4, activation_energy_kJ_per_mol: 30", "Did you mean `activation_energy_eV` (eV)?"),
    ("thickness_um: 10", "thicknes_um: 10", "(did you mean 'thickness_um'?)"),
    ("mean_size_um: 10", "mean_size_nm: 10000", "Did you mean `mean_size_um` (µm)?"),
    ("2.5e-7", "2.5e-7, variaton: {sigma: 1}", "(did you mean 'variation'?)"),
    ("temperature_C: 25", "temperature_K: 298", "Did you mean `temperature_C` (°C)?"),
    ("temperature_C: 25", "thickness_nm: 25", "It belongs to grain_boundary."),
    ("solver: {", "solver: {zzz: 1, ", "Known keys: rtol, max_iterations, preconditioner, order."),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD_KEYS)
def test_unknown_key_is_reported_once_with_the_key_that_was_meant(full, old, new, message):
    assert old in full
    problem = only_problem(full.replace(old, new, 1))
    assert "is not a key of" in problem.message
    assert message in problem.message


def test_no_conductivity_is_looked_for_below_absolute_zero(full):
    text = full.replace("5.0e-4", "5.0e-4, activation_energy_eV: 0.3")
    problem = only_problem(text.replace("temperature_C: 25", "temperature_C: -300"))
    assert problem.message == "must be > -273.15 °C; got -300."


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity"])
def test_a_word_for_no_finite_number_is_text(full, word):
    problem = only_problem(full.replace("top_V: 0.1", f"top_V: {word}"))
    assert problem.message == f"must be a number in V; got '{word}'."


@pytest.mark.parametrize("size", ["[-20, 20]", "[-20, -20]"])
def test_the_sides_of_a_flat_box_are_counted_whatever_they_are(full, size):
    text = full.replace("dimension: 3, size_um: [50, 50, 50]", f"dimension: 2, size_um: {size}")
    assert text != full
    assert {problem.message for problem in problems(text)} == {"must be > 0 µm; got -20."}


def test_position_is_that_of_the_key(full):
    problem = only_problem(full.replace("thickness_nm: 5", "thickness_nm: -5"))
    assert (problem.source, problem.line, problem.column) == ("c.yaml", 4, 18)
    assert problem.place == "grain_boundary.thickness_nm"


def test_position_of_an_entry_of_a_list_and_of_a_missing_key(full):
    assert only_problem(full.replace("[50, 50, 50]", "[50, 50, x]")).column == 44
    text = full.replace("thickness_nm: 5, ", "")
    problem = only_problem(text)
    assert (problem.line, problem.place) == (4, "grain_boundary.thickness_nm")
    assert "thickness of every grain boundary (nm)" in problem.message


def test_every_mistake_is_reported_at_once(full):
    text = full
    for old, new in [
        ("voronoi", "vorono"),
        ("top_V: 0.1", "top_V: 0.0"),
        ("thickness_nm: 5", "thickness_nm: five"),
        ("thickness_um: 10", "thickness_um: -1"),
        ("order: 1", "order: 7"),
        ("{size_um: 1.0", "{size_um: 99"),
    ]:
        text = text.replace(old, new, 1)
    text += "solver: {}\nunknown: 1\n"
    found = problems(text)
    places = {problem.place for problem in found}
    assert places == {
        "grains.arrangement",
        "electrodes.top_V",
        "grain_boundary.thickness_nm",
        "homogenizing_layer.thickness_um",
        "solver.order",
        "mesh.size_um",
        "solver",
        "unknown",
    }
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)


@pytest.mark.parametrize("written", ["1e-6", "1E-6", "1.0e-6", "0.000001", "1.e-6", "+1e-6", "1_0e-7"])
def test_every_spelling_of_a_number_is_that_number(minimal, written):
    assert parse_case(minimal.replace("2.5e-7", written)).grain_boundary.conductivity_S_per_cm == 1e-6


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("", "is empty", 1, 1),
        ("# nothing\n\n", "is empty", 1, 1),
        ("- a\n- b\n", "must be blocks of keys", 1, 1),
        ("just text", "must be blocks of keys", 1, 1),
        ("geometry:\n\tsize_um: [1, 2]\n", "Indent with spaces, not tabs", 2, 1),
        ("geometry: {size_um: [1, 2\n", "is not YAML", 2, 1),
        ("a: b: c\n", "Look at the indentation", 1, 5),
        ("a: 1\n---\nb: 2\n", "second document", 2, 1),
        ("a: *nowhere\n", "undefined alias", 1, 4),
        ("a: 'open\n", "is not YAML", 2, 1),
        ("a: \x01\n", "#x0001", 1, 4),
        ("a: \x00\n", "#x0000", 1, 4),
        ("[" * 1200, "nested too deeply", 1, 1),
    ],
)
def test_text_that_is_no_case_at_all(text, message, line, column):
    problem = only_problem(text)
    assert message in problem.message
    assert (problem.line, problem.column) == (line, column)


def test_duplicate_keys_are_found_at_every_level(minimal):
    found = problems(minimal + "mesh: {size_um: 1, size_um: 2}\ngrains: {count: 3}\n")
    assert [(p.line, p.place) for p in found] == [(4, "mesh.size_um"), (5, "grains")]
    assert "first on line 2" in found[1].message


def test_unknown_tags_are_refused_without_a_second_message(minimal):
    assert "!kelvin" in only_problem(minimal + "temperature_C: !kelvin 300\n").message
    assert "cannot be read as int" in only_problem(minimal + "temperature_C: !!int warm\n").message


def test_anchors_aliases_and_merge_keys_work(minimal):
    text = minimal.replace("{mean_size_um", "&g {mean_size_um").replace(
        "thickness_nm: 5,", "thickness_nm: 5, variation: &v {sigma: 1},"
    )
    text = text.replace("5.0e-4}", "5.0e-4, variation: {<<: {sigma: 0.2, seed: 4}, sigma: 0.7}}")
    case = parse_case(text)
    assert (case.grains.variation.sigma, case.grains.variation.seed) == (0.7, 4)
    with pytest.raises(CaseError, match="must be a block, or a list of blocks, to merge"):
        parse_case(minimal + "mesh: {<<: 3}\n")


def test_aliases_that_grow_without_limit_or_contain_themselves_end_quickly():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
    )
    assert len(problems(bomb + "geometry: *l\nmesh: {size_um: *l}\n")) > 3
    assert problems("geometry: &g {size_um: *g, dimension: 3}\n")
    assert problems("geometry: &g\n  <<: *g\n  size_um: 3\n")
    assert problems("mesh: {size_um: " + "9" * 5000 + "}\n")


def test_non_scalar_keys_are_refused(minimal):
    assert any("must be a word" in p.message for p in problems(minimal + "? [a, b]\n: 1\n"))
