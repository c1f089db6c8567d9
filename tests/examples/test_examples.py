"""Examples run as they stand, assert their numbers, end in a picture, and stay short."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LONGEST = 60  # lines of code and prose


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs_and_its_numbers_are_right(path: Path, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, path],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip()
    assert not list(tmp_path.iterdir())  # nothing is left behind


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_reads_as_an_example(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= LONGEST
    title, line, *_ = ast.get_docstring(tree).splitlines()
    assert line == "=" * len(title)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    assert text.rstrip().endswith("plt.show()")
    assert "gbflux._" not in text


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 10
