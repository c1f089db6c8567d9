"""Files that grains come from: read when the case is, identified by the hash of their bytes.

The one kind today is a CSV file of Voronoi seeds, one a line, in µm.
"""

from __future__ import annotations

import difflib
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

LARGEST_FILE_BYTES = 512 * 2**20
#: Keys of `grains` that name such a file.
FILE_KEYS = ("seeds_file",)


@dataclass(frozen=True)
class GrainFile:
    """A file of grains, and what is in it.

    Attributes
    ----------
    path : str
        Absolute path of the file.
    sha256 : str
        Of the file's bytes; it stands for the file in the hashes of a case, so that a copy is the same case.
    points : tuple of tuple of float
        Coordinates (µm), one tuple per grain.
    lines : tuple of int
        Line of each grain in the file, from 1.
    """

    path: str
    sha256: str
    points: tuple[tuple[float, ...], ...]
    lines: tuple[int, ...]

    def where(self, grain: int) -> str:
        """``points.csv:3``, the place of a grain (index from 0)."""
        return f"{Path(self.path).name}:{self.lines[grain]}"


def path_of(name: str, folder: Path | str) -> Path:
    """Absolute path of a file of grains that a case in a folder names."""
    return Path(folder, Path(name).expanduser()).absolute()


def read_seeds(path: Path) -> GrainFile:
    """Read a seeds file.

    Numbers are separated by commas, semicolons or blanks. Empty lines and lines that begin with ``#`` are
    skipped, and so is one line of column names before the first seed.

    Raises
    ------
    ValueError
        If the file cannot be read or a line is not finite numbers; the message names the file and the line.
    """
    raw = _read_bytes(path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"{path.name}:{line}: is not text. Give a CSV file of numbers.") from None
    seeds: dict[int, tuple[float, ...]] = {}  # by line
    header_allowed = True
    for number, content in enumerate(text.splitlines(), start=1):
        words = content.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#"):
            continue
        if not header_allowed or any(_number(word) is not None for word in words):
            seeds[number] = tuple(_coordinate(word, f"{path.name}:{number}") for word in words)
        header_allowed = False
    if not seeds:
        raise ValueError(f"{path.name}:1: has no seed. Give at least one line of coordinates in µm.")
    return GrainFile(str(path), hashlib.sha256(raw).hexdigest(), tuple(seeds.values()), tuple(seeds))


def read_field(value: object, info: ValidationInfo) -> GrainFile | None:
    """Validator of ``grains.seeds_file``: a file name, relative to the folder in the validation context."""
    if value is None or isinstance(value, GrainFile):
        return value
    if not isinstance(value, str) or not value.strip():
        raise PydanticCustomError("string_type", "must be the name of a CSV file")
    try:
        return read_seeds(path_of(value, (info.context or {}).get("folder") or "."))
    except ValueError as error:
        raise PydanticCustomError("seeds_file", "{reason}", {"reason": str(error)}) from None


def _read_bytes(path: Path) -> bytes:
    """Bytes of a file; a ValueError with the reason where there are none."""
    try:
        if path.is_dir():
            raise ValueError(f"{path} is a folder. Give a CSV file.")
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise ValueError(
                f"{path} is larger than {LARGEST_FILE_BYTES // 2**20} MiB. Give a file of seeds."
            )
        if not path.is_file():
            raise ValueError(f"{path} is not a regular file. Give a CSV file.")
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"no such file: {path}{near_miss(path)}") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None


def near_miss(path: Path) -> str:
    """``" (did you mean 'x'?)"`` for a file of nearly that name in the same folder; else empty."""
    try:
        names = {entry.stem: entry.name for entry in path.parent.iterdir()}
    except OSError:
        return ""
    close = difflib.get_close_matches(path.stem, names, 1, 0.6)
    return f" (did you mean '{names[close[0]]}'?)" if close else ""


def _number(word: str) -> float | None:
    """The number a word is, or None."""
    try:
        return float(word)
    except ValueError:
        return None


def _coordinate(word: str, where: str) -> float:
    """A finite coordinate (µm), or a ValueError that names the line."""
    value = _number(word)
    if value is None:
        raise ValueError(f"{where}: must be numbers in µm; got {word[:40]!r}")
    if not math.isfinite(value):
        raise ValueError(f"{where}: must be finite; got {word[:40]}")
    return value
