"""Stepped-current tests: the short is found where it is, and nowhere else."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.lab.ccd import CurrentTest, critical_current, find_steps, read_current_test
from gbflux.lab.demo import write_demo_data
from gbflux.lab.demo.cells import CASES, current_test


def made(name: str, seed: int, noise: float = 2e-4) -> CurrentTest:
    time, current, voltage = current_test(*CASES[name], np.random.default_rng(seed), noise)
    return CurrentTest(time, current * 10, voltage)


def recovered(seeds: range) -> float:
    """Share of tests whose short is found in its step, or that are found not to have shorted."""
    right = 0
    for seed in seeds:
        for name, (_, short, _, _) in CASES.items():
            found = critical_current(made(name, seed, [2e-4, 1e-3, 2e-3][seed % 3]))
            right += found.ccd is None if short is None else found.ccd == pytest.approx(10 * short)
    return right / (len(seeds) * len(CASES))


def false_shorts(seeds: range) -> int:
    """Shorts found in noise without a voltage behind it, and in a cell that holds."""
    count = 0
    for seed in seeds:
        voltage = np.random.default_rng(seed).normal(0, 1e-3, 3000)
        steps = np.repeat(np.arange(1.0, 11.0), 300)
        count += critical_current(CurrentTest(np.arange(3000.0), steps, voltage)).shorted
        count += critical_current(made("hl_held", seed, 2e-3)).shorted
    return count


def test_shorts_are_found_in_their_step():
    assert recovered(range(6)) == 1.0


def test_noise_does_not_short():
    assert false_shorts(range(6)) == 0


@pytest.mark.slow
def test_shorts_are_found_over_200_seeds():
    assert recovered(range(200)) >= 0.98
    assert false_shorts(range(200)) <= 4


def test_result_says_what_was_held_and_the_step():
    found = critical_current(made("hl", 1))
    assert found.ccd == pytest.approx(18)
    assert found.held == pytest.approx(17)
    assert found.uncertainty == pytest.approx(1)
    assert found.sign == "voltage drop"
    assert found.asr_before == pytest.approx(74e-4 * 1.05, rel=0.1)
    assert found.asr_after < 0.1 * found.asr_before
    held = critical_current(made("hl_held", 1))
    assert (held.shorted, held.ccd, held.uncertainty) == (False, None, None)
    assert held.held == pytest.approx(30)


def test_short_in_the_first_step_leaves_nothing_held():
    time, voltage = np.arange(200.0), np.r_[np.full(100, 0.5), np.full(100, 0.01)]
    found = critical_current(CurrentTest(time, np.full(200, 5.0), voltage))
    assert (found.ccd, found.held, found.short_time) == (5.0, 0.0, 100.0)


def test_short_between_two_steps_belongs_to_the_larger_current():
    current = np.repeat([1.0, 2.0, 3.0], 100)
    voltage = np.r_[np.full(100, 0.1), np.full(100, 0.2), np.full(100, 0.02)]
    found = critical_current(CurrentTest(np.arange(300.0), current, voltage))
    assert found.ccd == 3.0
    assert found.sign == "voltage below the last step"


def test_plating_and_stripping_by_turns_and_rests_are_no_shorts():
    current = np.concatenate(
        [np.r_[np.full(60, j), np.zeros(20), np.full(60, -j), np.zeros(20)] for j in (1, 2, 3, 4)]
    )
    rng = np.random.default_rng(0)
    found = critical_current(CurrentTest(np.arange(640.0), current, 0.1 * current + rng.normal(0, 1e-3, 640)))
    assert not found.shorted
    assert len(found.steps) == 8
    assert found.held == 4


def test_slow_relaxation_and_falling_resistance_are_no_shorts():
    t = np.arange(3000.0)
    current = np.repeat(np.arange(1.0, 11.0), 300)
    relaxing = 0.1 * current * (1 + 0.3 * np.exp(-(t % 300) / 60))
    assert not critical_current(CurrentTest(t, current, relaxing)).shorted
    kinetics = np.arcsinh(current)
    assert not critical_current(CurrentTest(t, current, kinetics)).shorted


def test_outliers_of_the_current_do_not_split_a_step():
    time, current, voltage = current_test(*CASES["hl_held"], np.random.default_rng(0))
    current[::77] *= 3
    steps = find_steps(CurrentTest(time, current, voltage))
    assert len({round(step.current_density, 6) for step in steps}) == 30


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"current_density": np.zeros(50)}, "other than zero"),
        ({"voltage": np.full(50, np.nan)}, "some are missing"),
        ({"time": np.arange(50.0)[::-1]}, "not run back"),
        ({"time": np.arange(49.0)}, "equally long"),
        ({"current_density": np.random.default_rng(0).choice([1.0, 5.0, 9.0, 13.0], 50)}, "constant for"),
    ],
)
def test_impossible_tests_are_refused(change, word):
    arrays = {"time": np.arange(50.0), "current_density": np.ones(50), "voltage": np.ones(50)} | change
    with pytest.raises(InputError, match=word):
        critical_current(CurrentTest(**arrays))


def test_command_and_files(tmp_path, capsys):
    write_demo_data(tmp_path, kinds=["ccd"])
    out = tmp_path / "out"
    assert exit_code(["ccd", str(tmp_path / "ccd_gold.csv"), "--json", "-o", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ccd_mA_per_cm2"] == pytest.approx(0.2)
    assert {path.name for path in out.iterdir()} == {"ccd.png", "steps.csv", "result.json", "provenance.json"}
    assert exit_code(["ccd", str(tmp_path / "ccd_hl_held.csv")]) == 0
    assert "above 3 mA/cm² (censored)" in capsys.readouterr().out


def test_a_current_needs_an_area(tmp_path, capsys):
    path = tmp_path / "test.csv"
    rows = "".join(f"{k},{1e-3 * (1 + k // 20)},{0.1 * (1 + k // 20)}\n" for k in range(100))
    path.write_text("time (s),I (A),V (V)\n" + rows)
    assert exit_code(["ccd", str(path)]) == 2
    assert "--area-cm2" in capsys.readouterr().err
    assert read_current_test(path, 1e-4).current_density[0] == pytest.approx(10.0)
    assert exit_code(["ccd", str(path), "--area-cm2", "-1"]) == 2
    assert exit_code(["ccd", str(path), "--area-cm2", "1", "--drop", "2"]) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"t,I,V\n1,2,3\n",
        b"time (s),V (V)\n" + b"1,2\n" * 50,
        bytes(range(256)) * 9,
        b"time (s),I (A),V (V)\n" * 50,
    ],
)
def test_hostile_files_are_refused(tmp_path, content):
    path = tmp_path / "test.csv"
    path.write_bytes(content)
    assert exit_code(["ccd", str(path), "--area-cm2", "1"]) == 2
