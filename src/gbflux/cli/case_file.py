"""`gbflux init`, `check`, `schema`: a case file to start from, what a case comes to, how it is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gbflux.cli.output import duration

if TYPE_CHECKING:
    from gbflux.case import Case, DerivedNumbers, Estimate

CaseFile = Annotated[Path, typer.Argument(metavar="CASE", help="Case file (YAML).")]


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the case; the file is NAME.yaml.")],
) -> None:
    """Write a commented case, NAME.yaml, that is valid as it stands. Never overwrites.

    Raises
    ------
    InputError
        If the name is not fit for a file, the file exists, or it cannot be written.
    """
    path = new_case(Path(name))
    typer.echo(f"wrote {path}. Next: gbflux check {path}")


def new_case(path: Path) -> Path:
    """Write a case under a path whose last part is its name, with or without ``.yaml``; return the file."""
    from gbflux.case import template
    from gbflux.case.model import NAME_PATTERN
    from gbflux.errors import InputError

    name = path.name.removesuffix(".yaml").removesuffix(".yml")
    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError(f"init: NAME must be letters, digits, '.', '_' or '-', no blanks; got {name!r}.")
    path = path.with_name(name + (".yml" if path.name.endswith(".yml") else ".yaml"))
    try:
        file = path.open("x", encoding="utf-8")
        try:
            with file:
                file.write(template(name))
        except OSError:
            path.unlink()
            raise
    except FileExistsError:
        raise InputError(f"init: {path} exists already. Choose another name.") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"init: {path} cannot be written: {reason}. Choose another folder.") from None
    return path


def check(
    case_file: CaseFile,
) -> None:
    """Validate a case, print it resolved, and estimate cells, memory and time.

    Raises
    ------
    CaseError
        With every mistake of the case.
    InputError
        If the case cannot fit into this machine's memory.
    """
    from gbflux.case import (
        derived_numbers,
        estimate,
        load_case,
        machine_memory,
        remarks,
        require_memory,
        resolved_yaml,
    )

    case = load_case(case_file)
    expected = estimate(case)
    typer.echo(resolved_yaml(case))
    typer.echo("\n".join([*derived_lines(case, derived_numbers(case)), "", *cost_lines(case, expected)]))
    warning = require_memory(expected, machine_memory())
    for text in [*remarks(case), *([warning] if warning else [])]:
        typer.echo(f"warning: {text}", err=True)


def derived_lines(case: Case, numbers: DerivedNumbers) -> list[str]:
    """The derived numbers, one a line."""
    bottom, top = numbers.hl_asr_ohm_cm2
    layers = f"{bottom:.4g} bottom, {top:.4g} top" if case.homogenizing_layer else "none"
    bottom, top = numbers.electrode_asr_ohm_cm2
    ideal = all(case.ideal_electrodes)
    electrodes = "none" if ideal else f"{bottom:.4g} bottom, {top:.4g} top Ω cm²"
    more = ", and pieces of more" if case.grains.boundary == "cut" else ""
    grains = f"{case.grain_count:,} of {case.mean_grain_size_um:.4g} µm{more}"
    rows = [
        ("grains of the mean size in the box", grains),
        ("Bi = (δ/d) σ_g/σ_gb", f"{numbers.biot:.4g}"),
        ("Kapitza length δ σ_g/σ_gb", f"{numbers.kapitza_length_um:.4g} µm"),
        ("resistance of one grain boundary", f"{numbers.gb_asr_ohm_cm2:.4g} Ω cm²"),
        ("resistance of homogenizing layers", layers + (" Ω cm²" if case.homogenizing_layer else "")),
        ("resistance of electrodes at rest", electrodes),
        ("brick-layer conductivity", f"{numbers.brick_layer_S_per_cm:.4g} S/cm"),
    ]
    return _aligned("Derived", rows)


def cost_lines(case: Case, expected: Estimate) -> list[str]:
    """The expected cost, one number a line."""
    from gbflux.case.cost import in_gib

    rows = [
        ("cells", f"{expected.cells:,}"),
        ("nodes", f"{expected.nodes:,}"),
        ("memory", in_gib(expected.memory_MiB)),
        ("time on 2 cores", duration(expected.time_s)),
    ]
    if case.accuracy is None:
        return _aligned("Estimate", rows)
    for name, asked in case.accuracy.asked.items():
        rows.append((f"refined for {name} to", f"{100 * asked:.4g} %"))
    rows.append(("cells that takes", "found by doing it; `gbflux run` says after each mesh what comes next"))
    return _aligned("Estimate of the first mesh", rows)


def _aligned(title: str, rows: list[tuple[str, str]]) -> list[str]:
    """A title and rows of two columns."""
    width = max(len(label) for label, _ in rows)
    return [title, *(f"  {label:{width}}  {value}" for label, value in rows)]


def schema() -> None:
    """Print the JSON schema of a case file, for editors that check YAML while it is written."""
    from gbflux.case import schema_text

    typer.echo(schema_text(), nl=False)
