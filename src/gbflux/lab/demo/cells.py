"""Cells and their grain boundaries from known truth, as files.

Impedance spectra of Li|LLZO|Li, stepped-current tests as cyclers write them, line scans and maps across a
grain boundary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from gbflux.lab.demo import DemoFile, table_file
from gbflux.lab.impedance.circuit import parse_circuit

Array = NDArray[np.float64]
CIRCUIT = "R0-p(R1,CPE1)-p(R2,CPE2)"
AREA_CM2 = 1.12
THICKNESS_UM = 300.0
GRAIN_UM = 10.0
DELTA_NM = 5.0
NOISE = 0.003  # of |Z|
#: Interface (Ω cm²) of the cells of the paper: bare, with a fresh layer, with a cycled one.
CELLS = {"bare": 1000.0, "hl_fresh": 50.0, "hl_cycled": 14.0}
CASES = {  # name: resistance (Ω cm²), current of the short (mA/cm²) or None, step (mA/cm²), kind of short
    "bare": (1000.0, 0.1, 0.05, "hard"),
    "gold": (300.0, 0.2, 0.05, "hard"),
    "hl": (74.0, 1.8, 0.1, "hard"),
    "hl_soft": (74.0, 1.5, 0.1, "noise"),
    "hl_held": (74.0, None, 0.1, ""),
}
_STEP_S = 300.0
_SAMPLE_S = 2.0
_LARGEST = 3.0


@dataclass(frozen=True)
class CellTruth:
    """Resistances (Ω cm²) and capacitances (F/cm²) of a cell: grains, grain boundaries, interface."""

    grain: float = 60.0
    gb: float = 24.0
    interface: float = 1000.0
    gb_capacitance: float = 2e-7
    interface_capacitance: float = 3e-6

    def values(self, area_cm2: float = AREA_CM2) -> dict[str, float]:
        """Parameters of `CIRCUIT` (Ω, S sⁿ)."""
        r1, r2 = self.gb / area_cm2, self.interface / area_cm2
        n1, n2 = 0.95, 0.9
        tau1 = self.gb * self.gb_capacitance
        tau2 = self.interface * self.interface_capacitance
        return {
            "R0": self.grain / area_cm2,
            "R1": r1,
            "CPE1_Q": tau1**n1 / r1,
            "CPE1_n": n1,
            "R2": r2,
            "CPE2_Q": tau2**n2 / r2,
            "CPE2_n": n2,
        }

    @property
    def sigma_gb_S_per_cm(self) -> float:
        """σ_gb of the brick-layer model with `GRAIN_UM`, `DELTA_NM` and `THICKNESS_UM`."""
        return THICKNESS_UM * 1e-4 / self.gb * DELTA_NM * 1e-3 / GRAIN_UM


def noisy(
    values: dict[str, float], rng: np.random.Generator, noise: float = NOISE, circuit: str = CIRCUIT
) -> tuple[Array, NDArray[np.complex128]]:
    """Frequency (Hz) from 7 MHz to 0.5 Hz and impedance (Ω) with noise in proportion to |Z|."""
    frequency = np.geomspace(7e6, 0.5, 72)
    z = parse_circuit(circuit).impedance(frequency, values)
    scatter = rng.normal(size=len(z)) + 1j * rng.normal(size=len(z))
    return frequency, z + noise * np.abs(z) * scatter


def eis_files(rng: np.random.Generator) -> Iterator[DemoFile]:
    """The spectra of the paper's three cells, and one that drifted while it was measured."""
    for name, interface in CELLS.items():
        cell = CellTruth(interface=interface)
        yield _file(f"eis_{name}.csv", *noisy(cell.values(), rng), _known(cell))
    frequency, z = noisy(CellTruth().values(), rng)
    drift = 1 + 0.15 * np.linspace(0, 1, len(z)) ** 3
    truth = _known(CellTruth()) | {"drift": "15 % by the lowest frequency"}
    yield _file("eis_drifting.csv", frequency, z * drift, truth)


def _known(cell: CellTruth) -> dict[str, Any]:
    """Truth of a cell for people."""
    return {
        "circuit": CIRCUIT,
        "area_cm2": AREA_CM2,
        "thickness_um": THICKNESS_UM,
        "grain_um": GRAIN_UM,
        "delta_nm": DELTA_NM,
        "interface_ohm_cm2": cell.interface,
        "sigma_gb_S_per_cm": cell.sigma_gb_S_per_cm,
        **cell.values(),
    }


def _file(name: str, frequency: Array, z: NDArray[np.complex128], truth: dict[str, Any]) -> DemoFile:
    """A spectrum as potentiostats export it."""
    rows = np.column_stack([frequency, z.real, -z.imag])
    return table_file(name, "freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm", rows, "%.8e", truth)


def current_test(
    asr_ohm_cm2: float,
    short_mA_per_cm2: float | None,
    step_mA_per_cm2: float,
    kind: str,
    rng: np.random.Generator,
    noise_V: float = 2e-4,
) -> tuple[Array, Array, Array]:
    """Time (s), current density (mA/cm²) and voltage (V) of a test from one step up to 3 mA/cm².

    The short falls on a random time within its step; a hard one leaves 5 % of the resistance, a noisy one
    makes the voltage jump about.
    """
    levels = np.arange(1, round(_LARGEST / step_mA_per_cm2) + 1) * step_mA_per_cm2
    if short_mA_per_cm2 is not None:
        levels = levels[levels <= short_mA_per_cm2 + 1.5 * step_mA_per_cm2]
    per_step = int(_STEP_S / _SAMPLE_S)
    current = np.repeat(levels, per_step)
    time = np.arange(len(current)) * _SAMPLE_S
    since = np.tile(np.arange(per_step) * _SAMPLE_S, len(levels))
    polarisation = 1 + 0.05 * (1 - np.exp(-since / 60))
    voltage = current * 1e-3 * asr_ohm_cm2 * polarisation * (1 + 0.02 * np.sin(time / 4000))
    scatter = np.full(len(time), noise_V)
    if short_mA_per_cm2 is not None:
        place = np.searchsorted(current, short_mA_per_cm2 * 0.999)
        start = place + int(rng.integers(per_step // 10, per_step // 2))
        if kind == "hard":
            voltage[start:] *= 0.05
        else:
            start = place
            scatter[start:] = np.maximum(20 * noise_V, 0.05 * voltage[start:])
    voltage = voltage + scatter * rng.normal(size=len(time))
    spikes = rng.random(len(time)) < 5e-4
    voltage[spikes] *= 1.5
    return time, current, np.round(voltage, 6)


def ccd_files(rng: np.random.Generator) -> Iterator[DemoFile]:
    """One file for each case."""
    for name, (asr, short, step, kind) in CASES.items():
        time, current, voltage = current_test(asr, short, step, kind, rng)
        rows = np.column_stack([time, current, voltage])[rng.random(len(time)) > 1e-3]
        truth = {
            "asr_ohm_cm2": asr,
            "ccd_mA_per_cm2": short,
            "step_mA_per_cm2": step,
            "short": kind,
        }
        head = "time/s,j (mA/cm2),Ewe/V"
        yield table_file(f"ccd_{name}.csv", head, rows, ("%.1f", "%.4f", "%.6f"), truth)


KINDS = {  # name: value in the grain, depth, noise, unit
    "modulus": (145.0, -25.0, 5.0, "GPa"),
    "potential": (60.0, -10.0, 2.0, "mV"),
}
_LENGTH_NM = 1500.0
FWHM_NM = 100.0
LINES = 5


def gb_lines(
    kind: str, rng: np.random.Generator, lines: int = LINES, points: int = 256, depth: float | None = None
) -> tuple[Array, Array]:
    """Position (nm) and lines (k, n), in the unit of `KINDS`, with a boundary near the middle.

    Each line is a little displaced and offset; the noise of neighbouring points is correlated.
    """
    grain, usual, noise, _ = KINDS[kind]
    x = np.linspace(0, _LENGTH_NM, points)
    s = FWHM_NM / 2.3548
    rows = []
    for _ in range(lines):
        centre = 0.52 * _LENGTH_NM + rng.normal(0, 25)
        dip = (usual if depth is None else depth) * np.exp(-0.5 * ((x - centre) / s) ** 2)
        white = gaussian_filter1d(rng.normal(size=points + 20), 1.0)[10:-10]
        rows.append(grain + rng.normal(0, 0.2 * noise) + dip + noise * white / 0.53)
    return x, np.array(rows)


def _gb_map(kind: str, rng: np.random.Generator, pixels: int = 128) -> Array:
    """A square map (pixels, pixels) with a boundary that runs down a little obliquely."""
    grain, depth, noise, _ = KINDS[kind]
    x = np.linspace(0, _LENGTH_NM, pixels)
    rows = []
    for k in range(pixels):
        centre = _LENGTH_NM * (0.5 + 0.1 * (k / pixels - 0.5))
        rows.append(grain + depth * np.exp(-0.5 * ((x - centre) / (FWHM_NM / 2.3548)) ** 2))
    found: Array = np.array(rows) + rng.normal(0, noise, size=(pixels, pixels))
    return found


def profile_files(rng: np.random.Generator) -> Iterator[DemoFile]:
    """Line scans of modulus and potential, lines without a boundary, and maps: NanoScope's and text."""
    cases = [("modulus", "modulus", None), ("potential", "potential", None), ("no_boundary", "modulus", 0.0)]
    for name, kind, depth in cases:
        x, rows = gb_lines(kind, rng, depth=depth)
        unit = KINDS[kind][3]
        head = "x (nm)," + ",".join(f"{kind} {k + 1} ({unit})" for k in range(len(rows)))
        table = np.column_stack([x, rows.T])
        yield table_file(f"profile_{name}.csv", head, table, "%.3f", _known_line(kind, depth))
    scan = spm_bytes(_gb_map("modulus", rng), "DMTModulus", "GPa", _LENGTH_NM)
    yield DemoFile("profile_map.spm", scan, _known_line("modulus", None))
    text = matrix_text(_gb_map("potential", rng), "Potential", "mV", _LENGTH_NM)
    yield DemoFile("profile_map.txt", text.encode("utf-8"), _known_line("potential", None))


def matrix_text(values: Array, name: str, unit: str, size_nm: float) -> str:
    """A square map as Gwyddion exports it as text: what it is in comments, then a line of numbers a row."""
    size = f"{size_nm / 1e3:.4f} µm"
    comments = [f"# Channel: {name}", f"# Width: {size}", f"# Height: {size}", f"# Value units: {unit}"]
    return "\n".join([*comments, *("\t".join(f"{value:.6g}" for value in row) for row in values)]) + "\n"


def _known_line(kind: str, depth: float | None) -> dict[str, Any]:
    """Truth of a file for people."""
    grain, usual, _, unit = KINDS[kind]
    return {"grain": grain, "depth": usual if depth is None else depth, "unit": unit, "fwhm_nm": FWHM_NM}


def spm_bytes(values: Array, name: str, unit: str, size_nm: float, size_bytes: int = 4) -> bytes:
    """A NanoScope file with one image.

    Parameters
    ----------
    values : (ny, nx) array
        In `unit`, upper edge first.
    name, unit : str
        Of the channel.
    size_nm : float
        Width of the scan.
    size_bytes : int, optional
        2 or 4 bytes a pixel.
    """
    rows, columns = values.shape
    hard = 20.0  # V over the full range of integers
    soft = float(np.abs(values).max()) / 8.0  # unit/V: the largest value lies at 8 V of ±10 V
    integers = np.round(np.flipud(values) / soft / hard * 2 ** (8 * size_bytes)).astype(f"<i{size_bytes}")
    offset = 8192
    lines = [
        r"\*File list",
        r"\Version: 0x09400202",
        r"\*Scanner list",
        rf"\@Sens. {name}: V {soft:.9g} {unit}/V",
        r"\*Ciao scan list",
        rf"\Scan Size: {size_nm:g} nm",
        r"\*Ciao image list",
        rf"\Data offset: {offset}",
        rf"\Data length: {integers.nbytes}",
        rf"\Bytes/pixel: {size_bytes}",
        rf"\Samps/line: {columns}",
        rf"\Number of lines: {rows}",
        rf"\Scan Size: {size_nm:g} {size_nm * rows / columns:g} nm",
        rf'\@2:Image Data: S [{name}] "{name}"',
        rf"\@2:Z scale: V [Sens. {name}] ({hard / 2 ** (8 * size_bytes):.10g} V/LSB) {hard:.5f} V",
        r"\*File list end",
        "",
    ]
    head = "\r\n".join(lines).encode("latin-1") + b"\x1a"
    return bytes(head.ljust(offset, b"\0") + integers.tobytes())
