"""Known truth comes back from made-up curves: bias, interval, resistance, intercept; and nothing from noise.

The bounds are those of docs/iv.md. A subset of the seeds runs every time, with bounds that allow for its
size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from gbflux.lab.demo.iv import SweepTruth, random_truth, simulate
from gbflux.lab.iv.analyse import CurveResult, analyse_iv
from gbflux.lab.iv.trigger import NOT_TRIGGERED
from gbflux.lab.readers.tables import Column, Table

FEW, ALL = range(40), range(200)


@dataclass(frozen=True)
class Shares:
    """Shares of curves."""

    within_two_steps: float
    covered: float
    resistance: float
    intercept: float


def analysed(truth: SweepTruth, rng: np.random.Generator) -> CurveResult:
    v, i = simulate(truth, rng)
    columns = (Column("V", "V", v, "V (V)", "voltage"), Column("I", "A", i, "I (A)", "current"))
    return analyse_iv(Table(columns, (), "made-up", ()), seed=int(rng.integers(1 << 30))).curves[0]


def recovered(seeds) -> Shares:
    """Curves with all faults; without drift, which moves the intercept, for the intercept."""
    rows = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        truth = random_truth(rng)
        found = analysed(truth, rng)
        low, high = sorted(map(abs, found.trigger.interval))
        fit = analysed(replace(truth, drift=0.0), rng).ohmic
        rows.append(
            (
                abs(found.trigger.bias - truth.bias) <= 2 * truth.step,
                low <= abs(truth.bias) <= high,
                abs(fit.resistance - truth.resistance) <= 3 * fit.resistance_error,
                abs(fit.intercept - truth.offset) <= 3 * fit.intercept_error,
            )
        )
    return Shares(*np.mean(rows, axis=0))


def false_triggers(seeds) -> float:
    found = [
        analysed(random_truth(rng, triggered=False), rng)
        for rng in (np.random.default_rng([seed, 2]) for seed in seeds)
    ]
    assert all(c.ohmic is None and c.compliance is None for c in found if c.trigger.bias is None)
    return float(np.mean([c.trigger.outcome != NOT_TRIGGERED for c in found]))


def test_truth_comes_back_from_some():
    shares = recovered(FEW)
    assert shares.within_two_steps == 1
    assert shares.covered >= 0.85  # 3.3 standard deviations of 40 draws below 95 %
    assert min(shares.resistance, shares.intercept) >= 0.97


def test_noise_triggers_none_of_some():
    assert false_triggers(FEW) == 0


@pytest.mark.slow
def test_truth_comes_back():
    shares = recovered(ALL)
    assert shares.within_two_steps >= 0.98
    assert 0.90 <= shares.covered <= 0.99
    assert min(shares.resistance, shares.intercept) >= 0.99


@pytest.mark.slow
def test_noise_does_not_trigger():
    assert false_triggers(ALL) <= 0.01
