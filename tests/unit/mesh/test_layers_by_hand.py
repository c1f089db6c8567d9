"""Layers put into meshes small enough to count: cells, thickness, volumes, and what stays where it was."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from conforming_by_hand import bricks, grid

from gbflux.errors import MeshError
from gbflux.mesh import CellKind, Mesh
from gbflux.mesh.layers import accept, insert_layers, mesh_quality
from small_cases import volumes_um

DELTA = 0.01


def count(mesh: Mesh, kind: CellKind) -> int:
    return int((mesh.kind == kind).sum())


def layer_volume(mesh: Mesh) -> float:
    return float(volumes_um(mesh)[np.isin(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION))].sum())


def copies_at(mesh: Mesh, place: tuple[float, ...]) -> np.ndarray:
    """Points within two δ of a place."""
    return mesh.points[np.abs(mesh.points - place).max(axis=1) < 2 * DELTA]


@pytest.mark.parametrize("dimension", [2, 3])
def test_two_grains(dimension: int) -> None:
    """One flat boundary at x = 2: in 3D 8 facets of 3 cells, in 2D 2 of 2; it opens by δ/2 on each side."""
    mesh = bricks(dimension, [1, 0, 0], DELTA)
    assert mesh.n_grains == 2
    assert count(mesh, CellKind.GB) == {2: 2 * 2, 3: 8 * 3}[dimension]
    assert count(mesh, CellKind.GB_JUNCTION) == 0
    assert mesh.boundaries.tolist() == [[0, 1]]
    assert mesh.boundary_area == pytest.approx([2.0 ** (dimension - 1)])
    assert mesh.boundary_normal == pytest.approx(np.eye(dimension)[:1])
    for grain, sign in ((0, -1), (1, 1)):
        x = mesh.points[np.unique(mesh.cells[mesh.region == grain]), 0]
        assert (x[np.abs(x - 2) < 0.5] == 2 + sign * DELTA / 2).all()
    assert layer_volume(mesh) == pytest.approx(DELTA * 2.0 ** (dimension - 1), rel=1e-12)
    assert mesh.quality.layer_volume_error <= 1e-12


def test_a_triple_junction() -> None:
    """A T: grain 0 over the whole width below z = 2, grains 1 and 2 above; strips of δ overlap in δ·δ/2."""
    mesh = t_junction()
    assert count(mesh, CellKind.GB) == 2 * (4 + 2)
    assert count(mesh, CellKind.GB_JUNCTION) == 1
    assert sorted(map(tuple, mesh.boundaries.tolist())) == [(0, 1), (0, 2), (1, 2)]
    assert layer_volume(mesh) == pytest.approx(DELTA * (4 + 2) - DELTA**2 / 2, rel=1e-12)
    corners = copies_at(mesh, (2.0, 2.0))
    # grain 0 has no corner there and moves straight down; the others move away from both their boundaries
    expected = [(2.0, 2 - DELTA / 2), (2 - DELTA / 2, 2 + DELTA / 2), (2 + DELTA / 2, 2 + DELTA / 2)]
    assert np.array(sorted(map(tuple, corners))) == pytest.approx(np.array(sorted(expected)), abs=1e-12)


def t_junction() -> Mesh:
    planes = [np.arange(5.0), np.arange(5.0)]
    mesh = grid(planes, lambda x: np.where(x[:, 1] < 2, 0, np.where(x[:, 0] < 2, 1, 2)))
    size = np.array([4.0, 4.0])
    return insert_layers(mesh, n_grains=3, slabs={}, size_um=size, delta_um=DELTA)


@pytest.mark.parametrize("dimension", [2, 3])
def test_four_grains_around_an_edge(dimension: int) -> None:
    """Brick corners: strips overlap in δ² for each unit of the edge's length."""
    mesh = bricks(dimension, [1, 1, 0] if dimension == 3 else [1, 1], DELTA)
    length = 2.0 if dimension == 3 else 1.0
    assert mesh.n_grains == 4
    # a square of copies, cut into two triangles; in 3D along two mesh edges, prisms of three cells each
    assert count(mesh, CellKind.GB_JUNCTION) == (2 * 2 * 3 if dimension == 3 else 2)
    area = 2 * 4.0 * length
    assert mesh.boundary_area.sum() == pytest.approx(area)
    assert layer_volume(mesh) == pytest.approx(DELTA * area - DELTA**2 * length, rel=1e-12)
    middle = (2.0, 2.0, 1.0)[:dimension]
    expected = {
        (2 + a * DELTA / 2, 2 + b * DELTA / 2, 1.0)[:dimension]
        for a, b in itertools.product((-1, 1), repeat=2)
    }
    found = copies_at(mesh, middle)
    assert np.array(sorted(map(tuple, found))) == pytest.approx(np.array(sorted(expected)), abs=1e-12)


def test_eight_grains_around_a_point() -> None:
    """Three planes cross: δ·area less δ² for each of the three edges; their common cube of δ³ is counted
    once by inclusion and exclusion, which the rule for edges leaves out."""
    mesh = bricks(3, [1, 1, 1], DELTA)
    area, edges = 3 * 16.0, 3 * 4.0
    assert layer_volume(mesh) == pytest.approx(DELTA * area - DELTA**2 * edges + DELTA**3, rel=1e-12)
    assert mesh.quality.layer_volume_error == pytest.approx(DELTA**2 / 48, rel=0.01)
    assert len(copies_at(mesh, (2.0, 2.0, 2.0))) == 8
    assert mesh.boundaries.shape == (12, 2)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("sides", [("bottom",), ("top",), ("bottom", "top")])
def test_a_slab_withdraws_and_the_electrolyte_stays(dimension: int, sides: tuple[str, ...]) -> None:
    cuts = [1] + [0] * (dimension - 1)
    mesh = bricks(dimension, cuts, DELTA, slabs=dict.fromkeys(sides, 1.0))
    assert mesh.slabs == sides
    assert mesh.z_electrolyte == (0.0, 2.0)
    assert mesh.z_electrodes == (-1.0 * ("bottom" in sides), 2.0 + ("top" in sides))
    for k, side in enumerate(sides):
        plane, away = (0.0, -1) if side == "bottom" else (2.0, 1)
        slab = np.unique(mesh.cells[(mesh.region == mesh.n_grains + k) & (mesh.kind == CellKind.HL)])
        z = mesh.points[slab, -1]
        assert np.abs(z - plane).min() == pytest.approx(DELTA, rel=1e-9)
        assert plane + away * DELTA == pytest.approx(z[np.argmin(np.abs(z - plane))], abs=1e-12)
    grains = np.unique(mesh.cells[mesh.kind == CellKind.GRAIN])
    z = mesh.points[grains, -1]
    assert (z.min(), z.max()) == (0.0, 2.0)
    for plane in (0.0, 2.0):  # exactly on the plane, all of them
        assert (np.abs(z[np.abs(z - plane) < 0.5] - plane) == 0).all()
    contact = volumes_um(mesh)[mesh.kind == CellKind.CONTACT].sum()
    electrolyte = volumes_um(mesh)[
        np.isin(mesh.kind, (CellKind.GRAIN, CellKind.GB, CellKind.GB_JUNCTION))
    ].sum()
    box = 4.0 * 2.0 ** (dimension - 2)
    # the gap between the two grains runs through the contact as part of it
    assert contact == pytest.approx(DELTA * box * len(sides), rel=1e-9)
    assert electrolyte == pytest.approx(2.0 * box, rel=1e-12)


@pytest.mark.parametrize("dimension", [2, 3])
def test_labels(dimension: int) -> None:
    mesh = bricks(dimension, [1, 1, 1], DELTA, slabs={"bottom": 1.0, "top": 1.0})
    layer = np.isin(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION))
    assert ((mesh.boundary >= 0) == layer).all()
    assert ((mesh.region < 0) == layer).all()
    assert set(mesh.region[mesh.kind == CellKind.GRAIN]) == set(range(mesh.n_grains))
    in_slab = np.isin(mesh.kind, (CellKind.HL, CellKind.CONTACT))
    z = mesh.points[mesh.cells].mean(axis=1)[:, -1]
    assert (mesh.region[in_slab] == mesh.n_grains + (z[in_slab] > 1)).all()
    # every copy belongs to one region: grain cells of different grains share no point
    owner = np.full(len(mesh.points), -1)
    for region in range(mesh.n_grains + 2):
        mine = np.unique(mesh.cells[(mesh.region == region) & (mesh.kind != CellKind.CONTACT)])
        assert (owner[mine] == -1).all()
        owner[mine] = region
    assert (owner >= 0).all()
    assert (mesh.boundaries[:, 0] < mesh.boundaries[:, 1]).all()
    centre = np.array([mesh.points[owner == grain].mean(axis=0) for grain in range(mesh.n_grains)])
    across = centre[mesh.boundaries[:, 1]] - centre[mesh.boundaries[:, 0]]
    assert (np.einsum("ij,ij->i", across, mesh.boundary_normal) > 0).all()


def test_a_single_grain_has_no_layer() -> None:
    mesh = bricks(3, [0, 0, 0], DELTA)
    assert (mesh.kind == CellKind.GRAIN).all()
    assert mesh.boundaries.shape == (0, 2)
    assert mesh.quality.gb_area_um2 == 0.0
    assert volumes_um(mesh).sum() == pytest.approx(8.0)


def test_the_hash_tells_meshes_apart() -> None:
    hashes = {bricks(2, [1, 0], delta).hash for delta in (0.01, 0.02)} | {bricks(2, [0, 1], 0.01).hash}
    assert len(hashes) == 3
    assert bricks(2, [1, 0], 0.01).hash == bricks(2, [1, 0], 0.01).hash


@pytest.mark.parametrize("lacking", [CellKind.GB, CellKind.CONTACT])
def test_a_layer_that_lacks_volume_is_judged_by_it(lacking: CellKind) -> None:
    """Two squares of 1 µm²: a boundary and a contact, of which one should have 1.1 µm²."""
    points = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    cells = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
    kind = np.repeat([CellKind.GB, CellKind.CONTACT], 2)
    volume = {CellKind.GB: 1.0, CellKind.CONTACT: 1.0, lacking: 1.1}
    quality = mesh_quality(
        points,
        np.vstack([cells, cells[:1]]),
        np.append(kind, CellKind.GRAIN),
        box_volume=2.5,
        area=1.0,
        limited_area=0.0,
        layer_volume=volume[CellKind.GB],
        contact_volume=volume[CellKind.CONTACT],
    )
    assert quality.layer_volume_error == pytest.approx(0.1 / 1.1)
    with pytest.raises(MeshError, match="layers must have their volume"):
        accept(quality, conforming=True)
