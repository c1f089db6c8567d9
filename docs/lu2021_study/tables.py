"""The tables of the page, each with the command that prints its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median, stdev

from lu2021_study.cases import ASR, BI
from lu2021_study.spreads import (
    Rows,
    bi_text,
    both_hold,
    crossings,
    faces,
    groups,
    number,
    spread,
    with_range,
)

SYSTEMS = {
    "2d-cut": "2D, cut",
    "2d-mirror": "2D, mirror",
    "3d-cut": "3D, cut",
    "3d-mirror": "3D, mirror",
}
#: Readings of "more than ten times": columns of the table and what they are called.
TENFOLD = {
    "grain_median": "grain max / median grain",
    "grain_min": "grain max / weakest grain",
    "grain": "grain max / mean",
    "grain_cut": "grain max / mean, slivers left out",
    "window_3": "3 µm window max / mean",
    "window_1": "1 µm window max / mean",
    "p99": "99 % of the area, over the mean",
    "p999": "99.9 % of the area, over the mean",
    "max": "pointwise max / mean (set by the mesh)",
}
#: Readings of "about 3 µm": group, column, limit.
THREE_MICRONS = {
    "3 µm into 10 µm, ≤ 1.1": ("hl10", "max_at_3", 1.1),
    "3 µm into 10 µm, ≤ 1.2": ("hl10", "max_at_3", 1.2),
    "at Li behind 3 µm, ≤ 1.1": ("hl3", "max", 1.1),
    "at Li behind 3 µm, ≤ 1.2": ("hl3", "max", 1.2),
}


def command(pattern: str) -> str:
    """Line that says what prints the numbers of a table."""
    return f"Command: `python docs/make_lu2021.py '{pattern}'`"


def grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def tenfold(rows: Rows, system: str) -> str:
    """Every reading of "more than ten times" over Bi."""
    lines = [
        [label, *(with_range(spread(rows, f"{system}-bare-bi{bi:g}", column)) for bi in BI)]
        for column, label in TENFOLD.items()
    ]
    text = grid(["Bi", *(f"{bi:g}" for bi in BI)], lines)
    return f"{text}\n\n{command(system + '-bare-bi[0-9.]+-s[0-9]+')}"


def three_microns(rows: Rows, system: str) -> str:
    """Both readings of "about 3 µm" over Bi."""
    asked = {
        "max / mean on electrolyte\\|layer (set by the mesh)": ("hl10", "at_hl_max"),
        "99 % of that area, over the mean": ("hl10", "at_hl_p99"),
        "max / mean 3 µm into a layer of 10 µm": ("hl10", "max_at_3"),
        "99 % of the area there, over the mean": ("hl10", "p99_at_3"),
        "max / mean at Li behind 10 µm": ("hl10", "max"),
        "within 10 % of the mean from (µm)": ("hl10", "within_10"),
        "within 20 % of the mean from (µm)": ("hl10", "within_20"),
        "decay length of the spread (µm)": ("hl10", "decay_um"),
        "max / mean at Li behind 3 µm": ("hl3", "max"),
    }
    lines = [
        [label, *(with_range(spread(rows, f"{system}-{layer}-bi{bi:g}", column)) for bi in BI)]
        for label, (layer, column) in asked.items()
    ]
    text = grid(["Bi", *(f"{bi:g}" for bi in BI)], lines)
    return f"{text}\n\n{command(system + '-hl(10|3)-bi[0-9.]+-s[0-9]+')}"


def realisations(rows: Rows, system: str) -> str:
    """Mean and standard deviation over electrodes of what does not hang on slivers or on the mesh."""
    asked = {
        "grain max / mean, slivers left out": ("bare", "grain_cut"),
        "1 µm window max / mean": ("bare", "window_1"),
        "3 µm window max / mean": ("bare", "window_3"),
        "99 % of the area, over the mean": ("bare", "p99"),
        "max / mean 3 µm into a layer of 10 µm": ("hl10", "max_at_3"),
        "max / mean at Li behind 3 µm": ("hl3", "max"),
    }
    lines = []
    for label, (layer, column) in asked.items():
        found = [list(faces(rows, f"{system}-{layer}-bi{bi:g}", column).values()) for bi in BI]
        lines.append([label, *(f"{number(fmean(v))} ± {number(stdev(v))}" for v in found)])
    text = grid(["Bi", *(f"{bi:g}" for bi in BI)], lines)
    return f"{text}\n\n{command(system + '-(bare|hl10|hl3)-bi[0-9.]+-s[0-9]+')}"


def thresholds(rows: Rows) -> str:
    """Bi from which on each tenfold reading holds, and up to which each 3 µm reading does."""
    lines = [
        [f"from: {label} > 10", *(_threshold(rows, f"{system}-bare-bi*", column, 10.0) for system in SYSTEMS)]
        for column, label in TENFOLD.items()
    ]
    lines += [
        [f"up to: {label}", *(_threshold(rows, f"{system}-{layer}-bi*", column, limit) for system in SYSTEMS)]
        for label, (layer, column, limit) in THREE_MICRONS.items()
    ]
    return grid(["statement holds", *SYSTEMS.values()], lines)


def _threshold(rows: Rows, template: str, column: str, level: float) -> str:
    """Median Bi, and the range over faces."""
    values = list(crossings(rows, template, column, level).values())
    middle, low, high = map(bi_text, (median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low}–{high})"


def together(rows: Rows, system: str) -> str:
    """Range of Bi where both statements hold, by reading, and the share of faces that have one."""
    high = {
        label: crossings(rows, f"{system}-{layer}-bi*", column, limit)
        for label, (layer, column, limit) in THREE_MICRONS.items()
    }
    lines = []
    for column, label in TENFOLD.items():
        low = crossings(rows, f"{system}-bare-bi*", column, 10.0)
        lines.append([label, *(_both(low, values) for values in high.values())])
    text = grid(["> 10 by", *high], lines)
    return f"{text}\n\n{command(system + '-(bare|hl10|hl3)-bi[0-9.]+-s[0-9]+')}"


def _both(low, high) -> str:
    start, end, share = both_hold(low, high)
    bounds = f"{bi_text(start)}–{bi_text(end)}" if start < end else "–"
    return f"{bounds} ({100 * share:.0f} %)"


def meshes(rows: Rows, dimension: int) -> str:
    """Each number against refinement, on the same grains."""
    own = {2: 0.1, 3: 0.5}[dimension]
    pattern = rf"{dimension}d-cut-bare-bi[0-9.]+-h[0-9.]+"
    sizes = sorted({float(name.rpartition("-h")[2]) for name in groups(rows, pattern)} | {own}, reverse=True)
    asked = {
        "pointwise max": ("bare", "", "max"),
        "99.9 % of the area": ("bare", "", "p999"),
        "99 % of the area": ("bare", "", "p99"),
        "1 µm window": ("bare", "", "window_1"),
        "grain max, slivers left out": ("bare", "", "grain_cut"),
        "grain max": ("bare", "", "grain"),
        "grain max / weakest grain": ("bare", "", "grain_min"),
        "pointwise max, 2 Ω cm²": ("bare", "-asr2", "max"),
        "1 µm window, 2 Ω cm²": ("bare", "-asr2", "window_1"),
        "pointwise max on electrolyte\\|layer": ("hl10", "", "at_hl_max"),
        "max 3 µm into the layer": ("hl10", "", "max_at_3"),
        "max at Li behind 3 µm": ("hl3", "", "max"),
    }

    def value(layer: str, bi: str, asr: str, h: float, column: str) -> str:
        size = "" if h == own else f"-h{h:g}"
        values = rows.get((f"{dimension}d-cut-{layer}-bi{bi}{asr}{size}-s1", "top"))
        return "–" if values is None or values[column] is None else number(values[column])

    lines = [
        [f"Bi {bi}: {label}", *(value(layer, bi, asr, h, column) for h in sizes)]
        for bi in (("0.3", "1", "10") if dimension == 2 else ("1", "10"))
        for label, (layer, asr, column) in asked.items()
    ]
    text = grid(["h where grains end (µm)", *(f"{h:g}" for h in sizes)], lines)
    return f"{text}\n\n{command(f'{dimension}d-cut-(bare|hl3|hl10)-bi(0.3|1|10)(-asr2)?(-h[0-9.]+)?-s1')}"


def charge_transfer(rows: Rows, dimension: int) -> str:
    """Both statements against the charge-transfer resistance."""
    asked: dict[str, tuple[str, str]] = {
        "pointwise max": ("bare", "max"),
        "99 % of the area": ("bare", "p99"),
        "1 µm window": ("bare", "window_1"),
        "grain max, slivers left out": ("bare", "grain_cut"),
        "resistance of the cell (Ω cm²)": ("bare", "asr_cell"),
        "with layers, max at Li": ("hl10", "max"),
        "with layers, max 3 µm from the electrolyte": ("hl10", "max_at_3"),
        "with layers, pointwise max on electrolyte\\|layer": ("hl10", "at_hl_max"),
    }
    columns = (0, *ASR[dimension])
    lines = []
    for bi in ("1", "3", "10") if dimension == 2 else ("1", "10"):
        for label, (layer, column) in asked.items():
            names = [f"{dimension}d-cut-{layer}-bi{bi}" + (f"-asr{asr:g}" if asr else "") for asr in columns]
            lines.append([f"Bi {bi}: {label}", *(number(first_seeds(rows, name, column)) for name in names)])
    text = grid(["charge transfer (Ω cm²)", *(f"{asr:g}" for asr in columns)], lines)
    seeds = "[123]" if dimension == 2 else "1"
    return f"{text}\n\n{command(f'{dimension}d-cut-(bare|hl10)-bi(1|3|10)(-asr[0-9.]+)?-s{seeds}')}"


def first_seeds(rows: Rows, group: str, column: str) -> float:
    """Median over the faces of the seeds that were run with charge transfer."""
    last = 3 if group.startswith("2d") else 1
    return median(value for (seed, _), value in faces(rows, group, column).items() if seed <= last)


def thicknesses(rows: Rows, dimension: int) -> str:
    """The maximum behind layers of several thicknesses."""
    seeds = 6 if dimension == 2 else 1
    lines = []
    for bi in ("0.3", "1", "3", "10") if dimension == 2 else ("1", "10"):
        values = []
        for hl in ("1", "2", "3", "5", "10"):
            found = faces(rows, f"{dimension}d-cut-hl{hl}-bi{bi}", "max")
            kept = [value for (seed, _), value in found.items() if seed <= seeds]
            values.append(with_range((median(kept), min(kept), max(kept))))
        lines.append([f"Bi {bi}", *values])
    text = grid(["thickness (µm)", "1", "2", "3", "5", "10"], lines)
    chosen = "[1-6]" if dimension == 2 else "1"
    return f"{text}\n\n{command(f'{dimension}d-cut-hl(1|2|3|5|10)-bi(0.3|1|3|10)-s{chosen}')}"


def voxels(rows: Rows) -> str:
    """Voxels beside the mesh, on the same grains."""
    columns = {
        "sigma_eff": "σ_eff (S/cm)",
        "max": "pointwise max / mean",
        "p99": "99 % of the area",
        "grain": "grain max / mean",
        "grain_cut": "the same, slivers left out",
        "grain_median": "grain max / median grain",
        "grain_min": "grain max / weakest grain",
    }
    lines = []
    for column, label in columns.items():
        for kind, prefix in (("voxels", "voxels-3d"), ("mesh", "3d")):
            values = [
                number(faces(rows, f"{prefix}-cut-bare-bi{bi}-poisson", column)[1, "top"])
                for bi in ("0.1", "1", "10")
            ]
            lines.append([f"{label}, {kind}", *values])
    text = grid(["Bi", "0.1", "1", "10"], lines)
    return f"{text}\n\n{command('(voxels-)?3d-cut-bare-bi(0.1|1|10)-poisson-s1')}"


TABLES: dict[str, Callable[..., str]] = {
    "tenfold": tenfold,
    "three_microns": three_microns,
    "realisations": realisations,
    "thresholds": thresholds,
    "together": together,
    "meshes": lambda rows, dimension: meshes(rows, int(dimension)),
    "charge_transfer": lambda rows, dimension: charge_transfer(rows, int(dimension)),
    "thicknesses": lambda rows, dimension: thicknesses(rows, int(dimension)),
    "voxels": voxels,
}
