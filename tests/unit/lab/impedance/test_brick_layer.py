"""From arcs to σ_gb and to a case that loads."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gbflux.case import load_case, parse_case
from gbflux.errors import InputError
from gbflux.lab.demo.cells import AREA_CM2, CellTruth, noisy
from gbflux.lab.impedance.analyse import Bricks, Cell, analyse_spectrum
from gbflux.lab.impedance.brick_layer import block_text, brick_layer, case_text
from gbflux.lab.impedance.spectrum import Spectrum
from gbflux.lab.stats.uncertainty import Interval

SAMPLE = {"area": 1e-4, "thickness": 3e-4, "delta": 5e-9, "grain_size": 1e-5}
R = Interval(12.0, 11.5, 12.5)


def test_inversion_is_the_brick_layer_model_turned_round():
    # σ_g = 0.05 S/m, Bi = 1: R_g = R_gb = L/(σ_g A) = 60 Ω; σ_gb = σ_g (δ/d)/Bi = 2.5e-5 S/m
    found = brick_layer(Interval(60, 59, 61), Interval(60, 59, 61), **SAMPLE)
    assert found.sigma_grain.value == pytest.approx(0.05)
    assert found.sigma_gb.value == pytest.approx(2.5e-5)
    assert found.biot == pytest.approx(1.0)
    assert found.gb_asr == pytest.approx(2e-4)  # 2 Ω cm²


def test_uncertainty_is_at_least_a_factor_of_two():
    found = brick_layer(R, R, **SAMPLE)
    assert found.sigma_gb.high / found.sigma_gb.value >= 2
    assert found.sigma_gb.value / found.sigma_gb.low >= 2
    wide = brick_layer(R, Interval(12, 4, 36), **SAMPLE)
    expected = math.exp(math.hypot(math.log(2), math.log(3)))
    assert wide.sigma_gb.high / wide.sigma_gb.value == pytest.approx(expected)
    with pytest.raises(InputError, match="at least 2"):
        brick_layer(R, R, **SAMPLE, factor=1.1)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"area": 0.0}, "area must be > 0"),
        ({"delta": math.nan}, "thickness must be > 0"),
        ({"delta": 1e-4}, "δ < d"),
        ({"grain_size": 1.0}, "δ < d"),
    ],
)
def test_impossible_samples_are_refused(change, word):
    with pytest.raises(InputError, match=word):
        brick_layer(R, R, **(SAMPLE | change))


def test_block_and_case_load(tmp_path):
    found = brick_layer(R, R, **SAMPLE)
    path = tmp_path / "measured.yaml"
    path.write_text(case_text(found, "odd\nname: {x}.csv"), encoding="utf-8")
    case = load_case(path)
    assert case.sigma_gb == pytest.approx(found.sigma_gb.value, rel=1e-4)
    assert case.sigma_grain == pytest.approx(found.sigma_grain.value, rel=1e-4)
    assert case.delta_um == pytest.approx(5e-3)
    assert case.mean_grain_size_um == pytest.approx(10)
    around = "geometry: {size_um: [50, 50]}\ngrains: {mean_size_um: 10, conductivity_S_per_cm: 5e-4}\n"
    assert parse_case(around + block_text(found)).sigma_gb == pytest.approx(found.sigma_gb.value, rel=1e-4)


def test_spectrum_gives_the_conductivity_it_was_made_of():
    pytest.importorskip("lmfit")
    truth = CellTruth(interface=50.0)
    spectrum = Spectrum(*noisy(truth.values(), np.random.default_rng(5)))
    cell, bricks = Cell(AREA_CM2 * 1e-4, 3e-4), Bricks(5e-9, 1e-5)
    result = analyse_spectrum(spectrum, cell=cell, bricks=bricks)
    assert result.assigned == ("R0", "R1")
    found = result.brick_layer.sigma_gb
    assert found.value * 1e-2 == pytest.approx(truth.sigma_gb_S_per_cm, rel=0.05)
    assert found.low * 1e-2 < truth.sigma_gb_S_per_cm < found.high * 1e-2
    assert [arc.origin for arc in result.arcs] == ["grain boundary", "electrode"]
    assert result.arcs[1].asr.value * 1e4 == pytest.approx(50, rel=0.05)
    assert result.total.value * AREA_CM2 == pytest.approx(60 + 24 + 50, rel=0.02)
    with pytest.raises(InputError, match="must name one of"):
        analyse_spectrum(spectrum, cell=cell, bricks=Bricks(5e-9, 1e-5, gb="R7"))
    with pytest.raises(InputError, match="needs area and thickness"):
        analyse_spectrum(spectrum, cell=Cell(1e-4), bricks=bricks)
    with pytest.raises(InputError, match="Say which"):
        analyse_spectrum(spectrum, "R0-p(R1,CPE1)", cell=Cell(1.0, 1e-9), bricks=bricks)
