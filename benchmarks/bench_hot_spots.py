"""Refining for hot spots against refining for the conductance and against equal cells: errors by cells.

``python benchmarks/bench_hot_spots.py [--dimension 2] [--seeds 1 2 3] [--most 150000] [--orders 1 2]`` prints
a row of a Markdown table for each mesh: largest relative error (%), over both electrodes, of p95, p99, rms,
Gini, 1 and 3 µm windows and grain means, and the seconds it took. The reference has cells that shrink towards
the ends of boundaries, to 10 nm, in 3D by cuts; a coarser one of its kind says how well it is known.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from mpi4py import MPI

from gbflux.case import Case, parse_case
from gbflux.conduction import solve
from gbflux.conduction.materials import conductivities
from gbflux.measure import Measurement, measure
from gbflux.mesh import CellKind, Mesh, SizeField, build_mesh, recipe
from gbflux.mesh.refine import closed, uncut_nodes
from gbflux.results.fields import Snapshot
from gbflux.simulation import refinement
from gbflux.simulation.progress import Progress
from gbflux.simulation.shared_mesh import electrodes, settings
from gbflux.simulation.targets import MEASURES, WINDOWS, Solved

CASE = """\
geometry: {{size_um: [{size}]}}
grains: {{mean_size_um: 10, seed: {seed}, conductivity_S_per_cm: 5.0e-4}}
grain_boundary: {{thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}}
mesh: {{size_um: {h}, electrode_size_um: {h}}}
output: {{figures: false, fields: false}}
solver: {{order: {order}}}
"""
SIZE = {2: "60, 60", 3: "26, 24, 22"}
EQUAL_UM = {2: (2.0, 1.0, 0.5, 0.25), 3: (2.0, 1.4, 1.0)}
FIRST_UM = {2: 2.0, 3: 2.0}
#: Largest size, that at an end of a boundary, growth per distance from it; 3D: at electrodes, cut to.
REFERENCES = {2: ((0.3, 0.02, 0.3), (0.2, 0.01, 0.2)), 3: ((0.8, 0.35, 0.3), (0.6, 0.2, 0.3))}
CUT_UM = 0.01
COLUMNS = ("p95", "p99", "rms", "Gini", "1 µm", "3 µm", "grains")


def case(dimension: int, seed: int, h: float, order: int = 1, accuracy: dict | None = None) -> Case:
    """Bare electrodes, Bi = 1."""
    text = CASE.format(size=SIZE[dimension], seed=seed, h=h, order=order)
    return parse_case(text, overrides={} if accuracy is None else {"accuracy": accuracy})


def solved(one: Case, field: SizeField | None = None) -> Solved:
    """A case on one mesh."""
    built = build_mesh(recipe(one, field))
    sigma = conductivities(built.mesh, one)
    solution = solve(MPI.COMM_SELF, built.mesh, sigma, electrodes(one), settings(one))
    measured = measure(
        built.mesh,
        solution.fields,
        mean_grain_size_um=one.mean_grain_size_um,
        potentials=solution.potentials,
    )
    return Solved(built, solution, Snapshot(one, built.mesh, solution.fields, measured))


def graded(mesh: Mesh, largest: float, smallest: float, growth: float) -> SizeField:
    """Sizes that grow with the distance from ends of boundaries, in 3D from electrodes and with cuts."""
    from scipy.spatial import cKDTree

    now = closed(mesh)
    if mesh.dimension == 3:
        away = np.abs(now.points[:, -1:] - mesh.z_electrolyte).min(axis=1)
        return replace(now, size_um=np.minimum(largest, smallest + growth * away), end_um=CUT_UM)
    layers = np.unique(mesh.cells[mesh.kind == CellKind.GB])
    ends = layers[np.isin(mesh.points[layers, -1], mesh.z_electrolyte)]
    tips = now.points[np.unique(uncut_nodes(mesh)[0][ends])]
    return replace(now, size_um=np.minimum(largest, smallest + growth * cKDTree(tips).query(now.points)[0]))


def values(found: Measurement) -> Iterator[tuple[str, str, float | None]]:
    """Side, column and value of what counts."""
    names = dict(zip(MEASURES[:4], COLUMNS[:4], strict=True))
    for side, spots in found.hot_spots.items():
        for name in MEASURES:
            yield side, names.get(name, "grains"), getattr(spots, name)
        for size, column in zip(WINDOWS, ("1 µm", "3 µm"), strict=True):
            yield side, column, spots.window_max_over_mean[size]


def errors(found: Measurement, truth: Measurement) -> dict[str, float]:
    """Largest relative error by column; NaN where a measure is null."""
    worst = dict.fromkeys(COLUMNS, 0.0)
    for (_, column, value), (_, _, exact) in zip(values(found), values(truth), strict=True):
        error = np.nan if value is None else abs(value / exact - 1)
        worst[column] = max(worst[column], error) if np.isfinite(error) else np.nan
    return worst


def row(label: str, one: Solved, truth: Measurement, seconds: float) -> None:
    """Print a row of the table."""
    found = errors(one.snapshot.measurement, truth)
    cells = [f"{100 * found[column]:.1f}" for column in COLUMNS]
    print(f"| {label} | {len(one.built.mesh.cells):,} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


def timed(make: Callable[[], Solved]) -> tuple[Solved, float]:
    """A solved case and the seconds it took."""
    began = time.perf_counter()
    one = make()
    return one, time.perf_counter() - began


def rounds(label: str, one: Case, truth: Measurement, most: int) -> None:
    """A row for each round of refining up to so many cells."""

    def stage(field: SizeField | None, room: float) -> Solved:
        found, seconds = timed(partial(solved, one, field))
        cells = len(found.built.mesh.cells)
        row(label, found, truth, seconds)
        if 1.5 * cells > most:
            refinement.MOST_ROUNDS = 0  # enough
        return found

    kept, refinement.MOST_ROUNDS = refinement.MOST_ROUNDS, 10
    refinement.refined(one, MPI.COMM_SELF, stage, Progress())
    refinement.MOST_ROUNDS = kept


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dimension", type=int, default=2, choices=(2, 3))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--most", type=int, default=150_000, help="cells, about")
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2], help="elements when refining")
    options = parser.parse_args()
    d = options.dimension
    for seed in options.seeds:
        print(f"\n{d}D, seed {seed}\n\n| mesh | cells | {' | '.join(COLUMNS)} | s |")
        print(f"|{' --- |' * (len(COLUMNS) + 3)}")
        start = build_mesh(recipe(case(d, seed, 1.0))).mesh
        of, fields = case(d, seed, 1.0), [graded(start, *sizes) for sizes in REFERENCES[d]]
        coarser, finer = (timed(partial(solved, of, field)) for field in fields)
        truth = finer[0].snapshot.measurement
        row("coarser reference", coarser[0], truth, coarser[1])
        row("reference", finer[0], truth, finer[1])
        del coarser, finer
        for h in EQUAL_UM[d]:
            one, seconds = timed(partial(solved, case(d, seed, h)))
            row("equal cells", one, truth, seconds)
        rounds("conductance", case(d, seed, FIRST_UM[d], accuracy={"conductance": 1e-6}), truth, options.most)
        for order in options.orders:
            hot = case(d, seed, FIRST_UM[d], order, {"hot_spots": 1e-4})
            rounds(f"hot_spots, order {order}", hot, truth, options.most)


if __name__ == "__main__":
    main()
