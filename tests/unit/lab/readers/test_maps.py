"""Maps: NanoScope and Gwyddion files, read back as written; damaged ones refused; lines through them."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.lab.demo import write_demo_data
from gbflux.lab.demo.cells import matrix_text, spm_bytes
from gbflux.lab.readers.lines import lines_across, middle_lines, read_lines
from gbflux.lab.readers.maps import ScanMap, is_map, read_gwy, read_map, read_spm

VALUES = np.add.outer(np.arange(12.0), 0.1 * np.arange(20.0))  # rises downwards and to the right


@pytest.mark.parametrize(("size_bytes", "resolution"), [(2, 1e-3), (4, 1e-7)])
def test_nanoscope_maps_are_read_as_written(tmp_path, size_bytes, resolution):
    path = tmp_path / "map.spm"
    path.write_bytes(spm_bytes(VALUES, "DMTModulus", "GPa", 2000, size_bytes))
    (found,) = read_spm(path)
    assert np.allclose(found.values, VALUES * 1e9, atol=resolution * 1e9)
    assert (found.name, found.unit) == ("DMTModulus", "Pa")
    assert found.size == pytest.approx((2e-6, 1.2e-6))


def test_data_length_outweighs_bytes_per_pixel(tmp_path):
    raw = spm_bytes(VALUES, "Potential", "mV", 2000, 4)
    path = tmp_path / "map.spm"
    path.write_bytes(raw.replace(rb"\Bytes/pixel: 4", rb"\Bytes/pixel: 2"))
    (found,) = read_spm(path)
    assert np.allclose(found.values, VALUES * 1e-3, atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (rb"\*File list end", rb"\*File list", "header"),
        (rb"\Data offset: 8192", rb"\Data offset: 99999999", "Copy the file again"),
        (rb"\Data offset: 8192", rb"\Data offset: none", "Data offset"),
        (rb"\Samps/line: 20", rb"\Samps/line: 0", "2 or 4 bytes|bytes per pixel"),
        (rb"\Samps/line: 20", rb"\Samps/line: 99999999999999", "Samps/line"),
        (rb"\@2:Z scale", rb"\@3:Z scale", "Z scale"),
        (rb"\@Sens. DMTModulus", rb"\@Sens. XXXModulus", "soft scale"),
        (b"nm\r\n\\@2:Image", b"furlong\r\n\\@2:Image", "Scan Size"),
        (rb"\*Ciao image list", rb"\*Other list", "an image"),
    ],
)
def test_damaged_nanoscope_files_are_refused(tmp_path, old, new, word):
    raw = spm_bytes(VALUES, "DMTModulus", "GPa", 2000)
    assert old in raw
    path = tmp_path / "map.spm"
    path.write_bytes(raw.replace(old, new))
    with pytest.raises(InputError, match=word):
        read_spm(path)


def test_random_damage_of_nanoscope_files_never_crashes(tmp_path):
    raw = bytearray(spm_bytes(VALUES, "DMTModulus", "GPa", 2000))
    rng = np.random.default_rng(0)
    path = tmp_path / "map.spm"
    for _ in range(200):
        broken = raw.copy()
        for place in rng.integers(0, 700, 5):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken[: rng.integers(len(raw)) if rng.random() < 0.3 else None]))
        with suppress(InputError):  # any other error fails the test
            read_spm(path)


def gwy_file(path, values=VALUES):
    objects = pytest.importorskip("gwyfile.objects")
    container = objects.GwyContainer()
    for number, (title, unit, scale) in enumerate([("Height", "m", 1e-9), ("DMT Modulus", "Pa", 1e9)]):
        container[f"/{number}/data/title"] = title
        container[f"/{number}/data"] = objects.GwyDataField(
            values * scale, xreal=2e-6, yreal=1.2e-6, si_unit_xy="m", si_unit_z=unit
        )
    container.tofile(str(path))
    return path


def test_gwyddion_maps_are_read_as_written(tmp_path):
    path = gwy_file(tmp_path / "map.gwy")
    assert [found.name for found in read_gwy(path)] == ["Height", "DMT Modulus"]
    modulus = read_map(path)
    assert (modulus.name, modulus.unit, modulus.size) == ("DMT Modulus", "Pa", (2e-6, 1.2e-6))
    assert np.allclose(modulus.values, VALUES * 1e9)
    assert read_map(path, "height").unit == "m"
    with pytest.raises(InputError, match="Height, DMT Modulus"):
        read_map(path, "phase")


def test_damage_of_gwyddion_files_never_crashes(tmp_path):
    raw = bytearray(gwy_file(tmp_path / "map.gwy").read_bytes())
    rng = np.random.default_rng(0)
    path = tmp_path / "broken.gwy"
    for _ in range(150):
        broken = raw.copy()
        for place in rng.integers(4, 400, 3):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken[: rng.integers(len(raw)) if rng.random() < 0.3 else None]))
        with suppress(InputError):  # any other error fails the test
            read_gwy(path)


@pytest.mark.parametrize(
    "content", [b"", b"GWYP", b"GWYPGwyContainer\0", b"not a map at all" * 40, bytes(4096)]
)
@pytest.mark.parametrize("suffix", [".gwy", ".spm"])
def test_hostile_maps_are_refused(tmp_path, content, suffix):
    if suffix == ".gwy":
        pytest.importorskip("gwyfile")
    path = tmp_path / f"map{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="map"):
        read_map(path)


def test_a_line_of_few_pixels_is_refused():
    scan = ScanMap(VALUES, (20e-6, 12e-6), "Height", "m")
    with pytest.raises(InputError, match="at least 16 points"):
        lines_across(scan, (10.5e-6, 0.5e-6), (10.5e-6, 11.5e-6), count=1)


def test_line_values_are_those_of_the_map():
    scan = ScanMap(np.repeat(np.repeat(VALUES, 2, 0), 2, 1), (40e-6, 24e-6), "Height", "m")
    across = middle_lines(scan, count=1)
    assert across.values.shape == (1, 40)
    assert across.values[0, 0] == pytest.approx(5.5)  # between the rows of 5 and 6
    assert across.values[0, -1] == pytest.approx(5.5 + 1.9)
    with pytest.raises(InputError, match="within the map"):
        lines_across(scan, (0, 0), (40e-6, 24e-6), count=5)
    with pytest.raises(InputError, match="two ends"):
        lines_across(scan, (0, 0), (0, 0))


# Matrices of numbers

MATRIX = np.add.outer(np.arange(20.0), 0.1 * np.arange(24.0))


def test_a_text_map_that_says_what_it_is(tmp_path):
    path = tmp_path / "map.txt"
    path.write_text(matrix_text(MATRIX, "Modulus", "GPa", 1500.0), encoding="utf-8")
    assert is_map(path)
    found = read_map(path)
    assert np.allclose(found.values, MATRIX * 1e9)
    assert (found.name, found.unit) == ("Modulus", "Pa")
    assert found.size == pytest.approx((1.5e-6, 1.5e-6))


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_a_bare_matrix_needs_its_width(tmp_path, separator):
    path = tmp_path / "map.csv"
    path.write_text("\n".join(separator.join(f"{x:.3f}" for x in row) for row in MATRIX) + "\n")
    assert not is_map(path)
    found = read_map(path, size=(2.4e-6, None), unit="mV")
    assert np.allclose(found.values, MATRIX * 1e-3)
    assert found.size == pytest.approx((2.4e-6, 2.0e-6))  # square pixels
    assert read_map(path, size=(1e-6, 3e-6)).size == (1e-6, 3e-6)
    with pytest.raises(InputError, match="width of the map must be given"):
        read_map(path)
    with pytest.raises(InputError, match="If it is a map, give its width"):
        read_lines(path)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1,2,3\n" * 40, "at least 16 x 16"),
        ((",".join(["1"] * 20) + "\n") * 19 + "1,," + ",".join(["1"] * 18) + "\n", "no gaps"),
        (",".join(f"c{k}" for k in range(20)) + "\n" + (",".join(["1"] * 20) + "\n") * 20, "no header"),
        ("# Width: wide µm\n" + (",".join(["1"] * 20) + "\n") * 20, "width of the map must be a length"),
        ("# Width: -1 µm\n" + (",".join(["1"] * 20) + "\n") * 20, "width of the map must be > 0"),
    ],
)
def test_what_is_no_matrix_is_refused(tmp_path, text, word):
    path = tmp_path / "map.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=word):
        read_map(path, size=(None if "Width" in text else 1e-6, None))


def test_the_command_reads_text_maps(tmp_path, capsys):
    write_demo_data(tmp_path, kinds=["profile"])
    path = str(tmp_path / "profile_map.txt")
    assert exit_code(["profile", path, "--json", "--line-um", "0.1,0.75,1.4,0.75"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unit"] == "mV"
    assert found["depth"]["value"] == pytest.approx(-10, abs=2)
    lines = str(tmp_path / "profile_modulus.csv")
    assert exit_code(["profile", lines, "--line-um", "0.1,0.75,1.4,0.75"]) == 2
    assert "--width-um" in capsys.readouterr().err
    assert exit_code(["profile", path, "--unit", "furlong"]) == 2


def test_a_nanoscope_map_of_any_suffix_is_known_by_its_first_bytes(tmp_path):
    path = tmp_path / "scan.001"
    path.write_bytes(spm_bytes(VALUES, "DMTModulus", "GPa", 2000))
    assert is_map(path)
    assert read_map(path).name == "DMTModulus"
