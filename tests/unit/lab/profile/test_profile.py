"""Line scans: depth, width and levels with intervals that hold; no boundary in noise."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.lab.demo import write_demo_data
from gbflux.lab.demo.cells import FWHM_NM, KINDS, gb_lines
from gbflux.lab.profile import analyse_profile
from gbflux.lab.readers.lines import LineScans, join_lines, read_lines


def made(kind: str, seed: int, **options) -> LineScans:
    x, values = gb_lines(kind, np.random.default_rng(seed), **options)
    return LineScans(x * 1e-9, values, kind, "")


def recovery(seeds: range) -> tuple[float, float, float]:
    """Shares of numbers within 3 standard errors and within their interval, and of boundaries seen."""
    near, covered, seen, total = 0, 0, 0, 0
    for seed in seeds:
        kind = list(KINDS)[seed % 2]
        grain, depth, _, _ = KINDS[kind]
        truth = {
            "grain": grain,
            "depth": depth,
            "boundary": grain + depth,
            "step": 0.0,
            "width": FWHM_NM * 1e-9,
        }
        found = analyse_profile(made(kind, seed))
        seen += found.significant
        for name, true in truth.items():
            one = getattr(found, name)
            # intervals reach 2.776 standard errors (t, 4 degrees of freedom); 3 σ of a normal is 6.62
            near += abs(one.value - true) <= 6.62 / 2.776 * (one.high - one.value)
            covered += one.low <= true <= one.high
            total += 1
    return near / total, covered / total, seen / len(seeds)


def false_boundaries(seeds: range) -> int:
    return sum(analyse_profile(made("modulus", seed, depth=0.0)).significant for seed in seeds)


def test_dip_is_recovered():
    near, covered, seen = recovery(range(12))
    assert near >= 0.97
    assert covered >= 0.85
    assert seen == 1.0


@pytest.mark.slow
def test_dip_is_recovered_over_200_seeds():
    near, covered, seen = recovery(range(200))
    assert near >= 0.99
    assert 0.90 <= covered <= 0.99
    assert seen >= 0.99


def test_noise_has_no_boundary():
    assert false_boundaries(range(1000, 1012)) == 0


@pytest.mark.slow
def test_noise_has_no_boundary_over_400_seeds():
    assert false_boundaries(range(1000, 1400)) <= 4


def test_alignment_brings_displaced_lines_together():
    lines = made("modulus", 3)
    aligned, as_is = analyse_profile(lines), analyse_profile(lines, align=False)
    assert aligned.depth.value < as_is.depth.value  # averaging displaced dips fills them
    assert aligned.width.value < as_is.width.value
    assert np.ptp(as_is.shifts) == 0


def test_step_between_grains_is_told_from_the_dip():
    lines = made("modulus", 4)
    stepped = LineScans(lines.position, lines.values + 15 * (lines.position > 780e-9), "modulus", "")
    found = analyse_profile(stepped)
    assert found.step.value == pytest.approx(15, abs=3)
    assert found.depth.value == pytest.approx(-25, abs=6)


def test_slope_is_taken_away_where_asked():
    lines = made("potential", 5)
    slope = LineScans(lines.position, lines.values + np.linspace(0, 40, 256), "potential", "")
    found = analyse_profile(slope, level=True)
    assert found.depth.value == pytest.approx(-10, abs=2)
    assert found.step.value == pytest.approx(0, abs=3)


def test_one_line_has_intervals_too():
    inside = 0
    for seed in range(20):
        found = analyse_profile(made("modulus", seed, lines=1))
        assert found.significant
        inside += found.depth.low <= -25 <= found.depth.high
    assert inside >= 15


def test_constant_and_impossible_lines_are_refused():
    x = np.linspace(0, 1e-6, 64)
    with pytest.raises(InputError, match="must vary"):
        analyse_profile(LineScans(x, np.ones(64), "modulus", "Pa"))
    with pytest.raises(InputError, match="a third of the line"):
        analyse_profile(made("modulus", 1), largest_shift=1.0)
    with pytest.raises(InputError, match="increase evenly"):
        LineScans(x**2, np.ones(64), "modulus", "Pa")
    with pytest.raises(InputError, match="at least 16"):
        LineScans(x[:10], np.ones(10), "modulus", "Pa")


def test_files_of_different_lengths_are_joined(tmp_path):
    a, b = made("modulus", 1), made("modulus", 2, points=200)
    joined = join_lines([a, b])
    assert joined.values.shape[0] == 10
    other = LineScans(a.position, a.values, "potential", "V")
    with pytest.raises(InputError, match="one unit"):
        join_lines([a, LineScans(a.position, a.values, "modulus", "Pa"), other])


def test_text_files_with_gaps_spikes_and_disorder(tmp_path):
    x, values = gb_lines("modulus", np.random.default_rng(6))
    values[0, 20] = 1e4
    rows = [f"{a:.3f};" + ";".join(f"{v:.4f}" for v in column) for a, column in zip(x, values.T, strict=True)]
    rows[50] = f"{x[50]:.3f};;;;;"
    order = np.random.default_rng(0).permutation(len(rows))
    names = ";".join(f"modulus {k} (GPa)" for k in range(1, 6))
    path = tmp_path / "lines.csv"
    text = "\n".join([f"x (nm);{names}", *(rows[k] for k in order)]) + "\n"
    path.write_text(text.replace(".", ","))
    lines = read_lines(path)
    assert lines.unit == "Pa"
    assert any("spike" in note for note in lines.notes)
    found = analyse_profile(lines)
    assert found.depth.value == pytest.approx(-25e9, rel=0.25)


def test_a_line_of_very_many_points_is_thinned(tmp_path):
    x = np.linspace(0, 1500, 20_000)
    noise = np.random.default_rng(0).normal(0, 5, len(x))
    path = tmp_path / "long.csv"
    rows = np.column_stack([x, 145 - 25 * np.exp(-0.5 * ((x - 750) / 43) ** 2) + noise])
    np.savetxt(path, rows, fmt="%.6g", delimiter=",", header="x (nm),modulus (GPa)", comments="")
    lines = read_lines(path)
    assert 3000 < len(lines.position) <= 4096
    assert any("means of 5 neighbours" in note for note in lines.notes)
    assert float(lines.values.min()) == pytest.approx(120e9, rel=0.08)


def test_command(tmp_path, capsys):
    write_demo_data(tmp_path, kinds=["profile"])
    out = tmp_path / "out"
    assert exit_code(["profile", str(tmp_path / "profile_potential.csv"), "--json", "-o", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unit"] == "mV"
    assert found["depth"]["value"] == pytest.approx(-10, abs=2)
    assert found["significant"]
    assert {p.name for p in out.iterdir()} == {"profile.csv", "profile.png", "result.json", "provenance.json"}
    assert exit_code(["profile", str(tmp_path / "profile_no_boundary.csv")]) == 0
    assert "NO grain boundary" in capsys.readouterr().out
    line = ["--line-um", "0.1,0.75,1.4,0.75", "--lines", "7"]
    assert exit_code(["profile", str(tmp_path / "profile_map.spm"), *line]) == 0
    assert "7 lines" in capsys.readouterr().out
    assert exit_code(["profile", str(tmp_path / "profile_map.spm"), "--line-um", "1,2"]) == 2
    assert exit_code(["profile", str(tmp_path / "profile_map.spm"), "--line-um", "0,0,9,9"]) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x (nm),E (GPa)\n1,2\n",
        b"x (nm)\n" + b"1\n" * 50,
        bytes(range(256)) * 9,
        b"V (V),I (A)\n" + b"1,2\n" * 50,
    ],
)
def test_hostile_files_are_refused(tmp_path, content):
    path = tmp_path / "lines.csv"
    path.write_bytes(content)
    assert exit_code(["profile", str(path)]) == 2
