"""Write the tables of ``docs/seed-arithmetic.md``: ``python docs/make_seed_arithmetic.py``.

Each row is a command, run here through its JSON output, and the number that was published; what stands
between the two marks of the page is replaced.
"""

from __future__ import annotations

import io
import json
import shlex
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from gbflux.cli.main import exit_code

PAGE = Path(__file__).resolve().parent / "seed-arithmetic.md"
BEGIN, END = "<!-- begin: made by docs/make_seed_arithmetic.py -->", "<!-- end -->"

HERTZ = "contact hertz --force-nN 400 --radius-nm 20"
IONIC = "contact ionic --conductivity-S-per-cm 5e-4 --thickness-um 300 --voltage-V 10"


@dataclass(frozen=True)
class Entry:
    """One number: what it is, as published, the command, and the key of its output."""

    what: str
    published: str
    command: str
    key: str
    unit: str
    factor: float = 1.0


SECTIONS = {
    "Contact of the tip (Lu 2021)": [
        Entry("contact area, E* 60 GPa", "~30 nm²", f"{HERTZ} --modulus-GPa 60", "area_nm2", "nm²"),
        Entry("contact radius", "–", f"{HERTZ} --modulus-GPa 60", "radius_nm", "nm"),
        Entry("mean pressure", "–", f"{HERTZ} --modulus-GPa 60", "mean_pressure_GPa", "GPa"),
        Entry("area with E* 203 GPa", "~30 nm²", f"{HERTZ} --modulus-GPa 203", "area_nm2", "nm²"),
        Entry(
            "area with 118 nN",
            "~30 nm²",
            "contact hertz --force-nN 118 --radius-nm 20 --modulus-GPa 60",
            "area_nm2",
            "nm²",
        ),
        Entry(
            "area with a tip of 5.9 nm",
            "~30 nm²",
            "contact hertz --force-nN 400 --radius-nm 5.9 --modulus-GPa 60",
            "area_nm2",
            "nm²",
        ),
        Entry(
            "area, Pt (168 GPa, 0.38) on LLZO (150 GPa, 0.257)",
            "–",
            f"{HERTZ} --tip-modulus-GPa 168 --tip-poisson 0.38"
            " --sample-modulus-GPa 150 --sample-poisson 0.257",
            "area_nm2",
            "nm²",
        ),
    ],
    "Filaments (Lu 2021; Siniscalchi 2024)": [
        Entry(
            "diameter from 116 Ω over 300 µm",
            "~300 nm",
            "contact filament --resistance-ohm 116 --length-um 300",
            "diameter_nm",
            "nm",
        ),
        Entry(
            "its radius",
            "–",
            "contact filament --resistance-ohm 116 --length-um 300",
            "diameter_nm",
            "nm",
            0.5,
        ),
        Entry(
            "resistance of 300 nm over 300 µm",
            "116 Ω",
            "contact filament --diameter-nm 300 --length-um 300",
            "resistance_ohm",
            "Ω",
        ),
        Entry(
            "diameter from 440 Ω over 1.2 mm",
            "~500 nm",
            "contact filament --resistance-ohm 440 --length-um 1200",
            "diameter_nm",
            "nm",
        ),
        Entry(
            "diameter from 487 Ω over 1.2 mm",
            "~500 nm",
            "contact filament --resistance-ohm 487 --length-um 1200",
            "diameter_nm",
            "nm",
        ),
        Entry(
            "charge to fill 547 nm × 300 µm",
            "–",
            "contact filament --diameter-nm 547 --length-um 300 --current-A 6.18e-9",
            "charge_C",
            "µC",
            1e6,
        ),
        Entry(
            "time to fill it at 6.2 nA",
            "–",
            "contact filament --diameter-nm 547 --length-um 300 --current-A 6.18e-9",
            "fill_time_s",
            "s",
        ),
        Entry(
            "time to fill it at 5e-14 A",
            "one sweep",
            "contact filament --diameter-nm 547 --length-um 300 --current-A 5e-14",
            "fill_time_s",
            "days",
            1 / 86400,
        ),
        Entry(
            "Li spot of 67.7 nm² in series",
            "–",
            "contact sharvin --area-nm2 67.7",
            "together_ohm",
            "Ω",
        ),
        Entry("Li spot of 30 nm² in series", "–", "contact sharvin --area-nm2 30", "together_ohm", "Ω"),
    ],
    "Ionic current through the tip at 10 V (Lu 2021)": [
        Entry(
            "one-dimensional, 30 nm²", "2e-2 pA", f"{IONIC} --area-nm2 30", "one_dimensional_A", "pA", 1e12
        ),
        Entry("one-dimensional, 67.7 nm²", "–", f"{IONIC} --area-nm2 67.7", "one_dimensional_A", "pA", 1e12),
        Entry("spreading, 30 nm²", "–", f"{IONIC} --area-nm2 30", "spreading_A", "nA", 1e9),
        Entry("spreading, 67.7 nm²", "–", f"{IONIC} --area-nm2 67.7", "spreading_A", "nA", 1e9),
        *(
            Entry(
                f"with {asr} Ω cm² of charge transfer, 30 nm²",
                "–",
                f"{IONIC} --area-nm2 30 --asr-ohm-cm2 {asr}",
                "current_A",
                "pA",
                1e12,
            )
            for asr in ("0.1", "1", "10")
        ),
        Entry(
            "spreading resistance, 30 nm²",
            "–",
            "contact spreading --conductivity-S-per-cm 5e-4 --area-nm2 30",
            "disc_ohm",
            "GΩ",
            1e-9,
        ),
    ],
    "Homogenizing layer (Lu 2021)": [
        Entry(
            "bulk of a 10 µm layer of 1e-4 S/cm, of the 14 Ω cm²",
            "–",
            "contact asr --asr-ohm-cm2 14 --layer-um 10 --layer-conductivity-S-per-cm 1e-4",
            "layer_asr_ohm_cm2",
            "Ω cm²",
        ),
        Entry(
            "left for the interfaces",
            "14 Ω cm² in all",
            "contact asr --asr-ohm-cm2 14 --layer-um 10 --layer-conductivity-S-per-cm 1e-4",
            "interfaces_asr_ohm_cm2",
            "Ω cm²",
        ),
    ],
    "Electrodes on grains of 10 µm (Lu 2021)": [
        Entry(
            f"chance that {words} covers a grain boundary",
            published,
            f"contact covering --size-um {size} --grain-um 10",
            "lines",
            "",
        )
        for size, words, published in (
            ("0.0093", "the tip's contact", "–"),
            ("10", "an electrode of 10 µm", "almost surely"),
            ("50", "an electrode of 50 µm", "almost surely"),
        )
    ],
}


def main() -> None:
    """Replace the generated part of the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """The page with its generated part made anew."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{tables()}{END}{rest.split(END, 1)[1]}"


def tables() -> str:
    """All sections."""
    parts = []
    for title, entries in SECTIONS.items():
        rows = [
            f"| {e.what} | {e.published} | **{value(e):.3g}** {e.unit} | `gbflux {e.command}` |".replace(
                "  |", " |"
            )
            for e in entries
        ]
        parts += [
            f"## {title}",
            "",
            "| quantity | published | recomputed | command |",
            "| --- | --- | --- | --- |",
        ]
        parts += [*rows, ""]
    return "\n".join(parts)


def value(entry: Entry) -> float:
    """The number that the command prints."""
    stream = io.StringIO()
    with redirect_stdout(stream):
        code = exit_code([*shlex.split(entry.command), "--json"])
    if code:
        raise RuntimeError(f"gbflux {entry.command} ended with exit code {code}")
    return json.loads(stream.getvalue())[entry.key] * entry.factor


if __name__ == "__main__":
    main()
