"""scikit-fem and pyamg, on the files that `gbflux mesh` writes, find what `gbflux run` finds.

Nothing of gbflux is used for it but those files and the case: no mesh records, no forms, no fluxes. σ_eff
agrees to 1e-8 and the current of every grain to 1e-6 of its own.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gbflux.cli.main import exit_code
from small_cases import FLAT, LAYERS, case_text

meshio = pytest.importorskip("meshio")
pyamg = pytest.importorskip("pyamg")
skfem = pytest.importorskip("skfem")
from skfem.helpers import dot, grad  # noqa: E402

CASES = {
    "2D": FLAT,
    "2D blocking": {**FLAT, "grain_boundary.conductivity_S_per_cm": 2.5e-8},
    "2D layers, scatter": {
        **FLAT,
        **LAYERS,
        "homogenizing_layer.contact_asr_ohm_cm2": 3.0,
        "grains.variation": {"sigma": 0.5},
        "grain_boundary.variation": {"sigma": 1.0},
    },
    "2D layer, resistive electrodes": {
        **FLAT,
        **LAYERS,
        "homogenizing_layer.sides": "top",
        "electrodes.asr_ohm_cm2": {"bottom": 5.0, "top": 0.5},
    },
    "3D": {},
    "3D layers, resistive electrode": {**LAYERS, "electrodes.asr_ohm_cm2": {"top": 2.0}},
}
TIGHT = {"solver.rtol": 1.0e-12, "output": {"figures": False, "fields": False}}
GROUPS = ("grains", "gb", "hl", "contact", "electrode_bottom", "electrode_top")


@dataclass(frozen=True)
class Exported:
    """What `gbflux mesh` wrote: points (µm), cells with group and tag, electrodes' facets, σ by tag (S/m)."""

    points: np.ndarray
    cells: np.ndarray
    group: np.ndarray
    tag: np.ndarray
    electrodes: tuple[np.ndarray, np.ndarray]
    sigma: dict[int, float]


def read(path: Path) -> Exported:
    """Read a .msh and its table of conductivities."""
    file = meshio.read(path)
    flat = "tetra" not in file.cells_dict
    solid, side = ("triangle", "line") if flat else ("tetra", "triangle")
    number = {name: int(file.field_data[name][0]) for name in GROUPS}
    facets, of_facet = file.cells_dict[side], file.cell_data_dict["gmsh:physical"][side]
    with path.with_name(f"{path.stem}_conductivities.csv").open(newline="") as stream:
        sigma = {
            int(row["tag"]): float(row["conductivity_S_per_cm"]) * 100.0 for row in csv.DictReader(stream)
        }
    physical = file.cell_data_dict["gmsh:physical"][solid]
    names = np.array([*GROUPS])[[list(number.values()).index(k) for k in physical]]
    return Exported(
        file.points[:, : 2 if flat else 3],
        file.cells_dict[solid],
        names,
        file.cell_data_dict["gmsh:geometrical"][solid],
        tuple(facets[of_facet == number[f"electrode_{end}"]] for end in ("bottom", "top")),
        sigma,
    )


@skfem.BilinearForm
def conduction(u, v, w):
    """∫ σ∇u·∇v."""
    return w["sigma"] * dot(grad(u), grad(v))


@skfem.BilinearForm
def exchange(u, v, w):
    """∫ uv on an electrode."""
    return u * v


def numbers_of(exported: Exported, volts: tuple, asr: tuple) -> tuple[float, np.ndarray]:
    """σ_eff of the electrolyte (S/cm), and each grain's current at its bottom and top (A; in 2D A/m).

    Lengths are in µm, so that a matrix is that in SI times 1e6^(d − 2). `asr` is in Ω m².
    """
    dimension = exported.points.shape[1]
    flat = dimension == 2
    mesh = (skfem.MeshTri if flat else skfem.MeshTet)(exported.points.T.copy(), exported.cells.T.copy())
    element, constant = (
        (skfem.ElementTriP1(), skfem.ElementTriP0()) if flat else (skfem.ElementTetP1(), skfem.ElementTetP0())
    )
    basis = skfem.Basis(mesh, element, intorder=1)
    cellwise = basis.with_element(constant)
    sigma = np.array([exported.sigma[tag] for tag in exported.tag.tolist()])
    electrolyte = np.isin(exported.group, ("grains", "gb"))

    def stiffness(values: np.ndarray):
        return conduction.assemble(basis, sigma=cellwise.interpolate(values))

    matrix = stiffness(sigma)
    full, load = matrix.copy(), np.zeros(basis.N)
    start, ideal = np.zeros(basis.N), []
    for facets, volt, resistance in zip(exported.electrodes, volts, asr, strict=True):
        if resistance == 0.0:
            start[facets] = volt
            ideal.append(np.unique(facets))
            continue
        order = {tuple(f): k for k, f in enumerate(np.sort(mesh.facets, axis=0).T.tolist())}
        chosen = np.array([order[tuple(f)] for f in np.sort(facets, axis=1).tolist()])
        per_um = 1.0e-6 / resistance
        edge = exchange.assemble(skfem.FacetBasis(mesh, element, facets=chosen)) * per_um
        full, load = full + edge, load + edge @ np.full(basis.N, volt)
    free = np.setdiff1d(np.arange(basis.N), np.concatenate([np.zeros(0, int), *ideal]))
    phi = start.copy()
    inner, rhs = full.tocsr()[free][:, free], (load - full @ start)[free]
    levels = pyamg.ruge_stuben_solver(inner.tocsr())
    for _ in range(5):  # of corrections: down to round-off
        phi[free] += levels.solve(rhs - inner @ phi[free], tol=1.0e-10, accel="cg", maxiter=200)
    assert np.linalg.norm(rhs - inner @ phi[free]) < 1.0e-12 * np.linalg.norm(rhs)

    unit = 1.0e-6 ** (dimension - 2)
    entering = matrix @ phi * unit
    inside = stiffness(np.where(electrolyte, sigma, 0.0)) @ phi * unit
    ends = [entering[np.unique(facets)].sum() for facets in exported.electrodes]
    current = (abs(ends[0]) + abs(ends[1])) / 2
    z = exported.points[:, -1]
    in_grain = exported.group == "grains"
    planes = z[exported.cells[in_grain]].min(), z[exported.cells[in_grain]].max()
    height, area = (planes[1] - planes[0]) * 1.0e-6, np.prod(np.ptp(exported.points[:, :-1], axis=0) * 1.0e-6)
    power = phi @ inside
    owner = np.zeros(len(z), int)
    owner[exported.cells[in_grain]] = exported.tag[in_grain, None]
    grains = np.zeros((2, exported.tag[in_grain].max()))
    for k, plane in enumerate(planes):
        on = np.flatnonzero((np.abs(z - plane) < 1.0e-9) & (owner > 0))
        of_plane = np.bincount(owner[on] - 1, inside[on], minlength=grains.shape[1])
        grains[k] = of_plane * np.sign(of_plane.sum())
    return current**2 * height / (area * power) / 100.0, grains


def assert_as_the_case_says(exported: Exported, changes: dict) -> None:
    """Assert the table's conductivities by hand, but for what scatters (S/cm; thickness in cm)."""
    layer, thickness = 1.0e-4, 5.0e-7
    contact = thickness / (changes.get("homogenizing_layer.contact_asr_ohm_cm2", 0.0) + thickness / layer)
    boundary = changes.get("grain_boundary.conductivity_S_per_cm", 2.5e-7)
    values = {"grains": 5.0e-4, "gb": boundary, "hl": layer, "contact": contact}
    scattered = {"grains": "grains.variation", "gb": "grain_boundary.variation"}
    for group in set(exported.group.tolist()):
        tags = set(exported.tag[exported.group == group].tolist())
        found = np.array([exported.sigma[tag] for tag in tags]) / 100.0
        if scattered.get(group) in changes:
            assert len(set(found)) == len(tags)
            assert np.log(found / values[group]).std() == pytest.approx(
                changes[scattered[group]]["sigma"], rel=0.5
            )
        else:
            assert found == pytest.approx(values[group], rel=1.0e-12)


def column(path: Path, name: str) -> np.ndarray:
    """A column of a CSV table."""
    with path.open(newline="") as stream:
        return np.array([float(row[name]) for row in csv.DictReader(stream)])


@pytest.mark.parametrize("name", CASES)
def test_on_the_exported_mesh(name: str, tmp_path: Path) -> None:
    case, folder = tmp_path / "case.yaml", tmp_path / "run"
    case.write_text(case_text(CASES[name], TIGHT))
    assert exit_code(["mesh", str(case), "-o", str(tmp_path / "mesh.msh")]) == 0
    assert exit_code(["run", str(case), "-o", str(folder)]) == 0
    asr = CASES[name].get("electrodes.asr_ohm_cm2", {})
    resistances = tuple(asr.get(side, 0.0) * 1.0e-4 for side in ("bottom", "top"))
    exported = read(tmp_path / "mesh.msh")
    assert_as_the_case_says(exported, CASES[name])
    sigma_eff, grains = numbers_of(exported, (0.0, 0.1), resistances)
    found = json.loads((folder / "result.json").read_text())["transport"]["sigma_eff_S_per_cm"]
    print(f"measured: σ_eff off by {abs(found / sigma_eff - 1.0):.1e}")
    assert found == pytest.approx(sigma_eff, rel=1.0e-8)
    unit = "A_per_m" if "2D" in name else "A"
    for k, side in enumerate(("bottom", "top")):
        current = column(folder / "grains.csv", f"current_{side}_{unit}")
        assert len(current) == grains.shape[1]
        exposed = current != 0.0
        assert exposed.sum() >= 3
        assert np.array_equal(exposed, grains[k] != 0.0)
        off = np.abs(current[exposed] / grains[k][exposed] - 1.0).max()
        print(f"measured: grains' currents off by {off:.1e}")
        assert current[exposed] == pytest.approx(grains[k][exposed], rel=1.0e-6)
