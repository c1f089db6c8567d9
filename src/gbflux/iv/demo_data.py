"""Made-up measurements from known truth, as files of the kinds that instruments write.

No measured data are published with the papers. `KINDS` maps the name of a kind to the function that writes
its files into a folder and returns the truth behind them; each kind has its own random numbers, so that
adding one leaves the others as they are.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.iv import demo_curves
from gbflux.iv.demo_ccd import write_ccd
from gbflux.iv.demo_curves import SweepTruth, conducting, simulate
from gbflux.iv.demo_eis import write_eis
from gbflux.iv.demo_memristor import write_memristor
from gbflux.iv.demo_profile import write_profile

Array = NDArray[np.float64]
Kind = Callable[[Path, np.random.Generator], dict[str, Any]]
TRUTH = "truth.json"
REACH_UM = 0.1  # distance from a grain boundary at which the bias rises in the paper


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
            truth[kind] = KINDS[kind](folder, rng)
            written |= {folder / name for name in truth[kind]}
        (folder / TRUTH).write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"demo-data: {folder} cannot be written: {error.strerror or error}.") from None
    return (*sorted(written), folder / TRUTH)


def _known(truth: SweepTruth) -> dict[str, Any]:
    """Truth of one curve for people: the paper's words."""
    return {"triggering_bias_V": truth.bias, "resistance_ohm": truth.resistance, "limit_V": truth.limit}


def paper_curves(folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    """The paper's curves: grain boundary, interior, not triggered, noise; plain CSV."""
    cases = {
        "iv_grain_boundary.csv": demo_curves.GRAIN_BOUNDARY,
        "iv_interior.csv": demo_curves.INTERIOR,
        "iv_not_triggered.csv": demo_curves.NOT_TRIGGERED,
        "iv_noise.csv": demo_curves.PURE_NOISE,
    }
    for name, truth in cases.items():
        v, i = simulate(truth, rng)
        lines = [f"{a:.6g},{b:.6e}" for a, b in zip(v, i, strict=True)]
        _write(folder / name, "V (V),I (A)", lines)
    return {name: _known(truth) for name, truth in cases.items()}


def dendrite(folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    """A grown dendrite of 440 Ω over 1.2 mm, both polarities, decimal commas, packed."""
    truth = demo_curves.DENDRITE
    v, i = conducting(truth, rng)
    lines = [f"{a * 1e3:.4f};{b * 1e6:.6f}".replace(".", ",") for a, b in zip(v, i, strict=True)]
    text = "\n".join(["Spannung V (mV);I (µA)", *lines]) + "\n"
    (folder / "iv_dendrite.csv.gz").write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    return {"iv_dendrite.csv.gz": {"resistance_ohm": truth.resistance, "thickness_um": 1200}}


def instrument_export(folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    """Three sweeps side by side below a preamble, with overflows, as a source-measure unit exports them."""
    truths = [SweepTruth(bias=bias, limit=-2.0, step=0.01, resistance=300.0) for bias in (-0.5, -0.7, -0.4)]
    sweeps = [simulate(truth, rng) for truth in truths]
    rows = max(len(v) for v, _ in sweeps)
    lines = []
    for row in range(rows):
        fields = [f"{row + 1}"]
        for v, i in sweeps:
            fields += [f"{v[row]:.4f}", f"{i[row]:.5E}"] if row < len(v) else ["9.91E+37", "9.91E+37"]
        lines.append(",".join(fields))
    names = ",".join(f"SMU1 Voltage ({k}) (V),SMU1 Current ({k}) (A)" for k in (1, 2, 3))
    head = f"Model,Source-measure unit\nSerial,0012345\nCompliance (A),1E-3\n\nIndex,{names}"
    _write(folder / "iv_export.csv", head, lines)
    return {
        "iv_export.csv": {
            "triggering_bias_V": [truth.bias for truth in truths],
            "resistance_ohm": [truth.resistance for truth in truths],
        }
    }


def against_distance(folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    """Forty curves at known distances from the grain boundary, a file each, and a table of distances."""
    rows, truth = ["file,distance_nm"], {}
    distances = np.sort(10 ** rng.uniform(0.7, 3.0, 40))  # nm
    for number, distance in enumerate(distances, 1):
        near = distance < REACH_UM * 1e3
        bias = (
            -0.12 * float(np.exp(0.25 * rng.normal())) if near else -9.5 * float(np.exp(0.15 * rng.normal()))
        )
        case = SweepTruth(bias=bias if abs(bias) < 10 else None, limit=-10.0, step=0.02, rise_steps=0.5)
        name = f"iv_at_{number:02d}.tsv"
        v, i = simulate(case, rng)
        lines = [f"{a:.4f}\t{b * 1e9:.5g}" for a, b in zip(v, i, strict=True)]
        _write(folder / name, "# tip on LLZO\nBias [V]\tCurrent [nA]", lines)
        rows.append(f"{name},{distance:.2f}")
        truth[name] = {"distance_nm": round(float(distance), 2), "triggering_bias_V": case.bias}
    _write(folder / "distances.csv", rows[0], rows[1:])
    return truth | {"distances.csv": {"reach_nm": REACH_UM * 1e3}}


def against_size(folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    """Electrodes of 1 to 50 µm on grains of 10 µm, ten sweeps a file: low biases on boundaries."""
    grain, truth, rows = 10.0, {}, ["file,electrode_um"]
    for size in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0):
        lines, biases = [], []
        for sweep in range(1, 11):
            covers = rng.random() < -np.expm1(-2 / grain * size)
            bias = (
                -0.3 * float(np.exp(0.3 * rng.normal()))
                if covers
                else -9.0 * float(np.exp(0.2 * rng.normal()))
            )
            biases.append(bias if bias > -10 else None)
            v, i = simulate(SweepTruth(bias=biases[-1], limit=-10.0, step=0.05, missing_share=0.0), rng)
            lines += [f"{sweep},{a:.4f},{b:.5e}" for a, b in zip(v, i, strict=True)]
        name = f"iv_electrode_{size:g}um.csv"
        _write(folder / name, "sweep,V (V),I (A)", lines)
        rows.append(f"{name},{size:g}")
        truth[name] = {"electrode_um": size, "triggering_bias_V": biases}
    _write(folder / "electrodes.csv", rows[0], rows[1:])
    return truth | {"electrodes.csv": {"mean_grain_um": grain}}


def _write(path: Path, head: str, lines: list[str]) -> None:
    """A text file with the same bytes on every system."""
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8", newline="\n")


#: Kinds of data: name -> function that writes the files and returns the truth, by file name.
KINDS: dict[str, Kind] = {
    "iv": paper_curves,
    "iv-dendrite": dendrite,
    "iv-export": instrument_export,
    "iv-distance": against_distance,
    "iv-size": against_size,
    "memristor": write_memristor,
    "profile": write_profile,
    "eis": write_eis,
    "ccd": write_ccd,
}
