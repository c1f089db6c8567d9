"""`gbflux run`: one case from grains to numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gbflux.cli.session import progress_shown
from gbflux.errors import AccuracyMissed

if TYPE_CHECKING:
    from gbflux.study import Result
    from gbflux.study.certificate import BracketFacts, LocalCertificate

CaseFile = Annotated[Path, typer.Argument(metavar="CASE", help="Case file (YAML).")]
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
        help="Refine until the conductance is certified so closely (0.1%), or the hot-spot measures are "
        "known so well (hot_spots=5%); both with a comma between. Replaces the case's.",
    ),
]


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
    from gbflux.case.accuracies import accuracies
    from gbflux.study.ranks import mpi_job

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


def require_accuracy(result: Result) -> None:
    """End with an error where a result is less accurate than was asked for.

    Raises
    ------
    AccuracyMissed
        Then.
    """
    from gbflux.study.summary import asked_and_reached

    if not all(facts["reached"] for facts in asked_and_reached(result.errors).values()):
        raise AccuracyMissed("\n".join(text for text in result.warnings if text.startswith("accuracy:")))


def job_words(command: str, case_file: Path, output: Path | None, force: bool) -> list[str]:
    """Words after ``gbflux`` by which the ranks of an MPI job do what this process was asked to."""
    chosen = ["-o", str(output)] if output else []
    return [command, str(case_file), *chosen, *(["--force"] if force else [])]


def _certified(bracket: BracketFacts | None) -> str:
    """The certified bounds on the cell's resistance, if there are any."""
    if bracket is None or bracket.asr_ohm_cm2.upper is None:
        return ""
    bounds = bracket.asr_ohm_cm2
    return f"  (certified {bounds.lower:.6g} to {bounds.upper:.6g})"


def certificate_line(one: LocalCertificate) -> str:
    """One certified local current over the mean, or why it is not certified."""
    what = f"grain {one.grain}"
    if one.kind == "window":
        centre = ", ".join(f"{x:.4g}" for x in one.centre_um)
        what = f"{one.diameter_um:g} µm at ({centre}) µm"
    bounds = f"certified {one.lower:.3g} to {one.upper:.3g}" if one.reason is None else "not certified"
    return f"{one.electrode + ' ' + what:29} {one.value:.3g}  ({bounds}, over the mean)"


def _at_voltage(voltage: float | None) -> str:
    """The voltage between the electrodes; nothing for a result that does not have it."""
    return "" if voltage is None else f"  ({voltage:.4g} V)"


def report_lines(result: Result) -> list[str]:
    """The numbers of a result that one looks at first."""
    from gbflux.study.notes import newton_steps

    transport, solver = result.transport, result.solver
    lines = [
        f"{result.name}: {result.mesh.grains:,} grains, {result.mesh.cells:,} cells",
        f"  mean current density  {transport.mean_current_density_mA_per_cm2:.4g} mA/cm²"
        f"{_at_voltage(transport.voltage_V)}",
        f"  sigma_eff             {transport.sigma_eff_S_per_cm:.4g} S/cm"
        f"  (brick layer {transport.brick_layer_S_per_cm:.4g})",
        f"  ASR of the cell       {transport.asr_ohm_cm2:.4g} Ω cm²" + _certified(transport.bracket),
    ]
    for part, label in (("hot_spots", "electrode"), ("hot_spots_electrolyte", "electrolyte|HL")):
        for side, spots in getattr(result, part).items():
            grain = spots.grain_max_over_mean_area_cut
            grain = "" if grain is None else f", grain max {grain:.3g}"
            lines.append(f"  {side + ' ' + label:22}p99 {spots.p99_over_mean:.3g}{grain}  (over the mean)")
    lines += [f"  {certificate_line(one)}" for one in result.certificates]
    for side, profile in result.homogenizing_layer.items():
        where = profile.homogenized_at_um
        text = "not within the layer" if where is None else f"{where:.3g} µm from the electrolyte"
        if profile.reason is not None:
            text = f"unknown: {profile.reason}"
        lines.append(f"  {side + ' layer':22}homogenized (max ≤ 1.1 mean) {text}")
    lines.append(
        f"  {solver.iterations} iterations{newton_steps(solver)}, "
        f"current in − out {solver.current_imbalance:.1e}, "
        f"worst grain {solver.grain_imbalance:.1e}; "
        f"{result.timings_s['total']:.1f} s, {result.peak_memory_MiB / 1024:.2f} GiB"
    )
    lines += [f"  warning: {text}" for text in result.warnings]
    if result.directory is not None:
        lines.append(f"  files: {result.directory}")
    return lines
