"""`gbflux contact`: every law by command, its JSON, files and mistakes."""

from __future__ import annotations

import json

import pytest

from gbflux.cli.main import exit_code

LAWS = {
    "hertz": "--force-nN 400 --radius-nm 20 --modulus-GPa 60",
    "elliptic": "--force-nN 400 --radius1-nm 40 --radius2-nm 10 --modulus-GPa 60",
    "jkr": "--force-nN 400 --radius-nm 20 --adhesion-J-per-m2 0.1 --modulus-GPa 60",
    "dmt": "--force-nN 400 --radius-nm 20 --adhesion-J-per-m2 0.1 --modulus-GPa 60",
    "spreading": "--conductivity-S-per-cm 5e-4 --radius-nm 3 --depth-nm 5 --thickness-um 3 "
    "--tube-radius-um 1",
    "sharvin": "--radius-nm 4.64",
    "ionic": "--conductivity-S-per-cm 5e-4 --thickness-um 300 --voltage-V 10 --area-nm2 30 --asr-ohm-cm2 1",
    "filament": "--resistance-ohm 116 --length-um 300 --current-A 6e-9",
    "asr": "--resistance-ohm 12.5 --area-cm2 1.12 --layer-um 10 --layer-conductivity-S-per-cm 1e-4",
    "covering": "--size-um 10 --grain-um 10",
}


def words(command: str, *more: str) -> list[str]:
    return ["contact", command, *LAWS[command].split(), *more]


@pytest.mark.parametrize("command", LAWS)
def test_table_json_and_files_agree(command, capsys, tmp_path):
    assert exit_code(words(command)) == 0
    assert capsys.readouterr().out.startswith("quantity")
    assert exit_code(words(command, "--json", "-o", str(tmp_path))) == 0
    record = json.loads(capsys.readouterr().out)
    rows = (tmp_path / f"contact_{command}.csv").read_text().splitlines()
    assert rows[0] == "quantity,value,error,unit"
    for row in rows[1:]:
        key, value, *_ = row.split(",")
        assert float(value) == record[key]
    assert (tmp_path / f"contact_{command}.png").read_bytes().startswith(b"\x89PNG")
    assert (
        json.loads((tmp_path / "provenance.json").read_text())["options"]["command"] == f"contact {command}"
    )


def test_uncertainty_and_warning(capsys):
    pytest.importorskip("uncertainties")
    asked = ["contact", "hertz", "--force-nN", "400±5%", "--radius-nm", "20±1", "--modulus-GPa", "60"]
    assert exit_code([*asked, "--hardness-GPa", "6.3"]) == 0
    shown = capsys.readouterr()
    # A ~ (P r)^(2/3): 67.7 × 2/3 × √(0.05² + 0.05²) = 3.2
    assert "67.7 ± 3.2" in shown.out
    assert "0.4 × hardness" in shown.err


def test_figure_follows_the_law(monkeypatch, tmp_path):
    from gbflux.report.figures import memristor

    drawn = []
    monkeypatch.setattr(memristor, "draw_laws", lambda *given: drawn.append(given))
    assert exit_code(words("spreading", "-o", str(tmp_path))) == 0
    _, (label, x), place, results, courses = drawn[0]
    assert label == "radius (nm)"
    assert place == (pytest.approx(3), 0)
    keys = [result[0].split(",")[0] for result in results]
    assert courses[keys.index("disc")] == pytest.approx(1 / (4 * 0.05 * x * 1e-9))  # σ = 0.05 S/m


def test_layer_leaves_the_rest_to_the_interfaces(capsys):
    assert exit_code(words("asr", "--json")) == 0  # 12.5 Ω × 1.12 cm² = 14 Ω cm², 10 of them the layer's
    assert json.loads(capsys.readouterr().out)["interfaces_asr_ohm_cm2"] == pytest.approx(4)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("hertz --force-nN 400 --radius-nm 20", "--modulus-GPa"),
        ("hertz --force-nN many --radius-nm 20 --modulus-GPa 60", "must be a number"),
        ("hertz --force-nN 0 --radius-nm 20 --modulus-GPa 60", "must be > 0"),
        ("hertz --force-nN 1e400 --radius-nm 20 --modulus-GPa 60", "must be a number"),
        ("jkr --force-nN -400 --radius-nm 20 --adhesion-J-per-m2 0.1 --modulus-GPa 60", "pull-off"),
        ("filament --length-um 300", "all but one"),
        ("asr --area-cm2 1", "two of"),
        ("asr --layer-um 1", "together"),
        ("sharvin", "one of --area-nm2 and --radius-nm"),
        ("sharvin --radius-nm -3", "must be > 0"),
        ("ionic --conductivity-S-per-cm 1 --thickness-um 1 --voltage-V 1 --radius-nm -3", "must be > 0"),
        ("filament --length-um 1 --resistance-ohm 1 --current-A 0", "must be > 0"),
        ("covering --size-um 10 --grain-um 0", "must be > 0"),
        ("covering --size-um 10 --grain-um 1 --shape star", "disc or square"),
    ],
)
def test_mistakes_are_named(asked, message, capsys):
    assert exit_code(["contact", *asked.split()]) == 2
    assert message in capsys.readouterr().err
