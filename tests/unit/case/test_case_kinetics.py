"""Kinetics and applied currents in a case: for one side or both, resolved, hashed, refused where wrong."""

from __future__ import annotations

import pytest

from gbflux.case import derived_numbers, estimate, parse_case, resolved_yaml
from gbflux.errors import CaseError

ONE = "exchange_current_density_mA_per_cm2: 1"


def with_electrodes(minimal: str, text: str):
    return parse_case(f"{minimal}electrodes: {text}\n", "c.yaml")


def test_one_law_stands_for_both_sides(minimal):
    case = with_electrodes(minimal, f"{{kinetics: {{{ONE}}}}}")
    assert case.exchange_current_density == pytest.approx((10.0, 10.0))  # A/m²
    assert case.electrode_kinetics[0] == case.electrode_kinetics[1]
    assert case.electrode_kinetics[0].anodic_transfer_coefficient == 0.5
    assert case.ideal_electrodes == (False, False)


def test_a_law_for_each_side(minimal):
    case = with_electrodes(minimal, f"{{kinetics: {{top: {{{ONE}, anodic_transfer_coefficient: 0.3}}}}}}")
    assert case.exchange_current_density == (None, 10.0)
    assert case.electrode_kinetics[1].anodic_transfer_coefficient == 0.3
    assert case.ideal_electrodes == (True, False)


def test_the_exchange_current_follows_arrhenius(minimal):
    text = f"{{kinetics: {{{ONE}, activation_energy_eV: 0.35}}}}\ntemperature_C: 60"
    # exp(0.35 eV/k (1/298.15 K − 1/333.15 K)) = 4.1836
    assert with_electrodes(minimal, text).exchange_current_density[0] == pytest.approx(41.836, rel=1e-4)


def test_the_resistance_at_rest(minimal):
    """RT/F = 25.693 mV at 25 °C over 1 mA/cm², α_a + α_c = 0.8 at the top."""
    laws = f"{{bottom: {{{ONE}}}, top: {{{ONE}, anodic_transfer_coefficient: 0.3}}}}"
    case = with_electrodes(minimal, f"{{asr_ohm_cm2: {{bottom: 0, top: 4}}, kinetics: {laws}}}")
    expected = (25.6926, 25.6926 / 0.8 + 4)
    assert derived_numbers(case).electrode_asr_ohm_cm2 == pytest.approx(expected, rel=1e-5)
    assert derived_numbers(parse_case(minimal)).electrode_asr_ohm_cm2 == (0.0, 0.0)


def test_kinetics_take_longer(minimal):
    plain, kinetic = (
        estimate(parse_case(minimal)),
        estimate(with_electrodes(minimal, f"{{kinetics: {{{ONE}}}}}")),
    )
    assert kinetic.cells == plain.cells
    assert plain.time_s < kinetic.time_s < 2 * plain.time_s


def test_a_current_instead_of_a_potential(minimal):
    case = with_electrodes(minimal, "{current_density_mA_per_cm2: -0.2, bottom_V: 0.3}")
    assert case.applied_current_density == pytest.approx(-2.0)
    assert case.potentials == (0.3, None)
    assert parse_case(minimal).applied_current_density is None


@pytest.mark.parametrize(
    "text",
    [
        f"{{kinetics: {{{ONE}}}}}",
        f"{{kinetics: {{bottom: {{{ONE}}}}}, asr_ohm_cm2: 3}}",
        "{current_density_mA_per_cm2: 0.2}",
        f"{{current_density_mA_per_cm2: 0.2, kinetics: {{{ONE}, activation_energy_eV: 0.4}}}}",
    ],
)
def test_the_resolved_case_is_the_same_case(minimal, text):
    case = with_electrodes(minimal, text)
    assert parse_case(resolved_yaml(case)).physics_hash == case.physics_hash
    assert case.physics_hash != parse_case(minimal).physics_hash


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{kinetics: ~}", "{}"),
        ("{kinetics: {top: ~}}", "{}"),
        (f"{{kinetics: {{{ONE}}}}}", f"{{kinetics: {{top: {{{ONE}}}, bottom: {{{ONE}}}}}}}"),
        (f"{{kinetics: {{{ONE}}}}}", f"{{kinetics: {{{ONE}.0, reference_temperature_C: 80}}}}"),
        (f"{{kinetics: {{{ONE}}}}}", f"{{kinetics: {{{ONE}, activation_energy_eV: 0}}}}"),
    ],
)
def test_spelling_does_not_change_the_hash(minimal, one, other):
    hashes = {with_electrodes(minimal, text).physics_hash for text in (one, other)}
    assert len(hashes) == 1


def test_kinetics_leave_the_mesh_alone(minimal):
    case = with_electrodes(minimal, f"{{current_density_mA_per_cm2: 0.2, kinetics: {{{ONE}}}}}")
    assert case.mesh_key() == parse_case(minimal).mesh_key()


LAW = "kinetics.exchange_current_density_mA_per_cm2"
MISTAKES = [
    ("kinetics: {exchange_current_density_mA_per_cm2: 0}", LAW, "must be > 0 mA/cm²; got 0"),
    ("kinetics: {exchange_current_density_mA_per_cm2: -1}", LAW, "must be > 0 mA/cm²; got -1"),
    ("kinetics: {exchange_current_density_mA_per_cm2: .nan}", LAW, "must be a finite number; got nan"),
    ("kinetics: {exchange_current_density_mA_per_cm2: .inf}", LAW, "must be a finite number; got inf"),
    ("kinetics: {exchange_current_density_mA_per_cm2: 1 mA}", LAW, "the unit, mA/cm², is in the key"),
    ("kinetics: {}", LAW, "is required: exchange current density"),
    ("kinetics: 3", "kinetics", "must be a block of keys; got 3"),
    (f"kinetics: {{{ONE}, anodic_transfer_coefficient: 1.2}}", "kinetics.anodic_", "must be <= 1; got 1.2"),
    (f"kinetics: {{{ONE}, cathodic_transfer_coefficient: 0}}", "kinetics.cathodic_", "must be > 0; got 0"),
    (
        f"kinetics: {{{ONE}, anodic_transfer_coefficient: .nan}}",
        "kinetics.anodic_",
        "must be a finite number",
    ),
    ("kinetics: {exchange_current_density: 3}", "kinetics.exchange", f"Did you mean `{LAW[9:]}` (mA/cm²)?"),
    (f"kinetics: {{top: {{{ONE}}}, left: 3}}", "kinetics.left", "Known keys: bottom, top"),
    ("kinetics: {top: {}}", "kinetics.top.exchange", "is required"),
    (
        f"kinetics: {{{ONE}, activation_energy_eV: 1e6, reference_temperature_C: 90}}",
        "kinetics.activation_energy_eV",
        "makes the exchange current density at 25 °C 0 A/m²",
    ),
    ("top_V: 0.1, current_density_mA_per_cm2: 1", "current_density", "must not stand beside top_V"),
    ("current_density_mA_per_cm2: 0", "current_density", "without current there is nothing to measure"),
    ("current_density_mA_per_cm2: .nan", "current_density", "must be a finite number; got nan"),
    ("current_density_mA_per_cm2: much", "current_density", "must be a number in mA/cm²; got 'much'"),
    ("current_density: 1", "current_density", "Did you mean `current_density_mA_per_cm2` (mA/cm²)?"),
    ("top_V: ~", "top_V", "must be a number in V; got nothing"),
]


@pytest.mark.parametrize(("text", "place", "message"), MISTAKES)
def test_a_mistake_is_reported_once_at_its_place(minimal, text, place, message):
    with pytest.raises(CaseError) as caught:
        with_electrodes(minimal, f"{{{text}}}")
    (problem,) = caught.value.problems
    assert problem.place.startswith(f"electrodes.{place}")
    assert message in problem.message
    assert problem.line == 4


def test_no_accuracy_is_certified_with_kinetics(minimal):
    with pytest.raises(CaseError, match=r"accuracy.conductance.*must not stand beside electrodes.kinetics"):
        with_electrodes(minimal, f"{{kinetics: {{{ONE}}}}}\naccuracy: {{conductance: 0.01}}")
