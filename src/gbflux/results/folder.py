"""The folder of one run: whose it is, what is in it, and when it is finished.

``result.json`` is written last and moved into place whole: a folder that has it is finished, one that has not
is not.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gbflux.case import Case, load_case, resolved_yaml
from gbflux.errors import CaseError, InputError
from gbflux.results.claim import Claim, claim
from gbflux.results.disk import not_writable
from gbflux.results.result import DEFINITIONS, Result, read_result

_OWN = (
    "result.json",
    "case.resolved.yaml",
    "seeds.csv",
    "provenance.json",
    "run.log",
    "grains.csv",
    "boundaries.csv",
    "electrode_bottom.vtp",
    "electrode_top.vtp",
    "fields.hdf",
    "figures",
    "report.html",
)


@dataclass(frozen=True)
class RunFolder:
    """Folder in which a run leaves its files.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    @property
    def result_file(self) -> Path:
        """``result.json``."""
        return self.path / "result.json"

    @property
    def case_file(self) -> Path:
        """``case.resolved.yaml``."""
        return self.path / "case.resolved.yaml"

    @property
    def fields_file(self) -> Path:
        """``fields.hdf``."""
        return self.path / "fields.hdf"

    @property
    def log_file(self) -> Path:
        """``run.log``."""
        return self.path / "run.log"

    @property
    def figures(self) -> Path:
        """Folder of the pictures."""
        return self.path / "figures"

    def finished(self, case: Case, key: str | None = None) -> Result | None:
        """The result of this very case, if the folder holds it, measured as results are today.

        Parameters
        ----------
        case : Case
        key : str, optional
            Value that `case_hash` must have where the case is solved on a mesh that it shares, see
            `gbflux.simulation.shared_mesh.case_key`; by default the case's `physics_hash`.

        Raises
        ------
        InputError
            If the folder holds another case's files.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"output: {self.path} must be a folder; got a file. Choose another -o.")
        held = self._held_hash()
        if held is not None and held != case.physics_hash:
            raise InputError(
                f"output: {self.path} must be empty or hold this case (hash {case.physics_hash[:12]}); "
                f"got another case's files (hash {held[:12]}). "
                "Choose another -o, or replace them with --force."
            )
        if held is None or not self.result_file.exists():
            return None
        try:
            result = read_result(self.result_file)
        except InputError:
            return None
        current = result.definitions == DEFINITIONS
        return result if current and result.case_hash == (key or case.physics_hash) else None

    def _held_hash(self) -> str | None:
        """Hash of the case whose files are here; None if there are none."""
        if not self.case_file.exists():
            return None
        try:
            return load_case(self.case_file).physics_hash
        except CaseError:
            return "unreadable"

    def begin(self, case: Case) -> Claim:
        """Make the folder, move an earlier run's files aside, and write down the case.

        Returns
        -------
        Claim
            To be kept or undone when the run ends.

        Raises
        ------
        InputError
            If the folder cannot be written; it is then as it was.
        """
        try:
            seeds = case.grains.file
            # the file of grains may lie in this very folder
            points = None if seeds is None else Path(seeds.path).read_bytes()
            taken = claim(self.path, _OWN)
            try:
                if points is not None:
                    (self.path / "seeds.csv").write_bytes(points)
                write_text(self.case_file, resolved_yaml(case, None if seeds is None else "seeds.csv"))
            except OSError:
                taken.undo()
                raise
        except OSError as error:
            raise not_writable(self.path, error) from error
        return taken

    def write_json(self, name: str, tree: Any) -> None:
        """Write a JSON file in one step; NaN is an error."""
        write_text(self.path / name, json.dumps(tree, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file under another name and move it into place, so that a reader sees all of it or nothing."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(draft, 0o666 & ~_umask())
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's file-creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
