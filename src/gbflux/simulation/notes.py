"""Log lines of the stages of a run, one for each stage that is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gbflux.conduction.records import LocalCurrent, Solution
from gbflux.mesh import BuiltMesh
from gbflux.results.certificate import LocalCertificate
from gbflux.simulation.progress import Progress


def note_mesh(progress: Progress, built: BuiltMesh) -> None:
    """Lines on grains, mesh and layers, with the seconds each took where it was not made before."""
    mesh, limited = built.mesh, built.mesh.quality.gb_area_limited_fraction
    made = {} if built.from_cache else built.timings
    took = {stage: f" ({seconds:.1f} s)" for stage, seconds in made.items()}
    progress.note("grains", f"{mesh.n_grains:,} grains{took.get('grains', '')}")
    origin = took.get("mesh", " (made before)")
    progress.note("mesh", f"{len(mesh.cells):,} cells, {len(mesh.points):,} points{origin}")
    thinner = f", thickness limited on {100 * limited:.3g} % of their area" if limited > 0 else ""
    progress.note("layers", f"{len(mesh.boundaries):,} boundaries{thinner}{took.get('layers', '')}")


def note_solution(progress: Progress, solution: Solution) -> None:
    """Lines on distribution, assembly, solver and bracket."""
    for stage in ("distribute", "assemble"):
        progress.note(stage, f"{solution.timings[stage]:.1f} s")
    progress.note(
        "solve",
        f"{solution.dofs:,} unknowns, {solution.iterations} iterations"
        f"{newton_steps(solution)}, residual {solution.relative_residual:.1e} "
        f"({solution.timings['solve']:.1f} s)",
    )
    if solution.bracket is not None:
        width, count = solution.bracket.relative_width, solution.bracket.iterations
        progress.note("bracket", f"conductance certified to {100 * width:.2g} %, {count} iterations")


def note_certificates(
    progress: Progress, certificates: Sequence[LocalCertificate], found: Sequence[LocalCurrent | None]
) -> None:
    """A line on how closely local currents are certified."""
    widths = [one.half_width for one in certificates if one.half_width is not None]
    if not widths:
        progress.note("certify", "no local current has bounds")
        return
    count = sum(one.iterations for one in found if one is not None)
    closest, widest = (f"{float(f'{100 * width:.2g}'):g}" for width in (min(widths), max(widths)))
    progress.note("certify", f"{len(widths)} local currents to ± {closest} to {widest} %, {count} iterations")


class Counts(Protocol):
    """Record that counts the steps of a nonlinear solve."""

    newton_iterations: int
    load_steps: int


def newton_steps(counts: Counts) -> str:
    """Return the number of Newton steps as part of a line on the solver; empty for a linear problem."""
    if not counts.newton_iterations:
        return ""
    ramp = f", the load in {counts.load_steps}" if counts.load_steps > 1 else ""
    return f" in {counts.newton_iterations} Newton steps{ramp}"
