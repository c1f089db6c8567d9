"""Maps from files: Gwyddion's, NanoScope's, and text."""

from __future__ import annotations

from pathlib import Path

from gbflux.errors import InputError
from gbflux.lab.readers.gwy import read_gwy
from gbflux.lab.readers.scan_map import ScanMap
from gbflux.lab.readers.spm import read_spm
from gbflux.lab.readers.text_map import is_text_map, read_text_map

_READERS = {".gwy": read_gwy, ".spm": read_spm}


def read_map(
    path: str | Path,
    channel: str = "",
    size: tuple[float | None, float | None] = (None, None),
    unit: str = "",
) -> ScanMap:
    """Read a map: one channel of a ``.gwy`` or Bruker ``.spm`` file, or a matrix of numbers as text.

    Parameters
    ----------
    path : path
    channel : str, optional
        Part of its name, in any case; else the first of modulus, potential, and whatever comes first.
    size : (float or None, float or None), optional
        Width and height of a matrix of numbers, where the file does not tell (m).
    unit : str, optional
        Of a matrix of numbers, where the file does not tell.

    Returns
    -------
    ScanMap

    Raises
    ------
    InputError
        If the file cannot be read, or has no such channel.
    MissingLibrary
        If the library for .gwy is not installed.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        return read_text_map(path, size, unit)
    maps = reader(path)
    for word in [channel] if channel else ["modulus", "potential", ""]:
        for found in maps:
            if word.lower() in found.name.lower():
                return found
    names = ", ".join(found.name for found in maps)
    raise InputError(f"{path}: must have a channel '{channel}'; it has {names}. Name one of these.")


def is_map(path: str | Path) -> bool:
    """Whether a file holds a map: by its name, or as text that says how wide a map it is."""
    return Path(path).suffix.lower() in _READERS or is_text_map(path)
