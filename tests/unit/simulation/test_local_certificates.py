"""Certified local currents through the whole pipeline: what is certified, and what it says."""

from __future__ import annotations

import json

import pytest

from gbflux.case import estimate
from gbflux.cli.run import certificate_line, report_lines
from gbflux.results import Result
from gbflux.simulation.files import remeasure
from small_cases import LAYERS, NO_FIGURES, TINY, case, case_text, solved

CERTIFY = {"output.certify": {"grains": 2, "windows_um": [6, 0.5]}, "mesh.boundary_end_um": 0}
PARTS = [("grain", None), ("grain", None), ("window", 6.0), ("window", 0.5)]


def found(*overrides):
    return solved(TINY, CERTIFY, *overrides).result


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("asr", [0, {"bottom": 0, "top": 2}])
def test_of_a_bare_cell(asr: object, order: int) -> None:
    result = found({"electrodes.asr_ohm_cm2": asr, "solver.order": order})
    assert [(one.kind, one.diameter_um) for one in result.certificates] == 2 * PARTS
    assert [one.electrode for one in result.certificates] == ["bottom"] * 4 + ["top"] * 4
    for one in result.certificates:
        assert (one.grain is None) == (one.kind == "window") == (one.centre_um is not None)
        if one.diameter_um == 0.5:
            assert one.lower is one.upper is one.current_A.lower is None
            assert "two facets" in one.reason or "2 facets" in one.reason
        else:
            assert one.reason is None
            assert 0.0 <= one.lower < one.value < one.upper
            assert 0.0 <= one.current_A.lower < one.current_A.upper
    for side in ("bottom", "top"):
        strongest = next(one for one in result.certificates if one.electrode == side)
        expected = result.hot_spots[side].grain_max_over_mean_area_cut
        assert strongest.value == pytest.approx(expected, rel=1e-9)


def test_the_conductance_is_certified_with_them() -> None:
    alone = solved(TINY, {"output.bracket": True, "mesh.boundary_end_um": 0})
    assert found().transport.bracket == alone.result.transport.bracket
    assert solved(TINY).result.certificates == ()


def test_an_applied_current_is_shared_out() -> None:
    """Ratios do not depend on what is applied; the current of a part is its share of that applied."""
    applied = found({"electrodes.current_density_mA_per_cm2": 2.0})
    for one, other in zip(applied.certificates, found().certificates, strict=True):
        if one.reason is None:
            assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper), rel=1e-6)
            ratio = one.current_A.upper / one.upper
            assert one.current_A.lower == pytest.approx(ratio * one.lower)
    bottom = applied.certificates[0]
    share = bottom.current_A.upper / applied.transport.current_A_per_m
    assert 0.0 < share < 1.0


def test_currents_at_a_voltage() -> None:
    """Bounds on a ratio leave room for the whole current, which a voltage does not fix."""
    result = found({"electrodes.top_V": -0.2})
    twice = found({"electrodes.top_V": 0.1})
    for one, other in zip(result.certificates, twice.certificates, strict=True):
        if one.reason is None:
            assert one.current_A.upper == pytest.approx(2.0 * other.current_A.upper, rel=1e-6)
            assert one.upper == pytest.approx(other.upper, rel=1e-6)
            inner = one.current_A.upper / one.current_A.lower
            assert inner < one.upper / one.lower if one.lower > 0.0 else one.current_A.lower == 0.0


def test_on_layers_windows_alone() -> None:
    certificates = found(LAYERS).certificates
    assert [one.kind for one in certificates] == ["window"] * 4


def test_kinetics_have_values_and_a_reason() -> None:
    result = found({"electrodes.kinetics": {"exchange_current_density_mA_per_cm2": 1.0}})
    assert len(result.certificates) == 8
    for one in result.certificates:
        assert one.value > 0.0
        assert one.lower is one.upper is None
        assert "nonlinear" in one.reason or "facets" in one.reason
    assert "nonlinear" in result.transport.bracket_reason


def test_refined_cases_certify_on_their_last_mesh() -> None:
    result = found({"accuracy": {"conductance": 0.05}})
    assert result.certificates[0].lower < result.certificates[0].value < result.certificates[0].upper


@pytest.mark.parametrize("changes", [{}, {"geometry.size_um": [10, 10, 10], "grains.mean_size_um": 5}])
def test_result_tree(changes: dict) -> None:
    result = found(changes)
    tree = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert Result.from_dict(tree) == result
    unit = "current_A" if result.dimension == 3 else "current_A_per_m"
    keys = [
        "kind",
        "electrode",
        "grain",
        "centre_um",
        "diameter_um",
        "value",
        "lower",
        "upper",
        unit,
        "reason",
    ]
    assert list(tree["certificates"][0]) == keys
    assert len(tree["certificates"][2]["centre_um"]) == result.dimension - 1


def test_lines_of_the_report() -> None:
    result = found()
    lines = "\n".join(report_lines(result))
    first, *_, last = result.certificates
    assert f"bottom grain {first.grain}" in lines
    assert f"(certified {first.lower:.3g} to {first.upper:.3g}, over the mean)" in lines
    assert "not certified" in certificate_line(last)


def test_measuring_again_keeps_them(tmp_path) -> None:
    from mpi4py import MPI

    from gbflux.case import parse_case
    from gbflux.simulation.run import run_case

    chosen = parse_case(case_text(TINY, NO_FIGURES, CERTIFY))
    first = run_case(chosen, tmp_path, comm=MPI.COMM_SELF).result
    assert remeasure(tmp_path)[0].certificates == first.certificates != ()


def test_estimates_count_them() -> None:
    plain, bracket, local = (
        estimate(case(TINY, change)).time_s for change in ({}, {"output.bracket": True}, CERTIFY)
    )
    assert plain < bracket < local
