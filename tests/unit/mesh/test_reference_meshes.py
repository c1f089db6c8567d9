"""The meshes in ``meshes/``: other programs read them, and they are what their cases say."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import meshio
import numpy as np
import pytest
from numpy.typing import NDArray

from gbflux import load_case
from gbflux.mesh import build_mesh, recipe
from gbflux.mesh.export import PHYSICAL

MESHES = Path(__file__).resolve().parents[3] / "meshes"


@dataclass(frozen=True)
class Reference:
    """What a file holds: counts as in meshes/README.md, box in µm, and volume and area from its case."""

    name: str
    grains: int
    boundaries: int
    cells: int
    points: int
    box: tuple[float, ...]
    delta_um: float
    area: float | None = None  # worked out by hand


REFERENCES = (
    Reference("two_grains", 2, 1, 242, 90, (10, 5, 5), 0.005, area=25.0),  # 5 x 5
    Reference("eight_bricks", 8, 12, 1383, 360, (10, 10, 10), 0.005, area=300.0),  # three planes of 10 x 10
    Reference("ten_grains_2d", 10, 19, 3991, 2076, (40, 35), 0.005),  # 25 and two layers of 5
    Reference("triple_point_2d", 3, 3, 306, 177, (12, 12), 0.5),
)
every_mesh = pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)


def read(reference: Reference) -> meshio.Mesh:
    return meshio.read(MESHES / f"{reference.name}.msh")


def solid_cells(mesh: meshio.Mesh) -> tuple[NDArray, NDArray, NDArray]:
    """Nodes, physical and elementary tags of the cells that fill the box."""
    solid = "tetra" if "tetra" in mesh.cells_dict else "triangle"
    data = mesh.cell_data_dict
    return mesh.cells_dict[solid], data["gmsh:physical"][solid], data["gmsh:geometrical"][solid]


def volumes(mesh: meshio.Mesh, cells: NDArray) -> NDArray:
    """Signed volumes (µm³; 2D: areas, µm²)."""
    d = cells.shape[1] - 1
    x = mesh.points[cells][:, :, :d]
    return np.linalg.det(x[:, 1:] - x[:, :1]) / (6 if d == 3 else 2)


def table(reference: Reference) -> list[dict[str, float]]:
    with (MESHES / f"{reference.name}_boundaries.csv").open(encoding="utf-8") as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


@every_mesh
def test_counts_are_those_of_the_readme(reference):
    mesh = read(reference)
    cells, physical, elementary = solid_cells(mesh)
    row = next(
        line
        for line in (MESHES / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{reference.name}`")
    )
    counts = [int(cell) for cell in row.split("|")[3:-1]]
    assert counts == [reference.grains, reference.boundaries, len(cells), len(mesh.points)]
    assert (len(cells), len(mesh.points)) == (reference.cells, reference.points)
    assert len(np.unique(elementary[physical == PHYSICAL["grains"][0]])) == reference.grains


@every_mesh
def test_cells_are_positive_and_fill_the_box(reference):
    mesh = read(reference)
    cells, _, _ = solid_cells(mesh)
    volume = volumes(mesh, cells)
    assert volume.min() > 0
    assert volume.sum() == pytest.approx(np.prod(reference.box), rel=1e-12)


@every_mesh
def test_boundaries_have_their_thickness(reference):
    mesh = read(reference)
    cells, physical, _ = solid_cells(mesh)
    rows = table(reference)
    area = sum(row.get("area_um2", row.get("length_um")) for row in rows)
    if reference.area is not None:
        assert area == pytest.approx(reference.area, rel=1e-12)
    found = volumes(mesh, cells[physical == PHYSICAL["gb"][0]]).sum()
    # Strips that meet in a junction overlap: there the layers have a little less than δ times the area.
    overlap = len(rows) * reference.delta_um**2 * max(reference.box) if len(rows) > 1 else 0.0
    assert reference.delta_um * area - overlap <= found <= reference.delta_um * area * (1 + 1e-9)


def test_one_boundary_is_exact():
    reference = REFERENCES[0]
    mesh = read(reference)
    cells, physical, _ = solid_cells(mesh)
    assert volumes(mesh, cells[physical == 2]).sum() == pytest.approx(0.005 * 25.0, rel=1e-9)
    assert volumes(mesh, cells[physical == 1]).sum() == pytest.approx(9.995 * 25.0, rel=1e-12)


def test_crossing_planes_are_exact():
    """Three planes of thickness δ through a cube of side L leave eight cubes of side (L − δ)/2."""
    mesh = read(REFERENCES[1])
    cells, physical, elementary = solid_cells(mesh)
    volume = volumes(mesh, cells)
    assert volume[physical == 1].sum() == pytest.approx((10 - 0.005) ** 3, rel=1e-12)
    for grain in range(1, 9):
        assert volume[elementary == grain].sum() == pytest.approx(((10 - 0.005) / 2) ** 3, rel=1e-12)


@every_mesh
def test_tags_name_grains_layers_and_boundaries(reference):
    mesh = read(reference)
    _, physical, elementary = solid_cells(mesh)
    d = len(reference.box)
    assert {name: tuple(tag) for name, tag in mesh.field_data.items()} == {
        name: (tag, d - drop) for name, (tag, drop) in PHYSICAL.items()
    }
    n = reference.grains
    assert set(elementary[physical == PHYSICAL["grains"][0]]) == set(range(1, n + 1))
    layers = {n + 1, n + 2} if reference.name == "ten_grains_2d" else set()
    assert set(elementary[physical == PHYSICAL["hl"][0]]) == layers
    rows = table(reference)
    contacts = {tag + len(layers) + len(rows) for tag in layers}
    assert set(elementary[physical == PHYSICAL["contact"][0]]) == contacts
    assert len(rows) == reference.boundaries
    assert set(elementary[physical == PHYSICAL["gb"][0]]) == {int(row["tag"]) for row in rows}
    assert all(1 <= row["grain_a"] < row["grain_b"] <= n for row in rows)


@every_mesh
def test_electrodes_lie_at_the_ends_of_z(reference):
    mesh = read(reference)
    d = len(reference.box)
    flat = "triangle" if d == 3 else "line"
    tags = mesh.cell_data_dict["gmsh:physical"][flat]
    z = mesh.points[:, d - 1]
    for side, level in (("electrode_bottom", z.min()), ("electrode_top", z.max())):
        corners = mesh.cells_dict[flat][tags == PHYSICAL[side][0]]
        assert len(corners) > 0
        assert np.all(z[corners] == level)
    assert z.max() - z.min() == reference.box[-1]


@every_mesh
def test_its_case_still_gives_the_same_grains(reference):
    """With this machine's gmsh: cells may differ, grains and areas may not."""
    mesh = build_mesh(recipe(load_case(MESHES / f"{reference.name}.yaml"))).mesh
    assert mesh.n_grains == reference.grains
    rows = table(reference)
    assert [[a + 1, b + 1] for a, b in mesh.boundaries.tolist()] == [
        [row["grain_a"], row["grain_b"]] for row in rows
    ]
    areas = [row.get("area_um2", row.get("length_um")) for row in rows]
    np.testing.assert_allclose(mesh.boundary_area, areas, rtol=1e-6)
