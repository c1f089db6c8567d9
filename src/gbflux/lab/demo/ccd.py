"""Stepped-current tests as a cycler writes them, from known truth: for trials and tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gbflux.lab.demo.file import DemoFile, table_file

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


def current_test(
    asr_ohm_cm2: float,
    short_mA_per_cm2: float | None,
    step_mA_per_cm2: float,
    kind: str,
    rng: np.random.Generator,
    noise_V: float = 2e-4,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    """One file for each case.

    Parameters
    ----------
    rng : numpy.random.Generator

    Yields
    ------
    DemoFile
    """
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
