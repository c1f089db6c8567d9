"""The lower bound stays below the discrete minimum, and no further than it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brackets import ZERO, bracketed, bracketed_to_the_end, least_power

from gbflux.conduction import Resistance, top_electrode
from gbflux.conduction.bounds.bracket import ROUND_OFF
from gbflux.mesh import CellKind, Mesh
from small_cases import FLAT, LAYERS, TINY, solved

POLYCRYSTALS = {
    "2D": TINY,
    "2D HL": {**TINY, **LAYERS},
    "3D": {"mesh.size_um": 4.0, "mesh.electrode_size_um": 4.0},
}
POLYCRYSTALS["3D HL"] = {**POLYCRYSTALS["3D"], **LAYERS}
RATIOS = [100.0, 0.9, 1.0e-2, 5.0e-4, 1.0e-6]


def conductivities(mesh: Mesh, ratio: float) -> np.ndarray:
    """Grains 1, boundaries `ratio`, homogenizing layers 0.2, contacts 1e-3 S/m."""
    return np.array([1.0, 0.2, ratio, ratio, 1.0e-3])[mesh.kind]


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("case", POLYCRYSTALS)
def test_against_a_direct_solve(case: str, ratio: float) -> None:
    mesh = solved(POLYCRYSTALS[case]).snapshot.mesh
    sigma = conductivities(mesh, ratio)
    resistive = 0.0 if case.endswith("HL") else 2.0e-5
    found = bracketed(mesh, sigma, ZERO, top_electrode(0.1, Resistance(resistive)))
    least = least_power(mesh, sigma, (0.0, resistive))
    slack = 2.0 * ROUND_OFF * least + 1.0e-12 * least
    assert found.lower <= least <= found.lower + found.algebraic_error + slack
    assert found.algebraic_error <= max(0.01 * (found.upper - found.lower), ROUND_OFF * found.upper)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("grains", [{}, FLAT, LAYERS], ids=["3D", "2D", "3D HL"])
def test_against_a_tight_solve(grains: dict, ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = solved(grains).snapshot.mesh
    sigma = conductivities(mesh, ratio)
    found = bracketed(mesh, sigma)
    tight = bracketed_to_the_end(monkeypatch, mesh, sigma)
    assert tight.algebraic_error <= ROUND_OFF * tight.upper
    assert found.lower <= tight.lower + tight.algebraic_error + ROUND_OFF * tight.upper
    assert tight.lower <= found.lower + found.algebraic_error + ROUND_OFF * tight.upper
    assert found.iterations <= 25
    assert tight.iterations <= 80


@pytest.mark.parametrize("grains", [{}, FLAT], ids=["3D", "2D"])
def test_where_conductivities_scatter(grains: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousandfold from one boundary to the next, tenfold from grain to grain."""
    mesh = solved(grains).snapshot.mesh
    generator = np.random.default_rng(1)
    of_grain = np.exp(generator.normal(0.0, 1.0, mesh.n_grains))
    of_boundary = 1.0e-3 * np.exp(generator.normal(0.0, 3.0, len(mesh.boundaries)))
    sigma = np.where(mesh.region >= 0, of_grain[mesh.region], of_boundary[mesh.boundary])
    found = bracketed(mesh, sigma)
    tight = bracketed_to_the_end(monkeypatch, mesh, sigma)
    assert found.lower <= tight.lower + tight.algebraic_error
    assert tight.lower <= found.lower + found.algebraic_error + ROUND_OFF * tight.upper


def test_the_smoother_knows_the_layers() -> None:
    """Were its cells all called grains, it would take more iterations."""
    mesh = solved().snapshot.mesh
    sigma = conductivities(mesh, 5.0e-4)
    plain = bracketed(mesh_without_layers(mesh), sigma)
    found = bracketed(mesh, sigma)
    assert found.iterations < plain.iterations
    assert plain.lower <= found.lower + found.algebraic_error
    assert found.lower <= plain.lower + plain.algebraic_error


def mesh_without_layers(mesh: Mesh) -> Mesh:
    """The same cells, all said to be grains."""
    return replace(mesh, kind=np.full_like(mesh.kind, CellKind.GRAIN))
