"""Spectra from files: columns, signs, units, sweeps; hostile files; the command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gbflux.case import load_case
from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.lab.demo import write_demo_data
from gbflux.lab.demo.cells import CIRCUIT, CellTruth, noisy
from gbflux.lab.impedance.circuit import parse_circuit
from gbflux.lab.impedance.spectrum import read_spectrum

FREQUENCY, Z = noisy(CellTruth().values(), np.random.default_rng(0))


def write(path, header, *columns, separator=","):
    rows = [separator.join(f"{x:.8e}" for x in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm", (FREQUENCY, Z.real, -Z.imag)),
        ("Frequency (kHz),Z' (mOhm),Z'' (mOhm)", (FREQUENCY / 1e3, Z.real * 1e3, Z.imag * 1e3)),
        ("Frequency (Hz),Z' (Ohm),Z'' (Ohm)", (FREQUENCY, Z.real, -Z.imag)),  # sign left open
        ("freq,real,imag", (FREQUENCY, Z.real, Z.imag)),
        ("freq/Hz,Re,-Im", (FREQUENCY, Z.real, -Z.imag)),
        ("f (Hz),|Z| (Ohm),Phase (deg)", (FREQUENCY, np.abs(Z), np.angle(Z, deg=True))),
        ("f (Hz),|Z| (Ohm),-Phase (deg)", (FREQUENCY, np.abs(Z), -np.angle(Z, deg=True))),
        ("f (Hz),|Z| (Ohm),Phase", (FREQUENCY, np.abs(Z), np.angle(Z, deg=True))),
        ("", (FREQUENCY, Z.real, -Z.imag)),
        ("", (FREQUENCY[::-1], Z.real[::-1], Z.imag[::-1])),
    ],
)
def test_columns_signs_and_units(tmp_path, header, columns):
    found = read_spectrum(write(tmp_path / "z.csv", header, *columns))
    order = np.argsort(-found.frequency)
    assert np.allclose(found.frequency[order], FREQUENCY, rtol=1e-6)
    assert np.allclose(found.impedance[order], Z, rtol=1e-6)
    assert found.notes


def test_one_of_several_sweeps_is_taken(tmp_path):
    path = write(
        tmp_path / "z.csv",
        "freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm",
        np.tile(FREQUENCY, 3),
        np.concatenate([Z.real, 2 * Z.real, 3 * Z.real]),
        np.tile(-Z.imag, 3),
    )
    assert np.allclose(read_spectrum(path).impedance, Z)
    assert np.allclose(read_spectrum(path, sweep=3).impedance.real, 3 * Z.real)
    with pytest.raises(InputError, match="from 1 to 3"):
        read_spectrum(path, sweep=4)


HOSTILE = {
    "empty": b"",
    "one row": b"f,Z',Z''\n1,2,3\n",
    "words": b"f (Hz),Z' (Ohm),Z'' (Ohm)\n" + b"a,b,c\n" * 30,
    "all missing": b"f (Hz),Z' (Ohm),Z'' (Ohm)\n" + b"1,nan,nan\n" * 30,
    "two columns": b"f (Hz),Z' (Ohm)\n" + b"".join(b"%d,5\n" % k for k in range(1, 30)),
    "wrong columns": b"V (V),I (A)\n" + b"".join(b"%d,5\n" % k for k in range(1, 30)),
    "negative frequencies": b"f (Hz),Z' (Ohm),Z'' (Ohm)\n" + b"-7,5,-1\n" * 30,
    "one frequency": b"f (Hz),Z' (Ohm),Z'' (Ohm)\n" + b"1000,5,-1\n" * 30,
    "zeros": b"f (Hz),Z' (Ohm),Z'' (Ohm)\n" + b"".join(b"%d,0,0\n" % k for k in range(1, 30)),
    "binary": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(tmp_path, capsys, name):
    path = tmp_path / "z.csv"
    path.write_bytes(HOSTILE[name])
    assert exit_code(["eis", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


ODD = {
    "constant": np.full(40, 5.0 + 0j),
    "noise": np.random.default_rng(1).normal(size=40) + 1j * np.random.default_rng(2).normal(size=40),
    "huge": Z[:40] * 1e150,
    "tiny": Z[:40] * 1e-150,
    "inductive": 5 + 2j * np.pi * FREQUENCY[:40] * 1e-6,
    "negative": -Z[:40],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_spectra_give_a_result_or_a_clear_error(tmp_path, capsys, name):
    pytest.importorskip("lmfit")
    z = ODD[name]
    path = write(tmp_path / "z.csv", "freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm", FREQUENCY[: len(z)], z.real, -z.imag)
    code = exit_code(["eis", str(path), "--area-cm2", "1", "-o", str(tmp_path / "out")])
    assert code in (0, 2, 3), capsys.readouterr().err
    if code == 0 and name in ("noise", "negative"):
        assert "warning" in capsys.readouterr().out


def test_frequencies_in_no_order_are_one_sweep(tmp_path):
    frequency, z = noisy(CellTruth().values(), np.random.default_rng(0))
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(frequency))
        rows = np.column_stack([frequency, z.real, -z.imag])[order]
        path = tmp_path / "spectrum.csv"
        np.savetxt(path, rows, delimiter=",", header="freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm", comments="")
        assert len(read_spectrum(path).frequency) == len(frequency)


def test_very_many_frequencies_are_thinned(tmp_path):
    frequency = np.geomspace(7e6, 0.5, 30_000)
    z = parse_circuit(CIRCUIT).impedance(frequency, CellTruth().values())
    path = tmp_path / "long.csv"
    rows = np.column_stack([frequency, z.real, -z.imag])
    np.savetxt(path, rows, fmt="%.8e", delimiter=",", header="f/Hz,Z'/Ohm,-Z''/Ohm", comments="")
    found = read_spectrum(path)
    assert len(found.frequency) == 1000
    expected = parse_circuit(CIRCUIT).impedance(found.frequency, CellTruth().values())
    assert np.abs(found.impedance / expected - 1).max() < 1e-4


def test_command_writes_a_case_from_a_spectrum(tmp_path, capsys):
    pytest.importorskip("lmfit")
    write_demo_data(tmp_path, kinds=["eis"])
    truth = json.loads((tmp_path / "truth.json").read_text())["eis"]
    case, out = tmp_path / "measured.yaml", tmp_path / "out"
    words = ["eis", str(tmp_path / "eis_hl_cycled.csv"), "--area-cm2", "1.12", "--thickness-um", "300"]
    words += ["--grain-um", "10", "--case-block", str(case), "--json", "-o", str(out)]
    assert exit_code(words) == 0
    found = json.loads(capsys.readouterr().out)
    expected = truth["eis_hl_cycled.csv"]["sigma_gb_S_per_cm"]
    assert found["brick_layer"]["sigma_gb_S_per_cm"]["value"] == pytest.approx(expected, rel=0.1)
    assert load_case(case).sigma_gb == pytest.approx(expected * 100, rel=0.1)
    assert exit_code(["check", str(case)]) == 0
    assert "Bi = (δ/d) σ_g/σ_gb" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {
        *("spectrum.csv", "spectrum.png", "result.json", "provenance.json"),
    }
    assert json.loads((out / "provenance.json").read_text())["options"]["command"] == "eis"
    assert exit_code(words) == 2  # the case is there
    assert exit_code(["eis", str(tmp_path / "eis_bare.csv"), "--fix", "R0=x"]) == 2
    assert exit_code(["eis", str(tmp_path / "eis_bare.csv"), "--grain-um", "10"]) == 2


def test_missing_lmfit_is_said(tmp_path, capsys, monkeypatch):
    import sys

    write_demo_data(tmp_path, kinds=["eis"])
    monkeypatch.setitem(sys.modules, "lmfit", None)
    assert exit_code(["eis", str(tmp_path / "eis_bare.csv")]) == 4
    assert "gbflux[eis]" in capsys.readouterr().err


@pytest.mark.parametrize("arrange", [lambda a: np.repeat(a, 3), lambda a: a[np.r_[0:9, 5:9, 9:72]]])
def test_rows_written_twice_are_no_second_measurement(tmp_path, arrange):
    """They would narrow the intervals, and break the test of Kramers and Kronig."""
    columns = (FREQUENCY, Z.real, Z.imag)
    once = read_spectrum(write(tmp_path / "once.csv", "f (Hz),Z' (Ohm),Z'' (Ohm)", *columns))
    often = read_spectrum(write(tmp_path / "often.csv", "f (Hz),Z' (Ohm),Z'' (Ohm)", *map(arrange, columns)))
    np.testing.assert_array_equal(often.frequency, once.frequency)
    np.testing.assert_array_equal(often.impedance, once.impedance)
    assert any("repeat another" in note for note in often.notes)
    assert not any("repeat" in note for note in once.notes)
