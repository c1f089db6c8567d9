"""A certified interval contains the exact local current where that is known, and that of far finer meshes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from conduction_cases import sigma_by_kind
from local_currents import Certified, Weight, certified, cone, integral
from test_neutral_inclusion_leaves_the_field_uniform import BOX_UM, RADIUS_UM, SHELL_UM, SIGMA_CORE, meshed
from test_neutral_inclusion_leaves_the_field_uniform import neutral_matrix as matrix_of

from gbflux.case import Case
from gbflux.conduction import Resistance, bottom_electrode, top_electrode
from gbflux.conduction.bounds import bracket, local_currents
from gbflux.conduction.materials import conductivities
from gbflux.measure import electrode_parts
from gbflux.measure.planes import electrode_plane
from gbflux.mesh import Mesh, build_mesh, recipe
from gbflux.units import SIDES
from meshes_by_hand import BARE_STACK, FULL_STACK, resistance, stack
from meshes_nested import subdivided
from small_cases import FLAT, case

ASR = {"ideal": (0.0, 0.0), "one side": (0.0, 2.0e-3), "both": (5.0e-3, 1.0e-4)}  # Ω m²


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("asr", ASR)
@pytest.mark.parametrize("layers", [BARE_STACK, FULL_STACK], ids=["bare", "HL"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_flat_layers_in_series(dimension: int, layers: tuple, asr: str, order: int) -> None:
    """The current is even, J ∫ w through a cone; the interval closes up to the root of round-off."""
    mesh = stack(layers, dimension, across=4)
    sigma = sigma_by_kind(mesh)
    weights = [cone(mesh, side, 2.0, 4.0) for side in ("bottom", "top")]
    found = certified(mesh, sigma, weights, ASR[asr], order=order)
    density = 1.0 / (resistance(mesh, sigma) + sum(ASR[asr]))
    for weight, local in zip(weights, found.local, strict=True):
        exact = density * integral(mesh, weight)
        assert local.lower <= exact <= local.upper
        assert local.value == pytest.approx(exact, rel=1.0e-8)
        assert local.upper - local.lower < 2.0e-3 * exact


@pytest.mark.parametrize("ratio", [0.1, 10.0], ids=lambda ratio: f"ρσ/R = {ratio}")
@pytest.mark.parametrize("dimension", [2, 3])
def test_neutral_inclusions(dimension: int, ratio: float) -> None:
    """Outside a neutral inclusion the field is uniform, and so is the current at the electrodes."""
    shell = SHELL_UM * SIGMA_CORE / (RADIUS_UM * ratio)
    matrix = matrix_of(dimension, SIGMA_CORE, shell)
    inclusion = meshed(dimension, 8 if dimension == 2 else 4)
    sigma = np.array([SIGMA_CORE, shell, matrix])[inclusion.layer]
    weights = [cone(inclusion.mesh, side, BOX_UM / 3, BOX_UM) for side in ("bottom", "top")]
    found = certified(inclusion.mesh, sigma, weights)
    # the bottom cuts the inclusion through the middle: there the current is not uniform
    exact = matrix / (BOX_UM * 1.0e-6) * integral(inclusion.mesh, weights[1])
    assert found.local[1].lower < exact < found.local[1].upper
    assert found.local[1].upper - found.local[1].lower < 0.2 * exact


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("asr", ASR)
def test_unfinished_iterations_widen(monkeypatch: pytest.MonkeyPatch, asr: str, order: int) -> None:
    """Potentials far from their minima, of both kinds: the interval holds that of the minima."""
    problem = Problem(case(FLAT), ASR[asr])
    weights = [cone(problem.mesh, side, 18.0, 9.0) for side in ("bottom", "top")]
    found = []
    for below, above, rtol in ((0.0, 1.0e-14, 1.0e-12), (0.5, 1.0e-3, 1.0e-5)):
        monkeypatch.setattr(bracket, "SHARE", below)
        monkeypatch.setattr(local_currents, "BELOW", below)
        monkeypatch.setattr(local_currents, "ABOVE", above)
        found.append(
            certified(problem.mesh, problem.sigma, weights, problem.asr, order=order, rtol=rtol).local
        )
    for finished, crude in zip(*found, strict=True):
        assert crude.iterations < finished.iterations
        assert crude.lower < finished.lower < finished.upper < crude.upper
        assert crude.upper - crude.lower < 1.5 * (finished.upper - finished.lower)


@pytest.mark.parametrize("asr", ASR)
def test_all_grains_together(asr: str) -> None:
    """Currents of all grains add up to that of the cell: the reactions exactly, the bounds around it."""
    chosen = case(
        {
            "geometry.size_um": [20, 20],
            "grains.mean_size_um": 5,
            "mesh.size_um": 0.7,
            "mesh.electrode_size_um": 0.7,
        }
    )
    problem = Problem(chosen, ASR[asr])
    parts = problem.parts(grains=100, windows_um=())
    weights = [(part.electrode, part.at_points(len(problem.mesh.points))) for part in parts]
    found = certified(problem.mesh, problem.sigma, weights, problem.asr)
    for side in ("bottom", "top"):
        local = [one for one, (where, _) in zip(found.local, weights, strict=True) if where == side]
        left_out = 1.0 - sum(part.over_mean * part.area_share for part in parts if part.electrode == side)
        assert -1.0e-12 <= left_out < 0.2  # slivers below the area cut
        whole = found.bracket.upper * (1.0 - left_out)
        assert sum(one.value for one in local) == pytest.approx(whole, rel=1.0e-8)
        assert sum(one.lower for one in local) < whole < sum(one.upper for one in local)
    for weight, one in zip(weights, found.local, strict=True):
        assert found.reactions(weight) == pytest.approx(one.value, rel=1.0e-7)


@dataclass(frozen=True)
class Problem:
    """A case, and the resistances of its electrodes (Ω m²)."""

    case: Case
    asr: tuple[float, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mesh", build_mesh(recipe(self.case)).mesh)
        object.__setattr__(self, "sigma", conductivities(self.mesh, self.case))

    def parts(self, grains: int, windows_um: tuple[float, ...]):
        """Where certificates are asked for."""
        fields = certified(self.mesh, self.sigma, (), self.asr).fields
        planes = {side: electrode_plane(self.mesh, fields, side) for side in SIDES}
        return electrode_parts(planes, self.case.mean_grain_size_um, grains, windows_um)


def random_problem(seed: int, dimension: int) -> Problem:
    """A polycrystal of some 30 grains in 2D, of 8 in 3D, its sizes, materials and electrodes drawn by lot."""
    lot = np.random.default_rng(seed)
    bi = 10.0 ** lot.uniform(-1.0, 1.5)
    d = 5.0
    size = [float(lot.uniform(15.0, 30.0)), float(lot.uniform(10.0, 20.0))]
    h = float(lot.uniform(0.5, 1.2))
    if dimension == 3:
        size, h = [float(x) for x in lot.uniform(7.0, 10.0, 3)], 2.0
    changes = {
        "geometry.size_um": size,
        "grains.mean_size_um": d,
        "grains.seed": int(lot.integers(1, 1000)),
        "grains.boundary": str(lot.choice(["cut", "mirror"])),
        "grains.relaxation_steps": int(lot.choice([0, 3])),
        "grain_boundary.conductivity_S_per_cm": 5.0e-4 * 0.005 / d / bi,
        "mesh.size_um": h * float(lot.uniform(1.0, 2.0)),
        "mesh.electrode_size_um": h,
    }
    if lot.random() < 0.3:
        thickness = float(lot.uniform(0.5, 2.0) if dimension == 2 else 2.0)
        changes["homogenizing_layer"] = {"thickness_um": thickness, "conductivity_S_per_cm": 1.0e-4}
    if lot.random() < 0.3:
        changes["grain_boundary.variation"] = {"sigma": 1.0, "seed": 3}
    asr = [(0.0, 0.0), (2.0e-4, 0.0), (2.0e-4, 2.0e-4), (2.0e-5, 0.0)][int(lot.integers(4))]  # Ω m²
    return Problem(case(changes), asr)


def finer(mesh: Mesh, sigma: np.ndarray, weights: list[Weight], asr, n: int) -> list[float]:
    """The same local currents on a mesh n times finer."""
    nested = subdivided(mesh, n)
    solution = solved(nested.mesh, sigma[nested.parent], asr)
    return [solution.reactions((side, nested.interpolated(w))) for side, w in weights]


def solved(mesh: Mesh, sigma: np.ndarray, asr: tuple[float, float]) -> Certified:
    """Solve alone."""
    from conduction_cases import solved as on_one_rank

    found = on_one_rank(
        mesh, sigma, bottom_electrode(0.0, Resistance(asr[0])), top_electrode(1.0, Resistance(asr[1]))
    )
    return Certified(found.fields, None, [], mesh)


def check(seed: int, dimension: int, n: int, order: int) -> list[tuple[str, float, float, float]]:
    """Compare; return kind, half-width and error of the value over the truth, its place in half-widths."""
    problem = random_problem(seed, dimension)
    windows = (2.0, 5.0) if dimension == 2 else (6.0,)
    parts = problem.parts(grains=3, windows_um=windows)
    weights = [(part.electrode, part.at_points(len(problem.mesh.points))) for part in parts]
    found = certified(problem.mesh, problem.sigma, weights, problem.asr, order=order)
    true = finer(problem.mesh, problem.sigma, weights, problem.asr, n)
    measured = []
    for part, local, exact in zip(parts, found.local, true, strict=True):
        assert local.lower <= exact <= local.upper, (seed, part)
        assert local.lower <= local.value <= local.upper
        middle, half = (local.lower + local.upper) / 2.0, (local.upper - local.lower) / 2.0
        measured.append(
            (part.kind, half / exact, abs(local.value - exact) / exact, abs(middle - exact) / half)
        )
    return measured


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_meshes_ten_times_finer(seed: int, order: int) -> None:
    """In 2D; every cell cut into a hundred."""
    check(seed, 2, 10, order)


def report(measured: list[tuple[str, float, float, float]]) -> None:
    """Print what the intervals were like."""
    for kind in ("grain", "window"):
        rows = np.array([row[1:] for row in measured if row[0] == kind])
        if len(rows):
            median, largest = np.median(rows, axis=0), rows.max(axis=0)
            print(
                f"measured: {len(rows)} of kind {kind}; half-width, median and largest: {median[0]:.1%}, "
                f"{largest[0]:.1%}; error of the value: {median[1]:.2%}, {largest[1]:.1%}; "
                f"off the middle, in half-widths: {median[2]:.2f}, {largest[2]:.2f}"
            )


@pytest.mark.slow
@pytest.mark.parametrize(("dimension", "cases", "n"), [(2, 60, 10), (3, 8, 4)], ids=["2D", "3D"])
def test_of_many_random_cases(dimension: int, cases: int, n: int) -> None:
    measured = []
    for seed in range(cases):
        measured += check(100 + seed, dimension, n, order=1)
    assert len(measured) > 4 * cases
    report(measured)
