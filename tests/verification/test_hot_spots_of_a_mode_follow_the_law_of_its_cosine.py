"""Current density 1 + a cos kx on an electrode: percentiles 1 − a cos πp, rms √(1 + a²/2), Gini 4a/π².

In 3D the mode is cos kx cos ky, of which the same numbers are known (see `closed_distributions`). There are
two ways to such a current here. One is a driving layer (see `lateral_modes`) over a slab that ends on an
electrode with or without a resistance R: a = a₀/(cosh kh + b sinh kh), b = R σ k. The other is a conductivity
f(x): φ is linear and J ∝ f, also on meshes that are irregular sideways. There a node is not the centre of
mass of its patch, and j_h at a node is right to first order alone. In rms and Gini errors of both signs
cancel; percentiles of one mesh keep a part of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from closed_distributions import Mode, named
from conduction_cases import solved
from lateral_modes import SWING, Sheet, driven, exact_mode
from orders import fitted_order

from gbflux.conduction import Fields
from gbflux.measure.hot_spots import hot_spots, mean_density
from gbflux.measure.planes import electrode_plane, electrolyte_end
from gbflux.mesh import CellKind, Mesh
from meshes_by_hand import Layer, stack

WIDTH_UM, HEIGHT_UM, SIGMA = 4.0, 1.0, 0.05
K = np.pi / WIDTH_UM
MODE = {dimension: Mode(K, dimension - 1) for dimension in (2, 3)}
ACROSS = {2: (16, 32, 64), 3: (8, 16, 24)}
SEEDS = {2: 8, 3: 1}
NAMES = ("p95_over_mean", "p99_over_mean", "rms_over_mean", "gini", "3_um", "at nodes inside", "at nodes")


def errors(mesh: Mesh, fields: Fields, a: float, plane: Callable = electrode_plane) -> np.ndarray:
    """Of the measures of `NAMES` at the top, the last two the largest of j_h at nodes."""
    facets, nodes = plane(mesh, fields, "top")
    mode = MODE[mesh.dimension]
    found, exact = named(hot_spots(facets, nodes, mesh.n_grains, 1.0)), mode.hot_spots(a)
    off = nodes.density / mean_density(facets, nodes) - 1.0 - a * mode.at(nodes.lateral)
    off, inside = np.abs(off), ((nodes.lateral > 0.0) & (nodes.lateral < WIDTH_UM)).all(axis=1)
    return np.array([*(found[name] - exact[name] for name in NAMES[:-2]), off[inside].max(), off.max()])


def orders(dimension: int, found: list[np.ndarray]) -> dict[str, float]:
    """Fitted to errors on the meshes of `ACROSS`, printed with the errors on the finest."""
    sizes = [1.0 / n for n in ACROSS[dimension]]
    fitted = [fitted_order(sizes, error) for error in np.abs(found).T]
    for name, order, error in zip(NAMES, fitted, found[-1], strict=True):
        print(f"measured: {name}: order {order:.2f}, error {error:.1e}")
    return dict(zip(NAMES, fitted, strict=True))


@pytest.mark.parametrize("b", [0.0, 1.0], ids=["ideal", "resistive"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_mode_through_a_slab(dimension: int, b: float) -> None:
    """On meshes that are even sideways j_h at nodes is right to second order, too, but for the rim in 3D."""
    k = K * np.sqrt(dimension - 1)
    a = SWING / (np.cosh(k * HEIGHT_UM) + b * np.sinh(k * HEIGHT_UM))
    found = []
    for n in ACROSS[dimension]:
        sheets = (Sheet(CellKind.GRAIN, HEIGHT_UM, SIGMA, n // 4),)
        case = driven(sheets, dimension, n, WIDTH_UM, (1,) * (dimension - 1), b / (SIGMA * k * 1.0e6))
        found.append(errors(case.mesh, case.solution.fields, a))
    order = orders(dimension, found)
    assert min(order[name] for name in NAMES[:4]) > 1.75
    assert order["3_um"] > (1.9 if dimension == 2 else 1.5)
    assert order["at nodes inside"] > 1.65
    assert np.abs(found[-1]).max() < (3.0e-4 if dimension == 2 else 4.0e-3)


@pytest.mark.parametrize("dimension", [2, 3])
def test_mode_where_the_electrolyte_ends(dimension: int) -> None:
    """On the face of a grain below a homogenizing layer, from the reactions of the grain's cells alone."""
    found = []
    for n in ACROSS[dimension]:
        sheets = (Sheet(CellKind.GRAIN, HEIGHT_UM, SIGMA, n // 4), Sheet(CellKind.HL, 2.0, SIGMA / 5, n // 2))
        case = driven(sheets, dimension, n, WIDTH_UM, (1,) * (dimension - 1))
        a = SWING * float(exact_mode(sheets, case.k, np.array([HEIGHT_UM]))[1][0])
        found.append(errors(case.mesh, case.solution.fields, a, electrolyte_end))
    order = orders(dimension, found)
    assert min(order[name] for name in (*NAMES[:4], "at nodes inside")) > 1.75
    assert np.abs(found[-1]).max() < (3.0e-4 if dimension == 2 else 4.0e-3)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_conductivity_that_varies_sideways(dimension: int, order: int) -> None:
    """On irregular meshes; errors are root mean squares over meshes in 2D."""
    found = []
    for n in ACROSS[dimension]:
        squares = [of_irregular(dimension, n, seed, order) ** 2 for seed in range(SEEDS[dimension])]
        found.append(np.sqrt(np.mean(squares, axis=0)))
    fitted = orders(dimension, found)
    assert min(fitted["rms_over_mean"], fitted["gini"]) > 1.85
    assert min(fitted["p95_over_mean"], fitted["p99_over_mean"], fitted["3_um"]) > 1.3
    assert fitted["at nodes"] > 0.75
    assert found[-1][:-2].max() < (7.0e-4 if dimension == 2 else 6.0e-3)


def of_irregular(dimension: int, intervals: int, seed: int, order: int) -> np.ndarray:
    """Errors of one mesh, of a mode with a = 1/2."""
    layers = [Layer(CellKind.GRAIN, HEIGHT_UM, intervals // 4)]
    mesh = stack(layers, dimension, intervals, WIDTH_UM, seed)
    centre = mesh.points[mesh.cells].mean(axis=1)[:, :-1]
    fields = solved(mesh, SIGMA * (1.0 + 0.5 * MODE[dimension].at(centre)), order=order).fields
    return errors(mesh, fields, 0.5)
