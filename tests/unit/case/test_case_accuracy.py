"""The accuracy of a case: what is refused, what it does to hashes and estimates, how it is given by hand."""

from __future__ import annotations

import pytest

from gbflux.case import estimate, parse_case, resolved_yaml
from gbflux.case.cost import certifies, element_order, local_currents
from gbflux.case.load import accuracies
from gbflux.case.model import canonical
from gbflux.cli import main as command
from gbflux.errors import CaseError, InputError

CASE = """\
geometry: {size_um: [50, 50]}
grains: {mean_size_um: 10, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
"""


def asked(value: object):
    return parse_case(CASE, overrides={"accuracy.conductance": value})


@pytest.mark.parametrize(
    "value", [0, 0.0, -0.1, 1, 1.0, 2, "0%", "100%", "0.1", "%", "nan%", "fine", True, float("nan")]
)
def test_accuracies_that_are_refused(value: object) -> None:
    with pytest.raises(CaseError) as caught:
        asked(value)
    assert "accuracy.conductance" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "accuracy: 0.1",
        "accuracy: {conductance: 0.1, p99: 1}",
        "accuracy: []",
        "accuracy: {conductance: null}",
    ],
)
def test_blocks_that_are_refused(text: str) -> None:
    with pytest.raises(CaseError, match="accuracy"):
        parse_case(CASE + text)


@pytest.mark.parametrize(
    ("text", "value"), [("0.1%", 0.001), ('"0.02 %"', 0.0002), ("50%", 0.5), ("0.05", 0.05), ("1e-3", 0.001)]
)
def test_percentages_and_fractions_are_the_same_in_a_case(text: str, value: float) -> None:
    case = parse_case(CASE + f"accuracy: {{hot_spots: {text}}}")
    assert case.accuracy.asked == {"hot_spots": value}
    assert case.physics_hash == parse_case(CASE, overrides={"accuracy.hot_spots": value}).physics_hash


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["0.1%"], {"conductance": 0.001}),
        ([" 0.02 % "], {"conductance": 0.0002}),
        (["hot_spots=5%"], {"hot_spots": 0.05}),
        (["hot_spot=10%"], {"hot_spot": 0.1}),
        (["0.1%,hot_spots=5%"], {"conductance": 0.001, "hot_spots": 0.05}),
        (["hot_spots=5%", "conductance = 0.1%"], {"conductance": 0.001, "hot_spots": 0.05}),
    ],
)
def test_accuracies_by_hand(options: list[str], found: dict[str, float]) -> None:
    assert accuracies(options) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%",
        "0",
        "0%",
        "-1%",
        "100%",
        "1",
        "2",
        "nan",
        "inf",
        "a%",
        "0.1%%",
        "p99=5%",
        "0.1%,1%",
        "hot_spots=",
    ],
)
def test_accuracies_by_hand_that_are_refused(text: str, tmp_path, capsys) -> None:
    with pytest.raises(InputError, match="--accuracy: must"):
        accuracies([text])
    (tmp_path / "case.yaml").write_text(CASE)
    assert command.exit_code(["run", str(tmp_path / "case.yaml"), f"--accuracy={text}"]) == 2
    assert capsys.readouterr().err.startswith("gbflux: --accuracy: must")


@pytest.mark.parametrize(("text", "other"), [("0.1", "10%"), ("0.001", "0.1%"), ("hot_spots=0.05", "5%")])
def test_a_number_without_a_unit_is_refused_with_both_readings(text: str, other: str) -> None:
    number = text.split("=")[-1]
    with pytest.raises(InputError, match=f"may mean {number}% or {other}"):
        accuracies([text])


def test_hot_spots_take_the_order_and_the_electrodes_of_the_case() -> None:
    hot = {"accuracy.hot_spots": 0.05}
    assert element_order(parse_case(CASE, overrides=hot)) == 1
    assert element_order(parse_case(CASE, overrides={**hot, "solver.order": 2})) == 2
    assert element_order(parse_case(CASE, overrides={**hot, "accuracy.conductance": 0.01})) == 2
    assert not certifies(parse_case(CASE, overrides=hot))
    orders = {parse_case(CASE, overrides={**hot, "solver.order": k}).physics_hash for k in (1, 2)}
    assert len(orders) == 2
    parse_case(CASE + "electrodes: {kinetics: {exchange_current_density_mA_per_cm2: 1}}", overrides=hot)


def test_an_accuracy_is_part_of_what_a_case_is() -> None:
    hashes = {parse_case(CASE).physics_hash, asked(0.001).physics_hash, asked(0.002).physics_hash}
    assert len(hashes) == 3
    assert "accuracy" not in canonical(parse_case(CASE))


def test_certified_currents_are_part_of_it_where_meshes_are_refined_for_them() -> None:
    certify = {"output.certify": {"windows_um": [5]}}
    hot = {"accuracy.hot_spot": 0.1}
    assert parse_case(CASE, overrides=certify).physics_hash == parse_case(CASE).physics_hash
    one, two = parse_case(CASE, overrides=hot), parse_case(CASE, overrides={**hot, **certify})
    assert one.physics_hash != two.physics_hash
    assert (one.certify.grains, one.certify.windows_um) == (5, (1.0, 3.0))
    assert two.certify.windows_um == (5.0,)
    assert parse_case(CASE).certify is None
    assert certifies(one)
    assert local_currents(one) == local_currents(parse_case(CASE, overrides={"output.certify": {}})) == 14


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("electrodes: {kinetics: {exchange_current_density_mA_per_cm2: 1}}", "no bracket certifies it"),
        ("output: {certify: {grains: 0, windows_um: []}}", "must name a current to certify"),
    ],
)
def test_local_currents_that_cannot_be_refined_for(text: str, words: str) -> None:
    with pytest.raises(CaseError, match=words):
        parse_case(CASE + text, overrides={"accuracy.hot_spot": 0.1})


def test_refined_meshes_are_shared_with_no_other_case() -> None:
    plain = parse_case(CASE)
    other = parse_case(CASE, overrides={"grain_boundary.conductivity_S_per_cm": 1e-6})
    assert plain.mesh_key() == other.mesh_key()
    one, two = (
        parse_case(CASE, overrides={"accuracy.conductance": 0.01, "grain_boundary.conductivity_S_per_cm": s})
        for s in (2.5e-7, 1e-6)
    )
    assert one.mesh_key() != two.mesh_key()


def test_the_resolved_case_keeps_it() -> None:
    assert parse_case(resolved_yaml(asked(0.001))).physics_hash == asked(0.001).physics_hash


def test_certifying_takes_memory_and_time() -> None:
    plain, certified = estimate(parse_case(CASE)), estimate(parse_case(CASE + "output: {bracket: true}"))
    assert certified.memory_MiB > plain.memory_MiB
    assert certified.time_s > plain.time_s
    uncut = "mesh: {boundary_end_um: 0}\n"  # as meshes in 2D are that are refined
    quadratic = estimate(parse_case(CASE + uncut + "output: {bracket: true}\nsolver: {order: 2}"))
    assert quadratic.memory_MiB > certified.memory_MiB
    assert quadratic.time_s > certified.time_s
    assert estimate(asked(0.001)) == quadratic


def test_check_shows_the_target(tmp_path, capsys) -> None:
    (tmp_path / "case.yaml").write_text(CASE + "accuracy: {conductance: 0.001}\n")
    assert command.exit_code(["check", str(tmp_path / "case.yaml")]) == 0
    shown = capsys.readouterr().out
    assert "Estimate of the first mesh" in shown
    assert "refined for conductance to" in shown
    assert "0.1 %" in shown
