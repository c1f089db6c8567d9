"""I–V curves and memristor cycles as a conductive AFM would measure them, from known truth.

Faults of real curves are all there: noise, offset and leakage, slow drift, rounding, spikes, lost rows, a
filament that takes a few steps to grow, the instrument's current limit.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.demo import DemoFile, table_file
from gbflux.lab.memristor import filament_model
from gbflux.lab.memristor.filament_model import FilamentModel, model_of_electrode, triangle

Array = NDArray[np.float64]
_REACH_UM = 0.1  # distance from a grain boundary at which the bias rises in the paper


@dataclass(frozen=True)
class SweepTruth:
    """Parameters behind a curve."""

    bias: float | None  # triggering bias with its sign (V); None for a curve that is not triggered
    limit: float  # end of the sweep, with its sign (V)
    step: float  # V, positive
    resistance: float = 116.0  # of the filament (Ω)
    compliance: float = 1e-3  # A
    noise: float = 1e-11  # standard deviation (A)
    # offset, leakage: A and A/V
    offset: float = 2e-12
    leakage: float = 3e-13
    relative_noise: float = 2e-3  # noise of the conducting filament as a share of its current
    drift: float = 5e-12  # size of a slow wave in the offset (A)
    quantum: float = 1e-12  # step of the converter in the lowest range (A)
    rise_steps: float = 1.0  # steps in which the filament's conductance grows to its end value
    # spike_share, missing_share: shares of points with a spike, and of rows lost
    spike_share: float = 0.004
    missing_share: float = 0.01


#: The paper's cases (Lu et al. 2021; Siniscalchi et al. 2024): on a grain boundary, in a grain, a dendrite.
GRAIN_BOUNDARY = SweepTruth(bias=-0.12, limit=-0.5, step=0.001)
INTERIOR = SweepTruth(bias=-9.0, limit=-10.0, step=0.02, resistance=2000.0)
NOT_TRIGGERED = SweepTruth(bias=None, limit=-10.0, step=0.02)
PURE_NOISE = SweepTruth(bias=None, limit=-10.0, step=0.02, leakage=0.0)
DENDRITE = SweepTruth(bias=None, limit=0.2, step=0.002, resistance=440.0)


def simulate(truth: SweepTruth, rng: np.random.Generator) -> tuple[Array, Array]:
    """Voltages and currents, out and back (V, A).

    Returns
    -------
    voltage, current : (n,) arrays
        A lost row is missing from both.
    """
    steps = round(abs(truth.limit) / truth.step)
    out = np.sign(truth.limit) * truth.step * np.arange(steps + 1)
    v = np.concatenate([out, out[-2::-1]])
    i = _quiet(truth, v, rng)
    if truth.bias is not None:
        grown = np.clip((np.abs(out) - abs(truth.bias)) / (truth.rise_steps * truth.step), 0.0, 1.0)
        share = np.concatenate([grown, np.ones(steps)])
        filament = share * v / truth.resistance
        i = i + filament * (1 + truth.relative_noise * rng.normal(size=len(v)))
    i = np.clip(i, -truth.compliance, truth.compliance)
    keep = rng.random(len(v)) >= truth.missing_share
    keep[[0, steps, -1]] = True
    return v[keep], i[keep]


def conducting(truth: SweepTruth, rng: np.random.Generator) -> tuple[Array, Array]:
    """A filament that is there from the start, through both polarities (V, A)."""
    steps = round(abs(truth.limit) / truth.step)
    up = truth.step * np.arange(steps + 1)
    v = np.concatenate([up, up[-2::-1], -up[1:], -up[-2::-1]])
    filament = v / truth.resistance * (1 + truth.relative_noise * rng.normal(size=len(v)))
    return v, np.clip(_quiet(truth, v, rng) + filament, -truth.compliance, truth.compliance)


def random_truth(rng: np.random.Generator, triggered: bool = True) -> SweepTruth:
    """A curve of random bias, step, noise and faults, within what conductive AFM meets."""
    limit = -float(rng.choice([0.5, 2.0, 10.0]))
    steps = int(rng.integers(200, 800))
    noise = 10 ** rng.uniform(-11.5, -10.5)
    base = SweepTruth(
        bias=limit * rng.uniform(0.06, 0.95) if triggered else None,
        limit=limit,
        step=abs(limit) / steps,
        compliance=float(rng.choice([1e-3, 1e-4])),
        noise=noise,
        offset=noise * rng.normal(),
        leakage=abs(noise * rng.normal() / limit),
        drift=noise * rng.uniform(0, 1.5),
        quantum=noise * rng.uniform(0.01, 1.0),
        rise_steps=rng.uniform(0.1, 3.0),
        spike_share=rng.uniform(0, 0.01),
        missing_share=rng.uniform(0, 0.03),
    )
    # in compliance for part of the sweep, ohmic for the rest of the way back
    onset = abs(base.bias) if base.bias is not None else 1.0
    return replace(base, resistance=onset / base.compliance * rng.uniform(0.5, 0.9))


def _quiet(truth: SweepTruth, v: Array, rng: np.random.Generator) -> Array:
    """Current without a filament."""
    n = len(v)
    wave = np.sin(2 * np.pi * (np.arange(n) / n * rng.uniform(0.3, 2.0) + rng.random()))
    i = truth.offset + truth.leakage * v + truth.drift * wave + truth.noise * rng.normal(size=n)
    spikes = rng.random(n) < truth.spike_share
    i[spikes] += (
        truth.noise * 10 ** rng.uniform(1, 3, int(spikes.sum())) * rng.choice([-1, 1], int(spikes.sum()))
    )
    found: Array = np.round(i / truth.quantum) * truth.quantum if truth.quantum else i
    return found


def _known(truth: SweepTruth) -> dict[str, Any]:
    """Truth of one curve for people: the paper's words."""
    return {"triggering_bias_V": truth.bias, "resistance_ohm": truth.resistance, "limit_V": truth.limit}


def paper_curves(rng: np.random.Generator) -> Iterator[DemoFile]:
    """The paper's curves: grain boundary, interior, not triggered, noise; plain CSV."""
    cases = {
        "iv_grain_boundary.csv": GRAIN_BOUNDARY,
        "iv_interior.csv": INTERIOR,
        "iv_not_triggered.csv": NOT_TRIGGERED,
        "iv_noise.csv": PURE_NOISE,
    }
    for name, truth in cases.items():
        v, i = simulate(truth, rng)
        lines = [f"{a:.6g},{b:.6e}" for a, b in zip(v, i, strict=True)]
        yield table_file(name, "V (V),I (A)", lines, truth=_known(truth))


def dendrite(rng: np.random.Generator) -> Iterator[DemoFile]:
    """A grown dendrite of 440 Ω over 1.2 mm, both polarities, decimal commas, packed."""
    truth = DENDRITE
    v, i = conducting(truth, rng)
    lines = [f"{a * 1e3:.4f};{b * 1e6:.6f}".replace(".", ",") for a, b in zip(v, i, strict=True)]
    text = "\n".join(["Spannung V (mV);I (µA)", *lines]) + "\n"
    packed = gzip.compress(text.encode("utf-8"), mtime=0)
    yield DemoFile("iv_dendrite.csv.gz", packed, {"resistance_ohm": truth.resistance, "thickness_um": 1200})


def instrument_export(rng: np.random.Generator) -> Iterator[DemoFile]:
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
    truth = {
        "triggering_bias_V": [truth.bias for truth in truths],
        "resistance_ohm": [truth.resistance for truth in truths],
    }
    yield table_file("iv_export.csv", head, lines, truth=truth)


def against_distance(rng: np.random.Generator) -> Iterator[DemoFile]:
    """Forty curves at known distances from the grain boundary, a file each, and a table of distances."""
    rows = []
    distances = np.sort(10 ** rng.uniform(0.7, 3.0, 40))  # nm
    for number, distance in enumerate(distances, 1):
        near = distance < _REACH_UM * 1e3
        bias = (
            -0.12 * float(np.exp(0.25 * rng.normal())) if near else -9.5 * float(np.exp(0.15 * rng.normal()))
        )
        case = SweepTruth(bias=bias if abs(bias) < 10 else None, limit=-10.0, step=0.02, rise_steps=0.5)
        name = f"iv_at_{number:02d}.tsv"
        v, i = simulate(case, rng)
        lines = [f"{a:.4f}\t{b * 1e9:.5g}" for a, b in zip(v, i, strict=True)]
        rows.append(f"{name},{distance:.2f}")
        truth = {"distance_nm": round(float(distance), 2), "triggering_bias_V": case.bias}
        yield table_file(name, "# tip on LLZO\nBias [V]\tCurrent [nA]", lines, truth=truth)
    yield table_file("distances.csv", "file,distance_nm", rows, truth={"reach_nm": _REACH_UM * 1e3})


def against_size(rng: np.random.Generator) -> Iterator[DemoFile]:
    """Electrodes of 1 to 50 µm on grains of 10 µm, ten sweeps a file: low biases on boundaries."""
    grain, rows = 10.0, []
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
        rows.append(f"{name},{size:g}")
        truth = {"electrode_um": size, "triggering_bias_V": biases}
        yield table_file(name, "sweep,V (V),I (A)", lines, truth=truth)
    yield table_file("electrodes.csv", "file,electrode_um", rows, truth={"mean_grain_um": grain})


@dataclass(frozen=True)
class Device:
    """Truth of a device."""

    # hrs, lrs: Ω
    hrs: float
    lrs: float
    # set_scale, set_shape: Weibull distribution of the size of the set bias (V, 1)
    set_scale: float
    set_shape: float
    reset_bias: float  # V, with a scatter of 5 %
    resets: bool  # False: it stays in the low resistance after the first set
    drift: float  # change of log10(hrs) a cycle
    area_um2: float
    cycles: int
    limits: tuple[float, float]  # sizes of the largest negative and positive bias (V)


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
) -> tuple[Array, Array, Array, list[CycleTruth]]:
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
    """One file for each device, its area in a comment."""
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
) -> tuple[Array, Array, Array]:
    """Time (s), bias (V) and noisy current (A) of one cycle of the filament model; the sweep in V, V, V/s."""
    time, bias = triangle(*sweep, points=points)
    current = filament_model.simulate(model, time, bias).current
    noise = NOISE * rng.normal(size=len(time))
    return time, bias, current * (1 + relative_noise * rng.normal(size=len(time))) + noise


def filament_files(rng: np.random.Generator) -> Iterator[DemoFile]:
    """A cycle of the filament model with a column of time, to fit it to."""
    rows = np.column_stack(filament_cycle(FILAMENT, SWEEP, rng))
    yield table_file("filament_cycle.csv", "time (s),V (V),I (A)", rows, "%.7e", asdict(FILAMENT))
