"""`gbflux run`: what it refuses before anything heavy, leaving nothing behind; what it prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gbflux.cli import main as command
from gbflux.cli.run import WIDTH, report_lines
from gbflux.measure.error_text import between, stated
from small_cases import LAYERS, NO_FIGURES, TINY, case_text, solved


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


CERTIFIED = {"output.bracket": True}


def lines_of(*changes: dict, **replaced) -> list[str]:
    return report_lines(replace(solved(*changes).result, **replaced))


def test_the_lines_carry_errors_and_say_once_what_they_are() -> None:
    result = solved(TINY, LAYERS, CERTIFIED).result
    lines = lines_of(TINY, LAYERS, CERTIFIED)
    text = "\n".join(lines)
    tree = result.as_dict()
    for key in ("transport.sigma_eff_S_per_cm", "transport.asr_ohm_cm2", "hot_spots.top.p99_over_mean"):
        assert str(stated(tree, key)) in text
        assert "±" in str(stated(tree, key))
    assert sum("estimated discretisation error" in line for line in lines) == 1
    bounds = result.transport.bracket.asr_ohm_cm2
    assert "certified {} to {}".format(*between(bounds.lower, bounds.upper)) in text


@pytest.mark.parametrize("changes", [(TINY,), (TINY, LAYERS), (TINY, LAYERS, CERTIFIED)])
def test_the_lines_fit_a_terminal_and_their_columns_agree(changes: tuple[dict, ...]) -> None:
    lines = lines_of(*changes)
    assert max(map(len, lines)) <= WIDTH
    head = next(line for line in lines if "p99" in line)
    rows = [line for line in lines if line.startswith("    ") and ("electrode " in line or "|HL" in line)]
    assert len(rows) in (2, 4)
    for row in rows:
        for name in ("p99", "3 µm", "grain"):
            at = head.index(name)
            assert row[at - 1] == " "
            assert row[at] != " "


def test_a_result_of_before_is_told_without_errors() -> None:
    text = "\n".join(lines_of(TINY, errors=None))
    assert "±" not in text
    result = solved(TINY).result
    assert f"{result.hot_spots['top'].p99_over_mean:.3g}" in text


def test_a_layer_that_is_not_resolved_gives_the_reason() -> None:
    result = solved(TINY, LAYERS).result
    profile = replace(
        result.homogenizing_layer["top"],
        homogenized_at_um=None,
        decay_length_um=None,
        reason="the layer must be at least 4 cells thick; it is about 1.8. Set mesh.size_um to 1 or less.",
    )
    profiles = {**result.homogenizing_layer, "top": profile}
    lines = lines_of(TINY, LAYERS, homogenizing_layer=profiles)
    text = " ".join(" ".join(lines).split())
    assert f"top layer not known where it homogenizes: {profile.reason}" in text
    assert max(map(len, lines)) <= WIDTH
    nowhere = replace(profile, reason=None)
    lines = lines_of(TINY, LAYERS, homogenizing_layer={**profiles, "top": nowhere})
    assert any("top layer" in line and "nowhere homogenized" in line for line in lines)
