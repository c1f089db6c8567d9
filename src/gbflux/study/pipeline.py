"""One case from grains to numbers, on all ranks of a communicator.

Rank 0 makes the mesh and measures; all ranks solve. While rank 0 works alone the others sleep.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gbflux.case import Case
from gbflux.conduction.records import Electrode, Solution, SolverSettings
from gbflux.errors import MissingLibrary
from gbflux.flux import as_result, measure
from gbflux.mesh import BuiltMesh, build_mesh, recipe
from gbflux.study.files import write_files
from gbflux.study.folder import RunFolder
from gbflux.study.progress import Progress
from gbflux.study.provenance import peak_MiB, provenance
from gbflux.study.result import MeshFacts, Result, SolverFacts, TransportFacts
from gbflux.study.snapshot import Snapshot

logger = logging.getLogger(__name__)

#: Draws the pictures of a solved case into a folder.
Draw = Callable[[Path, Snapshot], Any]


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
    draw: Draw | None = None,
    progress: Progress | None = None,
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
    draw : callable, optional
        Draws the pictures, if the case asks for them.
    progress : Progress, optional
        Keeps the time and reports stages; looked at on rank 0.

    Returns
    -------
    Outcome
        With the stored result, and no snapshot, if the folder holds this case finished.

    Raises
    ------
    InputError, MeshError, SolverError, MissingLibrary
        On all ranks together.
    """
    solve, conductivities, errors_of_root = _conduction()
    if comm is None:
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
    progress = progress or Progress()
    folder = None if directory is None else RunFolder(Path(directory))
    done = None
    with errors_of_root(comm) as is_root:
        if is_root and folder is not None:
            done = _claimed(folder, case, force)
    done = comm.bcast(done)
    if done is not None:
        return Outcome(done, None)
    built = sigma = None
    with errors_of_root(comm) as is_root:
        if is_root:
            built = _meshed(case, progress)
            sigma = conductivities(built.mesh, case)
            progress.begin("solve")
    solution = solve(comm, built and built.mesh, sigma, *_electrodes(case), _settings(case))
    del sigma
    peaks = comm.gather(peak_MiB())
    outcome = None
    with errors_of_root(comm) as is_root:
        if is_root:
            outcome = _finished(case, built, solution, folder, draw, progress, peaks, comm)
    result = comm.bcast(outcome and outcome.result)
    return outcome or Outcome(result, None)


def _conduction():
    """The solver, loaded late: DOLFINx takes a second and may be missing."""
    try:
        from gbflux.conduction.materials import conductivities
        from gbflux.conduction.parallel import errors_of_root
        from gbflux.conduction.solve import solve
    except ImportError as error:
        raise MissingLibrary(
            f"solver: DOLFINx, petsc4py and mpi4py must be importable; got {error}. "
            "Run `make setup`, or load your cluster's module; `gbflux doctor` tells more."
        ) from error
    return solve, conductivities, errors_of_root


def _claimed(folder: RunFolder, case: Case, force: bool) -> Result | None:
    """The stored result if there is one; else the folder made ready."""
    if not force:
        done = folder.finished(case)
        if done is not None:
            return done
    folder.begin(case)
    return None


def _meshed(case: Case, progress: Progress) -> BuiltMesh:
    """The case's mesh, with a line on it."""
    progress.begin("mesh")
    built = build_mesh(recipe(case))
    progress.add(built.timings)
    mesh, quality = built.mesh, built.mesh.quality
    origin = (
        "from the cache"
        if built.from_cache
        else f"gmsh {built.timings['mesh']:.1f} s, layers {built.timings['layers']:.1f} s"
    )
    progress.note(
        "mesh",
        f"{mesh.n_grains:,} grains, {len(mesh.cells):,} cells, {len(mesh.points):,} points ({origin})",
    )
    if quality.gb_area_limited_fraction > 0:
        progress.note(
            "layers",
            f"thickness limited on {100 * quality.gb_area_limited_fraction:.3g} % of the boundary area",
        )
    return built


def _electrodes(case: Case) -> tuple[Electrode, Electrode]:
    bottom, top = zip(case.potentials, case.electrode_asr, strict=True)
    return Electrode(*bottom), Electrode(*top)


def _settings(case: Case) -> SolverSettings:
    s = case.solver
    return SolverSettings(s.rtol, s.max_iterations, s.preconditioner, s.order)


def _finished(
    case: Case,
    built: BuiltMesh,
    solution: Solution,
    folder: RunFolder | None,
    draw: Draw | None,
    progress: Progress,
    peaks: list[float],
    comm: Any,
) -> Outcome:
    """Rank 0's part after the solve: measure, draw, write, and last the result."""
    progress.add(dict(solution.timings))
    progress.note(
        "solve",
        f"{solution.dofs:,} unknowns, {solution.iterations} iterations, residual {solution.relative_residual:.1e}",
    )
    with progress.stage("measure"):
        measurement = measure(
            built.mesh,
            solution.fields,
            mean_grain_size_um=case.mean_grain_size_um,
            potentials=case.potentials,
        )
    snapshot = Snapshot(case, built.mesh, solution.fields, measurement)
    if folder is not None:
        with progress.stage("write"):
            write_files(folder, snapshot, draw)
            folder.write_json("provenance.json", provenance(case, built, comm.size, _mpi_library()))
    others = sum(peaks[1:])
    peak = max(peak_MiB() + others, built.worker_peak_MiB + sum(peaks) / 2 if built.worker_peak_MiB else 0.0)
    result = _result(snapshot, solution, progress, peak)
    if folder is not None:
        folder.write_json("result.json", result.as_dict())
        result = replace(result, directory=folder.path)
    return Outcome(result, snapshot)


def _mpi_library() -> str:
    from mpi4py import MPI

    return MPI.Get_library_version()


def _result(snapshot: Snapshot, solution: Solution, progress: Progress, peak: float) -> Result:
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
        **area,
    )
    solver = SolverFacts(
        dofs=solution.dofs,
        iterations=solution.iterations,
        relative_residual=solution.relative_residual,
        current_imbalance=tree["solver"]["current_imbalance"],
        grain_imbalance=snapshot.measurement.grain_imbalance,
    )
    return Result(
        name=case.name,
        case_hash=case.physics_hash,
        dimension=mesh.dimension,
        mesh=facts,
        solver=solver,
        transport=TransportFacts(**tree["transport"]),
        hot_spots=snapshot.measurement.hot_spots,
        hot_spots_electrolyte=snapshot.measurement.hot_spots_electrolyte,
        homogenizing_layer=snapshot.measurement.homogenizing_layer,
        timings_s={**progress.seconds, "total": progress.total()},
        peak_memory_MiB=peak,
        warnings=warnings(snapshot),
    )


def warnings(snapshot: Snapshot) -> tuple[str, ...]:
    """What a reader of the numbers should know."""
    found = []
    if 0.0 in snapshot.case.electrode_asr:
        found.append(
            "hot_spots: the pointwise maximum grows without limit as the mesh is refined at an ideal electrode; "
            "use windows, grains or percentiles."
        )
    limited = snapshot.mesh.quality.gb_area_limited_fraction
    if limited > 0:
        found.append(
            f"mesh: the layer is thinner than asked for on {limited:.2%} of the grain-boundary area."
        )
    return tuple(found)
