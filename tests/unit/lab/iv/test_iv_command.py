"""`gbflux iv` and `gbflux demo-data`: made-up files through the command, tables, JSON, figures, mistakes."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.lab.demo import makers, write_demo_data
from gbflux.lab.iv.many import read_positions

OWN = ["iv", "iv-dendrite", "iv-export", "iv-distance", "iv-size"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write_demo_data(folder, seed=1, kinds=OWN)
    return folder


@pytest.fixture(scope="module")
def truth(demo):
    return json.loads((demo / "truth.json").read_text(encoding="utf-8"))


def analysed(capsys, *words) -> dict:
    assert exit_code(["iv", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_same_seed_same_files(demo, tmp_path, capsys):
    assert exit_code(["demo-data", str(tmp_path), "--kind", "iv", "--kind", "iv-dendrite"]) == 0
    assert "truth.json" in capsys.readouterr().out
    for name in ("iv_grain_boundary.csv", "iv_noise.csv", "iv_dendrite.csv.gz"):
        assert (tmp_path / name).read_bytes() == (demo / name).read_bytes()
    write_demo_data(tmp_path, seed=2, kinds=["iv"])
    assert (tmp_path / "iv_noise.csv").read_bytes() != (demo / "iv_noise.csv").read_bytes()


def test_an_unknown_kind_is_refused(tmp_path, capsys):
    assert exit_code(["demo-data", str(tmp_path), "--kind", "poems"]) == 2
    said = capsys.readouterr().err
    assert all(kind in said for kind in makers())


def test_every_curve_of_the_demo_comes_back(demo, truth, capsys):
    """Bias within two steps of 20 mV, in every file with one."""
    for kind in ("iv", "iv-distance"):
        for name, known in truth[kind].items():
            if "triggering_bias_V" not in known:
                continue
            found = analysed(capsys, demo / name)["files"][0]["curves"][0]
            if known["triggering_bias_V"] is None:
                assert found["outcome"] == "not triggered", name
            else:
                assert found["triggering_bias_V"] == pytest.approx(known["triggering_bias_V"], abs=0.04), name


def test_an_instruments_export_holds_three_sweeps(demo, truth, capsys):
    curves = analysed(capsys, demo / "iv_export.csv", "--polarity", "negative")["files"][0]["curves"]
    known = truth["iv-export"]["iv_export.csv"]
    found = [curve["triggering_bias_V"] for curve in curves]
    np.testing.assert_allclose(found, known["triggering_bias_V"], atol=0.02)
    np.testing.assert_allclose([c["ohmic"]["resistance"] for c in curves], known["resistance_ohm"], rtol=5e-3)


def test_figure_tables_and_provenance_are_written(demo, tmp_path, capsys):
    words = ["iv", str(demo / "iv_grain_boundary.csv"), str(demo / "iv_dendrite.csv.gz")]
    assert exit_code([*words, "--thickness-um", "300", "-o", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "547 ±" in shown
    assert "Flags" in shown
    assert "decimal commas" in shown
    names = {path.name for path in tmp_path.iterdir()}
    pictures = {"iv_grain_boundary.png", "iv_dendrite.png"}
    assert names >= pictures | {"curves.csv", "result.json", "provenance.json"}
    with (tmp_path / "curves.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["outcome"] for row in rows] == ["triggered", *["conducting from the start"] * 2]
    assert float(rows[0]["ohmic_resistance"]) == pytest.approx(116, rel=2e-3)
    record = json.loads((tmp_path / "provenance.json").read_text())
    assert len(record["inputs"]) == 2
    assert len(record["inputs"][0]["sha256"]) == 64


def test_positions_bring_the_distance_and_the_sizes(demo, tmp_path, capsys):
    files = sorted(demo.glob("iv_at_*.tsv"))
    rise = analysed(capsys, *files, "--positions", demo / "distances.csv")["together"]["rise"]
    assert rise["interval_um"][0] <= 0.1 <= rise["interval_um"][1]
    assert rise["near"]["median_V"] < 0.2
    files = sorted(demo.glob("iv_electrode_*.csv"))
    words = [*map(str, files), "--positions", str(demo / "electrodes.csv"), "-o", str(tmp_path)]
    assert exit_code(["iv", *words]) == 0
    assert "Electrode 50 µm: 10 of 10 triggered; median 0." in capsys.readouterr().out
    assert (tmp_path / "together.png").stat().st_size > 10_000


def test_a_bad_file_does_not_spoil_the_others(demo, tmp_path, capsys):
    bad = tmp_path / "bad.csv"
    bad.write_text("V,I\n0,1\n1,abc\n2,3\n")
    assert exit_code(["iv", str(demo / "iv_noise.csv"), str(bad)]) == 2
    shown = capsys.readouterr()
    assert "not triggered" in shown.out
    assert "1 of 2 files left out" in shown.err
    assert "bad.csv:3: column 2" in shown.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--polarity", "sideways"], "negative, positive or both"),
        (["--polarity", "positive"], "all 1 found are negative"),
        (["--compliance-mA", "-1"], "must be > 0"),
        (["--positions", "none.csv"], "cannot be read"),
    ],
)
def test_mistakes_are_named(demo, options, message, capsys):
    assert exit_code(["iv", str(demo / "iv_noise.csv"), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_file_without_position_is_named(demo, capsys):
    words = [str(demo / name) for name in ("iv_noise.csv", "iv_interior.csv")]
    assert exit_code(["iv", *words, "--positions", str(demo / "distances.csv")]) == 2
    assert "must have a row in the table of positions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,distance_nm\na,1\n", "columns file"),
        ("file,distance_nm\na.csv,far\n", ":2: distance_nm"),
        ("file,distance_nm\na.csv\n", ":2: distance_nm"),
        ("file,distance_nm\na.csv,-1\n", ">= 0"),
    ],
)
def test_mistakes_in_positions_are_named(tmp_path, text, message):
    path = tmp_path / "positions.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_positions(path)
