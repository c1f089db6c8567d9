"""One case from grains to numbers, on all ranks of a communicator.

A run is a straight line: `begun` takes the folder, `solve` meshes, solves and measures, `files_left` writes
tables and fields, while what is in its block may draw, and `finish` writes the result, last of all. Rank 0
makes the mesh and measures; all ranks solve. While rank 0 works alone the others sleep.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import compress
from logging import Handler
from pathlib import Path
from typing import Any

from gbflux.case import Case
from gbflux.conduction.records import Solution
from gbflux.errors import InputError, MissingLibrary
from gbflux.measure import ElectrodePart, electrode_parts, measure
from gbflux.mesh import BuiltMesh, SizeField
from gbflux.results.certificate import local_certificates
from gbflux.results.fields import Snapshot, fields_bytes
from gbflux.results.folder import Claim, RunFolder, disk_errors_as_input_errors, require_room, settled
from gbflux.results.provenance import peak_MiB, provenance
from gbflux.results.result import Result
from gbflux.simulation.files import write_files
from gbflux.simulation.mpi_job import cores_beside_root, from_root, mpi_library, on_cores, on_root, world
from gbflux.simulation.progress import (
    Progress,
    log_file,
    logged_to,
    note_certificates,
    note_mesh,
    note_solution,
)
from gbflux.simulation.refinement import History, MeshTooLarge, refined
from gbflux.simulation.shared_mesh import SharedMesh, case_key, load_drawing, load_solver
from gbflux.simulation.summary import peak_of_all, result_of
from gbflux.simulation.targets import Solved


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run on each rank."""

    result: Result  # the same on all ranks
    snapshot: Snapshot | None  # on rank 0; None for a case that was finished before


@dataclass(frozen=True)
class Run:
    """A case under way."""

    case: Case
    folder: RunFolder | None  # where it leaves files; None leaves none
    comm: Any  # the ranks that share the work
    progress: Progress
    shared: SharedMesh  # the mesh of the case, which it may share with others
    stored: Result | None = None  # the result of a case that is finished: nothing is left to do


def run_case(case: Case, directory: Path | None = None, **options: Any) -> Outcome:
    """Run a case without drawing, with the options of `begun`; *collective*.

    The result is the stored one, without a snapshot, if the folder holds this case finished.

    Raises
    ------
    InputError, MeshError, SolverError, MissingLibrary
        On all ranks together.
    """
    with begun(case, directory, **options) as run:
        if run.stored is not None:
            return Outcome(run.stored, None)
        solved, history = solve(run)
        with files_left(run, solved.snapshot):
            pass
        return finish(run, solved, history)


@contextmanager
def begun(
    case: Case,
    directory: Path | None = None,
    *,
    comm: Any = None,
    force: bool = False,
    progress: Progress | None = None,
    shared: SharedMesh | None = None,
) -> Iterator[Run]:
    """Take the folder of a run, and log into it during a block that runs the case; *collective*.

    Parameters
    ----------
    directory : Path, optional
        Where to leave files; None leaves none.
    comm : MPI.Intracomm, optional
        The ranks that share the work; all of them by default.
    force : bool
        Replace another case's files, and run again what is finished.
    progress : Progress, optional
        Keeps the time and reports stages; looked at on rank 0.
    shared : SharedMesh, optional
        The mesh, on `comm`, where other cases have it too; by default one of the case's own.

    Raises
    ------
    InputError, MissingLibrary
        On all ranks together.
    """
    _require_solver()
    comm = world() if comm is None else comm
    shared = shared or SharedMesh(comm)
    folder = None if directory is None else RunFolder(Path(directory))
    run = Run(case, folder, comm, progress or Progress(), shared)
    if folder is None:
        yield run
        return
    key = case_key(case, shared.hl_planes_um)
    stored = None if force else from_root(comm, lambda: folder.finished(case, key))
    if stored is not None:
        yield replace(run, stored=stored)
        return
    claim, log = on_root(comm, lambda: _claimed(folder, case)) or (None, None)
    with settled(claim), logged_to(log):
        yield run


def solve(run: Run) -> tuple[Solved, History | None]:
    """Solve a case, on ever finer meshes where an accuracy is asked for; *collective*.

    Returns the solved case, and the meshes on the way to the accuracy.
    """
    case, history = run.case, None
    if case.accuracy is None:
        solved = solve_once(case, run.shared, run.progress)
    else:

        def on_mesh(field: SizeField | None, room: float) -> Solved:
            return solve_once(case, SharedMesh(run.comm), run.progress, field, room)

        solved, history = refined(case, run.comm, on_mesh, run.progress)
    if case.certify is not None and not _certified_at_once(case):
        # once more on the best mesh: keeping what bounds take of every round would hold memory
        shared = SharedMesh(run.comm, built=solved.built)
        shared.solve(case, certify=True)
        solved = _certified(case, solved, shared, run.progress)
    return solved, history


def solve_once(
    case: Case,
    shared: SharedMesh,
    progress: Progress,
    field: SizeField | None = None,
    room: float = math.inf,
) -> Solved:
    """Mesh, solve and measure once; *collective*.

    Parameters
    ----------
    field : SizeField, optional
        Sizes of the mesh, on rank 0; by default those of the case.
    room : float
        Most cells that the mesh may have; a larger one is a `MeshTooLarge` on all ranks.
    """
    certify = _certified_at_once(case)
    built = _meshed(case, shared, progress, field, room)
    if built is not None:
        progress.begin("solve")
    solution = shared.solve(case, certify)
    snapshot = on_root(shared.comm, lambda: _measured(case, solution, shared, progress))
    solved = Solved(built, solution, snapshot)
    return _certified(case, solved, shared, progress) if certify else solved


@contextmanager
def files_left(run: Run, snapshot: Snapshot | None) -> Iterator[None]:
    """Write tables, surfaces and fields on rank 0, then run a block; *collective*.

    Other ranks are in the block while rank 0 writes. What fails on one of them, here or in the block, is
    raised on all when all are done.

    Raises
    ------
    InputError
        If the disk has no room for the files.
    """
    if run.folder is None:
        yield
        return
    from gbflux.conduction.mpi import raise_together, wait_asleep

    folder, error = run.folder, None
    with run.progress.stage("write"):
        size = from_root(run.comm, lambda: _required_room(folder, snapshot))
        try:
            with disk_errors_as_input_errors(folder.path, size):
                if snapshot is not None:
                    write_files(folder, snapshot)
                yield
        except Exception as caught:
            error = caught
        wait_asleep(run.comm)
        raise_together(run.comm, error)
    if snapshot is not None:
        run.progress.note("write", f"{run.progress.seconds['write']:.1f} s")


def finish(run: Run, solved: Solved, history: History | None) -> Outcome:
    """Put the result together and write it, and its provenance, into the folder; *collective*.

    Raises
    ------
    InputError
        On all ranks, if the disk has no room for them.
    """
    peaks = run.comm.gather(peak_MiB())

    def stored() -> Result:
        peak = peak_of_all(solved.root_mesh, peaks)
        result = result_of(solved, history, run.progress, peak, run.shared.hl_planes_um)
        if run.folder is None:
            return result
        facts = provenance(result.case_hash, solved.root_mesh, run.comm.size, mpi_library())
        with disk_errors_as_input_errors(run.folder.path):
            run.folder.write_json("provenance.json", facts)
            run.folder.write_json("result.json", result.as_dict())
        return replace(result, directory=run.folder.path)

    return Outcome(from_root(run.comm, stored), solved.snapshot)


def _require_solver() -> None:
    """Load what ranks agree with; DOLFINx itself is loaded while the mesh is made."""
    try:
        import gbflux.conduction.mpi  # noqa: F401
    except ImportError as error:
        raise MissingLibrary(
            f"solver: DOLFINx, petsc4py and mpi4py must be importable; got {error}. "
            "Run `make setup`, or load your cluster's module; `gbflux doctor` tells more."
        ) from error


def _claimed(folder: RunFolder, case: Case) -> tuple[Claim, Handler]:
    """The folder made ready, and its log begun; as it was if that fails."""
    claim = folder.begin(case)
    try:
        return claim, log_file(folder.log_file)
    except InputError:
        claim.undo()
        raise


def _meshed(
    case: Case, shared: SharedMesh, progress: Progress, field: SizeField | None, room: float
) -> BuiltMesh | None:
    """The mesh on rank 0; ranks load what they need while it is made; *collective*."""
    from gbflux.conduction.mpi import errors_of_root

    comm = shared.comm
    cores = cores_beside_root(comm)
    with errors_of_root(comm) as is_root:
        try:
            with on_cores(cores):
                built = shared.meshed(case, progress, field) if is_root else None
        finally:
            load_solver()  # even after an error: the other ranks have begun to, and wait for this one
        if built is not None:
            note_mesh(progress, built)
            if len(built.mesh.cells) > room:
                raise MeshTooLarge(len(built.mesh.cells), room)
        elif case.output.figures and comm.rank == comm.size - 1:  # the last rank draws
            load_drawing()
    return built


def _measured(case: Case, solution: Solution, shared: SharedMesh, progress: Progress) -> Snapshot:
    """The solved case with its measures, on rank 0."""
    assert solution.fields is not None
    progress.add(dict(solution.timings))
    note_solution(progress, solution)
    before = progress.seconds["measure"]
    with progress.stage("measure"):
        measurement = measure(
            shared.mesh,
            solution.fields,
            mean_grain_size_um=case.mean_grain_size_um,
            potentials=solution.potentials,
            ideal=case.ideal_electrodes,
            geometry=shared.geometry(),
        )
    progress.note("measure", f"{progress.seconds['measure'] - before:.1f} s")
    return Snapshot(case, shared.mesh, solution.fields, measurement)


def _certified_at_once(case: Case) -> bool:
    """Test whether local currents are certified with every solve; else, if at all, on the best mesh."""
    return case.certify is not None and (case.accuracy is None or case.refined_for("hot_spot"))


def _certified(case: Case, solved: Solved, shared: SharedMesh, progress: Progress) -> Solved:
    """A solved case with its bounds on local currents, these on rank 0; *collective*."""
    progress.begin("certify")
    before = time.perf_counter()
    chosen = on_root(shared.comm, lambda: _chosen_parts(case, solved.root_snapshot))
    if chosen is None:
        shared.certify(None)
        return solved
    parts, tried, weights = chosen
    bounds = iter(shared.certify(weights))
    found = [next(bounds) if has_bounds else None for has_bounds in tried]
    current = solved.root_snapshot.measurement.transport.current
    certificates = local_certificates(case, solved.solution, parts, found, current)
    progress.add({"bracket": time.perf_counter() - before})
    note_certificates(progress, certificates, found)
    return replace(solved, certificates=certificates, local_currents=tuple(found))


def _chosen_parts(
    case: Case, snapshot: Snapshot
) -> tuple[list[ElectrodePart], list[bool], list[tuple[str, Any]]]:
    """Parts of the electrodes to certify; which of them can have bounds; electrode and weights of these."""
    asked = case.certify
    assert asked is not None
    parts = electrode_parts(
        snapshot.measurement.electrodes, case.mean_grain_size_um, asked.grains, asked.windows_um
    )
    # refining goes by the bounds of a cone also where a window is too narrow to be certified
    tried = [part.reason is None or case.accuracy is not None for part in parts]
    count = len(snapshot.mesh.points)
    return parts, tried, [(part.electrode, part.at_points(count)) for part in compress(parts, tried)]


def _required_room(folder: RunFolder, snapshot: Snapshot | None) -> int:
    """Bytes of the fields, which are nearly all that a run leaves, once the disk has room for them."""
    size = fields_bytes(snapshot.mesh) if snapshot is not None and snapshot.case.output.fields else 0
    require_room(folder.path, size)
    return size
