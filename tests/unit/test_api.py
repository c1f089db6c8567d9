"""From Python: `gbflux.load_case`, `gbflux.run`, frozen results, errors that are gbflux's own."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import gbflux
from gbflux.results.result import read_result
from gbflux.simulation.progress import log_file, logged_to
from small_cases import NO_FIGURES, TINY, case_text


@pytest.fixture
def case(tmp_path: Path) -> gbflux.Case:
    (tmp_path / "case.yaml").write_text(case_text(TINY, NO_FIGURES))
    return gbflux.load_case(tmp_path / "case.yaml")


def test_a_run_without_files(case: gbflux.Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = gbflux.run(case)
    assert 0 < result.transport.sigma_eff_S_per_cm < 5.0e-4
    assert result.directory is None
    assert [path.name for path in tmp_path.iterdir()] == ["case.yaml"]


def test_a_run_with_files_equals_what_it_stored(case: gbflux.Case, tmp_path: Path) -> None:
    result = gbflux.run(case, tmp_path / "out")
    assert result.directory == tmp_path / "out"
    assert read_result(tmp_path / "out/result.json") == result
    assert gbflux.run(case, str(tmp_path / "out")) == result  # finished: the stored one


def test_errors_are_gbfluxs_own(tmp_path: Path) -> None:
    short = gbflux.parse_case(case_text(TINY, NO_FIGURES, {"solver.max_iterations": 1}))
    with pytest.raises(gbflux.SolverError) as stopped:
        gbflux.run(short, tmp_path / "out")
    assert stopped.value.iterations == 1
    assert stopped.value.relative_residual > stopped.value.rtol == 1.0e-10
    large = {"geometry.size_um": [100, 100, 100], "mesh.size_um": 0.01, "mesh.electrode_size_um": 0.01}
    with pytest.raises(gbflux.InputError, match="memory"):
        gbflux.run(gbflux.parse_case(case_text(large)))


@pytest.mark.parametrize("name", gbflux.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(gbflux, name) is not None
    assert name in dir(gbflux)


def test_a_name_that_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Conductor'"):
        gbflux.Conductor  # noqa: B018


def test_a_path_is_no_case() -> None:
    with pytest.raises(gbflux.InputError, match=r"got 'case.yaml'. Read one with gbflux.load_case"):
        gbflux.run("case.yaml")


def test_a_run_tells_the_log_file_alone_unless_asked(
    case: gbflux.Case, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """caplog hangs on the root logger, as a handler that a library put there does."""
    gbflux.run(case, tmp_path / "quiet")
    assert "INFO" in (tmp_path / "quiet/run.log").read_text()
    assert caplog.records == []
    with caplog.at_level("INFO", "gbflux"):
        gbflux.run(case, tmp_path / "asked")
    assert [record.name for record in caplog.records] == ["gbflux.simulation.progress"] * 8


def test_warnings_of_a_run_reach_who_would_have_seen_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with logged_to(log_file(tmp_path / "run.log")):
        logging.getLogger("gbflux.mesh").info("a detail")
        logging.getLogger("gbflux.mesh").warning("a warning")
    assert [record.message for record in caplog.records] == ["a warning"]
    text = (tmp_path / "run.log").read_text()
    assert "a detail" in text
    assert "a warning" in text
    assert logging.getLogger("gbflux").propagate


@pytest.mark.parametrize("name", gbflux.__all__)
def test_public_names_load_from_the_package(name: str) -> None:
    """Among them the nouns: what a case becomes on its way to a result."""
    assert getattr(gbflux, name) is not None
    assert name in dir(gbflux)


def test_a_wrong_name_says_so() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = gbflux.no_such_name
