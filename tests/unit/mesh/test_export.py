"""Exported meshes in gmsh, meshio and pyvista: groups, tags, counts and volumes are those of the mesh."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gbflux.mesh import CellKind, Mesh, build_mesh, recipe
from gbflux.mesh.export import conductivity_rows, elementary_tags, export_mesh, quality_rows
from small_cases import LAYERS, TINY, case, volumes_um

meshio = pytest.importorskip("meshio")
CASES = {
    "2D": {**TINY, **LAYERS},
    "3D": {**LAYERS, "geometry.size_um": [12, 10, 15], "homogenizing_layer.sides": "bottom"},
}
GROUP_OF = {
    CellKind.GRAIN: "grains",
    CellKind.HL: "hl",
    CellKind.GB: "gb",
    CellKind.GB_JUNCTION: "gb",
    CellKind.CONTACT: "contact",
}


@pytest.fixture(params=CASES)
def mesh(request: pytest.FixtureRequest) -> Mesh:
    return build_mesh(recipe(case(CASES[request.param]))).mesh


def counts(mesh: Mesh) -> dict[str, int]:
    """Cells by physical group."""
    found: dict[str, int] = {}
    for kind, name in GROUP_OF.items():
        found[name] = found.get(name, 0) + int((mesh.kind == kind).sum())
    return found


def test_meshio_reads_groups_and_tags(mesh: Mesh, tmp_path: Path) -> None:
    path, _ = export_mesh(mesh, tmp_path / "a.msh")
    read = meshio.read(path)
    solid, flat = ("tetra", "triangle") if mesh.dimension == 3 else ("triangle", "line")
    cells = read.cells_dict[solid]
    assert np.array_equal(np.sort(cells, axis=1), np.sort(mesh.cells, axis=1))
    assert read.points[:, : mesh.dimension] == pytest.approx(mesh.points, abs=0)
    tag_of = {name: int(tag) for name, (tag, _) in read.field_data.items()}
    assert set(tag_of) == {"grains", "gb", "hl", "contact", "electrode_bottom", "electrode_top"}
    physical = read.cell_data_dict["gmsh:physical"][solid]
    assert {name: int((physical == tag_of[name]).sum()) for name in counts(mesh)} == counts(mesh)
    elementary = read.cell_data_dict["gmsh:geometrical"][solid]
    grain = mesh.kind == CellKind.GRAIN
    assert np.array_equal(elementary[grain], mesh.region[grain] + 1)
    layer = mesh.boundary >= 0
    with path.with_name("a_boundaries.csv").open(newline="") as stream:
        rows = {int(row["tag"]): row for row in csv.DictReader(stream)}
    pairs = [
        (int(rows[tag]["grain_a"]) - 1, int(rows[tag]["grain_b"]) - 1) for tag in elementary[layer].tolist()
    ]
    assert np.array_equal(pairs, mesh.boundaries[mesh.boundary[layer]])
    # no tag stands for two things: for gmsh all cells of one tag are in the same groups
    assert len(set(zip(elementary.tolist(), physical.tolist(), strict=True))) == len(set(elementary.tolist()))
    facets = read.cells_dict[flat]
    sides = read.cell_data_dict["gmsh:physical"][flat]
    for name, z in zip(("electrode_bottom", "electrode_top"), mesh.z_electrodes, strict=True):
        corners = mesh.points[facets[sides == tag_of[name]]]
        assert (corners[:, :, -1] == z).all()
        assert measure(corners[:, :, :-1]).sum() == pytest.approx(np.prod(mesh.size_um[:-1]), rel=1e-9)


def measure(corners: np.ndarray) -> np.ndarray:
    """Lengths of segments on a line, or areas of triangles in a plane."""
    spans = corners[:, 1:] - corners[:, :1]
    return np.abs(spans[:, 0, 0]) if spans.shape[1] == 1 else np.abs(np.linalg.det(spans)) / 2


READ_WITH_GMSH = """
import json, sys, gmsh
gmsh.initialize(); gmsh.option.setNumber("General.Verbosity", 0); gmsh.open(sys.argv[1])
found = {}
for dimension, tag in gmsh.model.getPhysicalGroups():
    cells = 0
    for entity in gmsh.model.getEntitiesForPhysicalGroup(dimension, tag):
        cells += sum(len(tags) for tags in gmsh.model.mesh.getElements(dimension, entity)[1])
    found[gmsh.model.getPhysicalName(dimension, tag)] = cells
print(json.dumps([found, len(gmsh.model.mesh.getNodes()[0])]))
"""


def test_gmsh_reads_groups(mesh: Mesh, tmp_path: Path) -> None:
    path, _ = export_mesh(mesh, tmp_path / "a.msh")
    done = subprocess.run(
        [sys.executable, "-c", READ_WITH_GMSH, str(path)], capture_output=True, text=True, check=True
    )
    groups, nodes = json.loads(done.stdout.splitlines()[-1])
    assert nodes == len(mesh.points)
    assert {name: groups[name] for name in counts(mesh)} == counts(mesh)
    assert groups["electrode_bottom"] > 0
    assert groups["electrode_top"] > 0


@pytest.mark.parametrize("file_format", ["vtu", "vtk"])
def test_pyvista_reads_volumes(mesh: Mesh, file_format: str, tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    path, _ = export_mesh(mesh, tmp_path / f"a.{file_format}", file_format)
    grid = pyvista.read(path)
    sizes = grid.compute_cell_sizes()["Volume" if mesh.dimension == 3 else "Area"]
    solid = grid.celltypes == (10 if mesh.dimension == 3 else 5)
    assert sizes[solid] == pytest.approx(volumes_um(mesh), rel=1e-6)
    assert (sizes[solid] > 0).all()
    assert solid.sum() == len(mesh.cells)


def test_quality_table(mesh: Mesh) -> None:
    rows = {row[0]: row for row in quality_rows(mesh)}
    volume = volumes_um(mesh)
    assert sum(row[1] for row in rows.values()) == len(mesh.cells)
    assert sum(row[2] for row in rows.values()) == pytest.approx(volume.sum(), rel=1e-12)
    assert min(row[4] for row in rows.values()) == pytest.approx(volume.min(), rel=1e-6)
    assert volume.min() > 0
    assert 1.0 < rows["grain"][3] < 4.0  # cells of 2 µm


def test_every_tag_has_its_conductivity(mesh: Mesh) -> None:
    sigma = 0.01 * elementary_tags(mesh)
    head, *rows = conductivity_rows(mesh, sigma)
    assert head == ["tag", "group", "conductivity_S_per_cm"]
    slabs = len(mesh.slabs)
    groups = ["grains"] * mesh.n_grains + ["hl"] * slabs + ["gb"] * len(mesh.boundaries) + ["contact"] * slabs
    assert [row[:2] for row in rows] == [[k + 1, group] for k, group in enumerate(groups)]
    assert [row[2] for row in rows] == pytest.approx([1.0e-4 * row[0] for row in rows])
