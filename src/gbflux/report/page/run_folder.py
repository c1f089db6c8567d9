"""Reads the folder of a run for its page: numbers, case, provenance, pictures; says what is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gbflux.case import Case, load_case
from gbflux.errors import CaseError, InputError

PARTS = ("transport", "hot_spots", "mesh", "solver")
#: Pictures of a run that a page shows; curves across the layers it draws itself.
PICTURES = ("section", "electrodes", "distribution")
#: Folders that `gbflux compare` fills, and how a page calls them.
COMPARED = {"bare": "bare", "with_hl": "with layers"}


@dataclass(frozen=True)
class Run:
    """Contents of a run's folder.

    Attributes
    ----------
    path : Path
        Its folder.
    label : str
        Its name on the page.
    result : mapping
        The tree of ``result.json``.
    case : Case or None
        None where ``case.resolved.yaml`` is missing or cannot be read.
    case_text : str
        Text of ``case.resolved.yaml``; empty without.
    provenance : mapping
        The tree of ``provenance.json``; empty without.
    pictures : tuple of Path
        PNG files, in the order they are shown.
    notes : tuple of str
        What is missing, as sentences.
    """

    path: Path
    label: str
    result: Mapping[str, Any]
    case: Case | None
    case_text: str
    provenance: Mapping[str, Any]
    pictures: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def bare(self) -> bool:
        """True if the electrodes touch the electrolyte itself."""
        return not self.result.get("homogenizing_layer")


def is_run(folder: Path) -> bool:
    """Test whether a folder holds a run, finished or not."""
    return (folder / "result.json").exists() or (folder / "case.resolved.yaml").exists()


def read_runs(folder: Path) -> list[Run]:
    """The run in a folder, or the runs that `gbflux compare` left in it.

    Raises
    ------
    InputError
        If a run is not finished or its result is not whole.
    """
    if is_run(folder):
        return [read_run(folder)]
    return [read_run(folder / name, label) for name, label in COMPARED.items() if is_run(folder / name)]


def read_run(folder: Path, label: str = "") -> Run:
    """One run.

    Raises
    ------
    InputError
        If it is not finished, or ``result.json`` is not whole.
    """
    result = read_result_tree(folder / "result.json")
    notes = []
    case, text, trouble = read_case(folder)
    if trouble:
        notes.append(trouble)
    try:
        provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        provenance = {}
        notes.append("provenance.json is missing or not whole: versions and machine are not known.")
    pictures = tuple(p for name in PICTURES if (p := folder / "figures" / f"{name}.png").exists())
    if not pictures:
        notes.append("The run left no pictures (output: {figures: true} draws them).")
    tree = provenance if isinstance(provenance, Mapping) else {}
    return Run(folder, label or str(result["name"]), result, case, text, tree, pictures, tuple(notes))


def read_result_tree(path: Path) -> dict[str, Any]:
    """The tree of a ``result.json``, read leniently: keys of later versions stay.

    Raises
    ------
    InputError
        If the file is missing or not whole.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: must be the result of a finished run; got {error.strerror}. Run the case first."
        ) from error
    except ValueError as error:
        raise InputError(
            f"{path}: must be a whole result; got broken JSON ({error}). Run the case again with --force."
        ) from error
    missing = [key for key in PARTS if not isinstance(tree, dict) or not isinstance(tree.get(key), dict)]
    if missing or not isinstance(tree.get("name"), str):
        raise InputError(
            f"{path}: must be a result of gbflux; got no {', '.join(missing) or 'name'}. "
            "Run the case again with --force."
        )
    return tree


def read_case(folder: Path) -> tuple[Case | None, str, str]:
    """The resolved case, its text, and what is wrong with it."""
    path = folder / "case.resolved.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None, "", "case.resolved.yaml is missing or cannot be read: what was run is not known."
    try:
        return load_case(path), text, ""
    except CaseError as error:
        first = str(error).splitlines()[0]
        return None, text, f"case.resolved.yaml is not a case of this version of gbflux: {first}"
