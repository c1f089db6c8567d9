"""Many curves worked out at once have the numbers of each alone; rows written twice say nothing new."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gbflux.lab.demo import iv as demo_iv
from gbflux.lab.demo.iv import random_truth, simulate
from gbflux.lab.iv import trigger
from gbflux.lab.iv.analyse import CurveResult, analyse_iv, fit_branches, fit_ohmic
from gbflux.lab.readers.tables import Column, Table
from gbflux.lab.stats import lines as rows


def table(parts: list[tuple[np.ndarray, np.ndarray]]) -> Table:
    v, i = (np.concatenate(column) for column in zip(*parts, strict=True))
    breaks = tuple(np.cumsum([len(part[0]) for part in parts])[:-1].tolist())
    columns = (Column("V", "V", v, "V (V)", "voltage"), Column("I", "A", i, "I (A)", "current"))
    return Table(columns, (), "made-up", (), breaks)


def some_curves() -> list[tuple[np.ndarray, np.ndarray]]:
    """Of all kinds and of 6 to 1600 points."""
    parts = [(np.array([0, -1, -2, -3, -2, -1.0]), np.array([0, 1e-11, -1e-3, -1e-3, -1e-3, -5e-4]))]
    for seed in range(24):
        rng = np.random.default_rng([seed, 5])
        parts.append(simulate(random_truth(rng, triggered=seed % 3 > 0), rng))
    v = -np.linspace(0, 10, 301)
    growing = -1e-12 * np.expm1(-v) + 1e-11 * rng.normal(size=301)
    parts += [(v, growing), (v, v / 440), (v, np.full(301, 1e-9))]
    out = np.linspace(-0.5, 0, 101)
    return [*parts, (out, np.clip(out / 1000, -4e-4, 0))]


def plain(found: CurveResult) -> dict:
    record = found.as_dict()
    numbers = record.pop("ohmic") or {}
    record.pop("curve")
    return record | {f"ohmic_{key}": value for key, value in numbers.items()}


def test_curves_of_a_file_have_the_numbers_they_have_alone():
    """The intervals too, but for what another draw of the bootstrap makes of them."""
    parts = some_curves()
    together = analyse_iv(table(parts)).curves
    alone = [analyse_iv(table([part])).curves[0] for part in parts]
    assert len(together) == len(alone)
    assert len({found.trigger.outcome for found in alone}) >= 5
    for one, other in zip(map(plain, together), map(plain, alone), strict=True):
        for name in ("triggering_bias_low_V", "triggering_bias_high_V"):
            ends = one.pop(name), other.pop(name)
            assert None not in ends or ends == (None, None)
            assert ends == (None, None) or abs(ends[0] - ends[1]) <= 2 * one["step_V"]
        for name, value in one.items():
            expected = other[name]
            if isinstance(value, float) and not isinstance(value, bool):
                assert value == pytest.approx(expected, rel=1e-6, abs=1e-25), name
            else:
                assert value == expected, name


def test_branches_fitted_at_once_are_those_fitted_alone():
    rng = np.random.default_rng(1)
    branches = []
    for points in (4, 6, 7, 60, 61, 62, 500):
        v = np.linspace(-0.1, 0, points)
        branches.append((v, v / 116 + 1e-6 * rng.normal(size=points)))
    found = fit_branches(branches, [1e-11] * len(branches))
    assert [fit is None for fit in found] == [True] + 6 * [False]
    for fit, (v, i) in zip(found, branches, strict=True):
        alone = fit_ohmic(v, i, 1e-11)
        assert (fit is None) == (alone is None)
        assert fit is None or fit.resistance == pytest.approx(alone.resistance, rel=1e-9)
        assert fit is None or fit.intercept_error == pytest.approx(alone.intercept_error, rel=1e-6)


def test_blocks_hold_every_array_once_and_little_filling():
    lengths = np.random.default_rng(1).integers(5, 3000, 400)
    found = list(rows.blocks(lengths))
    assert sorted(np.concatenate(found).tolist()) == list(range(400))
    for block in found:
        assert lengths[block].max() <= 1.25 * lengths[block].min()
        assert len(block) == 1 or len(block) * lengths[block].max() <= 1 << 16
    assert list(rows.blocks([])) == []


@pytest.mark.parametrize("times", [2, 4, 8])
def test_rows_written_several_times_change_nothing(times):
    """They would make noise a surge, and a line bent with an error too small."""
    outcomes = Counter()
    for seed in range(30):
        rng = np.random.default_rng([seed, 3])
        v, i = simulate(random_truth(rng, triggered=False), rng)
        noise = analyse_iv(table([(np.repeat(v, times), np.repeat(i, times))]))
        outcomes[noise.curves[0].trigger.outcome] += 1
    assert outcomes == {trigger.NOT_TRIGGERED: 30}
    v, i = simulate(demo_iv.GRAIN_BOUNDARY, np.random.default_rng(1))
    once, often = analyse_iv(table([(v, i)])), analyse_iv(table([(np.repeat(v, times), np.repeat(i, times))]))
    assert often.curves[0].as_dict() == once.curves[0].as_dict()
    assert not any("not ohmic" in flag for flag in often.curves[0].flags)
    assert any(f"{(times - 1) * len(v)} rows that repeat" in note for note in often.notes)
    assert not any("repeat" in note for note in once.notes)


def test_a_few_rows_written_twice_change_nothing():
    v, i = simulate(demo_iv.GRAIN_BOUNDARY, np.random.default_rng(1))
    count = np.where(np.random.default_rng(2).random(len(v)) < 0.1, 2, 1)
    once, often = analyse_iv(table([(v, i)])), analyse_iv(table([(np.repeat(v, count), np.repeat(i, count))]))
    assert often.curves[0].as_dict() == once.curves[0].as_dict()


def test_equal_currents_by_rounding_are_no_repetition():
    """Four readings at each voltage, of a converter coarser than the noise: all of them count."""
    truth = replace(demo_iv.PURE_NOISE, missing_share=0.0, quantum=2e-11)
    v, _ = simulate(truth, np.random.default_rng(1))
    v = np.repeat(v, 4)
    i = 2e-11 * np.round(0.5 * np.random.default_rng(2).normal(size=len(v)))
    result = analyse_iv(table([(v, i)]))
    assert len(result.curves[0].curve.voltage) == len(v)
    assert result.curves[0].trigger.outcome == trigger.NOT_TRIGGERED
