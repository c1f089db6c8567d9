"""One case from grains to numbers, on all ranks of a communicator.

Rank 0 makes the mesh and measures; all ranks solve. While rank 0 works alone the others sleep.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

from gbflux.case import Case
from gbflux.case.cost import certifies, element_order
from gbflux.conduction import (
    ButlerVolmer,
    Electrode,
    Resistance,
    Solution,
    SolverSettings,
    bottom_electrode,
    top_electrode,
)
from gbflux.errors import InputError, MissingLibrary
from gbflux.measure import electrode_parts, measure
from gbflux.mesh import BuiltMesh, SizeField
from gbflux.results.certificate import local_certificates
from gbflux.results.fields import Snapshot
from gbflux.results.folder import Claim, RunFolder, settled
from gbflux.results.provenance import peak_MiB, provenance
from gbflux.results.result import Result
from gbflux.simulation.files import Pictures, leave_files, leave_result
from gbflux.simulation.mpi_job import cores_beside_root, mpi_library, on_cores, world
from gbflux.simulation.progress import (
    Progress,
    log_file,
    logged_to,
    note_certificates,
    note_mesh,
    note_solution,
)
from gbflux.simulation.refinement import MeshTooLarge, refined
from gbflux.simulation.shared_mesh import SharedMesh, Unit, case_key, load_solver
from gbflux.simulation.summary import peak_of_all, result_of
from gbflux.simulation.targets import Solved
from gbflux.units import kelvin


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run on each rank.

    Attributes
    ----------
    result : Result
        The same on all ranks.
    snapshot : Snapshot or None
        The solved case on rank 0; None on other ranks and for a case that was finished before.
    """

    result: Result
    snapshot: Snapshot | None


def run_case(
    case: Case,
    directory: Path | None = None,
    *,
    comm: Any = None,
    force: bool = False,
    pictures: Pictures | None = None,
    progress: Progress | None = None,
    shared: SharedMesh | None = None,
) -> Outcome:
    """Run a case; *collective*.

    Parameters
    ----------
    case : Case
        The case to compute.
    directory : Path, optional
        Where to leave files; None leaves none.
    comm : MPI.Intracomm, optional
        The ranks that share the work; all of them by default.
    force : bool
        Replace another case's files, and run again what is finished.
    pictures : Pictures, optional
        Makes the pictures, if the case asks for them.
    progress : Progress, optional
        Keeps the time and reports stages; looked at on rank 0.
    shared : SharedMesh, optional
        The mesh, on `comm`, where other cases have it too; by default one of the case's own.

    Returns
    -------
    Outcome
        With the stored result, and no snapshot, if the folder holds this case finished.

    Raises
    ------
    InputError, MeshError, SolverError, MissingLibrary
        On all ranks together.
    """
    _, errors_of_root = _conduction()
    comm = world() if comm is None else comm
    progress = progress or Progress()
    shared = shared or SharedMesh(comm)
    folder = None if directory is None else RunFolder(Path(directory))
    done = taken = log = None
    with errors_of_root(comm) as is_root:
        if is_root and folder is not None:
            done = None if force else folder.finished(case, case_key(case, shared.hl_planes_um))
            taken, log = (None, None) if done is not None else _taken(folder, case)
    done = comm.bcast(done)
    if done is not None:
        return Outcome(done, None)
    with settled(taken), logged_to(log):
        return _run_all(case, folder, comm, pictures, progress, shared)


def _run_all(
    case: Case,
    folder: RunFolder | None,
    comm: Any,
    pictures: Pictures | None,
    progress: Progress,
    shared: SharedMesh,
) -> Outcome:
    """All stages of a case that is not finished; *collective*."""
    _, errors_of_root = _conduction()
    prepare = pictures.prepare if pictures is not None and folder is not None else lambda: None
    result = history = None
    if case.accuracy is None:
        solved = _solved(case, None, shared, prepare, progress)
    else:

        def stage(field: SizeField | None, room: float) -> Solved:
            return _solved(case, field, SharedMesh(comm), prepare, progress, room)

        solved, history = refined(case, comm, stage, progress)
    if case.certify is not None and not _at_once(case):
        solved = _certified_again(case, solved, comm, progress)
    built, snapshot = solved.built, solved.snapshot
    if folder is not None:
        with progress.stage("write"):
            leave_files(folder, snapshot, pictures, comm)
        if comm.rank == 0:
            progress.note("write", f"{progress.seconds['write']:.1f} s")
    peaks = comm.gather(peak_MiB())
    with errors_of_root(comm) as is_root:
        if is_root:
            peak = peak_of_all(built, peaks)
            result = result_of(solved, history, progress, peak, shared.hl_planes_um)
            if folder is not None:
                leave_result(folder, result, provenance(result.case_hash, built, comm.size, mpi_library()))
                result = replace(result, directory=folder.path)
    return Outcome(comm.bcast(result), snapshot)


def _solved(
    case: Case,
    field: SizeField | None,
    shared: SharedMesh,
    prepare: Callable[[], Any],
    progress: Progress,
    room: float = math.inf,
) -> Solved:
    """Mesh, solve and measure once; *collective*. Ranks load what they need while rank 0 meshes."""
    conductivities, errors_of_root = _conduction()
    comm = shared.comm
    built = sigma = snapshot = None
    cores = cores_beside_root(comm)
    with errors_of_root(comm) as is_root:
        try:
            if is_root:
                with on_cores(cores):
                    built = _meshed(case, field, progress, shared)
        finally:
            load_solver()  # even after an error: the other ranks have begun to, and wait for this one
        if is_root:
            if len(built.mesh.cells) > room:
                raise MeshTooLarge(len(built.mesh.cells), room)
            sigma = conductivities(built.mesh, case)
            progress.begin("solve")
        elif comm.rank == comm.size - 1:
            prepare()
    certify = _at_once(case)
    solution = shared.solve(sigma, electrodes(case), settings(case, certify))
    del sigma
    with errors_of_root(comm) as is_root:
        if is_root:
            snapshot = _measured(case, built, solution, shared, progress)
    solved = Solved(built, solution, snapshot)
    return _certified(case, solved, shared, progress) if certify else solved


def _at_once(case: Case) -> bool:
    """Test whether local currents are certified with every solve; else, if at all, on the best mesh."""
    return case.certify is not None and (case.accuracy is None or case.refined_for("hot_spot"))


def _certified_again(case: Case, solved: Solved, comm: Any, progress: Progress) -> Solved:
    """Solve once more on the best mesh: keeping bounds of every round would hold memory; *collective*."""
    conductivities, _ = _conduction()
    shared = SharedMesh(comm, built=solved.built)
    sigma = conductivities(solved.built.mesh, case) if comm.rank == 0 else None
    shared.solve(sigma, electrodes(case), settings(case, certify=True))
    return _certified(case, solved, shared, progress)


def _certified(case: Case, solved: Solved, shared: SharedMesh, progress: Progress) -> Solved:
    """A solved case with its bounds on local currents, these on rank 0; *collective*."""
    _, errors_of_root = _conduction()
    comm, parts, tried, weights = shared.comm, [], [], None
    progress.begin("certify")
    before = time.perf_counter()
    with errors_of_root(comm) as is_root:
        if is_root:
            snapshot, asked = solved.snapshot, case.certify
            mesh = snapshot.mesh
            parts = electrode_parts(
                snapshot.measurement.electrodes, case.mean_grain_size_um, asked.grains, asked.windows_um
            )
            tried = [part.reason is None or case.accuracy is not None for part in parts]
            count = len(mesh.points)
            weights = [(part.electrode, part.at_points(count)) for part in compress(parts, tried)]
    bounds = iter(shared.certify(weights))
    if comm.rank != 0:
        return solved
    found = [next(bounds) if has_bounds else None for has_bounds in tried]
    current = solved.snapshot.measurement.transport.current
    certificates = local_certificates(case, solved.solution, parts, found, current)
    progress.add({"bracket": time.perf_counter() - before})
    note_certificates(progress, certificates, found)
    return replace(solved, certificates=certificates, local_currents=tuple(found))


def _conduction():
    """The solver, loaded late: DOLFINx takes a second and may be missing."""
    try:
        from gbflux.conduction.materials import conductivities
        from gbflux.conduction.mpi import errors_of_root
    except ImportError as error:
        raise MissingLibrary(
            f"solver: DOLFINx, petsc4py and mpi4py must be importable; got {error}. "
            "Run `make setup`, or load your cluster's module; `gbflux doctor` tells more."
        ) from error
    return conductivities, errors_of_root


def _taken(folder: RunFolder, case: Case) -> tuple[Claim, logging.Handler]:
    """The folder made ready, and its log begun; as it was if that fails."""
    taken = folder.begin(case)
    try:
        return taken, log_file(folder.log_file)
    except InputError:
        taken.undo()
        raise


def _meshed(case: Case, field: SizeField | None, progress: Progress, shared: SharedMesh) -> BuiltMesh:
    """The case's mesh, or one of other sizes, with a line for each stage."""
    built = shared.meshed(case, progress, field)
    note_mesh(progress, built)
    return built


def _measured(
    case: Case, built: BuiltMesh, solution: Solution, shared: SharedMesh, progress: Progress
) -> Snapshot:
    """The solved case with its measures, on rank 0."""
    progress.add(dict(solution.timings))
    note_solution(progress, solution)
    before = progress.seconds["measure"]
    with progress.stage("measure"):
        measurement = measure(
            built.mesh,
            solution.fields,
            mean_grain_size_um=case.mean_grain_size_um,
            potentials=solution.potentials,
            ideal=case.ideal_electrodes,
            geometry=shared.geometry(),
        )
    progress.note("measure", f"{progress.seconds['measure'] - before:.1f} s")
    return Snapshot(case, built.mesh, solution.fields, measurement)


def electrodes(case: Case) -> tuple[Electrode, Electrode]:
    """The electrodes, bottom and top; an applied current enters at the top."""
    bottom, top = case.potentials
    return (
        bottom_electrode(bottom, _law(case, 0)),
        top_electrode(top, _law(case, 1), case.applied_current_density),
    )


def _law(case: Case, side: int) -> ButlerVolmer | Resistance:
    """Return the law of an electrode at the case's temperature."""
    law, asr = case.electrode_kinetics[side], case.electrode_asr[side]
    exchange = case.exchange_current_density[side]
    if law is None or exchange is None:
        return Resistance(asr)
    return ButlerVolmer(
        exchange_current_density=exchange,
        anodic=law.anodic_transfer_coefficient,
        cathodic=law.cathodic_transfer_coefficient,
        temperature=kelvin(case.temperature_C),
        asr=asr,
    )


def settings(case: Case, certify: bool = False) -> SolverSettings:
    """Return the solver's settings; with `certify` it keeps what bounds on local currents need."""
    s = case.solver
    return SolverSettings(
        s.rtol, s.max_iterations, s.preconditioner, element_order(case), certifies(case), certify
    )


def run_unit(
    unit: Unit,
    wanted: Sequence[tuple[Case, Path]],
    *,
    comm: Any = None,
    pictures: Pictures | None = None,
    progress: Callable[[Case], Progress] = lambda case: Progress(),
    failed: Callable[[Case, Path, Exception], None] | None = None,
) -> list[Result | None]:
    """Run those cases of a unit that are wanted, each into its folder; *collective*.

    Parameters
    ----------
    unit : Unit
        All cases that share the mesh, wanted or not: they fix the mesh.
    wanted : sequence of (Case, Path)
        Members of the unit and their folders. A folder that holds its case finished is left as it is.
    comm : MPI.Intracomm, optional
        The ranks that share the work; all of them by default.
    pictures : Pictures, optional
        Makes the pictures, where a case asks for them.
    progress : callable
        Makes the progress report of a case.
    failed : callable, optional
        Told of a case that ended with an error, on all ranks; the next case then goes on. Without it the
        error is raised.

    Returns
    -------
    list of Result or None
        One for each wanted case, the same on all ranks; None for a failed one.
    """
    comm = world() if comm is None else comm
    shared = SharedMesh(comm, unit.hl_planes_um, solves=len(wanted))
    results: list[Result | None] = []
    try:
        for case, folder in wanted:
            try:
                outcome = run_case(
                    case, folder, comm=comm, pictures=pictures, progress=progress(case), shared=shared
                )
                results.append(outcome.result)
            except Exception as error:
                if failed is None:
                    raise
                failed(case, folder, error)
                results.append(None)
    finally:
        shared.close()
    return results
