"""Faults put into a copy of the sources make the tests fail that are named for them; `make mutants`, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutants import MUTANTS, Mutant, failure, failure_without_a_fault, mutate


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_caught(mutant: Mutant) -> None:
    assert failure(mutant) is not None


@pytest.mark.slow
def test_without_a_fault_nothing_fails() -> None:
    assert failure_without_a_fault() is None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_to_replace_occurs_once(mutant: Mutant, tmp_path: Path) -> None:
    """At once, so that a change of the sources shows here and not in the slow tests alone."""
    path = tmp_path / mutant.file
    path.parent.mkdir(parents=True)
    path.write_text((Path(__file__).parents[2] / mutant.file).read_text(encoding="utf-8"), encoding="utf-8")
    mutate(tmp_path, mutant)
    with pytest.raises(ValueError, match="must occur once"):
        mutate(tmp_path, Mutant(mutant.name, mutant.file, "no such text", "", ""))
