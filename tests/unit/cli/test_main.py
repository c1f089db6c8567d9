"""The command line: exit codes, what goes to stderr, and that it starts quickly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

import gbflux
from gbflux.cli import main as command
from gbflux.errors import CaseError, GbfluxError, InputError, MissingLibrary, Problem, SolverError

SOURCE = Path(gbflux.__file__).parents[1]
HEAVY = ("dolfinx", "petsc4py", "mpi4py", "gmsh", "pyvista", "matplotlib", "pydantic", "numpy", "scipy")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=60
    )


@pytest.fixture
def failing(monkeypatch):
    """A command line with one command that raises what it is told."""

    def make(error: BaseException) -> None:
        app = typer.Typer()

        @app.command()
        def fail() -> None:
            raise error

        monkeypatch.setattr(command, "app", app)

    return make


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (GbfluxError("a"), 1, "gbflux: a\n"),
        (InputError("init: no"), 2, "gbflux: init: no\n"),
        (CaseError([Problem("c.yaml", 1, 2, "x", "is wrong")]), 2, "c.yaml:1:2: x: is wrong\n"),
        (SolverError("solver: stopped", 5, 1.0, 1e-10), 3, "gbflux: solver: stopped\n"),
        (MissingLibrary("dolfinx: make setup"), 4, "gbflux: dolfinx: make setup\n"),
        (
            ZeroDivisionError("oops"),
            1,
            "gbflux: internal error: ZeroDivisionError: oops\n(--debug shows where)\n",
        ),
        (KeyboardInterrupt(), 130, "gbflux: interrupted\n"),
        (typer.Exit(7), 7, ""),
    ],
)
def test_an_error_becomes_a_message_and_an_exit_code(failing, capsys, error, code, message):
    failing(error)
    with pytest.raises(SystemExit) as caught:
        command.main([])
    assert caught.value.code == code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.strip() == message.strip()


def test_debug_shows_the_traceback_wherever_it_stands(failing, capsys):
    failing(ZeroDivisionError("oops"))
    with pytest.raises(SystemExit):
        command.main(["--debug"])
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["chek"], ["check"], ["check", "--no-such-option"], ["init", "a", "b"]])
def test_wrong_usage_is_exit_code_2(words, capsys):
    assert command.exit_code(words) == 2
    assert capsys.readouterr().err


def test_help_and_version(capsys):
    assert command.exit_code(["--help"]) == 0
    assert "check" in capsys.readouterr().out
    assert command.exit_code(["--version"]) == 0
    assert capsys.readouterr().out == f"gbflux {gbflux.__version__}\n"


def test_help_loads_nothing_heavy():
    code = "import sys; from gbflux.cli import main; main.exit_code(['--help']); print(*sys.modules)"
    modules = python("-c", code).stdout.splitlines()[
        -1
    ]  # after the help, whose words may be names of modules
    assert {name.split(".")[0] for name in modules.split()}.isdisjoint(HEAVY)
    assert "gbflux.cli.main" in modules


def test_import_gbflux_is_instant_and_lazy():
    code = "import sys, gbflux; dir(gbflux); print(*sys.modules)"
    loaded = {name.split(".")[0] for name in python("-c", code).stdout.split()}
    assert loaded.isdisjoint(HEAVY)
    code = "import gbflux, sys; gbflux.Case; print('dolfinx' in sys.modules, 'numpy' in sys.modules)"
    assert python("-c", code).stdout.split() == ["False", "False"]


def test_public_names():
    for name in gbflux.__all__:
        assert name in dir(gbflux)
        if name != "run":
            assert getattr(gbflux, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = gbflux.no_such_name


def test_python_dash_m_is_the_command():
    done = python("-m", "gbflux", "--version")
    assert (done.returncode, done.stdout) == (0, f"gbflux {gbflux.__version__}\n")


def test_a_closed_pipe_is_no_error():
    code = f"{sys.executable} -m gbflux schema | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        timeout=60,
    )
    assert (done.stdout.strip(), done.stderr) == ("0", "")


def commands(group: Any, *names: str) -> list[tuple[tuple[str, ...], Any]]:
    """All commands of a group and of the groups in it, with their names."""
    inner = getattr(group, "commands", {})
    return [(names, group), *(pair for name in inner for pair in commands(inner[name], *names, name))]


@pytest.mark.parametrize(
    ("names", "found"),
    [pytest.param(*pair, id=" ".join(pair[0])) for pair in commands(get_command(command.app))],
)
def test_help_is_for_users(names: tuple[str, ...], found: Any) -> None:
    """What a docstring says to readers of the code is left out."""
    assert found.help
    assert "---" not in found.help
    assert "Raises" not in found.help
