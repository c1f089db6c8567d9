"""Maps from Gwyddion's native files, through the library gwyfile."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from gbflux.errors import InputError, MissingLibrary
from gbflux.lab.readers.scan_map import ScanMap

LARGEST_BYTES = 1_000_000_000
_MAGIC = b"GWYP"


def read_gwy(path: str | Path) -> list[ScanMap]:
    """All channels of a ``.gwy`` file.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of ScanMap
        In the order of their numbers.

    Raises
    ------
    InputError
        If the file is no Gwyddion file, is damaged, or holds no map.
    MissingLibrary
        If gwyfile is not installed.
    """
    try:
        import gwyfile
    except ImportError as error:
        raise MissingLibrary(
            f"reading .gwy needs gwyfile ({error}). Install it: pip install 'gbflux[afm]'."
        ) from error
    path = Path(path)
    _check(path)
    try:
        container = gwyfile.load(str(path))
        return _channels(path, container)
    except InputError:
        raise
    except (
        AttributeError,
        AssertionError,
        IndexError,
        KeyError,
        MemoryError,
        NotImplementedError,
        OSError,
        OverflowError,
        RecursionError,
        TypeError,
        UnicodeError,
        ValueError,
        struct.error,
    ) as error:  # what the library lets through when a file is damaged
        raise InputError(f"{path}: must be a whole Gwyddion file; {type(error).__name__}: {error}.") from None


def _check(path: Path) -> None:
    """Raise unless the file begins as it should and is as long as it says."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}.") from None
    if head[:4] != _MAGIC:
        raise InputError(f"{path}: must be a Gwyddion file; it does not begin with GWYP.")
    end = head.find(b"\0", 4)
    if end < 0 or len(head) < end + 5:
        raise InputError(f"{path}: must be a whole Gwyddion file; its head is damaged.")
    declared = struct.unpack("<I", head[end + 1 : end + 5])[0]
    if declared != size - end - 5 or size > LARGEST_BYTES:
        raise InputError(
            f"{path}: must be a whole Gwyddion file; it says {declared} bytes and has {size - end - 5}."
        )


def _channels(path: Path, container) -> list[ScanMap]:
    """Every data field with its title."""
    numbers = sorted(
        int(key.split("/")[1]) for key in container if key.count("/") == 2 and key.endswith("/data")
    )
    maps = []
    for number in numbers:
        field = container[f"/{number}/data"]
        values = np.array(field.data, dtype=float)
        size = float(field.xreal), float(field.yreal)
        if values.ndim != 2 or not min(size) > 0 or not np.all(np.isfinite(size)):
            raise InputError(f"{path}: channel {number} must be a map with a size; its size is {size}.")
        unit = str(field.si_unit_z.unitstr) if "si_unit_z" in field else ""
        title = str(container.get(f"/{number}/data/title", f"channel {number}"))
        maps.append(ScanMap(values, size, title, unit, str(path)))
    if not maps:
        raise InputError(f"{path}: must hold a map; it has none.")
    return maps
