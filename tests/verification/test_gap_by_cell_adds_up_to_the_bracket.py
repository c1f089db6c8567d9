"""What cells contribute to the gap is never negative and adds up to upper − lower, where both are minima."""

from __future__ import annotations

import numpy as np
import pytest
from brackets import bracketed_to_the_end, checkerboard, straight_box

from gbflux.conduction import Resistance, bottom_electrode, top_electrode
from gbflux.conduction.materials import conductivities
from gbflux.mesh import CellKind, Mesh, build_mesh, recipe
from small_cases import FLAT, LAYERS, case

PROBLEMS = {"2D": (FLAT, LAYERS), "3D": (LAYERS,)}


def polycrystal(dimension: str) -> tuple[Mesh, np.ndarray]:
    chosen = case(*PROBLEMS[dimension])
    mesh = build_mesh(recipe(chosen)).mesh
    return mesh, conductivities(mesh, chosen)


@pytest.mark.parametrize("dimension", ["2D", "3D"])
@pytest.mark.parametrize(("asr", "order"), [(0.0, 1), (1.0e-4, 1), (0.0, 2), (1.0e-4, 2)])
def test_of_a_polycrystal(monkeypatch: pytest.MonkeyPatch, dimension: str, asr: float, order: int) -> None:
    mesh, sigma = polycrystal(dimension)
    electrodes = bottom_electrode(0.0, Resistance(asr)), top_electrode(0.1, Resistance(2 * asr))
    found = bracketed_to_the_end(monkeypatch, mesh, sigma, *electrodes, order=order)
    width = found.upper - found.lower
    assert found.gap.shape == (len(mesh.cells),)
    assert found.gap.min() >= -1e-12 * width
    assert found.gap.sum() == pytest.approx(width, rel=1e-6)


def test_electrode_terms_count(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = straight_box(6)
    sigma = checkerboard(mesh, 1.0, 0.1)
    electrodes = bottom_electrode(0.0, Resistance(3.0e-7)), top_electrode(0.1, Resistance(3.0e-7))
    found = bracketed_to_the_end(monkeypatch, mesh, sigma, *electrodes)
    assert found.gap.sum() == pytest.approx(found.upper - found.lower, rel=1e-8)


def test_most_of_it_is_in_layers_and_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, sigma = polycrystal("2D")
    found = bracketed_to_the_end(monkeypatch, mesh, sigma)
    layer = np.isin(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION, CellKind.CONTACT))
    touching = np.isin(mesh.cells, np.unique(mesh.cells[layer])).any(axis=1)
    assert found.gap[touching].sum() > 0.6 * found.gap.sum()
