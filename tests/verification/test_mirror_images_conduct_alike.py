"""Symmetries: poles exchanged, a mesh mirrored sideways or upside down, seeds mirrored and meshed anew."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.case import parse_case
from gbflux.conduction import SolverSettings, bottom_electrode, solve, top_electrode
from gbflux.measure import Measurement, measure
from gbflux.simulation.run import run_case
from small_cases import FLAT, LAYERS, case_text, mirrored, solved

# Two solves to a residual of 1e-10 each; their rounding differs because the order of sums does.
SAME = 1.0e-7
GRAINS = {"2D": {**FLAT, **LAYERS, "homogenizing_layer.sides": "top"}, "3D": {}}


def measured(mesh, sigma, bottom: float = 0.0, top: float = 0.1) -> Measurement:
    """Solve a mesh as it is, and measure it."""
    ends = bottom_electrode(bottom), top_electrode(top)
    fields = solve(MPI.COMM_SELF, mesh, sigma, ends, SolverSettings()).fields
    return measure(mesh, fields, mean_grain_size_um=10.0, potentials=(bottom, top))


def assert_same(one: Measurement, other: Measurement, sides: dict[str, str]) -> None:
    """Assert equal numbers, a side of one for a side of the other."""
    conductivities = (found.transport.sigma_eff_S_per_cm for found in (one, other))
    assert next(conductivities) == pytest.approx(next(conductivities), rel=SAME)
    assert one.transport.current == pytest.approx(other.transport.current, rel=SAME)
    for side, image in sides.items():
        for part in ("hot_spots", "hot_spots_electrolyte", "homogenizing_layer"):
            here, there = getattr(one, part), getattr(other, part)
            assert (side in here) == (image in there)
            if side in here:
                assert_alike(asdict(here[side]), asdict(there[image]))


def assert_alike(one: dict, other: dict) -> None:
    """Assert equal trees of numbers."""
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, dict):
            assert_alike(value, other[key])
        elif isinstance(value, tuple):
            assert value == pytest.approx(other[key], rel=SAME, abs=SAME)
        else:
            assert value == (None if other[key] is None else pytest.approx(other[key], rel=SAME, abs=SAME))


@pytest.mark.parametrize("name", GRAINS)
@pytest.mark.parametrize("axis", [0, -1], ids=["sideways", "upside down"])
def test_a_mirrored_mesh_gives_the_same_numbers(name: str, axis: int) -> None:
    snapshot = solved(GRAINS[name]).snapshot
    mesh, sigma = snapshot.mesh, snapshot.fields.sigma
    image = mirrored(mesh, axis % mesh.dimension)
    sides = {"bottom": "bottom", "top": "top"} if axis == 0 else {"bottom": "top", "top": "bottom"}
    assert_same(snapshot.measurement, measured(image, sigma), sides)


@pytest.mark.parametrize("name", GRAINS)
def test_exchanged_poles_change_the_sign_alone(name: str) -> None:
    outcome = solved(GRAINS[name])
    swapped = solved(GRAINS[name], {"electrodes.bottom_V": 0.1, "electrodes.top_V": 0.0})
    assert swapped.result.mesh.hash == outcome.result.mesh.hash
    j = outcome.snapshot.fields.j
    assert np.abs(swapped.snapshot.fields.j + j).max() <= SAME * np.abs(j).max()
    same = {"bottom": "bottom", "top": "top"}
    assert_same(outcome.snapshot.measurement, swapped.snapshot.measurement, same)


def test_mirrored_seeds_conduct_alike_to_the_error_of_the_mesh(tmp_path: Path) -> None:
    """P1 overestimates: two meshes of h lie between the exact value and it plus e(h).

    e(h) ≤ 2 (σ(h) − σ(h/2)) where e falls at least like h. So they differ by no more than that.
    """
    seeds = np.random.default_rng(5).uniform(0.0, 40.0, (16, 2))
    sigma = {}
    for name, points in (("seeds", seeds), ("image", seeds * [-1, 1] + [40, 0])):
        np.savetxt(tmp_path / f"{name}.csv", points, delimiter=",")
        for h in (2.0, 1.0):
            changes = {
                "geometry.size_um": [40, 40],
                "grains": {"seeds_file": f"{name}.csv", "conductivity_S_per_cm": 5.0e-4},
                "mesh.size_um": h,
                "mesh.electrode_size_um": h,
            }
            case = parse_case(case_text(changes), folder=tmp_path)
            sigma[name, h] = run_case(case, comm=MPI.COMM_SELF).result.transport.sigma_eff_S_per_cm
    error = 2 * max(sigma[name, 2.0] - sigma[name, 1.0] for name in ("seeds", "image"))
    assert 0 < error < 0.01 * sigma["seeds", 1.0]
    assert abs(sigma["seeds", 2.0] - sigma["image", 2.0]) <= error
    assert abs(sigma["seeds", 1.0] - sigma["image", 1.0]) <= error
