"""The estimate of critical currents: ratios of equal grains, and the law they are drawn beside."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from gbflux.report.page.curves import abscissa, biot_abscissa, curves_over, decides
from gbflux.report.page.folders import read_study
from gbflux.report.page.layers import Ratio, geometric_mean, law_amplitude, profile_of, study_ratios
from study_by_hand import BASE, SIGMA_GB, THICKNESS, made_up, write_study

P99 = "hot_spots.top.p99_over_mean"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    axes = {SIGMA_GB: [2.5e-8, 2.5e-7], THICKNESS: [0, 3, 10]}
    folder = tmp_path_factory.mktemp("study")
    return read_study(write_study(folder, BASE, axes, [1, 2, 3, 4], made_up, failing={(2, 2): "failed"}))


def test_ratios_pair_the_same_grains(study):
    with (study.path / "table.csv").open() as stream:
        table = list(csv.DictReader(stream))
    values = {(row["point"], row["seed"]): row[P99] for row in table}
    pairs = [float(values["1", s]) / float(values["2", s]) for s in "134"]  # seed 2 failed with the layer
    (ratio,) = (r for r in study_ratios(study) if r.thickness_um == 3 and r.n == 3 and "P99" in r.measure)
    assert ratio.ratio == pytest.approx(math.exp(np.mean(np.log(pairs))), rel=1e-12)
    assert ratio.low < ratio.ratio < ratio.high


def test_without_a_bare_point_there_is_no_estimate(tmp_path):
    folder = write_study(tmp_path, BASE, {THICKNESS: [3, 10]}, [1, 2], made_up)
    assert study_ratios(read_study(folder)) == []


def test_axes_of_one_name_are_told_apart(tmp_path):
    axes = {"homogenizing_layer.conductivity_S_per_cm": [1e-5, 1e-4], SIGMA_GB: [2.5e-7], THICKNESS: [0, 3]}
    found = read_study(write_study(tmp_path, BASE, axes, [1], made_up))
    labels = [curve.label for curve in curves_over(found, abscissa(found, THICKNESS))]
    assert labels[0] == "homogenizing layer: conductivity 1 × 10⁻⁵ S/cm"
    del axes[SIGMA_GB]
    found = read_study(write_study(tmp_path / "alone", BASE, axes, [1], made_up))
    labels = [curve.label for curve in curves_over(found, abscissa(found, THICKNESS))]
    assert labels[0] == "conductivity 1 × 10⁻⁵ S/cm"


def test_a_layer_on_the_other_side_alone_gives_no_estimate(tmp_path):
    axes = {"homogenizing_layer.sides": ["bottom", "both"], THICKNESS: [0, 10]}
    ratios = study_ratios(read_study(write_study(tmp_path, BASE, axes, [1], made_up)))
    assert {ratio.where for ratio in ratios} == {"sides both"}


def test_the_interval_of_a_geometric_mean_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(1000):
        _, low, high = geometric_mean(np.exp(rng.normal(1.0, 0.3, 4)))
        covered += low <= math.e <= high
    assert covered / 1000 == pytest.approx(0.95, abs=0.02)  # three standard errors


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((2, 3), "less than measured, even against Au"),
        ((8, 11), "not told apart from that against Au"),
        ((1, 30), "not told apart from that against Au or bare Li"),
        ((10, 14), "more than measured against Au, less than bare"),
        ((10, 20), "more than measured against Au"),
        ((19, 30), "as large as measured against bare Li"),
    ],
)
def test_the_verdict_compares_the_interval_with_what_was_measured(ends, words):
    ratio = Ratio("P99", "", 3.0, 5, math.sqrt(ends[0] * ends[1]), *map(float, ends))
    assert ratio.verdict == words
    assert ratio.bare_ccd == pytest.approx(1.8 / ratio.ratio)


def test_bi_is_delta_over_d_times_the_ratio_of_conductivities(study):
    assert sorted(set(biot_abscissa(study).x.values())) == pytest.approx([1.0, 10.0], rel=1e-9)


def test_an_axis_paired_with_another_splits_no_curves(study):
    biot = biot_abscissa(study)
    assert decides(biot, abscissa(study, SIGMA_GB))
    assert not decides(biot, abscissa(study, THICKNESS))
    curves = curves_over(study, biot)
    assert [curve.label for curve in curves] == ["thickness 0 µm", "thickness 3 µm", "thickness 10 µm"]
    assert all(curve.x == (1.0, 10.0) for curve in curves)


def test_the_law_is_found_again_in_a_profile_that_obeys_it():
    z = np.linspace(0.0, 8.0, 17)
    wave = np.cosh((8.0 - z) / 2.5)
    layer = {"distance_um": z, "max_over_mean": 1 + 0.02 * wave, "std_over_mean": 0.005 * wave}
    profile = profile_of("top", [layer])
    assert profile.law == pytest.approx((2.5, 0.005), rel=1e-6)
    assert law_amplitude(profile) == pytest.approx(0.02, rel=1e-6)
