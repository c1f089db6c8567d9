"""Stages of a run: their times, and a line for each."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from gbflux.conduction import LocalCurrent, Solution
from gbflux.mesh import BuiltMesh
from gbflux.results.certificate import LocalCertificate
from gbflux.results.folder import not_writable
from gbflux.results.result import SolverFacts

logger = logging.getLogger(__name__)

#: Stages in the order in which a run goes through them.
STAGES = ("grains", "mesh", "layers", "distribute", "assemble", "solve", "bracket", "measure", "write")


@dataclass
class Progress:
    """Keeps the time of a run's stages (`seconds`, by stage) and reports them.

    `announce` is called with a stage's name when it begins, for a display that can be wiped.
    """

    announce: Callable[[str], None] | None = None
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    began: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str, label: str = "") -> Iterator[None]:
        """Time a block as stage `name`."""
        self.begin(label or name)
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start

    def begin(self, name: str) -> None:
        """Say that a stage begins."""
        if self.announce is not None:
            self.announce(name)

    def add(self, seconds: dict[str, float]) -> None:
        """Count times taken elsewhere."""
        for name, value in seconds.items():
            self.seconds[name] += value

    def note(self, stage: str, text: str) -> None:
        """One line on what a stage did, with the time since the start."""
        logger.info("%7.1f s  %-10s %s", self.total(), stage, text)

    def total(self) -> float:
        """Time since the start (s)."""
        return time.perf_counter() - self.began


def log_file(path: Path) -> logging.FileHandler:
    """A log file begun afresh, for `logged_to`; an InputError if it cannot be written."""
    try:
        handler = _LogFile(path, mode="w", encoding="utf-8")
    except OSError as error:
        raise not_writable(path, error) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


class _LogFile(logging.FileHandler):
    """A log that a full disk does not stop: writing the run's other files raises the error."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: the line is lost."""

    def close(self) -> None:
        """Close the file, written to its end or not."""
        with suppress(OSError):
            super().close()


@contextmanager
def logged_to(handler: logging.Handler | None) -> Iterator[None]:
    """Send what gbflux logs to a file as well, with dates, and close it at the end; nothing without one."""
    if handler is None:
        yield
        return
    root = logging.getLogger("gbflux")
    level, propagate = root.level, root.propagate
    added: list[logging.Handler] = [handler]
    if propagate and root.getEffectiveLevel() > logging.INFO:
        # what is let through for the file is not for others: libraries give the root logger a handler
        added.append(_Upwards(root.getEffectiveLevel()))
        root.propagate = False
    for one in added:
        root.addHandler(one)
    root.setLevel(min(logging.INFO, level or logging.INFO))
    try:
        yield
    except Exception as error:
        # for the file alone: the error is reported where it is caught
        words = (type(error).__name__, error)
        handler.handle(root.makeRecord(root.name, logging.ERROR, __file__, 0, "%s: %s", words, None))
        raise
    finally:
        for one in added:
            root.removeHandler(one)
        root.setLevel(level)
        root.propagate = propagate
        handler.close()


class _Upwards(logging.Handler):
    """Passes on to the root logger's handlers what they would have seen."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        logging.getLogger().callHandlers(record)


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


def newton_steps(counts: Solution | SolverFacts) -> str:
    """Return the number of Newton steps as part of a line on the solver; empty for a linear problem."""
    if not counts.newton_iterations:
        return ""
    ramp = f", the load in {counts.load_steps}" if counts.load_steps > 1 else ""
    return f" in {counts.newton_iterations} Newton steps{ramp}"
