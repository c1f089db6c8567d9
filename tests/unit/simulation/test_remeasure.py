"""`gbflux measure`: the same numbers again from what a run has stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gbflux.cli import main as command
from gbflux.simulation import files
from small_cases import LAYERS, NO_FIGURES, TINY, case_text

THREE_D = {"name": "tiny3d", "geometry.size_um": [12, 10, 15]}


KINETICS = {
    "electrodes.kinetics": {"exchange_current_density_mA_per_cm2": 1.0},
    "electrodes.current_density_mA_per_cm2": -0.2,
}
CASES = {
    "2D": {**TINY, **LAYERS},
    "3D": {**THREE_D, **LAYERS},
    "bare": TINY,
    "kinetics": {**TINY, **KINETICS},
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A finished run."""
    (tmp_path / "case.yaml").write_text(case_text(request.param, NO_FIGURES))
    assert command.exit_code(["run", str(tmp_path / "case.yaml"), "-o", str(tmp_path / "out")]) == 0
    return tmp_path / "out"


def test_measuring_again_gives_the_same_files(folder: Path) -> None:
    names = ("result.json", "grains.csv", "boundaries.csv", "electrode_top.vtp", "electrode_bottom.vtp")
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names[1:]:
        (folder / name).unlink()
    assert command.exit_code(["measure", str(folder)]) == 0
    assert {name: (folder / name).read_bytes() for name in names} == before


def test_what_was_tampered_with_is_measured_back(folder: Path) -> None:
    path = folder / "result.json"
    before = path.read_text()
    tree = json.loads(before)
    tree["transport"]["sigma_eff_S_per_cm"] = 1.0
    tree["hot_spots"]["top"]["max_over_mean"] = 99.0
    path.write_text(json.dumps(tree))
    assert command.exit_code(["measure", str(folder)]) == 0
    assert path.read_text() == before


@pytest.mark.parametrize("folder", [CASES["kinetics"]], indirect=True, ids=["kinetics"])
def test_a_result_without_its_voltage_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "result.json"
    tree = json.loads(path.read_text())
    tree["transport"]["voltage_V"] = None
    path.write_text(json.dumps(tree))
    assert command.exit_code(["measure", str(folder)]) == 2
    assert "transport.voltage_V must be there" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fields.hdf", "result.json", "case.resolved.yaml"])
def test_a_file_that_is_missing_is_named(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / name).unlink()
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert command.exit_code(["measure", str(folder)]) == 2
    assert name in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == left


def test_a_folder_that_cannot_be_written_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")  # root may write everywhere

    monkeypatch.setattr(files, "write_tables", refuse)
    assert command.exit_code(["measure", str(folder)]) == 2
    assert f"{folder}: must be writable; got 'Permission denied'." in capsys.readouterr().err


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.exit_code(["measure", str(tmp_path)]) == 2
    assert command.exit_code(["measure", str(tmp_path / "nowhere")]) == 2
    assert "Run the case first" in capsys.readouterr().err
