"""On nested meshes the lower bound never falls, the upper never rises, and the width goes to zero."""

from __future__ import annotations

import numpy as np
import pytest
from brackets import bracketed, checkerboard, straight_box

from gbflux.conduction import Resistance, top_electrode


@pytest.mark.parametrize("asr", [0.0, 3.0e-7])
@pytest.mark.parametrize(("dimension", "intervals"), [(2, (4, 8, 16, 32)), (3, (4, 8, 16))])
def test_nested_meshes(dimension: int, intervals: tuple, asr: float) -> None:
    found = []
    for count in intervals:
        mesh = straight_box(count, dimension)
        found.append(bracketed(mesh, checkerboard(mesh, 1.0, 0.1), top=top_electrode(0.1, Resistance(asr))))
    lower, upper, width = np.array([(b.lower, b.upper, b.relative_width) for b in found]).T
    assert (np.diff(lower) > 0).all()
    assert (np.diff(upper) < 0).all()
    # in 2D the flux goes like ρ^(λ − 1), λ = (4/π) arctan √0.1 = 0.39: the width falls like h^(2λ) = h^0.78
    assert (width[1:] < 0.7 * width[:-1]).all()


def test_width_falls_with_the_expected_rate() -> None:
    widths = []
    for count in (16, 32, 64):
        mesh = straight_box(count)
        widths.append(bracketed(mesh, checkerboard(mesh, 1.0, 0.1)).relative_width)
    rate = np.log2(widths[-2] / widths[-1])
    assert rate == pytest.approx(8.0 / np.pi * np.arctan(np.sqrt(0.1)), abs=0.05)
