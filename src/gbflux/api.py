"""The Python interface: cases in, results out. Here the rooms meet; `gbflux.run` is this `run`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbflux.case import Case, estimate, machine_memory, require_memory
from gbflux.errors import InputError
from gbflux.simulation.files import Pictures
from gbflux.simulation.run import Outcome, run_case

if TYPE_CHECKING:
    from gbflux.report.figures.views import CaseViews
    from gbflux.results import Result, Snapshot
    from gbflux.simulation import Progress


def run(case: Case, directory: str | Path | None = None, *, force: bool = False, comm: Any = None) -> Result:
    """Run a case and return its numbers; *collective* under MPI.

    Parameters
    ----------
    case : Case
        From `load_case` or `parse_case`.
    directory : path, optional
        Where to leave the files of the run; none are left without it.
    force : bool
        Replace another case's files, and run again what is finished.
    comm : MPI.Intracomm, optional
        Ranks that share the work; all of them by default.

    Returns
    -------
    Result
        The same on all ranks.

    Raises
    ------
    InputError
        If it is no case or cannot be run here, or the folder holds another case.
    MeshError
        If no valid mesh can be made.
    SolverError
        If the solver stops short.
    MissingLibrary
        If gmsh, DOLFINx or h5py is missing.
    """
    if not isinstance(case, Case):
        raise InputError(f"run: case must be a Case; got {case!r}. Read one with gbflux.load_case(path).")
    return run_with_pictures(case, directory, force=force, comm=comm)[0].result


def run_with_pictures(
    case: Case,
    directory: str | Path | None,
    *,
    force: bool = False,
    comm: Any = None,
    progress: Progress | None = None,
) -> tuple[Outcome, CaseViews | None]:
    """`run`, which also returns the views its pictures were drawn from (rank 0; None if finished before)."""
    warning = require_memory(estimate(case), machine_memory())
    if warning and progress is not None:
        progress.note("memory", warning)
    seen: list[CaseViews] = []
    outcome = run_case(
        case,
        None if directory is None else Path(directory),
        comm=comm,
        force=force,
        pictures=pictures(seen),
        progress=progress,
    )
    return outcome, seen[0] if seen else None


def pictures(seen: list[CaseViews] | None = None) -> Pictures:
    """Return the two steps that make the pictures of cases; the views drawn are added to `seen` (rank 0)."""

    def look(snapshot: Snapshot) -> CaseViews:
        found = views(snapshot)
        if seen is not None:
            seen.append(found)
        return found

    def draw(folder: Path, shown: CaseViews) -> None:
        from gbflux.report.figures.case import draw_views

        draw_views(folder, shown)

    return Pictures(look, draw, lambda: import_module("gbflux.report.figures.case"))


def views(snapshot: Snapshot) -> CaseViews:
    """Return the images and lines that the pictures of a solved case are drawn from."""
    from gbflux.report.figures.views import case_views

    case = snapshot.case
    given = case.potentials[1] is None
    return case_views(snapshot.mesh, snapshot.fields, snapshot.measurement, case.name, given)
