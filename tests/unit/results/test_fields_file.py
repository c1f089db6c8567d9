"""fields.hdf and electrode_*.vtp: what ParaView and pyvista read, and all that a new measuring needs."""

from __future__ import annotations

from dataclasses import fields as fields_of
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.errors import InputError
from gbflux.measure import measure
from gbflux.mesh import CellKind
from gbflux.results.fields import Snapshot, read_fields, write_fields
from gbflux.simulation.run import run_case
from small_cases import LAYERS, TINY, solved

CASES = {
    "2D": {**TINY, **LAYERS},
    "3D": {**LAYERS, "geometry.size_um": [12, 10, 15], "homogenizing_layer.sides": "top"},
}


@pytest.fixture(params=CASES)
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    return solved(CASES[request.param]).snapshot


@pytest.fixture
def folder(snapshot: Snapshot, tmp_path: Path) -> Path:
    """The folder of the snapshot's case, run on the same cached mesh without figures."""
    run_case(snapshot.case, tmp_path, comm=MPI.COMM_SELF)
    return tmp_path


def test_what_is_read_is_what_was_written(snapshot: Snapshot, tmp_path: Path) -> None:
    write_fields(tmp_path / "fields.hdf", snapshot.mesh, snapshot.fields)
    mesh, fields = read_fields(tmp_path / "fields.hdf")
    for record, again in ((snapshot.mesh, mesh), (snapshot.fields, fields)):
        for field in fields_of(record):
            before, after = getattr(record, field.name), getattr(again, field.name)
            if field.name == "node":
                assert after is None  # of use to the mesher alone
            elif isinstance(before, np.ndarray):
                assert before.dtype == after.dtype
                assert np.array_equal(before, after)
            else:
                assert before == after
    case = snapshot.case
    repeated = measure(mesh, fields, mean_grain_size_um=case.mean_grain_size_um, potentials=case.potentials)
    assert repeated.parts == snapshot.measurement.parts
    assert repeated.errors == snapshot.measurement.errors


def test_pyvista_reads_the_fields(snapshot: Snapshot, folder: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    grid = pyvista.read(folder / "fields.hdf")
    mesh, fields = snapshot.mesh, snapshot.fields
    assert grid.n_cells == len(mesh.cells)
    assert grid.n_points == len(mesh.points)
    cells = grid.cell_data
    assert {"J", "J_magnitude", "sigma", "region", "kind", "boundary", "gb_pair"} <= set(cells.keys())
    assert "phi" in grid.point_data.keys()  # noqa: SIM118
    assert "vtkGhostType" not in cells.keys()  # noqa: SIM118
    name = "Volume" if mesh.dimension == 3 else "Area"
    volume = grid.compute_cell_sizes()[name]
    assert volume.min() > 0
    bottom, top = mesh.z_electrodes
    box = float(np.prod(mesh.size_um[:-1])) * (top - bottom)
    assert volume.sum() == pytest.approx(box, rel=1e-9)
    # ∫ J_z dV = ∫ z div-free: −I L, the current times the distance that it travels (J points to lower
    # potential)
    axis = mesh.dimension - 1
    length = (top - bottom) * 1e-6
    integral = float(volume @ cells["J"][:, axis]) * 1e-6**mesh.dimension
    current = snapshot.measurement.transport.current
    assert integral == pytest.approx(-current * length, rel=1e-8)
    assert cells["J_magnitude"] == pytest.approx(np.linalg.norm(cells["J"], axis=1), rel=1e-12)
    in_boundary = mesh.boundary >= 0
    assert np.array_equal(cells["gb_pair"][in_boundary], mesh.boundaries[mesh.boundary[in_boundary]])
    assert (cells["gb_pair"][~in_boundary] == -1).all()
    assert np.array_equal(cells["kind"], mesh.kind)
    assert grid.point_data["phi"] == pytest.approx(fields.phi)


def test_pyvista_reads_the_electrodes(snapshot: Snapshot, folder: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    mesh = snapshot.mesh
    for side, z in zip(("bottom", "top"), mesh.z_electrodes, strict=True):
        surface = pyvista.read(folder / f"electrode_{side}.vtp")
        assert surface.points[:, mesh.dimension - 1] == pytest.approx(z, abs=1e-12)
        size = surface.compute_cell_sizes()["Area" if mesh.dimension == 3 else "Length"]
        area = float(np.prod(mesh.size_um[:-1]))
        assert size.sum() == pytest.approx(area, rel=1e-9)
        # a mean over the electrode's cells, so the current to the error of cell values
        mean = -float(size @ surface.cell_data["J_z"]) / area
        expected = 10.0 * snapshot.measurement.transport.mean_current_density_mA_per_cm2
        assert mean == pytest.approx(expected, rel=0.1)
        assert (surface.cell_data["J_magnitude"] >= np.abs(surface.cell_data["J_z"]) * (1 - 1e-12)).all()


def test_two_dimensions_lie_in_the_plane_of_x_and_z(tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    snapshot = solved(CASES["2D"]).snapshot
    write_fields(tmp_path / "fields.hdf", snapshot.mesh, snapshot.fields)
    points = pyvista.read(tmp_path / "fields.hdf").points
    assert np.array_equal(points[:, :2], snapshot.mesh.points)
    assert (points[:, 2] == 0).all()


def test_tables_agree_with_the_result(snapshot: Snapshot, folder: Path) -> None:
    mesh, transport = snapshot.mesh, snapshot.measurement.transport
    grains = np.genfromtxt(folder / "grains.csv", delimiter=",", names=True)
    boundaries = np.genfromtxt(folder / "boundaries.csv", delimiter=",", names=True)
    assert len(grains) == mesh.n_grains
    assert len(boundaries) == len(mesh.boundaries)
    volume, area, unit = (
        ("volume_um3", "area_um2", "um2") if mesh.dimension == 3 else ("area_um2", "length_um", "um")
    )
    layers = np.prod(mesh.size_um) - grains[volume].sum()
    assert layers == pytest.approx(mesh.quality.gb_area_um2 * mesh.layer_thickness_um, rel=5e-3)
    assert boundaries[area].sum() == pytest.approx(mesh.quality.gb_area_um2, rel=1e-12)
    full = boundaries[area] > 0.05 * boundaries[area].max()
    assert boundaries["thickness_nm"][full] == pytest.approx(5.0, rel=0.02)
    # a share of 5e-4 of the current passes through the ends of the boundaries
    ampere = "A" if mesh.dimension == 3 else "A_per_m"
    for side in ("bottom", "top"):
        assert grains[f"current_{side}_{ampere}"].sum() == pytest.approx(transport.current, rel=5e-3)
        exposed = grains[f"exposed_area_{side}_um2" if unit == "um2" else f"exposed_length_{side}_um"]
        assert exposed.sum() == pytest.approx(np.prod(mesh.size_um[:-1]), rel=5e-3)


@pytest.mark.parametrize("content", [None, b"not HDF5", b""])
def test_a_file_that_is_not_ours_is_an_input_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "fields.hdf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"output\.fields: true"):
        read_fields(path)


def test_kinds_are_those_of_the_mesh_room(snapshot: Snapshot) -> None:
    """Numbers that stand in files must not change: pictures and scripts of users rely on them."""
    assert {kind.name: int(kind) for kind in CellKind} == {
        "GRAIN": 0,
        "HL": 1,
        "GB": 2,
        "GB_JUNCTION": 3,
        "CONTACT": 4,
    }
