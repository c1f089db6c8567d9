"""`gbflux doctor`: every fault of a machine becomes a finding with a remedy, and the right exit code."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from gbflux.cli import doctor
from gbflux.cli.doctor import Finding, Library, Outcome

ROOT = Path(__file__).resolve().parents[3]
GOOD = Finding("numpy", "1.24.2", "distribution")
NOTE = Finding("off-screen 3D", "-", "", "killed by signal 11", "Install GL.")
FAULT = Finding("dolfinx", "-", "", "No module named 'dolfinx'", "Run `make setup`.", prevents_running=True)


def answering(
    code: int | None = 0, stdout: str = "", stderr: str = "", seconds: float = 0.1
) -> doctor.Runner:
    """A runner that starts nothing and always gives this answer."""
    return lambda command: Outcome(code, stdout, stderr, seconds)


def library_answer(
    version: str = "1.0", fault: str = "", path: str = "/usr/lib/python3/x/__init__.py"
) -> doctor.Runner:
    return answering(stdout="noise\n" + json.dumps([version, fault, path]) + "\n")


def launch_answer(ranks: Outcome, banner: str = "mpirun (Open MPI) 4.1.4") -> doctor.Runner:
    return lambda command: Outcome(0, banner, "", 0.0) if command[1] == "--version" else ranks


@pytest.fixture
def with_mpirun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")


def test_a_library_is_reported_with_version_and_origin() -> None:
    assert doctor.find_library(Library("numpy", "", needed=True), library_answer("1.24.2")) == GOOD


@pytest.mark.parametrize(
    ("answer", "fault", "remedy"),
    [
        (
            answering(1, stderr="Traceback\nModuleNotFoundError: No module named 'x'"),
            "No module named",
            "make setup",
        ),
        (answering(1, stderr="ValueError: numpy.dtype size changed, may ..."), "size changed", "pins NumPy"),
        (answering(-11), "killed by signal 11", "special"),
        (answering(None, seconds=60.0), "no answer within 60 s", "special"),
        (library_answer(fault="complex scalars"), "complex scalars", "special"),
    ],
)
def test_a_needed_library_that_does_not_load_prevents_running(
    answer: doctor.Runner, fault: str, remedy: str
) -> None:
    finding = doctor.find_library(Library("x", "", needed=True, remedy="special"), answer)
    assert fault in finding.fault
    assert remedy in finding.remedy
    assert finding.prevents_running


def test_a_missing_extra_or_hypre_is_a_note_only() -> None:
    extra = doctor.find_library(
        Library("pyvista", "", needed=False), answering(1, stderr="No module named 'pyvista'")
    )
    hypre = doctor.find_library(Library("petsc4py", "", needed=True), library_answer(fault="no hypre"))
    assert [doctor.mark(extra), doctor.mark(hypre)] == ["note", "note"]


@pytest.mark.parametrize("library", doctor.libraries(), ids=lambda library: library.module)
def test_what_a_probe_runs_is_valid_python(library: Library) -> None:
    compile(doctor._IMPORT.format(module=library.module, code=library.code), library.module, "exec")


def test_all_that_is_required_is_looked_at() -> None:
    """Requirements of pyproject.toml, those of development left out, and what comes with DOLFINx."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = list(project["dependencies"])
    for extra, more in project["optional-dependencies"].items():
        required += more if extra != "dev" else []
    names = {re.match(r"[\w.-]+", text)[0] for text in required}
    looked_at = {library.module: library.needed for library in doctor.libraries()}
    assert {"jinja2", "pyarrow", "ruamel.yaml", "vtk"} <= names <= set(looked_at)
    assert {"dolfinx", "petsc4py", "mpi4py", "gmsh", "h5py"} == set(looked_at) - names
    assert not {"pytest", "ruff"} & set(looked_at)
    assert looked_at["pyarrow"]
    assert not looked_at["vtk"]


def test_origin_of_a_file(tmp_path: Path) -> None:
    conda = tmp_path / "conda"
    (conda / "conda-meta").mkdir(parents=True)
    assert doctor.origin_of("/x/.venv/lib/a.py", prefix="/x/.venv", base_prefix="/usr") == "venv"
    assert (
        doctor.origin_of("/usr/lib/python3/dist-packages/a.py", prefix="/x/.venv", base_prefix="/usr")
        == "distribution"
    )
    assert doctor.origin_of(f"{conda}/lib/a/b.py", prefix=str(conda), base_prefix=str(conda)) == "conda"
    assert doctor.origin_of("/opt/x/a/__init__.py", prefix="/usr", base_prefix="/usr") == "/opt/x"


@pytest.mark.usefixtures("with_mpirun")
@pytest.mark.parametrize(
    ("ranks", "fault", "fatal"),
    [
        (Outcome(0, "<2>\n<2>\n", "", 0.4), "", False),
        (Outcome(0, "<2>\n<2>\n", "", 12.0), "slow", False),
        (Outcome(0, "<1>\n<1>\n", "", 0.4), "different MPI libraries", True),
        (Outcome(1, "", "orted: not found", 0.4), "orted", True),
        (Outcome(None, "", "", 60.0), "no answer", True),
    ],
)
def test_an_mpi_launch_is_judged_by_what_its_ranks_say(ranks: Outcome, fault: str, fatal: bool) -> None:
    finding = doctor.find_launch(launch_answer(ranks))
    assert fault in finding.fault
    assert bool(fault) == bool(finding.fault)
    assert finding.prevents_running == fatal


def test_without_mpirun_one_rank_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert doctor.mark(doctor.find_launch(answering())) == "note"
    assert doctor.find_compiler(answering()).prevents_running


def test_a_launch_inside_mpirun_forgets_the_outer_one() -> None:
    kept = doctor.launch_environment(
        {"OMPI_COMM_WORLD_RANK": "0", "PMIX_RANK": "0", "OMPI_MCA_btl": "tcp", "HOME": "/h"}
    )
    assert {"OMPI_MCA_btl", "HOME", "OMPI_ALLOW_RUN_AS_ROOT"} <= set(kept)
    assert not {"OMPI_COMM_WORLD_RANK", "PMIX_RANK"} & set(kept)


@pytest.mark.parametrize(
    ("answer", "good"), [(answering(), True), (answering(-11), False), (answering(1), False)]
)
def test_rendering_that_crashes_is_a_note(answer: doctor.Runner, good: bool) -> None:
    finding = doctor.find_rendering(answer)
    assert doctor.mark(finding) == ("ok" if good else "note")
    assert good or "libegl1" in finding.remedy


@pytest.mark.parametrize("answer", [answering(1), answering(0, seconds=14.0), answering(None, seconds=60.0)])
def test_a_host_name_that_does_not_resolve_is_told(answer: doctor.Runner) -> None:
    assert "/etc/hosts" in doctor.find_host_name(answer).remedy


def test_a_process_that_crashes_or_hangs_is_an_outcome_not_an_exception() -> None:
    crash = doctor.run_process([sys.executable, "-c", "import os; os.abort()"])
    hang = doctor.run_process([sys.executable, "-c", "import time; time.sleep(30)"], time_limit_s=0.5)
    absent = doctor.run_process([os.devnull + "/nothing"])
    assert (crash.code, hang.code, absent.code) == (-6, None, 127)


@pytest.mark.parametrize(("findings", "code"), [((GOOD,), 0), ((GOOD, NOTE), 0), ((GOOD, NOTE, FAULT), 1)])
def test_doctor_prints_every_finding_and_remedy_and_exits(
    findings: Sequence[Finding],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, "find_all", lambda: findings)
    with pytest.raises(typer.Exit) as exit_:
        doctor.doctor()
    text = capsys.readouterr().out
    assert exit_.value.exit_code == code
    for finding in findings:
        assert finding.subject in text
        assert finding.remedy in text


def test_the_table_takes_text_with_brackets() -> None:
    assert doctor.as_table([replace(FAULT, value="[red]1.0")]).row_count == 1


def test_numpy_of_this_machine_is_found() -> None:
    finding = doctor.find_library(Library("numpy", "", needed=True))
    assert finding.value[0].isdigit()
    assert not finding.fault
