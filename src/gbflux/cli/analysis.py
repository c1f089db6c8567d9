"""Output shared by the commands for measured data: a table, JSON, and a folder with CSV and provenance."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
FolderOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write figure, CSV and provenance here.")
]
_LIBRARIES = ("numpy", "scipy", "uncertainties", "lmfit", "matplotlib")


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as columns of plain text, the first row as header.

    >>> print(table_text([("law", "value"), ("area", "67.7")]))
    law   value
    area  67.7
    """
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    cells = ("  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in cells)


def clean(value: Any) -> Any:
    """A value that JSON can hold: numbers that are none become null."""
    if isinstance(value, Mapping):
        return {str(key): clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [clean(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value


def json_text(value: Any) -> str:
    """Indented JSON."""
    return json.dumps(clean(value), indent=2, ensure_ascii=False, allow_nan=False)


def provenance(sources: Iterable[str | Path], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that one must know to repeat an analysis: versions, options, hashes of the files."""
    import gbflux

    return {
        "gbflux": gbflux.__version__,
        "options": clean({k: str(v) if isinstance(v, Path) else v for k, v in options.items()}),
        "inputs": [{"file": str(path), "sha256": _sha256(Path(path))} for path in sources],
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "python": sys.version.split()[0],
        "finished_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def make_folder(folder: Path) -> Path:
    """A folder that can be written to.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    from gbflux.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made: {error.strerror or error}. Choose another folder."
        ) from None
    return folder


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Rows with their keys as header."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_json(path: Path, value: Any) -> Path:
    """A JSON file."""
    path.write_text(json_text(value) + "\n", encoding="utf-8")
    return path
