"""Memristor cycles as a c-AFM writes them, from known truth: for trials and tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from gbflux.lab.demo import DemoFile, table_file
from gbflux.lab.memristor.filament_model import FilamentModel, model_of_electrode, simulate, triangle


@dataclass(frozen=True)
class Device:
    """Truth of a device.

    Parameters
    ----------
    hrs, lrs : float
        Ω.
    set_scale, set_shape : float
        Weibull distribution of the size of the set bias (V, 1).
    reset_bias : float
        V, with a scatter of 5 %.
    resets : bool
        False: it stays in the low resistance after the first set.
    drift : float
        Change of log10(hrs) a cycle.
    area_um2 : float
    cycles : int
    limits : (float, float)
        Sizes of the largest negative and positive bias (V).
    """

    hrs: float
    lrs: float
    set_scale: float
    set_shape: float
    reset_bias: float
    resets: bool
    drift: float
    area_um2: float
    cycles: int
    limits: tuple[float, float]


@dataclass(frozen=True)
class CycleTruth:
    """Truth of one cycle: biases (V) and resistances (Ω), the reset's being what it would take."""

    set_bias: float
    reset_bias: float
    hrs: float
    lrs: float


DEVICES = {
    "tip": Device(1.16e7, 116.0, 0.25, 12.0, 0.6, True, 0.0, 3e-5, 200, (0.6, 1.0)),
    "probe": Device(2e5, 116.0, 0.25, 6.0, 0.7, True, -0.01, 30.0, 60, (0.6, 1.0)),
    "pad_200um": Device(3000.0, 110.0, 0.2, 6.0, 0.8, True, -0.005, 4e4, 40, (0.6, 1.0)),
    "pad_500um": Device(1000.0, 105.0, 0.2, 6.0, 0.8, False, 0.0, 2.5e5, 20, (0.6, 1.0)),
}
#: A tip whose cycle determines every parameter but the series resistance.
FILAMENT = model_of_electrode(3e-17, filament_radius=1e-8, nucleation_bias=0.15, compliance=1e-4)
SWEEP = (-0.6, 1.0, 0.2)  # V, V, V/s
_COMPLIANCE = 1e-2
NOISE = 1e-11


def device_cycles(
    device: Device, rng: np.random.Generator, points: int = 60
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[CycleTruth]]:
    """Cycle number, bias (V), current (A), and the truth of each cycle."""
    low, high = device.limits
    down, up = np.linspace(0, -low, points), np.linspace(0, high, points)
    bias_of_cycle = np.concatenate([down, down[-2::-1], up[1:], up[-2::-1]])
    numbers, biases, currents, truth = [], [], [], []
    conducting = False
    for number in range(1, device.cycles + 1):
        hrs = device.hrs * 10 ** (device.drift * (number - 1)) * np.exp(rng.normal(0, 0.05))
        lrs = device.lrs * np.exp(rng.normal(0, 0.02))
        set_at = -device.set_scale * rng.weibull(device.set_shape)
        reset_at = device.reset_bias * np.exp(rng.normal(0, 0.05))
        resistance = np.empty(len(bias_of_cycle))
        for k, bias in enumerate(bias_of_cycle):
            if bias <= set_at:
                conducting = True
            if bias >= reset_at and device.resets:
                conducting = False
            resistance[k] = lrs if conducting else hrs
        current = np.clip(bias_of_cycle / resistance, -_COMPLIANCE, _COMPLIANCE)
        current = current * (1 + 2e-3 * rng.normal(size=len(current))) + NOISE * rng.normal(size=len(current))
        numbers.append(np.full(len(current), number))
        biases.append(bias_of_cycle)
        currents.append(np.round(current / 1e-12) * 1e-12)
        truth.append(CycleTruth(set_at, reset_at, hrs, lrs))
    return np.concatenate(numbers), np.concatenate(biases), np.concatenate(currents), truth


def memristor_files(rng: np.random.Generator) -> Iterator[DemoFile]:
    """One file for each device, its area in a comment.

    Parameters
    ----------
    rng : numpy.random.Generator

    Yields
    ------
    DemoFile
    """
    for name, device in DEVICES.items():
        numbers, bias, current, _ = device_cycles(device, rng)
        rows = np.column_stack([numbers, bias, current])[rng.random(len(bias)) > 5e-4]
        head = f"# area: {device.area_um2:g} um2\ncycle,V (V),I (A)"
        yield table_file(f"memristor_{name}.csv", head, rows, ("%d", "%.5f", "%.6e"), asdict(device))


def filament_cycle(
    model: FilamentModel,
    sweep: tuple[float, float, float],
    rng: np.random.Generator,
    points: int = 50,
    relative_noise: float = 0.01,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time (s), bias (V) and noisy current (A) of one cycle of the filament model; the sweep in V, V, V/s."""
    time, bias = triangle(*sweep, points=points)
    current = simulate(model, time, bias).current
    noise = NOISE * rng.normal(size=len(time))
    return time, bias, current * (1 + relative_noise * rng.normal(size=len(time))) + noise


def filament_files(rng: np.random.Generator) -> Iterator[DemoFile]:
    """A cycle of the filament model with a column of time, to fit it to.

    Parameters
    ----------
    rng : numpy.random.Generator

    Yields
    ------
    DemoFile
    """
    rows = np.column_stack(filament_cycle(FILAMENT, SWEEP, rng))
    yield table_file("filament_cycle.csv", "time (s),V (V),I (A)", rows, "%.7e", asdict(FILAMENT))
