"""`gbflux run`: one case from grains to numbers."""

from __future__ import annotations

import logging
import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbflux.cli.case_file import CaseFile
from gbflux.errors import AccuracyMissed

if TYPE_CHECKING:
    from gbflux.measure.transport import BracketFacts
    from gbflux.results import Result
    from gbflux.results.certificate import LocalCertificate
    from gbflux.simulation import Progress

Ranks = Annotated[
    int | None,
    typer.Option("-n", "--ranks", min=1, help="MPI ranks to start; those of mpirun or srun if under one."),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="Folder for the files (default: results/NAME)."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what the folder holds, and run again what is finished.")
]
Accuracy = Annotated[
    list[str] | None,
    typer.Option(
        "--accuracy",
        metavar="SHARE",
        help="Refine until the conductance is certified so closely (0.1%), the hot-spot measures are known "
        "so well (hot_spots=5%), or local currents are certified so closely (hot_spot=10%); several with "
        "commas between. Replaces the case's.",
    ),
]

#: Columns of the printed report.
WIDTH = 100
_LABEL = 28
_SPOTS = ("p99_over_mean", "window_max_over_mean.3_um", "grain_max_over_mean_area_cut")


def run(
    case_file: CaseFile,
    ranks: Ranks = None,
    output: Output = None,
    force: Force = False,
    accuracy: Accuracy = None,
) -> None:
    """Run a case: mesh, solve, measure, draw. A finished case is reported, not run again.

    Raises
    ------
    GbfluxError
        Input that cannot be run (exit code 2), a solver that stops short (3), a missing library (4), an
        accuracy asked for and missed (5; the files are there, and say how accurate the numbers are).
    """
    from gbflux.case import load_case
    from gbflux.case.load import accuracies
    from gbflux.simulation.mpi_job import mpi_job

    overrides = {"accuracy": accuracies(accuracy)} if accuracy else {}
    words = job_words("run", case_file, output, force)
    words += [word for one in accuracy or () for word in ("--accuracy", one)]
    with mpi_job(ranks, words, check=lambda: load_case(case_file, overrides)) as rank:
        case = load_case(case_file, overrides)
        folder = output or Path("results") / case.name
        from gbflux.api import run_with_pictures

        with progress_shown(rank) as progress:
            outcome, _ = run_with_pictures(case, folder, force=force, progress=progress)
        if rank == 0:
            if outcome.snapshot is None:
                typer.echo(f"{folder} holds this case finished; --force runs it again.")
            typer.echo("\n".join(report_lines(outcome.result)))
        require_accuracy(outcome.result)


@contextmanager
def progress_shown(rank: int) -> Iterator[Progress]:
    """Lines on stderr for each stage, and on a terminal the stage under way."""
    from gbflux.simulation import Progress

    logger = logging.getLogger("gbflux")
    terminal = rank == 0 and (sys.stderr.isatty() or os.environ.get("GBFLUX_TERMINAL") == "1")
    lines = _Lines(terminal)
    lines.setFormatter(logging.Formatter("%(message)s"))
    handler = lines if rank == 0 else logging.NullHandler()  # one rank speaks for all
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield Progress(announce=lines.announce if terminal else None)
    finally:
        lines.wipe()
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


class _Lines(logging.Handler):
    """Log lines on stderr; on a terminal the last line shows the stage under way and is wiped by the next."""

    def __init__(self, terminal: bool):
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self.wipe()
        print(self.format(record), file=sys.stderr, flush=True)

    def announce(self, stage: str) -> None:
        """Show a stage under way."""
        self.wipe()
        print(f"           {stage} …", end="\r", file=sys.stderr, flush=True)

    def wipe(self) -> None:
        """Clear the line under way."""
        if self._terminal:
            print("\x1b[2K", end="\r", file=sys.stderr, flush=True)


def require_accuracy(result: Result) -> None:
    """End with an error where a result is less accurate than was asked for.

    Raises
    ------
    AccuracyMissed
        Then.
    """
    from gbflux.simulation.summary import asked_and_reached

    if not all(facts["reached"] for facts in asked_and_reached(result.errors).values()):
        raise AccuracyMissed("\n".join(text for text in result.warnings if text.startswith("accuracy:")))


def job_words(command: str, case_file: Path, output: Path | None, force: bool) -> list[str]:
    """Arguments of ``gbflux`` with which the ranks of an MPI job do the work of this process."""
    chosen = ["-o", str(output)] if output else []
    return [command, str(case_file), *chosen, *(["--force"] if force else [])]


def certificate_line(one: LocalCertificate) -> str:
    """One certified local current over the mean, or why it is not certified."""
    what = f"grain {one.grain}"
    if one.kind == "window":
        centre = ", ".join(f"{x:.4g}" for x in one.centre_um or ())
        what = f"{one.diameter_um:g} µm at ({centre}) µm"
    bounds = f"certified {one.lower:.3g} to {one.upper:.3g}" if one.reason is None else "not certified"
    return f"{one.electrode + ' ' + what:29} {one.value:.3g}  ({bounds}, over the mean)"


def report_lines(result: Result) -> list[str]:
    """The numbers of a result that one looks at first, within `WIDTH` columns but for paths."""
    from gbflux.measure.error_text import MEANING, error_records

    tree = result.as_dict()
    lines = [f"{result.name}: {result.mesh.grains:,} grains, {result.mesh.cells:,} cells"]
    lines += _cell_lines(tree, result.transport.bracket)
    lines += _spot_lines(tree)
    lines += [f"  {certificate_line(one)}" for one in result.certificates]
    lines += [line for side in result.homogenizing_layer for line in _layer_lines(tree, side)]
    if any(True for _ in error_records(tree["errors"])):
        lines.append(f"  {MEANING}")
    lines += _run_lines(result)
    lines += [line for text in result.warnings for line in _wrapped("  warning: ", text)]
    if result.directory is not None:
        lines.append(f"  files: {result.directory}")
    return lines


def _cell_lines(tree: dict[str, Any], bracket: BracketFacts | None) -> list[str]:
    """Current, conductivity and resistance."""
    from gbflux.measure.error_text import between, number, stated

    voltage, certified = stated(tree, "transport.voltage_V"), ""
    if bracket is not None:
        lower, upper = bracket.asr_ohm_cm2.lower, bracket.asr_ohm_cm2.upper
        if lower is not None and upper is not None:
            certified = "certified {} to {}".format(*between(lower, upper))
    rows = (
        (
            "mean current density",
            "transport.mean_current_density_mA_per_cm2",
            "mA/cm²",
            "" if tree["transport"]["voltage_V"] is None else f"at {voltage} V",
        ),
        (
            "sigma_eff",
            "transport.sigma_eff_S_per_cm",
            "S/cm",
            f"brick layer {number(tree['transport']['brick_layer_S_per_cm'], 3)}",
        ),
        ("ASR of the cell", "transport.asr_ohm_cm2", "Ω cm²", certified),
    )
    return [
        f"  {name:{_LABEL}}{stated(tree, key)} {unit}" + (f"  ({beside})" if beside else "")
        for name, key, unit, beside in rows
    ]


def _spot_lines(tree: dict[str, Any]) -> list[str]:
    """Hot spots of each plane in columns: the percentile, the hottest window and grain."""
    from gbflux.measure.error_text import stated

    lines = [f"  {'current density over mean':{_LABEL}}{'p99':18}{'3 µm window':18}grain max"]
    for part, label in (("hot_spots", "electrode"), ("hot_spots_electrolyte", "electrolyte|HL")):
        for side in tree[part]:
            cells = [str(stated(tree, f"{part}.{side}.{key}", 3)) for key in _SPOTS]
            row = f"  {f'  {side} {label}':{_LABEL}}" + "".join(f"{cell:18}" for cell in cells)
            lines.append(row.rstrip())
    return lines


def _layer_lines(tree: dict[str, Any], side: str) -> list[str]:
    """Lines on where a layer has homogenized the current, or why that is not known."""
    from gbflux.measure.error_text import stated

    profile = tree["homogenizing_layer"][side]
    head = f"  {side + ' layer':{_LABEL}}"
    if profile["reason"] is not None:
        return _wrapped(head, f"not known where it homogenizes: {profile['reason']}")
    if profile["homogenized_at_um"] is None:
        return [f"{head}nowhere homogenized (max > 1.1 mean up to the electrode)"]
    at = stated(tree, f"homogenizing_layer.{side}.homogenized_at_um", 3)
    return [f"{head}homogenized (max ≤ 1.1 mean) {at} µm from the electrolyte"]


def _run_lines(result: Result) -> list[str]:
    """Iterations, balances, time and memory."""
    from gbflux.simulation.progress import newton_steps

    solver = result.solver
    steps = newton_steps(solver)
    text = (
        f"{solver.iterations} iterations{steps}, "
        f"current in − out {solver.current_imbalance:.0e}, worst grain {solver.grain_imbalance:.0e}; "
        f"{result.timings_s['total']:.1f} s, {result.peak_memory_MiB / 1024:.2f} GiB"
    )
    return _wrapped("  ", text)


def _wrapped(head: str, text: str) -> list[str]:
    """Text after a head, on as many lines as it takes, below each other."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False
    )
