"""Where DOLFINx cannot keep its compiled forms a run ends with one message, on all ranks together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from small_cases import NO_FIGURES, TINY, case_text


@pytest.mark.parametrize("ranks", [1, 2])
def test_it_is_told_what_to_set(tmp_path: Path, ranks: int) -> None:
    (tmp_path / "case.yaml").write_text(case_text(TINY, NO_FIGURES))
    environment = os.environ | {
        "XDG_CACHE_HOME": "/proc/no-such-place",
        "GBFLUX_CACHE": str(tmp_path / "cache"),
    }
    words = [sys.executable, "-m", "gbflux", "run", "case.yaml", "-o", "out", "-n", str(ranks)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "/proc/no-such-place" in done.stderr
    assert done.stderr.count("Set XDG_CACHE_HOME to a folder that can be written.") == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
