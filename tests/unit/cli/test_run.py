"""`gbflux run` before anything heavy: what it refuses, and that it leaves nothing behind then."""

from __future__ import annotations

from pathlib import Path

import pytest

from gbflux.cli import main as command
from small_cases import NO_FIGURES, TINY, case_text


def run(path: Path, out: Path) -> int:
    return command.exit_code(["run", str(path), "-o", str(out)])


def test_a_mesh_that_would_not_fit_into_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = {"geometry.size_um": [100, 100, 100], "mesh.size_um": 0.01, "mesh.electrode_size_um": 0.01}
    (tmp_path / "case.yaml").write_text(case_text(tiny))
    assert run(tmp_path / "case.yaml", tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert message.startswith("gbflux: memory: must be <=")
    assert "GiB for about" in message
    assert "mesh.size_um" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"grains.mean_size_um": -10},
        {"grains.mean_size_um": 1000},
        {"grain_boundary.thickness_nm": 2000},
        {"electrodes.top_V": 0.0},
        {"mesh.size_um": "fine"},
        {"mesh.sise_um": 1},
    ],
)
def test_a_case_with_mistakes_leaves_nothing(
    change: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "case.yaml").write_text(case_text(TINY, NO_FIGURES, change))
    assert run(tmp_path / "case.yaml", tmp_path / "out") == 2
    (place,) = change
    assert place in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["case.yaml"]


def test_no_such_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "absent.yaml", tmp_path / "out") == 2
    assert "no such file" in capsys.readouterr().err


def test_results_go_to_a_folder_named_after_the_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("case.yaml").write_text(case_text(TINY, NO_FIGURES))
    assert command.exit_code(["run", "case.yaml"]) == 0
    assert (tmp_path / "results/tiny/result.json").exists()


def test_compare_needs_a_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "case.yaml").write_text(case_text(TINY, NO_FIGURES))
    assert command.exit_code(["compare", str(tmp_path / "case.yaml"), "-o", str(tmp_path / "out")]) == 2
    assert "homogenizing_layer" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_solver_that_stops_short_ends_with_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinetics = {"electrodes.kinetics": {"exchange_current_density_mA_per_cm2": 1.0}, "solver.rtol": 1e-19}
    (tmp_path / "case.yaml").write_text(case_text(TINY, NO_FIGURES, kinetics))
    assert run(tmp_path / "case.yaml", tmp_path / "out") == 3
    assert "Newton's method" in capsys.readouterr().err
    assert not (tmp_path / "out/result.json").exists()
