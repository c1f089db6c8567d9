"""A certificate of a local current is what polarisation of four least powers says, at the best t, by NumPy.

Q ≤ [E_P1(g + t w) − E_CR(g − t w)]/(4t) and Q ≥ [E_CR(g + t w) − E_P1(g − t w)]/(4t) for every t > 0.
"""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from brackets import checkerboard, straight_box
from local_currents import Weight, certified, cone, least_power, on_electrode, whole

from gbflux.conduction.bounds import bracket, local_currents

ASR = {"ideal": (0.0, 0.0), "top": (0.0, 3.0e-7), "bottom": (2.0e-7, 0.0), "both": (1.0e-6, 1.0e-7)}


@pytest.fixture(autouse=True)
def to_the_end():
    """Iterate to round-off, as a direct solve does."""
    with (
        mock.patch.object(bracket, "SHARE", 0.0),
        mock.patch.object(local_currents, "BELOW", 0.0),
        mock.patch.object(local_currents, "ABOVE", 1.0e-14),
    ):
        yield


def polarised(mesh, sigma, weight: Weight, asr) -> tuple[float, float]:
    """The narrowest bounds over many t."""
    side, w = weight
    w = w if side == "top" else -w
    g = on_electrode(mesh, "top").astype(np.float64)

    def energy(kind: str, h: np.ndarray) -> float:
        return least_power(mesh, sigma, h, asr, kind)

    g_gap, w_gap = (energy("P1", h) - energy("CR", h) for h in (g, w))
    bounds = []
    for t in np.sqrt(g_gap / w_gap) * np.array([0.5, 0.9, 1.0, 1.1, 2.0]):
        sums = [[energy(kind, g + sign * t * w) for sign in (1.0, -1.0)] for kind in ("P1", "CR")]
        (above_plus, above_minus), (below_plus, below_minus) = sums
        bounds.append(((below_plus - above_minus) / (4.0 * t), (above_plus - below_minus) / (4.0 * t)))
    lower, upper = zip(*bounds, strict=True)
    assert np.argmax(lower) == np.argmin(upper) == 2
    return max(0.0, *lower), min(upper)


@pytest.mark.parametrize("side", ["bottom", "top"])
@pytest.mark.parametrize("asr", ASR)
@pytest.mark.parametrize("dimension", [2, 3])
def test_polarisation(dimension: int, asr: str, side: str) -> None:
    mesh = straight_box({2: 8, 3: 4}[dimension], dimension)
    sigma = checkerboard(mesh, 1.0, 0.1) * np.random.default_rng(2).uniform(0.5, 1.5, len(mesh.cells))
    weight = cone(mesh, side, 0.25, 1.6)
    (found,) = certified(mesh, sigma, [weight], ASR[asr]).local
    lower, upper = polarised(mesh, sigma, weight, ASR[asr])
    assert found.lower == pytest.approx(lower, rel=1.0e-6, abs=1.0e-6 * upper)
    assert found.upper == pytest.approx(upper, rel=1.0e-6)
    assert found.lower < found.value < found.upper
    assert found.gap.min() >= 0.0
    if lower > 0.0:
        assert found.gap.sum() == pytest.approx(upper - lower, rel=1.0e-5)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("asr", ASR)
@pytest.mark.parametrize("dimension", [2, 3])
def test_that_of_a_whole_electrode_is_the_bracket(dimension: int, asr: str, order: int) -> None:
    """E does not see a constant: with w = 1 all over the top it is E(g); no interval could be narrower."""
    mesh = straight_box({2: 8, 3: 4}[dimension], dimension)
    sigma = checkerboard(mesh, 1.0, 0.1)
    weights = [whole(mesh, side) for side in ("bottom", "top")]
    found = certified(mesh, sigma, weights, ASR[asr], order=order)
    for local in found.local:
        assert local.lower == pytest.approx(found.bracket.lower, rel=1.0e-8)
        assert local.upper == pytest.approx(found.bracket.upper, rel=1.0e-8)
        assert local.gap.sum() == pytest.approx(found.bracket.gap.sum(), rel=1.0e-6)
        assert local.gap == pytest.approx(found.bracket.gap, rel=1.0e-5, abs=1.0e-9 * local.gap.max())
