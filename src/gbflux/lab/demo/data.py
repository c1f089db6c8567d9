"""Made-up measurements from known truth, as files of the kinds that instruments write.

No measured data are published with the papers. `KINDS` maps the name of a kind to the function that makes
its files and the truth behind them; each kind has its own random numbers, so that
adding one leaves the others as they are.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from gbflux.errors import InputError
from gbflux.lab.demo import DemoFile
from gbflux.lab.demo import iv as demo_iv
from gbflux.lab.demo.cells import ccd_files, eis_files
from gbflux.lab.demo.memristor import filament_files, memristor_files
from gbflux.lab.demo.profile import profile_files

Kind = Callable[[np.random.Generator], Iterable[DemoFile]]
_TRUTH = "truth.json"


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
        Keys of `KINDS`.

    Returns
    -------
    tuple of Path
        The files, in the order of their names.

    Raises
    ------
    InputError
        If a kind is not known or the folder cannot be written.
    """
    folder = Path(folder)
    for kind in kinds or ():
        if kind not in KINDS:
            raise InputError(f"demo-data: kind must be one of {', '.join(KINDS)}; got '{kind}'.")
    written: set[Path] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        truth = {}
        for kind in kinds or KINDS:
            rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
            truth[kind] = {}
            for made in KINDS[kind](rng):
                (folder / made.name).write_bytes(made.content)
                truth[kind][made.name] = made.truth
                written.add(folder / made.name)
        (folder / _TRUTH).write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"demo-data: {folder} cannot be written: {error.strerror or error}.") from None
    return (*sorted(written), folder / _TRUTH)


#: Kinds of data: name -> function that makes the files.
KINDS: dict[str, Kind] = {
    "iv": demo_iv.paper_curves,
    "iv-dendrite": demo_iv.dendrite,
    "iv-export": demo_iv.instrument_export,
    "iv-distance": demo_iv.against_distance,
    "iv-size": demo_iv.against_size,
    "memristor": memristor_files,
    "filament": filament_files,
    "profile": profile_files,
    "eis": eis_files,
    "ccd": ccd_files,
}
