"""The Python interface: cases in, results out. Here the rooms meet; `gbflux.run` is this `run`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbflux.case import Case, estimate, machine_memory, require_memory
from gbflux.errors import InputError
from gbflux.simulation.mpi_job import on_root
from gbflux.simulation.run import Outcome, Run, begun, files_left, finish, solve

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
    return _run_and_draw(case, directory, force=force, comm=comm, progress=progress)


def run_unit(directory: Path, unit_key: str, keys: Sequence[str] = ()) -> list[str]:
    """Compute cases of a study that share a mesh, one after the other; *collective*.

    Parameters
    ----------
    directory : Path
        Folder of the study.
    unit_key : str
        Key of their unit of work, or its beginning.
    keys : sequence of str
        Keys of the wanted cases; none: all that are not done.

    Returns
    -------
    list of str
        Keys of the cases that failed, the same on all ranks.

    Raises
    ------
    InputError
        If another process is at work on the unit, or it has no such case.
    """
    from gbflux.study.worker import unit_held

    with unit_held(directory, unit_key, keys) as unit:
        for case, folder in unit.wanted:
            with unit.reported(case) as progress:
                _run_and_draw(case, folder, comm=unit.comm, progress=progress, shared=unit.shared)
    return unit.failed


def _run_and_draw(
    case: Case, directory: str | Path | None, **options: Any
) -> tuple[Outcome, CaseViews | None]:
    """Run a case, the pictures drawn before its result is written: that is last; *collective*."""
    with begun(case, None if directory is None else Path(directory), **options) as run:
        if run.stored is not None:
            return Outcome(run.stored, None), None
        solved, history = solve(run)
        seen, shown = _views_of_run(run, solved.snapshot)
        with files_left(run, solved.snapshot):
            if run.folder is not None and shown is not None:
                from gbflux.report.figures.case import draw_views

                run.folder.figures.mkdir(exist_ok=True)
                draw_views(run.folder.figures, shown)
        return finish(run, solved, history), seen


def _views_of_run(run: Run, snapshot: Snapshot | None) -> tuple[CaseViews | None, CaseViews | None]:
    """Views for the pictures of a run: on rank 0, and on the rank that draws; *collective*.

    The last rank draws, so that rank 0 can write files meanwhile; views are small, meshes are not.
    """
    if run.folder is None or not run.case.output.figures:
        return None, None
    with run.progress.stage("write"):
        seen = on_root(run.comm, lambda: None if snapshot is None else views(snapshot))
    artist = run.comm.size - 1
    if artist == 0:
        return seen, seen
    if run.comm.rank == 0:
        run.comm.send(seen, artist)
    return seen, run.comm.recv(source=0) if run.comm.rank == artist else None


def views(snapshot: Snapshot) -> CaseViews:
    """Return the images and lines that the pictures of a solved case are drawn from."""
    from gbflux.report.figures.views import case_views

    case = snapshot.case
    given = case.potentials[1] is None
    return case_views(snapshot.mesh, snapshot.fields, snapshot.measurement, case.name, given)
