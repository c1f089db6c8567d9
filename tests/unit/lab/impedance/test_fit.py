"""Fits find what spectra were made of, with intervals that hold, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.errors import InputError
from gbflux.lab.demo.cells import CELLS, CIRCUIT, CellTruth, noisy
from gbflux.lab.impedance.analyse import analyse_spectrum, find_arcs
from gbflux.lab.impedance.fit import fit_circuit
from gbflux.lab.impedance.spectrum import Spectrum, kramers_kronig

pytest.importorskip("lmfit")


def spectrum_of(values, seed, **options) -> Spectrum:
    return Spectrum(*noisy(values, np.random.default_rng(seed), **options))


def recovery(seeds: range) -> tuple[float, float]:
    """Shares of parameters within 3 σ and within their interval, over seeds and the paper's cells."""
    near, covered, total = 0, 0, 0
    for seed in seeds:
        truth = CellTruth(interface=list(CELLS.values())[seed % len(CELLS)]).values()
        for p in fit_circuit(spectrum_of(truth, seed), CIRCUIT).parameters:
            true = truth[p.name]
            deviation = (
                (p.value - true) / p.stderr
                if p.name.endswith("_n")
                else (np.log(p.value / true) * p.value / p.stderr)
            )
            near += abs(deviation) <= 3
            covered += p.low <= true <= p.high
            total += 1
    return near / total, covered / total


def test_fit_finds_the_truth():
    near, covered = recovery(range(12))
    assert near >= 0.98
    assert covered >= 0.85


@pytest.mark.slow
def test_fit_finds_the_truth_over_200_seeds():
    near, covered = recovery(range(200))
    assert near >= 0.99
    assert 0.90 <= covered <= 0.99


@pytest.mark.parametrize(
    ("circuit", "values"),
    [
        ("R0-p(R1,C1)", {"R0": 10, "R1": 500, "C1": 1e-8}),
        ("R0-p(R1,CPE1)-W1", {"R0": 10, "R1": 50, "CPE1_Q": 1e-6, "CPE1_n": 0.9, "W1": 40}),
        ("L0-R0-p(R1,C1)", {"L0": 1e-7, "R0": 5, "R1": 100, "C1": 1e-6}),
        ("R0-p(R1-W1,C1)", {"R0": 10, "R1": 200, "W1": 50, "C1": 1e-6}),
        ("R0-Ws1", {"R0": 5, "Ws1_R": 30, "Ws1_tau": 0.1}),
        ("R0-p(R1,C1)-CPE2", {"R0": 5, "R1": 100, "C1": 1e-8, "CPE2_Q": 1e-4, "CPE2_n": 0.9}),
    ],
)
def test_first_guess_leads_to_the_truth(circuit, values):
    fit = fit_circuit(spectrum_of(values, 4, circuit=circuit, noise=1e-3), circuit)
    for name, value in values.items():
        assert fit[name].value == pytest.approx(value, rel=0.05), name


@pytest.mark.parametrize("weighting", ["modulus", "proportional", "unit"])
def test_every_weighting_finds_resistances(weighting):
    truth = CellTruth(interface=50.0).values()
    fit = fit_circuit(spectrum_of(truth, 2), CIRCUIT, weighting)
    for name in ("R0", "R1", "R2"):
        assert fit[name].value == pytest.approx(truth[name], rel=0.1)


def test_arcs_are_numbered_from_the_highest_frequency():
    truth = CellTruth().values()
    swapped = {"R0": truth["R0"]}
    for a, b in ((1, 2), (2, 1)):
        swapped |= {f"R{a}": truth[f"R{b}"], f"CPE{a}_Q": truth[f"CPE{b}_Q"], f"CPE{a}_n": truth[f"CPE{b}_n"]}
    fit = fit_circuit(spectrum_of(swapped, 1), CIRCUIT)
    assert fit["R1"].value == pytest.approx(truth["R1"], rel=0.1)
    assert fit["R2"].value == pytest.approx(truth["R2"], rel=0.1)


def test_a_fixed_parameter_stays():
    fit = fit_circuit(spectrum_of(CellTruth().values(), 1), CIRCUIT, fixed={"CPE1_n": 0.95})
    assert fit["CPE1_n"].value == 0.95
    assert fit["CPE1_n"].state == "fixed"
    assert "CPE1_n" not in fit.free


def test_a_capacitor_seen_as_cpe_is_at_its_limit():
    spectrum = spectrum_of({"R0": 10, "R1": 500, "C1": 1e-8}, 4, circuit="R0-p(R1,C1)")
    fit = fit_circuit(spectrum, "R0-p(R1,CPE1)")
    assert fit["CPE1_n"].value == pytest.approx(1.0, abs=0.01)
    assert fit["R1"].value == pytest.approx(500, rel=0.01)


def arcs_in_noise(seeds: range) -> int:
    """How often an arc is seen in a resistor with noise."""
    found = 0
    for seed in seeds:
        fit = fit_circuit(spectrum_of({"R0": 100.0}, seed, circuit="R0"), "R0-p(R1,CPE1)")
        found += find_arcs(fit)[0].present
    return found


def test_no_arc_is_seen_in_noise():
    assert arcs_in_noise(range(8)) == 0


@pytest.mark.slow
def test_no_arc_is_seen_in_noise_over_200_seeds():
    assert arcs_in_noise(range(200)) <= 2


def drifts_seen(seeds: range, drift: float, noise: float = 3e-3) -> float:
    """Share of the paper's cells whose impedance changes, late or evenly, found inconsistent."""
    found = []
    for seed in seeds:
        truth = CellTruth(interface=list(CELLS.values())[seed % len(CELLS)]).values()
        good = spectrum_of(truth, seed, noise=noise)
        course = np.linspace(0, 1, len(good.frequency)) ** (1 if seed % 2 else 3)
        changed = Spectrum(good.frequency, good.impedance * (1 + drift * course))
        found.append(not kramers_kronig(changed).consistent)
    return float(np.mean(found))


def test_kramers_kronig_passes_noise_and_stops_drift():
    assert drifts_seen(range(12), 0.0) == 0
    assert drifts_seen(range(12), 0.1) == 1


@pytest.mark.slow
def test_kramers_kronig_passes_noise_and_stops_drift_over_200_seeds():
    assert max(drifts_seen(range(200), 0.0, noise) for noise in (1e-3, 3e-3, 1e-2)) <= 0.01
    assert drifts_seen(range(200), 0.1) >= 0.99
    assert drifts_seen(range(200), 0.05) >= 0.9
    assert drifts_seen(range(200), 0.2, 1e-2) >= 0.98


@pytest.mark.parametrize("noise", [1e-4, 3e-3, 1e-2])
@pytest.mark.parametrize("circuit", ["R0", "R0-p(R1,CPE1)-W1", "L0-R0-p(R1,C1)", "R0-p(R1,C1)-CPE2"])
def test_kramers_kronig_passes_every_circuit(circuit, noise):
    values = {"R0": 10, "R1": 100, "C1": 1e-6, "CPE1_Q": 1e-6, "CPE1_n": 0.9, "W1": 30, "L0": 1e-7}
    values |= {"CPE2_Q": 1e-4, "CPE2_n": 0.9}
    for seed in range(3):
        assert kramers_kronig(spectrum_of(values, seed, circuit=circuit, noise=noise)).consistent


def test_warnings_say_what_is_wrong():
    truth = CellTruth().values()
    frequency, z = noisy(truth, np.random.default_rng(0))
    drifting = analyse_spectrum(Spectrum(frequency, z * (1 + 0.2 * np.linspace(0, 1, 72) ** 3)))
    assert any("Kramers-Kronig" in text for text in drifting.warnings)
    too_simple = analyse_spectrum(Spectrum(frequency, z), "R0-p(R1,C1)")
    assert any("does not describe" in text for text in too_simple.warnings)
    too_large = analyse_spectrum(Spectrum(frequency, z), "R0-p(R1,CPE1)-p(R2,CPE2)-p(R3,CPE3)")
    assert too_large.warnings


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"weighting": "none"}, "modulus, proportional, unit"),
        ({"fixed": {"R9": 1.0}}, "must be one of R0"),
        ({"fixed": {"R0": -1.0}}, "must be > 0"),
        ({"start": {"CPE1_n": 1.5}}, "≤ 1"),
        ({"circuit": "R0" + "".join(f"-p(R{k},CPE{k})" for k in range(1, 60))}, "at most"),
    ],
)
def test_mistakes_are_refused(options, word):
    options = {"circuit": CIRCUIT} | options
    with pytest.raises(InputError, match=word):
        fit_circuit(spectrum_of(CellTruth().values(), 1), **options)


def test_too_few_points_are_refused():
    frequency, z = noisy(CellTruth().values(), np.random.default_rng(0))
    with pytest.raises(InputError, match="at least 5 frequencies"):
        Spectrum(frequency[:4], z[:4])
    with pytest.raises(InputError, match="more numbers than"):
        fit_circuit(Spectrum(frequency[:5], z[:5]), CIRCUIT)
