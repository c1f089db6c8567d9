"""The algebra of a certificate on forms of two by two numbers, where its interval is exactly wide enough."""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.conduction.bounds.local_currents import _by_cell, _gap, _half_width


def interval(above: np.ndarray, below: np.ndarray, excess: tuple[float, float]) -> tuple[float, float]:
    """Bounds on B(g, w) from the forms P and C of potentials on (g, w)."""
    of_g, of_w = (_gap(above[k, k], below[k, k], excess[k]) for k in (0, 1))
    middle, half = (above[0, 1] + below[0, 1]) / 2, _half_width(of_g, of_w)
    return middle - half, middle + half


def test_of_minima() -> None:
    """P − B and B − C both touch zero, along (1, −1) and (1, 1): no narrower interval would do."""
    least = np.array([[3.0, 1.0], [1.0, 2.0]])
    true = least + np.array([[0.5, 0.5], [0.5, 0.5]])
    above = least + np.eye(2)
    lower, upper = interval(above, least, (0.0, 0.0))
    assert upper == pytest.approx(true[0, 1], rel=1e-9)
    assert lower == pytest.approx(least[0, 1] - 0.5, rel=1e-9)


def test_of_potentials_off_their_minima() -> None:
    """ε_g = 0.6 and ε_w = −0.6 along one and the same direction take away from C(g, w) what they can."""
    least = np.array([[3.0, 1.0], [1.0, 2.0]])
    true = least + np.array([[0.5, 0.5], [0.5, 0.5]])
    off = np.outer([0.6, -0.6], [0.6, -0.6])
    lower, upper = interval(least + np.eye(2), least + off, (0.36, 0.36))
    assert upper == pytest.approx(true[0, 1], rel=1e-9)
    assert lower == pytest.approx(least[0, 1] - 0.18 - 0.68, rel=1e-9)


def test_of_all_forms_between() -> None:
    """Forms by lot, of potentials off the minimum by lot."""
    lot = np.random.default_rng(4)

    def positive(size: float) -> np.ndarray:
        factor = size * lot.normal(size=(2, 2))
        return factor @ factor.T

    for _ in range(1000):
        least, gap = positive(1.0), positive(10.0 ** lot.uniform(-3, 0))
        values, vectors = np.linalg.eigh(gap)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        turn = np.linalg.qr(lot.normal(size=(2, 2)))[0]
        true = least + root @ (turn * lot.uniform(0.0, 1.0, 2)) @ turn.T @ root.T  # 0 ≤ B − C ≤ P − C
        off = 10.0 ** lot.uniform(-3, 0) * lot.normal(size=(2, 3))
        below = least + off @ off.T
        lower, upper = interval(least + gap, below, tuple(np.diag(off @ off.T)))
        assert lower - 1e-12 <= true[0, 1] <= upper + 1e-12


def test_shares_of_cells_add_up_to_the_width() -> None:
    of_g, of_w = _gap(2.0, 1.6, 0.0), _gap(5.0, 4.1, 0.0)
    shares = _by_cell(of_g, of_w, np.array([0.1, 0.3, 0.0]), np.array([0.0, 0.4, 0.5]))
    assert shares.sum() == pytest.approx(2.0 * _half_width(of_g, of_w), rel=1e-9)
    assert (shares > 0.0).all()
