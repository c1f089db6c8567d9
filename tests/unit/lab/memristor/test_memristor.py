"""Memristor cycles: states, biases, endurance, distributions, and the filament model."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.lab.demo import write_demo_data
from gbflux.lab.demo.iv import DEVICES, device_cycles
from gbflux.lab.memristor.statistics import area_trend, endurance, weibull
from gbflux.lab.memristor.switching import analyse_memristor
from gbflux.lab.readers.tables import Column, Table


def table_of(voltage, current, sweep=None) -> Table:
    columns = [Column("V", "V", np.asarray(voltage, float), "V (V)", "voltage")]
    columns.append(Column("I", "A", np.asarray(current, float), "I (A)", "current"))
    if sweep is not None:
        columns.insert(0, Column("cycle", "1", np.asarray(sweep, float), "cycle", "sweep"))
    return Table(tuple(columns), (), "made", ())


def made(name: str, seed: int, cycles: int = 20):
    device = replace(DEVICES[name], cycles=cycles)
    numbers, bias, current, truth = device_cycles(device, np.random.default_rng(seed))
    return device, analyse_memristor(table_of(bias, current, numbers), area=device.area_um2 * 1e-12), truth


SWITCHING = ["tip", "probe", "pad_200um"]


def recovery(seeds: range, name: str) -> dict[str, float]:
    """Shares of cycles with the true biases, and of resistances within 3 errors and within 95 %."""
    biases, deviations = [], []
    for seed in seeds:
        device, result, truth = made(name, seed)
        assert len(result.cycles) == 20
        for cycle, true in zip(result.cycles, truth, strict=True):
            set_near = cycle.set_bias is not None and abs(cycle.set_bias - true.set_bias) <= 2 * cycle.step
            # 59 steps of the reset branch
            reset_step = device.limits[1] / 59
            reset_near = (
                cycle.reset_bias is not None and abs(cycle.reset_bias - true.reset_bias) <= 2 * reset_step
            )
            biases.append((set_near, reset_near and cycle.reset_failed is False))
            for found, value in ((cycle.hrs, true.hrs), (cycle.lrs, true.lrs)):
                deviations.append(np.inf if found.bound else abs(found.value - value) / found.error)
    sets, resets = np.mean(biases, axis=0)
    deviations = np.array(deviations)
    return {
        "set": sets,
        "reset": resets,
        "within 3 errors": np.mean(deviations <= 3),
        "covered": np.mean(deviations <= 1.96),
    }


@pytest.mark.parametrize("name", SWITCHING)
def test_states_and_biases_are_recovered(name):
    shares = recovery(range(4), name)
    assert min(shares["set"], shares["reset"], shares["within 3 errors"]) >= 0.98
    assert shares["covered"] >= 0.88  # 4 standard deviations of 160 draws below 95 %


@pytest.mark.slow
@pytest.mark.parametrize("name", SWITCHING)
def test_states_and_biases_are_recovered_over_200_seeds(name):
    shares = recovery(range(200), name)
    assert min(shares["set"], shares["reset"]) >= 0.98
    assert shares["within 3 errors"] >= 0.99
    assert 0.90 <= shares["covered"] <= 0.99


def test_a_set_within_the_read_window_is_seen():
    """0.4 to 1.3 times the read bias are read; a set in there must not spoil the high resistance."""
    bias = np.r_[np.linspace(0, -0.6, 61), np.linspace(-0.59, 0, 60)]
    current = np.where(np.arange(121) < 9, bias / 3000, bias / 110)
    cycle = analyse_memristor(table_of(bias, current), read_bias=0.1).cycles[0]
    assert cycle.set_bias == pytest.approx(-0.09)
    assert cycle.hrs.value == pytest.approx(3000)
    assert cycle.on_off == pytest.approx(3000 / 110)


def test_the_wrong_polarity_is_remarked():
    device = replace(DEVICES["probe"], cycles=5)
    numbers, bias, current, _ = device_cycles(device, np.random.default_rng(0))
    turned = analyse_memristor(table_of(-bias, -current, numbers))
    assert any("the other polarity may set" in note for note in turned.notes)
    right = analyse_memristor(table_of(-bias, -current, numbers), set_polarity=1)
    assert not any("polarity" in note for note in right.notes)


def test_a_pad_that_does_not_reset_is_seen():
    _, result, _ = made("pad_500um", 1)
    assert result.cycles[0].set_bias is not None
    assert result.cycles[0].on_off == pytest.approx(1000 / 105, rel=0.15)
    assert all(cycle.reset_failed for cycle in result.cycles)
    assert all(cycle.set_bias is None for cycle in result.cycles[1:])
    lasting = endurance(result)
    assert (lasting.failures, lasting.resets) == (20, 20)
    assert lasting.final == pytest.approx(1.0, abs=0.05)


def switches_in_noise(seeds: range) -> int:
    bias = np.concatenate([np.r_[np.linspace(0, s, 60), np.linspace(s, 0, 60)] for s in (-0.6, 1.0)])
    count = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        current = np.round(rng.normal(0, 1e-11, (10, len(bias))).ravel(), 12)
        result = analyse_memristor(table_of(np.tile(bias, 10), current, np.repeat(np.arange(10), len(bias))))
        count += sum(cycle.set_bias is not None or cycle.reset_failed is not None for cycle in result.cycles)
    return count


def test_noise_does_not_switch():
    assert switches_in_noise(range(10)) == 0


@pytest.mark.slow
def test_noise_does_not_switch_over_200_seeds():
    assert switches_in_noise(range(200)) <= 2


def test_currents_below_the_noise_are_bounds():
    device = replace(DEVICES["tip"], hrs=1e13, cycles=3)
    numbers, bias, current, _ = device_cycles(device, np.random.default_rng(0))
    cycle = analyse_memristor(table_of(bias, current, numbers)).cycles[0]
    assert cycle.hrs.bound
    assert 1e8 < cycle.hrs.value < 1e13
    assert cycle.set_bias is not None


def test_drift_and_loss_are_measured():
    device = replace(DEVICES["probe"], drift=-0.03)
    numbers, bias, current, _ = device_cycles(device, np.random.default_rng(3))
    lasting = endurance(analyse_memristor(table_of(bias, current, numbers)))
    assert lasting.drift.low <= -0.03 <= lasting.drift.high
    assert lasting.drift_probability < 1e-6
    assert 35 <= lasting.cycles_to_loss <= 42  # 4.5 cycles to the middle of the first ten, 33 for a decade
    with pytest.raises(InputError, match="must be > 1"):
        endurance(analyse_memristor(table_of(bias, current, numbers)), loss=1.0)


def weibull_coverage(seeds: range, count: int) -> tuple[float, float]:
    near, covered = 0, 0
    for seed in seeds:
        values = 0.25 * np.random.default_rng(seed).weibull(12.0, count)
        limit = 0.27
        found = weibull(values[values <= limit], np.full(np.count_nonzero(values > limit), limit))
        for one, true in ((found.shape, 12.0), (found.scale, 0.25)):
            covered += one.low <= true <= one.high
            near += abs(np.log(one.value / true)) <= 3 / 1.96 * np.log(one.high / one.value)
    return near / len(seeds) / 2, covered / len(seeds) / 2


def test_weibull_intervals_hold_with_censored_cycles():
    near, covered = weibull_coverage(range(200), 200)
    assert near >= 0.99
    assert 0.90 <= covered <= 0.99


def test_weibull_needs_different_values():
    assert weibull(np.array([0.2, 0.2, 0.2])) is None
    assert weibull(np.array([])) is None


def test_ratio_falls_with_area():
    results = [made(name, 1)[1] for name in DEVICES]
    trend = area_trend(results)
    assert list(trend.areas) == sorted(trend.areas)
    assert trend.slope.value < -0.3
    assert trend.failure_shares[-1] == 1.0
    assert area_trend(results[:1]) is None


# The command


def test_command(tmp_path, capsys):
    write_demo_data(tmp_path, kinds=["memristor"])
    files, out = sorted(str(path) for path in tmp_path.glob("*.csv")), tmp_path / "out"
    assert exit_code(["memristor", *files, "--json", "-o", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [round(device["area_um2"], 6) for device in found["devices"]] == [4e4, 2.5e5, 30.0, 3e-5]
    assert found["devices"][3]["endurance"]["initial"] == pytest.approx(1e5, rel=0.2)
    assert {"areas.png", "cycles.csv", "result.json", "provenance.json"} < {
        path.name for path in out.iterdir()
    }
    assert exit_code(["memristor", files[1]]) == 0
    assert "20 of 20" in capsys.readouterr().out
    assert exit_code(["memristor", files[0], "--set-polarity", "up"]) == 2
    assert exit_code(["memristor", *files, "--area-um2", "1", "--area-um2", "2"]) == 2
    assert exit_code(["memristor", files[0], "--read-V", "50"]) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"V (V),I (A)\n1,2\n",
        b"V (V),I (A)\n" + b"0,0\n" * 60,
        b"V (V),I (A)\n" + b"".join(b"%g,1e-9\n" % (0.01 * k) for k in range(60)),  # positive bias alone
        b"V (V),I (A)\n" + b"-0.1,nan\n" * 60,
        bytes(range(256)) * 9,
    ],
)
def test_hostile_files_are_refused(tmp_path, content):
    path = tmp_path / "device.csv"
    path.write_bytes(content)
    assert exit_code(["memristor", str(path)]) == 2
