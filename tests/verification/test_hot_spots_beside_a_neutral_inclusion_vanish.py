"""A neutral inclusion leaves the current on an electrode even: percentiles and rms 1, Gini 0, to O(h²).

The inclusions are those of `test_neutral_inclusion_leaves_the_field_uniform`: half a disc or sphere of 5 µm
with a shell of 5 nm, on the bottom electrode. The top is beyond it. The bottom cuts it: there J in the core
is that of the matrix but for δ/R = 1e-3.
"""

from __future__ import annotations

import numpy as np
import pytest
from closed_distributions import named
from conduction_cases import solved
from orders import fitted_order
from test_neutral_inclusion_leaves_the_field_uniform import (
    INTERVALS,
    RADIUS_UM,
    SHELL_UM,
    SIGMA_CORE,
    meshed,
    neutral_matrix,
)

from gbflux.measure.hot_spots import hot_spots
from gbflux.measure.planes import electrode_plane

#: Asserted orders; the rms² of a field 1 + e is 1 + ⟨e²⟩, so that its error falls with h⁴.
ORDERS = {"p95_over_mean": 2, "p99_over_mean": 2, "p999_over_mean": 2, "gini": 2, "rms_over_mean": 4}


def deviations(dimension: int, intervals: int, shell: float, side: str) -> dict[str, float]:
    """Of the measures from those of an even current."""
    found = meshed(dimension, intervals)
    sigma = np.array([SIGMA_CORE, shell, neutral_matrix(dimension, SIGMA_CORE, shell)])
    planes = electrode_plane(found.mesh, solved(found.mesh, sigma[found.layer]).fields, side)
    measures = named(hot_spots(*planes, 1, 1.0))
    return {name: abs(measures[name] - (name != "gini")) for name in ORDERS}


@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0], ids=lambda ratio: f"ρσ/R = {ratio}")
@pytest.mark.parametrize("dimension", [2, 3])
def test_beyond_the_inclusion(dimension: int, ratio: float) -> None:
    shell = SHELL_UM * SIGMA_CORE / (RADIUS_UM * ratio)
    found = [deviations(dimension, n, shell, "top") for n in INTERVALS[dimension]]
    orders = {name: fitted_order([1.0, 0.5, 0.25], [d[name] for d in found]) for name in ORDERS}
    for name, order in orders.items():
        print(f"measured: {name}: order {order:.2f}, deviation {found[-1][name]:.1e}")
        assert order == pytest.approx(ORDERS[name], abs=0.2)
    assert max(found[-1].values()) < 5.0e-4


@pytest.mark.parametrize("dimension", [2, 3])
def test_through_the_inclusion(dimension: int) -> None:
    """The shell itself, 1e-3 of the area, carries less."""
    shell = SHELL_UM * SIGMA_CORE / RADIUS_UM
    found = deviations(dimension, INTERVALS[dimension][-1], shell, "bottom")
    for name, value in found.items():
        print(f"measured: {name}: deviation {value:.1e}")
    assert max(found[name] for name in ("p95_over_mean", "p99_over_mean", "gini")) < 3.0e-3
    assert found["rms_over_mean"] < 1.0e-5


@pytest.mark.parametrize("dimension", [2, 3])
def test_without_the_right_shell_there_are_hot_spots(dimension: int) -> None:
    shell = SHELL_UM * SIGMA_CORE / RADIUS_UM
    found = meshed(dimension, 8)
    sigma = np.array([SIGMA_CORE, SIGMA_CORE, neutral_matrix(dimension, SIGMA_CORE, shell)])
    planes = electrode_plane(found.mesh, solved(found.mesh, sigma[found.layer]).fields, "top")
    measures = hot_spots(*planes, 1, 1.0)
    assert measures.p95_over_mean > 1.02
    assert measures.gini > 0.01
