"""Current densities and area-specific impedances: known by their units, used only with an area."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.lab.ccd import read_current_test
from gbflux.lab.demo.cells import AREA_CM2, CellTruth, noisy
from gbflux.lab.impedance.spectrum import read_spectrum
from gbflux.lab.iv.analyse import analyse_iv
from gbflux.lab.memristor.switching import analyse_memristor
from gbflux.lab.readers import read_table
from gbflux.lab.readers.tables import parse_header


@pytest.mark.parametrize(
    ("written", "factor"),
    [
        ("I/mA cm^-2", 10),
        ("I (mA/cm²)", 10),
        ("j [mA cm-2]", 10),
        ("J (mA cm⁻²)", 10),
        ("i / mA·cm⁻²", 10),
        ("I/A/m^2", 1),
        ("I (A m-2)", 1),
        ("j/(µA/cm2)", 1e-2),
        ("current_density_mA_per_cm2", 10),
        ("j_mA_cm2", 10),
        ("j (nA/um2)", 1e3),
    ],
)
def test_current_densities_are_known_by_their_unit(written, factor):
    header = parse_header(written)
    assert (header.quantity, header.unit) == ("current_density", "A/m²")
    assert header.factor == pytest.approx(factor)


@pytest.mark.parametrize("written", ["Ewe/V vs. Li", "E vs. Li (V)", "Potential (V vs Li/Li+)"])
def test_a_potential_against_an_electrode_is_a_voltage(written):
    header = parse_header(written)
    assert (header.quantity, header.unit, header.assumed) == ("voltage", "V", False)


def iv_file(path, header, factor):
    v = -np.concatenate([np.linspace(0, 0.5, 101), np.linspace(0.495, 0, 100)])
    current = np.where(np.arange(201) < 40, 1e-11 * np.sin(np.arange(201) ** 2), v / 500)
    rows = "\n".join(f"{a:.6g},{b * factor:.8e}" for a, b in zip(v, current, strict=True))
    path.write_text(f"V (V),{header}\n{rows}\n", encoding="utf-8")
    return path


def test_a_density_times_the_area_is_the_current(tmp_path, capsys):
    # 1 A over 2e-4 cm² is 5000 A/cm² = 5e6 mA/cm²
    path = iv_file(tmp_path / "iv.csv", "I/mA cm^-2", 1e3 / 2e-4)
    found = analyse_iv(read_table(path), area=2e-8)
    assert found.curves[0].ohmic.resistance == pytest.approx(500, rel=1e-3)
    assert any("area of 2e-08 m²" in note for note in found.notes)
    assert analyse_memristor(read_table(path), area=2e-8).cycles[0].lrs.value == pytest.approx(500, rel=1e-3)
    assert exit_code(["iv", str(path), "--area-cm2", "2e-4"]) == 0
    assert "500" in capsys.readouterr().out
    for command in ("iv", "memristor"):
        assert exit_code([command, str(path)]) == 2
        assert "current density; the area of the electrode must be given" in capsys.readouterr().err
    with pytest.raises(InputError, match="area: must be > 0"):
        analyse_iv(read_table(path), area=-1.0)


def test_a_current_beside_its_density_is_used_as_it_is(tmp_path):
    path = tmp_path / "both.csv"
    v = np.r_[np.linspace(0, 0.5, 50), np.linspace(0.49, 0, 50)]
    path.write_text("V/V,I/A,j/A m^-2\n" + "".join(f"{a},{a / 100},{a * 5}\n" for a in v))
    curves = analyse_iv(read_table(path), area=1e-4).curves
    assert [curve.ohmic.resistance for curve in curves] == [pytest.approx(100)]


def test_a_stepped_current_of_any_header_is_a_density(tmp_path):
    path = tmp_path / "test.csv"
    rows = "".join(f"{k},{0.1 * (1 + k // 20)},{0.1 * (1 + k // 20)}\n" for k in range(100))
    path.write_text("time/h,I/mA cm^-2,Ewe/V vs. Li\n" + rows, encoding="utf-8")
    assert read_current_test(path).current_density[0] == pytest.approx(1.0)


def test_an_area_specific_spectrum_needs_the_area(tmp_path, capsys):
    frequency, z = noisy(CellTruth().values(), np.random.default_rng(0))
    rows = "".join(
        f"{f:.6e}\t{v.real:.6e}\t{-v.imag:.6e}\n" for f, v in zip(frequency, z * AREA_CM2, strict=True)
    )
    path = tmp_path / "spectrum.txt.gz"
    path.write_bytes(gzip.compress(("freq/Hz\tZ'/Ohm cm^2\t-Z''/Ohm cm^2\n" + rows).encode()))
    assert np.allclose(read_spectrum(path, area=AREA_CM2 * 1e-4).impedance, z, rtol=1e-5)
    assert exit_code(["eis", str(path)]) == 2
    assert "area-specific" in capsys.readouterr().err
