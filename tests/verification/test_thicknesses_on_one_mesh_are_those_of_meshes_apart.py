"""An axis of layer thicknesses solved on one mesh: exact for layers in series, else within the errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI
from scipy.optimize import brentq

from gbflux.errors import MeshError
from gbflux.mesh import CellKind, build_mesh, recipe
from gbflux.mesh.cut import cut_slabs, nested
from gbflux.results.result import Result
from gbflux.simulation.run import run_case
from gbflux.simulation.shared_mesh import units
from small_cases import FLAT, LAYERS, case, run_unit, volumes_um

EXACT = 1.0e-9
UM, NM = 1.0e-4, 1.0e-7  # cm
QUIET = {"output.fields": False, "output.figures": False}
FLAT_BOUNDARIES = {
    "geometry.size_um": [10, 30],
    "grains.arrangement": "brick",
    "grains.boundary": "mirror",
    "grains.mean_size_um": 10,
}
SOLID_BOUNDARIES = {**FLAT_BOUNDARIES, "geometry.size_um": [10, 10, 30]}


def axis(tmp_path: Path, thicknesses: list[float], *changes: dict) -> dict[float, Result]:
    """Result for each thickness, all solved on one mesh."""
    cases = [case(QUIET, LAYERS, *changes, {"homogenizing_layer.thickness_um": um}) for um in thicknesses]
    (unit,) = units(cases)
    results = run_unit(unit, [(c, tmp_path / str(k)) for k, c in enumerate(cases)], comm=MPI.COMM_SELF)
    return dict(zip(thicknesses, results, strict=True))


def alone(um: float, *changes: dict) -> Result:
    """The same thickness on a mesh of its own."""
    chosen = case(QUIET, LAYERS, *changes, {"homogenizing_layer.thickness_um": um})
    return run_case(chosen, comm=MPI.COMM_SELF).result


@pytest.mark.parametrize("asr", [(0.0, 0.0), (20.0, 0.5), (0.0, 0.5)])
@pytest.mark.parametrize("sides", ["both", "bottom", "top"])
@pytest.mark.parametrize("grains", [FLAT_BOUNDARIES, SOLID_BOUNDARIES], ids=["2D", "3D"])
def test_layers_in_series_are_exact(tmp_path: Path, grains: dict, sides: str, asr: tuple) -> None:
    """Without a layer there is no contact, and no resistance of it."""
    changes = {
        "homogenizing_layer.sides": sides,
        "homogenizing_layer.contact_asr_ohm_cm2": 3.0,
        "electrodes.asr_ohm_cm2": {"bottom": asr[0], "top": asr[1]},
    }
    thicknesses = [0.0, 0.5, 1.0, 2.0, 3.0, 5.0]
    electrolyte = (30 * UM - 10 * NM) / 5.0e-4 + 10 * NM / 2.5e-7
    count = 2 if sides == "both" else 1
    for um, result in axis(tmp_path, thicknesses, grains, changes).items():
        layers = count * (um * UM / 1.0e-4 + 3.0) if um else 0.0
        assert result.transport.asr_ohm_cm2 == pytest.approx(electrolyte + layers + sum(asr), rel=EXACT), um
        assert result.transport.sigma_eff_S_per_cm == pytest.approx(30 * UM / electrolyte, rel=EXACT), um
        assert set(result.homogenizing_layer) == (
            set() if um == 0 else {"bottom", "top"} if sides == "both" else {sides}
        )


@pytest.mark.parametrize("voltage", [0.01, -0.3])
def test_kinetics_in_series_are_exact(tmp_path: Path, voltage: float) -> None:
    """Butler–Volmer's law at both ends, a film at the top: the current is the root of one equation."""
    alpha = {"anodic": 0.3, "cathodic": 0.7}
    law = {f"{name}_transfer_coefficient": value for name, value in alpha.items()}
    changes = {
        "electrodes.top_V": voltage,
        "electrodes.asr_ohm_cm2": {"bottom": 0, "top": 0.5},
        "electrodes.kinetics": {"exchange_current_density_mA_per_cm2": 2.0, **law},
    }
    thermal = 8.31446261815324 * 298.15 / 96485.33212331001

    def overpotential(j: float) -> float:
        def excess(eta: float) -> float:
            x = eta / thermal
            return 2.0e-3 * (np.exp(alpha["anodic"] * x) - np.exp(-alpha["cathodic"] * x)) - j

        return brentq(excess, -2.0, 2.0, xtol=1e-17, rtol=1e-15)

    electrolyte = (30 * UM - 10 * NM) / 5.0e-4 + 10 * NM / 2.5e-7
    for um, result in axis(tmp_path, [0.0, 1.0, 5.0], FLAT_BOUNDARIES, changes).items():
        series = electrolyte + 2 * um * UM / 1.0e-4 + 0.5

        def missing(j: float, series: float = series) -> float:
            return overpotential(j) - overpotential(-j) + j * series - voltage

        j = brentq(missing, -1.0, 1.0, xtol=1e-18, rtol=1e-15)
        assert result.transport.asr_ohm_cm2 == pytest.approx(voltage / j, rel=EXACT), um
        assert result.transport.sigma_eff_S_per_cm == pytest.approx(30 * UM / electrolyte, rel=EXACT), um


@pytest.mark.slow
def test_brackets_of_both_ways_overlap_and_differences_shrink(tmp_path: Path) -> None:
    """2D: conductances on the shared and on separate meshes are within the certified widths of each other."""
    thicknesses = [0.0, 0.5, 1.0, 3.0, 7.0]
    worst = []
    for h in (2.0, 0.5):
        changes = (FLAT, {"mesh.size_um": h, "mesh.electrode_size_um": h, "output.bracket": True})
        differences = []
        for um, shared in axis(tmp_path / str(h), thicknesses, *changes).items():
            own = alone(um, *changes)
            ours, theirs = shared.transport.bracket, own.transport.bracket
            assert max(ours.lower_S, theirs.lower_S) <= min(ours.upper_S, theirs.upper_S), (h, um)
            difference = abs(shared.transport.asr_ohm_cm2 / own.transport.asr_ohm_cm2 - 1.0)
            assert difference <= theirs.relative_width
            differences.append(difference)
            expected = own.hot_spots["top"].p95_over_mean
            assert shared.hot_spots["top"].p95_over_mean == pytest.approx(expected, rel=0.05)
            assert shared.solver.grain_imbalance <= 1e-8
        worst.append(max(differences))
    assert worst[1] < worst[0] / 2


@pytest.mark.parametrize("asr", [0.0, 5.0])
def test_polycrystals_in_3d(tmp_path: Path, asr: float) -> None:
    changes = {"electrodes.asr_ohm_cm2": asr, "output.bracket": True}
    for um, shared in axis(tmp_path, [0.0, 1.0, 4.0], changes).items():
        own = alone(um, changes)
        ours, theirs = shared.transport.bracket, own.transport.bracket
        assert max(ours.lower_S, theirs.lower_S) <= min(ours.upper_S, theirs.upper_S), um
        assert shared.transport.asr_ohm_cm2 == pytest.approx(
            own.transport.asr_ohm_cm2, rel=theirs.relative_width
        )


@pytest.mark.parametrize("grains", [{}, FLAT], ids=["3D", "2D"])
def test_a_cut_mesh_is_a_mesh(grains: dict) -> None:
    """Volumes, planes and numbering of what is left are those of a mesh of that thickness."""
    planes = (0.25, 0.5, 4.0)
    mesh = build_mesh(recipe(case(grains, LAYERS), hl_planes_um=(planes, planes[1:]))).mesh
    area = float(np.prod(mesh.size_um[:-1]))
    for below, above in ((4.0, 4.0), (0.25, 4.0), (0.0, 0.5), (4.0, 0.0), (0.0, 0.0)):
        left = cut_slabs(mesh, (below, above)).mesh
        volume = volumes_um(left)
        assert (volume > 0).all()
        assert volume.sum() == pytest.approx(area * (mesh.size_um[-1] + below + above), rel=1e-10)
        assert left.z_electrodes == (-below, mesh.size_um[-1] + above)
        assert (left.points[:, -1].min(), left.points[:, -1].max()) == left.z_electrodes
        assert np.array_equal(np.unique(left.cells), np.arange(len(left.points)))
        assert left.slabs == tuple(s for s, um in (("bottom", below), ("top", above)) if um)
        in_slab = np.isin(left.kind, (CellKind.HL, CellKind.CONTACT))
        z = left.points[left.cells].mean(axis=1)[:, -1]
        for number, side in enumerate(left.slabs):
            cells = (z < 0) if side == "bottom" else (z > mesh.size_um[-1])
            assert (left.region[in_slab & cells] == left.n_grains + number).all()
        same = nested(mesh, (planes, planes[1:])).cut((below, above)).mesh
        assert np.array_equal(np.sort(volumes_um(same)), np.sort(volume))
        assert np.bincount(same.kind).tolist() == np.bincount(left.kind).tolist()
        electrolyte = ~np.isin(mesh.kind, (CellKind.HL, CellKind.CONTACT))
        assert (~in_slab).sum() == electrolyte.sum()


def test_what_is_left_of_a_nested_mesh_comes_first() -> None:
    planes = (0.25, 0.5, 4.0)
    nest = nested(build_mesh(recipe(case(LAYERS), hl_planes_um=(planes, planes))).mesh, (planes, planes))
    for um in planes:
        left, searched = nest.cut((um, um)), cut_slabs(nest.mesh, (um, um))
        assert left.cells == searched.cells == slice(len(left.mesh.cells))
        assert left.points == searched.points == slice(len(left.mesh.points))
        assert left.mesh.hash == searched.mesh.hash
        assert np.array_equal(left.mesh.points, searched.mesh.points)
        for covered, expected in zip(left.covered, searched.covered, strict=True):
            assert (covered is None and um == 4.0) or np.array_equal(covered, expected)
    assert isinstance(nest.cut((0.5, 4.0)).cells, np.ndarray)


def test_cells_across_a_plane_are_told_when_it_is_cut_at() -> None:
    mesh = build_mesh(recipe(case(LAYERS), hl_planes_um=((0.25, 4.0), (0.25, 4.0)))).mesh
    planes = (0.25, 2.0, 4.0)
    nest = nested(mesh, (planes, planes))
    assert nest.cut((0.25, 0.25)).mesh.z_electrodes == (-0.25, mesh.size_um[-1] + 0.25)
    with pytest.raises(MeshError, match="cells across"):
        nest.cut((2.0, 2.0))
