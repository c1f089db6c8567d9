"""Mutants: faults put into a copy of the sources, each of which a named test has to catch.

``python tests/mutants.py`` prints a table; exit code 0 if all were caught. A test that no fault can fail
shows nothing; this shows that the tests named here do. Texts are replaced exactly once, or it is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
JOBS = 2
#: Variables of a running pytest or MPI program, which the copies must not see.
_FOREIGN = ("PYTEST_", "GBFLUX_", "OMPI_", "PMIX_", "PRTE_", "PMI_")


@dataclass(frozen=True)
class Mutant:
    """A fault: what it is, where, the text there, what takes its place, and the test that must fail."""

    name: str
    file: str
    old: str
    new: str
    test: str


CONDUCTION = "src/gbflux/conduction"
WALL = "tests/verification"
SERIES = f"{WALL}/test_meshed_layers_in_series_are_exact.py::test_flat_resistive_boundaries[2D-both]"
STACK = f"{WALL}/test_layers_in_series_are_exact.py"
RANKS = "tests/mpi/test_conduction_on_ranks.py"
CUT_OFF = "tests/unit/conduction/test_cut_off.py"
POLARISED = f"{WALL}/test_certificates_of_local_currents_are_polarisation.py"
PLANES = "src/gbflux/measure/planes.py"
IMPOSSIBLE = f"{WALL}/test_impossible_hot_spots_are_impossible.py"
MODES = f"{WALL}/test_hot_spots_of_a_mode_follow_the_law_of_its_cosine.py"
CORNER = f"{WALL}/test_hot_spots_at_a_singular_corner_are_those_of_its_power.py"
SHARES = "tests/unit/measure/test_distribution.py"
SOLVER = f"{WALL}/test_another_solver_agrees.py::test_on_the_exported_mesh[2D layers, scatter]"

MUTANTS = (
    Mutant(
        "sign of the current density",
        f"{CONDUCTION}/forms.py",
        "return -sigma * ufl.grad(phi)",
        "return sigma * ufl.grad(phi)",
        f"{WALL}/test_columns_in_parallel_are_exact.py",
    ),
    Mutant(
        "σ_gb twice as large",
        f"{CONDUCTION}/materials.py",
        "return np.full(len(boundaries), self.boundary)",
        "return np.full(len(boundaries), 2.0 * self.boundary)",
        SERIES,
    ),
    Mutant(
        "one grain boundary lost",
        f"{CONDUCTION}/materials.py",
        "sigma[in_boundary] = self.of_boundaries(mesh.boundaries)[mesh.boundary[in_boundary]]",
        "lost = np.append(self.of_boundaries(mesh.boundaries)[:-1], self.grain)\n"
        "        sigma[in_boundary] = lost[mesh.boundary[in_boundary]]",
        SERIES,
    ),
    Mutant(
        "contact resistance lost",
        f"{CONDUCTION}/materials.py",
        "return thickness / (contact_asr + thickness / sigma_hl)",
        "return sigma_hl",
        SERIES,
    ),
    Mutant(
        "contact layer half as thick",
        "src/gbflux/mesh/layers.py",
        "np.where(is_slab, delta_um, 0.0)",
        "np.where(is_slab, 0.5 * delta_um, 0.0)",
        SERIES,
    ),
    Mutant(
        "layers insulate",
        f"{CONDUCTION}/solver.py",
        "cache.system(problem.sigma, problem.scaled)",
        "cache.system(np.where(np.isin(self._kind, LAYERS), np.minimum(problem.sigma, 1e-9), problem.sigma), "
        "problem.scaled)",
        f"{WALL}/test_a_polycrystal_and_its_dual_conduct_inversely.py::test_product_is_one",
    ),
    Mutant(
        "factor 2 in the electrodes' exchange",
        f"{CONDUCTION}/problem.py",
        "return UM_TO_M / (self.sigma * asr)",
        "return 2.0 * UM_TO_M / (self.sigma * asr)",
        STACK,
    ),
    Mutant(
        "metal's potential counted by half at a resistive electrode",
        f"{CONDUCTION}/system.py",
        "drive = self.kappa * self.potential",
        "drive = 0.5 * self.kappa * self.potential",
        f"{WALL}/test_manufactured_solutions_converge_with_their_order.py::test_smooth_source[2-1]",
    ),
    Mutant(
        "electrodes exchanged",
        f"{CONDUCTION}/solver.py",
        "scaled = _scaled(electrodes, self._covered(electrodes, cut), scaling)",
        "scaled = _scaled(electrodes[::-1], self._covered(electrodes, cut), scaling)",
        f"{WALL}/test_homogeneous_slab_is_linear.py",
    ),
    Mutant(
        "wrong power of the unit of length in currents",
        f"{CONDUCTION}/problem.py",
        "return self.sigma * self.voltage * UM_TO_M ** (self.dimension - 2)",
        "return self.sigma * self.voltage * UM_TO_M ** (self.dimension - 3)",
        STACK,
    ),
    Mutant(
        "Ω cm² taken for 1e-2 Ω m²",
        "src/gbflux/units.py",
        "OHM_CM2_TO_OHM_M2 = 1e-4",
        "OHM_CM2_TO_OHM_M2 = 1e-2",
        SERIES,
    ),
    Mutant(
        "σ_eff from the power of layers too",
        "src/gbflux/measure/transport.py",
        "power = float(np.dot(fields.phi, fields.residual_electrolyte))",
        "power = float(np.dot(fields.phi, fields.residual))",
        SERIES,
    ),
    Mutant(
        "Wiener's harmonic mean replaced by the arithmetic one",
        "src/gbflux/measure/transport.py",
        "return float(total / np.sum(v / sigma)), float",
        "return float(np.dot(v, sigma) / total), float",
        f"{WALL}/test_bounds_of_a_polycrystal_hold.py::test_wiener[2D cut-1.0]",
    ),
    Mutant(
        "values of cells in the wrong order",
        f"{CONDUCTION}/distribute.py",
        "return rows.take(self._local_cell[chosen], axis=0)",
        "return rows[chosen]",
        f"{WALL}/test_columns_in_parallel_are_exact.py",
    ),
    Mutant(
        "grains' currents from reactions of all cells",
        PLANES,
        "return facets, plane_nodes(mesh, facets, fields.residual_electrolyte, among)",
        "return facets, plane_nodes(mesh, facets, fields.residual, among)",
        SOLVER,
    ),
    Mutant(
        "lumped areas twice as large at ends of layers",
        PLANES,
        "share = np.repeat(facets.area / mesh.dimension, mesh.dimension)",
        "share = np.repeat(np.where(facets.is_layer, 2.0, 1.0) * facets.area / mesh.dimension, "
        "mesh.dimension)",
        f"{IMPOSSIBLE}::test_two_dimensions[3]",
    ),
    Mutant(
        "lumped areas at the rim of a plane those of nodes inside",
        PLANES,
        "area=np.bincount(position.ravel(), share, minlength=len(node)),",
        "area=(a := np.bincount(position.ravel(), share, minlength=len(node))).clip(np.median(a)),",
        f"{MODES}::test_mode_through_a_slab[2-ideal]",
    ),
    Mutant(
        "reactions of the electrode on the other side",
        PLANES,
        "z = mesh.z_electrodes[SIDES.index(side)]\n    facets",
        "side = SIDES[1 - SIDES.index(side)]\n    z = mesh.z_electrodes[SIDES.index(side)]\n    facets",
        f"{WALL}/test_hot_spots_beside_a_neutral_inclusion_vanish.py::test_beyond_the_inclusion",
    ),
    Mutant(
        "reactions of nodes in the wrong order",
        PLANES,
        "current = residual[node]",
        "current = residual[node[::-1]]",
        f"{MODES}::test_mode_through_a_slab[2-ideal]",
    ),
    Mutant(
        "a distribution that counts facets, not areas",
        "src/gbflux/measure/hot_spots.py",
        "j, area, edges = nodes.at_corners(facets) / mean, facets.area, facet_edges(facets)",
        "j, area, edges = nodes.at_corners(facets) / mean, np.ones(len(facets.area)), facet_edges(facets)",
        f"{CORNER}::test_distribution[wedge1]",
    ),
    Mutant(
        "shares of facets linear in the level in 3D",
        "src/gbflux/measure/distribution.py",
        "part = near / (high - low) * (near / np.where(side > 0, side, 1.0))",
        "part = near / (high - low)",
        f"{SHARES}::test_a_triangle_with_one_hot_corner",
    ),
    Mutant(
        "rms of corners instead of a linear field",
        "src/gbflux/measure/distribution.py",
        "square = (np.square(corners).sum(axis=1) + np.square(corners.sum(axis=1))) / (d * (d + 1))",
        "square = np.square(corners).sum(axis=1) / d + 0.0 * (d + 1)",
        f"{SHARES}::test_a_ramp_has_its_distribution_however_it_is_cut",
    ),
    Mutant(
        "tags of boundaries off by one",
        "src/gbflux/mesh/export.py",
        "rows = zip(tags.tolist(), names, values, strict=True)",
        "rows = zip(np.roll(tags, 1).tolist(), names, values, strict=True)",
        SOLVER,
    ),
    Mutant(
        "power summed on one rank alone",
        f"{CONDUCTION}/bounds/crouzeix_raviart.py",
        "return float(self.space.mesh.comm.allreduce(found))",
        "return float(found)",
        f"{RANKS}::test_ranks_agree[exact_bracket-2-agreed: {{True}}]",
    ),
    Mutant(
        "reactions summed on one rank alone",
        f"{CONDUCTION}/fluxes.py",
        "vector = self._added_up(sigma)\n"
        "        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)\n",
        "vector = self._added_up(sigma)\n",
        f"{RANKS}::test_fields_do_not_depend_on_the_number_of_ranks[2-1e-10-1e-08]",
    ),
    Mutant(
        "a share of the load taken for all of it",
        f"{CONDUCTION}/newton.py",
        "if reached == 1.0:",
        "if reached >= 0.5:",
        "tests/unit/conduction/test_load_ramp.py::test_the_ramp_ends_where_the_full_load_does[both slow]",
    ),
    Mutant(
        "algebraic error added instead of subtracted",
        f"{CONDUCTION}/bounds/bracket.py",
        "lower = max(0.0, lowest - found.excess)",
        "lower = max(0.0, lowest + found.excess)",
        f"{WALL}/test_algebraic_error_of_the_bracket_is_honest.py::test_against_a_direct_solve[2D-0.01]",
    ),
    Mutant(
        "electrodes of Crouzeix–Raviart elements a tenth too small",
        f"{CONDUCTION}/facets.py",
        "np.ones((1, 1)), np.ones(1)",
        "np.ones((1, 1)), 0.9 * np.ones(1)",
        f"{WALL}/test_algebraic_error_of_the_bracket_is_honest.py::test_against_a_direct_solve[2D-0.01]",
    ),
    Mutant(
        "cells beyond a resistive electrode left in the matrix",
        f"{CONDUCTION}/system.py",
        "self._switch_off(crossed)",
        "pass",
        f"{CUT_OFF}::test_fields[2D-1-resistive-hl_um0]",
    ),
    Mutant(
        "cells beyond a resistive electrode counted in currents",
        f"{CONDUCTION}/cache.py",
        "sigma = np.where(system.beyond, 0.0, sigma)",
        "pass",
        f"{CUT_OFF}::test_fields[2D-1-resistive-hl_um0]",
    ),
    Mutant(
        "Crouzeix–Raviart replaced by linear elements",
        f"{CONDUCTION}/bounds/bracket.py",
        "lower = max(0.0, lowest - found.excess) * (1.0 - ROUND_OFF)",
        "lower = upper * (1.0 - ROUND_OFF)",
        f"{WALL}/test_bracket_contains_the_exact_conductance.py::test_checkerboard[4-0.1]",
    ),
    Mutant(
        "certified intervals of local currents half as wide",
        f"{CONDUCTION}/bounds/local_currents.py",
        "math.sqrt(one.excess * other.excess)) / 2.0",
        "math.sqrt(one.excess * other.excess)) / 4.0",
        f"{POLARISED}::test_that_of_a_whole_electrode_is_the_bracket[2-ideal-1]",
    ),
    Mutant(
        "local currents of the bottom counted against the mean current",
        f"{CONDUCTION}/bounds/local_currents.py",
        "sign = 1.0 if is_top else -1.0",
        "sign = 1.0",
        f"{POLARISED}::test_polarisation[2-both-bottom]",
    ),
    Mutant(
        "a facet's largest weight instead of its mean",
        f"{CONDUCTION}/bounds/crouzeix_raviart.py",
        "metal[nodes[:, vertices]].mean(axis=1)",
        "metal[nodes[:, vertices]].max(axis=1)",
        f"{POLARISED}::test_polarisation[2-top-top]",
    ),
    Mutant(
        "what the metal drives through a resistance halved",
        f"{CONDUCTION}/bounds/crouzeix_raviart.py",
        "facets.load(kappa * facets.at_points(applied))",
        "facets.load(0.5 * kappa * facets.at_points(applied))",
        f"{POLARISED}::test_polarisation[2-top-top]",
    ),
    Mutant(
        "algebraic error of a certificate forgotten",
        f"{CONDUCTION}/bounds/local_currents.py",
        "width = highest - lowest + excess +",
        "width = highest - lowest +",
        "tests/unit/conduction/test_local_currents.py::test_of_potentials_off_their_minima",
    ),
    Mutant(
        "ghosts of a load with the wrong sign",
        f"{CONDUCTION}/bounds/crouzeix_raviart.py",
        "local.scale(-1.0)",
        "rhs.scale(-1.0)",
        f"{RANKS}::test_certificates_do_not_depend_on_the_number_of_ranks",
    ),
    Mutant(
        "sources in linear fluxes",
        f"{CONDUCTION}/bounds/linear_facets.py",
        "np.outer(x[:, a], unit[a]) - np.outer(x[:, -1], unit[-1])",
        "np.outer(x[:, a], unit[a]) + np.outer(x[:, -1], unit[-1])",
        f"{WALL}/test_quadratic_elements_close_in_on_both_sides.py::test_checkerboard[4-0.1]",
    ),
    Mutant(
        "a run that input ends leaves its files",
        "src/gbflux/results/folder.py",
        "taken.undo() if error.exit_code == InputError.exit_code else taken.keep()",
        "taken.keep()",
        "tests/unit/results/test_run_folder.py",
    ),
    Mutant(
        "a full disk is passed on to HDF5",
        "src/gbflux/results/fields.py",
        "            self.fault = error\n        return count",
        "            raise error\n        return count",
        "tests/unit/results/test_full_disk.py",
    ),
    Mutant(
        "mpirun outlives an interrupted run",
        "src/gbflux/mesh/guard.py",
        "os.killpg(process.pid, signal.SIGKILL if asked else signal.SIGTERM)",
        "os.getpgid(process.pid)",
        "tests/unit/simulation/test_interrupts.py",
    ),
    Mutant(
        "an order of convergence divided by 40 (the tests' own tool)",
        "tests/verification/orders.py",
        "np.polyfit(np.log(sizes), np.log(errors), 1)[0]",
        "np.polyfit(np.log(sizes), np.log(errors), 1)[0] / 40.0",
        f"{WALL}/test_lateral_modes_cross_true_layers.py",
    ),
)


def copied(folder: Path) -> Path:
    """Copy what the tests need into `folder`."""
    for name in ("src", "tests", "configs", "meshes", "schema"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def mutate(folder: Path, mutant: Mutant) -> None:
    """Put one fault into a copy.

    Raises
    ------
    ValueError
        If the text to replace does not occur exactly once.
    """
    path = folder / mutant.file
    text = path.read_text(encoding="utf-8")
    count = text.count(mutant.old)
    if count != 1:
        raise ValueError(
            f"mutants: '{mutant.old}' must occur once in {mutant.file}; got {count} times. "
            f"Bring the mutant '{mutant.name}' up to date."
        )
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def first_failure(folder: Path, *tests: str) -> str | None:
    """Run tests of a copy; the first line that says what failed, None if all pass.

    Raises
    ------
    RuntimeError
        If they could not be run at all, as with a fault that is no valid Python.
    """
    path = f"{folder / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env=environment | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"mutants: the tests must run; got {run.returncode}.\n{run.stdout}\n{run.stderr}")
    if run.returncode == 0:
        return None
    said = [line[1:].strip() for line in run.stdout.splitlines() if line.startswith("E  ")]
    return said[0] if said else "no reason given"


def failure(mutant: Mutant) -> str | None:
    """What the mutant's test says on a mutated copy, None if it passes."""
    with tempfile.TemporaryDirectory(prefix="gbflux-mutant-") as name:
        folder = copied(Path(name))
        mutate(folder, mutant)
        return first_failure(folder, mutant.test)


def failure_without_a_fault() -> str | None:
    """What the tests named here say on a copy without any fault: nothing, if they are sound."""
    with tempfile.TemporaryDirectory(prefix="gbflux-mutant-") as name:
        return first_failure(copied(Path(name)), *dict.fromkeys(mutant.test for mutant in MUTANTS))


def main() -> int:
    """Print the table."""
    began, missed = time.perf_counter(), 0
    print(f"{'':8} {'fault':72} {'test':60} what it says")
    with ThreadPoolExecutor(JOBS) as pool:
        without = pool.submit(failure_without_a_fault)
        for mutant, said in zip(MUTANTS, pool.map(failure, MUTANTS), strict=True):
            missed += said is None
            test = mutant.test.removeprefix("tests/verification/").removeprefix("tests/")
            row = f"{mutant.name:72} {test.replace('.py', ''):60} {(said or '')[:60]}"
            print(f"{'MISSED' if said is None else 'caught':8} {row}", flush=True)
    if without.result() is not None:
        print(f"mutants: the tests must pass without a fault; got {without.result()}")
        return 1
    print(f"{len(MUTANTS) - missed} of {len(MUTANTS)} caught in {time.perf_counter() - began:.0f} s")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
