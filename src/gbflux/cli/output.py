"""Output of the commands: times and tables for people, JSON, and a folder with CSV and provenance."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gbflux._version import __version__

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
FolderOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write figure, CSV and provenance here.")
]
_LIBRARIES = ("numpy", "scipy", "uncertainties", "lmfit", "matplotlib")


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(42.3), duration(250), duration(9000)
    ('42 s', '4.2 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as columns of plain text, the first row as header.

    >>> print(table_text([("law", "value"), ("area", "67.7")]))
    law   value
    area  67.7
    """
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    cells = ("  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in cells)


def json_text(value: Any) -> str:
    """Indented JSON; NaN and infinities, which JSON does not know, become null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """A value of plain types, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value


def write_analysis(
    folder: Path,
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    record: Mapping[str, Any] | None,
    sources: Iterable[str | Path],
    options: Mapping[str, Any],
) -> None:
    """Write tables, result.json and provenance.json of an analysis into a folder, which is made if need be.

    Parameters
    ----------
    folder : Path
    tables : mapping
        Rows by the name of their CSV file; the keys of the first row are the header.
    record : mapping or None
        Result; None if the tables say all.
    sources : iterable of path
        Files that were analysed.
    options : mapping
        Command and options as given.

    Raises
    ------
    InputError
        If the folder cannot be made.
    """
    from gbflux.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made: {error.strerror or error}. Choose another folder."
        ) from None
    for name, rows in tables.items():
        write_csv(folder / name, rows)
    if record is not None:
        _write_json(folder / "result.json", record)
    _write_json(folder / "provenance.json", _provenance(sources, options))


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with the keys of the first as header."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json_text(value) + "\n", encoding="utf-8")


def _provenance(sources: Iterable[str | Path], options: Mapping[str, Any]) -> dict[str, Any]:
    """All that one must know to repeat an analysis: versions, options, hashes of the files."""
    return {
        "gbflux": __version__,
        "options": _plain({k: str(v) if isinstance(v, Path) else v for k, v in options.items()}),
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


def distinct_stems(paths: Iterable[str | Path]) -> list[str]:
    """Names of files without their endings, numbered from the second file of a name on.

    >>> distinct_stems(["a/x.csv", "b/x.csv.gz", "y.txt"])
    ['x', 'x_2', 'y']
    """
    seen: Counter[str] = Counter()
    stems = []
    for path in paths:
        stem = Path(path).name.removesuffix(".gz").rsplit(".", 1)[0]
        seen[stem] += 1
        stems.append(stem if seen[stem] == 1 else f"{stem}_{seen[stem]}")
    return stems
