"""The result record of a solved case, put together from what each stage found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gbflux.measure.estimated_errors import error, observed_exponent
from gbflux.measure.metrics import as_tree
from gbflux.mesh import BuiltMesh, Mesh
from gbflux.results.certificate import bracket_facts, bracket_reason
from gbflux.results.fields import Snapshot
from gbflux.results.result import MeshFacts, Result, SolverFacts
from gbflux.simulation.progress import Progress
from gbflux.simulation.refinement import History, missed
from gbflux.simulation.shared_mesh import Planes, case_key
from gbflux.simulation.targets import Solved

#: Share of the grain-boundary area from which on it is worth a warning that layers are thinner there.
_WORTH_A_WARNING = 1e-4


def run_errors(snapshot: Snapshot) -> dict[str, Any]:
    """Estimated errors of all measures, and with them of the current or the voltage; a tree of its own."""
    estimated, found = snapshot.measurement.errors, snapshot.measurement.transport
    transport = dict(estimated["transport"])
    relative = transport["asr_ohm_cm2"]["estimated_error"] / found.asr_ohm_cm2
    names = ["voltage_V"]  # what was applied has no error
    if snapshot.case.potentials[1] is not None:
        current = "current_A" if snapshot.mesh.dimension == 3 else "current_A_per_m"
        names = ["mean_current_density_mA_per_cm2", current]
    for name in names:
        value = getattr(found, name)
        transport[name] = error(value, relative * abs(value))
    tree: dict[str, Any] = as_tree({**estimated, "transport": transport}, snapshot.mesh.dimension)
    return tree


def _errors(snapshot: Snapshot, history: History | None) -> dict[str, Any]:
    """Return the errors of the results, in a parallel tree; with a history also the accuracies reached."""
    estimated = run_errors(snapshot)
    if history is None:
        return estimated
    for part in ("hot_spots", "hot_spots_electrolyte"):
        for side, found in estimated[part].items():
            spots = [getattr(one, part)[side] for one in history.measurements]
            found["max_over_mean"]["observed_exponent"] = observed_exponent(spots)
    accuracy = history.accuracy()
    found = {"accuracy": accuracy, **estimated}
    if "conductance" in accuracy:
        facts = accuracy["conductance"]
        found["conductance"] = {
            "asked": facts["asked"],
            "relative_width": facts["error"],
            "reached": facts["reached"],
            "stopped_by": facts["stopped_by"],
        }
    return found


def result_of(
    solved: Solved,
    history: History | None,
    progress: Progress,
    peak: float,
    hl_planes_um: Planes | None,
) -> Result:
    """The result record of a solved case.

    Parameters
    ----------
    solved : Solved
        On rank 0.
    history : History or None
        Of the meshes on the way to the accuracy asked for, if there was one.
    progress : Progress
    peak : float
        Largest memory of all processes together (MiB).
    hl_planes_um : pair of tuples of float or None
        Planes of a mesh shared by several thicknesses.
    """
    snapshot, solution = solved.root_snapshot, solved.solution
    mesh, case = snapshot.mesh, snapshot.case
    measured = snapshot.measurement
    bracket = None if solution.bracket is None else bracket_facts(solution.bracket, mesh, case)
    solver = SolverFacts(
        dofs=solution.dofs,
        iterations=solution.iterations,
        relative_residual=solution.relative_residual,
        current_imbalance=measured.current_imbalance,
        grain_imbalance=solution.grain_imbalance,
        newton_iterations=solution.newton_iterations,
        load_steps=solution.load_steps,
    )
    errors = _errors(snapshot, history)
    transport = replace(measured.transport, bracket=bracket, bracket_reason=bracket_reason(case))
    return Result(
        name=case.name,
        case_hash=case_key(case, hl_planes_um),
        dimension=mesh.dimension,
        mesh=_mesh_facts(mesh, hl_planes_um),
        solver=solver,
        **{**measured.parts, "transport": transport},
        timings_s={**progress.seconds, "total": progress.total()},
        peak_memory_MiB=peak,
        warnings=warnings(snapshot, errors),
        refinement=() if history is None else history.rounds,
        errors=errors,
        certificates=solved.certificates,
    )


def _mesh_facts(mesh: Mesh, hl_planes_um: Planes | None) -> MeshFacts:
    """The mesh in numbers."""
    quality = mesh.quality
    area = {"gb_area_um2" if mesh.dimension == 3 else "gb_length_um": quality.gb_area_um2}
    return MeshFacts(
        hash=mesh.hash,
        cells=len(mesh.cells),
        nodes=len(mesh.points),
        grains=mesh.n_grains,
        gb_area_limited_fraction=quality.gb_area_limited_fraction,
        layer_volume_error=quality.layer_volume_error,
        volume_error=quality.volume_error,
        hl_planes_um=hl_planes_um,
        **area,
    )


def warnings(snapshot: Snapshot, errors: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return warnings that a reader of the numbers should know."""
    found = []
    reached = asked_and_reached(errors)
    if reached:
        found += missed(snapshot.case, reached)
    if len(snapshot.mesh.boundaries) and (snapshot.mesh.slabs or any(snapshot.case.ideal_electrodes)):
        found.append(
            "hot_spots: where a grain boundary ends at an ideal electrode or a homogenizing layer, "
            "the pointwise maximum grows without limit as the mesh is refined; "
            "use percentiles, windows or grains."
        )
    limited = snapshot.mesh.quality.gb_area_limited_fraction
    if limited >= _WORTH_A_WARNING:
        found.append(
            f"mesh: the layer is thinner than asked for on {limited:.2%} of the grain-boundary area."
        )
    return tuple(found)


def asked_and_reached(errors: Mapping[str, Any] | None) -> Mapping[str, Mapping[str, Any]]:
    """Return the records of accuracies asked for, by target; old results have the conductance alone."""
    found = errors or {}
    if "accuracy" in found:
        reached: Mapping[str, Mapping[str, Any]] = found["accuracy"]
        return reached
    facts = found.get("conductance")
    return (
        {} if facts is None else {"conductance": {**facts, "error": facts["relative_width"], "worst": None}}
    )


def peak_of_all(built: BuiltMesh, peaks: list[float]) -> float:
    """Largest memory of all processes together (MiB): ranks at their peaks, or with the mesher before."""
    before_solving = built.worker_peak_MiB + sum(peaks) / 2 if built.worker_peak_MiB else 0.0
    return max(sum(peaks), before_solving)
