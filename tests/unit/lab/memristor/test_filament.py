"""The filament model: what it does, and what a fit of it finds in a cycle and does not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.lab.demo import write_demo_data
from gbflux.lab.demo.iv import FILAMENT, SWEEP, filament_cycle
from gbflux.lab.memristor import filament_fit
from gbflux.lab.memristor.filament_fit import FilamentFit, fit_cycle, fit_cycle_of
from gbflux.lab.memristor.filament_model import FilamentTrace, laws_of, model_of_electrode, simulate, triangle
from gbflux.lab.readers import read_table
from gbflux.lab.readers.tables import Column, Table


def state(trace, bias_size: float, points: int, branch: int) -> float:
    """Resistance at a bias on a branch of the first cycle (0 to −, − to 0, 0 to +, + to 0)."""
    leg = slice(branch * (points - 1), (branch + 1) * (points - 1) + 1)
    k = leg.start + int(np.argmin(np.abs(np.abs(trace.bias[leg]) - bias_size)))
    return abs(trace.bias[k] / trace.current[k])


def test_a_tip_sets_and_resets_and_a_pad_does_not():
    time, bias = triangle(-0.6, 1.0, 0.1, 1, 80)
    tip = simulate(model_of_electrode(3e-17), time, bias)
    assert state(tip, 0.1, 80, 0) / state(tip, 0.1, 80, 1) > 1e4
    assert state(tip, 0.1, 80, 3) == pytest.approx(state(tip, 0.1, 80, 0), rel=0.01)
    assert tip.charge.max() > 1 > tip.charge[-1]
    pad = simulate(model_of_electrode(2.5e-7), time, bias)
    assert state(pad, 0.1, 80, 0) / state(pad, 0.1, 80, 1) < 200
    assert state(pad, 0.1, 80, 3) < 2 * state(pad, 0.1, 80, 1)  # still conducting
    assert pad.charge[-1] > 0.9 * pad.charge.max()


def test_only_one_polarity_sets():
    time, bias = triangle(-0.6, 1.0, 0.1, 1, 80)
    wrong = simulate(model_of_electrode(3e-17), time, np.abs(bias))
    assert wrong.charge.max() < 1e-6
    small = simulate(model_of_electrode(3e-17, nucleation_bias=5.0), time, bias)
    assert small.charge.max() < 1  # the interior of a grain does not trigger


def test_charge_is_what_the_current_law_integrates_to():
    """A constant positive bias strips a thick bridge at q_b du/dt = −G U where the mouth does not limit."""
    model = replace(model_of_electrode(3e-17), mouth_conductance=1.0)  # G_s = G
    time = np.linspace(0, 1, 11)
    trace = simulate(model, time, np.full(11, 0.2), start=5.0)
    across = 0.2 * (1 - model.series_resistance / (model.series_resistance + model.bridge_resistance / 5))
    expected = 5.0 - model.ionic_conductance * across / model.bridge_charge
    assert trace.charge[-1] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("area", [3e-17, 3e-11, 2.5e-7])
def test_the_integration_agrees_with_another_one(area):
    """SciPy's Radau on ln(u + 1e-9), corner by corner of the sweep; the charge at every tenth sample."""
    model = model_of_electrode(area)
    time, bias = triangle(-0.6, 1.0, 0.1, 1, 20)
    laws, start, expected = laws_of(model), [np.log(1e-9)], [0.0]

    def rate(t, x):
        charge = np.exp(x) - 1e-9
        charge = np.maximum(charge, 0.0)
        return laws.charging(np.array([np.interp(t, time, bias)]), charge) / (charge + 1e-9)

    for first, last in ((0, 19), (19, 38)):  # the branches that set
        span, at = time[[first, last]], time[first : last + 1]
        run = solve_ivp(rate, span, start, "Radau", at, rtol=1e-8, atol=1e-10)
        expected += list(np.exp(run.y[0, 1:]) - 1e-9)
        start = run.y[:, -1]
    found = simulate(model, time[:39], bias[:39]).charge
    assert found.max() > 1
    assert found == pytest.approx(np.array(expected), rel=2e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: model_of_electrode(-1.0), "area must be > 0"),
        (lambda: model_of_electrode(1e-12, compliance=0.0), "compliance must be > 0"),
        (lambda: triangle(0.5, 1.0, 0.1), "low < 0 < high"),
        (
            lambda: simulate(model_of_electrode(1e-12), np.array([0.0, 0.0]), np.zeros(2)),
            "time must increase",
        ),
    ],
)
def test_impossible_models_are_refused(call, word):
    with pytest.raises(InputError, match=word):
        call()


# The fit


def random_model(rng):
    """From a tip to a probe, thin bridges and thick ones, contacts of 30 to 3000 Ω."""
    return model_of_electrode(
        10 ** rng.uniform(-17, -11),
        filament_radius=rng.uniform(3e-9, 1e-8),
        nucleation_bias=rng.uniform(0.1, 0.3),
        series_resistance=10 ** rng.uniform(1.5, 3.5),
    )


def deviation(name: str, found, true: float) -> float:
    """In standard errors, on the scale of the interval: of the mouth the resistance, else logarithms."""
    relative = found.error / found.value
    if name == "series_resistance":
        return (found.value - true) / found.error
    if name == "mouth_conductance":
        return (found.value - true) / true / relative
    return np.log(found.value / true) / relative


def recovery(seeds: range) -> dict[str, float]:
    """Shares within 3 errors and within intervals, of parameters determined, of cycles described."""
    within, covered, determined, described = [], [], [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        model = random_model(rng)
        sweep = (-0.6, 1.0, 10 ** rng.uniform(-1.5, 0))
        time, bias, current = filament_cycle(model, sweep, rng, 30)
        try:
            fit = fit_cycle(time, bias, current, model.compliance)
        except InputError:  # swept too fast to set, or a set that noise hides
            continue
        described.append(fit.reason is None)
        for name, found in fit.parameters.items():
            true = getattr(model, name)
            determined.append(found.reason is None)
            if found.reason is None:
                within.append(abs(deviation(name, found, true)) <= 3)
                covered.append(found.low <= true <= found.high)
            else:
                assert found.error is found.low is found.high is None
    assert len(described) > 0.9 * len(seeds)
    shares = {"within": within, "covered": covered, "determined": determined, "described": described}
    return {name: float(np.mean(values)) for name, values in shares.items()}


def test_parameters_are_recovered():
    shares = recovery(range(1, 3))
    assert shares["described"] == 1.0
    assert shares["determined"] >= 0.5
    assert shares["within"] == 1.0
    assert shares["covered"] >= 0.6  # 5 standard deviations of a dozen draws below 95 %


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(100), range(100, 200)])
def test_parameters_are_recovered_over_200_seeds(seeds: range):
    shares = recovery(seeds)
    assert shares["described"] >= 0.95
    assert shares["determined"] >= 0.4
    assert shares["within"] >= 0.99
    assert 0.90 <= shares["covered"] <= 0.99


def test_a_cycle_that_the_model_does_not_describe_gets_no_intervals():
    """A current that grows faster than the voltage, in both states."""
    time, bias, current = filament_cycle(FILAMENT, SWEEP, np.random.default_rng(0), 30)
    fit = fit_cycle(time, bias, current * np.exp(3 * np.abs(bias)), 1e-2)
    assert fit.correlation > fit.correlation_limit
    assert all("does not describe" in found.reason for found in fit.parameters.values())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda t, v, i: (t, v, 0 * i + v / 1e6), "must set"),
        (lambda t, v, i: (t[:9], v[:9], i[:9]), "24 samples"),
        (lambda t, v, i: (t, v, np.where(v == v[7], np.nan, i)), "must be a number"),
        (lambda t, v, i: (t[::-1], v, i), "time must increase"),
        (lambda t, v, i: (t, v, 1e-11 * np.sin(1e3 * t)), "must set|stand out"),
    ],
)
def test_cycles_that_cannot_be_fitted_are_refused(change, word):
    cycle = filament_cycle(FILAMENT, SWEEP, np.random.default_rng(0))
    with pytest.raises(InputError, match=word):
        fit_cycle(*change(*cycle))


def test_the_command_fits_a_cycle(tmp_path, capsys):
    write_demo_data(tmp_path, kinds=["filament"])
    file, out = str(tmp_path / "filament_cycle.csv"), tmp_path / "out"
    assert exit_code(["memristor", file, "--fit", "1", "--json", "-o", str(out)]) == 0
    fit = json.loads(capsys.readouterr().out)["devices"][0]["fit"]
    assert fit["rms_decades"] < 0.03
    for key, found in fit["parameters"].items():
        name = key.rpartition("_")[0]
        if name == "series_resistance":  # far below that of the bridge
            assert found["low"] is found["high"] is found["error"] is None
            assert "does not determine it" in found["reason"]
        else:
            assert found["low"] < found["value"] < found["high"]
            assert found["value"] == pytest.approx(getattr(FILAMENT, name), rel=0.05)
    assert {"filament_cycle_fit.png", "filament_cycle_fit.csv"} < {path.name for path in out.iterdir()}
    assert exit_code(["memristor", file, "--fit", "2"]) == 2
    assert exit_code(["memristor", file, "--fit", "1", "--rate-V-per-s", "0"]) == 2
    for option in ("--rate-V-per-s", "--compliance-mA"):
        assert exit_code(["memristor", file, option, "1"]) == 2
        assert f"{option}: must come with --fit" in capsys.readouterr().err


def test_time_comes_from_the_file_or_from_a_rate(tmp_path):
    write_demo_data(tmp_path, kinds=["filament"])
    table = read_table(tmp_path / "filament_cycle.csv")
    without = replace(table, columns=table.columns[1:])
    with pytest.raises(InputError, match=r"no column of it\. Give --rate-V-per-s"):
        fit_cycle_of(without, 1)
    reversed_signs = replace(
        without, columns=tuple(replace(column, values=-column.values) for column in without.columns)
    )
    found = fit_cycle_of(reversed_signs, 1, rate=2 * SWEEP[2], set_polarity=1)
    assert found.model.bridge_charge == pytest.approx(FILAMENT.bridge_charge / 2, rel=0.02)


#: What a fit might return, where it does not matter.
FIT = FilamentFit(FILAMENT, {}, FilamentTrace(*np.zeros((4, 1))), np.zeros(1), 0.0, 0.01, 0.0, 1.0, None)


def as_table(time, bias, current) -> Table:
    names = (("time (s)", "s", "time"), ("V (V)", "V", "voltage"), ("I (A)", "A", "current"))
    columns = zip(names, (time, bias, current), strict=True)
    return Table(tuple(Column(n, u, a, n, q) for (n, u, q), a in columns), (), "made-up", ())


def uneven_course(rng) -> tuple[np.ndarray, np.ndarray]:
    """Time and bias: fast out, a hold, slowly back, faster through the other polarity, all unsteady."""
    out, up = np.linspace(0, -0.6, 30), np.linspace(0, 1, 30)
    bias = np.concatenate([out, np.full(8, -0.6), out[-2::-1], up[1:], up[-2::-1]])
    steps = np.repeat([0.02, 0.3, 0.4, 0.05, 0.2], [30, 8, 29, 29, 29])
    return np.cumsum(steps * np.exp(0.2 * rng.normal(size=len(bias)))), bias


def test_a_cycle_is_fitted_along_its_own_course_in_time():
    """The truth comes back, which it does not with one rate for the whole of it."""
    rng = np.random.default_rng(3)
    time, bias = uneven_course(rng)
    current = simulate(FILAMENT, time - time[0], bias).current * (1 + 0.01 * rng.normal(size=len(bias)))
    table = as_table(time, bias, current + 1e-11 * rng.normal(size=len(bias)))
    fit = fit_cycle_of(table, 1, compliance=FILAMENT.compliance)
    assert fit.reason is None
    assert fit.drive == "time from 'time (s)'"
    np.testing.assert_allclose(fit.trace.time, time - time[0], atol=1e-12)
    for name in ("ionic_conductance", "mouth_conductance", "bridge_charge", "bridge_resistance"):
        found, true = fit.parameters[name], getattr(FILAMENT, name)
        assert abs(deviation(name, found, true)) < 3
        assert found.value == pytest.approx(true, rel=0.1)
    steady = fit_cycle_of(table, 1, rate=0.2, compliance=FILAMENT.compliance)
    assert steady.drive == "0.2 V/s throughout"
    assert "does not describe" in steady.reason
    assert steady.model.bridge_charge < 0.5 * FILAMENT.bridge_charge


@pytest.mark.parametrize("zero_is_second", [False, True])
@pytest.mark.parametrize("second", ["an hour later", "from zero again"])
def test_a_pause_between_the_sweeps_of_a_cycle_is_no_voltage(second, zero_is_second, monkeypatch):
    """The line from the last negative sample to the first positive one would drive for half an hour."""
    seen = {}
    monkeypatch.setattr(filament_fit, "fit_cycle", lambda *given: seen.update(given=given) or FIT)
    time, bias = triangle(*SWEEP, points=30)
    current = simulate(FILAMENT, time, bias).current
    positive = np.arange(len(time)) > 2 * 29
    positive |= zero_is_second & (np.arange(len(time)) == 2 * 29)  # the sample at 0 V between them
    begin = time[np.argmax(positive)]
    moved = time + 3600.0 * positive if second == "an hour later" else time - begin * positive
    fit = fit_cycle_of(as_table(moved, bias, current), 1)
    assert fit.drive.endswith("without the pause at 0 V")
    found, pause = np.diff(seen["given"][0]), int(np.argmax(positive)) - 1
    assert found[pause] == pytest.approx(np.median(np.diff(time)), rel=0.5)
    np.testing.assert_allclose(np.delete(found, pause), np.delete(np.diff(time), pause), rtol=1e-9)


@pytest.mark.parametrize("fault", [lambda t: 0 * t, lambda t: np.round(t), lambda t: t[::-1]])
def test_a_clock_that_does_not_tell_the_time_is_refused(fault):
    time, bias = triangle(*SWEEP, points=30)
    current = simulate(FILAMENT, time, bias).current
    number = Column("cycle", "1", np.ones(len(time)), "cycle", "sweep")  # rows stay as they are
    table = as_table(fault(time), bias, current)
    table = replace(table, columns=(*table.columns, number), breaks=(59,))
    with pytest.raises(InputError, match="must increase within a cycle"):
        fit_cycle_of(table, 1)


def test_samples_without_time_are_left_out(monkeypatch):
    seen = {}
    monkeypatch.setattr(filament_fit, "fit_cycle", lambda *given: seen.update(given=given) or FIT)
    time, bias = triangle(*SWEEP, points=30)
    current = simulate(FILAMENT, time, bias).current
    time[[5, 70]] = np.nan
    assert "2 samples without left out" in fit_cycle_of(as_table(time, bias, current), 1).drive
    assert len(seen["given"][0]) == len(time) - 2
