"""Run on several ranks: ``python -m mpi4py conduction_program.py TASK``, the task a function of this file."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).parents[1]))
from gbflux.conduction import (
    ButlerVolmer,
    ConductionSolver,
    Resistance,
    SolverSettings,
    bottom_electrode,
    newton,
    solve,
    top_electrode,
)
from gbflux.conduction.mpi import errors_of_root
from gbflux.errors import GbfluxError
from gbflux.mesh import CellKind, Mesh, build_mesh, recipe
from meshes_by_hand import FULL_STACK, Layer, area_m2, resistance, stack
from small_cases import FLAT, LAYERS, case

COMM = MPI.COMM_WORLD
ZERO, TOP = bottom_electrode(0.0), top_electrode(0.1)


def varied(mesh: Mesh) -> np.ndarray:
    """Conductivities that differ from cell to cell and a thousandfold in the boundaries (S/m)."""
    sigma = np.random.default_rng(7).uniform(0.01, 0.05, len(mesh.cells))
    sigma[np.isin(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION))] *= 1e-3
    return sigma


def on_root(make: object) -> tuple[Mesh, np.ndarray] | tuple[None, None]:
    """What rank 0 alone has."""
    if COMM.rank != 0:
        return None, None
    mesh = make()
    return mesh, varied(mesh)


def fields(path: str, rtol: str) -> None:
    """Store the fields of several problems in one file."""
    stored = {}
    for dimension in (2, 3):
        mesh, sigma = on_root(lambda d=dimension: stack(FULL_STACK, d, across=4))
        for order, asr in ((1, 0.0), (1, 1e-3), (2, 0.0), (2, 1e-3)):
            settings = SolverSettings(rtol=float(rtol), order=order)
            solution = solve(COMM, mesh, sigma, (ZERO, top_electrode(0.1, Resistance(asr))), settings)
            counts = (solution.dofs, solution.iterations, solution.relative_residual)
            assert len(set(COMM.allgather(counts))) == 1
            assert (solution.fields is None) == (COMM.rank != 0)
            if COMM.rank == 0:
                case = f"{dimension}_{order}_{asr}"
                stored[f"dofs_{case}"] = np.array(solution.dofs)
                for name in ("phi", "j", "residual", "residual_electrolyte"):
                    stored[f"{name}_{case}"] = getattr(solution.fields, name)
    if COMM.rank == 0:
        np.savez(path, **stored)


def brackets() -> None:
    """Print the brackets of several problems, polycrystals among them, as one JSON line."""
    found = {}
    layers = {**LAYERS, "geometry.size_um": [12, 10, 15]}  # in the box of the others 63,000 cells
    for name, changes in {"3D": {}, "2D": FLAT, "3D HL": layers}.items():
        for ratio in (0.9, 5e-4, 1e-6):
            mesh = sigma = None
            if COMM.rank == 0:
                mesh = build_mesh(recipe(case(changes))).mesh
                sigma = np.array([1.0, 0.2, ratio, ratio, 1e-3])[mesh.kind]
            for order, asr in ((1, 0.0), (2, 1e-5)):
                settings = SolverSettings(order=order, bracket=True)
                bracket = solve(
                    COMM, mesh, sigma, (ZERO, top_electrode(0.1, Resistance(asr))), settings
                ).bracket
                bracket = replace(bracket, gap=None)  # by cell, on rank 0 alone
                assert len(set(COMM.allgather(bracket))) == 1
                found[f"{name} {ratio} {order}"] = asdict(bracket)
    if COMM.rank == 0:
        print(json.dumps(found))


def certificates() -> None:
    """Print certified local currents of several problems as one JSON line."""
    found = {}
    coarse = {"mesh.size_um": 4, "mesh.electrode_size_um": 4, **LAYERS}
    for name, changes in {"2D": FLAT, "3D HL": coarse}.items():
        mesh = sigma = weights = None
        if COMM.rank == 0:
            mesh = build_mesh(recipe(case(changes))).mesh
            sigma = np.array([1.0, 0.2, 5e-4, 5e-4, 1e-3])[mesh.kind]
            cone = np.maximum(0.0, 1.0 - np.linalg.norm(mesh.points[:, :-1] - 9.0, axis=1) / 6.0)
            on = [mesh.points[:, -1] == z for z in mesh.z_electrodes]
            weights = [("bottom", on[0] * cone), ("top", on[1] * cone), ("top", on[1] * 1.0)]
        for order, asr in ((1, 0.0), (2, 1e-5)):
            settings = SolverSettings(order=order, bracket=True, certify=True)
            with ConductionSolver(COMM, mesh) as solver:
                solver.solve(sigma, (ZERO, top_electrode(0.1, Resistance(asr))), settings)
                local = solver.certify(weights)
            gaps = COMM.bcast([one.gap.sum() for one in local] if COMM.rank == 0 else None)
            for one, gap in zip(local, gaps, strict=True):
                assert one.lower <= one.value <= one.upper
                assert one.upper - one.lower <= 1.01 * gap
            local = [replace(one, gap=None) for one in local]  # by cell, on rank 0 alone
            assert all(other == local for other in COMM.allgather(local))
            found |= {f"{name} {order} {k}": asdict(one) for k, one in enumerate(local)}
    if COMM.rank == 0:
        print(json.dumps(found))


def expect(error: str, mesh: Mesh | None, sigma: np.ndarray | None, **settings: object) -> None:
    """Print on rank 0 what each rank raised."""
    try:
        solve(COMM, mesh, sigma, (ZERO, TOP), SolverSettings(**settings))
        raised = "nothing"
    except GbfluxError as caught:
        raised = f"{type(caught).__name__} {caught.exit_code} {getattr(caught, 'iterations', None)}"
    everywhere = COMM.gather(raised)
    if COMM.rank == 0:
        assert set(everywhere) == {error}, everywhere
        print("agreed:", everywhere[0])


def unconverged() -> None:
    """One iteration is not enough."""
    expect("SolverError 3 1", *on_root(lambda: stack(FULL_STACK)), max_iterations=1)


def ramp() -> None:
    """Print what a solve found whose load was raised in steps: too few are allowed for all of it at once."""
    newton.MOST_STEPS = 4
    slow = ButlerVolmer(1e-3, 0.3, 0.7, 298.15)
    mesh, sigma = on_root(lambda: stack(FULL_STACK, 2, across=4))
    found = solve(
        COMM, mesh, sigma, (bottom_electrode(0.0, slow), top_electrode(-10.0, slow)), SolverSettings()
    )
    counts = COMM.allgather((found.load_steps, found.newton_iterations))
    assert len(set(counts)) == 1
    if COMM.rank == 0:
        current = found.fields.residual[mesh.points[:, -1] == mesh.z_electrodes[1]].sum()
        print(json.dumps([*counts[0], current]))


def few_cells() -> None:
    """Two triangles on more ranks than that."""
    layers = [Layer(CellKind.GRAIN, 1.0)]
    expect("InputError 2 None", *on_root(lambda: stack(layers, 2, across=1)))


def as_many_cells_as_ranks() -> None:
    """Six tetrahedra can have a rank each, which may own no facet."""
    mesh, sigma = on_root(lambda: stack([Layer(CellKind.GRAIN, 10.0)], 3, across=1))
    for order in (1, 2):
        solution = solve(COMM, mesh, sigma, (ZERO, TOP), SolverSettings(order=order, bracket=True))
        assert 0.0 < solution.bracket.lower < solution.bracket.upper
        if COMM.rank == 0:
            assert abs(solution.fields.residual.sum()) <= 1e-9 * np.abs(solution.fields.residual).max()


def bad_input() -> None:
    """A NaN that only rank 0 can see."""
    mesh, sigma = on_root(lambda: stack(FULL_STACK, 2))
    if COMM.rank == 0:
        sigma[3] = np.nan
    expect("InputError 2 None", mesh, sigma)


def exact_bracket() -> None:
    """Flat layers in series: the bracket closes around the exact conductance, on every rank."""
    mesh, sigma, exact = None, None, 0.0
    if COMM.rank == 0:
        mesh = stack(FULL_STACK, 2)
        sigma = np.array([0.05, 0.01, 2.5e-5, 2.5e-5, 3.0e-6])[mesh.kind]
        exact = area_m2(mesh) / resistance(mesh, sigma)
    exact = COMM.bcast(exact)
    bracket = solve(COMM, mesh, sigma, (ZERO, TOP), SolverSettings(bracket=True)).bracket
    everywhere = COMM.gather(bracket.lower <= exact <= bracket.upper and bracket.relative_width < 1e-9)
    if COMM.rank == 0:
        print("agreed:", set(everywhere))


def root_fails() -> None:
    """An error of rank 0 while the others sleep reaches them all."""
    message = "none"
    try:
        with errors_of_root(COMM) as is_root:
            if is_root:
                raise ValueError("no mesh")
    except ValueError as caught:
        message = str(caught)
    everywhere = COMM.gather(message)
    if COMM.rank == 0:
        print("agreed:", set(everywhere))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
