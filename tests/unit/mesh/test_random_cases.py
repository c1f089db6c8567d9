"""Random cases, 1 to 300 grains, both boundaries, with and without layers, δ 1 to 50 nm: all meshes valid."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gbflux.grains import Arrangement
from gbflux.mesh import CellKind, Recipe, build_mesh
from gbflux.mesh.recipe import MeshSize
from small_cases import volumes_um

COUNT = 100
FEW_GRAINS = 40
ORDINARY = 24


def random_recipe(number: int) -> Recipe:
    """Case `number`: lengths in µm, 2.5 to 6 cells across a grain (3.5 at most for many in 3D)."""
    rng = np.random.default_rng([7, number])
    dimension = 2 + number % 2
    grains = max(1, round(math.exp(rng.uniform(0, math.log(300)))))
    d = rng.uniform(5.0, 15.0)
    aspect = np.exp(rng.uniform(-0.4, 0.4, dimension))
    size = aspect / aspect.prod() ** (1 / dimension) * d * grains ** (1 / dimension)
    cells = rng.uniform(2.5, 3.5 if dimension == 3 and grains > 60 else 6.0)
    h = min(d / cells, size.min() / 2)
    slabs = rng.uniform(1.0, 10.0, 2) * rng.integers(0, 2, 2)
    arrangement = Arrangement(
        size_um=tuple(size.tolist()),
        mean_size_um=d,
        boundary=str(rng.choice(["cut", "mirror"])),
        seed=number,
        relaxation_steps=int(rng.integers(0, 4)),
        delta_um=math.exp(rng.uniform(math.log(1e-3), math.log(5e-2))),
    )
    # every other slab has planes inside, the closest at a tenth of a cell
    inside = ((), (0.1 * h, 0.5)) if number % 4 < 2 else ((0.3, 0.7), ())
    planes = tuple((*p, um) if um > 0 else () for um, p in zip(slabs.tolist(), inside, strict=True))
    size = MeshSize(h, h * float(rng.choice([1.0, 0.6])), end_um=max(0.005 * d, 10 * arrangement.delta_um))
    return Recipe(arrangement, planes, size)


def grain_count(number: int) -> float:
    """Grains of the mean size in case `number`."""
    arrangement = random_recipe(number).arrangement
    return math.prod(arrangement.size_um) / arrangement.mean_size_um ** len(arrangement.size_um)


SMALL = [number for number in range(COUNT) if grain_count(number) <= FEW_GRAINS][:ORDINARY]


def assert_valid(number: int) -> None:
    """Assert the definition of a valid mesh, worked out here from points and cells."""
    chosen = random_recipe(number)
    mesh = build_mesh(chosen).mesh
    volume = volumes_um(mesh)
    assert (volume > 0).all()
    bottom, top = (max(planes, default=0.0) for planes in chosen.hl_planes_um)
    size = chosen.arrangement.size_um
    box = math.prod(size[:-1]) * (size[-1] + bottom + top)
    assert volume.sum() == pytest.approx(box, rel=1e-10)
    assert mesh.quality.gb_area_limited_fraction <= 5e-3
    assert mesh.quality.layer_volume_error <= 5e-3
    # δ × area, less the overlap of layers where they meet: 2 δ/d of it near 120°, more at acute angles
    delta, d = chosen.arrangement.delta_um, chosen.arrangement.mean_size_um
    layer = volume[np.isin(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION))].sum()
    full = delta * mesh.quality.gb_area_um2
    assert full * (1 - 5e-3 - 6 * delta / d) <= layer <= full * (1 + 5e-3)
    assert_faces_match(mesh)


def assert_faces_match(mesh) -> None:
    """Assert that every face belongs to two cells, or to one and lies on the box."""
    faces = np.concatenate([np.delete(mesh.cells, k, axis=1) for k in range(mesh.dimension + 1)])
    unique, number = np.unique(np.sort(faces, axis=1), axis=0, return_counts=True)
    single = mesh.points[unique[number == 1]]
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    assert ((single == low).all(axis=1) | (single == high).all(axis=1)).any(axis=1).all()
    assert number.max() <= 2
    assert len(np.unique(mesh.cells)) == len(mesh.points)


@pytest.mark.parametrize("number", SMALL)
def test_few_grains(number: int) -> None:
    assert_valid(number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(COUNT))
def test_any_number_of_grains(number: int) -> None:
    assert_valid(number)


def test_the_cases_cover_what_they_should() -> None:
    recipes = [random_recipe(number) for number in range(COUNT)]
    counts = [grain_count(number) for number in range(COUNT)]
    assert len(SMALL) == ORDINARY
    assert min(counts) < 2
    assert max(counts) > 250
    for chosen in (recipes, [recipes[number] for number in SMALL]):
        assert {len(r.arrangement.size_um) for r in chosen} == {2, 3}
        assert {r.arrangement.boundary for r in chosen} == {"cut", "mirror"}
        assert {len(r.slabs) for r in chosen} == {0, 1, 2}
        deltas = [r.arrangement.delta_um for r in chosen]
        assert min(deltas) < 0.003
        assert max(deltas) > 0.03
