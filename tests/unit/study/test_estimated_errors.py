"""Errors of hot-spot measures from the last rounds."""

from __future__ import annotations

import pytest

from gbflux.flux import HotSpots
from gbflux.study.estimated_errors import SAFETY, observed_exponent, side_errors


def spots(largest: float, p99: float, facet: float, grain: float | None = 2.0) -> HotSpots:
    return HotSpots(
        max_over_mean=largest,
        p95_over_mean=1.5,
        p99_over_mean=p99,
        p999_over_mean=3.0,
        window_max_over_mean={"200_nm": None, "1_um": 2.0},
        grain_max_over_mean=grain,
        grain_max_over_median=grain,
        grain_max_over_min=None,
        grain_max_over_mean_area_cut=grain,
        rms_over_mean=1.1,
        gini=0.2,
        area_fraction_above={"2": 0.1},
        smallest_facet_um=facet,
    )


def test_changes_leave_what_errors_that_go_with_cells_leave() -> None:
    """p99 of 2 + 400/cells: the estimate is the error, times the factor for safety."""
    rounds = [spots(3, 2 + 400 / n, 1.0) for n in (100, 200, 500)]
    found = side_errors(rounds, [100, 200, 500], 0.0, True)
    assert found["p99_over_mean"]["estimated_error"] == pytest.approx(SAFETY * 400 / 500)


def test_the_change_before_the_last_counts_too() -> None:
    rounds = [spots(3, 9.0, 1.0), spots(4, 2.0, 0.5), spots(6, 2.0, 0.25)]
    found = side_errors(rounds, [100, 200, 400], 0.0, True)
    assert found["p99_over_mean"]["estimated_error"] == pytest.approx(SAFETY * 7.0 / 2)


def test_equal_values_on_coarse_meshes_are_not_converged() -> None:
    found = side_errors([spots(3, 2.0, 1.0), spots(3, 2.0, 0.5)], [100, 200], 0.03, True)
    assert found["p99_over_mean"] == {"estimated_error": pytest.approx(0.06), "converged": False}


def test_a_mesh_of_as_many_cells_tells_nothing() -> None:
    found = side_errors([spots(3, 2.0, 1.0), spots(3, 2.0, 1.0)], [100, 104], 0.0, True)
    assert found["p99_over_mean"] == {"estimated_error": None, "converged": False}


def test_two_per_cent_is_converged() -> None:
    near, far = (
        side_errors([spots(3, 2.0, 1.0), spots(3, 2.0 + change, 0.5)], [100, 200], 0.0, False)[
            "p99_over_mean"
        ]
        for change in (0.026, 0.028)
    )
    assert (near["converged"], far["converged"]) == (True, False)


def test_what_is_not_defined_has_no_estimate() -> None:
    found = side_errors([spots(3, 2, 1.0), spots(3, 2, 0.5, None)], [100, 200], 0.0, False)
    nothing = {"estimated_error": None, "converged": False}
    assert found["grain_max_over_mean"] == found["window_max_over_mean"]["200_nm"] == nothing


def test_a_divergent_maximum_has_an_exponent_instead() -> None:
    rounds = [spots(2 * h**-0.3, 2, h) for h in (0.8, 0.4, 0.1)]
    assert side_errors(rounds, [100, 200, 400], 0.0, True)["max_over_mean"] == {
        "estimated_error": None,
        "converged": False,
        "divergent": True,
        "observed_exponent": pytest.approx(0.3),
    }
    assert side_errors(rounds, [100, 200, 400], 0.0, False)["max_over_mean"]["divergent"] is False
    assert side_errors(rounds, [100, 200, 400], 0.0, False)["max_over_mean"]["estimated_error"] > 0


def test_no_exponent_without_different_facets() -> None:
    assert observed_exponent([spots(2, 2, 0.5)]) is None
    assert observed_exponent([spots(2, 2, 0.5), spots(3, 2, 0.45)]) is None
