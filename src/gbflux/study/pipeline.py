"""One case from grains to numbers, on all ranks of a communicator.

Rank 0 makes the mesh and measures; all ranks solve. While rank 0 works alone the others sleep.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gbflux.case import Case
from gbflux.case.estimate import certifies, element_order
from gbflux.conduction.records import ButlerVolmer, Electrode, Solution, SolverSettings
from gbflux.errors import MissingLibrary
from gbflux.flux import as_result, measure
from gbflux.mesh import BuiltMesh, SizeField
from gbflux.study.certificate import bracket_facts, bracket_reason
from gbflux.study.estimated_errors import hot_spot_errors
from gbflux.study.files import write_files
from gbflux.study.folder import RunFolder
from gbflux.study.notes import note_mesh, note_solution
from gbflux.study.progress import Progress, log_file, logged_to
from gbflux.study.provenance import peak_MiB, provenance
from gbflux.study.ranks import cores_beside_root, on_cores, world
from gbflux.study.refinement import History, MeshTooLarge, Solved, missed, refined
from gbflux.study.result import MeshFacts, Result, SolverFacts, TransportFacts
from gbflux.study.shared_mesh import SharedMesh, case_key
from gbflux.study.snapshot import Snapshot
from gbflux.units import kelvin

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pictures:
    """How the pictures of a case are made, in two steps so that another rank can do the second.

    Attributes
    ----------
    look : callable
        Takes a `Snapshot` and returns what the pictures show; small, and fit for pickling.
    draw : callable
        Takes a folder and that, and draws.
    prepare : callable
        Loads what drawing needs; called while the mesh is made.
    """

    look: Callable[[Snapshot], Any]
    draw: Callable[[Path, Any], Any]
    prepare: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Outcome:
    """What a run hands back on each rank.

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
        What to compute.
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
    _, errors_of_root, *_ = _conduction()
    comm = world() if comm is None else comm
    progress = progress or Progress()
    shared = shared or SharedMesh(comm)
    folder = None if directory is None else RunFolder(Path(directory))
    done = log = None
    with errors_of_root(comm) as is_root:
        if is_root and folder is not None:
            done = _claimed(folder, case, case_key(case, shared.hl_planes_um), force)
            log = log_file(folder.log_file) if done is None else None
    done = comm.bcast(done)
    if done is not None:
        return Outcome(done, None)
    with logged_to(log):
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
    _, errors_of_root, *_ = _conduction()
    prepare = pictures.prepare if pictures is not None and folder is not None else lambda: None
    result = history = None
    if case.accuracy is None:
        solved = _solved(case, None, shared, prepare, progress)
    else:

        def stage(field: SizeField | None, room: float) -> Solved:
            return _solved(case, field, SharedMesh(comm), prepare, progress, room)

        solved, history = refined(case, comm, stage, progress)
    built, solution, snapshot = solved.built, solved.solution, solved.snapshot
    if folder is not None:
        with progress.stage("write"):
            _kept(folder, snapshot, pictures, comm)
        if comm.rank == 0:
            progress.note("write", f"{progress.seconds['write']:.1f} s")
    peaks = comm.gather(peak_MiB())
    with errors_of_root(comm) as is_root:
        if is_root:
            result = _result(snapshot, solution, history, progress, _peak(built, peaks), shared)
            if folder is not None:
                facts = provenance(result.case_hash, built, comm.size, _mpi_library())
                folder.write_json("provenance.json", facts)
                folder.write_json("result.json", result.as_dict())
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
    """Mesh, solve and measure once; *collective*. The last rank prepares while rank 0 meshes."""
    conductivities, errors_of_root, *_ = _conduction()
    comm = shared.comm
    built = sigma = snapshot = None
    cores = cores_beside_root(comm)
    with errors_of_root(comm) as is_root:
        if is_root:
            with on_cores(cores):
                built = _meshed(case, field, progress, shared)
            if len(built.mesh.cells) > room:
                raise MeshTooLarge(len(built.mesh.cells), room)
            sigma = conductivities(built.mesh, case)
            progress.begin("solve")
        elif comm.rank == comm.size - 1:
            prepare()
    solution = shared.solve(sigma, *_electrodes(case), _settings(case))
    del sigma
    with errors_of_root(comm) as is_root:
        if is_root:
            snapshot = _measured(case, built, solution, shared, progress)
    return Solved(built, solution, snapshot)


def _conduction():
    """The solver, loaded late: DOLFINx takes a second and may be missing."""
    try:
        from gbflux.conduction.materials import conductivities
        from gbflux.conduction.parallel import errors_of_root, raise_together, wait_asleep
    except ImportError as error:
        raise MissingLibrary(
            f"solver: DOLFINx, petsc4py and mpi4py must be importable; got {error}. "
            "Run `make setup`, or load your cluster's module; `gbflux doctor` tells more."
        ) from error
    return conductivities, errors_of_root, raise_together, wait_asleep


def _claimed(folder: RunFolder, case: Case, key: str, force: bool) -> Result | None:
    """The stored result if there is one; else the folder made ready."""
    if not force:
        done = folder.finished(case, key)
        if done is not None:
            return done
    folder.begin(case)
    return None


def _meshed(case: Case, field: SizeField | None, progress: Progress, shared: SharedMesh) -> BuiltMesh:
    """The case's mesh, or one of other sizes, with a line for each stage."""
    built = shared.meshed(case, progress, field)
    note_mesh(progress, built)
    return built


def _electrodes(case: Case) -> tuple[Electrode, Electrode]:
    """The electrodes, bottom and top; an applied current enters at the top."""
    parts = (
        case.potentials,
        case.electrode_asr,
        (_law(case, 0), _law(case, 1)),
        (None, case.applied_current_density),
    )
    bottom, top = zip(*parts, strict=True)
    return Electrode(*bottom), Electrode(*top)


def _law(case: Case, side: int) -> ButlerVolmer | None:
    """The kinetics of an electrode at the case's temperature."""
    law = case.electrode_kinetics[side]
    return law and ButlerVolmer(
        exchange_current_density=case.exchange_current_density[side],
        anodic=law.anodic_transfer_coefficient,
        cathodic=law.cathodic_transfer_coefficient,
        temperature=kelvin(case.temperature_C),
    )


def _settings(case: Case) -> SolverSettings:
    """What the solver is asked for."""
    s = case.solver
    return SolverSettings(s.rtol, s.max_iterations, s.preconditioner, element_order(case), certifies(case))


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
            geometry=shared.geometry(),
        )
    progress.note("measure", f"{progress.seconds['measure'] - before:.1f} s")
    return Snapshot(case, built.mesh, solution.fields, measurement)


def _kept(folder: RunFolder, snapshot: Snapshot | None, pictures: Pictures | None, comm: Any) -> None:
    """Leave the files of a run, but for its result; *collective*. The last rank draws while rank 0 writes."""
    _, _, raise_together, wait_asleep = _conduction()
    artist = comm.size - 1
    views = None
    error = None
    if comm.rank == 0:
        try:
            views = pictures.look(snapshot) if pictures and snapshot.case.output.figures else None
        except Exception as caught:
            error = caught
    raise_together(comm, error)
    wanted = comm.bcast(views is not None)
    if wanted and artist != 0:
        if comm.rank == 0:
            comm.send(views, artist)
        elif comm.rank == artist:
            views = comm.recv(source=0)
    try:
        if comm.rank == 0:
            write_files(folder, snapshot)
        if comm.rank == artist and wanted:
            folder.figures.mkdir(exist_ok=True)
            pictures.draw(folder.figures, views)
    except Exception as caught:
        error = caught
    wait_asleep(comm)
    raise_together(comm, error)


def _peak(built: BuiltMesh, peaks: list[float]) -> float:
    """Largest memory of all processes together (MiB): ranks at their peaks, or with the mesher before."""
    before_solving = built.worker_peak_MiB + sum(peaks) / 2 if built.worker_peak_MiB else 0.0
    return max(sum(peaks), before_solving)


def _mpi_library() -> str:
    """Name and version of the MPI library."""
    from mpi4py import MPI

    return MPI.Get_library_version()


def _errors(snapshot: Snapshot, history: History) -> dict[str, Any]:
    """How far numbers may be off, in a tree parallel to theirs."""
    width, asked = history.rounds[-1].relative_width, snapshot.case.accuracy.conductance
    conductance = {
        "asked": asked,
        "relative_width": width,
        "reached": history.stopped_by is None,
        "stopped_by": history.stopped_by,
    }
    spots = hot_spot_errors(snapshot.case, snapshot.mesh, history.measurements)
    return {"conductance": conductance, **spots}


def _result(
    snapshot: Snapshot,
    solution: Solution,
    history: History | None,
    progress: Progress,
    peak: float,
    shared: SharedMesh,
) -> Result:
    """The result record of a solved case."""
    mesh, case = snapshot.mesh, snapshot.case
    tree = as_result(snapshot.measurement, mesh.dimension)
    quality = mesh.quality
    area = {"gb_area_um2" if mesh.dimension == 3 else "gb_length_um": quality.gb_area_um2}
    facts = MeshFacts(
        hash=mesh.hash,
        cells=len(mesh.cells),
        nodes=len(mesh.points),
        grains=mesh.n_grains,
        gb_area_limited_fraction=quality.gb_area_limited_fraction,
        layer_volume_error=quality.layer_volume_error,
        volume_error=quality.volume_error,
        hl_planes_um=shared.hl_planes_um,
        **area,
    )
    bracket = None if solution.bracket is None else bracket_facts(solution.bracket, mesh, case)
    solver = SolverFacts(
        dofs=solution.dofs,
        iterations=solution.iterations,
        relative_residual=solution.relative_residual,
        current_imbalance=tree["solver"]["current_imbalance"],
        grain_imbalance=solution.grain_imbalance,
        newton_iterations=solution.newton_iterations,
        load_steps=solution.load_steps,
    )
    errors = None if history is None else _errors(snapshot, history)
    return Result(
        name=case.name,
        case_hash=case_key(case, shared.hl_planes_um),
        dimension=mesh.dimension,
        mesh=facts,
        solver=solver,
        transport=TransportFacts(**tree["transport"], bracket=bracket, bracket_reason=bracket_reason(case)),
        hot_spots=snapshot.measurement.hot_spots,
        hot_spots_electrolyte=snapshot.measurement.hot_spots_electrolyte,
        homogenizing_layer=snapshot.measurement.homogenizing_layer,
        timings_s={**progress.seconds, "total": progress.total()},
        peak_memory_MiB=peak,
        warnings=warnings(snapshot, errors),
        refinement=() if history is None else history.rounds,
        errors=errors,
    )


def warnings(snapshot: Snapshot, errors: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What a reader of the numbers should know."""
    found = []
    if errors is not None and not errors["conductance"]["reached"]:
        facts = errors["conductance"]
        found.append(missed(facts["relative_width"], facts["asked"], facts["stopped_by"]))
    if len(snapshot.mesh.boundaries) and (snapshot.mesh.slabs or any(snapshot.case.ideal_electrodes)):
        found.append(
            "hot_spots: where a grain boundary ends at an ideal electrode or a homogenizing layer, "
            "the pointwise maximum grows without limit as the mesh is refined; "
            "use percentiles, windows or grains."
        )
    limited = snapshot.mesh.quality.gb_area_limited_fraction
    if limited > 0:
        found.append(
            f"mesh: the layer is thinner than asked for on {limited:.2%} of the grain-boundary area."
        )
    return tuple(found)
