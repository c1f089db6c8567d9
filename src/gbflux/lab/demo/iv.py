"""Files of I–V curves as instruments write them, from the truths of `gbflux.lab.demo.curves`."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import numpy as np

from gbflux.lab.demo import DemoFile, table_file
from gbflux.lab.demo import curves as demo_curves
from gbflux.lab.demo.curves import SweepTruth, conducting, simulate

REACH_UM = 0.1  # distance from a grain boundary at which the bias rises in the paper


def _known(truth: SweepTruth) -> dict[str, Any]:
    """Truth of one curve for people: the paper's words."""
    return {"triggering_bias_V": truth.bias, "resistance_ohm": truth.resistance, "limit_V": truth.limit}


def paper_curves(rng: np.random.Generator) -> Iterator[DemoFile]:
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
        yield table_file(name, "V (V),I (A)", lines, truth=_known(truth))


def dendrite(rng: np.random.Generator) -> Iterator[DemoFile]:
    """A grown dendrite of 440 Ω over 1.2 mm, both polarities, decimal commas, packed."""
    truth = demo_curves.DENDRITE
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
        near = distance < REACH_UM * 1e3
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
    yield table_file("distances.csv", "file,distance_nm", rows, truth={"reach_nm": REACH_UM * 1e3})


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
