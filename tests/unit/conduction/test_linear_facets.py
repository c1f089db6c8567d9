"""Linear fluxes without sources in a cell, against their definition in the cell's own coordinates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gbflux.conduction.bounds.linear_facets import LinearFluxes, QuadraticPotential


def simplex(dimension: int, seed: int = 0, thickness: float = 1.0) -> np.ndarray:
    corners = np.random.default_rng(seed).random((1, dimension + 1, dimension)) + 2 * np.eye(
        dimension + 1, dimension
    )
    return corners * np.append(np.ones(dimension - 1), thickness)


def quadrature(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Points (by barycentric coordinates), weights and measure: exact to degree 2 on any simplex."""
    n = len(corners)
    nodes = [np.eye(n)[k] for k in range(n)] + [
        (np.eye(n)[a] + np.eye(n)[b]) / 2 for a, b in itertools.combinations(range(n), 2)
    ]
    # degree 2 from vertices and midpoints of edges: fit the weights to the monomials' integrals
    rows, integrals = [], []
    for a, b in itertools.combinations_with_replacement(range(n), 2):
        rows.append([x[a] * x[b] for x in nodes])
        integrals.append((2 if a == b else 1) / (n * (n + 1)))
    weights = np.linalg.solve(np.array(rows), np.array(integrals))
    sides = corners[1:] - corners[0]
    measure = np.sqrt(np.linalg.det(sides @ sides.T)) / np.prod(range(1, n))
    return np.array(nodes), weights, measure


def by_definition(corners: np.ndarray, sigma: float, potential: np.ndarray) -> float:
    """E_K(λ) with fields τ = Gx + g, tr G = 0, in the cell's coordinates."""
    d = corners.shape[1]
    centre, scale = corners.mean(axis=0), np.ptp(corners, axis=0)
    fields = [(np.zeros((d, d)), np.eye(d)[c]) for c in range(d)]
    for a, b in itertools.product(range(d), range(d)):
        if (a, b) != (d - 1, d - 1):
            matrix = np.zeros((d, d))
            matrix[a, b] = 1.0
            if a == b:
                matrix[-1, -1] = -1.0
            fields.append((matrix, np.zeros(d)))

    def values(x: np.ndarray) -> np.ndarray:
        return np.array([(x - centre) @ matrix.T + g for matrix, g in fields])

    nodes, weights, volume = quadrature(corners)
    at = values(nodes @ corners)
    products = np.einsum("jqa,kqa,q->jk", at, at, weights) * volume / sigma
    drive = np.zeros(len(fields))
    for facet in range(d + 1):
        side = np.delete(corners, facet, axis=0)
        nodes, weights, area = quadrature(side)
        normal = np.linalg.svd(side[1:] - side[0])[2][-1]
        normal *= -np.sign(normal @ (corners[facet] - side[0]))
        trace = nodes @ potential[d * facet : d * facet + d]
        drive += np.einsum("q,jqa,a,q->j", trace, values(nodes @ side), normal, weights) * area
    assert scale.min() > 0
    return float(drive @ np.linalg.solve(products, drive))


@pytest.mark.parametrize("thickness", [1.0, 1e-2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_powers_are_those_of_the_definition(dimension: int, thickness: float) -> None:
    rng = np.random.default_rng(3)
    for seed in range(4):
        corners = simplex(dimension, seed, thickness)[:, rng.permutation(dimension + 1)]  # of either sign
        potential = rng.random((1, dimension * (dimension + 1)))
        cells = LinearFluxes(corners, np.array([0.7]))
        expected = by_definition(corners[0], 0.7, potential[0])
        assert cells.mutual(potential, potential)[0] == pytest.approx(expected, rel=1e-8)
        assert potential[0] @ cells.matrices()[0] @ potential[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_linear_potential_drives_its_own_flux(dimension: int) -> None:
    corners, slope = simplex(dimension, 5), np.arange(1.0, dimension + 1)
    sides = corners[0, 1:] - corners[0, 0]
    volume = abs(np.linalg.det(sides)) / np.prod(range(1, dimension + 1))
    phi = QuadraticPotential(corners @ slope, {})
    cells = LinearFluxes(corners, np.array([2.0]))
    linear = phi.at_facets()
    assert cells.mutual(linear, linear)[0] == pytest.approx(2.0 * slope @ slope * volume, rel=1e-12)
    assert cells.distances(phi.at_facets(), phi.gradient())[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("dimension", [2, 3])
def test_facets_take_the_linear_part_of_quadratic_potentials(dimension: int) -> None:
    """φ = x² + …: what is left is orthogonal to linear functions, and has the mean square given."""
    corners = simplex(dimension, 7)
    pairs = list(itertools.combinations(range(dimension + 1), 2))

    def f(x: np.ndarray) -> np.ndarray:
        return x[..., 0] ** 2 - 3 * x[..., 0] * x[..., -1] + x[..., -1]

    phi = QuadraticPotential(f(corners), {(a, b): f((corners[:, a] + corners[:, b]) / 2) for a, b in pairs})
    rng = np.random.default_rng(0)
    for facet in range(dimension + 1):
        side = np.delete(corners[0], facet, axis=0)
        weight = rng.dirichlet(np.ones(dimension), 400_000)  # even over the facet
        off = f(weight @ side) - weight @ phi.at_facets()[0, dimension * facet : dimension * (facet + 1)]
        assert np.abs(off @ weight / len(off)).max() < 5e-3 * np.abs(off).max()
        assert phi.beyond_linear(facet)[0] == pytest.approx(np.mean(off**2), rel=0.02)
