"""Values as text with their errors: digits that mean something, one power of ten, what has no error."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

from gbflux.measure import error_text
from gbflux.measure.error_text import between, error_alone, error_records, parts, stated, with_error


def test_the_examples_hold() -> None:
    assert doctest.testmod(error_text).failed == 0


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (2.893, 0.31, "2.9 ± 0.3"),
        (18.402, 0.0512, "18.40 ± 0.05"),
        (1.776, 0.146, "1.78 ± 0.15"),
        (1.776, 0.196, "1.8 ± 0.2"),  # 0.196 is 0.20 to two digits, whose first is no 1
        (0.998, 0.096, "1.00 ± 0.10"),
        (-3.2, 0.2, "-3.2 ± 0.2"),
        (5.0, 7000.0, "0 ± 7000"),
        (-0.2, 3.0, "0 ± 3"),
        (0.0, 0.02, "0.00 ± 0.02"),
        (0.0212, 0.053, "0.02 ± 0.05"),
        (12345.6, 678.0, "12300 ± 700"),
        (1e6, 3e4, "(1.00 ± 0.03) × 10⁶"),
        (2.6391e-4, 1.3e-6, "(2.639 ± 0.013) × 10⁻⁴"),
        (6.755e-8, 5e-11, "(6.755 ± 0.005) × 10⁻⁸"),
        (2.6e-4, 0.03, "0.00 ± 0.03"),  # the error is the larger one, and plain
        (9.9996e-4, 2e-7, "0.0010000 ± 0.0000002"),  # rounds up out of the power of ten
        (0.99996e-3, 3e-6, "0.001000 ± 0.000003"),
        (1.0, 0.0, "1"),
        (0.0, 0.0, "0"),
        (1.23456789, 1e-12, "1.23457"),  # too small to show
        (2.893, None, "2.893"),
        (None, 0.1, "–"),
        (None, None, "–"),
    ],
)
def test_texts(value: float | None, error: float | None, text: str) -> None:
    assert with_error(value, error) == text


@pytest.mark.parametrize("seed", range(20))
def test_value_and_error_end_at_one_place_and_stay_what_they_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = float(rng.choice([-1, 1]) * 10.0 ** rng.uniform(-9, 9))
    error = abs(value) * float(10.0 ** rng.uniform(-4, 1))
    found = parts(value, {"estimated_error": error})
    decimals = [len(text.partition(".")[2]) for text in (found.value, found.error)]
    assert decimals[0] == decimals[1]
    scale = 10.0 ** int(found.power[5:].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)
    assert float(found.error) * scale == pytest.approx(error, rel=0.26)  # 1.95 becomes 2, 2.5 becomes 2 or 3
    assert abs(float(found.value) * scale - value) <= 0.51 * error


def test_a_divergent_value_has_no_error() -> None:
    record = {"estimated_error": None, "converged": False, "divergent": True}
    assert with_error(14.21, record) == "14 (divergent)"
    assert (parts(14.21, record).single, parts(14.21, record).deviation) == ("14", "divergent")
    assert with_error(14.21, record | {"divergent": False}) == "14.21"


def test_parts_of_a_power_of_ten_are_whole_each() -> None:
    found = parts(2.6391e-4, {"estimated_error": 1.3e-6})
    assert (found.single, found.deviation) == ("2.639 × 10⁻⁴", "± 0.013 × 10⁻⁴")
    assert error_alone(3.1e-6) == "3 × 10⁻⁶"


@pytest.mark.parametrize("seed", range(10))
def test_certified_intervals_are_rounded_outwards(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lower = float(10.0 ** rng.uniform(-2, 4))
    upper = lower * (1 + float(10.0 ** rng.uniform(-11, -1)))
    ends = [float(text) for text in between(lower, upper)]
    assert ends[0] <= lower * (1 + 1e-15)
    assert ends[1] >= upper * (1 - 1e-15)
    assert ends[1] - ends[0] <= 1.2 * (upper - lower) + 3e-6 * lower


def test_what_a_result_says() -> None:
    tree = {
        "hot_spots": {"top": {"p99_over_mean": 2.893, "gini": None}},
        "errors": {"hot_spots": {"top": {"p99_over_mean": {"estimated_error": 0.31, "converged": False}}}},
    }
    assert str(stated(tree, "hot_spots.top.p99_over_mean")) == "2.9 ± 0.3"
    assert str(stated(tree, "hot_spots.top.gini")) == "–"
    assert str(stated({**tree, "errors": None}, "hot_spots.top.p99_over_mean", 3)) == "2.89"
    assert [key for key, _ in error_records(tree["errors"])] == ["hot_spots.top.p99_over_mean"]
    assert list(error_records(None)) == []
    assert math.isfinite(
        dict(error_records(tree["errors"]))["hot_spots.top.p99_over_mean"]["estimated_error"]
    )
