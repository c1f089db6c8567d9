"""Circuits: what is parsed, what is refused, impedances against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.errors import InputError
from gbflux.lab.impedance.circuit import parse_circuit

F = np.geomspace(1e-2, 1e7, 40)
OMEGA = 2 * np.pi * F


def test_parameters_stand_in_the_order_of_the_text():
    circuit = parse_circuit(" R0 - p(R1, CPE1)-p(R2-W2,C2) - Ws3-L4")
    assert circuit.text == "R0-p(R1,CPE1)-p(R2-W2,C2)-Ws3-L4"
    assert circuit.parameters == (
        *("R0", "R1", "CPE1_Q", "CPE1_n", "R2", "W2", "C2", "Ws3_R", "Ws3_tau", "L4"),
    )
    assert circuit.unit("CPE1_Q") == "S s^n"
    assert circuit.unit("CPE1_n") == "1"


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("R1-C1-L1", {"R1": 2, "C1": 1e-6, "L1": 1e-3}, 2 + 1 / (1j * OMEGA * 1e-6) + 1j * OMEGA * 1e-3),
        ("p(R1,C1)", {"R1": 100, "C1": 1e-6}, 100 / (1 + 1j * OMEGA * 1e-4)),
        ("CPE1", {"CPE1_Q": 1e-5, "CPE1_n": 0.8}, 1 / (1e-5 * (1j * OMEGA) ** 0.8)),
        ("W1", {"W1": 3.0}, 3.0 * (1 - 1j) / np.sqrt(OMEGA)),
    ],
)
def test_impedances_are_the_closed_forms(text, values, expected):
    assert np.allclose(parse_circuit(text).impedance(F, values), expected, rtol=1e-12)


def test_finite_diffusion_ends_as_resistor_or_capacitor_and_begins_as_warburg():
    low, high = np.array([1e-6]), np.array([1e5])
    values = {"Ws1_R": 10.0, "Ws1_tau": 2.0}
    assert parse_circuit("Ws1").impedance(low, values)[0] == pytest.approx(10.0, rel=1e-3)
    expected = parse_circuit("W1").impedance(high, {"W1": 10 / np.sqrt(2 * 2.0)})
    assert parse_circuit("Ws1").impedance(high, values) == pytest.approx(expected, rel=1e-6)
    walled = parse_circuit("Wo1").impedance(low, {"Wo1_R": 10.0, "Wo1_tau": 2.0})[0]
    assert walled.real == pytest.approx(10 / 3, rel=1e-3)
    assert walled.imag == pytest.approx(-10 / (2 * np.pi * 1e-6 * 2.0), rel=1e-3)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "got its end"),
        ("R0-", "got its end"),
        ("R0--R1", "'-' at character 4"),
        ("p(R1)", "two branches"),
        ("p(R1,C1", "close with"),
        ("R0)", "must end here"),
        ("R0-R0", "R0 stands twice"),
        ("X1", "one of R, C, L, CPE, W, Ws, Wo"),
        ("cpe1", "one of R, C, L, CPE, W, Ws, Wo"),
        ("R0;R1", "';' at character 3"),
        ("R0-" * 200 + "R1", "at most 400"),
        ("p(" * 190 + "R1", "close"),
    ],
)
def test_faults_are_pointed_at(text, word):
    with pytest.raises(InputError, match=word.replace("(", r"\(")):
        parse_circuit(text)
