"""Files made up from a known truth, for trying the commands and for tests of recovery.

No measured data are published with the papers. A maker yields files of one kind, each a `DemoFile` with the
truth behind it; each kind has its own random numbers, so that adding one leaves the others as they are.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError


@dataclass(frozen=True)
class DemoFile:
    """A file to be written, the same bytes on every system."""

    name: str
    content: bytes
    truth: dict[str, Any] = field(default_factory=dict)  # what is behind it, for people


def table_file(
    name: str,
    head: str,
    rows: NDArray[np.float64] | Sequence[str],
    formats: str | Sequence[str] = "%.6g",
    truth: dict[str, Any] | None = None,
) -> DemoFile:
    """A text file: a head, then rows, numbers separated by commas or lines as they are.

    Parameters
    ----------
    name, head : str
    rows : (n, m) array or sequence of str
    formats : str or sequence of str, optional
        Of the numbers.
    truth : dict, optional
    """
    stream = io.StringIO()
    stream.write(head + "\n")
    if isinstance(rows, np.ndarray):
        np.savetxt(stream, rows, fmt=formats, delimiter=",")
    else:
        stream.writelines(f"{line}\n" for line in rows)
    return DemoFile(name, stream.getvalue().encode("utf-8"), truth or {})


Kind = Callable[[np.random.Generator], Iterable[DemoFile]]
_TRUTH = "truth.json"


def makers() -> dict[str, Kind]:
    """Function that makes the files of each kind of data."""
    from gbflux.lab.demo import cells, iv  # they import `DemoFile` from here

    return {
        "iv": iv.paper_curves,
        "iv-dendrite": iv.dendrite,
        "iv-export": iv.instrument_export,
        "iv-distance": iv.against_distance,
        "iv-size": iv.against_size,
        "memristor": iv.memristor_files,
        "filament": iv.filament_files,
        "profile": cells.profile_files,
        "eis": cells.eis_files,
        "ccd": cells.ccd_files,
    }


def write_demo_data(
    folder: str | Path, seed: int = 1, kinds: Sequence[str] | None = None
) -> tuple[Path, ...]:
    """Write files of all kinds, or of some, and ``truth.json`` with what is behind them.

    Parameters
    ----------
    folder : path
        Made if it is not there; files of the same name are replaced.
    seed : int, optional
        Same seed, same files.
    kinds : sequence of str, optional
        Keys of `makers`.

    Returns
    -------
    tuple of Path
        The files, in the order of their names.

    Raises
    ------
    InputError
        If a kind is not known or the folder cannot be written.
    """
    folder, known = Path(folder), makers()
    for kind in kinds or ():
        if kind not in known:
            raise InputError(f"demo-data: kind must be one of {', '.join(known)}; got '{kind}'.")
    truth: dict[str, dict[str, Any]] = {}
    written: set[Path] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in kinds or known:
            rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
            truth[kind] = {}
            for made in known[kind](rng):
                (folder / made.name).write_bytes(made.content)
                truth[kind][made.name] = made.truth
                written.add(folder / made.name)
        (folder / _TRUTH).write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"demo-data: {folder} cannot be written: {error.strerror or error}.") from None
    return (*sorted(written), folder / _TRUTH)
